//! The host's addresses, routes and nexthop objects, by route netlink (rtnetlink(7)), and
//! notifications when they change.
//!
//! Knows nothing of what the answers are for.

mod monitor;
mod routes;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{Message, Protocol, RequestError, Socket, append, attributes, find};

pub use monitor::{Monitor, matters};
pub use routes::{Hop, NextHop, Route, each_route, next_hops};

/// Bytes of a `struct ifaddrmsg`, linux/if_addr.h.
const ADDRESS_HEADER: usize = 8;

/// An address of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// The number of the interface that has it.
    pub interface: u32,
    /// The address of this end.
    pub address: IpAddr,
    /// The other end of a point-to-point interface.
    pub peer: Option<IpAddr>,
    /// The network that the address connects to: of the other end, if there is one.
    pub network: IpNet,
    /// The broadcast address that was set.
    pub broadcast: Option<IpAddr>,
}

/// The addresses of this process's network namespace, those that are still being checked included.
pub fn addresses() -> io::Result<Vec<Own>> {
    dump(libc::RTM_GETADDR, &[0; ADDRESS_HEADER], own)
}

/// The address that a message is about.
pub fn own(message: &Message<'_>) -> Option<Own> {
    if message.kind != libc::RTM_NEWADDR {
        return None;
    }
    let header = message.payload().get(..ADDRESS_HEADER)?;
    let rest = attributes(&message.payload()[ADDRESS_HEADER..]);
    let (family, length) = (header[0], header[1]);
    let at = |kind| find(rest.clone(), kind).and_then(|value| ip(family, value));
    // On a point-to-point interface the first is this end and the second the other one; IPv6 has
    // the second alone.
    let (local, address) = (at(libc::IFA_LOCAL), at(libc::IFA_ADDRESS));
    let own = local.or(address)?;
    Some(Own {
        interface: u32::from_ne_bytes(header[4..8].try_into().ok()?),
        address: own,
        peer: address.filter(|&address| address != own),
        network: IpNet::new(address.unwrap_or(own), length).ok()?.trunc(),
        broadcast: at(libc::IFA_BROADCAST),
    })
}

fn ip(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        libc::AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into()),
        _ => None,
    }
}

/// What `read` makes of all objects of a kind, as they were at one time.
fn dump<T, I: IntoIterator<Item = T>>(
    kind: u16,
    header: &[u8],
    read: impl Fn(&Message<'_>) -> I,
) -> io::Result<Vec<T>> {
    let request = |sequence| request(kind, header, sequence);
    let found = Socket::open(Protocol::Route)?.dump(request, read, usize::MAX)?;
    Ok(found.unwrap_or_default())
}

/// Hands `each` all objects of a kind, those that change meanwhile included.
fn list(kind: u16, header: &[u8], each: impl FnMut(&Message<'_>)) -> Result<(), RequestError> {
    Socket::open(Protocol::Route)?.list(|sequence| request(kind, header, sequence), each)
}

fn request(kind: u16, header: &[u8], sequence: u32) -> Vec<u8> {
    let mut request = Vec::new();
    // A header alone is never too long.
    append(&mut request, kind, libc::NLM_F_DUMP as u16, header, sequence, &mut false, |_| {});
    request
}
