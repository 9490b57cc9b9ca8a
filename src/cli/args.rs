//! The command line: definitions and nothing else.
//!
//! What cannot be meant cannot be expressed past this point: names are checked, lengths are in
//! range, a list is a path or standard input.

use std::ffi::{CString, OsString};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;

use crate::list::Source;
use crate::nftables::layout::Layout;
use crate::nftables::name::{MANAGED_TABLE, SetName, TableName};
use crate::output::print::Format;

/// The list that is read when none is named.
pub const DEFAULT_LIST: &str = "/var/cache/netfilterd/drop_ips";

/// Where a daemon keeps its status when no other place is named.
pub const DEFAULT_STATUS: &str = "/run/netfilterd/status.json";

/// Where it is remembered what is in force when no other place is named.
pub const DEFAULT_STATE: &str = "/var/lib/netfilterd/state.json";

/// Keeps an nftables set in step with a list of bad networks.
///
/// Reads addresses and networks from lists, widens and merges them, and drops packets from and to
/// them in the kernel. Without a command: load, stay, and load again on SIGHUP.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(override_usage = "netfilterd [COMMAND] [OPTIONS]")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `run`, for when no command is given.
    #[command(flatten)]
    pub run: RunOptions,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load, stay, and load again on SIGHUP (the default)
    Run(RunOptions),
    /// Load once and exit
    Load(LoadOptions),
    /// Read and judge the lists as load would, and change nothing
    Check(LoadOptions),
    /// Write the merged result to standard output
    Print(PrintOptions),
    /// Say whether addresses are dropped, and by which entries
    Test(TestOptions),
    /// Say what the running daemon is at
    Status(StatusOptions),
    /// Write a completion script for a shell to standard output
    Completions(CompletionsOptions),
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// What is loaded, and where.
    #[command(flatten)]
    pub load: LoadOptions,
    /// Do not put back what another program takes out of the kernel's tables
    #[arg(long)]
    pub no_repair: bool,
    /// Load again when a list changes
    #[arg(long)]
    pub watch: bool,
    /// Write the process id to this file, and refuse to start while another daemon holds it
    #[arg(long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,
    /// Where status finds what the daemon is at.
    #[command(flatten)]
    pub status: StatusFile,
    /// Keep what the daemon is at in this file, too, in the text format of Prometheus
    #[arg(long, value_name = "PATH")]
    pub metrics: Option<PathBuf>,
    /// Queue mode.
    #[command(flatten)]
    pub queue: QueueOptions,
}

/// Where the daemon keeps what it is at.
#[derive(Debug, Args)]
pub struct StatusFile {
    /// The file in which the daemon keeps what it is at
    #[arg(long, value_name = "PATH", default_value = DEFAULT_STATUS)]
    pub status_file: PathBuf,
}

/// Options of queue mode.
#[derive(Debug, Args)]
pub struct QueueOptions {
    /// Give verdicts on queue N, or on each from N to M, instead of filling nftables sets
    #[arg(long, value_name = "N[:M]", value_parser = queues, allow_negative_numbers = true, conflicts_with_all = ["table", "set4", "set6", "layout", "no_repair"])]
    pub queue: Option<RangeInclusive<u16>>,
    /// How many packets may wait in a queue
    #[arg(long, value_name = "N", default_value_t = 65535, value_parser = value_parser!(u32).range(1..), requires = "queue")]
    pub queue_maxlen: u32,
    /// Accept packets when the queue is full, and those that cannot be read (the default)
    #[arg(long, requires = "queue")]
    pub fail_open: bool,
    /// Drop packets when the queue is full, and those that cannot be read
    #[arg(long, requires = "queue", conflicts_with = "fail_open")]
    pub fail_closed: bool,
    /// Do not accept, but set this mark and have the rules look at the packet again
    #[arg(long, value_name = "MARK", value_parser = mark, allow_negative_numbers = true, requires = "queue")]
    pub mark_accept: Option<NonZeroU32>,
    /// Do not drop, but set this mark and have the rules look at the packet again
    #[arg(long, value_name = "MARK", value_parser = mark, allow_negative_numbers = true, requires = "queue")]
    pub mark_drop: Option<NonZeroU32>,
}

/// Options of `load` and `check`.
#[derive(Debug, Args)]
pub struct LoadOptions {
    /// Which lists.
    #[command(flatten)]
    pub lists: ListOptions,
    /// Refuse everything if one line cannot be read
    #[arg(long)]
    pub strict: bool,
    /// Refuse fewer networks than this; 0 permits to load nothing
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub min_entries: u64,
    /// Refuse to go down by more than this, once 100 networks are in force; 100 permits anything
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent, allow_negative_numbers = true)]
    pub max_shrink: u8,
    /// Put in force what a guard refuses; a daemon does so for its first load only
    #[arg(long)]
    pub force: bool,
    /// The file in which it is remembered how many networks are in force
    #[arg(long, value_name = "PATH", default_value = DEFAULT_STATE)]
    pub state_file: PathBuf,
    /// Where to.
    #[command(flatten)]
    pub names: NameOptions,
    /// Filter on this interface only (repeatable; a * at the end stands for any ending)
    #[arg(short, long, value_name = "NAME", value_parser = interface)]
    pub interface: Vec<CString>,
    /// How the networks are laid out in kernel sets
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = Layout::Auto)]
    pub layout: Layout,
    /// How much to say.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Which lists are read, and what is made of their entries.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Read this list, or every list in this directory (repeatable; - is standard input)
    #[arg(short, long, value_name = "PATH", default_value = DEFAULT_LIST, value_parser = OsStringValueParser::new().try_map(source))]
    pub file: Vec<Source>,
    /// Widen IPv4 entries to networks of this length, 8 to 32
    #[arg(short, long, value_name = "LEN", value_parser = length::<8, 32>)]
    pub mask: Option<u8>,
    /// Widen IPv6 entries to networks of this length, 16 to 128
    #[arg(long, value_name = "LEN", value_parser = length::<16, 128>)]
    pub mask6: Option<u8>,
    /// Do without lists that do not exist; one that exists must be readable
    #[arg(long)]
    pub skip_missing: bool,
    /// Never drop what this list names, whatever the others say (repeatable, a directory too)
    #[arg(short, long, value_name = "PATH", value_parser = OsStringValueParser::new().try_map(source))]
    pub allow: Vec<Source>,
    /// Set aside IPv4 entries wider than this length, 0 to 32, as mistakes
    #[arg(long, value_name = "LEN", default_value = "8", value_parser = length::<0, 32>)]
    pub widest: u8,
    /// Set aside IPv6 entries wider than this length, 0 to 128, as mistakes
    #[arg(long, value_name = "LEN", default_value = "16", value_parser = length::<0, 128>)]
    pub widest6: u8,
    /// Of all entries take only the last N that were written
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub newest: Option<u64>,
    /// Drop also own addresses, gateways, resolvers, and entries of any width
    #[arg(long)]
    pub no_protect: bool,
}

/// The names of table and sets.
#[derive(Debug, Args)]
pub struct NameOptions {
    /// The table; one that is not the default is not netfilterd's, and only its sets are filled
    #[arg(short, long, value_name = "FAMILY NAME", default_value = MANAGED_TABLE)]
    pub table: TableName,
    /// The set of IPv4 networks
    #[arg(long, value_name = "NAME", default_value = "drop4")]
    pub set4: SetName,
    /// The set of IPv6 networks
    #[arg(long, value_name = "NAME", default_value = "drop6")]
    pub set6: SetName,
}

/// Options of `print`.
#[derive(Debug, Args)]
pub struct PrintOptions {
    /// The form to write
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Cidr)]
    pub format: Format,
    /// Which lists.
    #[command(flatten)]
    pub lists: ListOptions,
    /// The names in scripts.
    #[command(flatten)]
    pub names: NameOptions,
    /// How much to say.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `test`.
#[derive(Debug, Args)]
pub struct TestOptions {
    /// The addresses to look up
    #[arg(required = true, value_name = "ADDRESS", value_parser = address)]
    pub addresses: Vec<IpAddr>,
    /// Which lists.
    #[command(flatten)]
    pub lists: ListOptions,
    /// Where the kernel is asked.
    #[command(flatten)]
    pub names: NameOptions,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// How much to say.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `status`.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Which daemon's.
    #[command(flatten)]
    pub file: StatusFile,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// How much to say.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
    /// How much to say.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, Args)]
pub struct Verbosity {
    /// Say more
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Say less: once for warnings and errors only, twice for errors only
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
}

/// A path is bytes, and need not be text.
fn source(text: OsString) -> Result<Source, &'static str> {
    if text.is_empty() {
        return Err("a list has a name");
    }
    Ok(if text == "-" { Source::Stdin } else { Source::Path(text.into()) })
}

fn length<const LEAST: u8, const MOST: u8>(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(length) if (LEAST..=MOST).contains(&length) => Ok(length),
        _ => Err(format!("a prefix length is a number from {LEAST} to {MOST}, without a slash")),
    }
}

fn percent(text: &str) -> Result<u8, &'static str> {
    match text.parse() {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err("a percentage is a number from 0 to 100, without a sign"),
    }
}

fn address(text: &str) -> Result<IpAddr, &'static str> {
    text.parse().map_err(|_| "not an address; networks and host names cannot be tested")
}

/// More queues than a machine has processors are of no use, and each is a thread.
const MOST_QUEUES: usize = 256;

fn queues(text: &str) -> Result<RangeInclusive<u16>, String> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.ok_or("a queue is a number from 0 to 65535, or two of them as in 0:3")
    };
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let queues = number(first)?..=number(last)?;
    match queues.len() {
        0 => Err(format!("the last queue comes before the first; write {last}:{first}")),
        1..=MOST_QUEUES => Ok(queues),
        count => Err(format!("{count} queues, each of which is a thread; {MOST_QUEUES} at most")),
    }
}

fn mark(text: &str) -> Result<NonZeroU32, &'static str> {
    let number = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16),
        Some(_) => return Err("a mark is a number, such as 16 or 0x10"),
        None => text.parse(),
    };
    let number = number.map_err(|_| "a mark is a number of 32 bits, such as 16 or 0x10")?;
    NonZeroU32::new(number).ok_or("a mark of 0 is what unmarked packets have; choose another")
}

/// `IFNAMSIZ` without the NUL.
const MAX_INTERFACE: usize = 15;

fn interface(text: &str) -> Result<CString, String> {
    let valid = !text.is_empty()
        && text != "*"
        && text.len() <= MAX_INTERFACE
        && !text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    match CString::new(text) {
        Ok(name) if valid => Ok(name),
        _ => {
            Err(format!("an interface has a name of 1 to {MAX_INTERFACE} bytes, like eth0 or ppp*"))
        }
    }
}
