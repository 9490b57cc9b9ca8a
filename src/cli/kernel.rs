//! What the commands have to do with nftables in the kernel. A netfilterd that was built without
//! nftables says so in its place.

use std::net::IpAddr;

use serde::Serialize;

use super::args::{LoadOptions, NameOptions, RunOptions};
use crate::daemon::Files;
use crate::error::Error;
use crate::ip::range::RangeSets;
use crate::load::Host;
use crate::load::report::Loaded;
use crate::progress::Progress;
use crate::status::Dropped;

#[cfg(feature = "nftables")]
pub use with::*;
#[cfg(not(feature = "nftables"))]
pub use without::*;

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

#[cfg(feature = "nftables")]
mod with {
    use std::time::Instant;

    use super::super::settings;
    use super::*;
    use crate::daemon;
    use crate::daemon::nftables::Nftables;
    use crate::nftables::lookup::{self, InForce};
    use crate::nftables::name::TableName;
    use crate::nftables::{Connection, Options, Target};

    /// Keeps the sets as the lists want them, until the daemon is stopped.
    pub fn run(options: &RunOptions, files: Files<'_>, host: Host) -> Result<(), Error> {
        let pipeline = settings::tables_pipeline(&options.load, host);
        daemon::run(pipeline, Nftables::new(target(&options.load), !options.no_repair), files)
    }

    /// Puts in force what the lists ask for, where the options say.
    pub fn load(
        options: &LoadOptions,
        host: Host,
        progress: &dyn Progress,
    ) -> Result<Loaded, Error> {
        settings::tables_pipeline(options, host).load(progress, |sets| {
            let committed = target(options).apply(sets, progress)?;
            // Before it is dropped, for which the kernel first frees the old sets.
            Ok((committed.applied, Instant::now()))
        })
    }

    /// Whether an address is in force, as the kernel says; or why it cannot be asked.
    pub fn in_force(names: &NameOptions, address: IpAddr) -> Kernel {
        let set = if address.is_ipv4() { &names.set4 } else { &names.set6 };
        let answer = Connection::open().and_then(|mut connection| {
            lookup::in_force(&mut connection, &names.table, set, address)
        });
        match answer {
            Ok(InForce::Yes) => Kernel::InForce,
            Ok(InForce::No) => Kernel::NotInForce,
            Ok(InForce::Nothing) => Kernel::NothingInForce,
            Err(error) => Kernel::Unknown(error.to_string()),
        }
    }

    /// All that is in force, as the kernel says; or why that is not known.
    pub fn all_in_force(names: &NameOptions) -> Result<RangeSets, Unknown> {
        let sets = [&names.set4, &names.set6];
        Connection::open()
            .and_then(|mut connection| lookup::all_in_force(&mut connection, &names.table, sets))
            .map_err(Unknown::Kernel)?
            .ok_or(Unknown::TooMuch)
    }

    /// What a table of ours has dropped, as the kernel says; nothing of one that has no counters of
    /// ours, or where the kernel does not answer.
    pub fn dropped(table: Option<&str>) -> Vec<Dropped> {
        let Some(Ok(table)) = table.map(str::parse::<TableName>) else { return Vec::new() };
        daemon::nftables::dropped(&table).unwrap_or_else(|error| {
            log::warn!("what was dropped is not known: {error}");
            Vec::new()
        })
    }

    fn target(options: &LoadOptions) -> Target {
        let names = &options.names;
        Target::new(Options {
            table: names.table.clone(),
            set4: names.set4.clone(),
            set6: names.set6.clone(),
            interfaces: options.interface.clone(),
            layout: options.layout,
            mask: settings::request(&options.lists).mask,
        })
    }
}

#[cfg(not(feature = "nftables"))]
mod without {
    use super::super::usage;
    use super::*;

    pub fn run(_: &RunOptions, _: Files<'_>, _: Host) -> Result<(), Error> {
        usage("this netfilterd was built without nftables: --queue is required")
    }

    pub fn load(_: &LoadOptions, _: Host, _: &dyn Progress) -> Result<Loaded, Error> {
        usage("this netfilterd was built without nftables, and has nothing to load into")
    }

    pub fn in_force(_: &NameOptions, _: IpAddr) -> Kernel {
        Kernel::Unknown(NOT_ASKED.to_string())
    }

    pub fn all_in_force(_: &NameOptions) -> Result<RangeSets, Unknown> {
        Err(Unknown::NotAsked)
    }

    pub fn dropped(_: Option<&str>) -> Vec<Dropped> {
        Vec::new()
    }
}

/// Why it is not known what is in force.
#[derive(Debug)]
pub enum Unknown {
    /// The kernel does not say.
    #[cfg(feature = "nftables")]
    Kernel(crate::nftables::Error),
    /// A dump of it would take longer than it is worth.
    #[cfg(feature = "nftables")]
    TooMuch,
    /// There is no nftables in this netfilterd.
    #[cfg(not(feature = "nftables"))]
    NotAsked,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(feature = "nftables")]
            Unknown::Kernel(error) => error.fmt(f),
            #[cfg(feature = "nftables")]
            Unknown::TooMuch => f.write_str("it is too much to be asked for"),
            #[cfg(not(feature = "nftables"))]
            Unknown::NotAsked => f.write_str(NOT_ASKED),
        }
    }
}

/// Why the kernel is not asked.
#[cfg(not(feature = "nftables"))]
const NOT_ASKED: &str = "this netfilterd was built without nftables";
