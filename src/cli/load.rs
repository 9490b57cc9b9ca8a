//! `load`: fills the sets once.

use std::process::ExitCode;

use super::args::LoadOptions;
use super::kernel;
use crate::error::Error;
use crate::load::Host;
use crate::progress::Progress;

/// Loads the lists and logs what was done.
pub fn run(options: &LoadOptions, host: Host, progress: &dyn Progress) -> Result<ExitCode, Error> {
    kernel::load(options, host, progress)?;
    Ok(ExitCode::SUCCESS)
}
