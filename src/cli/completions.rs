//! `completions`: scripts that complete the command line in a shell.

use std::io::Write;
use std::process::ExitCode;

use clap::{ArgAction, Command, CommandFactory, value_parser};

use super::args::{Cli, CompletionsOptions};
use super::out::to_stdout;
use crate::error::Error;

/// Writes the completion script for a shell to standard output.
pub fn run(options: &CompletionsOptions) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    let mut command = without_seconds(Cli::command()).mut_subcommand("run", without_seconds);
    clap_complete::generate(options.shell, &mut command, "netfilterd", &mut script);
    to_stdout(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// `--watch` as it is without `=SECONDS`: the scripts of bash and fish would take the next word for its
/// value, and complete it as a file.
fn without_seconds(command: Command) -> Command {
    command.mut_arg("watch", |arg| {
        let arg = arg.action(ArgAction::SetTrue).num_args(0).require_equals(false);
        arg.value_parser(value_parser!(bool))
    })
}
