//! `load`: fills the sets once.

use std::process::ExitCode;

use super::args::LoadOptions;
use super::{kernel, outputs};
use crate::error::Error;
use crate::load::Host;
use crate::progress::Progress;

/// Loads the lists and logs what was done.
pub fn run(options: &LoadOptions, host: Host, progress: &dyn Progress) -> Result<ExitCode, Error> {
    outputs::check_load(options);
    kernel::load(options, host, progress)?;
    Ok(ExitCode::SUCCESS)
}
