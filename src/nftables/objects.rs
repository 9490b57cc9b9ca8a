//! The objects of the managed table: the table itself, its counters, chains, sets and rules.
//!
//! Built with libnftnl, except for what its wrapper has no place for: a table's comment and named
//! counters.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};
use std::net::{Ipv4Addr, Ipv6Addr};

use nftnl::expr::{
    Bitwise, Cmp, CmpOp, InterfaceName, Ipv4HeaderField, Ipv6HeaderField, Lookup, Meta,
    NetworkHeaderField, Payload, Verdict,
};
use nftnl::set::{Set, SetKey};
use nftnl::{Chain, ChainType, Hook, MsgType, Policy, ProtoFamily, Rule, Table};

use super::batch::Batch;
use super::constants::*;
use super::key_type::KeyType;
use crate::ip::Address;
use crate::netlink::Attributes;
use crate::nftables::layout::{SetKind, Shapes};
use crate::nftables::name::{Family, SetNames, TableName};
use crate::nftables::set_name::KernelSetName;
use crate::sys;

/// Before connection tracking and everything else: nft's priority `raw`.
pub const PRIORITY: i32 = -300;

/// The comment of the table, which nft lists: who keeps it.
pub const COMMENT: &CStr = c"kept by netfilterd(8); changes made here are lost";

/// How [`COMMENT`] begins. A table with it is netfilterd's, also that of another version.
pub const COMMENT_PREFIX: &str = "kept by netfilterd";

/// The number of loopback in every network namespace.
const LOOPBACK: u32 = 1;

/// The two ways in which a packet is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// By its source, in prerouting.
    Inbound,
    /// By its destination, in postrouting.
    Outbound,
}

impl Direction {
    /// Both of them.
    pub const ALL: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

    /// The name of the chain.
    pub fn chain(self) -> &'static CStr {
        match self {
            Direction::Inbound => c"inbound",
            Direction::Outbound => c"outbound",
        }
    }

    /// The hook the chain hangs on.
    pub fn hook(self) -> Hook {
        match self {
            Direction::Inbound => Hook::PreRouting,
            Direction::Outbound => Hook::PostRouting,
        }
    }

    /// The name of the counter of what is dropped, by the type of the addresses.
    pub fn counter(self, keys: KeyType) -> &'static CStr {
        match (self, keys) {
            (Direction::Inbound, KeyType::V4) => c"inbound4",
            (Direction::Inbound, KeyType::V6) => c"inbound6",
            (Direction::Outbound, KeyType::V4) => c"outbound4",
            (Direction::Outbound, KeyType::V6) => c"outbound6",
        }
    }

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

    fn address(self, keys: KeyType) -> Payload {
        Payload::Network(match (self, keys) {
            (Direction::Inbound, KeyType::V4) => NetworkHeaderField::Ipv4(Ipv4HeaderField::Saddr),
            (Direction::Inbound, KeyType::V6) => NetworkHeaderField::Ipv6(Ipv6HeaderField::Saddr),
            (Direction::Outbound, KeyType::V4) => NetworkHeaderField::Ipv4(Ipv4HeaderField::Daddr),
            (Direction::Outbound, KeyType::V6) => NetworkHeaderField::Ipv6(Ipv6HeaderField::Daddr),
        })
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

/// Creates the table, or clears its flag dormant. What is in it stays.
pub fn add_table(batch: &mut Batch, table: &TableName) {
    batch.message(libc::NFT_MSG_NEWTABLE, libc::NLM_F_CREATE, table.family(), |message| {
        message.put_str(NFTA_TABLE_NAME, table.name());
        message.put_u32(NFTA_TABLE_FLAGS, 0);
        let text = COMMENT.to_bytes_with_nul();
        let mut userdata = vec![UDATA_TABLE_COMMENT, text.len() as u8];
        userdata.extend_from_slice(text);
        message.put(NFTA_TABLE_USERDATA, &userdata);
    });
}

/// Creates the named counters that are missing; one that exists keeps its count.
pub fn add_counters(batch: &mut Batch, table: &TableName) {
    for direction in Direction::ALL {
        for keys in KeyType::ALL {
            batch.message(libc::NFT_MSG_NEWOBJ, libc::NLM_F_CREATE, table.family(), |message| {
                name_counter(message, table, direction, keys);
                message.nest(NFTA_OBJ_DATA, |_| {});
            });
        }
    }
}

/// Writes which counter a message is about.
pub fn name_counter(
    message: &mut Attributes<'_>,
    table: &TableName,
    direction: Direction,
    keys: KeyType,
) {
    message.put_str(NFTA_OBJ_TABLE, table.name());
    message.put_str(NFTA_OBJ_NAME, direction.counter(keys));
    message.put_u32(NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
}

/// A set of the managed table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSet {
    /// Its name, generation included.
    pub name: CString,
    /// The type of the addresses that it holds.
    pub keys: KeyType,
    /// What it holds, and how it is looked up in.
    pub kind: SetKind,
}

impl KernelSet {
    /// The sets of a generation, named after `names`, in the order of look-up.
    pub fn all(names: &SetNames, shapes: &Shapes, generation: u64) -> Vec<KernelSet> {
        let families = [(KeyType::V4, &names.v4, shapes.v4), (KeyType::V6, &names.v6, shapes.v6)];
        let sets = families.into_iter().flat_map(|(keys, base, shape)| {
            shape.kinds().map(move |kind| {
                let name = KernelSetName { length: kind.length(), generation }.format(base);
                KernelSet { name, keys, kind }
            })
        });
        sets.collect()
    }
}

/// Creates sets, empty.
///
/// An interval set has no size, since both ends of an interval would count against it. A hash set
/// has one: with it the kernel takes its fixed-size implementation, which loads five times faster.
/// Neither has auto-merge, timeouts or counters, which cost time with every element.
///
/// A set that exists already is an error: another netfilterd is filling it, and both lists would be
/// in it.
pub fn add_sets(batch: &mut Batch, table: &TableName, sets: &[KernelSet]) {
    for (id, set) in (1..).zip(sets) {
        match set.keys {
            KeyType::V4 => add_set::<Ipv4Addr>(batch, table, set, id),
            KeyType::V6 => add_set::<Ipv6Addr>(batch, table, set, id),
        }
    }
}

fn add_set<K: SetKey>(batch: &mut Batch, table: &TableName, set: &KernelSet, id: u32) {
    let parent = parent(table);
    let object = Set::<K>::new_named(&set.name, id, &parent, proto(table.family()));
    match set.kind {
        SetKind::Hash(hash) => sys::set_size(&object, hash.size),
        SetKind::Interval => sys::set_flags(&object, libc::NFT_SET_INTERVAL as u32),
    }
    batch.new_object(&object);
}

/// Deletes a set that no rule uses.
pub fn delete_set(batch: &mut Batch, table: &TableName, name: &CStr) {
    let parent = parent(table);
    let set = Set::<Ipv4Addr>::new_named(name, 0, &parent, proto(table.family()));
    batch.object(&set, MsgType::Del);
}

/// Deletes a chain; its rules must be gone.
pub fn delete_chain(batch: &mut Batch, table: &TableName, direction: Direction) {
    let parent = parent(table);
    batch.object(&Chain::new(direction.chain(), &parent), MsgType::Del);
}

/// Creates a base chain, or restores its policy.
pub fn add_chain(batch: &mut Batch, table: &TableName, direction: Direction) {
    let parent = parent(table);
    let mut chain = Chain::new(direction.chain(), &parent);
    chain.set_type(ChainType::Filter);
    chain.set_hook(direction.hook(), PRIORITY);
    chain.set_policy(Policy::Accept);
    batch.object(&chain, MsgType::Add);
}

/// Deletes all rules of a chain.
pub fn flush_chain(batch: &mut Batch, table: &TableName, direction: Direction) {
    let parent = parent(table);
    let chain = Chain::new(direction.chain(), &parent);
    batch.object(&Rule::new(&chain), MsgType::Del);
}

/// Adds the rules of a chain: on each of `interfaces` (or all, if none is named), the address is
/// looked up in the sets of its family, in their order; what is found there, and not on loopback,
/// is counted and dropped.
///
/// A rule before all look-ups could accept loopback. That makes packets on loopback cheaper, by 64 ns
/// a chain at 1,000,000 networks, and all other packets dearer, by 28 to 35 ns of 204 and 352. Floods
/// do not come on loopback.
pub fn add_rules(
    batch: &mut Batch,
    table: &TableName,
    direction: Direction,
    sets: &[KernelSet],
    interfaces: &[InterfaceName],
) {
    let parent = parent(table);
    let chain = Chain::new(direction.chain(), &parent);
    let everywhere = [None];
    let narrowed: Vec<_> = interfaces.iter().map(Some).collect();
    for interface in if narrowed.is_empty() { &everywhere[..] } else { &narrowed } {
        for set in sets {
            let rule = drop_rule(table, &chain, direction, *interface, set);
            batch.object(&rule, MsgType::Add);
        }
    }
}

fn drop_rule<'a>(
    table: &TableName,
    chain: &'a Chain<'a>,
    direction: Direction,
    interface: Option<&InterfaceName>,
    set: &KernelSet,
) -> Rule<'a> {
    let family = match set.keys {
        KeyType::V4 => libc::NFPROTO_IPV4,
        KeyType::V6 => libc::NFPROTO_IPV6,
    };
    let mut rule = Rule::new(chain);
    if let Some(interface) = interface {
        rule.add_expr(&direction.interface_name());
        rule.add_expr(&Cmp::new(CmpOp::Eq, interface));
    }
    rule.add_expr(&Meta::NfProto);
    rule.add_expr(&Cmp::new(CmpOp::Eq, family as u8));
    rule.add_expr(&direction.address(set.keys));
    // A mask of all ones would only cost time.
    match (set.keys, set.kind.length()) {
        (KeyType::V4, Some(length)) if length < 32 => {
            let mask = Ipv4Addr::from(u32::MAX.first_of(length));
            rule.add_expr(&Bitwise::new(mask, Ipv4Addr::UNSPECIFIED));
        }
        (KeyType::V6, Some(length)) if length < 128 => {
            let mask = Ipv6Addr::from(u128::MAX.first_of(length));
            rule.add_expr(&Bitwise::new(mask, Ipv6Addr::UNSPECIFIED));
        }
        _ => {}
    }
    // The name is all that a look-up takes from the object.
    let parent = parent(table);
    let looked_up = Set::<Ipv4Addr>::new_named(&set.name, 0, &parent, proto(table.family()));
    rule.add_expr(&Lookup::new(&looked_up));
    rule.add_expr(&direction.interface());
    rule.add_expr(&Cmp::new(CmpOp::Neq, LOOPBACK));
    rule.add_expr(&sys::ObjectReference {
        kind: NFT_OBJECT_COUNTER,
        name: direction.counter(set.keys),
    });
    rule.add_expr(&Verdict::Drop);
    rule
}

fn parent(table: &TableName) -> Table {
    Table::new(table.name(), proto(table.family()))
}

fn proto(family: Family) -> ProtoFamily {
    match family {
        Family::Inet => ProtoFamily::Inet,
        Family::Ip => ProtoFamily::Ipv4,
        Family::Arp => ProtoFamily::Arp,
        Family::Netdev => ProtoFamily::NetDev,
        Family::Bridge => ProtoFamily::Bridge,
        Family::Ip6 => ProtoFamily::Ipv6,
    }
}

// `SetKey` is what gives the two families their key type and length in the kernel.
const _: () = assert!(Ipv4Addr::LEN == 4 && Ipv6Addr::LEN == 16);
