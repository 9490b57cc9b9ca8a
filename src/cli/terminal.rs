//! Standard error of a command at a terminal: a progress bar, and messages that do not overwrite it.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::progress::{Progress, Step};

/// The time before the bar appears. Most loads are finished by then, and a flicker helps nobody.
const QUIET: Duration = Duration::from_millis(500);

/// How often the bar moves while the load waits for the kernel.
const TICK: Duration = Duration::from_millis(100);

/// Updates are shown this often at most, in hertz.
const RATE: u8 = 10;

/// The templates of the three kinds of steps, in ASCII, which every console can show.
const BYTES: &str = "{msg} [{bar:30}] {bytes}/{total_bytes} ({elapsed})";
const NETWORKS: &str = "{msg} [{bar:30}] {human_pos}/{human_len} ({elapsed})";
const SPINNER: &str = "{spinner} {msg} {bytes} ({elapsed})";

/// A handle of the bar; all clones share one bar.
#[derive(Clone, Default)]
pub struct Terminal {
    shown: Arc<Mutex<Option<Shown>>>,
}

/// The bar of a load.
struct Shown {
    bar: ProgressBar,
    kind: &'static str,
    /// Dropped to end the thread that waits to show the bar.
    _waiting: Sender<()>,
}

impl Shown {
    /// A bar that appears after [`QUIET`]; `None` if standard error is not a terminal.
    fn new() -> Option<Self> {
        if !io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::hidden();
        let (waiting, ended) = mpsc::channel();
        let later = bar.clone();
        let show = move || {
            if ended.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                later.set_draw_target(ProgressDrawTarget::stderr_with_hz(RATE));
                later.enable_steady_tick(TICK);
            }
        };
        // Without this thread the bar stays hidden; the load goes on.
        thread::Builder::new().name("progress".into()).spawn(show).ok()?;
        Some(Shown { bar, kind: "", _waiting: waiting })
    }

    fn step(&mut self, step: Step) {
        let (kind, message, at, of) = match step {
            Step::Reading { bytes, of: Some(of) } => (BYTES, "reading", bytes, of),
            Step::Reading { bytes, of: None } => (SPINNER, "reading", bytes, 0),
            Step::Merging => (SPINNER, "merging", self.bar.position(), 0),
            Step::Sending { networks, of } => (NETWORKS, "sending networks", networks, of),
        };
        if self.kind != kind {
            // The only error is that of an invalid template.
            if let Ok(style) = ProgressStyle::with_template(kind) {
                self.bar.set_style(style.tick_chars("|/-\\ ").progress_chars("=> "));
            }
            self.kind = kind;
        }
        // Both before anything is drawn, so that no frame has figures of another step.
        self.bar.update(|state| {
            state.set_len(of);
            state.set_pos(at);
        });
        self.bar.set_message(message);
    }
}

impl Terminal {
    /// Removes the bar from the terminal.
    pub fn clear(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shown) = shown.take() {
            shown.bar.finish_and_clear();
        }
    }
}

impl Progress for Terminal {
    fn step(&self, step: Step) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.is_none() {
            *shown = Shown::new();
        }
        if let Some(shown) = &mut *shown {
            shown.step(step);
        }
    }

    fn done(&self) {
        self.clear();
    }
}

/// Messages: the bar is hidden while one is written.
impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        match &*shown {
            Some(shown) => shown.bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
