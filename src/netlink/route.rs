//! What the kernel's networking is made of: interfaces, addresses, gateways, by route netlink
//! (rtnetlink(7)).
//!
//! Knows nothing of what the answers are for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mnl::{Bus, Socket};

use crate::netlink::{Message, Reply, append, attributes, find};
use crate::sys;

/// Attribute of linux/if_link.h.
const IFLA_IFNAME: u16 = 3;
/// Bytes of a `struct ifinfomsg`, linux/rtnetlink.h.
const LINK_HEADER: usize = 16;
/// Bytes of a `struct ifaddrmsg`, linux/if_addr.h.
const ADDRESS_HEADER: usize = 8;
/// Bytes of a `struct rtmsg`, linux/rtnetlink.h.
const ROUTE_HEADER: usize = 12;
/// Bytes of a `struct rtnexthop`, linux/rtnetlink.h.
const HOP_HEADER: usize = 8;

/// The longest prefix of a default route. Tunnels lead everything to themselves by two routes of
/// length 1, and some hosts have 2000::/3 for all of IPv6.
const DEFAULT_ROUTE: u8 = 3;

/// How often a dump is asked for that other changes came in between of.
const TRIES: u32 = 5;

/// The largest piece of an answer.
const PIECE: usize = 64 << 10;

/// How long an answer may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number, which is never 0.
    pub index: u32,
    /// Its name, which need not be text.
    pub name: Vec<u8>,
}

/// The interfaces of this process's network namespace.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found = Vec::new();
    dump(libc::RTM_GETLINK, &[0; LINK_HEADER], |message| found.extend(interface(message)))?;
    Ok(found)
}

/// An address of this network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// The address.
    pub address: IpAddr,
    /// The other end, if the interface is one end of a line.
    pub peer: Option<IpAddr>,
}

/// The addresses of this process's network namespace, those that are still being checked included.
pub fn addresses() -> io::Result<Vec<Own>> {
    collect(libc::RTM_GETADDR, &[0; ADDRESS_HEADER], |message| own(message).into_iter().collect())
}

/// The address that a message is about.
pub fn own(message: &Message<'_>) -> Option<Own> {
    if message.kind != libc::RTM_NEWADDR {
        return None;
    }
    let rest = attributes(message.payload().get(ADDRESS_HEADER..)?);
    let family = *message.payload().first()?;
    let at = |kind| find(rest.clone(), kind).and_then(|value| ip(family, value));
    // For a line the first is this end and the second the other one; IPv6 has the second alone.
    let (local, address) = (at(libc::IFA_LOCAL), at(libc::IFA_ADDRESS));
    let own = local.or(address)?;
    Some(Own { address: own, peer: address.filter(|&address| address != own) })
}

/// Where the default routes lead to, those of all tables.
pub fn default_gateways() -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut header = [0; ROUTE_HEADER];
        header[0] = family as u8;
        found.extend(collect(libc::RTM_GETROUTE, &header, gateways)?);
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

/// What `each` makes of all objects of a kind, as they were at one time.
fn collect<T>(
    kind: u16,
    header: &[u8],
    mut each: impl FnMut(&Message<'_>) -> Vec<T>,
) -> io::Result<Vec<T>> {
    for _ in 0..TRIES {
        let (mut found, mut torn) = (Vec::new(), false);
        dump(kind, header, |message| {
            torn |= message.flags & libc::NLM_F_DUMP_INTR as u16 != 0;
            found.extend(each(message));
        })?;
        if !torn {
            return Ok(found);
        }
    }
    Err(io::Error::other("it changed each time that it was asked for"))
}

/// The interface that a message is about.
pub fn interface(message: &Message<'_>) -> Option<Interface> {
    if message.kind != libc::RTM_NEWLINK {
        return None;
    }
    let header = message.payload().get(..LINK_HEADER)?;
    let index = u32::from_ne_bytes(header[4..8].try_into().ok()?);
    let name = find(attributes(&message.payload()[LINK_HEADER..]), IFLA_IFNAME)?;
    Some(Interface { index, name: name.strip_suffix(b"\0").unwrap_or(name).to_vec() })
}

/// Asks for all objects of a kind and hands the messages to `each`.
fn dump(kind: u16, header: &[u8], mut each: impl FnMut(&Message<'_>)) -> io::Result<()> {
    const SEQUENCE: u32 = 1;
    let socket = Socket::open(Bus::Route)?;
    let fd = sys::netlink_fd(&socket);
    sys::set_close_on_exec(fd)?;
    socket.bind(0, 0)?;
    let (mut request, mut too_long) = (Vec::new(), false);
    append(&mut request, kind, libc::NLM_F_DUMP as u16, header, SEQUENCE, &mut too_long, |_| {});
    socket.send(&request)?;
    let mut piece = vec![0; PIECE];
    loop {
        if sys::wait_readable([fd], Some(PATIENCE))? != [true] {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let length = socket.recv_raw(&mut piece)?;
        let mut rest = &piece[..length];
        while let Some((message, behind)) = Message::parse(rest) {
            rest = behind;
            match i32::from(message.kind) {
                libc::NLMSG_DONE => return Ok(()),
                libc::NLMSG_ERROR => {
                    let errno = Reply::parse(&message).map_or(libc::EPROTO, |reply| reply.errno);
                    return Err(io::Error::from_raw_os_error(errno));
                }
                _ => each(&message),
            }
        }
    }
}

/// Hears that something was changed.
pub struct Watch {
    socket: Socket,
}

impl Watch {
    /// Listens to groups of notifications (`RTNLGRP_*`) from here on.
    pub fn open(groups: &[libc::c_uint]) -> io::Result<Self> {
        let socket = Socket::open(Bus::Route)?;
        let fd = sys::netlink_fd(&socket);
        sys::set_close_on_exec(fd)?;
        socket.bind(0, 0)?;
        for &group in groups {
            let option = libc::NETLINK_ADD_MEMBERSHIP;
            sys::set_socket_option(fd, libc::SOL_NETLINK, option, group as libc::c_int)?;
        }
        Ok(Watch { socket })
    }

    /// Listens for what changes [`addresses`] and [`default_gateways`].
    pub fn open_for_addresses() -> io::Result<Self> {
        Watch::open(&[
            libc::RTNLGRP_IPV4_IFADDR,
            libc::RTNLGRP_IPV6_IFADDR,
            libc::RTNLGRP_IPV4_ROUTE,
            libc::RTNLGRP_IPV6_ROUTE,
        ])
    }

    /// Takes all notifications that wait. What they say is better asked for anew: some may have
    /// been lost.
    pub fn drain(&mut self) -> io::Result<()> {
        self.take(|_| {})
    }

    /// The same, and whether an address or a default route may have changed: a router hears of many
    /// other routes.
    pub fn drain_addresses(&mut self) -> io::Result<bool> {
        let mut changed = false;
        self.take(|message| {
            let about = |message: &Message<'_>| {
                [libc::RTM_NEWADDR, libc::RTM_DELADDR].contains(&message.kind)
                    || is_default_route(message)
            };
            changed |= message.is_none_or(about);
        })?;
        Ok(changed)
    }

    /// Hands each notification that waits to `each`, and `None` where some were lost.
    fn take(&mut self, mut each: impl FnMut(Option<&Message<'_>>)) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        while sys::wait_readable([self.as_fd()], Some(Duration::ZERO))? == [true] {
            let length = match self.socket.recv_raw(&mut piece) {
                Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => return Err(error),
                Err(_) => {
                    each(None);
                    continue;
                }
                Ok(length) => length,
            };
            let mut rest = &piece[..length];
            while let Some((message, behind)) = Message::parse(rest) {
                rest = behind;
                each(Some(&message));
            }
        }
        Ok(())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }
}
