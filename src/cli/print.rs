//! `print`: the merged networks, for people and other programs.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::args::PrintOptions;
use super::out::{to_stdout, usage};
use super::settings;
use super::terminal::Terminal;
use crate::error::Error;
use crate::load::Host;
use crate::output::print::{self, Names, Printed};
use crate::words::{Count, Noun};

/// Writes the merged networks to standard output, in the format of `--format`.
pub fn run(options: &PrintOptions, host: Host, terminal: &Terminal) -> Result<ExitCode, Error> {
    settings::check_set_names(&options.names);
    if options.format.is_picture() && io::stdout().is_terminal() {
        usage("a map is a picture, which a terminal cannot show; write it to a file: > map.png");
    }
    if options.format == print::Format::Ipset {
        for name in [&options.names.set4, &options.names.set6] {
            if name.as_str().len() > print::IPSET_MAX_NAME {
                let most = print::IPSET_MAX_NAME;
                usage(&format!("set name {name} is too long for ipset; give at most {most} bytes"));
            }
        }
    }
    let desired = settings::read(&options.lists, host, terminal)?;
    if options.format.is_picture() && desired.networks.v6 > 0 {
        let ignored = Count(desired.networks.v6, Noun::Network);
        log::info!("a map shows IPv4 only; ignored of IPv6: {ignored}");
    }
    let names = &options.names;
    let printed = Printed {
        sets: &desired.sets,
        allowed: &desired.allowed.sets,
        protected: &desired.protected.sets().union(&desired.exclusions.connected),
        names: Names { tables: &names.tables, set4: &names.set4, set6: &names.set6 },
    };
    // Standard output may be the terminal that shows the progress.
    terminal.clear();
    to_stdout(|out| print::write(options.format, &printed, out))?;
    Ok(ExitCode::SUCCESS)
}
