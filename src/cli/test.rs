//! `test`: whether an address is dropped, by which entries, and whether the kernel has it in force.

use std::ffi::CString;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use serde::Serialize;

use super::args::TestOptions;
use super::kernel::{self, Kernel};
use super::out::to_stdout;
use super::settings;
use crate::error::Error;
use crate::ip::{Address, Families, RangeSet};
use crate::list::Summary;
use crate::load::Host;
use crate::policy::connected::{HostNetwork, Networks};
use crate::policy::desired::DesiredState;
use crate::policy::origin::Origin;
use crate::progress::Unseen;

/// The exit status if at least one address is not dropped.
const NOT_DROPPED: u8 = 1;

/// The answer for one address. The names of the fields are the keys of `--json`.
#[derive(Serialize)]
struct Answer {
    address: IpAddr,
    /// Whether the lists have it dropped.
    dropped: bool,
    /// The network or range of the merged result that holds it.
    range: Option<String>,
    /// The exceptions of lists that hold it.
    exceptions: Vec<String>,
    /// Why it is not dropped although it is listed.
    spared: Option<String>,
    /// The entries that hold it.
    entries: Vec<Named>,
    /// Whether the kernel has it in force.
    kernel: Kernel,
    /// The table that has it, or was asked, as text for people.
    #[serde(skip)]
    tables: String,
    /// The interfaces on which its packets are dropped, if it is in force on some only.
    #[serde(skip_serializing_if = "Option::is_none")]
    interfaces: Option<Vec<String>>,
}

/// An entry that holds an address.
#[derive(Serialize)]
struct Named {
    entry: String,
    list: String,
    line: u64,
    /// The format of the list, and the sets that were taken of it.
    format: String,
    sets: Vec<String>,
    widened: bool,
    too_wide: bool,
    /// Whether an exception of the same list holds the address.
    excepted: bool,
    until: Option<String>,
    /// Whether `until` has passed.
    #[serde(rename = "ended")]
    expired: bool,
    /// The entry with its place, as text for people.
    #[serde(skip)]
    shown: String,
}

/// Prints whether addresses are dropped, and why or why not.
pub fn run(options: &TestOptions, host: Host) -> Result<ExitCode, Error> {
    // Only of these interfaces the connected networks are protected.
    let interfaces = kernel::names_of_interfaces(&options.names).unwrap_or_default();
    let interfaces: Vec<CString> =
        interfaces.into_iter().filter_map(|name| CString::new(name).ok()).collect();
    let desired =
        settings::read(&options.lists, Families::BOTH, host.only_on(&interfaces), &Unseen)?;
    // An IPv4-mapped address is the IPv4 one, as in a list.
    let addresses: Vec<IpAddr> = options.addresses.iter().map(IpAddr::to_canonical).collect();
    let interfaces = kernel::interfaces(&options.names);
    let answer = |address| {
        let (kernel, tables) = kernel::in_force(&options.names, address);
        let interfaces = interfaces.clone().filter(|_| matches!(kernel, Kernel::InForce));
        Answer {
            address,
            dropped: desired.sets.contains(address),
            range: range_of(&desired, address),
            exceptions: desired.excepting(address).iter().map(ToString::to_string).collect(),
            spared: why_spared(&desired, address),
            entries: Vec::new(),
            kernel,
            tables,
            interfaces,
        }
    };
    let mut answers: Vec<Answer> = addresses.iter().copied().map(answer).collect();
    desired.trace(&addresses, |address, origin| {
        for answer in answers.iter_mut().filter(|answer| answer.address == address) {
            answer.entries.push(Named::from(origin));
        }
    });
    let all = answers.iter().all(|answer| answer.dropped);
    to_stdout(|out| match options.json {
        true => {
            serde_json::to_writer_pretty(&mut *out, &answers)?;
            writeln!(out)
        }
        false => answers.iter().try_for_each(|answer| answer.write(out)),
    })?;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_DROPPED) })
}

impl From<Origin<'_>> for Named {
    fn from(origin: Origin<'_>) -> Self {
        Named {
            entry: origin.entry.to_string(),
            list: origin.list.to_string(),
            line: origin.line,
            format: origin.summary.format.clone(),
            sets: origin.summary.sets.clone(),
            widened: origin.is_widened(),
            too_wide: origin.ignored,
            excepted: origin.excepted,
            until: origin.end.map(|end| end.to_string()),
            expired: origin.expired,
            shown: shown(&origin),
        }
    }
}

/// The entry with its place, and with the format of its list if that is not plain.
fn shown(origin: &Origin<'_>) -> String {
    let Summary { format, sets, .. } = origin.summary;
    match &sets[..] {
        [] if format == "plain" => origin.to_string(),
        [] => format!("{origin} of format {format}"),
        sets => format!("{origin} of format {format}, set {}", sets.join(", ")),
    }
}

impl Answer {
    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Answer { address, dropped, tables, .. } = self;
        for entry in &self.entries {
            let shown = &entry.shown;
            match &self.spared {
                _ if entry.too_wide => {
                    writeln!(out, "{address}: not dropped, {shown} is ignored (too wide)")?;
                }
                _ if entry.excepted => writeln!(
                    out,
                    "{address}: not dropped by {shown}, which has the exception {}",
                    self.exceptions.join(", ")
                )?,
                _ if entry.expired => writeln!(out, "{address}: not dropped, {shown} has expired")?,
                Some(why) => writeln!(out, "{address}: not dropped, {why}; listed by {shown}")?,
                None => writeln!(out, "{address}: dropped by {shown}")?,
            }
        }
        if self.entries.is_empty() {
            writeln!(out, "{address}: not dropped")?;
        }
        if let Some(range) = &self.range {
            writeln!(out, "{address}: within {range} after merging")?;
        }
        match (&self.kernel, dropped) {
            (Kernel::InForce, true) => match &self.interfaces {
                None => writeln!(out, "{address}: in force in {tables}"),
                Some(interfaces) if interfaces.is_empty() => {
                    writeln!(out, "{address}: in force in {tables} on no interface")
                }
                Some(interfaces) => writeln!(
                    out,
                    "{address}: in force in {tables} on these interfaces only: {}",
                    interfaces.join(", ")
                ),
            },
            (Kernel::InForce, false) => {
                writeln!(out, "{address}: still in force in {tables}; load again to let it pass")
            }
            (Kernel::NotInForce, true) => writeln!(
                out,
                "{address}: not in force in {tables}; the lists have changed since the last \
                 load, or a load failed: load again"
            ),
            (Kernel::NothingInForce, true) => {
                writeln!(
                    out,
                    "{address}: not in force, because no rule of {tables} looks it up; load \
                     the lists first"
                )
            }
            (Kernel::NotInForce | Kernel::NothingInForce, false) => Ok(()),
            (Kernel::Unknown(reason), _) => {
                writeln!(out, "{address}: cannot determine whether it is in force: {reason}")
            }
        }
    }
}

fn range_of(desired: &DesiredState, address: IpAddr) -> Option<String> {
    fn find<A: Address>(set: &RangeSet<A>, address: A) -> Option<String> {
        set.find(address).map(|range| range.network_or_range().to_string())
    }
    match address {
        IpAddr::V4(address) => find(&desired.sets.v4, address.into()),
        IpAddr::V6(address) => find(&desired.sets.v6, address.into()),
    }
}

/// What protects or allows an address, so that it is not dropped even if it is listed.
fn why_spared(desired: &DesiredState, address: IpAddr) -> Option<String> {
    if let Some(item) = desired.protected.of(address) {
        return Some(format!("protected: {item}"));
    }
    if desired.exclusions.connected.contains(address) {
        let networks = desired.protected.networks().map(Networks::all).unwrap_or_default();
        // The inner one decides, which comes last.
        let holds =
            |network: &&HostNetwork| network.is_kept() && network.network.contains(&address);
        return networks.iter().rfind(holds).map(|network| format!("protected: {network}"));
    }
    desired.allowed.by(address).map(|entry| format!("allowed by {entry}"))
}
