//! `status`: the status of the running daemon, and whether the kernel has in force what it loaded.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use super::args::StatusOptions;
use super::kernel;
use super::out::to_stdout;
use crate::error::{Error, FAILED};
use crate::nfqueue;
use crate::nftables::name::Listed;
use crate::status::{self, Answer, Found, Health, Mode, Report, Status};

/// The LSB's exit statuses for a program that is not running, and for one whose status is not known.
const NOT_RUNNING: u8 = 3;
const UNKNOWN: u8 = 4;

/// How long a daemon may take to write its status after a change of the ruleset: to free the sets that
/// a load has replaced takes a second at most.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// Writes the status to standard output. Exits with 1 if the last load failed or what the lists ask for
/// is not in force.
pub fn run(options: &StatusOptions) -> Result<ExitCode, Error> {
    let path = &options.file.status_file;
    let Some(mut report) = report(options)? else {
        log::error!(
            "no daemon found (status file {}); if it uses another, give --status-file",
            path.display()
        );
        return Ok(ExitCode::from(NOT_RUNNING));
    };
    report.status.dropped = kernel::dropped(&report.status);
    to_stdout(|out| {
        if options.json {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            writeln!(out)
        } else {
            write!(out, "{report}")
        }
    })?;
    Ok(match report.health() {
        Health::Good => ExitCode::SUCCESS,
        Health::Bad => ExitCode::from(FAILED),
        Health::Unknown => ExitCode::from(UNKNOWN),
    })
}

/// The status and the kernel's answer; `None` if no daemon runs.
fn report(options: &StatusOptions) -> Result<Option<Report>, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Some(Found { status, is_running }) = status::find(&options.file.status_file)? else {
            return Ok(None);
        };
        if !is_running {
            log_left(&status);
            return Ok(None);
        }
        let kernel = answer(&status);
        let contradiction = status.is_in_force() && matches!(kernel, Answer::NotInForce { .. });
        if !contradiction || Instant::now() >= deadline {
            return Ok(Some(Report { status, kernel }));
        }
        // A load may have switched to other sets since the file was read.
        thread::sleep(PAUSE);
    }
}

/// Whether the kernel has in force what the daemon of a status has put there.
fn answer(status: &Status) -> Answer {
    match status.mode {
        Mode::Tables => kernel::answer(status),
        Mode::Queue => match nfqueue::kernel::differences(status.pid, &status.queues) {
            Err(error) => Answer::Unknown { reason: error.to_string() },
            Ok(differences) if differences.is_empty() => Answer::InForce,
            Ok(differences) => Answer::NotInForce { differences },
        },
    }
}

/// Says what a daemon that was killed has left in force.
fn log_left(status: &Status) {
    let (pid, tables) = (status.pid, Listed(&status.tables));
    match (status.mode, answer(status)) {
        (Mode::Tables, Answer::InForce) => {
            log::info!(
                "the daemon with pid {pid} was killed; what it loaded is in force in {tables}"
            );
        }
        (Mode::Tables, Answer::NotInForce { differences }) => {
            let differences = differences.join(", ");
            log::warn!(
                "the daemon with pid {pid} was killed; what it loaded is not in force: {differences}"
            );
        }
        (Mode::Tables, Answer::Unknown { reason }) => {
            log::warn!(
                "the daemon with pid {pid} was killed; it is not known whether what it loaded is in \
                 force: {reason}"
            );
        }
        // Queues end with the process that served them.
        (Mode::Queue, _) => {}
    }
}
