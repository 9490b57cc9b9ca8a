//! A timer for a time of day: the time at which the next entry expires.
//!
//! It fires also when the clock is set, because then the time until the next expiry has changed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::list::End;

/// A timer on the realtime clock.
pub struct Alarm {
    timer: TimerFd,
}

impl Alarm {
    /// A timer that is not armed. Fails if the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Alarm { timer: TimerFd::new(ClockId::CLOCK_REALTIME, flags)? })
    }

    /// Arms the timer for `end`, in place of an earlier time.
    pub fn set(&self, end: End) -> io::Result<()> {
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        // A time of 0 would disarm it.
        let time = Expiration::OneShot(TimeSpec::new(end.seconds().max(1), 0));
        Ok(self.timer.set(time, flags)?)
    }

    /// Disarms the timer.
    pub fn unset(&self) -> io::Result<()> {
        Ok(self.timer.unset()?)
    }

    /// Whether the timer has fired since it was armed. After that it must be armed again.
    pub fn has_fired(&self) -> io::Result<bool> {
        match self.timer.wait() {
            Ok(()) | Err(Errno::ECANCELED) => Ok(true),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Alarm {
    /// Readable after the timer has fired.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}
