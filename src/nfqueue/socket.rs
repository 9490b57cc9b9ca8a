//! A netlink socket that has a queue, and why it cannot be had.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use mnl::{Bus, Socket};

use super::Options;
use super::kernel;
use super::message;
use crate::netlink::{Program, Reply};
use crate::sys;

/// What a message takes of the receive buffer, in the kernel's own reckoning: memory comes in
/// powers of two, and the kernel doubles what is asked for.
const MESSAGE_IN_BUFFER: u64 = 640;

/// Why a queue cannot be served now, as a sentence.
#[derive(Debug)]
pub enum QueueError {
    /// Reading or writing failed; the socket may still do.
    Passing(String),
    /// The socket is of no more use, or verdicts were lost. A new one has to be made.
    Gone(String),
}

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
        let socket = opened.map_err(|error| of_queue(queue, &error))?;
        socket.send(&message::bind(queue, options))?;
        Ok(socket)
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }

    /// Another descriptor of the same socket.
    pub fn duplicate(&self) -> Result<OwnedFd, QueueError> {
        self.fd().try_clone_to_owned().map_err(|error| of_queue(self.queue, &error))
    }

    /// Sends a request.
    pub fn send(&self, bytes: &[u8]) -> Result<(), QueueError> {
        self.try_send(bytes).map_err(|error| of_queue(self.queue, &error))
    }

    /// Sends verdicts. If they cannot be sent, what comes later must not be decided by later ones,
    /// so the socket is of no more use.
    pub fn send_verdicts(&self, verdicts: &[u8]) -> Result<(), QueueError> {
        self.try_send(verdicts).map_err(|error| {
            QueueError::Gone(format!("queue {}: verdicts cannot be sent: {error}", self.queue))
        })
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

/// What an error of a socket means for its queue.
pub fn of_queue(queue: u16, error: &io::Error) -> QueueError {
    let reason = format!("queue {queue}: netlink socket: {error}");
    match error.raw_os_error() {
        Some(libc::EBADF | libc::ENOTSOCK) => QueueError::Gone(reason),
        _ => QueueError::Passing(reason),
    }
}

/// What the kernel says to a verdict: that the packet is gone by now, which does no harm, or that
/// the queue is.
pub fn check_reply(queue: u16, reply: &Reply) -> Result<(), QueueError> {
    match reply.errno {
        0 | libc::ENOENT => Ok(()),
        errno => Err(refused(queue, errno)),
    }
}

/// Why a queue cannot be had, with the cure.
pub fn refused(queue: u16, errno: i32) -> QueueError {
    let other = kernel::queues().into_iter().find(|other| other.queue == queue);
    let error = io::Error::from_raw_os_error(errno);
    QueueError::Gone(match (errno, other) {
        (libc::EPERM | libc::EBUSY, Some(other)) => format!(
            "queue {queue} is served by another program, {}; stop it, or choose another number",
            Program::of_port(other.port)
        ),
        (libc::EPERM, None) => {
            format!("queue {queue}: {error}; netfilterd needs CAP_NET_ADMIN to serve it")
        }
        (libc::EINVAL | libc::ENOENT | libc::EPROTONOSUPPORT, _) => format!(
            "queue {queue}: {error}; this kernel has no NFQUEUE: module nfnetlink_queue \
             (CONFIG_NETFILTER_NETLINK_QUEUE)"
        ),
        (libc::EOPNOTSUPP, _) => format!(
            "queue {queue}: {error}; this kernel is too old: queue mode needs Linux 3.10 or later"
        ),
        (libc::ENODEV, _) => format!("queue {queue} was taken away"),
        _ => format!("queue {queue}: {error}"),
    })
}
