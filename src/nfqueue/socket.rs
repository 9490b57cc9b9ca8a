//! A netlink socket that has a queue, and why it cannot be had.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use mnl::{Bus, Socket};

use super::Options;
use super::error::QueueError;
use super::kernel;
use super::message;
use crate::netlink::{Program, Reply};
use crate::sys;

/// What a message takes of the receive buffer, in the kernel's own reckoning: memory comes in
/// powers of two, and the kernel doubles what is asked for.
const MESSAGE_IN_BUFFER: u64 = 640;

/// A socket that has a queue, or has asked for it.
pub struct QueueSocket {
    queue: u16,
    socket: Socket,
}

impl QueueSocket {
    /// Opens a socket and asks for the queue. The answer is the first thing to be received, but
    /// for packets that come before it.
    pub fn open(queue: u16, options: &Options) -> Result<Self, QueueError> {
        let opened = Socket::open(Bus::Netfilter).and_then(|socket| {
            prepare(sys::netlink_fd(&socket), options.max_length)?;
            socket.bind(0, 0)?;
            Ok(QueueSocket { queue, socket })
        });
        let socket = opened.map_err(|source| QueueError::Socket { queue, source })?;
        socket.send(&message::bind(queue, options))?;
        Ok(socket)
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }

    /// Another descriptor of the same socket.
    pub fn duplicate(&self) -> Result<OwnedFd, QueueError> {
        self.fd()
            .try_clone_to_owned()
            .map_err(|source| QueueError::Socket { queue: self.queue, source })
    }

    /// Sends a request.
    pub fn send(&self, bytes: &[u8]) -> Result<(), QueueError> {
        self.try_send(bytes).map_err(|source| QueueError::Socket { queue: self.queue, source })
    }

    /// Sends verdicts. If they cannot be sent, what comes later must not be decided by later ones,
    /// so the socket is of no more use.
    pub fn send_verdicts(&self, verdicts: &[u8]) -> Result<(), QueueError> {
        self.try_send(verdicts).map_err(|source| QueueError::Verdicts { queue: self.queue, source })
    }

    fn try_send(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match sys::send(self.fd(), bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// Makes a socket ready to receive `packets` that wait.
fn prepare(socket: BorrowedFd<'_>, packets: u32) -> io::Result<()> {
    sys::set_close_on_exec(socket)?;
    // With it a full buffer costs the packets that do not fit, which the kernel counts. Without it
    // the kernel refuses all others, too, until the buffer is empty.
    sys::set_socket_option(socket, libc::SOL_NETLINK, libc::NETLINK_NO_ENOBUFS, 1)?;
    // An answer need not quote the whole request; kernels before 4.3 do it all the same.
    let _ = sys::set_socket_option(socket, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1);
    let bytes = (u64::from(packets) * MESSAGE_IN_BUFFER).min(i32::MAX as u64 / 2) as usize;
    sys::force_receive_buffer(socket, bytes)
}

/// What the kernel says to a verdict: that the packet is gone by now, which does no harm, or that
/// the queue is.
pub fn check_reply(queue: u16, reply: &Reply) -> Result<(), QueueError> {
    match reply.errno {
        0 | libc::ENOENT => Ok(()),
        errno => Err(refused(queue, errno)),
    }
}

/// Why the kernel does not let this process have a queue.
pub fn refused(queue: u16, errno: i32) -> QueueError {
    let other = kernel::queues().into_iter().find(|other| other.queue == queue);
    match (errno, other) {
        (libc::EPERM | libc::EBUSY, Some(other)) => {
            QueueError::Taken { queue, by: Program::of_port(other.port) }
        }
        _ => QueueError::Refused { queue, source: io::Error::from_raw_os_error(errno) },
    }
}
