//! The interface between the daemon and a back end, which puts range sets in force.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::error::Error;
use crate::ip::RangeSets;
use crate::load::pipeline::Outcome;
use crate::policy::remembered::Found;
use crate::status::{Dropped, Mode, Status};

/// Keeps range sets in force, as sets in nftables or as verdicts of queues. Knows nothing of lists.
pub trait BackEnd {
    /// The mode that the status shows.
    const MODE: Mode;

    /// Puts range sets in force; changes only what differs, if that is known. The first call also opens
    /// what the back end needs. On error the sets that were in force stay in force.
    fn apply(&mut self, sets: &RangeSets) -> Outcome;

    /// The range sets that were put in force last; `None` before the first [`BackEnd::apply`].
    fn held(&self) -> Option<RangeSets>;

    /// What is in force before the first [`BackEnd::apply`].
    fn found(&self) -> Found;

    /// A descriptor that is readable when [`BackEnd::on_readable`] must be called.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Processes the messages that wait at the descriptor.
    fn on_readable(&mut self);

    /// The time at which [`BackEnd::on_deadline`] must be called; `None` for never.
    fn deadline(&self) -> Option<Instant>;

    /// Does what is due, such as a repair.
    fn on_deadline(&mut self);

    /// Adds to the status what only the back end knows: whether what was loaded last is in force, its
    /// table, layouts and repairs, or the counters of its queues.
    fn describe(&mut self, status: &mut Status);

    /// The counters of rules that netfilterd wrote; empty if there are none.
    fn dropped(&self) -> Vec<Dropped>;

    /// Stops the back end. Returns what happens to packets from now on, after a look.
    fn stop(&mut self) -> Stopped;
}

/// What happens to packets after the daemon has stopped, as a part of a sentence.
pub enum Stopped {
    /// What was to be expected.
    InForce(String),
    /// What was loaded is not in force, or that is not known.
    NotInForce(String),
}

/// The result of a back end as the pipeline expects it, with the time of now.
pub fn outcome<E: Into<Error>>(result: Result<crate::ip::Applied, E>) -> Outcome {
    result.map(|applied| (applied, Instant::now())).map_err(E::into)
}

/// The names of interfaces as the status shows them; the kernel's names need not be text.
pub fn interface_names(names: &[CString]) -> Vec<String> {
    names.iter().map(|name| name.to_string_lossy().escape_debug().to_string()).collect()
}
