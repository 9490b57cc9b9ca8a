//! Arguments to a command, a command to an exit status.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // The default of SIGHUP is to kill. Whether this process is a daemon is not known yet.
    netfilterd::daemon::prepare_signals();
    netfilterd::cli::run(netfilterd::cli::args::Cli::parse())
}
