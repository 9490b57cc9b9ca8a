//! When to repair what another program has changed.
//!
//! Computes times only; the back end repairs. If a program changes the table again and again, the
//! pauses between repairs grow, because two programs that undo each other at full speed would load
//! the host.

use std::time::{Duration, Instant};

/// How long to gather changes: the restart of a firewall is several transactions.
const GATHER: Duration = Duration::from_millis(100);

/// The first pause between two repairs, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The time without changes after which pauses begin at [`PAUSE`] again.
const QUIET: Duration = Duration::from_secs(120);

/// When a change will be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// After 100 ms, in which changes that belong together are gathered.
    AtOnce,
    /// After this pause, because the last repair was recent.
    After(Duration),
    /// Together with an earlier change, whose repair is due already.
    Already,
}

/// The schedule of repairs. Its times come from the caller, so tests need not wait.
#[derive(Debug, Default)]
pub struct Schedule {
    due: Option<Instant>,
    last: Option<Instant>,
    pause: Option<Duration>,
}

impl Schedule {
    /// Records a change at `now`.
    pub fn changed(&mut self, now: Instant) -> Answer {
        if self.due.is_some() {
            return Answer::Already;
        }
        let since = self.last.map(|last| now.saturating_duration_since(last));
        self.pause = match (since, self.pause) {
            // Never repaired, or long ago.
            (None, _) => None,
            (Some(since), _) if since >= QUIET => None,
            (Some(_), None) => Some(PAUSE),
            (Some(_), Some(pause)) => Some((pause * 2).min(LONGEST)),
        };
        let wait = self.pause.unwrap_or(GATHER);
        self.due = Some(now + wait);
        self.pause.map_or(Answer::AtOnce, Answer::After)
    }

    /// The time of the next repair; `None` if nothing has to be repaired.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a repair is due at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Records a repair at `now`, or a failed attempt.
    pub fn repaired(&mut self, now: Instant) {
        self.due = None;
        self.last = Some(now);
    }

    /// Records a load, after which nothing has to be repaired.
    pub fn loaded(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_repair_waits_only_for_what_belongs_together() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        assert_eq!(schedule.due(), None);
        assert_eq!(schedule.changed(now), Answer::AtOnce);
        assert_eq!(schedule.changed(now + GATHER / 2), Answer::Already, "one of the same");
        assert_eq!(schedule.due(), Some(now + GATHER));
        assert!(!schedule.is_due(now));
        assert!(schedule.is_due(now + GATHER));
        assert!(GATHER < Duration::from_secs(1), "restored within a second");
    }

    #[test]
    fn one_who_keeps_at_it_is_met_with_growing_pauses() {
        let mut now = Instant::now();
        let mut schedule = Schedule::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            pauses.push(match schedule.changed(now) {
                Answer::After(pause) => pause.as_secs(),
                answer => {
                    assert_eq!(answer, Answer::AtOnce);
                    0
                }
            });
            now = schedule.due().unwrap();
            assert!(schedule.is_due(now));
            schedule.repaired(now);
            now += Duration::from_millis(1);
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        now += QUIET;
        assert_eq!(schedule.changed(now), Answer::AtOnce, "after a quiet time it begins anew");
    }

    #[test]
    fn a_load_leaves_nothing_to_repair() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.changed(now);
        schedule.loaded();
        assert_eq!(schedule.due(), None);
    }
}
