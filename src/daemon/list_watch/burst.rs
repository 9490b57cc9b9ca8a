//! Changes in quick succession, which cause one reload.

use std::time::{Duration, Instant};

/// How long to wait for further changes after a change.
const QUIET: Duration = Duration::from_millis(100);

/// How long to wait in all if changes never pause.
const AT_MOST: Duration = Duration::from_secs(1);

/// Changes in quick succession, which cause one reload.
#[derive(Debug, Default)]
pub struct Burst {
    /// The times of the first and of the last change.
    times: Option<(Instant, Instant)>,
}

impl Burst {
    /// Records a change at `now`.
    pub fn change(&mut self, now: Instant) {
        let begin = self.times.map_or(now, |(begin, _)| begin);
        self.times = Some((begin, now));
    }

    /// The time until the burst is over; `None` if there is no burst.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let (begin, last) = self.times?;
        Some((last + QUIET).min(begin + AT_MOST).saturating_duration_since(now))
    }

    /// Whether a burst is over at `now`. Returns `true` once for each burst.
    pub fn is_over(&mut self, now: Instant) -> bool {
        let over = self.wait(now).is_some_and(|left| left.is_zero());
        if over {
            self.times = None;
        }
        over
    }
}
