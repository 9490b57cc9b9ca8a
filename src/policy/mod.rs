//! Entries to the range sets that may be put in force.
//!
//! In reading order: [`allow`] (allowlists), [`protect`] (addresses that must never be dropped, by
//! facts about the host), [`connected`] (the networks of the host, of which a list cannot drop a private
//! one as a whole), [`exclusions`] (taking all of that out of a range set), [`covers`] and
//! [`matches`](mod@matches) (which entries held what was excluded), [`timeline`] (what the lists ask for at
//! any time, because entries expire), [`cut_off`] (which networks of the host the result cuts off),
//! [`desired`] (all of these in their order), [`origin`] (how entries are shown), [`guard`] (whether
//! the result may be put in force) and [`refusal`] (why not), and [`remembered`] (what a load put in force,
//! with which the next one is compared). Knows nothing of the kernel.

pub mod allow;
pub mod connected;
pub mod covers;
pub mod cut_off;
pub mod desired;
pub mod exclusions;
pub mod guard;
pub mod matches;
pub mod origin;
pub mod protect;
pub mod refusal;
pub mod remembered;
pub mod timeline;
