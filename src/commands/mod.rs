//! The commands: options to actions, actions to an exit status.

#[cfg(feature = "nftables")]
mod tables;

use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::cli::{
    Cli, Command, ListOptions, LoadOptions, NameOptions, PrintOptions, RunOptions, StatusOptions,
    TestOptions, Verbosity,
};
use crate::daemon;
use crate::guard::Guards;
use crate::layout::Layout;
use crate::list::Source;
use crate::load::{self, Failure};
use crate::mask::Mask;
use crate::print::{self, Names};
use crate::queue;
use crate::status;
use crate::wanted::{Families, Request, Wanted};
use crate::words::{Count, Grouped, Noun};

/// The exit statuses that the manual page promises. 2, for usage, is clap's.
const FAILED: u8 = 1;
const REFUSED: u8 = 3;

/// `test`: not every address is dropped.
const NOT_DROPPED: u8 = 1;

/// `status`: the LSB's number for a program that is not running.
const NOT_RUNNING: u8 = 3;

/// What stands in for the commands that a netfilterd without nftables does not have.
#[cfg(not(feature = "nftables"))]
mod tables {
    use super::*;

    pub fn run(_: &RunOptions) -> Result<(), Failure> {
        usage("this netfilterd was built without nftables: --queue is required")
    }

    pub fn load(_: &LoadOptions) -> Result<ExitCode, Failure> {
        usage("this netfilterd was built without nftables, and has nothing to load into")
    }
}

/// Runs what the command line says, to the exit status.
pub fn run(cli: Cli) -> ExitCode {
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    start_log(command.verbosity());
    let result = match command {
        Command::Run(options) => run_daemon(&options),
        Command::Load(options) => tables::load(&options),
        Command::Check(options) => check(&options),
        Command::Print(options) => print(&options),
        Command::Test(options) => test(&options),
        Command::Status(options) => status(&options),
    };
    result.unwrap_or_else(|failure| {
        log::error!("{failure}");
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
        }
    }
}

/// Ends with a usage error, as clap's own do.
fn usage(message: &str) -> ! {
    Cli::command().error(ErrorKind::ArgumentConflict, message).exit()
}

fn run_daemon(options: &RunOptions) -> Result<ExitCode, Failure> {
    if options.load.lists.file.contains(&Source::Stdin) {
        usage("a daemon cannot read standard input again on SIGHUP; use load, or name a file");
    }
    match &options.queue.queue {
        Some(queues) => run_queues(options, queues.clone())?,
        None => tables::run(options)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn run_queues(options: &RunOptions, queues: RangeInclusive<u16>) -> Result<(), Failure> {
    let load = &options.load;
    let queue = &options.queue;
    if queue.mark_accept.is_some() && queue.mark_accept == queue.mark_drop {
        usage("--mark-accept and --mark-drop are the same mark; a rule could not tell them apart");
    }
    let service = queue::Service::new(
        load_request(load),
        guards(load),
        load.interface.clone(),
        queue::Options {
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
    daemon::Files { pid: options.pid_file.as_deref(), status: &options.status.status_file }
}

fn status(options: &StatusOptions) -> Result<ExitCode, Failure> {
    let path = &options.file.status_file;
    match status::read(path).map_err(Failure::Failed)? {
        None => {
            log::error!("no netfilterd is running that keeps {}", path.display());
            Ok(ExitCode::from(NOT_RUNNING))
        }
        Some(status) => {
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

fn check(options: &LoadOptions) -> Result<ExitCode, Failure> {
    check_names(options);
    let wanted = load::read_and_judge(&load_request(options), &guards(options))?;
    let mut report = String::new();
    for list in &wanted.contents.summaries {
        report += &format!(
            "{}: {} (v4 {}, v6 {}), {} rejected\n",
            list.name,
            Count(list.v4 + list.v6, Noun::Entry),
            Grouped(list.v4.into()),
            Grouped(list.v6.into()),
            Count(list.rejected, Noun::Line)
        );
    }
    let (v4, v6) = (wanted.networks4, wanted.networks6);
    let networks = Count(v4 + v6, Noun::Network);
    report +=
        &format!("would load {networks} (v4 {}, v6 {})", Grouped(v4.into()), Grouped(v6.into()));
    let widening = wanted.added4.saturating_add(wanted.added6);
    if widening > 0 {
        report += &format!(", {} addresses added by widening", Grouped(widening));
    }
    report += "\n";
    to_stdout(|out| out.write_all(report.as_bytes()))?;
    Ok(ExitCode::SUCCESS)
}

fn print(options: &PrintOptions) -> Result<ExitCode, Failure> {
    check_set_names(&options.names);
    if options.format == print::Format::Ipset {
        for name in [&options.names.set4, &options.names.set6] {
            if name.as_str().len() > print::IPSET_MAX_NAME {
                let most = print::IPSET_MAX_NAME;
                usage(&format!("{name} is too long for ipset, which leaves {most} bytes for it"));
            }
        }
    }
    let wanted = read(&options.lists)?;
    let names =
        Names { table: &options.names.table, set4: &options.names.set4, set6: &options.names.set6 };
    to_stdout(|out| print::write(options.format, &wanted.sets, &names, out))?;
    Ok(ExitCode::SUCCESS)
}

fn test(options: &TestOptions) -> Result<ExitCode, Failure> {
    let wanted = read(&options.lists)?;
    // An IPv4-mapped address is the IPv4 one, as in a list.
    let addresses: Vec<IpAddr> = options.addresses.iter().map(IpAddr::to_canonical).collect();
    let mut answers: Vec<String> = addresses.iter().map(|_| String::new()).collect();
    wanted.trace(&addresses, |address, origin| {
        let widened = if origin.widened { ", widened" } else { "" };
        let line = format!(
            "{address}: dropped by {} ({}:{}{widened})\n",
            origin.entry, origin.list, origin.line
        );
        for (answer, _) in
            answers.iter_mut().zip(&addresses).filter(|(_, asked)| **asked == address)
        {
            *answer += &line;
        }
    });
    let all = addresses.iter().all(|&address| wanted.sets.contains(address));
    to_stdout(|out| {
        for (address, answer) in addresses.iter().zip(&answers) {
            match answer.as_str() {
                "" => writeln!(out, "{address}: not dropped")?,
                answer => out.write_all(answer.as_bytes())?,
            }
        }
        Ok(())
    })?;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_DROPPED) })
}

/// Reads the lists whatever any guard thinks, and names the rejected lines.
fn read(lists: &ListOptions) -> Result<Wanted, Failure> {
    let anything = Guards { min_entries: 0, strict: false };
    load::read_and_judge(&request(lists), &anything)
}

fn request(lists: &ListOptions) -> Request {
    let mask = Mask { v4: lists.mask, v6: lists.mask6 };
    Request { sources: lists.file.clone(), mask, families: Families::BOTH }
}

fn load_request(options: &LoadOptions) -> Request {
    let family = options.names.table.family();
    let families = Families { v4: family.sees_v4(), v6: family.sees_v6() };
    Request { families, ..request(&options.lists) }
}

fn guards(options: &LoadOptions) -> Guards {
    Guards { min_entries: options.min_entries, strict: options.strict }
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
    let mut out = BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::Failed(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Words go to standard error: with the level in front for journald, else as other tools do.
fn start_log(verbosity: Verbosity) {
    let level = match (verbosity.verbose, verbosity.quiet) {
        (1.., _) => log::LevelFilter::Debug,
        (_, 0) => log::LevelFilter::Info,
        (_, 1) => log::LevelFilter::Warn,
        (_, 2..) => log::LevelFilter::Error,
    };
    let journald = is_journal_stream();
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("netfilterd", level)
        .format(move |out, record| {
            let (priority, word) = match record.level() {
                log::Level::Error => (3, "error: "),
                log::Level::Warn => (4, "warning: "),
                log::Level::Info => (6, ""),
                log::Level::Debug | log::Level::Trace => (7, "debug: "),
            };
            if journald {
                writeln!(out, "<{priority}>{}", record.args())
            } else {
                writeln!(out, "netfilterd: {word}{}", record.args())
            }
        })
        .init();
}

/// Whether standard error is the connection to journald that systemd names in the environment, as
/// `device:inode` (systemd.exec(5)). A program that was started by a service and has its output
/// elsewhere has the variable too.
fn is_journal_stream() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}
