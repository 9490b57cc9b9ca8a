//! Queue mode: verdicts for the packets that rules send to NFQUEUE, from the same range sets.
//!
//! In reading order: [`index`] (is an address in a range set, at once), [`packet`] (an IP header to
//! its addresses), [`judge`] (what is to become of a packet), [`message`] (NFQUEUE's messages in and
//! out), [`kernel`] (what the kernel says of its queues), `socket` (a queue that was taken over),
//! `worker` (one queue, one thread), `shared` (what others know of it), [`counters`],
//! [`interfaces`] (whose packets are judged) and [`queues`], which has the workers and gives them new
//! sets while they work.
//!
//! Knows nothing of nftables, lists or the daemon. All up to [`message`] are functions of their
//! arguments.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

pub mod counters;
pub mod error;
pub mod index;
pub mod interfaces;
pub mod judge;
pub mod kernel;
pub mod message;
pub mod packet;
pub mod queues;
mod shared;
mod socket;
mod worker;

pub use counters::QueueCounters;
pub use error::QueueError;
pub use queues::Queues;

/// How queues are served.
#[derive(Clone, Debug)]
pub struct Options {
    /// The numbers of the queues, each served by a thread of its own.
    pub queues: RangeInclusive<u16>,
    /// How many packets may wait in each.
    pub max_length: u32,
    /// Whether packets are accepted when there is no room for them or they cannot be read; else
    /// they are dropped.
    pub fail_open: bool,
    /// Repeat the hook with this mark instead of accepting.
    pub mark_accept: Option<NonZeroU32>,
    /// Repeat the hook with this mark instead of dropping.
    pub mark_drop: Option<NonZeroU32>,
}
