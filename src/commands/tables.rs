//! The commands that put range sets into nftables.

use std::process::ExitCode;

use super::{check_names, files, load_request, reading, table_key};
use crate::cli::{LoadOptions, RunOptions};
use crate::daemon;
use crate::load::Failure;
use crate::nft::{self, Loader, Service, Target};

/// Keeps the sets as the lists want them.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let service = Service::new(loader(&options.load), !options.no_repair);
    daemon::run(service, files(options))
}

/// Fills the sets once.
pub fn load(options: &LoadOptions) -> Result<ExitCode, Failure> {
    let loaded = loader(options).load()?;
    log::info!("{loaded}");
    Ok(ExitCode::SUCCESS)
}

fn loader(options: &LoadOptions) -> Loader {
    check_names(options);
    let request = load_request(options);
    let names = &options.names;
    let target = Target::new(nft::Options {
        table: names.table.clone(),
        set4: names.set4.clone(),
        set6: names.set6.clone(),
        interfaces: options.interface.clone(),
        layout: options.layout,
        mask: request.mask,
    });
    Loader::new(reading(options, request, table_key(names)), target)
}
