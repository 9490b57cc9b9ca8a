//! The command line: what was typed, what it means, and one file a command.
//!
//! In reading order: [`args`] (what can be typed), `values` (what a value may be), `settings` (what it means for the stages), `outputs` (which files may be written), then
//! the commands `run`, `load` (`confirm` undoes it without an answer), `check`, `print`, `test`, `status` and `completions`; `kernel` (what
//! commands read from the kernel), `out` (standard output, and usage errors), `log` and `terminal` (messages and progress on standard error).

pub mod args;
mod check;
mod completions;
#[cfg(feature = "nftables")]
mod confirm;
mod kernel;
mod load;
mod log;
mod out;
mod outputs;
mod print;
mod run;
mod settings;
mod status;
mod terminal;
mod test;
mod values;

use std::process::ExitCode;

use crate::daemon;
use crate::load::Host;
use crate::sys::privileges;
use args::{Cli, Command, Verbosity};
use terminal::Terminal;

/// Runs the command. Returns the exit status of netfilterd(8); status 2, for usage, comes from clap.
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    let stays = matches!(command, Command::Run(_));
    if !stays {
        daemon::release_signals();
    }
    let terminal = Terminal::default();
    log::start(command.verbosity(), if stays { None } else { Some(terminal.clone()) });
    let is_load = matches!(command, Command::Load(_));
    // Reads the environment of sudo, which needs the capabilities that are dropped next.
    let host = Host::new();
    for kept in privileges::keep_net_admin_only() {
        ::log::warn!("{kept}");
    }
    let result = match command {
        Command::Run(options) => run::run(&options, host),
        Command::Load(options) => load::run(&options, host, &terminal),
        Command::Check(options) => check::run(&options, host, &terminal),
        Command::Print(options) => print::run(&options, host, &terminal),
        Command::Test(options) => test::run(&options, host),
        Command::Status(options) => status::run(&options),
        Command::Completions(options) => completions::run(&options),
    };
    terminal.clear();
    result.unwrap_or_else(|error| {
        if is_load && error.is_refusal() {
            ::log::error!("{}", error.keeping());
        } else {
            ::log::error!("{error}");
        }
        ExitCode::from(error.exit_status())
    })
}

impl Command {
    fn verbosity(&self) -> Verbosity {
        match self {
            Command::Run(options) => options.load.verbosity,
            Command::Load(options) => options.load.verbosity,
            Command::Check(options) => options.verbosity,
            Command::Print(options) => options.verbosity,
            Command::Test(options) => options.verbosity,
            Command::Status(options) => options.verbosity,
            Command::Completions(options) => options.verbosity,
        }
    }
}
