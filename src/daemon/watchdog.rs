//! The service manager's watchdog: a daemon that no longer says that it is alive is started again.

use std::time::{Duration, Instant};

/// When to say so.
#[derive(Debug)]
pub struct Watchdog {
    every: Duration,
    next: Instant,
}

impl Watchdog {
    /// The watchdog that the service manager has set for this process; usually there is none.
    pub fn set_by_manager(now: Instant) -> Option<Self> {
        // Twice in the time that is allowed.
        let every = sd_notify::watchdog_enabled()? / 2;
        (!every.is_zero()).then_some(Watchdog { every, next: now + every })
    }

    /// How long until it is time to say so.
    pub fn wait(&self, now: Instant) -> Duration {
        self.next.saturating_duration_since(now)
    }

    /// Whether it is time to; once for each time.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next <= now;
        if due {
            self.next = now + self.every;
        }
        due
    }
}
