//! What commands read from nftables in the kernel, and what they load into it. A netfilterd that was
//! built without nftables reports that instead.

use std::net::IpAddr;

use serde::{Serialize, Serializer};

use super::args::{LoadOptions, NameOptions, RunOptions};
use crate::daemon::Files;
use crate::error::Error;
use crate::ip::RangeSets;
use crate::load::Host;
use crate::progress::Progress;
use crate::status::{Answer, Dropped, Status};

#[cfg(feature = "nftables")]
pub use with::*;
#[cfg(not(feature = "nftables"))]
pub use without::*;

/// A load that failed.
pub struct Unloaded {
    /// Why.
    pub error: Error,
    /// Whether nothing is in force, and nothing could be restored either.
    pub nothing_in_force: bool,
}

impl From<Error> for Unloaded {
    /// A load that failed where something is in force, or where that is not known.
    fn from(error: Error) -> Self {
        Unloaded { error, nothing_in_force: false }
    }
}

/// Whether the kernel has an address in force.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(feature = "nftables"), expect(dead_code))]
pub enum Kernel {
    /// A set that a rule looks up has it.
    InForce,
    /// No such set has it.
    NotInForce,
    /// There is no such table, or no rule in it looks such a set up.
    NothingInForce,
    /// The kernel gave no answer, for this reason.
    Unknown(#[serde(serialize_with = "as_text")] Unknown),
}

#[cfg(feature = "nftables")]
mod with {
    use std::time::{Duration, Instant};

    use super::super::confirm::Confirmation;
    use super::super::settings;
    use super::*;
    use crate::daemon;
    use crate::daemon::nftables::Nftables;
    use crate::ip::PerFamily;
    use crate::load::Pipeline;
    use crate::load::pipeline::Outcome;
    use crate::netlink::link::{links, matches};
    use crate::nftables::lookup::{self, InForce};
    use crate::nftables::name::{Listed, SetNames, Tables};
    use crate::nftables::placement::Placement;
    use crate::nftables::verify;
    use crate::nftables::{Connection, Options, Target};
    use crate::policy::remembered::Found;
    use crate::status;

    /// Runs a daemon that keeps in the sets what the lists ask for.
    pub fn run(options: &RunOptions, files: Files<'_>, host: Host) -> Result<(), Error> {
        let pipeline = settings::tables_pipeline(&options.load, host);
        daemon::run(pipeline, Nftables::new(target(&options.load), !options.no_repair), files)
    }

    /// Loads the lists once into the table of the options, and logs what was done.
    pub fn load(
        options: &LoadOptions,
        host: Host,
        progress: &dyn Progress,
    ) -> Result<(), Unloaded> {
        let mut pipeline = settings::tables_pipeline(options, host);
        let mut target = target(options);
        let loaded = pipeline.load(progress, |sets| apply(&mut target, sets, progress));
        let loaded =
            loaded.map_err(|error| unloaded(&mut pipeline, &mut target, error, progress))?;
        log::info!("{loaded}");
        pipeline.remember();
        Ok(())
    }

    /// The same, and undoes it unless it is confirmed within so many seconds.
    pub fn load_and_confirm(
        options: &LoadOptions,
        seconds: u64,
        host: Host,
        progress: &dyn Progress,
    ) -> Result<(), Unloaded> {
        // First of all, because it must come before any thread.
        let time = Duration::from_secs(seconds);
        let mut confirmation = Confirmation::begin(target(options), time)?;
        let mut pipeline = settings::tables_pipeline(options, host);
        let mut target = target(options);
        target.keep_replaced();
        let lists = pipeline.request().and_then(|request| request.read(progress));
        confirmation.note()?;
        let loaded = lists
            .and_then(|lists| pipeline.finish(lists, |sets| apply(&mut target, sets, progress)));
        match loaded {
            // It may be in force, so the child returns to what was.
            Err(error) if error.is_outcome_unknown() => Err(error.into()),
            Err(error) => {
                confirmation.failed();
                Err(unloaded(&mut pipeline, &mut target, error, progress))
            }
            Ok(loaded) => {
                log::info!("{loaded}");
                // A bar that moves would overwrite the question and the answer.
                progress.done();
                confirmation.ask()?;
                pipeline.remember();
                Ok(())
            }
        }
    }

    fn unloaded(
        pipeline: &mut Pipeline,
        target: &mut Target,
        error: Error,
        progress: &dyn Progress,
    ) -> Unloaded {
        let is_restored = restore(pipeline, target, &error, progress);
        Unloaded { error, nothing_in_force: is_restored == Some(false) }
    }

    fn apply(target: &mut Target, sets: &RangeSets, progress: &dyn Progress) -> Outcome {
        let committed = target.apply(sets, progress)?;
        // Before it is dropped, for which the kernel first frees the old sets.
        Ok((committed.applied, Instant::now()))
    }

    /// After a load that failed: if nothing is in force, puts in force what was loaded before. Returns
    /// whether there was anything to restore; `None` if something is in force, or that is not known.
    fn restore(
        pipeline: &mut Pipeline,
        target: &mut Target,
        error: &Error,
        progress: &dyn Progress,
    ) -> Option<bool> {
        if !error.is_of_lists() {
            return None;
        }
        let found = daemon::table::found(target);
        if !matches!(found, Found::Nothing) {
            return None;
        }
        match pipeline.restore(&found, true, |sets| apply(target, sets, progress)) {
            Ok(Some(loaded)) => {
                log::warn!("nothing was in force; {loaded}");
                Some(true)
            }
            Ok(None) => Some(false),
            Err(error) => {
                log::error!("cannot restore what was loaded before: {error}");
                Some(false)
            }
        }
    }

    /// Whether the kernel has an address in force, or why the kernel gave no answer; and the table that
    /// has it, or that for its family.
    pub fn in_force(names: &NameOptions, address: IpAddr) -> (Kernel, String) {
        let PerFamily { v4, v6 } = Tables::managed();
        let asked = match (&names.tables, address) {
            (Tables::Managed, IpAddr::V4(_)) => v4,
            (Tables::Managed, IpAddr::V6(_)) => v6,
            (Tables::Foreign(table), _) => table.clone(),
        };
        let answer = Connection::open().and_then(|mut connection| {
            lookup::in_force(&mut connection, &names.tables, &set_names(names), address)
        });
        let (kernel, table) = match answer {
            Ok(InForce::Yes { table }) => (Kernel::InForce, table),
            Ok(InForce::No) => (Kernel::NotInForce, asked),
            Ok(InForce::Nothing) => (Kernel::NothingInForce, asked),
            Err(error) => (Kernel::Unknown(Unknown::Kernel(error)), asked),
        };
        (kernel, Listed(&[table]).to_string())
    }

    /// The names of the interfaces on which the managed tables drop packets, as `--interface` gave them;
    /// `None` if that is all of them, or if it is not known.
    pub fn names_of_interfaces(names: &NameOptions) -> Option<Vec<Vec<u8>>> {
        let mut connection = Connection::open().ok()?;
        lookup::interfaces(&mut connection, &names.tables).ok()?
    }

    /// The interfaces on which the managed tables drop packets, with a mark behind those that are known not to exist;
    /// `None` if that is all of them, or if it is not known.
    pub fn interfaces(names: &NameOptions) -> Option<Vec<String>> {
        let found = names_of_interfaces(names)?;
        // If they cannot be listed, it is not known which exist.
        let links = links().ok();
        let exists = |name: &[u8]| {
            links.as_ref().is_none_or(|links| links.iter().any(|link| matches(name, &link.name)))
        };
        let shown = |name: &Vec<u8>| {
            let text = String::from_utf8_lossy(name).escape_debug().to_string();
            match exists(name) {
                true => text,
                false => text + " (does not exist)",
            }
        };
        Some(found.iter().map(shown).collect())
    }

    /// All networks that the kernel has in force; or why they are not known.
    pub fn all_in_force(names: &NameOptions) -> Result<RangeSets, Unknown> {
        Connection::open()
            .and_then(|mut connection| {
                lookup::all_in_force(&mut connection, &names.tables, &set_names(names))
            })
            .map_err(Unknown::Kernel)?
            .ok_or(Unknown::TooMuch)
    }

    /// What the counters of the managed tables have counted. Empty for any other table, or if the
    /// kernel gives no answer, which is logged.
    pub fn dropped(status: &Status) -> Vec<Dropped> {
        let Some(tables) = Tables::called(&status.tables) else { return Vec::new() };
        daemon::table::dropped(&tables).unwrap_or_else(|error| {
            log::warn!("cannot read the counters of {tables}: {error}");
            Vec::new()
        })
    }

    /// Whether the kernel has in force what the daemon of `status` has put there.
    pub fn answer(status: &Status) -> Answer {
        let unknown = |reason: &str| Answer::Unknown { reason: reason.to_string() };
        let tables = Tables::called(&status.tables);
        let (Some(tables), Some(placement)) = (tables, &status.placement) else {
            return unknown("the status file does not say where it is in force");
        };
        if is_in_another_network_namespace(status.pid) {
            return unknown(
                "the daemon runs in another network namespace; run netfilterd status there",
            );
        }
        match differences(status, &tables, placement) {
            Err(error) if error.errno() == Some(libc::EPERM) => unknown("needs CAP_NET_ADMIN"),
            Err(error) => unknown(&error.to_string()),
            Ok(differences) if differences.is_empty() => Answer::InForce,
            Ok(differences) => Answer::NotInForce { differences },
        }
    }

    fn is_in_another_network_namespace(pid: u32) -> bool {
        let namespace = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net"));
        match (namespace("self"), namespace(&pid.to_string())) {
            (Ok(ours), Ok(its)) => ours != its,
            // It does not run, or belongs to another user: then the kernel refuses to answer, too.
            _ => false,
        }
    }

    /// What in the kernel is not as the daemon left it.
    fn differences(
        status: &Status,
        tables: &Tables,
        placement: &Placement,
    ) -> Result<Vec<String>, crate::nftables::Error> {
        let mut connection = Connection::open()?;
        let differences = verify::differences(&mut connection, tables, placement)?;
        let (v4, v6) = (placement.set4.parse(), placement.set6.parse());
        let (true, Some(loaded), Ok(v4), Ok(v6)) = (differences.is_empty(), &status.loaded, v4, v6)
        else {
            return Ok(differences.iter().map(ToString::to_string).collect());
        };
        // A number of elements does not say which; these show it, unless they are too many.
        let counted: u64 = placement.sets.iter().flat_map(|set| set.elements).map(u64::from).sum();
        if counted > lookup::MOST_ELEMENTS as u64 {
            return Ok(Vec::new());
        }
        let names = SetNames { v4, v6 };
        let Some(found) = lookup::all_in_force(&mut connection, tables, &names)? else {
            return Ok(Vec::new());
        };
        let (networks, addresses) = (found.network_counts(), found.addresses());
        let same = (networks.v4, networks.v6) == (loaded.networks4, loaded.networks6)
            && (addresses.v4 as f64, addresses.v6 as f64) == (loaded.addresses4, loaded.addresses6)
            && placement.digest.is_none_or(|digest| digest == found.digest());
        Ok(if same { Vec::new() } else { vec![other_networks(&networks, loaded)] })
    }

    fn other_networks(found: &PerFamily<u64>, loaded: &status::InForce) -> String {
        format!(
            "the sets hold other networks (v4 {}, v6 {}) than were loaded (v4 {}, v6 {})",
            found.v4, found.v6, loaded.networks4, loaded.networks6
        )
    }

    fn set_names(names: &NameOptions) -> SetNames {
        SetNames { v4: names.set4.clone(), v6: names.set6.clone() }
    }

    fn target(options: &LoadOptions) -> Target {
        Target::new(Options {
            tables: options.names.tables.clone(),
            sets: set_names(&options.names),
            interfaces: options.interface.clone(),
            layout: options.layout,
        })
    }
}

#[cfg(not(feature = "nftables"))]
mod without {
    use super::super::out::usage;
    use super::*;

    pub fn run(_: &RunOptions, _: Files<'_>, _: Host) -> Result<(), Error> {
        usage("this netfilterd was built without nftables: --queue is required")
    }

    pub fn load(_: &LoadOptions, _: Host, _: &dyn Progress) -> Result<(), Unloaded> {
        usage("this netfilterd was built without nftables and fills no sets; use run with --queue")
    }

    pub fn load_and_confirm(
        options: &LoadOptions,
        _: u64,
        host: Host,
        progress: &dyn Progress,
    ) -> Result<(), Unloaded> {
        load(options, host, progress)
    }

    pub fn in_force(_: &NameOptions, _: IpAddr) -> (Kernel, String) {
        (Kernel::Unknown(Unknown::NotAsked), String::new())
    }

    pub fn interfaces(_: &NameOptions) -> Option<Vec<String>> {
        None
    }

    pub fn names_of_interfaces(_: &NameOptions) -> Option<Vec<Vec<u8>>> {
        None
    }

    pub fn all_in_force(_: &NameOptions) -> Result<RangeSets, Unknown> {
        Err(Unknown::NotAsked)
    }

    pub fn dropped(_: &Status) -> Vec<Dropped> {
        Vec::new()
    }

    pub fn answer(_: &Status) -> Answer {
        Answer::Unknown { reason: NOT_ASKED.to_string() }
    }
}

fn as_text<S: Serializer>(reason: &Unknown, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(reason)
}

/// Why it is not known what is in force.
#[derive(Debug)]
pub enum Unknown {
    /// The kernel refused to answer.
    #[cfg(feature = "nftables")]
    Kernel(crate::nftables::Error),
    /// The sets hold more elements than are worth the time of a dump.
    #[cfg(feature = "nftables")]
    TooMuch,
    /// This netfilterd was built without nftables.
    #[cfg(not(feature = "nftables"))]
    NotAsked,
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            #[cfg(feature = "nftables")]
            Unknown::Kernel(error) => error.fmt(f),
            #[cfg(feature = "nftables")]
            Unknown::TooMuch => f.write_str("the sets hold too many elements to be listed"),
            #[cfg(not(feature = "nftables"))]
            Unknown::NotAsked => f.write_str(NOT_ASKED),
        }
    }
}

/// Why nothing is known of nftables in this netfilterd.
#[cfg(not(feature = "nftables"))]
const NOT_ASKED: &str = "this netfilterd was built without nftables";
