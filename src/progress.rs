//! What a command is at, for a person who waits at a terminal.
//!
//! As with the log, anybody may say what they are at, and knows nothing of who sees it: nobody does
//! unless [`show`] was called, and standard error is a terminal.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// How often what is shown moves.
const TICK: Duration = Duration::from_millis(100);

/// From here on what is said with [`at`] is shown, if standard error is a terminal.
pub fn show() {
    let bar = BAR.get_or_init(|| {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        // The only error is that of a template that cannot be read.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            // Not every console has the letters that it would use else.
            bar.set_style(style.tick_chars("|/-\\ "));
        }
        bar.with_message("starting")
    });
    if !bar.is_hidden() {
        bar.enable_steady_tick(TICK);
    }
}

/// Says what the command is at.
pub fn at(what: impl Display) {
    if let Some(bar) = BAR.get().filter(|bar| !bar.is_hidden()) {
        bar.set_message(what.to_string());
    }
}

/// Takes away what is shown, for good.
pub fn done() {
    if let Some(bar) = BAR.get() {
        bar.finish_and_clear();
    }
}

/// Standard error, to write lines to that do not run into what is shown.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match BAR.get() {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// What a load is doing, and how far it is with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading lists: so many bytes of them so far, of so many, where that is known.
    Reading {
        /// Read so far.
        bytes: u64,
        /// To be read in all; `None` for standard input.
        of: Option<u64>,
    },
    /// Parsing and merging what was read.
    Merging,
    /// Sending networks to the kernel: so many so far, of so many.
    Sending {
        /// Sent so far.
        networks: u64,
        /// To be sent in all.
        of: u64,
    },
}

/// Receives each step of a load, from the thread that loads.
pub trait Progress {
    /// The load is at this step.
    fn step(&self, step: Step);
}

/// Shows nobody anything.
#[derive(Clone, Copy, Debug)]
pub struct Unseen;

impl Progress for Unseen {
    fn step(&self, _: Step) {}
}
