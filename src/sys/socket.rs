//! What a netlink socket needs beyond libmnl's wrapper.

#![allow(unsafe_code)]

use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{MsgFlags, getsockopt, recvmsg, setsockopt, sockopt};

use super::check::check;

/// The descriptor of a netlink socket, for as long as the socket is borrowed.
pub fn netlink_fd(socket: &mnl::Socket) -> BorrowedFd<'_> {
    // SAFETY: the socket keeps its descriptor open until it is dropped, which the borrow forbids.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

/// Sets an integer option of a netlink socket (`NETLINK_*`). nix has no such options.
pub fn set_netlink_option(
    socket: BorrowedFd<'_>,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `value`, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_NETLINK,
            name,
            (&raw const value).cast(),
            length,
        )
    };
    check(result).map(drop)
}

/// Sizes a socket's receive buffer, in bytes: beyond the system's limit, or, where that is not
/// permitted, up to the limit.
pub fn force_receive_buffer(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    Ok(match setsockopt(&socket, sockopt::RcvBufForce, &bytes) {
        Err(Errno::EPERM) => setsockopt(&socket, sockopt::RcvBuf, &bytes),
        result => result,
    }?)
}

/// Sizes a socket's send buffer in the same way.
pub fn force_send_buffer(socket: BorrowedFd<'_>, bytes: usize) -> io::Result<()> {
    Ok(match setsockopt(&socket, sockopt::SndBufForce, &bytes) {
        Err(Errno::EPERM) => setsockopt(&socket, sockopt::SndBuf, &bytes),
        result => result,
    }?)
}

/// The size of a socket's send buffer, in bytes.
pub fn send_buffer(socket: BorrowedFd<'_>) -> io::Result<usize> {
    Ok(getsockopt(&socket, sockopt::SndBuf)?)
}

/// Sends a datagram to where a netlink socket sends by default, which is the kernel.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    Ok(nix::sys::socket::send(socket.as_raw_fd(), bytes, MsgFlags::empty()).map(drop)?)
}

/// Receives the next datagram into `bytes`, if one waits; `None` if none does. Never waits.
///
/// An error if the datagram is longer than `bytes`, which then hold only its beginning.
pub fn receive_now(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        let mut room = [IoSliceMut::new(bytes)];
        match recvmsg::<()>(socket.as_raw_fd(), &mut room, None, MsgFlags::MSG_DONTWAIT) {
            Ok(received) if received.flags.contains(MsgFlags::MSG_TRUNC) => {
                return Err(io::ErrorKind::InvalidData.into());
            }
            Ok(received) => return Ok(Some(received.bytes)),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Keeps a descriptor from being handed to other programs.
pub fn set_close_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    Ok(fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map(drop)?)
}
