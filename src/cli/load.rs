//! `load`: fills the sets once.

use std::process::ExitCode;

use super::args::LoadOptions;
use super::kernel::{self, Unloaded};
use super::outputs;
use crate::error::Error;
use crate::load::Host;
use crate::progress::Progress;

/// Loads the lists and logs what was done.
pub fn run(options: &LoadOptions, host: Host, progress: &dyn Progress) -> Result<ExitCode, Error> {
    outputs::check_load(options);
    match kernel::load(options, host, progress) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Unloaded { error, nothing_in_force: true }) => {
            log::error!("{error}; nothing is in force");
            Ok(ExitCode::from(error.exit_status()))
        }
        Err(Unloaded { error, .. }) => Err(error),
    }
}
