//! When to put back what somebody else has taken away.
//!
//! Knows times and nothing else: the daemon asks it, and does what it says. A program that removes
//! the table again and again is met with growing pauses, since two programs that undo each other
//! at full speed are worse than either.

use std::time::{Duration, Instant};

/// How long changes are gathered: a firewall's restart is several transactions.
const GATHER: Duration = Duration::from_millis(100);

/// The first pause between a repair and the next, and the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// For how long nothing must have been taken away for the pauses to begin anew.
const QUIET: Duration = Duration::from_secs(120);

/// When something that was taken away will be put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// As soon as what belongs together has been gathered.
    AtOnce,
    /// After this pause, since it was put back only a moment ago.
    After(Duration),
    /// With what was taken away before it.
    Already,
}

/// Decides when to repair.
#[derive(Debug, Default)]
pub struct Schedule {
    due: Option<Instant>,
    last: Option<Instant>,
    pause: Option<Duration>,
}

impl Schedule {
    /// Something was taken away at `now`.
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

    /// When to repair; `None` if nothing is to be repaired.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the time has come at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// It was put back at `now`, or was tried to be.
    pub fn repaired(&mut self, now: Instant) {
        self.due = None;
        self.last = Some(now);
    }

    /// Everything was loaded, so nothing is left to be put back.
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
