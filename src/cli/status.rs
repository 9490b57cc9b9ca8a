//! `status`: the status of the running daemon.

use std::io::Write;
use std::process::ExitCode;

use super::args::StatusOptions;
use super::kernel;
use super::out::to_stdout;
use crate::error::{Error, FAILED};
use crate::status;

/// The LSB's exit status for a program that is not running.
const NOT_RUNNING: u8 = 3;

/// Writes the status to standard output. Exits with 1 if the last load failed.
pub fn run(options: &StatusOptions) -> Result<ExitCode, Error> {
    let path = &options.file.status_file;
    let Some(mut status) = status::read(path)? else {
        log::error!(
            "no daemon found (status file {}); if it uses another, give --status-file",
            path.display()
        );
        return Ok(ExitCode::from(NOT_RUNNING));
    };
    status.dropped = kernel::dropped(status.table.as_deref());
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
