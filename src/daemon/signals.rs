//! The events of the loop: signals, and descriptors that are readable.
//!
//! A signal writes a byte to a pipe; the loop reads it and acts.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::pipe;

use crate::sys;

/// Blocks SIGHUP until [`release_hup`], because its default is to kill.
pub fn hold_hup() {
    let _ = hup().thread_block();
}

/// Unblocks SIGHUP. A SIGHUP that waited is delivered now: to the handler of the daemon, or with its
/// default to any other command.
pub fn release_hup() {
    let _ = hup().thread_unblock();
}

/// The set of SIGHUP. Blocking and unblocking it cannot fail, because the signal exists.
fn hup() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP])
}

/// An event of the loop.
pub enum Event {
    /// SIGHUP: reload.
    Reload,
    /// SIGTERM or SIGINT: stop.
    Stop,
    /// SIGUSR1: write the status to the log.
    Status,
    /// A descriptor is readable.
    Readable(Source),
    /// The time that was given has passed.
    Time,
}

/// The owner of a descriptor, in the order of the arguments of [`Signals::wait`].
#[derive(Clone, Copy)]
pub enum Source {
    /// An address or a route has changed.
    Addresses,
    /// A list may have changed.
    Lists,
    /// An entry has expired, or the clock was set.
    Alarm,
    /// A message waits for the back end.
    BackEnd,
}

impl Source {
    const ALL: [Source; 4] = [Source::Addresses, Source::Lists, Source::Alarm, Source::BackEnd];
}

/// The signals as pipes, one for each of reload, stop and status.
pub struct Signals {
    reload: UnixStream,
    stop: UnixStream,
    status: UnixStream,
    /// The index in [`Source::ALL`] that is examined first.
    turn: usize,
}

impl Signals {
    /// Installs the handlers. From now on signals wait in the pipes.
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

    /// Waits for a signal, for a readable descriptor, or until `time` has passed. All signals of a kind
    /// that have arrived are one event; a later one, even during the reload, is another event.
    pub fn wait(
        &mut self,
        descriptors: [Option<BorrowedFd<'_>>; 4],
        time: Option<Duration>,
    ) -> Event {
        // A missing descriptor is replaced by that of `stop`, which is examined first in any case.
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
                // The descriptor that was read last is examined last, so that none starves the others.
                let mut turns = (0..readable.len()).map(|turn| (self.turn + turn) % readable.len());
                match turns.find(|&index| readable[index]) {
                    None => Event::Time,
                    Some(index) => {
                        self.turn = index + 1;
                        Event::Readable(Source::ALL[index])
                    }
                }
            }
            // Cannot happen with open descriptors. A daemon that receives no signals stops, so that its
            // supervisor restarts it.
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
