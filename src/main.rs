//! Arguments to a command, a command to an exit status.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Its default is to kill, and what the command line says is not known yet.
    netfilterd::daemon::hold_hup();
    netfilterd::cli::run(netfilterd::cli::args::Cli::parse())
}
