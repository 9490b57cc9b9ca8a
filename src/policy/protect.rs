//! Protected addresses: they are never dropped, so that a list cannot lock out the administrator.
//!
//! They are computed from facts about the host, which the caller gathers. Single hosts are protected,
//! not the networks that hold them; how private networks are is in [`connected`](super::connected).

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::ip::{Range, RangeSet, RangeSets};
use crate::list::Entry;
use crate::policy::connected::{HostNetwork, Networks};

/// The addresses that the host needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The addresses of the host's interfaces.
    pub own: Vec<IpAddr>,
    /// The broadcast addresses of the networks that the interfaces have addresses of.
    pub broadcasts: Vec<IpAddr>,
    /// The gateways of default routes.
    pub gateways: Vec<IpAddr>,
    /// The routers of all routes that are IPv6 addresses: neighbour discovery resolves them.
    pub next_hops: Vec<IpAddr>,
    /// The name servers of the host.
    pub resolvers: Vec<IpAddr>,
    /// The hosts from which somebody is logged in.
    pub logged_in: Vec<IpAddr>,
    /// The networks that the host uses.
    pub networks: Vec<HostNetwork>,
}

/// Why an address is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Programs of the host communicate through it.
    Loopback,
    /// The source address of a host that has no address yet, as in DHCP.
    Unspecified,
    /// The destination of a DHCP request, or of what is meant for all hosts of an own network.
    Broadcast,
    /// Neighbour discovery sends from and to link-local addresses.
    LinkLocal,
    /// Neighbour discovery, routing protocols (OSPF, VRRP) and name services (mDNS) send to link-local
    /// multicast addresses.
    Multicast,
    /// An address of the host; replies to it would be lost.
    Own,
    /// All packets to other networks go through a default gateway.
    Gateway,
    /// A route leads through it, and it is found by messages that it sends.
    NextHop,
    /// The host resolves names through this server.
    Resolver,
    /// Somebody is logged in from this host, perhaps the administrator.
    LoggedIn,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Loopback => "loopback",
            Why::Unspecified => "unspecified address",
            Why::Broadcast => "broadcast",
            Why::LinkLocal => "link-local",
            Why::Multicast => "link-local multicast",
            Why::Own => "own address",
            Why::Gateway => "default gateway",
            Why::NextHop => "next hop",
            Why::Resolver => "resolver",
            Why::LoggedIn => "logged-in host",
        })
    }
}

/// A protected network or host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// The protected addresses; a host has the full prefix length.
    pub network: IpNet,
    /// The reason, which messages show in parentheses.
    pub why: Why,
}

impl Item {
    /// The addresses in the form of a list entry.
    pub fn entry(&self) -> Entry {
        match self.network {
            IpNet::V4(net) => Entry::V4(Range::network(net.network().into(), net.prefix_len())),
            IpNet::V6(net) => Entry::V6(Range::network(net.network().into(), net.prefix_len())),
        }
    }

    /// Whether the sets hold an address of this item.
    pub fn is_in(&self, sets: &RangeSets) -> bool {
        match self.entry() {
            Entry::V4(range) => sets.v4.meets(range),
            Entry::V6(range) => sets.v6.meets(range),
        }
    }
}

impl fmt::Display for Item {
    /// `127.0.0.0/8 (loopback)`, a host without its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.network.prefix_len() == self.network.max_prefix_len() {
            write!(f, "{} ({})", self.network.addr(), self.why)
        } else {
            write!(f, "{} ({})", self.network, self.why)
        }
    }
}

/// What is protected on every host.
const ALWAYS: [(IpNet, Why); 9] = [
    (v4(Ipv4Addr::UNSPECIFIED, 32), Why::Unspecified),
    (v4(Ipv4Addr::new(127, 0, 0, 0), 8), Why::Loopback),
    (v4(Ipv4Addr::new(169, 254, 0, 0), 16), Why::LinkLocal),
    (v4(Ipv4Addr::new(224, 0, 0, 0), 24), Why::Multicast),
    (v4(Ipv4Addr::BROADCAST, 32), Why::Broadcast),
    (v6(Ipv6Addr::UNSPECIFIED, 128), Why::Unspecified),
    (v6(Ipv6Addr::LOCALHOST, 128), Why::Loopback),
    (v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10), Why::LinkLocal),
    (v6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0), 16), Why::Multicast),
];

const fn v4(address: Ipv4Addr, length: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(address, length))
}

const fn v6(address: Ipv6Addr, length: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, length))
}

/// All protected addresses, and the networks of the host. The default protects nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    items: Vec<Item>,
    sets: RangeSets,
    networks: Option<Networks>,
}

impl Protected {
    /// The addresses of these facts, and the addresses that are protected on every host.
    pub fn new(facts: &Facts) -> Self {
        let always = ALWAYS.map(|(network, why)| Item { network, why });
        let of = |addresses: &[IpAddr], why| {
            // An IPv4-mapped address means the IPv4 address, as in a list.
            let host = |address: &IpAddr| Item { network: address.to_canonical().into(), why };
            addresses.iter().map(host).collect::<Vec<_>>()
        };
        let mut items = always.to_vec();
        let found = [
            of(&facts.own, Why::Own),
            of(&facts.broadcasts, Why::Broadcast),
            of(&facts.gateways, Why::Gateway),
            of(&facts.next_hops, Why::NextHop),
            of(&facts.resolvers, Why::Resolver),
            of(&facts.logged_in, Why::LoggedIn),
        ];
        // A host may have thousands of addresses.
        let mut seen = HashSet::new();
        for item in found.concat() {
            let always = always.iter().any(|always| always.network.contains(&item.network));
            if !always && seen.insert(item) {
                items.push(item);
            }
        }
        let sets = sets(&items);
        // Those of which everything is protected need no second protection.
        let is_always =
            |network: &IpNet| always.iter().any(|always| always.network.contains(network));
        let networks = facts.networks.iter().filter(|network| !is_always(&network.network));
        let networks = Some(Networks::new(networks.cloned().collect()));
        Protected { items, sets, networks }
    }

    /// Whether both protect the same addresses and networks, perhaps for other reasons.
    pub fn protects_as(&self, other: &Protected) -> bool {
        self.sets == other.sets && self.networks == other.networks
    }

    /// The networks of the host; `None` if nothing is protected.
    pub fn networks(&self) -> Option<&Networks> {
        self.networks.as_ref()
    }

    /// The items one by one; those that are protected on every host come first.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// All items merged into range sets, to be excluded from the lists.
    pub fn sets(&self) -> &RangeSets {
        &self.sets
    }

    /// The first item that protects an address.
    pub fn of(&self, address: IpAddr) -> Option<&Item> {
        self.items.iter().find(|item| item.network.contains(&address))
    }
}

fn sets(items: &[Item]) -> RangeSets {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for item in items {
        match item.entry() {
            Entry::V4(range) => v4.push(range),
            Entry::V6(range) => v6.push(range),
        }
    }
    RangeSets { v4: RangeSet::from_ranges(v4), v6: RangeSet::from_ranges(v6) }
}
