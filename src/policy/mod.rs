//! Entries to the range sets that may be put in force.
//!
//! In reading order: [`allow`] (allowlists), [`protect`] (addresses that must never be dropped, by
//! facts about the host), [`exclusions`] (taking both out of a range set), [`matches`](mod@matches)
//! (which entries held what was excluded), [`timeline`] (what the lists ask for at any time, because
//! entries expire), [`desired`] (all of these in their order), [`guard`] (whether the result may be put
//! in force) and [`refusal`] (why not), and [`remembered`] (what a load put in force, with which the next
//! one is compared). Knows nothing of the kernel.

pub mod allow;
pub mod desired;
pub mod exclusions;
pub mod guard;
pub mod matches;
pub mod protect;
pub mod refusal;
pub mod remembered;
pub mod timeline;
