//! A netlink socket that is bound to a queue.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use mnl::{Bus, Socket};

use super::Options;
use super::error::QueueError;
use super::kernel;
use super::message;
use crate::netlink::{Program, Reply};
use crate::sys;

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
        let opened = Socket::open(Bus::Netfilter).and_then(|socket| {
            prepare(sys::netlink_fd(&socket), options.max_length)?;
            socket.bind(0, 0)?;
            Ok(QueueSocket { queue, socket })
        });
        let socket = opened.map_err(|source| QueueError::Socket { queue, source })?;
        socket.send(&message::bind(queue, options))?;
        Ok(socket)
    }

    /// The descriptor, readable when packets or replies wait.
    pub fn fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }

    /// A second descriptor of the same socket, for another thread.
    pub fn duplicate(&self) -> Result<OwnedFd, QueueError> {
        self.fd()
            .try_clone_to_owned()
            .map_err(|source| QueueError::Socket { queue: self.queue, source })
    }

    /// Sends a request, again if a signal interrupts it.
    pub fn send(&self, bytes: &[u8]) -> Result<(), QueueError> {
        self.try_send(bytes).map_err(|source| QueueError::Socket { queue: self.queue, source })
    }

    /// Sends verdicts. On error the socket must be closed: the next verdicts would decide for the packets
    /// of these verdicts, too.
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

/// Sets the options of a socket on which this many `packets` may wait.
fn prepare(socket: BorrowedFd<'_>, packets: u32) -> io::Result<()> {
    sys::set_close_on_exec(socket)?;
    // With this option a full buffer loses the packets that do not fit, and the kernel counts them.
    // Without it the kernel refuses all packets until the buffer is empty.
    sys::set_socket_option(socket, libc::SOL_NETLINK, libc::NETLINK_NO_ENOBUFS, 1)?;
    // A reply need not quote the whole request. Kernels before 4.3 do not have this option.
    let _ = sys::set_socket_option(socket, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1);
    let bytes = (u64::from(packets) * MESSAGE_IN_BUFFER).min(i32::MAX as u64 / 2) as usize;
    sys::force_receive_buffer(socket, bytes)
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
