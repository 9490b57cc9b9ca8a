//! The chains of the managed tables and their rules.
//!
//! The base chain of a direction looks addresses up and does nothing else. What is found goes to a chain
//! of its own, one for each direction, which has the exceptions and the drop. So it is in the table for
//! IPv6, and alike in the one for IPv4:
//!
//! ```text
//! chain from_listed6 {
//!     iif "lo" accept
//!     icmpv6 type 133-136 ip6 nexthdr ipv6-icmp ip6 hoplimit 255 accept
//!     counter name "inbound6" drop
//! }
//! chain from_suspect6 {
//!     @nh,64,48 @drop6_48_g7 goto from_listed6
//!     ip6 saddr @drop6_128_g7 goto from_listed6
//! }
//! chain inbound {
//!     type filter hook prerouting priority raw; policy accept;
//!     @nh,64,32 @drop6_first32_g7 goto from_suspect6
//! }
//! ```
//!
//! Without a prefilter the base chain itself has the look-ups of the middle one.
//!
//! So a packet that is not listed pays for the look-ups alone, however many exceptions there are. If nothing
//! of a family is listed, its table has no base chain, and its packets pay nothing. `accept` ends the base
//! chain and no other: a firewall still sees the packet.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};
use std::net::Ipv4Addr;

use nftnl::expr::{
    Bitwise, Cmp, CmpOp, Icmpv6HeaderField, InterfaceName, Ipv4HeaderField, Ipv6HeaderField,
    Lookup, Meta, NetworkHeaderField, Payload, TransportHeaderField, Verdict,
};
use nftnl::set::Set;
use nftnl::{Chain as ChainObject, ChainType, Hook, MsgType, Policy, Rule};

use super::batch::Batch;
use super::constants::NFT_OBJECT_COUNTER;
use super::inspect;
use super::key_type::KeyType;
use super::objects::{Direction, KernelSet, parent, proto};
use crate::ip::{Address, neighbour};
use crate::nftables::layout::SetKind;
use crate::nftables::name::TableName;
use crate::sys;

/// Before connection tracking and everything else: nft's priority `raw`.
pub const PRIORITY: i32 = -300;

/// The number of loopback in every network namespace.
const LOOPBACK: u32 = 1;

/// A chain of a managed table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chain {
    /// The base chain of a direction, which looks addresses up.
    Base(Direction),
    /// The chain of packets whose address begins as one that is listed: what a prefilter lets through.
    Suspect(Direction, KeyType),
    /// The chain of packets whose address of that direction was found.
    Listed(Direction, KeyType),
}

impl Chain {
    /// Those of the table for such addresses. A chain comes before those whose rules lead to it.
    pub fn all_of(keys: KeyType) -> [Chain; 6] {
        [
            Chain::Listed(Direction::Inbound, keys),
            Chain::Listed(Direction::Outbound, keys),
            Chain::Suspect(Direction::Inbound, keys),
            Chain::Suspect(Direction::Outbound, keys),
            Chain::Base(Direction::Inbound),
            Chain::Base(Direction::Outbound),
        ]
    }

    /// The chain with this name, in the table of either family.
    pub fn named(name: &[u8]) -> Option<Self> {
        let all = KeyType::ALL.into_iter().flat_map(Chain::all_of);
        all.into_iter().find(|chain| chain.name().to_bytes() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static CStr {
        match self {
            Chain::Base(Direction::Inbound) => c"inbound",
            Chain::Base(Direction::Outbound) => c"outbound",
            Chain::Suspect(Direction::Inbound, KeyType::V4) => c"from_suspect4",
            Chain::Suspect(Direction::Inbound, KeyType::V6) => c"from_suspect6",
            Chain::Suspect(Direction::Outbound, KeyType::V4) => c"to_suspect4",
            Chain::Suspect(Direction::Outbound, KeyType::V6) => c"to_suspect6",
            Chain::Listed(Direction::Inbound, KeyType::V4) => c"from_listed4",
            Chain::Listed(Direction::Inbound, KeyType::V6) => c"from_listed6",
            Chain::Listed(Direction::Outbound, KeyType::V4) => c"to_listed4",
            Chain::Listed(Direction::Outbound, KeyType::V6) => c"to_listed6",
        }
    }

    /// The number of the hook that a base chain hangs on (`NF_INET_*`), and its priority there.
    pub fn hook(self) -> Option<(u32, i32)> {
        match self {
            Chain::Base(Direction::Inbound) => Some((Hook::PreRouting as u32, PRIORITY)),
            Chain::Base(Direction::Outbound) => Some((Hook::PostRouting as u32, PRIORITY)),
            Chain::Suspect(..) | Chain::Listed(..) => None,
        }
    }

    /// Whether it is there while addresses are looked up in `sets`. A base chain without a look-up would
    /// cost each packet something for nothing.
    pub fn is_needed_for(self, sets: &[KernelSet]) -> bool {
        match self {
            Chain::Base(_) => !sets.is_empty(),
            Chain::Suspect(..) => sets.iter().any(is_prefilter),
            Chain::Listed(..) => true,
        }
    }
}

/// An interface to which filtering is narrowed: a name, or with a `*` behind it the beginning of
/// names, as in nft.
pub fn interface(name: &CStr) -> InterfaceName {
    match name.to_bytes().strip_suffix(b"*").map(CString::new) {
        Some(Ok(prefix)) => InterfaceName::StartingWith(prefix),
        _ => InterfaceName::Exact(name.to_owned()),
    }
}

/// Deletes a chain with its rules.
pub fn delete(batch: &mut Batch, table: &TableName, chain: Chain) {
    flush(batch, table, chain);
    let parent = parent(table);
    batch.object(&ChainObject::new(chain.name(), &parent), MsgType::Del);
}

/// Deletes those of the chains that are there which `is_needless` names. A chain to which a rule leads cannot be
/// deleted, so all rules go first; the switch writes them anew.
pub fn delete_each(
    batch: &mut Batch,
    table: &TableName,
    there: &[Chain],
    is_needless: impl Fn(&&Chain) -> bool,
) {
    let needless: Vec<&Chain> = there.iter().filter(is_needless).collect();
    if needless.is_empty() {
        return;
    }
    for &chain in there {
        flush(batch, table, chain);
    }
    for &chain in needless {
        delete(batch, table, chain);
    }
}

/// Creates the chains for such addresses that are missing in their table, and gives all of them these rules
/// and no others: addresses are looked up in `sets`, and what is found is dropped on each of `interfaces`,
/// or wherever it is if there is no such restriction. Creates no base chain if there are no sets.
pub fn switch(
    batch: &mut Batch,
    table: &TableName,
    keys: KeyType,
    sets: &[KernelSet],
    interfaces: Option<&[InterfaceName]>,
) {
    for chain in Chain::all_of(keys).into_iter().filter(|chain| chain.is_needed_for(sets)) {
        create(batch, table, chain);
        flush(batch, table, chain);
    }
    add_rules(batch, table, keys, sets, interfaces);
}

/// Gives these chains the rules that they had, which `rules` are in the order of the kernel.
pub fn restore(
    batch: &mut Batch,
    table: &TableName,
    chains: impl IntoIterator<Item = Chain>,
    rules: &[inspect::Rule],
) {
    for chain in chains {
        create(batch, table, chain);
        flush(batch, table, chain);
    }
    for rule in rules {
        rule.add_again(batch, table);
    }
}

/// Creates a chain, or restores the policy of one that exists.
fn create(batch: &mut Batch, table: &TableName, chain: Chain) {
    let parent = parent(table);
    let mut object = ChainObject::new(chain.name(), &parent);
    if let Chain::Base(direction) = chain {
        object.set_type(ChainType::Filter);
        let hook = match direction {
            Direction::Inbound => Hook::PreRouting,
            Direction::Outbound => Hook::PostRouting,
        };
        object.set_hook(hook, PRIORITY);
        object.set_policy(Policy::Accept);
    }
    batch.object(&object, MsgType::Add);
}

/// Deletes all rules of a chain.
pub fn flush(batch: &mut Batch, table: &TableName, chain: Chain) {
    let parent = parent(table);
    let chain = ChainObject::new(chain.name(), &parent);
    batch.object(&Rule::new(&chain), MsgType::Del);
}

/// Adds the rules of the chains for such addresses, which are there and empty.
///
/// A rule before all look-ups could accept loopback. That makes packets on loopback cheaper, by 64 ns
/// a chain at 1,000,000 networks, and all other packets dearer, by 28 to 35 ns of 204 and 352. Floods
/// do not come on loopback.
pub fn add_rules(
    batch: &mut Batch,
    table: &TableName,
    keys: KeyType,
    sets: &[KernelSet],
    interfaces: Option<&[InterfaceName]>,
) {
    let parent = parent(table);
    for chain in Chain::all_of(keys).into_iter().filter(|chain| chain.is_needed_for(sets)) {
        let object = ChainObject::new(chain.name(), &parent);
        let rules = match chain {
            // What a prefilter lets through is looked up in the chain behind it.
            Chain::Base(direction) => match sets.iter().any(is_prefilter) {
                true => {
                    look_ups(&object, table, direction, sets.iter().filter(|set| is_prefilter(set)))
                }
                false => look_ups(&object, table, direction, sets.iter()),
            },
            Chain::Suspect(direction, _) => {
                look_ups(&object, table, direction, sets.iter().filter(|set| !is_prefilter(set)))
            }
            Chain::Listed(direction, keys) => verdicts(&object, direction, keys, interfaces),
        };
        for rule in &rules {
            batch.object(rule, MsgType::Add);
        }
    }
}

fn is_prefilter(set: &KernelSet) -> bool {
    matches!(set.kind, SetKind::Prefilter(_))
}

/// The rules that look up: one for each set, in their order.
fn look_ups<'a, 's>(
    chain: &'a ChainObject<'a>,
    table: &TableName,
    direction: Direction,
    sets: impl Iterator<Item = &'s KernelSet>,
) -> Vec<Rule<'a>> {
    let look_up = |set: &KernelSet| {
        let mut rule = Rule::new(chain);
        let bytes = set.kind.key_bytes(set.keys.bits());
        rule.add_expr(&direction.address(set.keys, bytes));
        // A mask of all ones would only cost time.
        if let Some(length) = set.kind.length().filter(|&length| length < 8 * bytes) {
            let mask = u128::MAX.first_of(length).to_be_bytes();
            let mask = &mask[..usize::from(bytes)];
            rule.add_expr(&Bitwise::new(mask, &[0u8; 16][..mask.len()]));
        }
        // The name is all that a look-up takes from the object.
        let parent = parent(table);
        let looked_up = Set::<Ipv4Addr>::new_named(&set.name, 0, &parent, proto(table.family()));
        rule.add_expr(&Lookup::new(&looked_up));
        let next = match set.kind {
            SetKind::Prefilter(_) => Chain::Suspect(direction, set.keys),
            SetKind::Hash(_) | SetKind::Interval => Chain::Listed(direction, set.keys),
        };
        rule.add_expr(&Verdict::Goto { chain: next.name().to_owned() });
        rule
    };
    sets.map(look_up).collect()
}

/// The rules for packets that are listed: loopback passes, neighbour discovery passes, and the rest is
/// counted and dropped on the interfaces that count.
fn verdicts<'a>(
    chain: &'a ChainObject<'a>,
    direction: Direction,
    keys: KeyType,
    interfaces: Option<&[InterfaceName]>,
) -> Vec<Rule<'a>> {
    let mut loopback = Rule::new(chain);
    loopback.add_expr(&direction.interface());
    loopback.add_expr(&Cmp::new(CmpOp::Eq, LOOPBACK));
    loopback.add_expr(&Verdict::Accept);
    let mut rules = vec![loopback];
    if keys == KeyType::V6 {
        rules.push(neighbour_discovery(chain));
    }
    let interfaces = match interfaces {
        None => vec![None],
        Some(interfaces) => interfaces.iter().map(Some).collect(),
    };
    for interface in interfaces {
        let mut rule = Rule::new(chain);
        if let Some(interface) = interface {
            rule.add_expr(&direction.interface_name());
            rule.add_expr(&Cmp::new(CmpOp::Eq, interface));
        }
        let name = direction.counter(keys);
        rule.add_expr(&sys::ObjectReference { kind: NFT_OBJECT_COUNTER, name });
        rule.add_expr(&Verdict::Drop);
        rules.push(rule);
    }
    rules
}

/// Accepts neighbour discovery: without it no neighbour finds this host and none is found, a gateway
/// included. The fixed header has to say ICMPv6: no extension header is skipped.
///
/// The first comparison alone would skip them. It is what nft writes for `icmpv6 type`; without it nft
/// would not show the comparison of the fixed header, and a listing could not be loaded back.
fn neighbour_discovery<'a>(chain: &'a ChainObject<'a>) -> Rule<'a> {
    let mut rule = Rule::new(chain);
    let field = |field| Payload::Network(NetworkHeaderField::Ipv6(field));
    rule.add_expr(&Meta::L4Proto);
    rule.add_expr(&Cmp::new(CmpOp::Eq, neighbour::ICMPV6));
    rule.add_expr(&Payload::Transport(TransportHeaderField::Icmpv6(Icmpv6HeaderField::Type)));
    rule.add_expr(&Cmp::new(CmpOp::Gte, *neighbour::TYPES.start()));
    rule.add_expr(&Cmp::new(CmpOp::Lte, *neighbour::TYPES.end()));
    rule.add_expr(&field(Ipv6HeaderField::NextHeader));
    rule.add_expr(&Cmp::new(CmpOp::Eq, neighbour::ICMPV6));
    rule.add_expr(&field(Ipv6HeaderField::HopLimit));
    rule.add_expr(&Cmp::new(CmpOp::Eq, neighbour::HOP_LIMIT));
    rule.add_expr(&Verdict::Accept);
    rule
}

impl Direction {
    fn interface(self) -> Meta {
        match self {
            Direction::Inbound => Meta::Iif,
            Direction::Outbound => Meta::Oif,
        }
    }

    fn interface_name(self) -> Meta {
        match self {
            Direction::Inbound => Meta::IifName,
            Direction::Outbound => Meta::OifName,
        }
    }

    /// The first bytes of the address that is looked up.
    fn address(self, keys: KeyType, bytes: u8) -> Payload {
        if 8 * bytes < keys.bits() {
            // The names of these fields say bits, but nftnl 0.9 gives them to the kernel as bytes.
            let (offset_bits, length_bits) = (self.offset(keys) / 8, bytes.into());
            return Payload::Network(NetworkHeaderField::Raw { offset_bits, length_bits });
        }
        Payload::Network(match (self, keys) {
            (Direction::Inbound, KeyType::V4) => NetworkHeaderField::Ipv4(Ipv4HeaderField::Saddr),
            (Direction::Inbound, KeyType::V6) => NetworkHeaderField::Ipv6(Ipv6HeaderField::Saddr),
            (Direction::Outbound, KeyType::V4) => NetworkHeaderField::Ipv4(Ipv4HeaderField::Daddr),
            (Direction::Outbound, KeyType::V6) => NetworkHeaderField::Ipv6(Ipv6HeaderField::Daddr),
        })
    }
}
