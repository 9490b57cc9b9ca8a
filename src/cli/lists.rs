//! The commands that look at lists and change nothing.

use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;

use super::{
    REFUSED, check_names, check_set_names, guards, load_request, protecting, request, table_key,
    tables, to_stdout, usage, warn_if_unprotected,
};
use crate::cli::args::{ListOptions, LoadOptions, PrintOptions};
use crate::ip::PerFamily;
use crate::ip::range::{RangeSet, RangeSets};
use crate::list::Entry;
use crate::load::host::Host;
use crate::load::report::{self, Failure, Remarks};
use crate::load::state;
use crate::output::print::{self, Names, Printed};
use crate::policy::desired::DesiredState;
use crate::policy::exclusions::Exclusions;
use crate::status::ListStatus;
use crate::words::{Count, Grouped, Noun};

/// Says what `load` would do.
pub fn check(options: &LoadOptions, host: Host) -> Result<ExitCode, Failure> {
    check_names(options);
    warn_if_unprotected(&options.lists);
    let wanted = report::read(
        &load_request(options),
        protecting(host, &options.lists).as_ref(),
        &mut Remarks::default(),
    )?;
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
    let PerFamily { v4, v6 } = wanted.networks;
    let would = if refused { "would not load" } else { "would load" };
    let networks = Count(v4 + v6, Noun::Network);
    report += &format!("{would} {networks} (v4 {}, v6 {})", Grouped(v4.into()), Grouped(v6.into()));
    let widening = wanted.added.v4.saturating_add(wanted.added.v6);
    if widening > 0 {
        report += &format!(", {} addresses added by widening", Grouped(widening));
    }
    report += "\n";
    report += &compared(options, &wanted.sets);
    to_stdout(|out| out.write_all(report.as_bytes()))?;
    Ok(if refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

/// What is new and what is gone against what the kernel has in force.
fn compared(options: &LoadOptions, wanted: &RangeSets) -> String {
    let held = match tables::all_in_force(&options.names) {
        Ok(held) => held,
        Err(reason) => return format!("against what is in force: not known, {reason}\n"),
    };
    let (new, gone) = (wanted.subtract(&held), held.subtract(wanted));
    let mut report = format!(
        "against what is in force: +{} -{}\n",
        Grouped(new.network_count().into()),
        Grouped(gone.network_count().into())
    );
    if options.verbosity.verbose > 0 {
        for (sign, sets) in [('+', new), ('-', gone)] {
            for network in sets.networks() {
                report += &format!("{sign} {network}\n");
            }
        }
    }
    report
}

/// The lists one by one, and what of them is allowed or protected.
fn report(wanted: &DesiredState) -> String {
    let mut report = String::new();
    for list in &wanted.report.summaries {
        report += &format!("{}\n", ListStatus::from(list));
    }
    let Exclusions { allowed, protected } = &wanted.cut;
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
pub fn print(options: &PrintOptions, host: Host) -> Result<ExitCode, Failure> {
    check_set_names(&options.names);
    if options.format == print::Format::Map && io::stdout().is_terminal() {
        usage("a map is a picture and not for a terminal; write it to a file: > map.png");
    }
    if options.format == print::Format::Ipset {
        for name in [&options.names.set4, &options.names.set6] {
            if name.as_str().len() > print::IPSET_MAX_NAME {
                let most = print::IPSET_MAX_NAME;
                usage(&format!("{name} is too long for ipset, which leaves {most} bytes for it"));
            }
        }
    }
    let wanted = read(&options.lists, host)?;
    if options.format == print::Format::Map && wanted.networks.v6 > 0 {
        let left_out = Count(wanted.networks.v6, Noun::Network);
        log::info!("a map shows IPv4 only; left out of IPv6: {left_out}");
    }
    let names = &options.names;
    let printed = Printed {
        sets: &wanted.sets,
        allowed: &wanted.allowed.sets,
        protected: wanted.protected.sets(),
        names: Names { table: &names.table, set4: &names.set4, set6: &names.set6 },
    };
    to_stdout(|out| print::write(options.format, &printed, out))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the lists whatever any guard thinks, and names the rejected lines.
pub(super) fn read(lists: &ListOptions, host: Host) -> Result<DesiredState, Failure> {
    report::read(&request(lists), protecting(host, lists).as_ref(), &mut Remarks::default())
}
