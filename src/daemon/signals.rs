//! The events of the loop: signals, and descriptors that are readable.
//!
//! A signal writes a byte to a pipe; the loop reads it and acts.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::low_level::pipe;

use crate::error::Error;
use crate::sys;

/// Blocks SIGHUP until [`release`], because its default is to kill, and unblocks the signals that are to
/// end the process, which its parent process may have blocked.
pub fn prepare() {
    // Cannot fail, because the signals exist.
    let _ = SigSet::from_iter([Signal::SIGHUP]).thread_block();
    let _ = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]).thread_unblock();
}

/// Unblocks the signals that netfilterd acts on, also those that its parent process had blocked. A
/// signal that waited is delivered now: to the handler of the daemon, or with its default to any other
/// command.
pub fn release() {
    // Cannot fail, because the signals exist.
    let _ = SigSet::from_iter(ACTED_ON).thread_unblock();
}

const ACTED_ON: [Signal; 4] = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1];

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

/// The owner of a descriptor.
#[derive(Clone, Copy)]
pub enum Source {
    /// An address or a route has changed.
    Addresses,
    /// A list may have changed.
    Lists,
    /// Lists have been read.
    Reader,
    /// The files of the host may have changed: logins or resolvers.
    Host,
    /// An entry has expired, or the clock was set.
    Alarm,
    /// A message waits for the back end.
    BackEnd,
}

/// How often waiting is attempted again after an error, and the pause before each attempt. A daemon that
/// receives no signals is of no use: it exits, so that its service manager starts it again.
const ATTEMPTS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// The signals as pipes, one for each of reload, stop and status.
pub struct Signals {
    reload: UnixStream,
    stop: UnixStream,
    status: UnixStream,
    /// The index of the descriptor that is examined first.
    turn: usize,
}

impl Signals {
    /// Installs the handlers. From now on signals wait in the pipes.
    pub fn register() -> io::Result<Self> {
        let (reload, reload_sender) = UnixStream::pair()?;
        let (stop, stop_sender) = UnixStream::pair()?;
        let (status, status_sender) = UnixStream::pair()?;
        reload.set_nonblocking(true)?;
        status.set_nonblocking(true)?;
        pipe::register(SIGHUP, reload_sender)?;
        pipe::register(SIGTERM, stop_sender.try_clone()?)?;
        pipe::register(SIGINT, stop_sender)?;
        pipe::register(SIGUSR1, status_sender)?;
        release();
        Ok(Signals { reload, stop, status, turn: 0 })
    }

    /// The same as [`Signals::wait`], but a failure that passes is waited for.
    pub fn wait_patiently(
        &mut self,
        sources: &[(Source, BorrowedFd<'_>)],
        time: Option<Duration>,
    ) -> Result<Event, Error> {
        let mut attempts = 0;
        loop {
            match self.wait(sources, time) {
                Ok(event) => return Ok(event),
                Err(source) if attempts == ATTEMPTS => return Err(Error::Wait { source }),
                Err(error) => {
                    log::debug!("cannot wait for signals: {error}; retrying");
                    attempts += 1;
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Waits for a signal, for a readable one of the `sources`, or until `time` has passed. All signals
    /// of a kind that have arrived are one event; a later one, even during the reload, is another event.
    pub fn wait(
        &mut self,
        sources: &[(Source, BorrowedFd<'_>)],
        time: Option<Duration>,
    ) -> io::Result<Event> {
        let signals = [self.stop.as_fd(), self.reload.as_fd(), self.status.as_fd()];
        let fds: Vec<_> = signals.into_iter().chain(sources.iter().map(|(_, fd)| *fd)).collect();
        let readable = sys::wait_for_any(&fds, time)?;
        let (signals, readable) = readable.split_at(signals.len());
        Ok(match *signals {
            [true, ..] => Event::Stop,
            [_, true, ..] => {
                drain(&mut self.reload);
                Event::Reload
            }
            [_, _, true, ..] => {
                drain(&mut self.status);
                Event::Status
            }
            _ => {
                // The descriptor that was read last is examined last, so that none starves the others.
                let mut turns = (0..readable.len()).map(|turn| (self.turn + turn) % readable.len());
                match turns.find(|&index| readable[index]) {
                    None => Event::Time,
                    Some(index) => {
                        self.turn = index + 1;
                        Event::Readable(sources[index].0)
                    }
                }
            }
        })
    }
}

fn drain(pipe: &mut UnixStream) {
    let mut bytes = [0; 1024];
    while matches!(pipe.read(&mut bytes), Ok(count) if count > 0) {}
}
