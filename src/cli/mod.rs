//! The commands: options to actions, actions to an exit status.

pub mod args;
mod lists;
mod stderr;
#[cfg(feature = "nftables")]
mod tables;
mod test;

use std::io::{self, BufWriter, Write};
use std::ops::RangeInclusive;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::cli::args::{
    Cli, Command, CompletionsOptions, ListOptions, LoadOptions, NameOptions, RunOptions,
    StatusOptions, Verbosity,
};
use crate::daemon;
use crate::ip::Families;
use crate::ip::mask::Mask;
use crate::list::{Selection, Source, Widest};
use crate::load::host::Host;
use crate::load::pipeline::Pipeline;
use crate::load::report::Failure;
use crate::load::state;
use crate::nfqueue;
use crate::nftables::layout::Layout;
use crate::policy::desired::Request;
use crate::policy::guard::Guards;
use crate::progress;
use crate::status;
use crate::sys::privileges;

/// The exit statuses that the manual page promises. 2, for usage, is clap's.
const FAILED: u8 = 1;
const REFUSED: u8 = 3;

/// `status`: the LSB's number for a program that is not running.
const NOT_RUNNING: u8 = 3;

/// What stands in for the commands that a netfilterd without nftables does not have.
#[cfg(not(feature = "nftables"))]
mod tables {
    use std::net::IpAddr;

    use super::*;
    use crate::ip::range::RangeSets;

    pub fn run(_: &RunOptions, _: Host) -> Result<(), Failure> {
        usage("this netfilterd was built without nftables: --queue is required")
    }

    pub fn load(_: &LoadOptions, _: Host) -> Result<ExitCode, Failure> {
        usage("this netfilterd was built without nftables, and has nothing to load into")
    }

    const NOT_ASKED: &str = "this netfilterd was built without nftables";

    pub fn in_force(_: &NameOptions, _: IpAddr) -> test::Kernel {
        test::Kernel::Unknown(NOT_ASKED.to_string())
    }

    pub fn all_in_force(_: &NameOptions) -> Result<RangeSets, String> {
        Err(NOT_ASKED.to_string())
    }

    pub fn dropped(_: Option<&str>) -> Vec<status::Dropped> {
        Vec::new()
    }
}

/// Runs what the command line says, to the exit status.
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    if !matches!(command, Command::Run(_)) {
        daemon::release_hup();
    }
    stderr::start_log(command.verbosity(), matches!(command, Command::Run(_)));
    let keeps = matches!(command, Command::Run(_) | Command::Load(_));
    // Looks at the environment of sudo, which is root's to read, before root is like anybody else.
    let host = Host::new();
    for kept in privileges::keep_net_admin_only() {
        log::warn!("{kept}");
    }
    if matches!(command, Command::Load(_) | Command::Check(_) | Command::Print(_)) {
        progress::show();
    }
    let result = match command {
        Command::Run(options) => run_daemon(&options, host),
        Command::Load(options) => tables::load(&options, host),
        Command::Check(options) => lists::check(&options, host),
        Command::Print(options) => lists::print(&options, host),
        Command::Test(options) => test::run(&options, host),
        Command::Status(options) => status(&options),
        Command::Completions(options) => completions(&options),
    };
    progress::done();
    result.unwrap_or_else(|failure| {
        match &failure {
            Failure::Refused(_) if keeps => log::error!("{}", failure.keeping()),
            failure => log::error!("{failure}"),
        }
        ExitCode::from(match failure {
            Failure::Failed(_) => FAILED,
            Failure::Refused(_) => REFUSED,
        })
    })
}

impl Command {
    fn verbosity(&self) -> Verbosity {
        match self {
            Command::Run(options) => options.load.verbosity,
            Command::Load(options) | Command::Check(options) => options.verbosity,
            Command::Print(options) => options.verbosity,
            Command::Test(options) => options.verbosity,
            Command::Status(options) => options.verbosity,
            Command::Completions(options) => options.verbosity,
        }
    }
}

/// Ends with a usage error, as clap's own do.
fn usage(message: &str) -> ! {
    Cli::command().error(ErrorKind::ArgumentConflict, message).exit()
}

fn run_daemon(options: &RunOptions, host: Host) -> Result<ExitCode, Failure> {
    let lists = &options.load.lists;
    if lists.file.contains(&Source::Stdin) || lists.allow.contains(&Source::Stdin) {
        usage("a daemon cannot read standard input again on SIGHUP; use load, or name a file");
    }
    match &options.queue.queue {
        Some(queues) => run_queues(options, queues.clone(), host)?,
        None => tables::run(options, host)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run_queues(
    options: &RunOptions,
    queues: RangeInclusive<u16>,
    host: Host,
) -> Result<(), Failure> {
    let load = &options.load;
    let queue = &options.queue;
    if queue.mark_accept.is_some() && queue.mark_accept == queue.mark_drop {
        usage("--mark-accept and --mark-drop are the same mark; a rule could not tell them apart");
    }
    let key = format!("queue {}:{}", queues.start(), queues.end());
    let service = daemon::queues::Service::new(
        reading(load, load_request(load), key, host),
        load.interface.clone(),
        nfqueue::Options {
            queues,
            max_length: queue.queue_maxlen,
            fail_open: !queue.fail_closed,
            mark_accept: queue.mark_accept,
            mark_drop: queue.mark_drop,
        },
    );
    daemon::run(service, files(options))
}

fn files(options: &RunOptions) -> daemon::Files<'_> {
    let lists = options.load.lists.file.iter().chain(&options.load.lists.allow);
    let paths = lists.filter_map(|source| match source {
        Source::Path(path) => Some(path.clone()),
        Source::Stdin => None,
    });
    daemon::Files {
        pid: options.pid_file.as_deref(),
        status: &options.status.status_file,
        metrics: options.metrics.as_deref(),
        watch: if options.watch { paths.collect() } else { Vec::new() },
    }
}

fn status(options: &StatusOptions) -> Result<ExitCode, Failure> {
    let path = &options.file.status_file;
    match status::read(path).map_err(Failure::Failed)? {
        None => {
            log::error!(
                "no netfilterd is running that keeps {}; start one, or name the file of the one \
                 that runs with --status-file",
                path.display()
            );
            Ok(ExitCode::from(NOT_RUNNING))
        }
        Some(mut status) => {
            status.dropped = tables::dropped(status.table.as_deref());
            to_stdout(|out| {
                if options.json {
                    serde_json::to_writer_pretty(&mut *out, &status)?;
                    writeln!(out)
                } else {
                    write!(out, "{status}")
                }
            })?;
            Ok(if status.is_healthy() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
        }
    }
}

fn completions(options: &CompletionsOptions) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "netfilterd", &mut script);
    to_stdout(|out| out.write_all(&script))?;
    Ok(ExitCode::SUCCESS)
}

fn request(lists: &ListOptions) -> Request {
    let stdin =
        |sources: &[Source]| sources.iter().filter(|&source| *source == Source::Stdin).count();
    if stdin(&lists.file) + stdin(&lists.allow) > 1 {
        usage("standard input is one list, and can be read only once");
    }
    let widest = match lists.no_protect {
        true => Widest::ANY,
        false => Widest { v4: lists.widest, v6: lists.widest6 },
    };
    Request {
        sources: lists.file.clone(),
        skip_missing: lists.skip_missing,
        allow: lists.allow.clone(),
        selection: Selection { widest, newest: lists.newest },
        mask: Mask { v4: lists.mask, v6: lists.mask6 },
        families: Families::BOTH,
    }
}

fn load_request(options: &LoadOptions) -> Request {
    let family = options.names.table.family();
    let families = Families { v4: family.sees_v4(), v6: family.sees_v6() };
    Request { families, ..request(&options.lists) }
}

/// Where the facts come from by which addresses are protected, if any are.
fn protecting(host: Host, lists: &ListOptions) -> Option<Host> {
    (!lists.no_protect).then_some(host)
}

fn warn_if_unprotected(lists: &ListOptions) {
    if lists.no_protect {
        log::warn!("--no-protect: a list can lock you out of this host");
    }
}

/// What is read and judged time after time; `key` says for which target.
fn reading(options: &LoadOptions, request: Request, key: String, host: Host) -> Pipeline {
    warn_if_unprotected(&options.lists);
    let state = state::File::new(&options.state_file, key);
    let host = protecting(host, &options.lists);
    Pipeline::new(request, guards(options), options.force, host, state)
}

fn guards(options: &LoadOptions) -> Guards {
    Guards {
        min_entries: options.min_entries,
        max_shrink: options.max_shrink,
        strict: options.strict,
    }
}

/// What a target in nftables is called in the state file. The managed table is in force as a whole,
/// whatever its sets are called; another one may have several pairs of sets.
fn table_key(names: &NameOptions) -> String {
    match names.table.is_managed() {
        true => names.table.to_string(),
        false => format!("{} {} {}", names.table, names.set4, names.set6),
    }
}

fn check_names(options: &LoadOptions) {
    check_set_names(&options.names);
    if options.layout == Layout::Hash && !options.names.table.is_managed() {
        usage("--layout hash needs the managed table: its look-up is a rule of its own kind");
    }
    if !options.interface.is_empty() && !options.names.table.is_managed() {
        usage("--interface needs the managed table; in another one the rules are yours to narrow");
    }
}

fn check_set_names(names: &NameOptions) {
    if names.set4 == names.set6 {
        usage("--set4 and --set6 are the same set; a set holds one family");
    }
}

/// Writes to standard output. A reader that has seen enough is no failure.
fn to_stdout(
    write: impl FnOnce(&mut BufWriter<io::StdoutLock<'_>>) -> io::Result<()>,
) -> Result<(), Failure> {
    // Both may be the same terminal.
    progress::done();
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Failed(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}
