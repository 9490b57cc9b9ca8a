//! Facts about the host: its addresses, gateways and resolvers, and the peer of the SSH session.

use std::ffi::CString;
use std::fs;
use std::io;
use std::net::IpAddr;

use crate::error::Error;
use crate::load::host_networks;
use crate::policy::protect::Facts;

/// The files that name resolvers. Where systemd-resolved runs, the first names only its stub on the
/// loopback interface, and the second names the servers that the stub asks.
const RESOLVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// How many parent processes are searched for a session. No real process has as many.
const GENERATIONS: u32 = 64;

/// The source of facts about the host.
#[derive(Clone, Debug)]
pub struct Host {
    ssh_peer: Option<IpAddr>,
    /// The names of `--interface`; if there are none, all interfaces count.
    interfaces: Vec<CString>,
}

impl Host {
    /// The host of this process. Finds the peer of the SSH session once, before privileges are dropped.
    pub fn new() -> Self {
        Host { ssh_peer: ssh_peer(), interfaces: Vec::new() }
    }

    /// The same host, of whose networks only those of these interfaces count; all of them if there is no
    /// name. A `*` at the end of a name matches any ending.
    pub fn only_on(self, interfaces: &[CString]) -> Self {
        Host { interfaces: interfaces.to_vec(), ..self }
    }

    /// The facts as of now. Fails if the kernel does not list addresses and routes.
    pub fn facts(&self) -> Result<Facts, Error> {
        let failed = |source: io::Error| Error::Host { source };
        Ok(Facts {
            resolvers: RESOLVERS.iter().flat_map(|path| resolvers_of(path)).collect(),
            ssh_peer: self.ssh_peer,
            ..host_networks::facts(&self.interfaces).map_err(failed)?
        })
    }
}

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}

fn resolvers_of(path: &str) -> Vec<IpAddr> {
    match fs::read(path) {
        Ok(text) => resolvers(&String::from_utf8_lossy(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            log::warn!(
                "cannot read {path}: {error}; its resolvers are not protected: make it readable, \
                 or allow them"
            );
            Vec::new()
        }
    }
}

/// The addresses of the `nameserver` lines of a resolv.conf(5).
pub fn resolvers(text: &str) -> Vec<IpAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|&word| word == "nameserver").and(words.next())?;
        // The part after a percent sign is an interface.
        address.split('%').next()?.parse().ok()
    });
    named.collect()
}

/// The peer of the SSH session in which this process runs.
///
/// If the process has no `SSH_CONNECTION`, the variable of the nearest parent process counts: sudo
/// removes it from the environment, and commands that change a firewall are run with sudo. An empty
/// variable names no peer.
fn ssh_peer() -> Option<IpAddr> {
    if let Some(connection) = std::env::var_os("SSH_CONNECTION") {
        return peer(&connection.to_string_lossy());
    }
    let mut pid = std::os::unix::process::parent_id();
    for _ in 0..GENERATIONS {
        if pid <= 1 {
            break;
        }
        // Only root can read the environment of another user's process.
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
    let address = connection.split_whitespace().next()?;
    let address: IpAddr = address.split('%').next()?.parse().ok()?;
    Some(address.to_canonical())
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
