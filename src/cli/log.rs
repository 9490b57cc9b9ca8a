//! Messages to standard error: for journald with the level in front, else with the program's name.
//!
//! A daemon does not wait for the reader of its messages. If a pipe stays full because its reader has
//! stopped, messages are lost, and loads and verdicts go on.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use env_logger::Target;

use super::args::Verbosity;
use super::terminal::Terminal;
use crate::sys;
use crate::words::{Count, Noun};

/// Starts the log with the level of the command line. A command logs through its `terminal`; a daemon
/// has none.
pub fn start(verbosity: Verbosity, terminal: Option<Terminal>) {
    let level = match (verbosity.verbose, verbosity.quiet) {
        (1.., _) => log::LevelFilter::Debug,
        (_, 0) => log::LevelFilter::Info,
        (_, 1) => log::LevelFilter::Warn,
        (_, 2..) => log::LevelFilter::Error,
    };
    let journald = is_journal_stream();
    let begin = move |level| match (journald, level) {
        (true, log::Level::Error) => "<3>",
        (true, log::Level::Warn) => "<4>",
        (true, log::Level::Info) => "<6>",
        (true, _) => "<7>",
        (false, log::Level::Error) => "netfilterd: error: ",
        (false, log::Level::Warn) => "netfilterd: warning: ",
        (false, log::Level::Info) => "netfilterd: ",
        (false, _) => "netfilterd: debug: ",
    };
    let target = match terminal {
        None => Target::Pipe(Box::new(Hurried { warning: begin(log::Level::Warn), lost: 0 })),
        Some(terminal) => Target::Pipe(Box::new(terminal)),
    };
    env_logger::Builder::new()
        .filter_level(log::LevelFilter::Warn)
        .filter_module("netfilterd", level)
        .format(move |out, record| writeln!(out, "{}{}", begin(record.level()), record.args()))
        .target(target)
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

/// How long to wait for a reader that has kept up so far.
const PATIENCE: Duration = Duration::from_secs(1);

/// A write of `PIPE_BUF` bytes does not block once poll(2) reports room in a pipe.
const PIECE: usize = 4096;

/// Standard error of a process that must not wait for its reader.
struct Hurried {
    /// The beginning of a line that is a warning.
    warning: &'static str,
    /// Lines that were lost since the last line that was written.
    lost: u64,
}

impl Hurried {
    /// Whether a write will not block. Waits only if no line has been lost yet.
    fn has_room(&self) -> bool {
        let patience = if self.lost == 0 { PATIENCE } else { Duration::ZERO };
        // Where poll(2) fails the write fails, too, and does not block.
        sys::wait_writable(io::stderr().as_fd(), patience).unwrap_or(true)
    }

    fn write_in_pieces(&self, line: &[u8]) -> io::Result<bool> {
        for piece in line.chunks(PIECE) {
            if !self.has_room() {
                return Ok(false);
            }
            io::stderr().write_all(piece)?;
        }
        Ok(true)
    }
}

impl Write for Hurried {
    /// Expects whole lines, as the log writes them.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lost > 0 && self.has_room() {
            let lost = Count(self.lost, Noun::Line);
            let note = format!(
                "{}messages lost: {lost}; the program that reads standard error had stopped\n",
                self.warning
            );
            if self.write_in_pieces(note.as_bytes())? {
                self.lost = 0;
            }
        }
        if !self.write_in_pieces(line)? {
            self.lost += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
