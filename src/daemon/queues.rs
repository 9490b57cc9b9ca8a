//! The back end of queue mode: range sets become the verdicts of queues.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use jiff::Timestamp;

use super::back_end::{BackEnd, Stopped, interface_names, outcome};
use crate::ip::RangeSets;
use crate::load::pipeline::Outcome;
use crate::nfqueue::{Failure, Queues};
use crate::policy::remembered::Found;
use crate::status::{Condition, Dropped, Mode, State, Status};

impl BackEnd for Queues {
    const MODE: Mode = Mode::Queue;

    fn apply(&mut self, sets: &RangeSets) -> Outcome {
        outcome(Queues::apply(self, sets))
    }

    fn held(&self) -> Option<RangeSets> {
        Queues::held(self)
    }

    fn found(&self) -> Found {
        // The queues end with the process that served them.
        Found::Nothing
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Queues::descriptor(self)
    }

    fn on_readable(&mut self) {
        if let Err(error) = self.find_interfaces() {
            log::error!("{error}; filtering on the interfaces known so far");
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_deadline(&mut self) {}

    fn describe(&mut self, status: &mut Status) {
        status.queues = self.counters();
        status.interfaces = self.interfaces().map(interface_names);
        status.condition = Some(condition(&self.failures()));
    }

    fn dropped(&self) -> Vec<Dropped> {
        Vec::new()
    }

    fn stop(&mut self) -> Stopped {
        Queues::stop(self);
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
