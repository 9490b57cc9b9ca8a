//! The system calls that the standard library lacks, and the few calls into libnftnl that its
//! wrapper lacks (objects.rs).
//!
//! The only module with `unsafe`. Everything it offers is safe to call with any arguments.

#![allow(unsafe_code)]

mod datagrams;
#[cfg(feature = "nftables")]
mod objects;
pub mod privileges;
pub mod replace;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

pub use datagrams::Datagrams;
#[cfg(feature = "nftables")]
pub use objects::{NamedCounter, append_message, set_flags, set_size};

/// Turns the -1 of a system call into the error it stands for.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The descriptor of a netlink socket, for as long as the socket is borrowed.
pub fn netlink_fd(socket: &mnl::Socket) -> BorrowedFd<'_> {
    // SAFETY: the socket keeps its descriptor open until it is dropped, which the borrow forbids.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

/// Sets an integer option of a socket.
pub fn set_socket_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer and the length describe `value`, which lives until the call returns.
    let result = unsafe {
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), length)
    };
    check(result).map(drop)
}

/// Sizes a buffer of a socket beyond the system's limit by the option `force`, or, where that is not
/// permitted, up to the limit by the option `ask`.
pub fn force_buffer(
    socket: BorrowedFd<'_>,
    force: libc::c_int,
    ask: libc::c_int,
    bytes: libc::c_int,
) -> io::Result<()> {
    match set_socket_option(socket, libc::SOL_SOCKET, force, bytes) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            set_socket_option(socket, libc::SOL_SOCKET, ask, bytes)
        }
        result => result,
    }
}

/// The size of a socket's send buffer, in bytes.
pub fn send_buffer(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut value: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointers and the length describe `value` and `length`, which live until the call
    // returns.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUF,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    check(result).map(|_| value.try_into().unwrap_or(0))
}

/// Sends a datagram to where a netlink socket sends by default, which is the kernel.
pub fn send(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `bytes`, which is only read.
    let sent = unsafe { libc::send(socket.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) };
    if sent == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Keeps a descriptor from being handed to other programs.
pub fn set_close_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: F_SETFD takes an integer and touches no memory of ours.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) }).map(drop)
}

/// Waits until one of `fds` can be read, or `timeout` has passed; `None` waits without end.
/// Returns which of them can be read; none after the timeout, or after a signal.
pub fn wait_readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    wait(fds, libc::POLLIN, timeout)
}

/// Waits until `fd` can be written to, or `timeout` has passed; `false` after the timeout, or after
/// a signal.
pub fn wait_writable(fd: BorrowedFd<'_>, timeout: Duration) -> io::Result<bool> {
    Ok(wait([fd], libc::POLLOUT, Some(timeout))? == [true])
}

fn wait<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    events: libc::c_short,
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = fds.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 });
    let timeout = match timeout {
        // Rounded up: waking early would turn a wait into a busy loop.
        Some(timeout) => timeout.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(i32::MAX),
        None => -1,
    };
    // SAFETY: the pointer and the length describe `polled`, which nothing else refers to.
    let result = check(unsafe { libc::poll(polled.as_mut_ptr(), N as libc::nfds_t, timeout) });
    match result {
        Ok(_) => Ok(polled.map(|polled| polled.revents != 0)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok([false; N]),
        Err(error) => Err(error),
    }
}

/// From how many bytes up memory is worth huge pages: several of them.
const HUGE: usize = 4 << 20;

/// Asks for huge pages for a vector that was given its capacity and is about to be filled. A list
/// of a million networks and its batch are ten thousand small pages, and taking each of them is a
/// sixth of the time that reading the list takes. Does nothing for a small vector, or where the
/// system has no huge pages.
pub fn prefer_huge_pages<T>(memory: &mut Vec<T>) {
    let bytes = memory.capacity() * size_of::<T>();
    if bytes < HUGE {
        return;
    }
    let start = memory.as_mut_ptr().cast::<u8>();
    // The address has to be that of a page, and a page is never larger than this.
    let skip = start.align_offset(64 << 10).min(bytes);
    // SAFETY: the range lies within the vector's allocation; this advice changes no byte of it.
    let _ = unsafe { libc::madvise(start.add(skip).cast(), bytes - skip, libc::MADV_HUGEPAGE) };
}

/// Gives memory that is free back to the system. After a load most of what was used is free, in
/// pieces that the allocator would keep for the next one.
pub fn give_memory_back() {
    // SAFETY: only moves the allocator's own free memory. Other C libraries than glibc have no
    // such call, and keep less.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Takes the exclusive lock of an open file; `false` if another process has it.
pub fn try_lock(file: &std::fs::File) -> io::Result<bool> {
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: flock takes two integers and touches no memory of ours.
    match check(unsafe { libc::flock(fd, libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
