//! The SSH session in which this process runs, by `SSH_CONNECTION`.
//!
//! Only the variable of this process and of its parents counts. Any process can set the variable, so
//! if those of all processes counted, every local user could protect any address. The variable of
//! this process is set by whoever may run it as root, and may therefore change the lists as well.
//!
//! The variable can be out of date: tmux(1) and screen(1) keep that of their start. The address is
//! protected nevertheless, because somebody was logged in from it. Where the host records who is logged
//! in, that counts as well.

use std::fs;
use std::net::IpAddr;

use super::login::address;

/// How many parent processes are searched for a session. No real process has as many.
const GENERATIONS: u32 = 64;

/// The peer of the SSH session in which this process runs.
///
/// If the process has no `SSH_CONNECTION`, the variable of the nearest parent process counts: sudo
/// removes it from the environment, and commands that change a firewall are run with sudo. An empty
/// variable names no peer.
///
/// To be called before privileges are dropped: only root with all capabilities can read the
/// environment of sudo.
pub fn ssh_peer() -> Option<IpAddr> {
    if let Some(connection) = std::env::var_os("SSH_CONNECTION") {
        return peer(&connection.to_string_lossy());
    }
    let mut pid = std::os::unix::process::parent_id();
    for _ in 0..GENERATIONS {
        if pid <= 1 {
            break;
        }
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let connection = environment
            .split(|&byte| byte == 0)
            .find_map(|variable| variable.strip_prefix(b"SSH_CONNECTION="));
        if let Some(connection) = connection {
            return peer(&String::from_utf8_lossy(connection));
        }
        pid = parent(pid)?;
    }
    None
}

/// The first word of `SSH_CONNECTION`; the others are its port, and the address and port of the
/// server.
pub fn peer(connection: &str) -> Option<IpAddr> {
    address(connection.split_whitespace().next()?)
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
