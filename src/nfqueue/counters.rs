//! The counters of a queue. The names of the fields are keys of the status file, which do not change.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// The counters of one queue since it was bound, or of one batch of packets.
// A newer `status` reads the file of an older daemon, which does not have every counter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueueCounters {
    /// The number of the queue, 0 to 65535.
    pub queue: u16,
    /// The netlink port that the kernel sends the packets to; 0 while the queue is not served.
    pub port: u32,
    /// Packets that received a verdict.
    pub packets: u64,
    /// Packets that were accepted, or repeated with the mark of `--mark-accept`.
    pub accepted: u64,
    /// Packets that were dropped, or repeated with the mark of `--mark-drop`.
    pub dropped: u64,
    /// Packets whose IP header could not be read. They also count as accepted or dropped.
    pub unreadable: u64,
    /// Messages from the kernel that could not be read.
    pub malformed: u64,
    /// ENOBUFS errors: the kernel reported a full receive buffer.
    pub enobufs: u64,
    /// Packets that the kernel dropped because the queue was full; `None` with `--fail-open`, because
    /// the kernel does not count packets that it accepts.
    pub queue_full: Option<u64>,
    /// Packets that were not received because the receive buffer was full.
    pub buffer_full: u64,
    /// The longest time from reading a batch of packets to its verdicts, in seconds.
    pub longest_wait: f64,
}

impl AddAssign<&QueueCounters> for QueueCounters {
    /// Adds further counts of the same queue.
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
