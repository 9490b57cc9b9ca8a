//! Processes of this program.

#![allow(unsafe_code)]

use std::fs;
use std::io;

use super::check::check;

/// Which of the two processes this is after [`fork`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forked {
    /// The process that called it.
    Parent,
    /// The new one.
    Child,
}

/// Makes a copy of this process, which goes on behind the call as well. Fails if the process has more
/// than one thread: of these the copy has only one, and what the others held would stay locked.
pub fn fork() -> io::Result<Forked> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("the process has several threads"));
    }
    // SAFETY: this is the only thread, so all memory and every lock are as this thread left them, in
    // the copy as well.
    match check(unsafe { libc::fork() })? {
        0 => Ok(Forked::Child),
        _ => Ok(Forked::Parent),
    }
}

/// Whether a process runs, and is one of netfilterd's by its name.
pub fn is_netfilterd(pid: &str) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm"));
    name.is_ok_and(|name| name.trim_end() == "netfilterd")
}

/// When a process started, in clock ticks since the host did (proc_pid_stat(5), field 22); `None` if there
/// is no such process. A later process with the same number has another start.
pub fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, and may hold blanks and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(22 - 3)?.parse().ok()
}
