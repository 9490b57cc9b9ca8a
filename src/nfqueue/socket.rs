//! A netlink socket that is bound to a queue.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::error::QueueError;
use super::kernel;
use super::message;
use super::options::Options;
use crate::netlink::{Program, Protocol, Reply, Socket};

/// The bytes of the receive buffer that the kernel charges for a message: it allocates powers of two,
/// and doubles the requested buffer size.
const MESSAGE_IN_BUFFER: u64 = 640;

/// A socket that is bound to a queue, or has sent the request to bind it.
pub struct QueueSocket {
    queue: u16,
    socket: Socket,
}

impl QueueSocket {
    /// Opens a socket and sends the request to bind the queue. The reply is received next, perhaps after
    /// some packets.
    pub fn open(queue: u16, options: &Options) -> Result<Self, QueueError> {
        let socket =
            open(options.max_length).map_err(|source| QueueError::Socket { queue, source })?;
        let socket = QueueSocket { queue, socket };
        socket.send(&message::bind(queue, options))?;
        Ok(socket)
    }

    /// The descriptor, readable when packets or replies wait.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The netlink port, at which the kernel sends the packets.
    pub fn port(&self) -> u32 {
        self.socket.port()
    }

    /// A second descriptor of the same socket, for another thread.
    pub fn duplicate(&self) -> Result<OwnedFd, QueueError> {
        self.fd()
            .try_clone_to_owned()
            .map_err(|source| QueueError::Socket { queue: self.queue, source })
    }

    /// Sends a request, again if a signal interrupts it.
    pub fn send(&self, bytes: &[u8]) -> Result<(), QueueError> {
        self.socket.send(bytes).map_err(|source| QueueError::Socket { queue: self.queue, source })
    }

    /// Sends verdicts. On error the socket must be closed: the next verdicts would decide for the packets
    /// of these verdicts, too.
    pub fn send_verdicts(&self, verdicts: &[u8]) -> Result<(), QueueError> {
        self.socket
            .send(verdicts)
            .map_err(|source| QueueError::Verdicts { queue: self.queue, source })
    }
}

/// A socket with room for so many packets that wait.
fn open(packets: u32) -> io::Result<Socket> {
    let socket = Socket::open(Protocol::Netfilter)?;
    // A full buffer then costs the packets that do not fit, which the kernel counts. Else the kernel
    // refuses all others, too, until the buffer is empty.
    socket.ignore_overruns()?;
    // An answer need not quote the whole request; kernels before 4.3 do it all the same.
    let _ = socket.cap_replies();
    let bytes = (u64::from(packets) * MESSAGE_IN_BUFFER).min(i32::MAX as u64 / 2) as usize;
    socket.size_receive_buffer(bytes)?;
    Ok(socket)
}

/// Checks the kernel's reply to a verdict. ENOENT means that the packet is gone, which is harmless; any
/// other error means that the queue is gone.
pub fn check_reply(queue: u16, reply: &Reply) -> Result<(), QueueError> {
    match reply.errno {
        0 | libc::ENOENT => Ok(()),
        errno => Err(refused(queue, errno)),
    }
}

/// The error for a queue that the kernel refuses to this process.
pub fn refused(queue: u16, errno: i32) -> QueueError {
    let other = kernel::queues().into_iter().find(|other| other.queue == queue);
    match (errno, other) {
        (libc::EPERM | libc::EBUSY, Some(other)) => {
            QueueError::Taken { queue, by: Program::of_port(other.port) }
        }
        _ => QueueError::Refused { queue, source: io::Error::from_raw_os_error(errno) },
    }
}
