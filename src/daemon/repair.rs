//! When to repair what another program has changed.
//!
//! Computes times only; the back end repairs. What a program takes away from time to time is restored
//! at once each time, so that it is in force nearly always. If a repair does not last, the pauses between
//! repairs grow, because two programs that undo each other at full speed would load the host and
//! protect nothing. A repair that fails is tried again until it succeeds.

use std::time::{Duration, Instant};

use super::backoff::Backoff;

/// How long to gather changes: the restart of a firewall is several transactions.
const GATHER: Duration = Duration::from_millis(100);

/// How long a repair must last for the next one to follow at once. So a program that changes the table
/// once a second is met each time, with 100 repairs a minute at most.
const LASTS: Duration = Duration::from_millis(500);

/// The first pause after a repair that did not last, or that failed, and the longest. Each pause is
/// twice the one before.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The time without changes after which a change is not called another one of a series.
const QUIET: Duration = Duration::from_secs(120);

/// A repair takes at most one part in so many of the time: one of a million networks takes a second
/// of processor time.
const SHARE: u32 = 5;

/// When a change will be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// After 100 ms, in which changes that belong together are gathered.
    AtOnce,
    /// After this pause, and there was another repair shortly before.
    Again(Duration),
    /// Together with an earlier change, whose repair is due already.
    Already,
}

/// The schedule of repairs. Its times come from the caller, so tests need not wait.
#[derive(Debug)]
pub struct Schedule {
    due: Option<Instant>,
    last: Option<Last>,
    /// The pause before the last repair, if the one before it did not last.
    pause: Option<Duration>,
    /// The attempts since a repair failed, and the time of the last of them.
    failing: Backoff,
    failed: Option<Instant>,
}

/// A repair that succeeded.
#[derive(Clone, Copy, Debug)]
struct Last {
    end: Instant,
    took: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            due: None,
            last: None,
            pause: None,
            failing: Backoff::new(PAUSE, LONGEST),
            failed: None,
        }
    }
}

impl Schedule {
    /// Records a change at `now`.
    pub fn changed(&mut self, now: Instant) -> Answer {
        if let Some(due) = self.due {
            // The change may be what a repair that failed was waiting for: a table that exists again.
            if let Some(failed) = self.failed {
                self.due = Some(due.min((now + GATHER).max(failed + PAUSE)));
            }
            return Answer::Already;
        }
        let Some(last) = self.last else {
            self.due = Some(now + GATHER);
            return Answer::AtOnce;
        };
        let lasted = now.saturating_duration_since(last.end);
        self.pause = match self.pause {
            _ if lasted >= LASTS => None,
            None => Some(PAUSE),
            Some(pause) => Some((pause * 2).min(LONGEST)),
        };
        let affordable = (last.took * (SHARE - 1)).saturating_sub(lasted);
        let wait = self.pause.unwrap_or(GATHER).max(affordable);
        self.due = Some(now + wait);
        if lasted >= QUIET { Answer::AtOnce } else { Answer::Again(wait) }
    }

    /// The time of the next repair; `None` if nothing has to be repaired.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a repair is due at `now`.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Records a repair that succeeded at `now`, and how long it took.
    pub fn repaired(&mut self, now: Instant, took: Duration) {
        self.in_place();
        self.last = Some(Last { end: now, took });
    }

    /// Records an attempt that failed at `now`, and how long it took. Returns the pause until the next.
    pub fn failed(&mut self, now: Instant, took: Duration) -> Duration {
        let pause = self.failing.failed(now).max(took * (SHARE - 1));
        (self.due, self.failed) = (Some(now + pause), Some(now));
        pause
    }

    /// Records that nothing has to be repaired.
    pub fn in_place(&mut self) {
        (self.due, self.failed) = (None, None);
        self.failing.succeeded();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A repair of a short list, by measurement a few milliseconds.
    const SHORT: Duration = Duration::from_millis(5);

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
    fn repairs_that_do_not_last_are_made_with_growing_pauses() {
        let mut now = Instant::now();
        let mut schedule = Schedule::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            pauses.push(match schedule.changed(now) {
                Answer::Again(pause) => pause.as_secs(),
                answer => {
                    assert_eq!(answer, Answer::AtOnce);
                    0
                }
            });
            now = schedule.due().unwrap();
            assert!(schedule.is_due(now));
            schedule.repaired(now, SHORT);
            now += Duration::from_millis(1);
        }
        assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        now += LASTS;
        assert_eq!(schedule.changed(now), Answer::Again(GATHER), "the last one did last");
        schedule.repaired(now, SHORT);
        assert_eq!(schedule.changed(now + QUIET), Answer::AtOnce, "that is another matter");
    }

    #[test]
    fn a_repair_that_fails_is_tried_again_until_it_succeeds() {
        let mut now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.changed(now);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            now = schedule.due().unwrap();
            let pause = schedule.failed(now, SHORT);
            assert_eq!(schedule.due(), Some(now + pause));
            pauses.push(pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        schedule.repaired(now, SHORT);
        assert_eq!(schedule.due(), None);
        schedule.changed(now + LASTS);
        assert_eq!(schedule.failed(now + LASTS, SHORT), PAUSE, "begins anew");
    }

    #[test]
    fn a_change_brings_forward_a_repair_that_failed_but_to_one_a_second() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        schedule.changed(begin);
        let mut now = begin;
        for _ in 0..8 {
            now = schedule.due().unwrap();
            schedule.failed(now, SHORT);
        }
        assert_eq!(schedule.due(), Some(now + LONGEST));
        assert_eq!(schedule.changed(now), Answer::Already);
        assert_eq!(schedule.due(), Some(now + PAUSE), "not at once after an attempt");
        schedule.failed(now, SHORT);
        let later = now + Duration::from_secs(9);
        schedule.changed(later);
        assert_eq!(schedule.due(), Some(later + GATHER));
        // One that did not fail is not brought forward: its pause has a reason.
        let mut schedule = Schedule::default();
        schedule.repaired(now, SHORT);
        schedule.changed(now);
        schedule.changed(now);
        assert_eq!(schedule.due(), Some(now + PAUSE));
    }

    #[test]
    fn what_is_in_place_leaves_nothing_to_repair() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.changed(now);
        schedule.failed(now, SHORT);
        schedule.in_place();
        assert_eq!(schedule.due(), None);
    }

    /// What comes of a program that flushes the table at each `period`, against repairs that take so
    /// long, in an hour.
    struct Contest {
        /// The share of the time in which the table was there.
        in_force: f64,
        /// The share of the time in which it was repaired.
        repairing: f64,
        /// The most repairs in one minute, the first five left out.
        repairs: usize,
    }

    fn contest(period: Duration, took: Duration) -> Contest {
        const HOUR: Duration = Duration::from_secs(3600);
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        let (mut since, mut ends) = (Some(begin), Vec::new());
        let (mut in_force, mut repairing) = (Duration::ZERO, Duration::ZERO);
        let mut flush = begin + period;
        while flush < begin + HOUR {
            // All repairs that end before this flush; one that is under way then is in vain.
            while let Some(due) = schedule.due().filter(|due| *due + took <= flush) {
                schedule.repaired(due + took, took);
                ends.push(due + took);
                repairing += took;
                since = Some(due + took);
            }
            if let Some(since) = since.take() {
                in_force += flush - since;
                schedule.changed(flush);
            } else if let Some(due) = schedule.due().filter(|due| *due < flush) {
                // The transaction of the flush makes that of the repair fail or undoes it at once.
                schedule.repaired(due + took, took);
                ends.push(due + took);
                repairing += took;
                schedule.changed(due + took);
            }
            flush += period;
        }
        let minute = |at: usize| {
            let until = ends[at] + Duration::from_secs(60);
            ends[at..].iter().take_while(|end| **end < until).count()
        };
        Contest {
            in_force: in_force.as_secs_f64() / HOUR.as_secs_f64(),
            repairing: repairing.as_secs_f64() / HOUR.as_secs_f64(),
            repairs: (5..ends.len()).map(minute).max().unwrap_or(0),
        }
    }

    #[test]
    fn what_a_slow_program_takes_away_is_in_force_nearly_always_and_a_fast_one_is_not_fought() {
        let millis = Duration::from_millis;
        let periods = [10, 50, 100, 200, 300, 500, 700, 1000, 1500, 2000, 3000, 5000, 7000, 10_000];
        for period in periods.into_iter().chain([20_000, 30_000, 60_000, 120_000]).map(millis) {
            for took in [1, 5, 50, 250, 1000].map(millis) {
                let Contest { in_force, repairing, repairs } = contest(period, took);
                let shown = format!(
                    "every {period:?}, a repair in {took:?}: {in_force:.3} in force, {repairing:.3} \
                     repairing, {repairs} repairs a minute at most"
                );
                let seconds = period.as_secs_f64();
                assert!(repairing <= 0.2, "{shown}");
                assert!(repairs <= 100, "{shown}");
                if took <= millis(50) {
                    assert!(seconds < 5.0 || in_force >= 0.95, "{shown}");
                    assert!(seconds < 1.0 || in_force >= 0.8, "{shown}");
                    // A repair that lasts less than half a second protects nothing.
                    assert!(seconds > 0.5 || repairs <= 4, "{shown}");
                }
                assert!(seconds < 5.0 || in_force >= 0.75, "{shown}");
                assert!(seconds < 10.0 || in_force >= 0.85, "{shown}");
            }
        }
    }
}
