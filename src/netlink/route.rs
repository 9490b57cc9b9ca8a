//! The host's addresses and gateways, by route netlink (rtnetlink(7)).
//!
//! Knows nothing of what the answers are for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};

use super::{Message, Protocol, Socket, append, attributes, find};

/// Bytes of a `struct ifaddrmsg`, linux/if_addr.h.
const ADDRESS_HEADER: usize = 8;
/// Bytes of a `struct rtmsg`, linux/rtnetlink.h.
const ROUTE_HEADER: usize = 12;
/// Bytes of a `struct rtnexthop`, linux/rtnetlink.h.
const HOP_HEADER: usize = 8;

/// The longest prefix of a default route. Tunnels lead everything to themselves by two routes of
/// length 1, and some hosts have 2000::/3 for all of IPv6.
const DEFAULT_ROUTE: u8 = 3;

/// An address of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// The address of this end.
    pub address: IpAddr,
    /// The other end of a point-to-point interface.
    pub peer: Option<IpAddr>,
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
    let rest = attributes(message.payload().get(ADDRESS_HEADER..)?);
    let family = *message.payload().first()?;
    let at = |kind| find(rest.clone(), kind).and_then(|value| ip(family, value));
    // On a point-to-point interface the first is this end and the second the other one; IPv6 has
    // the second alone.
    let (local, address) = (at(libc::IFA_LOCAL), at(libc::IFA_ADDRESS));
    let own = local.or(address)?;
    Some(Own { address: own, peer: address.filter(|&address| address != own) })
}

/// The gateways of the default routes of all routing tables.
pub fn default_gateways() -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut header = [0; ROUTE_HEADER];
        header[0] = family as u8;
        found.extend(dump(libc::RTM_GETROUTE, &header, gateways)?);
    }
    Ok(found)
}

/// Whether a message is about a default route that packets may take.
pub fn is_default_route(message: &Message<'_>) -> bool {
    let known = [libc::RTM_NEWROUTE, libc::RTM_DELROUTE].contains(&message.kind);
    let header = message.payload().get(..ROUTE_HEADER);
    header
        .is_some_and(|header| known && header[1] <= DEFAULT_ROUTE && header[7] == libc::RTN_UNICAST)
}

/// The gateways of a default route: one, or one for each of its ways.
pub fn gateways(message: &Message<'_>) -> Vec<IpAddr> {
    if !is_default_route(message) {
        return Vec::new();
    }
    let payload = message.payload();
    let Some(rest) = payload.get(ROUTE_HEADER..) else { return Vec::new() };
    let mut found: Vec<IpAddr> = gateway(payload[0], rest).into_iter().collect();
    let mut hops = find(attributes(rest), libc::RTA_MULTIPATH).unwrap_or(&[]);
    while let Some(&[low, high]) = hops.get(..2) {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let Some(hop) = hops.get(HOP_HEADER..length) else { break };
        found.extend(gateway(payload[0], hop));
        hops = hops.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    found
}

/// The gateway among attributes, which may be of the other family than the route.
fn gateway(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    if let Some(value) = find(attributes(bytes), libc::RTA_GATEWAY) {
        return ip(family, value);
    }
    let via = find(attributes(bytes), libc::RTA_VIA)?;
    let family = u16::from_ne_bytes(via.get(..2)?.try_into().ok()?);
    ip(u8::try_from(family).ok()?, &via[2..])
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
    let request = |sequence| {
        let mut request = Vec::new();
        // A header alone is never too long.
        append(&mut request, kind, libc::NLM_F_DUMP as u16, header, sequence, &mut false, |_| {});
        request
    };
    let found = Socket::open(Protocol::Route)?.dump(request, read, usize::MAX)?;
    Ok(found.unwrap_or_default())
}

/// Receives a notification when something has changed.
pub struct Monitor {
    socket: Socket,
}

impl Monitor {
    /// Receives the notifications of groups (`RTNLGRP_*`) from here on.
    pub fn open(groups: &[u32]) -> io::Result<Self> {
        let socket = Socket::open(Protocol::Route)?;
        for &group in groups {
            socket.join(group)?;
        }
        Ok(Monitor { socket })
    }

    /// Receives a notification when [`addresses`] or [`default_gateways`] change.
    pub fn open_for_addresses() -> io::Result<Self> {
        Monitor::open(&[
            libc::RTNLGRP_IPV4_IFADDR,
            libc::RTNLGRP_IPV6_IFADDR,
            libc::RTNLGRP_IPV4_ROUTE,
            libc::RTNLGRP_IPV6_ROUTE,
        ])
    }

    /// Takes all notifications that wait. What they say is better asked for anew: some may have
    /// been lost.
    pub fn drain(&mut self) -> io::Result<()> {
        self.socket.receive_waiting(|_| {})
    }

    /// The same, and whether an address or a default route may have changed: a router is notified of
    /// many other routes.
    pub fn drain_addresses(&mut self) -> io::Result<bool> {
        let mut changed = false;
        self.socket.receive_waiting(|message| {
            let about = |message: &Message<'_>| {
                [libc::RTM_NEWADDR, libc::RTM_DELADDR].contains(&message.kind)
                    || is_default_route(message)
            };
            changed |= message.is_none_or(about);
        })?;
        Ok(changed)
    }
}

/// Readable when notifications wait.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
