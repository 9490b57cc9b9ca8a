//! `load`: fills the sets once.

use std::process::ExitCode;

use super::args::OnceOptions;
use super::kernel::{self, Unloaded};
use super::out::usage;
use super::outputs;
use crate::error::Error;
use crate::list::Source;
use crate::load::Host;
use crate::progress::Progress;

/// Loads the lists and logs what was done.
pub fn run(options: &OnceOptions, host: Host, progress: &dyn Progress) -> Result<ExitCode, Error> {
    let OnceOptions { load, confirm } = options;
    let lists = &load.lists;
    if confirm.is_some()
        && [&lists.file, &lists.allow].into_iter().any(|of| of.contains(&Source::Stdin))
    {
        usage(
            "--confirm reads the answer from standard input, which cannot be a list; name a file",
        );
    }
    outputs::check_load(load);
    let loaded = match confirm {
        None => kernel::load(load, host, progress),
        Some(seconds) => kernel::load_and_confirm(load, *seconds, host, progress),
    };
    match loaded {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(Unloaded { error, nothing_in_force: true }) => {
            log::error!("{error}; nothing is in force");
            Ok(ExitCode::from(error.exit_status()))
        }
        Err(Unloaded { error, .. }) => Err(error),
    }
}
