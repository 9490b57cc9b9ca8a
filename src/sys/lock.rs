//! Locks of files.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use super::check::check;

/// Takes the exclusive lock of an open file (flock(2)), which ends when the file is closed; `false`
/// if another process has it.
///
/// nix's `Flock` has the same, but panics if a lock cannot be released, and the standard library has
/// it from Rust 1.89 on.
pub fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: flock takes two integers and touches no memory of ours.
    match check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) }) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
