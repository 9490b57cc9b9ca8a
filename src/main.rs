//! Arguments to a command, a command to an exit status.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    netfilterd::commands::run(netfilterd::cli::Cli::parse())
}
