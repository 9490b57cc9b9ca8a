//! `test`: is an address dropped, by what, and does the kernel have it.

use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use serde::Serialize;

use super::{lists, tables, to_stdout};
use crate::cli::args::TestOptions;
use crate::ip::range::{Address, RangeSet};
use crate::load::host::Host;
use crate::load::report::Failure;
use crate::nftables::name::TableName;
use crate::policy::desired::{DesiredState, Origin};

/// Not every address is dropped.
const NOT_DROPPED: u8 = 1;

/// What is to be said of an address.
#[derive(Serialize)]
struct Answer {
    address: IpAddr,
    /// Whether it is dropped, by the lists.
    dropped: bool,
    /// What of the merged result it is in.
    range: Option<String>,
    /// Why it is not dropped though it is listed.
    spared: Option<String>,
    /// The entries that name it.
    entries: Vec<Named>,
    /// What the kernel has to say.
    kernel: Kernel,
}

/// An entry that names an address.
#[derive(Serialize)]
struct Named {
    entry: String,
    list: String,
    line: u64,
    widened: bool,
    too_wide: bool,
    until: Option<String>,
    ended: bool,
    /// The same in words.
    #[serde(skip)]
    shown: String,
}

/// Whether the kernel has an address in force.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(feature = "nftables"), expect(dead_code))]
pub enum Kernel {
    /// A set that a rule looks up has it.
    InForce,
    /// No such set has it.
    NotInForce,
    /// There is no such table, or no rule in it looks such a set up.
    NothingInForce,
    /// It could not be asked, for this reason.
    Unknown(String),
}

/// Says of addresses whether they are dropped, and why or why not.
pub fn run(options: &TestOptions, host: Host) -> Result<ExitCode, Failure> {
    let wanted = lists::read(&options.lists, host)?;
    // An IPv4-mapped address is the IPv4 one, as in a list.
    let addresses: Vec<IpAddr> = options.addresses.iter().map(IpAddr::to_canonical).collect();
    let mut answers: Vec<Answer> = addresses
        .iter()
        .map(|&address| Answer {
            address,
            dropped: wanted.sets.contains(address),
            range: range_of(&wanted, address),
            spared: why_spared(&wanted, address),
            entries: Vec::new(),
            kernel: tables::in_force(&options.names, address),
        })
        .collect();
    wanted.trace(&addresses, |address, origin| {
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
        false => answers.iter().try_for_each(|answer| answer.write(&options.names.table, out)),
    })?;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_DROPPED) })
}

impl From<Origin<'_>> for Named {
    fn from(origin: Origin<'_>) -> Self {
        Named {
            entry: origin.entry.to_string(),
            list: origin.list.to_string(),
            line: origin.line,
            widened: origin.is_widened(),
            too_wide: origin.ignored,
            until: origin.end.map(|end| end.to_string()),
            ended: origin.ended,
            shown: origin.to_string(),
        }
    }
}

impl Answer {
    fn write(&self, table: &TableName, out: &mut impl Write) -> io::Result<()> {
        let Answer { address, dropped, .. } = self;
        for entry in &self.entries {
            let shown = &entry.shown;
            match &self.spared {
                _ if entry.too_wide => {
                    writeln!(out, "{address}: not dropped, {shown} is too wide and set aside")?;
                }
                _ if entry.ended => writeln!(out, "{address}: not dropped, {shown} has ended")?,
                Some(why) => writeln!(out, "{address}: not dropped, {why}; listed by {shown}")?,
                None => writeln!(out, "{address}: dropped by {shown}")?,
            }
        }
        if self.entries.is_empty() {
            writeln!(out, "{address}: not dropped")?;
        }
        if let Some(range) = &self.range {
            writeln!(out, "{address}: within {range} when all is merged")?;
        }
        match (&self.kernel, dropped) {
            (Kernel::InForce, true) => writeln!(out, "{address}: in force in table {table}"),
            (Kernel::InForce, false) => writeln!(
                out,
                "{address}: in force in table {table} all the same; load again to let it pass"
            ),
            (Kernel::NotInForce, true) => writeln!(
                out,
                "{address}: not in force in table {table}; the lists have changed since, or a \
                 load has failed: load again"
            ),
            (Kernel::NothingInForce, true) => {
                writeln!(
                    out,
                    "{address}: not in force, since no rule of table {table} asks for it; load \
                     the lists first"
                )
            }
            (Kernel::NotInForce | Kernel::NothingInForce, false) => Ok(()),
            (Kernel::Unknown(reason), _) => {
                writeln!(out, "{address}: whether it is in force is not known: {reason}")
            }
        }
    }
}

fn range_of(wanted: &DesiredState, address: IpAddr) -> Option<String> {
    fn find<A: Address>(set: &RangeSet<A>, address: A) -> Option<String> {
        set.find(address).map(|range| range.network_or_range().to_string())
    }
    match address {
        IpAddr::V4(address) => find(&wanted.sets.v4, address.into()),
        IpAddr::V6(address) => find(&wanted.sets.v6, address.into()),
    }
}

/// Why an address is not dropped whatever the lists say.
fn why_spared(wanted: &DesiredState, address: IpAddr) -> Option<String> {
    if let Some(item) = wanted.protected.of(address) {
        return Some(format!("protected: {item}"));
    }
    wanted.allowed.by(address).map(|entry| format!("allowed by {entry}"))
}
