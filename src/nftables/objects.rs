//! The objects of a managed table that outlive a switch: the table itself and its counters; and the
//! sets. What looks them up is in `chains`.
//!
//! Built with libnftnl, except for what its wrapper has no place for: a table's comment and named
//! counters.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};
use std::net::{Ipv4Addr, Ipv6Addr};

use nftnl::set::{Set, SetKey};
use nftnl::{MsgType, ProtoFamily, Table};

use super::batch::Batch;
use super::constants::*;
use super::key_type::KeyType;
use crate::ip::PerFamily;
use crate::netlink::Attributes;
use crate::nftables::layout::{Rows, SetKind};
use crate::nftables::name::{Family, SetNames, TableName};
use crate::nftables::set_name::KernelSetName;
use crate::sys;

/// The comment of a managed table, which nft lists: who keeps it.
pub const COMMENT: &CStr = c"kept by netfilterd(8); changes made here are lost";

/// How [`COMMENT`] begins. A table with it is netfilterd's, also that of another version.
pub const COMMENT_PREFIX: &str = "kept by netfilterd";

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

    /// Where in the header of a packet the address is that is looked up, in bits.
    pub fn offset(self, keys: KeyType) -> u32 {
        match (self, keys) {
            (Direction::Inbound, KeyType::V4) => 96,
            (Direction::Outbound, KeyType::V4) => 128,
            (Direction::Inbound, KeyType::V6) => 64,
            (Direction::Outbound, KeyType::V6) => 192,
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

/// Deletes the table with everything in it.
pub fn delete_table(batch: &mut Batch, table: &TableName) {
    batch.message(libc::NFT_MSG_DELTABLE, 0, table.family(), |message| {
        message.put_str(NFTA_TABLE_NAME, table.name());
    });
}

/// Disables the table: no packet passes its chains, and what is in it stays.
pub fn disable_table(batch: &mut Batch, table: &TableName) {
    batch.message(libc::NFT_MSG_NEWTABLE, 0, table.family(), |message| {
        message.put_str(NFTA_TABLE_NAME, table.name());
        message.put_u32(NFTA_TABLE_FLAGS, NFT_TABLE_F_DORMANT);
    });
}

/// Creates the named counters for such addresses that are missing in their table, with packets and bytes
/// as `initial` says. One that exists keeps its count.
pub fn add_counters(
    batch: &mut Batch,
    table: &TableName,
    keys: KeyType,
    initial: impl Fn(Direction) -> (u64, u64),
) {
    for direction in Direction::ALL {
        let (packets, bytes) = initial(direction);
        batch.message(libc::NFT_MSG_NEWOBJ, libc::NLM_F_CREATE, table.family(), |message| {
            name_counter(message, table, direction, keys);
            message.nest(NFTA_OBJ_DATA, |data| {
                data.put(NFTA_COUNTER_BYTES, &bytes.to_be_bytes());
                data.put(NFTA_COUNTER_PACKETS, &packets.to_be_bytes());
            });
        });
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

/// A set of a managed table.
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
    pub fn all(names: &SetNames, rows: &Rows, generation: u64) -> Vec<KernelSet> {
        let families = [(KeyType::V4, &names.v4, &rows.v4), (KeyType::V6, &names.v6, &rows.v6)];
        let sets = families.into_iter().flat_map(|(keys, base, row)| {
            row.kinds().map(move |kind| {
                let name = KernelSetName { content: kind.into(), generation }.format(base);
                KernelSet { name, keys, kind }
            })
        });
        sets.collect()
    }
}

/// Creates sets, empty, each in the table for its addresses.
///
/// An interval set has no size, since both ends of an interval would count against it. A hash set
/// has one: with it the kernel takes its fixed-size implementation, which loads five times faster.
/// Neither has auto-merge, timeouts or counters, which cost time with every element.
///
/// A set that exists already is an error: another netfilterd is filling it, and both lists would be
/// in it.
pub fn add_sets(batch: &mut Batch, tables: &PerFamily<TableName>, sets: &[KernelSet]) {
    for (id, set) in (1..).zip(sets) {
        match set.keys {
            KeyType::V4 => add_set::<Ipv4Addr>(batch, &tables.v4, set, id),
            KeyType::V6 => add_set::<Ipv6Addr>(batch, &tables.v6, set, id),
        }
    }
}

fn add_set<K: SetKey>(batch: &mut Batch, table: &TableName, set: &KernelSet, id: u32) {
    let parent = parent(table);
    let object = Set::<K>::new_named(&set.name, id, &parent, proto(table.family()));
    match set.kind {
        SetKind::Interval => sys::set_flags(&object, libc::NFT_SET_INTERVAL as u32),
        // With a size it would be a hash set.
        kind if kind.is_bitmap(set.keys.bits()) => {}
        SetKind::Prefilter(hash) | SetKind::Hash(hash) => sys::set_size(&object, hash.size),
    }
    let bytes = u32::from(set.kind.key_bytes(set.keys.bits()));
    if bytes < K::LEN {
        let bits = 8 * bytes;
        let userdata = typeof_payload(Direction::Inbound.offset(set.keys), bits);
        sys::set_keys(&object, TYPE_INTEGER, bytes, &userdata);
    }
    batch.new_object(&object);
}

/// The user data by which nft shows a set as one of `typeof @nh,OFFSET,BITS`, which it needs to load the
/// set again from its own text.
fn typeof_payload(offset: u32, bits: u32) -> Vec<u8> {
    let number = |kind: u8, value: u32| [&[kind, 4][..], &value.to_ne_bytes()].concat();
    let nest = |kind: u8, value: Vec<u8>| [vec![kind, value.len() as u8], value].concat();
    let payload = [
        number(UDATA_PAYLOAD_DESC, PROTO_DESC_UNKNOWN),
        number(UDATA_PAYLOAD_TYPE, FIELD_WITHOUT_NAME),
        number(UDATA_PAYLOAD_BASE, PROTO_BASE_NETWORK_HDR),
        number(UDATA_PAYLOAD_OFFSET, offset),
        number(UDATA_PAYLOAD_LEN, bits),
    ];
    let expression = [
        number(UDATA_SET_TYPEOF_EXPR, EXPR_PAYLOAD),
        nest(UDATA_SET_TYPEOF_DATA, payload.concat()),
    ];
    [
        number(UDATA_SET_KEYBYTEORDER, BYTEORDER_BIG_ENDIAN),
        nest(UDATA_SET_KEY_TYPEOF, expression.concat()),
    ]
    .concat()
}

/// Deletes a set that no rule uses.
pub fn delete_set(batch: &mut Batch, table: &TableName, name: &CStr) {
    let parent = parent(table);
    let set = Set::<Ipv4Addr>::new_named(name, 0, &parent, proto(table.family()));
    batch.object(&set, MsgType::Del);
}

pub(super) fn parent(table: &TableName) -> Table {
    Table::new(table.name(), proto(table.family()))
}

pub(super) fn proto(family: Family) -> ProtoFamily {
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
