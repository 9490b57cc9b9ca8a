//! `check`: reads the lists and asks the guards as `load` does, and changes nothing.

use std::io::Write;
use std::process::ExitCode;

use super::args::LoadOptions;
use super::out::to_stdout;
use super::terminal::Terminal;
use super::{kernel, settings};
use crate::error::{Error, REFUSED};
use crate::ip::PerFamily;
use crate::ip::RangeSets;
use crate::load::remarks::Remarks;
use crate::load::{Host, pipeline, state};
use crate::nftables::layout::expected::Expected;
use crate::policy::desired::DesiredState;
use crate::policy::exclusions::Exclusions;
use crate::policy::matches::set_of;
use crate::policy::refusal::Process;
use crate::policy::remembered;
use crate::status::ListStatus;
use crate::words::{Count, Grouped, Noun};

/// Prints what `load` would do.
pub fn run(options: &LoadOptions, host: Host, terminal: &Terminal) -> Result<ExitCode, Error> {
    settings::check_names(options);
    settings::check_interfaces(options);
    settings::warn_if_unprotected(&options.lists);
    let mut host = settings::protecting(host.only_on(&options.interface), &options.lists);
    let request = settings::load_request(options);
    let desired = pipeline::read(&request, host.as_mut(), &mut Remarks::default(), terminal)?;
    let key = settings::table_key(&options.names);
    let recalled = state::File::new(&options.state_file, key).recall(|_| true);
    let guards = settings::guards(options);
    let figures = remembered::figures(&desired, recalled.past(), &guards, true);
    let mut report = report(&desired);
    let mut refused = false;
    for verdict in guards.verdicts(&figures) {
        let answer = match &verdict.refusal {
            None => "passes",
            Some(refusal) if options.force && refusal.can_be_forced() => "overridden by --force",
            Some(refusal) => {
                log::error!("{}", refusal.sentence(&desired.subject(), Process::Starting));
                refused = true;
                "refused"
            }
        };
        report += &format!("guard {}: {answer}\n", verdict.guard);
    }
    let PerFamily { v4, v6 } = desired.networks;
    let would = if refused { "would not load" } else { "would load" };
    let networks = Count(v4 + v6, Noun::Network);
    report += &format!("{would} {networks} (v4 {}, v6 {})", Grouped(v4.into()), Grouped(v6.into()));
    let widening = desired.added_by_widening;
    if widening > 0 {
        report += &format!(", {} addresses added by widening", Grouped(widening));
    }
    report += "\n";
    if options.verbosity.verbose > 0 {
        report += &layout(options, &desired.sets);
    }
    report += &compared(options, &desired.sets);
    // Standard output may be the terminal that shows the progress.
    terminal.clear();
    to_stdout(|out| out.write_all(report.as_bytes()))?;
    Ok(if refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

/// The networks that a load would add and remove, compared with what the kernel has in force.
fn compared(options: &LoadOptions, desired: &RangeSets) -> String {
    let held = match kernel::all_in_force(&options.names) {
        Ok(held) => held,
        Err(reason) => return format!("compared with what is in force: not known, {reason}\n"),
    };
    let (added, removed) = (desired.subtract(&held), held.subtract(desired));
    let mut report = format!(
        "compared with what is in force: +{} -{}\n",
        Grouped(added.network_count().into()),
        Grouped(removed.network_count().into())
    );
    if options.verbosity.verbose > 0 {
        for (sign, sets) in [('+', added), ('-', removed)] {
            for network in sets.networks() {
                report += &format!("{sign} {network}\n");
            }
        }
    }
    report
}

/// The layout of each family, what it is expected to cost, and why it is chosen.
fn layout(options: &LoadOptions, sets: &RangeSets) -> String {
    if !options.names.tables.is_managed() {
        return "layout: interval, as in every table of your own\n".into();
    }
    let v4 = Expected::of(&sets.v4, options.layout);
    let v6 = Expected::of(&sets.v6, options.layout);
    format!("layout of IPv4: {v4}\nlayout of IPv6: {v6}\n")
}

/// What each list holds, and what is excluded because it is allowed or protected.
fn report(desired: &DesiredState) -> String {
    let mut report = String::new();
    for list in &desired.lists.summaries {
        report += &format!("{}\n", ListStatus::from(list));
    }
    let Exclusions { allowed, protected, .. } = &desired.exclusions;
    for list in &desired.allowed.summaries {
        report += &format!("allowed: {}\n", ListStatus::from(list));
    }
    for item in desired.protected.items() {
        let item_set = set_of(item.entry());
        let excluded = Count(protected.intersect(&item_set).network_count(), Noun::Network);
        report += &format!("protected: {item}: {excluded} excluded\n");
    }
    if !desired.allowed.summaries.is_empty() {
        let excluded = Count(allowed.network_count(), Noun::Network);
        report += &format!("excluded as allowed: {excluded}\n");
    }
    if !desired.protected.items().is_empty() {
        let excluded = Count(desired.exclusions.protected_networks(), Noun::Network);
        report += &format!("excluded as protected: {excluded}\n");
        report += &cut_off(desired);
    }
    report
}

/// The networks of the host that the lists cut off, or would cut off if they were not protected.
fn cut_off(desired: &DesiredState) -> String {
    let networks = desired.cut_off();
    if networks.is_empty() {
        return "cut off: no network of this host\n".into();
    }
    networks.iter().map(|network| format!("{network}\n")).collect()
}
