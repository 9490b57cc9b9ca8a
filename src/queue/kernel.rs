//! What the kernel says of its queues: /proc/net/netfilter/nfnetlink_queue, and of those who serve
//! them.

use std::fmt;
use std::fs;

/// One queue, as the kernel sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelQueue {
    /// The number.
    pub queue: u16,
    /// The netlink port that serves it, most often the process id of its program.
    pub port: u32,
    /// Packets that were dropped because the queue was full.
    pub queue_full: u64,
}

/// The queues that are served in this process's network namespace; none if the kernel does not
/// say.
pub fn queues() -> Vec<KernelQueue> {
    let text = fs::read_to_string("/proc/self/net/netfilter/nfnetlink_queue").unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

/// The columns are: queue, port, packets that wait, copy mode, copy range, packets lost to a full
/// queue, to a full buffer, the number of the last packet, and a 1.
fn parse(line: &str) -> Option<KernelQueue> {
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (queue, port) = (next()?, next()?);
    let (_waiting, _mode, _range, queue_full) = (next()?, next()?, next()?, next()?);
    Some(KernelQueue { queue: queue.try_into().ok()?, port: port.try_into().ok()?, queue_full })
}

/// Who serves a queue, as far as it can be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A program by name and process id.
    Known(String, u32),
    /// The number of its netlink port.
    Port(u32),
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Program::Known(name, pid) => write!(f, "{}, pid {pid}", name.escape_debug()),
            Program::Port(port) => write!(f, "netlink port {port}"),
        }
    }
}

/// The program that has a netlink port of netfilter's. Looks through the descriptors of all
/// processes, of which only root sees those of others.
pub fn program(port: u32) -> Program {
    let found = socket_inode(port).and_then(|inode| {
        let socket = format!("socket:[{inode}]");
        let has_it = |pid: &u32| {
            let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
            descriptors.flatten().any(|descriptor| {
                fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == &*socket)
            })
        };
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
        let pid = pids.into_iter().find(has_it)?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(Program::Known(name.trim_end().to_string(), pid))
    });
    found.unwrap_or(Program::Port(port))
}

/// The inode of the socket with a port, from /proc/net/netlink: the columns are an address, the
/// protocol, the port, five others, and the inode.
fn socket_inode(port: u32) -> Option<String> {
    let table = fs::read_to_string("/proc/self/net/netlink").ok()?;
    table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let is_it = columns.get(1)?.parse() == Ok(libc::NETLINK_NETFILTER)
            && columns.get(2)?.parse() == Ok(port);
        is_it.then(|| columns.get(9).map(ToString::to_string))?
    })
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
