//! The watchdog of the service manager, which restarts a daemon that no longer notifies it.

use std::time::{Duration, Instant};

/// The times of the notifications.
#[derive(Debug)]
pub struct Watchdog {
    every: Duration,
    next: Instant,
}

impl Watchdog {
    /// The watchdog that the service manager set for this process; `None` if it set none.
    pub fn set_by_manager(now: Instant) -> Option<Self> {
        // Two notifications in the permitted time.
        let every = sd_notify::watchdog_enabled()? / 2;
        (!every.is_zero()).then_some(Watchdog { every, next: now + every })
    }

    /// The time until the next notification.
    pub fn wait(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// Whether a notification is due at `now`. Returns `true` once for each notification.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now + self.every;
        }
        due
    }
}
