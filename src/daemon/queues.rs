//! The back end of queue mode: range sets become the verdicts of queues.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use super::back_end::{BackEnd, interface_names, outcome};
use crate::ip::RangeSets;
use crate::load::pipeline::Outcome;
use crate::nfqueue::Queues;
use crate::policy::remembered::Found;
use crate::status::{Dropped, Mode, Status};

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

    fn describe(&self, status: &mut Status) {
        status.queues = self.counters();
        status.interfaces = self.interfaces().map(interface_names);
    }

    fn dropped(&self) -> Vec<Dropped> {
        Vec::new()
    }

    fn stop(&mut self) -> &'static str {
        Queues::stop(self);
        "packets now pass rules with --queue-bypass, and rules without it drop them"
    }
}
