//! Waiting for descriptors.

use std::io;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long to pause where descriptors cannot be waited for together.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until one of `fds` can be read, or `timeout` has passed; `None` waits without end. Signals do
/// not end the wait. Returns which of them can be read, or have an error that reading would report;
/// none after the timeout.
pub fn wait_for_any(fds: &[BorrowedFd<'_>], timeout: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    wait(&mut polled, timeout)?;
    Ok(polled.iter().map(is_ready).collect())
}

/// The same for a fixed number of descriptors, without allocating.
pub fn wait_readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    wait(&mut polled, timeout)?;
    Ok(polled.map(|polled| is_ready(&polled)))
}

/// Waits until `fd` can be written to, or `timeout` has passed; `false` after the timeout.
pub fn wait_writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    let mut polled = [PollFd::new(fd, PollFlags::POLLOUT)];
    wait(&mut polled, Some(timeout))?;
    Ok(is_ready(&polled[0]))
}

/// Flags that nix does not know are an event like any other.
fn is_ready(polled: &PollFd<'_>) -> bool {
    polled.any().unwrap_or(true)
}

fn wait(polled: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let end = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        match poll(polled, in_milliseconds(left)) {
            Ok(_) => return Ok(()),
            Err(Errno::EINTR) => {}
            // More descriptors than RLIMIT_NOFILE permits by now; another process may have lowered it.
            Err(Errno::EINVAL) if polled.len() > 1 => {
                let mut ready = 0;
                for one in polled.iter_mut() {
                    ready += poll(std::slice::from_mut(one), PollTimeout::ZERO)?;
                }
                if ready > 0 || left.is_some_and(|left| left.is_zero()) {
                    return Ok(());
                }
                thread::sleep(left.map_or(PAUSE, |left| left.min(PAUSE)));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn in_milliseconds(time: Option<Duration>) -> PollTimeout {
    match time {
        // Rounded up: waking early would turn a wait into a busy loop.
        Some(time) => time.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(PollTimeout::MAX),
        None => PollTimeout::NONE,
    }
}
