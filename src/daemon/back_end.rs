//! Where a daemon puts range sets in force.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::error::Error;
use crate::ip::range::RangeSets;
use crate::load::pipeline::Outcome;
use crate::progress::Progress;
use crate::status::{Dropped, Mode, Status};

/// Keeps range sets in force: sets in nftables, or the verdicts of queues. Knows nothing of lists.
pub trait BackEnd {
    /// Which of them it is.
    const MODE: Mode;

    /// Puts range sets in force, and nothing but what differs where that can be known; on an error
    /// what was in force stays. The first time it also takes over what it needs for that.
    fn apply(&mut self, sets: &RangeSets, progress: &dyn Progress) -> Outcome;

    /// What was put in force last.
    fn held(&self) -> Option<RangeSets>;

    /// Readable when [`BackEnd::on_readable`] is to be called.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Looks at what came in at the descriptor.
    fn on_readable(&mut self);

    /// When [`BackEnd::on_deadline`] is to be called, if ever.
    fn deadline(&self) -> Option<Instant>;

    /// Does what it is time for.
    fn on_deadline(&mut self);

    /// Adds to the status what only the back end knows: its table and layouts, what it has repaired,
    /// the counters of its queues.
    fn describe(&self, status: &mut Status);

    /// What the kernel has dropped by rules of netfilterd's own; empty where there are none.
    fn dropped(&self) -> Vec<Dropped>;

    /// Ends what runs. Returns what becomes of packets from here on, in words.
    fn stop(&mut self) -> &'static str;
}

/// The same outcome, as an error of the crate.
pub fn outcome<E: Into<Error>>(result: Result<crate::ip::Applied, E>) -> Outcome {
    result.map(|applied| (applied, Instant::now())).map_err(E::into)
}
