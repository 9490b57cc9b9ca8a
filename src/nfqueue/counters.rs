//! What is counted of a queue.

use serde::{Deserialize, Serialize};

/// The counters of one queue, since it was taken over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueCounters {
    /// The number of the queue.
    pub queue: u16,
    /// Packets that were given a verdict.
    pub packets: u64,
    /// Packets that were accepted, with or without a mark.
    pub accepted: u64,
    /// Packets that were dropped, or marked to be.
    pub dropped: u64,
    /// Packets that could not be read; they are accepted or dropped, and counted there too.
    pub unreadable: u64,
    /// Messages of the kernel that were none.
    pub malformed: u64,
    /// How often the kernel said that the receive buffer was full.
    pub enobufs: u64,
    /// Packets that the kernel dropped because the queue was full; `None` if it was told to accept
    /// them instead, since then it does not count them.
    pub queue_full: Option<u64>,
    /// Packets that were not seen because the receive buffer was full.
    pub buffer_full: u64,
    /// The longest time from when packets could be read to their verdicts, in seconds.
    pub longest_wait: f64,
}
