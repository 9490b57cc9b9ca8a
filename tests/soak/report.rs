//! The report: docs/SOAK.md.

use std::fmt::Display;

use kit::{program, run};
use netfilterd::words::Grouped;

use crate::arguments::Arguments;
use crate::growth::{FIGURES, median};
use crate::host::Host;
use crate::lists::NETWORKS;
use crate::packets::Verdict;
use crate::wire::ROUND;

/// So many faults are named; all were written to standard error when they were found.
const MOST_NAMED: usize = 20;

/// A host, and what became of its packets.
pub type Judged = (Host, Verdict);

pub fn report(hosts: &[Judged], slab: &[u64], arguments: &Arguments, faults: &[String]) -> String {
    let mut text = introduction(arguments);
    text += &format!("**{}**\n\n", verdict(faults));
    for fault in faults.iter().take(MOST_NAMED) {
        text += &format!("* {fault}\n");
    }
    if !faults.is_empty() {
        text += "\n";
    }
    text += &done(hosts);
    text += &packets(hosts);
    text += &growth(hosts);
    let third = slab.len() / 3;
    let mebibytes = |part: &[u64]| median(part.to_vec()).unwrap_or_default() >> 20;
    text += &format!(
        "The kernel's slab, of the whole machine and whatever else ran on it: {} → {} MiB.\n",
        grouped(mebibytes(&slab[third..2 * third])),
        grouped(mebibytes(&slab[2 * third..]))
    );
    text
}

fn introduction(arguments: &Arguments) -> String {
    let version = run(std::process::Command::new(program()).arg("--version")).stdout();
    let kernel = nix::sys::utsname::uname().expect("the kernel says what it is");
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "# Soak\n\n\
         Written by `make soak`. For {} min four daemons ({}, Linux {}, {processors} processors) had \
         lists of some {} networks of both families that changed all the time, while another program \
         changed their tables, and while packets came every {} ms: from sources that all versions of a \
         list have, from others that none has, and from the host's gateway, which is listed and \
         protected. What happened at random followed from the seed {}.\n\n",
        arguments.minutes.as_secs_f64() / 60.0,
        version.trim(),
        kernel.release().to_string_lossy(),
        grouped(NETWORKS.into()),
        ROUND.as_millis(),
        arguments.seed
    )
}

fn verdict(faults: &[String]) -> String {
    match faults {
        [] => "No packet was misjudged, no line of the logs was unexpected, nothing grew, no set was \
               left over, all ended with the exit status that they should, and the metrics say what \
               was done."
            .to_string(),
        [_] => "One fault:".to_string(),
        faults => format!("{} faults:", faults.len()),
    }
}

fn done(hosts: &[Judged]) -> String {
    table(
        "what was done, how often",
        hosts,
        &[
            ("loads", &|(host, _)| grouped(host.done.tally.loads)),
            ("a few entries", &|(host, _)| grouped(host.done.few)),
            ("complete", &|(host, _)| grouped(host.done.complete)),
            ("with entries that expire", &|(host, _)| grouped(host.done.expiring)),
            ("entries that expired in time", &|(host, _)| grouped(host.done.expired)),
            ("lists refused", &|(host, _)| grouped(host.done.tally.refusals)),
            ("lists that could not be read", &|(host, _)| grouped(host.done.tally.failures)),
            ("repairs", &|(host, _)| grouped(host.done.tally.repairs)),
        ],
    )
}

fn packets(hosts: &[Judged]) -> String {
    table(
        "packets",
        hosts,
        &[
            ("from listed sources", &|(_, verdict)| grouped(verdict.listed.came)),
            ("of these misjudged: passed", &|(_, verdict)| grouped(verdict.listed.misjudged)),
            ("from unlisted sources", &|(_, verdict)| grouped(verdict.unlisted.came)),
            ("of these misjudged: dropped", &|(_, verdict)| grouped(verdict.unlisted.misjudged)),
            ("from protected sources", &|(_, verdict)| grouped(verdict.protected.came)),
            ("of these misjudged: dropped", &|(_, verdict)| grouped(verdict.protected.misjudged)),
            ("from listed sources, until repaired", &|(_, verdict)| {
                grouped(verdict.repairing.came)
            }),
            ("of these passed", &|(_, verdict)| grouped(verdict.repairing.misjudged)),
            ("lost on the wire, before all rules", &|(_, verdict)| grouped(verdict.lost)),
        ],
    )
}

fn growth(hosts: &[Judged]) -> String {
    let medians: Vec<_> = FIGURES
        .iter()
        .map(|figure| {
            let cell = move |(host, _): &Judged| match figure.medians(&host.samples) {
                Some([middle, last]) => format!("{} → {}", grouped(middle), grouped(last)),
                None => "–".to_string(),
            };
            (figure.name, cell)
        })
        .collect();
    let looks = |(host, _): &Judged| host.samples.len().to_string();
    let mut rows: Vec<Row> = medians.iter().map(|(name, cell)| (*name, cell as _)).collect();
    rows.push(("looks", &looks));
    table("medians of the second third → the last", hosts, &rows)
}

/// What stands in front, and the cell of each host.
type Row<'a> = (&'static str, &'a dyn Fn(&Judged) -> String);

fn table(head: &str, hosts: &[Judged], rows: &[Row]) -> String {
    let titles = hosts.iter().map(|(host, _)| host.kind.title().to_string());
    let mut text = line(head, titles) + "| --- |" + &" ---: |".repeat(hosts.len()) + "\n";
    for (name, cell) in rows {
        text += &line(name, hosts.iter().map(cell));
    }
    text + "\n"
}

fn line(name: impl Display, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!(" {cell} |")).collect();
    format!("| {name} |{cells}\n")
}

fn grouped(number: u64) -> String {
    Grouped(number.into()).to_string()
}
