//! The command line: definitions and nothing else.
//!
//! Past this point no value is invalid: names are checked, lengths are in range, a list is a path or
//! standard input.

use std::ffi::CString;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, value_parser};
use clap_complete::Shell;

use super::values::{address, interface, length, mark, percent, queues, source};
use crate::list::Source;
use crate::nftables::layout::Layout;
use crate::nftables::name::{MANAGED, SetName, Tables};
use crate::output::print::Format;

/// The list that is read without `--file`.
pub const DEFAULT_LIST: &str = "/var/cache/netfilterd/drop_ips";

/// The file of the daemon's status without `--status-file`.
pub const DEFAULT_STATUS: &str = "/run/netfilterd/status.json";

/// The file that records how many networks are in force, without `--state-file`.
pub const DEFAULT_STATE: &str = "/var/lib/netfilterd/state.json";

/// Keeps an nftables set in step with a list of bad networks.
///
/// Reads addresses and networks from lists, widens and merges them, and has the kernel drop packets
/// from and to these networks. Without a command: load, keep running, and reload on SIGHUP.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(override_usage = "netfilterd [COMMAND] [OPTIONS]")]
pub struct Cli {
    /// The command; `None` means `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `run`, which need no command in front.
    #[command(flatten)]
    pub run: RunOptions,
}

/// The commands. Their comments are the text of `--help`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load, keep running, and reload on SIGHUP (the default)
    Run(RunOptions),
    /// Load once and exit
    Load(OnceOptions),
    /// Show what load would do, and change nothing
    Check(LoadOptions),
    /// Write the merged networks to standard output
    Print(PrintOptions),
    /// Show whether addresses are dropped, and by which entries
    Test(TestOptions),
    /// Show the status of the running daemon
    Status(StatusOptions),
    /// Write a completion script for a shell to standard output
    Completions(CompletionsOptions),
}

/// Options of `run`: those of `load`, and what only a process that keeps running needs.
#[derive(Debug, Args)]
pub struct RunOptions {
    /// The same options as those of `load`.
    #[command(flatten)]
    pub load: LoadOptions,
    /// Do not repair the table when another program changes it
    #[arg(long)]
    pub no_repair: bool,
    /// Reload when a list changes; with SECONDS, also look at the lists that often
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, value_parser = value_parser!(u32).range(1..=86400))]
    pub watch: Option<Option<u32>>,
    /// Write the process id to this file, and refuse to start while another daemon uses it
    #[arg(long, value_name = "PATH")]
    pub pid_file: Option<PathBuf>,
    /// The file that `status` reads.
    #[command(flatten)]
    pub status: StatusFile,
    /// Write the status to this file, too, in the text format of Prometheus
    #[arg(long, value_name = "PATH")]
    pub metrics: Option<PathBuf>,
    /// Options that only `--queue` gives a meaning.
    #[command(flatten)]
    pub queue: QueueOptions,
}

/// The file through which a daemon and `status` communicate.
#[derive(Debug, Args)]
pub struct StatusFile {
    /// The file in which the daemon keeps its status
    #[arg(long, value_name = "PATH", default_value = DEFAULT_STATUS)]
    pub status_file: PathBuf,
}

/// Options of queue mode. Without `--queue` each of them is a usage error.
#[derive(Debug, Args)]
pub struct QueueOptions {
    /// Give verdicts on queue N, or on queues N to M, instead of filling nftables sets
    #[arg(long, value_name = "N[:M]", value_parser = queues, allow_negative_numbers = true, conflicts_with_all = ["table", "set4", "set6", "layout", "no_repair"])]
    pub queue: Option<RangeInclusive<u16>>,
    /// The number of packets that may wait in a queue
    #[arg(long, value_name = "N", default_value_t = 65535, value_parser = value_parser!(u32).range(1..), requires = "queue")]
    pub queue_maxlen: u32,
    /// Accept packets that find the queue full or cannot be read (the default)
    #[arg(long, requires = "queue")]
    pub fail_open: bool,
    /// Drop packets that find the queue full or cannot be read
    #[arg(long, requires = "queue", conflicts_with = "fail_open")]
    pub fail_closed: bool,
    /// Set this mark and repeat the hook instead of accepting a packet
    #[arg(long, value_name = "MARK", value_parser = mark, allow_negative_numbers = true, requires = "queue")]
    pub mark_accept: Option<NonZeroU32>,
    /// Set this mark and repeat the hook instead of dropping a packet
    #[arg(long, value_name = "MARK", value_parser = mark, allow_negative_numbers = true, requires = "queue")]
    pub mark_drop: Option<NonZeroU32>,
}

/// Options of `load`: those of `check`, and what only a load that is watched needs.
#[derive(Debug, Args)]
pub struct OnceOptions {
    /// The same options as those of `check`.
    #[command(flatten)]
    pub load: LoadOptions,
    /// Return to what was in force before, unless you confirm the load within SECONDS
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=86_400), allow_negative_numbers = true)]
    pub confirm: Option<u64>,
}

/// Options that `load`, `check` and `run` have in common.
#[derive(Debug, Args)]
pub struct LoadOptions {
    /// The lists, and how their entries are used.
    #[command(flatten)]
    pub lists: ListOptions,
    /// Load nothing if a line of a list is rejected
    #[arg(long)]
    pub strict: bool,
    /// Refuse to load fewer networks than this; 0 permits an empty result
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    pub min_entries: u64,
    /// Refuse to shrink by more than this, once 100 networks are in force; 100 permits anything
    #[arg(long, value_name = "PERCENT", default_value = "50", value_parser = percent, allow_negative_numbers = true)]
    pub max_shrink: u8,
    /// Load what a guard refuses; a daemon does so for its first load only
    #[arg(long)]
    pub force: bool,
    /// The file that records how many networks are in force
    #[arg(long, value_name = "PATH", default_value = DEFAULT_STATE)]
    pub state_file: PathBuf,
    /// The table and the sets to fill.
    #[command(flatten)]
    pub names: NameOptions,
    /// Filter on this interface only (repeatable; a * at the end matches any ending)
    #[arg(short, long, value_name = "NAME", value_parser = interface)]
    pub interface: Vec<CString>,
    /// How the networks are laid out in kernel sets
    #[arg(long, value_name = "LAYOUT", value_enum, default_value_t = Layout::Auto)]
    pub layout: Layout,
    /// How many messages go to standard error.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// The lists, and how their entries are used.
#[derive(Debug, Args)]
pub struct ListOptions {
    /// Read this list, or every list in this directory (repeatable; - is standard input)
    #[arg(short, long, value_name = "PATH", default_value = DEFAULT_LIST, value_parser = OsStringValueParser::new().try_map(source))]
    pub file: Vec<Source>,
    /// Widen IPv4 entries to networks of this prefix length, 8 to 32
    #[arg(short, long, value_name = "LEN", value_parser = length::<8, 32>)]
    pub mask: Option<u8>,
    /// Widen IPv6 entries to networks of this prefix length, 16 to 128
    #[arg(long, value_name = "LEN", value_parser = length::<16, 128>)]
    pub mask6: Option<u8>,
    /// Ignore missing lists (an unreadable list is still an error)
    #[arg(long)]
    pub skip_missing: bool,
    /// Never drop the networks of this list, or of every list in this directory (repeatable)
    #[arg(short, long, value_name = "PATH", value_parser = OsStringValueParser::new().try_map(source))]
    pub allow: Vec<Source>,
    /// Ignore IPv4 entries that are wider than this prefix length, 0 to 32
    #[arg(long, value_name = "LEN", default_value = "8", value_parser = length::<0, 32>)]
    pub widest: u8,
    /// Ignore IPv6 entries that are wider than this prefix length, 0 to 128
    #[arg(long, value_name = "LEN", default_value = "16", value_parser = length::<0, 128>)]
    pub widest6: u8,
    /// Use only the N entries that were written last
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub newest: Option<u64>,
    /// Of lists with named sets, use this set (repeatable)
    #[arg(long, value_name = "NAME")]
    pub from_set: Vec<String>,
    /// Protect no addresses (own, gateways, resolvers, logged-in hosts), and accept entries of any width
    #[arg(long)]
    pub no_protect: bool,
}

/// The names of table and sets.
#[derive(Debug, Args)]
pub struct NameOptions {
    /// Fill the sets of this table of your own, in place of netfilterd's own tables
    #[arg(id = "table", short, long, value_name = "FAMILY NAME", default_value = MANAGED)]
    #[arg(hide_default_value = true)]
    pub tables: Tables,
    /// The set for IPv4 networks
    #[arg(long, value_name = "NAME", default_value = "drop4")]
    pub set4: SetName,
    /// The set for IPv6 networks
    #[arg(long, value_name = "NAME", default_value = "drop6")]
    pub set6: SetName,
}

/// Options of `print`, which puts nothing in force and asks no guard.
#[derive(Debug, Args)]
pub struct PrintOptions {
    /// The output format
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Cidr)]
    pub format: Format,
    /// In the format nft, also write the rules that drop packets
    #[arg(long)]
    pub rules: bool,
    /// The lists, and how their entries are used.
    #[command(flatten)]
    pub lists: ListOptions,
    /// The table and the sets that the formats `nft` and `ipset` name.
    #[command(flatten)]
    pub names: NameOptions,
    /// Filter on this interface only (repeatable; a * at the end matches any ending)
    #[arg(short, long, value_name = "NAME", value_parser = interface, requires = "rules")]
    pub interface: Vec<CString>,
    /// How many messages go to standard error.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `test`, which reads the lists and asks the kernel.
#[derive(Debug, Args)]
pub struct TestOptions {
    /// The addresses to look up
    #[arg(required = true, value_name = "ADDRESS", value_parser = address)]
    pub addresses: Vec<IpAddr>,
    /// The lists, and how their entries are used.
    #[command(flatten)]
    pub lists: ListOptions,
    /// The table and the sets that are looked up in the kernel.
    #[command(flatten)]
    pub names: NameOptions,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// How many messages go to standard error.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `status`, which reads no list.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// The file of the daemon to show.
    #[command(flatten)]
    pub file: StatusFile,
    /// Write JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// How many messages go to standard error.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// Options of `completions`, which reads no file at all.
#[derive(Debug, Args)]
pub struct CompletionsOptions {
    /// The shell that loads the script
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
    /// How many messages go to standard error.
    #[command(flatten)]
    pub verbosity: Verbosity,
}

/// How many messages go to standard error.
#[derive(Clone, Copy, Debug, Args)]
pub struct Verbosity {
    /// Print more messages
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print fewer messages: once for warnings and errors only, twice for errors only
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub quiet: u8,
}
