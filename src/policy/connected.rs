//! Connected networks: an entry that covers a private one does not cut it off.
//!
//! Lists of addresses that must not appear on the internet (bogons) hold the private networks, and so the
//! network of the administrator, of containers and of local clients. Therefore in a private connected
//! network dropped is only what narrower entries name, as they are written: an entry that covers the
//! whole network has no effect there, and neither has widening.
//!
//! Networks come and go while the lists stay the same, so the private entries are kept as they are
//! written: [`PrivateEntries`].

use std::fmt;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::ip::{Address, Range, RangeSet, RangeSets};
use crate::list::Entry;

/// How the host reaches a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Directly: an interface has an address of it, or a route leads to it without a router.
    Connected,
    /// Through a router.
    Routed,
    /// It is one host, from which an interface has its address.
    DhcpServer,
}

/// A network that the host uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostNetwork {
    /// The network; one host has the full prefix length.
    pub network: IpNet,
    /// How it is reached.
    pub reach: Reach,
    /// The name of the interface.
    pub interface: String,
}

impl HostNetwork {
    /// Whether an entry that covers the network has no effect on it.
    pub fn is_kept(&self) -> bool {
        self.reach == Reach::Connected && is_private(self.network)
    }

    /// The addresses of hosts in the form of an entry: for IPv4 without the network's own address and
    /// the broadcast address, for IPv6 without the address of its routers.
    pub fn hosts(&self) -> Entry {
        match self.network {
            IpNet::V4(net) => Entry::V4(hosts(range4(net))),
            IpNet::V6(net) => Entry::V6(hosts(range6(net))),
        }
    }
}

impl fmt::Display for HostNetwork {
    /// `192.168.1.0/24 (connected network of eth0)`, a host without its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostNetwork { network, reach, interface } = self;
        let interface = interface.escape_debug();
        match reach {
            Reach::Connected => write!(f, "{network} (connected network of {interface})"),
            Reach::Routed => write!(f, "{network} (routed through {interface})"),
            Reach::DhcpServer => write!(f, "{} (DHCP server of {interface})", network.addr()),
        }
    }
}

/// The private networks of RFC 1918, and the shared ones of RFC 6598.
const PRIVATE4: [(u32, u8); 4] =
    [(0x0a00_0000, 8), (0xac10_0000, 12), (0xc0a8_0000, 16), (0x6440_0000, 10)];

/// The unique local addresses of RFC 4193.
const PRIVATE6: (u128, u8) = (0xfc << 120, 7);

/// The private networks of IPv4, in no order.
pub fn private4() -> [Range<u32>; 4] {
    PRIVATE4.map(|(first, length)| Range::network(first, length))
}

fn private6() -> Range<u128> {
    Range::network(PRIVATE6.0, PRIVATE6.1)
}

/// Whether all addresses of a network are private.
pub fn is_private(network: IpNet) -> bool {
    match network {
        IpNet::V4(net) => private4().iter().any(|&private| covers(private, range4(net))),
        IpNet::V6(net) => covers(private6(), range6(net)),
    }
}

fn range4(net: Ipv4Net) -> Range<u32> {
    Range::network(net.addr().into(), net.prefix_len())
}

fn range6(net: Ipv6Net) -> Range<u128> {
    Range::network(net.addr().into(), net.prefix_len())
}

/// Whether the first range holds all addresses of the second.
pub fn covers<A: Address>(wide: Range<A>, narrow: Range<A>) -> bool {
    wide.first() <= narrow.first() && narrow.last() <= wide.last()
}

/// Whether a set holds all addresses of a range.
pub fn set_covers<A: Address>(set: &RangeSet<A>, range: Range<A>) -> bool {
    set.find(range.first()).is_some_and(|found| range.last() <= found.last())
}

/// The addresses of a network that hosts have. The two of a /31 are both hosts.
fn hosts<A: Address>(network: Range<A>) -> Range<A> {
    if network.addresses() < 4 {
        return network;
    }
    let last = if A::BITS == 32 { network.last().previous() } else { Some(network.last()) };
    let inner = network.first().next().zip(last).and_then(|(first, last)| Range::new(first, last));
    inner.unwrap_or(network)
}

/// The networks that the host uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// Ascending; a network comes before those inside it.
    all: Vec<HostNetwork>,
    /// The private connected ones of each family, in the same order, each once.
    kept4: Vec<Range<u32>>,
    kept6: Vec<Range<u128>>,
}

impl Networks {
    /// The networks in their order, each once.
    pub fn new(mut all: Vec<HostNetwork>) -> Self {
        all.sort();
        all.dedup();
        let (mut kept4, mut kept6) = (Vec::new(), Vec::new());
        for network in all.iter().filter(|network| network.is_kept()) {
            match network.network {
                IpNet::V4(net) => kept4.push(range4(net)),
                IpNet::V6(net) => kept6.push(range6(net)),
            }
        }
        kept4.dedup();
        kept6.dedup();
        Networks { all, kept4, kept6 }
    }

    /// All of them, ascending.
    pub fn all(&self) -> &[HostNetwork] {
        &self.all
    }

    /// All private connected networks together.
    pub fn kept_area(&self) -> RangeSets {
        RangeSets {
            v4: RangeSet::from_ranges(self.kept4.clone()),
            v6: RangeSet::from_ranges(self.kept6.clone()),
        }
    }

    /// The addresses of `merged` that must not be dropped, because they are in a private connected
    /// network and no narrower entry names them. `merged` holds at least the addresses of the
    /// entries.
    pub fn kept_of(
        &self,
        merged: &RangeSets,
        entries4: impl Iterator<Item = Range<u32>>,
        entries6: impl Iterator<Item = Range<u128>>,
    ) -> RangeSets {
        RangeSets {
            v4: kept(&self.kept4, &merged.v4, entries4),
            v6: kept(&self.kept6, &merged.v6, entries6),
        }
    }
}

/// The same of one family.
fn kept<A: Address>(
    networks: &[Range<A>],
    merged: &RangeSet<A>,
    entries: impl Iterator<Item = Range<A>>,
) -> RangeSet<A> {
    let all = RangeSet::from_ranges(networks.to_vec());
    let listed = merged.intersect(&all);
    if listed.is_empty() {
        return listed;
    }
    let mut narrower = vec![Vec::new(); networks.len()];
    for entry in entries.filter(|&entry| all.meets(entry)) {
        for (&network, narrower) in networks.iter().zip(&mut narrower) {
            let first = entry.first().max(network.first());
            let inside = Range::new(first, entry.last().min(network.last()));
            narrower.extend(inside.filter(|&inside| !covers(inside, hosts(network))));
        }
    }
    let mut dropped = RangeSet::default();
    for (&network, narrower) in networks.iter().zip(&narrower) {
        // Of two networks one of which is inside the other, the inner one decides, as in routing.
        let outside = dropped.subtract(&RangeSet::from_ranges(vec![network]));
        dropped = outside.union(&without_cover(network, narrower));
    }
    listed.subtract(&dropped)
}

/// What narrower entries drop of a network, each of them as far as it is inside. If all of them together
/// cover the network, as the two halves do into which a list may split it, the widest have no effect,
/// down to those without which the network is not covered. Single hosts are always dropped.
fn without_cover<A: Address>(network: Range<A>, narrower: &[Range<A>]) -> RangeSet<A> {
    let up_to = |size: u128| {
        let some = narrower.iter().filter(|range| range.addresses() <= size);
        RangeSet::from_ranges(some.copied().collect())
    };
    let all = up_to(u128::MAX);
    let is_cover = |set: &RangeSet<A>| set_covers(set, hosts(network));
    if !is_cover(&all) {
        return all;
    }
    let mut sizes: Vec<u128> = narrower.iter().map(|range| range.addresses()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let harmless = sizes.partition_point(|&size| !is_cover(&up_to(size)));
    up_to(harmless.checked_sub(1).map_or(1, |widest| sizes[widest]))
}

/// The permanent entries that hold private addresses, as they are written: any private network may
/// be connected later. They are few in the lists of this world.
#[derive(Clone, Debug, Default)]
pub struct PrivateEntries {
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
    /// Whether there was no memory for one.
    lacks_memory: bool,
}

impl PrivateEntries {
    /// Keeps an entry if it holds a private address.
    pub fn add(&mut self, entry: Entry) {
        fn push<A>(ranges: &mut Vec<Range<A>>, range: Range<A>) -> bool {
            let is_room = ranges.try_reserve(1).is_ok();
            if is_room {
                ranges.push(range);
            }
            is_room
        }
        let is_kept = match entry {
            Entry::V4(range) if private4().iter().any(|private| private.overlaps(range)) => {
                push(&mut self.v4, range)
            }
            Entry::V6(range) if private6().overlaps(range) => push(&mut self.v6, range),
            _ => true,
        };
        self.lacks_memory |= !is_kept;
    }

    /// Whether an entry is missing, because there was no memory for it.
    pub fn lacks_memory(&self) -> bool {
        self.lacks_memory
    }

    /// Those of IPv4.
    pub fn v4(&self) -> &[Range<u32>] {
        &self.v4
    }

    /// Those of IPv6.
    pub fn v6(&self) -> &[Range<u128>] {
        &self.v6
    }

    /// Gives back the memory that is not used.
    pub fn shrink(&mut self) {
        self.v4.shrink_to_fit();
        self.v6.shrink_to_fit();
    }
}
