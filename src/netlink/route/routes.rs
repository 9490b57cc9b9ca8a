//! Routes and nexthop objects, as the kernel lists them and as it notifies of them.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{ip, list};
use crate::netlink::{Message, RequestError, attributes, find};

/// Bytes of a `struct rtmsg`, linux/rtnetlink.h.
const ROUTE_HEADER: usize = 12;
/// Bytes of a `struct rtnexthop`, linux/rtnetlink.h.
const HOP_HEADER: usize = 8;
/// Bytes of a `struct nhmsg`, linux/nexthop.h.
const OBJECT_HEADER: usize = 8;
/// Bytes of a `struct nexthop_grp`, linux/nexthop.h.
const MEMBER: usize = 8;

/// Attribute of linux/rtnetlink.h: the number of a nexthop object.
const RTA_NH_ID: u16 = 30;

// Messages and attributes of linux/rtnetlink.h and linux/nexthop.h (Linux 5.3).
pub(super) const RTM_NEWNEXTHOP: u16 = 104;
pub(super) const RTM_DELNEXTHOP: u16 = 105;
const RTM_GETNEXTHOP: u16 = 106;
const NHA_ID: u16 = 1;
const NHA_GROUP: u16 = 2;
const NHA_OIF: u16 = 5;
const NHA_GATEWAY: u16 = 6;

/// The longest prefix of a default route. Tunnels lead everything to themselves by two routes of
/// length 1, and some hosts have 2000::/3 for all of IPv6.
const DEFAULT_ROUTE: u8 = 3;

/// A route, as a message has it.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    family: u8,
    /// The prefix length of the destination.
    length: u8,
    /// `RTN_*`.
    kind: u8,
    destination: Option<&'a [u8]>,
    /// The only hop of a route that has no several ones.
    hop: Hop,
    /// Several hops, each with a header of its own.
    hops: &'a [u8],
    /// The nexthop object that has the hops.
    object: Option<u32>,
}

/// One of the ways that the packets of a route may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// The router that packets are sent to; `None` if the destination is on the link. It may be of
    /// another family than the route.
    pub gateway: Option<IpAddr>,
    /// The number of the interface.
    pub interface: Option<u32>,
}

impl<'a> Route<'a> {
    /// The route that is added or deleted; `None` for another message, and for the routes of families
    /// that lead to no router with an IP address, such as those of a CAN bus.
    pub fn of(message: &Message<'a>) -> Option<Self> {
        if ![libc::RTM_NEWROUTE, libc::RTM_DELROUTE].contains(&message.kind) {
            return None;
        }
        let header = message.payload().get(..ROUTE_HEADER)?;
        if ![libc::AF_INET, libc::AF_INET6, libc::AF_MPLS].contains(&header[0].into()) {
            return None;
        }
        let mut route = Route {
            family: header[0],
            length: header[1],
            kind: header[7],
            destination: None,
            hop: Hop::default(),
            hops: &[],
            object: None,
        };
        for attribute in attributes(&message.payload()[ROUTE_HEADER..]) {
            match attribute.kind {
                libc::RTA_DST => route.destination = Some(attribute.value),
                libc::RTA_MULTIPATH => route.hops = attribute.value,
                RTA_NH_ID => route.object = number(attribute.value),
                kind => route.hop.read(route.family, kind, attribute.value),
            }
        }
        Some(route)
    }

    /// Whether packets are sent along this route, rather than dropped, delivered or multiplied.
    pub fn is_unicast(&self) -> bool {
        self.kind == libc::RTN_UNICAST
    }

    /// Whether this is a default route that packets may take.
    pub fn is_default(&self) -> bool {
        let family = i32::from(self.family);
        [libc::AF_INET, libc::AF_INET6].contains(&family)
            && self.length <= DEFAULT_ROUTE
            && self.is_unicast()
    }

    /// The network that the route leads to; `None` if it is of a family that has no IP addresses.
    pub fn destination(&self) -> Option<IpNet> {
        let address = match (i32::from(self.family), self.destination) {
            (libc::AF_INET, None) => Ipv4Addr::UNSPECIFIED.into(),
            (libc::AF_INET6, None) => Ipv6Addr::UNSPECIFIED.into(),
            (_, bytes) => ip(self.family, bytes?)?,
        };
        Some(IpNet::new(address, self.length).ok()?.trunc())
    }

    /// The number of the nexthop object whose hops the route has. The message may have them, too.
    pub fn object(&self) -> Option<u32> {
        self.object
    }

    /// The hops that the message itself has.
    pub fn hops(&self) -> impl Iterator<Item = Hop> + use<'a> {
        let (family, mut rest) = (self.family, self.hops);
        let several = std::iter::from_fn(move || {
            let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
            let attached = rest.get(HOP_HEADER..length)?;
            let mut hop = Hop { gateway: None, interface: number(&rest[4..8]) };
            for attribute in attributes(attached) {
                hop.read(family, attribute.kind, attribute.value);
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
            Some(hop)
        });
        let alone = Some(self.hop).filter(|hop| *hop != Hop::default());
        alone.into_iter().chain(several)
    }

    /// Whether the hosts of the destination are on the link of an interface, no router in between.
    pub fn is_on_link(&self) -> bool {
        self.is_unicast()
            && self.object.is_none()
            && self.hops().all(|hop| hop.gateway.is_none() && hop.interface.is_some())
            && self.hops().next().is_some()
    }
}

impl Hop {
    /// Takes over what an attribute says of the hop of a route of this family.
    fn read(&mut self, family: u8, kind: u16, value: &[u8]) {
        match kind {
            libc::RTA_OIF => self.interface = number(value),
            libc::RTA_GATEWAY => self.gateway = ip(family, value),
            // A gateway of another family than the route: its family, then its address.
            libc::RTA_VIA => {
                let Some((family, address)) = value.split_first_chunk() else { return };
                let family = u8::try_from(u16::from_ne_bytes(*family)).ok();
                self.gateway = family.and_then(|family| ip(family, address));
            }
            _ => {}
        }
    }
}

/// Hands `each` all routes of all routing tables, one after the other: a router may have a million.
/// If routes change meanwhile, `each` may see a route twice, or one that was just deleted.
pub fn each_route(mut each: impl FnMut(&Route<'_>)) -> io::Result<()> {
    // A header of zeros asks for all families.
    list(libc::RTM_GETROUTE, &[0; ROUTE_HEADER], |message| {
        if let Some(route) = Route::of(message) {
            each(&route);
        }
    })?;
    Ok(())
}

/// A nexthop object (`ip nexthop`), which routes name by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Its number.
    pub id: u32,
    /// Where it leads; nowhere if it is a group or drops packets.
    pub hop: Hop,
    /// The numbers of the objects of which it is a group.
    pub group: Vec<u32>,
}

impl NextHop {
    /// The nexthop object that is added or deleted; `None` for another message.
    pub fn of(message: &Message<'_>) -> Option<Self> {
        if ![RTM_NEWNEXTHOP, RTM_DELNEXTHOP].contains(&message.kind) {
            return None;
        }
        let family = *message.payload().first()?;
        let rest = attributes(message.payload().get(OBJECT_HEADER..)?);
        let at = |kind| find(rest.clone(), kind);
        let gateway = at(NHA_GATEWAY).and_then(|value| ip(family, value));
        let interface = at(NHA_OIF).and_then(number);
        let members = at(NHA_GROUP).unwrap_or(&[]).chunks_exact(MEMBER);
        Some(NextHop {
            id: at(NHA_ID).and_then(number)?,
            hop: Hop { gateway, interface },
            group: members.filter_map(|member| number(&member[..4])).collect(),
        })
    }
}

/// The nexthop objects; none on a kernel that has none (before Linux 5.3).
pub fn next_hops() -> io::Result<Vec<NextHop>> {
    let mut found = Vec::new();
    match list(RTM_GETNEXTHOP, &[0; OBJECT_HEADER], |message| found.extend(NextHop::of(message))) {
        Err(RequestError::Refused { reply }) if reply.errno == libc::EOPNOTSUPP => Ok(Vec::new()),
        result => {
            result?;
            Ok(found)
        }
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}
