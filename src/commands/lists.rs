//! The commands that look at lists and change nothing.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::IpAddr;
use std::process::ExitCode;

use super::{
    REFUSED, check_names, check_set_names, guards, host, load_request, request, table_key,
    to_stdout, usage, warn_if_unprotected,
};
use crate::cli::{ListOptions, LoadOptions, PrintOptions, TestOptions};
use crate::cut::Cut;
use crate::list::Entry;
use crate::load::{self, Failure};
use crate::print::{self, Names};
use crate::range::{RangeSet, RangeSets};
use crate::state;
use crate::status::ListStatus;
use crate::wanted::{Origin, Wanted};
use crate::words::{Count, Grouped, Noun};

/// `test`: not every address is dropped.
const NOT_DROPPED: u8 = 1;

/// Says what `load` would do.
pub fn check(options: &LoadOptions) -> Result<ExitCode, Failure> {
    check_names(options);
    warn_if_unprotected(&options.lists);
    let wanted = load::read(&load_request(options), host(&options.lists).as_ref())?;
    let in_force = state::File::new(&options.state_file, table_key(&options.names)).networks();
    let mut report = report(&wanted);
    let mut refused = false;
    for verdict in guards(options).verdicts(&wanted.figures(in_force)) {
        let answer = match &verdict.refusal {
            None => "passes",
            Some(refusal) if options.force && refusal.can_be_forced() => "overridden by --force",
            Some(refusal) => {
                log::error!("{}", refusal.about(&wanted.subject()));
                refused = true;
                "refused"
            }
        };
        report += &format!("guard {}: {answer}\n", verdict.guard);
    }
    let (v4, v6) = (wanted.networks4, wanted.networks6);
    let would = if refused { "would not load" } else { "would load" };
    let networks = Count(v4 + v6, Noun::Network);
    report += &format!("{would} {networks} (v4 {}, v6 {})", Grouped(v4.into()), Grouped(v6.into()));
    let widening = wanted.added4.saturating_add(wanted.added6);
    if widening > 0 {
        report += &format!(", {} addresses added by widening", Grouped(widening));
    }
    report += "\n";
    to_stdout(|out| out.write_all(report.as_bytes()))?;
    Ok(if refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

/// The lists one by one, and what of them is allowed or protected.
fn report(wanted: &Wanted) -> String {
    let mut report = String::new();
    for list in &wanted.contents.summaries {
        report += &format!("{}\n", ListStatus::from(list));
    }
    let Cut { allowed, protected } = &wanted.cut;
    for list in &wanted.allowed.summaries {
        report += &format!("allowed: {}\n", ListStatus::from(list));
    }
    for item in wanted.protected.items() {
        let item_set = set_of(item.entry());
        let cut = Count(protected.intersect(&item_set).network_count(), Noun::Network);
        report += &format!("protected: {item}: {cut} cut\n");
    }
    if !wanted.allowed.summaries.is_empty() {
        report += &format!("cut as allowed: {}\n", Count(allowed.network_count(), Noun::Network));
    }
    if !wanted.protected.items().is_empty() {
        let cut = Count(protected.network_count(), Noun::Network);
        report += &format!("cut as protected: {cut}\n");
    }
    report
}

fn set_of(entry: Entry) -> RangeSets {
    let mut sets = RangeSets::default();
    match entry {
        Entry::V4(range) => sets.v4 = RangeSet::from_ranges(vec![range]),
        Entry::V6(range) => sets.v6 = RangeSet::from_ranges(vec![range]),
    }
    sets
}

/// Writes the merged result.
pub fn print(options: &PrintOptions) -> Result<ExitCode, Failure> {
    check_set_names(&options.names);
    if options.format == print::Format::Ipset {
        for name in [&options.names.set4, &options.names.set6] {
            if name.as_str().len() > print::IPSET_MAX_NAME {
                let most = print::IPSET_MAX_NAME;
                usage(&format!("{name} is too long for ipset, which leaves {most} bytes for it"));
            }
        }
    }
    let wanted = read(&options.lists)?;
    let names =
        Names { table: &options.names.table, set4: &options.names.set4, set6: &options.names.set6 };
    to_stdout(|out| print::write(options.format, &wanted.sets, &names, out))?;
    Ok(ExitCode::SUCCESS)
}

/// Says of addresses whether they are dropped, and why or why not.
pub fn test(options: &TestOptions) -> Result<ExitCode, Failure> {
    let wanted = read(&options.lists)?;
    // An IPv4-mapped address is the IPv4 one, as in a list.
    let addresses: Vec<IpAddr> = options.addresses.iter().map(IpAddr::to_canonical).collect();
    let spared: Vec<Option<String>> =
        addresses.iter().map(|&address| why_spared(&wanted, address)).collect();
    let mut answers: Vec<String> = addresses.iter().map(|_| String::new()).collect();
    wanted.trace(&addresses, |address, origin| {
        let asked = addresses.iter().zip(&spared).zip(&mut answers);
        for ((_, spared), answer) in asked.filter(|((asked, _), _)| **asked == address) {
            // Writing to a string does not fail.
            let _ = writeln!(answer, "{address}: {}", answer_of(&origin, spared.as_deref()));
        }
    });
    let all = addresses.iter().all(|&address| wanted.sets.contains(address));
    to_stdout(|out| {
        for (address, answer) in addresses.iter().zip(&answers) {
            match answer.as_str() {
                "" => writeln!(out, "{address}: not dropped")?,
                answer => out.write_all(answer.as_bytes())?,
            }
        }
        Ok(())
    })?;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_DROPPED) })
}

/// Why an address is not dropped whatever the lists say.
fn why_spared(wanted: &Wanted, address: IpAddr) -> Option<String> {
    if let Some(item) = wanted.protected.of(address) {
        return Some(format!("protected: {item}"));
    }
    wanted.allowed.by(address).map(|entry| format!("allowed by {entry}"))
}

fn answer_of(origin: &Origin<'_>, spared: Option<&str>) -> String {
    match spared {
        _ if origin.set_aside => format!("not dropped, {origin} is too wide and set aside"),
        Some(why) => format!("not dropped, {why}; listed by {origin}"),
        None => format!("dropped by {origin}"),
    }
}

/// Reads the lists whatever any guard thinks, and names the rejected lines.
fn read(lists: &ListOptions) -> Result<Wanted, Failure> {
    load::read(&request(lists), host(lists).as_ref())
}
