//! Waiting for descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Waits until one of `fds` can be read, or `timeout` has passed; `None` waits without end.
/// Returns which of them can be read, or have an error that reading would report; none after the
/// timeout, or after a signal.
pub fn wait_readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    wait(fds, PollFlags::POLLIN, timeout)
}

/// Waits until `fd` can be written to, or `timeout` has passed; `false` after the timeout, or after
/// a signal.
pub fn wait_writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    Ok(wait([fd], PollFlags::POLLOUT, Some(timeout))? == [true])
}

fn wait<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    events: PollFlags,
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| PollFd::new(fd, events));
    let timeout = match timeout {
        // Rounded up: waking early would turn a wait into a busy loop.
        Some(timeout) => timeout.as_nanos().div_ceil(1_000_000).try_into(),
        None => Ok(PollTimeout::NONE),
    };
    match poll(&mut polled, timeout.unwrap_or(PollTimeout::MAX)) {
        // Flags that nix does not know are an event like any other.
        Ok(_) => Ok(polled.map(|polled| polled.any().unwrap_or(true))),
        Err(Errno::EINTR) => Ok([false; N]),
        Err(error) => Err(error.into()),
    }
}
