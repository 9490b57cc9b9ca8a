//! Queue mode: verdicts for the packets that rules send to NFQUEUE, from the same range sets.
//!
//! In reading order: [`index`] (look-up of addresses in a range set), [`packet`] (an IP header to its
//! addresses), [`judge`] (the decision about a packet), [`message`] (messages of NFQUEUE), [`kernel`]
//! (the kernel's view of its queues), `socket` (a bound queue), `worker` (the thread of a queue),
//! `shared` (what a worker shares with other threads), [`counters`], [`interfaces`] (whose packets are
//! judged) and [`queues`] (all workers, and new sets for them while they work).
//!
//! Knows nothing of nftables, lists or the daemon. The modules up to [`message`] do no input or output.

pub mod counters;
pub mod error;
pub mod index;
pub mod interfaces;
pub mod judge;
pub mod kernel;
pub mod message;
pub mod options;
pub mod packet;
pub mod queues;
mod shared;
mod socket;
mod worker;

pub use counters::QueueCounters;
pub use error::QueueError;
pub use options::Options;
pub use queues::Queues;
pub use shared::Failure;
