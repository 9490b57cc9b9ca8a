//! The kernel's view of its queues: /proc/net/netfilter/nfnetlink_queue.

use std::fs;
use std::io;

use super::counters::QueueCounters;

/// One line of that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelQueue {
    /// The number of the queue.
    pub queue: u16,
    /// The netlink port of the program that serves the queue.
    pub port: u32,
    /// Packets that were dropped because the queue was full.
    pub queue_full: u64,
}

/// The queues that are served in the network namespace of this process; empty if the file cannot be
/// read.
pub fn queues() -> Vec<KernelQueue> {
    let text = fs::read_to_string("/proc/self/net/netfilter/nfnetlink_queue").unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

/// What the kernel says that differs from what the process `pid` says of the queues it serves, each as a
/// part of a sentence; empty if it serves all of them. An error if the kernel's file cannot be read, which
/// only root can.
pub fn differences(pid: u32, queues: &[QueueCounters]) -> io::Result<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/net/netfilter/nfnetlink_queue"))?;
    let kernel: Vec<KernelQueue> = text.lines().filter_map(parse).collect();
    let difference = |queue: &QueueCounters| {
        let number = queue.queue;
        match kernel.iter().find(|known| known.queue == number) {
            None => Some(format!("no program serves queue {number}")),
            // An older daemon does not say at which port it serves the queue.
            Some(known) if ![0, known.port].contains(&queue.port) => {
                Some(format!("another program serves queue {number} (netlink port {})", known.port))
            }
            Some(_) => None,
        }
    };
    Ok(queues.iter().filter_map(difference).collect())
}

/// Parses a line. The columns are: queue, port, packets that wait, copy mode, copy range, packets lost
/// to a full queue, packets lost to a full buffer, the number of the last packet, and a 1.
pub fn parse(line: &str) -> Option<KernelQueue> {
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (queue, port) = (next()?, next()?);
    let (_waiting, _mode, _range, queue_full) = (next()?, next()?, next()?, next()?);
    Some(KernelQueue { queue: queue.try_into().ok()?, port: port.try_into().ok()?, queue_full })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_kernels() {
        let line = "    3  12345     7 2    40   120     5  1000042  1";
        assert_eq!(parse(line), Some(KernelQueue { queue: 3, port: 12345, queue_full: 120 }));
        for line in ["", "3 12345 7 2 40", "3 12345 7 2 40 x 5", "65536 1 7 2 40 1 5 1 1"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
