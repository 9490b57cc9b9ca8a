//! What the lists ask for, as range sets that may be put in force.
//!
//! In reading order: [`allow`] (lists of what is not to be dropped), [`protect`] (what must never be
//! dropped, by facts about the host), [`exclusions`] (taking both out of a range set), [`matches`](mod@matches)
//! (which entries named what is taken out), [`timeline`] (the same at other times, where entries
//! end), [`desired`] (all of these in their order) and [`guard`] (whether the result may be put in
//! force). Knows nothing of kernels.

pub mod allow;
pub mod desired;
pub mod exclusions;
pub mod guard;
pub mod matches;
pub mod protect;
pub mod timeline;
