//! What options mean for the stages: which lists are read and how, the limits of the guards, and the
//! table and sets to fill.

use super::args::{ListOptions, LoadOptions, NameOptions};
use super::out::usage;
use crate::error::Error;
use crate::ip::{Families, Mask};
use crate::list::{Selection, Source, Widest};
use crate::load::remarks::Remarks;
use crate::load::{Host, Pipeline, pipeline, state};
use crate::netlink::link::NamedLinks;
use crate::nftables::name::{MANAGED, Tables};
use crate::nftables::set_name::are_confusable;
use crate::policy::desired::{DesiredState, Request};
use crate::policy::guard::Guards;
use crate::progress::Progress;

/// What the options ask for of the lists, for both families.
pub fn request(lists: &ListOptions) -> Request {
    let stdin =
        |sources: &[Source]| sources.iter().filter(|&source| *source == Source::Stdin).count();
    if stdin(&lists.file) + stdin(&lists.allow) > 1 {
        usage("standard input can be read only once; give - for one list");
    }
    let widest = match lists.no_protect {
        true => Widest::ANY,
        false => Widest { v4: lists.widest, v6: lists.widest6 },
    };
    Request {
        sources: lists.file.clone(),
        skip_missing: lists.skip_missing,
        allow: lists.allow.clone(),
        selection: Selection { widest, newest: lists.newest },
        sets: lists.from_set.clone(),
        mask: Mask { v4: lists.mask, v6: lists.mask6 },
        families: Families::BOTH,
    }
}

/// What the options ask for of the lists, for the families whose packets the tables see.
pub fn load_request(options: &LoadOptions) -> Request {
    Request { families: options.names.tables.families(), ..request(&options.lists) }
}

/// The source of the facts by which addresses are protected; `None` with `--no-protect`.
pub fn protecting(host: Host, lists: &ListOptions) -> Option<Host> {
    (!lists.no_protect).then_some(host)
}

/// The pipeline of the lists; the state file has the number of their networks under `key`.
pub fn pipeline(options: &LoadOptions, request: Request, key: String, host: Host) -> Pipeline {
    warn_if_unprotected(&options.lists);
    let state = state::File::new(&options.state_file, key);
    let host = protecting(host.only_on(&options.interface), &options.lists);
    Pipeline::new(request, guards(options), options.force, host, state)
}

/// Warns if nothing prevents a list from locking out the administrator.
pub fn warn_if_unprotected(lists: &ListOptions) {
    if lists.no_protect {
        log::warn!("--no-protect: a list can lock you out of this host; allow your address");
    }
}

/// The limits of the guards.
pub fn guards(options: &LoadOptions) -> Guards {
    Guards {
        min_entries: options.min_entries,
        max_shrink: options.max_shrink,
        strict: options.strict,
    }
}

/// The pipeline of lists that are loaded into nftables.
#[cfg(feature = "nftables")]
pub fn tables_pipeline(options: &LoadOptions, host: Host) -> Pipeline {
    check_names(options);
    pipeline(options, load_request(options), table_key(&options.names), host)
}

/// The key of a target in the state file. The managed tables are one target, whatever the names of their
/// sets, under the name that they had in older versions; another table may have several pairs of sets, each
/// a target.
pub fn table_key(names: &NameOptions) -> String {
    match &names.tables {
        Tables::Managed => MANAGED.to_string(),
        Tables::Foreign(table) => format!("{table} {} {}", names.set4, names.set6),
    }
}

/// Exits with a usage error if options contradict each other.
pub fn check_names(options: &LoadOptions) {
    check_set_names(&options.names);
    if options.layout.needs_managed_table() && !options.names.tables.is_managed() {
        usage(
            "--layout hash needs the managed tables, whose rules netfilterd writes; omit one of the two",
        );
    }
    if !options.interface.is_empty() && !options.names.tables.is_managed() {
        usage(
            "--interface needs the managed tables; in your own table, match the interface in your rules",
        );
    }
}

/// Warns about interfaces on which nothing would be dropped.
pub fn check_interfaces(options: &LoadOptions) {
    let mut named = NamedLinks::new(options.interface.clone());
    if named.is_empty() {
        return;
    }
    if let Err(error) = named.find() {
        log::warn!("cannot list the interfaces for --interface: {error}");
    }
}

/// Exits with a usage error if both families have the same set.
pub fn check_set_names(names: &NameOptions) {
    if names.set4 == names.set6 {
        usage("--set4 and --set6 are the same set, and a set holds one family; give two names");
    }
    if names.tables.is_managed() {
        check_sets_of_rows(names, "the managed tables");
    }
}

/// Exits with a usage error if two sets of rows, whose names begin with those that were given, could have
/// the same name.
pub fn check_sets_of_rows(names: &NameOptions, place: &str) {
    if are_confusable(&names.set4, &names.set6) {
        usage(&format!(
            "--set4 and --set6 could give two sets of {place} the same name, since one is the other with \
             a number behind it; give two names that do not begin with each other"
        ));
    }
}

/// Reads the lists without asking the guards, for commands that put nothing in force.
pub fn read(
    lists: &ListOptions,
    families: Families,
    host: Host,
    progress: &dyn Progress,
) -> Result<DesiredState, Error> {
    let mut host = protecting(host, lists);
    let request = Request { families, ..request(lists) };
    pipeline::read(&request, host.as_mut(), &mut Remarks::default(), progress)
}
