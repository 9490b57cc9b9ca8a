//! The pauses between attempts at what has failed.
//!
//! Computes times only; the caller attempts. What has failed is attempted again until it succeeds. The
//! pauses grow, because a cause that lasts would otherwise fill the log and load the host.

use std::time::{Duration, Instant};

/// When to attempt again what has failed. Its times come from the caller, so tests need not wait.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// The pause after the last failure; `None` if the last attempt succeeded.
    pause: Option<Duration>,
    due: Option<Instant>,
}

impl Backoff {
    /// Nothing has failed. After the first failure the pause is `first`; it doubles with each further
    /// failure, up to `longest`.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Backoff { first, longest, pause: None, due: None }
    }

    /// Records a failure at `now`. Returns the pause until the next attempt.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let pause = match self.pause {
            None => self.first,
            Some(pause) => pause.saturating_mul(2).min(self.longest),
        };
        (self.pause, self.due) = (Some(pause), Some(now + pause));
        pause
    }

    /// Records a success: nothing has to be attempted, and pauses begin with the first one again.
    pub fn succeeded(&mut self) {
        (self.pause, self.due) = (None, None);
    }

    /// Whether the last attempt failed.
    pub fn is_failing(&self) -> bool {
        self.pause.is_some()
    }

    /// Whether an attempt has failed that followed another failure by itself.
    pub fn is_repeated(&self) -> bool {
        self.pause.is_some_and(|pause| pause > self.first)
    }

    /// The time of the next attempt; `None` if none is scheduled.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether an attempt is due at `now`. Returns `true` once for each attempt, whose result must be
    /// recorded then.
    pub fn is_due(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(60);

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_success() {
        let mut now = Instant::now();
        let mut backoff = Backoff::new(FIRST, LONGEST);
        assert!(!backoff.is_failing() && !backoff.is_due(now));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let pause = backoff.failed(now);
            assert_eq!(backoff.due(), Some(now + pause));
            assert!(!backoff.is_due(now + pause - Duration::from_millis(1)));
            now += pause;
            assert!(backoff.is_due(now));
            assert!(!backoff.is_due(now), "one attempt");
            assert!(backoff.is_failing(), "until it succeeds");
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 60, 60]);
        backoff.succeeded();
        assert!(!backoff.is_failing() && backoff.due().is_none());
        assert_eq!(backoff.failed(now), FIRST);
    }

    #[test]
    fn an_attempt_that_was_asked_for_takes_the_place_of_the_scheduled_one() {
        let now = Instant::now();
        let mut backoff = Backoff::new(FIRST, LONGEST);
        backoff.failed(now);
        backoff.failed(now + Duration::from_secs(1));
        assert!(!backoff.is_due(now + FIRST), "the pause counts from the last failure");
        backoff.succeeded();
        assert!(!backoff.is_due(now + LONGEST * 2));
    }
}
