//! `print`: the merged networks, for people and other programs.

use std::ffi::CString;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use super::args::PrintOptions;
use super::out::{to_stdout, usage};
use super::settings;
use super::terminal::Terminal;
use crate::error::Error;
use crate::ip::Families;
use crate::load::Host;
use crate::netlink::link::MAX_NAME;
use crate::nftables::name::{Family, TableName, Tables};
use crate::output::print::{self, Format, Names, Printed};
use crate::output::script::{self, Script};
use crate::words::{Count, Noun};

/// Writes the merged networks to standard output, in the format of `--format`.
pub fn run(options: &PrintOptions, host: Host, terminal: &Terminal) -> Result<ExitCode, Error> {
    match options.rules {
        true => write_script(options, host, terminal),
        false => write_networks(options, host, terminal),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn write_networks(options: &PrintOptions, host: Host, terminal: &Terminal) -> Result<(), Error> {
    let names = &options.names;
    settings::check_set_names(names);
    if options.format.is_picture() && io::stdout().is_terminal() {
        usage("a map is a picture, which a terminal cannot show; write it to a file: > map.png");
    }
    if options.format == Format::Ipset {
        for name in [&names.set4, &names.set6] {
            if name.as_str().len() > print::IPSET_MAX_NAME {
                let most = print::IPSET_MAX_NAME;
                usage(&format!("set name {name} is too long for ipset; give at most {most} bytes"));
            }
        }
    }
    let desired = settings::read(&options.lists, Families::BOTH, host, terminal)?;
    if options.format.is_picture() && desired.networks.v6 > 0 {
        let ignored = Count(desired.networks.v6, Noun::Network);
        log::info!("a map shows IPv4 only; ignored of IPv6: {ignored}");
    }
    let printed = Printed {
        sets: &desired.sets,
        allowed: &desired.allowed.sets,
        protected: &desired.protected.sets().union(&desired.exclusions.connected),
        names: Names { tables: &names.tables, set4: &names.set4, set6: &names.set6 },
    };
    // Standard output may be the terminal that shows the progress.
    terminal.clear();
    to_stdout(|out| print::write(options.format, &printed, out))
}

/// Writes a script with sets and rules.
fn write_script(options: &PrintOptions, host: Host, terminal: &Terminal) -> Result<(), Error> {
    if options.format != Format::Nft {
        usage("--rules needs --format nft, since no other format has rules; give both or none");
    }
    let names = &options.names;
    settings::check_set_names(names);
    settings::check_sets_of_rows(names, "a script");
    let tables = tables(&names.tables);
    let interfaces: Vec<String> = options.interface.iter().map(interface).collect();
    let host = host.only_on(&options.interface);
    let desired = settings::read(&options.lists, names.tables.families(), host, terminal)?;
    let script = Script {
        sets: &desired.sets,
        tables: &tables,
        set4: &names.set4,
        set6: &names.set6,
        interfaces: &interfaces,
    };
    terminal.clear();
    to_stdout(|out| script.write(out))
}

/// The tables of a script. Those that netfilterd keeps are none: it would remove the rules.
fn tables(asked: &Tables) -> Vec<TableName> {
    let Tables::Foreign(table) = asked else {
        let table = |text: &str| {
            text.parse().unwrap_or_else(|error| usage(&format!("table {text}: {error}")))
        };
        return script::TABLES.map(table).to_vec();
    };
    if !matches!(table.family(), Family::Inet | Family::Ip | Family::Ip6) {
        usage(&format!(
            "--rules writes rules for tables of the families inet, ip and ip6; for table {table}, write \
             your own, which look up in the sets of --format nft"
        ));
    }
    vec![table.clone()]
}

/// An interface as a rule names it.
fn interface(name: &CString) -> String {
    let text = name.to_string_lossy().into_owned();
    if name.as_bytes().len() > MAX_NAME && !name.as_bytes().ends_with(b"*") {
        usage(&format!("interface {text}: a rule cannot match an alternative name; give the name"));
    }
    if name.to_str().is_err() || text.contains(['"', '\\']) {
        usage(&format!("interface {text}: nft cannot type this name; match it by a * at its end"));
    }
    text
}
