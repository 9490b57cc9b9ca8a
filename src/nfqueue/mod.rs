//! Queue mode: verdicts for the packets that rules send to NFQUEUE, from the same range sets.
//!
//! In reading order: [`index`] (is an address in a range set, at once), [`packet`] (an IP header to
//! its addresses), [`judge`] (what is to become of a packet), [`message`] (NFQUEUE's messages in and
//! out), [`kernel`] (what the kernel says of its queues), [`socket`] (a queue that was taken over),
//! [`worker`] (one queue, one thread) and [`shared`] (what others know of it).
//!
//! Knows nothing of nftables. All up to [`message`] are functions of their arguments.

pub mod index;
pub mod judge;
pub mod kernel;
pub mod message;
pub mod packet;
pub mod shared;
pub mod socket;
pub mod worker;

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

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
