//! `completions`: scripts that complete the command line in a shell.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

use super::args::{Cli, CompletionsOptions};
use super::out::to_stdout;
use crate::error::Error;

/// Writes the completion script for a shell to standard output.
pub fn run(options: &CompletionsOptions) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "netfilterd", &mut script);
    to_stdout(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}
