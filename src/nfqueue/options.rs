//! How queues are served, as the command line says.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

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
