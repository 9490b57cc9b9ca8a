//! Other programs that use netlink: /proc/net/netlink, and the processes behind it.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Another program, as far as it can be found out which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// By its name, of at most 15 bytes (`comm`), and its process id.
    Process {
        /// The name. The program can choose it.
        name: String,
        /// The process id.
        pid: u32,
    },
    /// By the number of its netlink port alone.
    Port {
        /// The number.
        number: u32,
    },
    /// Not at all.
    Unknown,
}

impl Program {
    /// The program that has a port of netfilter's in this network namespace.
    pub fn of_port(number: u32) -> Self {
        let ports = ports_of(Path::new("/proc/self"));
        let port = ports.into_iter().find(|port| port.number == number);
        port.map_or(Program::Port { number }, |port| port.program())
    }

    /// A program that listens to a multicast group of netfilter's (`NFNLGRP_*`, up to 32), in
    /// whatever network namespace: the kernel asks only whether any does anywhere.
    ///
    /// One in a namespace in which no process is that can be seen from here is not found.
    pub fn that_listens_to(group: u32) -> Option<Self> {
        let mut seen = BTreeSet::new();
        processes().find_map(|process| {
            // The file of another namespace is another one.
            let file = fs::metadata(process.join("net/netlink")).ok()?;
            if !seen.insert(file.ino()) {
                return None;
            }
            let port = ports_of(&process).into_iter().find(|port| port.listens_to(group))?;
            Some(port.program())
        })
    }

    /// Whether it is known by name.
    pub fn is_known(&self) -> bool {
        matches!(self, Program::Process { .. })
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Program::Process { name, pid } => write!(f, "{} (pid {pid})", name.escape_debug()),
            Program::Port { number } => write!(f, "a program with netlink port {number}"),
            Program::Unknown => f.write_str("an unknown program"),
        }
    }
}

/// A netlink socket of netfilter's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Port {
    /// Most often the process id of the program.
    number: u32,
    /// The first 32 multicast groups that it listens to, the first in the lowest bit.
    groups: u32,
    inode: u64,
}

/// The sockets of netfilter's in the network namespace of a process; none if the kernel does not say.
fn ports_of(process: &Path) -> Vec<Port> {
    let text = fs::read_to_string(process.join("net/netlink")).unwrap_or_default();
    text.lines().filter_map(parse).collect()
}

/// The folders of all processes in /proc.
fn processes() -> impl Iterator<Item = PathBuf> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    folders.map(|folder| folder.path()).filter(|path| pid_of(path).is_some())
}

fn pid_of(process: &Path) -> Option<u32> {
    process.file_name()?.to_str()?.parse().ok()
}

/// The columns are: an address, the protocol, the port, the groups in hexadecimal, five others, and
/// the inode.
fn parse(line: &str) -> Option<Port> {
    let columns: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, protocol, number, groups, .., inode] = columns[..] else { return None };
    (protocol.parse() == Ok(libc::NETLINK_NETFILTER)).then_some(())?;
    Some(Port {
        number: number.parse().ok()?,
        groups: u32::from_str_radix(groups, 16).ok()?,
        inode: inode.parse().ok()?,
    })
}

impl Port {
    /// Whether it listens to a multicast group, from 1 to 32.
    fn listens_to(&self, group: u32) -> bool {
        self.groups & 1 << (group - 1) != 0
    }

    /// The program that has it. Looks through the descriptors of all processes, of which only root
    /// sees those of other users.
    fn program(&self) -> Program {
        let socket = format!("socket:[{}]", self.inode);
        let has_it = |process: &PathBuf| {
            let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
            descriptors.flatten().any(|descriptor| {
                fs::read_link(descriptor.path()).is_ok_and(|link| link.as_os_str() == &*socket)
            })
        };
        let found = processes().find(has_it).and_then(|process| {
            let name = fs::read(process.join("comm")).ok()?;
            let name = String::from_utf8_lossy(&name).trim_end().to_string();
            Some(Program::Process { name, pid: pid_of(&process)? })
        });
        found.unwrap_or(Program::Port { number: self.number })
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, AsRawFd};

    use nix::sys::socket::{NetlinkAddr, getsockname};

    use super::*;

    #[test]
    fn a_program_by_its_port_is_the_process_that_has_the_socket() {
        use crate::netlink::{Protocol, Socket};
        let socket = Socket::open(Protocol::Netfilter).unwrap();
        let pid = std::process::id();
        let address = getsockname::<NetlinkAddr>(socket.as_fd().as_raw_fd()).unwrap();
        let Program::Process { name, pid: found } = Program::of_port(address.pid()) else {
            panic!("not found");
        };
        assert_eq!(found, pid);
        assert_eq!(name, fs::read_to_string("/proc/self/comm").unwrap().trim_end());
        assert_eq!(Program::of_port(u32::MAX), Program::Port { number: u32::MAX });
    }

    #[test]
    fn the_columns_are_the_kernels() {
        let line =
            "00000000298c719a 12  4711       00000040 0        0        0     2        0        4";
        let port = parse(line).unwrap();
        assert_eq!(port, Port { number: 4711, groups: 0x40, inode: 4 });
        let groups: Vec<u32> = (1..=32).filter(|&group| port.listens_to(group)).collect();
        assert_eq!(groups, [7]);
        for line in ["", &line.replace("12 ", "0 "), &line.replace("4711", "x"), &line[..40]] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
