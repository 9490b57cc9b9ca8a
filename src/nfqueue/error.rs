//! The errors of queue mode.

use std::fmt;
use std::io;

use crate::netlink::Program;

/// Why a queue cannot be served now.
#[derive(Debug)]
pub enum QueueError {
    /// The netlink socket of a queue cannot be opened, read or written.
    Socket {
        /// The number of the queue.
        queue: u16,
        /// The error of the socket.
        source: io::Error,
    },
    /// Verdicts could not be sent. A later verdict would decide for their packets, too, so the socket
    /// has to be closed.
    Verdicts {
        /// The number of the queue.
        queue: u16,
        /// The error of the socket.
        source: io::Error,
    },
    /// Another program serves the queue.
    Taken {
        /// The number of the queue.
        queue: u16,
        /// The program, as far as /proc shows it to this process.
        by: Program,
    },
    /// The kernel refuses the queue to this process, or has unbound it.
    Refused {
        /// The number of the queue.
        queue: u16,
        /// The error number of the kernel.
        source: io::Error,
    },
    /// The thread of a queue could not be started.
    Thread {
        /// The number of the queue.
        queue: u16,
        /// The error of the thread.
        source: io::Error,
    },
    /// The interfaces of `--interface` could not be read from the kernel.
    Interfaces {
        /// The error of the netlink socket.
        source: io::Error,
    },
}

impl QueueError {
    /// Whether the socket cannot be used any more, so that a new socket is needed.
    pub fn needs_new_socket(&self) -> bool {
        match self {
            QueueError::Socket { source, .. } => {
                matches!(source.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK))
            }
            _ => true,
        }
    }
}

/// What to do about an error of a socket, behind its cause; nothing if the cause has a cure already.
fn cure(source: &io::Error) -> &'static str {
    match source.raw_os_error() {
        None => "",
        Some(libc::ENOMEM | libc::ENOBUFS) => "; raise the memory limit, or free memory",
        Some(_) => "; report it with the output of uname -r",
    }
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            QueueError::Socket { queue, source } => {
                write!(f, "queue {queue}: netlink socket failed: {source}{}", cure(source))
            }
            QueueError::Verdicts { queue, source } => {
                write!(f, "queue {queue}: cannot send verdicts: {source}")
            }
            QueueError::Taken { queue, by } => write!(
                f,
                "queue {queue} is served by another program, {by}; stop it, or choose another number"
            ),
            QueueError::Refused { queue, source } => match source.raw_os_error() {
                Some(libc::EPERM) => {
                    write!(f, "queue {queue}: {source}; netfilterd needs CAP_NET_ADMIN to serve it")
                }
                Some(libc::EINVAL | libc::ENOENT | libc::EPROTONOSUPPORT) => write!(
                    f,
                    "queue {queue}: {source}; this kernel has no NFQUEUE: module nfnetlink_queue \
                     (CONFIG_NETFILTER_NETLINK_QUEUE)"
                ),
                Some(libc::EOPNOTSUPP) => write!(
                    f,
                    "queue {queue}: {source}; this kernel is too old: queue mode needs Linux 3.10 \
                     or later"
                ),
                Some(libc::ENODEV) => write!(f, "queue {queue} is no longer bound to netfilterd"),
                _ => write!(f, "queue {queue}: {source}{}", cure(source)),
            },
            QueueError::Thread { queue, source } => write!(
                f,
                "queue {queue}: cannot start a thread: {source}; raise the limit of processes, or \
                 serve fewer queues"
            ),
            QueueError::Interfaces { source } => {
                write!(f, "cannot list the interfaces for --interface: {source}")
            }
        }
    }
}

impl std::error::Error for QueueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            QueueError::Socket { source, .. }
            | QueueError::Verdicts { source, .. }
            | QueueError::Refused { source, .. }
            | QueueError::Thread { source, .. }
            | QueueError::Interfaces { source } => Some(source),
            QueueError::Taken { .. } => None,
        }
    }
}
