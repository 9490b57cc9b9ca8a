//! `load --confirm`: a load that is undone unless somebody confirms it.
//!
//! Two processes do it. The child is made first; it takes note of what is in force, and returns to that
//! when the time is over, when the answer is no, and when the parent ends without an answer: then the
//! terminal is gone, as that of an SSH session which the load has cut off. It has a session of its own, so
//! no signal of that terminal reaches it, and it writes nothing before it has done its work, so a terminal
//! that takes no more output cannot hold it up. The parent loads, asks, and passes the answer on.

#![cfg(feature = "nftables")]

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process;
use std::time::{Duration, Instant};

use nix::sys::termios::{FlushArg, tcflush};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::daemon::backoff::Backoff;
use crate::error::{Error, FAILED};
use crate::nftables::Target;
use crate::nftables::snapshot::Snapshot;
use crate::sys::{self, Forked};

/// The pauses between attempts to return to what was in force.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// What the processes send each other, a byte each.
mod message {
    /// To the child: note what is in force. The load begins.
    pub const BEGIN: u8 = b'b';
    /// To the parent: it is noted.
    pub const NOTED: u8 = b'n';
    /// To the parent: it cannot be returned to. A text follows, and the end.
    pub const CANNOT: u8 = b'c';
    /// To the child: the load is in force. The time begins.
    pub const LOADED: u8 = b'l';
    /// To the child: the load has failed, so there is nothing to return to.
    pub const FAILED: u8 = b'f';
    /// To the child: the load was confirmed. To the parent: what was kept for the return is deleted.
    pub const CONFIRMED: u8 = b'y';
    /// To the parent: what was in force before is in force again.
    pub const RETURNED: u8 = b'r';
    /// To the parent: what was in force before is gone.
    pub const GONE: u8 = b'g';
}

/// The parent's side of a load that has to be confirmed. Dropped without a confirmation, it has the child
/// return to what was in force.
pub struct Confirmation {
    child: UnixStream,
    time: Duration,
}

impl Confirmation {
    /// Makes the child, which keeps watch over `target` and waits for `time` once the load is in force.
    /// This must come before any thread.
    pub fn begin(mut target: Target, time: Duration) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Confirm { reason: source.to_string() };
        let (child, parent) = UnixStream::pair().map_err(failed)?;
        match sys::fork().map_err(failed)? {
            Forked::Parent => Ok(Confirmation { child, time }),
            Forked::Child => {
                drop(child);
                process::exit(match keep_watch(&mut target, parent, time) {
                    Ok(()) => 0,
                    Err(_) => FAILED.into(),
                })
            }
        }
    }

    /// Has the child note what is in force. To be called before the load changes anything.
    pub fn note(&mut self) -> Result<(), Error> {
        let mut noted = || {
            self.child.write_all(&[message::BEGIN])?;
            if receive(&mut self.child)? == message::NOTED {
                return Ok(());
            }
            let mut reason = String::new();
            self.child.read_to_string(&mut reason)?;
            Err(io::Error::other(reason))
        };
        noted().map_err(|reason| Error::Confirm { reason: reason.to_string() })
    }

    /// Takes note that the load has failed and has changed nothing.
    pub fn failed(mut self) {
        // A child that has ended does nothing either.
        let _ = self.child.write_all(&[message::FAILED]);
    }

    /// Takes note that the load is in force, and asks at the terminal whether it is to stay. Returns once
    /// it was confirmed and stays; fails if it was undone.
    pub fn ask(mut self) -> Result<(), Error> {
        match self.answer() {
            Ok(message::CONFIRMED) => Ok(()),
            Ok(message::GONE) => Err(Error::NothingToReturnTo),
            Ok(_) => Err(Error::NotConfirmed),
            Err(source) => Err(Error::CannotReturn { source }),
        }
    }

    /// The last message of the child: whether the load was confirmed, was undone, or cannot be undone. An
    /// error means that the child has ended.
    fn answer(&mut self) -> io::Result<u8> {
        self.child.write_all(&[message::LOADED])?;
        let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        if stdin.is_terminal() {
            // What was typed before the question is no answer to it.
            let _ = tcflush(&stdin, FlushArg::TCIFLUSH);
        }
        // A terminal that is gone cannot be asked, and gives no answer.
        let _ = writeln!(
            io::stderr(),
            "The new list is in force. Check that you can still log in, by a new connection.\n\
             Type yes within {} s to keep it:",
            self.time.as_secs()
        );
        if self.is_confirmed(&mut stdin).unwrap_or(false) {
            self.child.write_all(&[message::CONFIRMED])?;
        } else {
            // The child sees the end.
            self.child.shutdown(Shutdown::Write)?;
        }
        receive(&mut self.child)
    }

    /// Waits for a line, or until the child sends something because the time is over.
    fn is_confirmed(&self, stdin: &mut File) -> io::Result<bool> {
        let mut answer = Vec::new();
        while !answer.contains(&b'\n') {
            let [child, typed] = sys::wait_readable([self.child.as_fd(), stdin.as_fd()], None)?;
            if child {
                return Ok(false);
            }
            let mut bytes = [0; 64];
            if typed {
                match stdin.read(&mut bytes) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(count) if count > 0 => answer.extend_from_slice(&bytes[..count]),
                    // Nobody is there any more.
                    _ => return Ok(false),
                }
            }
        }
        Ok(matches!(answer.trim_ascii(), b"yes" | b"y"))
    }
}

/// The next message of the other process; an error if it has ended.
fn receive(from: &mut UnixStream) -> io::Result<u8> {
    let mut message = [0];
    from.read_exact(&mut message).map(|()| message[0])
}

/// What the child does until it ends.
fn keep_watch(target: &mut Target, mut parent: UnixStream, time: Duration) -> io::Result<()> {
    // It belongs to no terminal from now on.
    nix::unistd::setsid()?;
    let (signalled, sender) = UnixStream::pair()?;
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        pipe::register(signal, sender.try_clone()?)?;
    }
    // The parent says the same of the table.
    let level = log::max_level();
    log::set_max_level(log::LevelFilter::Off);
    if receive(&mut parent)? != message::BEGIN {
        return Ok(());
    }
    let before = match target.snapshot() {
        Ok(Some(before)) => before,
        Ok(None) => {
            let reason = "the sets hold too many elements, or elements of another program";
            return cannot(&mut parent, reason);
        }
        Err(error) => return cannot(&mut parent, &error.to_string()),
    };
    parent.write_all(&[message::NOTED])?;
    // A parent that ends in the middle of the load may have put it in force.
    let loaded = receive(&mut parent);
    if matches!(loaded, Ok(message::FAILED)) {
        return Ok(());
    }
    log::set_max_level(level);
    // An error of the wait is no confirmation.
    let confirmed = loaded.is_ok() && is_confirmed(&mut parent, &signalled, time).unwrap_or(false);
    if confirmed {
        if let Err(error) = target.delete_replaced() {
            log::debug!("the old sets stay until the next load: {error}");
        }
        return parent.write_all(&[message::CONFIRMED]);
    }
    let end = restore(target, &before);
    let told = parent.write_all(&[end]);
    if end == message::GONE && told.is_err() {
        log::error!("{}", Error::NothingToReturnTo);
    }
    told
}

fn cannot(parent: &mut UnixStream, reason: &str) -> io::Result<()> {
    parent.write_all(&[message::CANNOT])?;
    parent.write_all(reason.as_bytes())
}

/// Waits for the confirmation, until the time is over, or for a signal such as that of a service manager
/// which ends all processes of a session.
fn is_confirmed(
    parent: &mut UnixStream,
    signalled: &UnixStream,
    time: Duration,
) -> io::Result<bool> {
    let end = Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let [has_answered, is_signalled] =
            sys::wait_readable([parent.as_fd(), signalled.as_fd()], Some(left))?;
        if has_answered {
            return Ok(matches!(receive(parent), Ok(message::CONFIRMED)));
        }
        if is_signalled || left.is_zero() {
            return Ok(false);
        }
    }
}

/// Returns to what was in force; tries until it succeeds, or until that is gone because another load or
/// program has replaced the sets. Returns the message for the parent.
fn restore(target: &mut Target, before: &Snapshot) -> u8 {
    let mut retry = RETRY;
    while let Err(error) = target.restore(before) {
        if error.is_gone() {
            return message::GONE;
        }
        let pause = retry.failed(Instant::now());
        log::error!(
            "cannot return to what was in force in {}: {error}; retrying in {} s",
            target.tables(),
            pause.as_secs()
        );
        std::thread::sleep(pause);
    }
    log::warn!("the load was not confirmed; what was in force before the load is in force again");
    message::RETURNED
}
