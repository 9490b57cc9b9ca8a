//! What the loop waits for: signals, and whatever else can be read.
//!
//! A signal is a byte in a pipe; the loop acts on it.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::pipe;

use crate::sys;

/// Has a SIGHUP wait until [`release_hup`].
pub fn hold_hup() {
    let _ = hup().thread_block();
}

/// What has waited acts from here on: on the daemon, or else as it does on any program.
pub fn release_hup() {
    let _ = hup().thread_unblock();
}

/// Neither of the two fails: it is a signal that exists.
fn hup() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP])
}

/// What the daemon waits for.
pub enum Event {
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
    /// SIGUSR1.
    Status,
    /// A descriptor can be read.
    Readable(Source),
    /// The time that was given has passed.
    Time,
}

/// Whose descriptor it is, in the order of what is given to [`Signals::wait`].
#[derive(Clone, Copy)]
pub enum Source {
    /// An address or a route has changed.
    Addresses,
    /// A list may have changed.
    Lists,
    /// An entry has ended.
    Alarm,
    /// The back end has something to look at.
    BackEnd,
}

impl Source {
    const ALL: [Source; 4] = [Source::Addresses, Source::Lists, Source::Alarm, Source::BackEnd];
}

/// The signals as pipes, one for each thing to do.
pub struct Signals {
    reload: UnixStream,
    stop: UnixStream,
    status: UnixStream,
    /// Which of [`Source::ALL`] is asked first.
    turn: usize,
}

impl Signals {
    /// From here on signals wait in the pipes.
    pub fn register() -> std::io::Result<Self> {
        let (reload, reload_sender) = UnixStream::pair()?;
        let (stop, stop_sender) = UnixStream::pair()?;
        let (status, status_sender) = UnixStream::pair()?;
        reload.set_nonblocking(true)?;
        status.set_nonblocking(true)?;
        pipe::register(SIGHUP, reload_sender)?;
        pipe::register(SIGTERM, stop_sender.try_clone()?)?;
        pipe::register(SIGINT, stop_sender)?;
        pipe::register(SIGUSR1, status_sender)?;
        release_hup();
        Ok(Signals { reload, stop, status, turn: 0 })
    }

    /// Waits for a signal, for a descriptor that can be read, or until `time` has passed. All signals
    /// of a kind that have come by now are one; one that comes later, also while it is acted upon, is
    /// another.
    pub fn wait(
        &mut self,
        descriptors: [Option<BorrowedFd<'_>>; 4],
        time: Option<Duration>,
    ) -> Event {
        // In place of one that is not there stands the first descriptor, which is asked first.
        let [a, b, c, d] = descriptors.map(|fd| fd.unwrap_or(self.stop.as_fd()));
        let fds = [self.stop.as_fd(), self.reload.as_fd(), self.status.as_fd(), a, b, c, d];
        match sys::wait_readable(fds, time) {
            Ok([true, ..]) => Event::Stop,
            Ok([_, true, ..]) => {
                drain(&mut self.reload);
                Event::Reload
            }
            Ok([_, _, true, ..]) => {
                drain(&mut self.status);
                Event::Status
            }
            Ok([_, _, _, readable @ ..]) => {
                // The one that was read last has its turn last: none can drown the others.
                let mut turns = (0..readable.len()).map(|turn| (self.turn + turn) % readable.len());
                match turns.find(|&index| readable[index]) {
                    None => Event::Time,
                    Some(index) => {
                        self.turn = index + 1;
                        Event::Readable(Source::ALL[index])
                    }
                }
            }
            // Cannot happen with open descriptors; a daemon that can no longer hear is better
            // ended, for its supervisor to start it again.
            Err(error) => {
                log::error!("cannot wait for signals: {error}; stopping: start the daemon again");
                Event::Stop
            }
        }
    }
}

fn drain(pipe: &mut UnixStream) {
    let mut bytes = [0; 1024];
    while matches!(pipe.read(&mut bytes), Ok(count) if count > 0) {}
}
