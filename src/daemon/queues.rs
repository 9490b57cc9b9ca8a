//! The back end of queue mode: range sets become the verdicts of queues.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::back_end::{BackEnd, Stopped, interface_names, outcome};
use super::backoff::Backoff;
use crate::ip::RangeSets;
use crate::load::pipeline::Outcome;
use crate::nfqueue::{Failure, Queues};
use crate::policy::remembered::Found;
use crate::status::{Condition, Dropped, Mode, State, Status};

/// The pauses between attempts to find the interfaces of `--interface`.
const RETRY: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));

/// Serves queues.
pub struct QueueMode {
    queues: Queues,
    /// When to look again for the interfaces of `--interface`, if they could not be found.
    find: Backoff,
    /// Whether they are known, and why not.
    interfaces: Condition,
}

impl QueueMode {
    /// Serves these queues from the first load on.
    pub fn new(queues: Queues) -> Self {
        QueueMode { queues, find: RETRY, interfaces: Condition::IN_FORCE }
    }

    fn find_interfaces(&mut self) {
        match self.queues.find_interfaces() {
            Ok(()) => {
                if self.find.is_failing() {
                    log::info!("found the interfaces for --interface again");
                }
                self.find.succeeded();
                self.interfaces = Condition::IN_FORCE;
            }
            Err(error) => {
                let is_news = !self.find.is_failing();
                let pause = self.find.failed(Instant::now());
                log::log!(
                    if is_news { log::Level::Error } else { log::Level::Debug },
                    "{error}; filtering on the interfaces known so far; retrying in {} s",
                    pause.as_secs()
                );
                self.interfaces.failed(error.to_string());
                self.interfaces.retry_in(pause);
            }
        }
    }
}

impl BackEnd for QueueMode {
    const MODE: Mode = Mode::Queue;

    fn apply(&mut self, sets: &RangeSets) -> Outcome {
        outcome(self.queues.apply(sets))
    }

    fn held(&self) -> Option<RangeSets> {
        self.queues.held()
    }

    fn found(&self) -> Found {
        // The queues end with the process that served them.
        Found::Nothing
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        // What waits is read by the next attempt.
        self.queues.descriptor().filter(|_| !self.find.is_failing())
    }

    fn on_readable(&mut self) {
        self.find_interfaces();
    }

    fn deadline(&self) -> Option<Instant> {
        self.find.due()
    }

    fn on_deadline(&mut self) {
        if self.find.is_due(Instant::now()) {
            self.find_interfaces();
        }
    }

    fn describe(&mut self, status: &mut Status) {
        status.queues = self.queues.counters();
        status.interfaces = self.queues.interfaces().map(interface_names);
        let served = condition(&self.queues.failures());
        let is_served = served.state == State::InForce;
        status.condition = Some(if is_served { self.interfaces.clone() } else { served });
    }

    fn dropped(&self) -> Vec<Dropped> {
        Vec::new()
    }

    fn stop(&mut self) -> Stopped {
        self.queues.stop();
        Stopped::InForce(
            "packets now pass rules with --queue-bypass, and rules without it drop them"
                .to_string(),
        )
    }
}

/// Whether all queues are served, by what is known of those that are not. A worker tries again by itself.
fn condition(failures: &[Failure]) -> Condition {
    let Some(first) = failures.iter().min_by_key(|failure| failure.since) else {
        return Condition::IN_FORCE;
    };
    let errors: Vec<_> = failures.iter().map(|failure| failure.error.as_str()).collect();
    Condition {
        state: State::NotInForce,
        since: Timestamp::try_from(first.since).ok(),
        by: first.by.clone(),
        retry_at: None,
        error: Some(errors.join("; ")),
    }
}
