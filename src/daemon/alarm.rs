//! An alarm at a time of day.
//!
//! It rings also when the clock is put forward or back, since then it is later or earlier than
//! whoever set it thought.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::list::End;

/// An alarm clock.
pub struct Alarm {
    timer: TimerFd,
}

impl Alarm {
    /// One that is not set.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Alarm { timer: TimerFd::new(ClockId::CLOCK_REALTIME, flags)? })
    }

    /// Sets it to `end`, in place of what it was set to.
    pub fn set(&self, end: End) -> io::Result<()> {
        let flags =
            TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        // A time of 0 would switch it off.
        let time = Expiration::OneShot(TimeSpec::new(end.seconds().max(1), 0));
        Ok(self.timer.set(time, flags)?)
    }

    /// Switches it off.
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
    /// Readable when it rings.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}
