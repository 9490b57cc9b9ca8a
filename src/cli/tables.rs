//! The commands that put range sets into nftables.

use std::net::IpAddr;
use std::process::ExitCode;

use super::test::Kernel;
use super::{check_names, files, load_request, reading, table_key};
use crate::cli::args::{LoadOptions, NameOptions, RunOptions};
use crate::daemon;
use crate::daemon::nftables::Service;
use crate::ip::range::RangeSets;
use crate::load::host::Host;
use crate::load::loader::Loader;
use crate::load::report::Failure;
use crate::nftables::counters;
use crate::nftables::lookup::{self, InForce};
use crate::nftables::name::TableName;
use crate::nftables::{self, Connection, Target};
use crate::status::Dropped;

/// Keeps the sets as the lists want them.
pub fn run(options: &RunOptions, host: Host) -> Result<(), Failure> {
    let service = Service::new(loader(&options.load, host), !options.no_repair);
    daemon::run(service, files(options))
}

/// Fills the sets once.
pub fn load(options: &LoadOptions, host: Host) -> Result<ExitCode, Failure> {
    let loaded = loader(options, host).load()?;
    log::info!("{loaded}");
    Ok(ExitCode::SUCCESS)
}

/// Whether an address is in force, as the kernel says; or why it cannot be asked.
pub fn in_force(names: &NameOptions, address: IpAddr) -> Kernel {
    let set = if address.is_ipv4() { &names.set4 } else { &names.set6 };
    let answer = Connection::open()
        .and_then(|mut connection| lookup::in_force(&mut connection, &names.table, set, address));
    match answer {
        Ok(InForce::Yes) => Kernel::InForce,
        Ok(InForce::No) => Kernel::NotInForce,
        Ok(InForce::Nothing) => Kernel::NothingInForce,
        Err(error) => Kernel::Unknown(error.to_string()),
    }
}

/// All that is in force, as the kernel says; or why that is not known.
pub fn all_in_force(names: &NameOptions) -> Result<RangeSets, String> {
    let sets = [&names.set4, &names.set6];
    Connection::open()
        .and_then(|mut connection| lookup::all_in_force(&mut connection, &names.table, sets))
        .map_err(|error| error.to_string())?
        .ok_or("it is too much to be asked for".to_string())
}

/// What a table of ours has dropped, as the kernel says; nothing of one that has no counters of ours,
/// or where the kernel does not answer.
pub fn dropped(table: Option<&str>) -> Vec<Dropped> {
    let Some(Ok(table)) = table.map(str::parse::<TableName>) else { return Vec::new() };
    if !table.is_managed() {
        return Vec::new();
    }
    Connection::open()
        .and_then(|mut connection| counters::dropped(&mut connection, &table))
        .unwrap_or_else(|error| {
            log::warn!("what was dropped is not known: {error}");
            Vec::new()
        })
}

fn loader(options: &LoadOptions, host: Host) -> Loader {
    check_names(options);
    let request = load_request(options);
    let names = &options.names;
    let target = Target::new(nftables::Options {
        table: names.table.clone(),
        set4: names.set4.clone(),
        set6: names.set6.clone(),
        interfaces: options.interface.clone(),
        layout: options.layout,
        mask: request.mask,
    });
    Loader::new(reading(options, request, table_key(names), host), target)
}
