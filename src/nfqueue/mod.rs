//! Queue mode: verdicts for the packets that rules send to NFQUEUE, from the same range sets.
//!
//! In reading order: [`index`] (look-up of addresses in a range set), [`packet`] (an IP header to its
//! addresses), [`judge`] (the decision about a packet), [`message`] (messages of NFQUEUE), [`kernel`]
//! (the kernel's view of its queues), `socket` (a bound queue), `worker` (the thread of a queue),
//! `shared` (what a worker shares with other threads), [`counters`], [`interfaces`] (whose packets are
//! judged) and [`queues`] (all workers, and new sets for them while they work).
//!
//! Knows nothing of nftables, lists or the daemon. The modules up to [`message`] do no input or output.

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

/// How queues are served: the options of queue mode after they were checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// The numbers of the queues, each served by a thread of its own.
    pub queues: RangeInclusive<u16>,
    /// The number of packets that may wait in each queue.
    pub max_length: u32,
    /// Whether packets that find the queue full or cannot be read are accepted; otherwise they are
    /// dropped.
    pub fail_open: bool,
    /// If set, a packet that would be accepted gets this mark, and the hook is repeated.
    pub mark_accept: Option<NonZeroU32>,
    /// If set, a packet that would be dropped gets this mark, and the hook is repeated.
    pub mark_drop: Option<NonZeroU32>,
}
