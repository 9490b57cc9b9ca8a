//! What is counted of a queue.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The counters of one queue since it was taken over, or of packets that were received together.
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
    /// Messages of the kernel that could not be read.
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

impl AddAssign<&QueueCounters> for QueueCounters {
    /// Adds what was counted besides, of the same queue.
    fn add_assign(&mut self, more: &QueueCounters) {
        self.packets += more.packets;
        self.accepted += more.accepted;
        self.dropped += more.dropped;
        self.unreadable += more.unreadable;
        self.malformed += more.malformed;
        self.enobufs += more.enobufs;
        self.queue_full = match (self.queue_full, more.queue_full) {
            (Some(full), Some(more)) => Some(full + more),
            (full, more) => full.or(more),
        };
        self.buffer_full += more.buffer_full;
        self.longest_wait = self.longest_wait.max(more.longest_wait);
    }
}
