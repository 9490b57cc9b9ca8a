//! Facts about the host: its addresses and gateways, its resolvers, and who is logged in.

use std::fs;
use std::io;
use std::net::IpAddr;

use crate::error::Error;
use crate::netlink::route;
use crate::policy::protect::Facts;

/// Where the resolvers stand. The first may name nothing but a resolver on the host itself; then
/// the second, if there is one, names those that it asks.
const RESOLVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// How many parents are looked at for a session: more than there are.
const GENERATIONS: u32 = 64;

/// What the facts are gathered from.
#[derive(Clone, Debug)]
pub struct Host {
    ssh_peer: Option<IpAddr>,
}

impl Host {
    /// The host as it is seen from this process. The peer of an SSH session is found out here, once.
    pub fn new() -> Self {
        Host { ssh_peer: ssh_peer() }
    }

    /// The facts as they are now.
    pub fn facts(&self) -> Result<Facts, Error> {
        let failed = |source: io::Error| Error::Host { source };
        let addresses = route::addresses().map_err(failed)?;
        let mut gateways = route::default_gateways().map_err(failed)?;
        // The way to everybody else, where there is a line and no network.
        gateways.extend(addresses.iter().filter_map(|own| own.peer));
        Ok(Facts {
            own: addresses.iter().map(|own| own.address).collect(),
            gateways,
            resolvers: RESOLVERS.iter().flat_map(|path| resolvers_of(path)).collect(),
            ssh_peer: self.ssh_peer,
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

/// The resolvers that a resolv.conf(5) names.
pub fn resolvers(text: &str) -> Vec<IpAddr> {
    let named = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|&word| word == "nameserver").and(words.next())?;
        // What is behind a percent sign is an interface.
        address.split('%').next()?.parse().ok()
    });
    named.collect()
}

/// The peer of the SSH session that this process is run in.
///
/// Where the process has no `SSH_CONNECTION`, that of the nearest parent that has one counts: sudo
/// takes it out of the environment, and commands that change a firewall are run by sudo. An empty
/// one is none.
fn ssh_peer() -> Option<IpAddr> {
    if let Some(connection) = std::env::var_os("SSH_CONNECTION") {
        return peer(&connection.to_string_lossy());
    }
    let mut pid = std::os::unix::process::parent_id();
    for _ in 0..GENERATIONS {
        if pid <= 1 {
            break;
        }
        // That of another user's process cannot be read, unless by root.
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

/// The first word of `SSH_CONNECTION`; the others are its port and the server's end.
pub fn peer(connection: &str) -> Option<IpAddr> {
    let address = connection.split_whitespace().next()?;
    let address: IpAddr = address.split('%').next()?.parse().ok()?;
    Some(address.to_canonical())
}

fn parent(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
