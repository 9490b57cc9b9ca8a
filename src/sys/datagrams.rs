//! Many datagrams in one system call.
//!
//! nix's `recvmmsg` makes each header anew for each call. Here they are made once: this is what the
//! verdicts of queue mode wait for.

#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::check::check;

/// Room for so many datagrams of so many bytes each, and those that were received last.
pub struct Datagrams {
    /// All the room, in pieces of `size`; the headers point into it.
    bytes: Vec<u8>,
    size: usize,
    /// One for each piece; `headers` point to them. Never touched after they were made.
    _pieces: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    received: usize,
}

impl Datagrams {
    /// Room for `count` datagrams of `size` bytes; what is longer is cut.
    pub fn new(count: usize, size: usize) -> Self {
        let mut bytes = vec![0u8; count * size];
        let mut pieces: Vec<libc::iovec> = bytes
            .chunks_exact_mut(size)
            .map(|piece| libc::iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: size })
            .collect();
        let headers = pieces
            .iter_mut()
            .map(|piece| {
                // SAFETY: all zeros is a valid mmsghdr: no name, no control data, null pointers.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = piece;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        Datagrams { bytes, size, _pieces: pieces, headers, received: 0 }
    }

    /// Receives what waits, up to the count, in place of what was received before. If nothing waits
    /// and `wait` is set, waits for the first; without it that is [`io::ErrorKind::WouldBlock`].
    pub fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<()> {
        self.received = 0;
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: the headers lead to pieces, and these to parts of `bytes`, none of which has
        // moved or grown since `new`; nothing else refers to `bytes` while `self` is borrowed.
        let received = check(unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                self.headers.len() as libc::c_uint,
                flags as _,
                std::ptr::null_mut(),
            )
        })?;
        self.received = received as usize;
        Ok(())
    }

    /// What was received last.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.headers[..self.received]
            .iter()
            .zip(self.bytes.chunks_exact(self.size))
            .map(|(header, piece)| &piece[..piece.len().min(header.msg_len as usize)])
    }
}
