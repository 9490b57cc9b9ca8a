//! What the kernel says of its queues: /proc/net/netfilter/nfnetlink_queue.

use std::fs;

/// One queue, as the kernel sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelQueue {
    /// The number.
    pub queue: u16,
    /// The netlink port that serves it, most often the process id of its program.
    pub port: u32,
    /// Packets that wait.
    pub waiting: u64,
    /// Packets that were not queued because the queue was full.
    pub queue_full: u64,
    /// Packets that were not queued because the receive buffer was full.
    pub user_full: u64,
}

/// The queues that are served in this process's network namespace; none if the kernel does not
/// say.
pub fn queues() -> Vec<KernelQueue> {
    let text = fs::read_to_string("/proc/self/net/netfilter/nfnetlink_queue").unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

/// The columns are: queue, port, waiting, copy mode, copy range, two kinds of loss, the number of
/// the last packet, and a 1.
fn parse(line: &str) -> Option<KernelQueue> {
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (queue, port, waiting) = (next()?, next()?, next()?);
    let (_mode, _range, queue_full, user_full) = (next()?, next()?, next()?, next()?);
    Some(KernelQueue {
        queue: queue.try_into().ok()?,
        port: port.try_into().ok()?,
        waiting,
        queue_full,
        user_full,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_are_the_kernels() {
        let line = "    3  12345     7 2    40   120     5  1000042  1";
        assert_eq!(
            parse(line),
            Some(KernelQueue { queue: 3, port: 12345, waiting: 7, queue_full: 120, user_full: 5 })
        );
        for line in ["", "3 12345 7 2 40 120", "3 12345 7 2 40 x 5", "65536 1 7 2 40 1 5 1 1"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
