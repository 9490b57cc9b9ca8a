//! Range sets to the element messages of kernel sets, and back: from a fault to its element, from a
//! dump to the ranges in it.
//!
//! libnftnl's element objects take ten times the memory and fifteen times the time of a million
//! intervals, so these messages are written here, byte for byte. An interval is two elements: its
//! first address, and the address behind its last with the flag INTERVAL_END; one that reaches the
//! last address of the family has no end element.

#![cfg(feature = "nftables")]

use std::ffi::CStr;
use std::net::IpAddr;

use super::batch::Batch;
use super::constants::*;
use crate::ip::{Address, Range};
use crate::netlink::{ATTRIBUTE, Attributes, Message, attributes, find, find_u32};
use crate::nftables::layout::SetElements;
use crate::nftables::name::TableName;

/// Offset of the key's value in an element: the headers of element, key and value before it.
const KEY_AT: usize = 3 * ATTRIBUTE;
/// What the element list may hold: its length is 16 bits and counts its own header.
const MOST_BYTES: usize = u16::MAX as usize - ATTRIBUTE;

/// An address as the key of a set: in network byte order, all of its bytes or the first ones.
pub trait Key: Address {
    /// Bytes of an address.
    const BYTES: usize;

    /// Writes the first bytes, as many as `to` has, of which there are [`Key::BYTES`].
    fn write(self, to: &mut [u8]);

    /// Reads the first bytes of an address, whose others are zero; `None` if there are more than
    /// [`Key::BYTES`].
    fn read(from: &[u8]) -> Option<Self>;
}

macro_rules! key {
    ($number:ty) => {
        impl Key for $number {
            const BYTES: usize = size_of::<$number>();

            fn write(self, to: &mut [u8]) {
                to.copy_from_slice(&self.to_be_bytes()[..to.len()]);
            }

            fn read(from: &[u8]) -> Option<Self> {
                let mut bytes = [0; Self::BYTES];
                bytes.get_mut(..from.len())?.copy_from_slice(from);
                Some(<$number>::from_be_bytes(bytes))
            }
        }
    };
}

key!(u32);
key!(u128);

/// What is done with elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They are added; none may overlap another element.
    Add,
    /// They are deleted; each must be in the set, exactly as it is named.
    Delete,
}

/// Appends messages that add elements to a set of their kind or delete them.
pub fn change<A: Key>(
    batch: &mut Batch,
    action: Action,
    table: &TableName,
    set: &CStr,
    elements: SetElements<'_, A>,
) {
    match elements {
        SetElements::Keys(elements, bytes) => {
            keys(batch, action, table, set, elements, bytes.into());
        }
        SetElements::Ranges(elements) => ranges(batch, action, table, set, elements),
    }
}

/// Appends messages that add `ranges` to an interval set or delete them: 40 bytes an IPv4 range, 64
/// bytes an IPv6 range.
///
/// The ranges must be sorted and disjoint, as those of a range set are; the kernel takes a flush
/// and refill in any other order in quadratic time.
pub fn ranges<A: Key>(
    batch: &mut Batch,
    action: Action,
    table: &TableName,
    set: &CStr,
    ranges: &[Range<A>],
) {
    let interval = Interval::<A>::new();
    append(batch, action, table, set, ranges, interval.template.len(), |bytes, range| {
        interval.write(bytes, range);
    });
}

/// Appends messages that add keys to a hash set or delete them: of each of `keys` the first bytes, as many
/// as `bytes` says, of which there are at most [`Key::BYTES`]. 16 bytes a key of up to four bytes, 28 bytes
/// one of sixteen.
pub fn keys<A: Key>(
    batch: &mut Batch,
    action: Action,
    table: &TableName,
    set: &CStr,
    keys: &[A],
    bytes: usize,
) {
    let bytes = bytes.min(A::BYTES);
    let mut template = Vec::new();
    write_key(&mut template, &vec![0; bytes]);
    append(batch, action, table, set, keys, template.len(), |to, key| {
        let at = to.len() + KEY_AT;
        to.extend_from_slice(&template);
        key.write(&mut to[at..at + bytes]);
    });
}

/// Appends as many messages as the items need; never one without an item, since a delete that
/// names none is a flush.
fn append<T: Copy>(
    batch: &mut Batch,
    action: Action,
    table: &TableName,
    set: &CStr,
    items: &[T],
    item_bytes: usize,
    write: impl Fn(&mut Vec<u8>, T),
) {
    let (kind, flags) = match action {
        Action::Add => (libc::NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE),
        Action::Delete => (libc::NFT_MSG_DELSETELEM, 0),
    };
    let per_message = MOST_BYTES / item_bytes;
    let overhead = 64 + table.name().count_bytes() + set.count_bytes();
    let bytes = items.len() * item_bytes + items.len().div_ceil(per_message) * overhead;
    if !batch.reserve(bytes) {
        return;
    }
    for items in items.chunks(per_message) {
        batch.message(kind, flags, table.family(), |message| {
            name(message, table, set);
            message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |list| {
                for &item in items {
                    write(list.raw(), item);
                }
            });
        });
    }
}

/// Appends the message that empties a set: a delete that names no element.
pub fn flush(batch: &mut Batch, table: &TableName, set: &CStr) {
    batch.message(libc::NFT_MSG_DELSETELEM, 0, table.family(), |message| {
        name(message, table, set);
    });
}

/// Writes the question for the element with the first bytes of `key`, as many as `bytes` says: in an
/// interval set the one that begins at or before it.
pub fn question<A: Key>(
    message: &mut Attributes<'_>,
    table: &TableName,
    set: &CStr,
    key: A,
    bytes: usize,
) {
    name(message, table, set);
    let mut value = vec![0; bytes.min(A::BYTES)];
    key.write(&mut value);
    message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |list| {
        list.nest(NFTA_LIST_ELEM, |element| {
            element.nest(NFTA_SET_ELEM_KEY, |key| key.put(NFTA_DATA_VALUE, &value));
        });
    });
}

/// Writes which set of which table a message is about.
pub fn name(message: &mut Attributes<'_>, table: &TableName, set: &CStr) {
    message.put_str(NFTA_SET_ELEM_LIST_TABLE, table.name());
    message.put_str(NFTA_SET_ELEM_LIST_SET, set);
}

/// Writes an element of a list: a key.
fn write_key(to: &mut Vec<u8>, value: &[u8]) {
    let mut too_long = false;
    Attributes::new(to, &mut too_long).nest(NFTA_LIST_ELEM, |element| {
        element.nest(NFTA_SET_ELEM_KEY, |key| key.put(NFTA_DATA_VALUE, value));
    });
}

/// The two elements of an interval, encoded once; only the keys differ between intervals.
struct Interval<A> {
    template: Vec<u8>,
    /// Bytes of the first element.
    start: usize,
    family: std::marker::PhantomData<A>,
}

impl<A: Key> Interval<A> {
    fn new() -> Self {
        let mut template = Vec::new();
        let mut too_long = false;
        let mut list = Attributes::new(&mut template, &mut too_long);
        let key = |element: &mut Attributes<'_>| {
            element.nest(NFTA_SET_ELEM_KEY, |key| key.put(NFTA_DATA_VALUE, &vec![0; A::BYTES]));
        };
        list.nest(NFTA_LIST_ELEM, key);
        let start = list.raw().len();
        list.nest(NFTA_LIST_ELEM, |element| {
            key(element);
            element.put_u32(NFTA_SET_ELEM_FLAGS, libc::NFT_SET_ELEM_INTERVAL_END as u32);
        });
        Interval { template, start, family: std::marker::PhantomData }
    }

    #[inline]
    fn write(&self, to: &mut Vec<u8>, range: Range<A>) {
        let at = to.len();
        match range.last().next() {
            Some(behind) => {
                to.extend_from_slice(&self.template);
                let end = at + self.start + KEY_AT;
                behind.write(&mut to[end..end + A::BYTES]);
            }
            None => to.extend_from_slice(&self.template[..self.start]),
        }
        let start = at + KEY_AT;
        range.first().write(&mut to[start..start + A::BYTES]);
    }
}

/// The elements of a message of a dump: the key, and whether it is the end of an interval. Elements
/// that are none of the family are left out.
pub fn read<A: Key>(message: &Message<'_>) -> Vec<(A, bool)> {
    let Some(list) = find(message.attributes(), NFTA_SET_ELEM_LIST_ELEMENTS) else {
        return Vec::new();
    };
    attributes(list)
        .filter_map(|element| {
            let key = find(attributes(element.value), NFTA_SET_ELEM_KEY)?;
            let key = A::read(find(attributes(key), NFTA_DATA_VALUE)?)?;
            Some((key, is_end(element.value)))
        })
        .collect()
}

/// The intervals that dumped elements make up, ascending.
///
/// Intervals of a set are disjoint, so the first end belongs to the first start, and so on; one
/// that reaches the end of the address space has none.
pub fn intervals<A: Key>(elements: &[(A, bool)]) -> Vec<Range<A>> {
    let sorted = |ends: bool| {
        let wanted = elements.iter().filter(|(_, is_end)| *is_end == ends);
        let mut keys: Vec<A> = wanted.map(|(key, _)| *key).collect();
        keys.sort_unstable();
        keys
    };
    let starts = sorted(false);
    // The kernel keeps an end at the very first address where there is no interval before.
    let mut ends = sorted(true).into_iter().filter_map(A::previous).peekable();
    starts
        .into_iter()
        .filter_map(|start| {
            while ends.next_if(|&end| end < start).is_some() {}
            Range::new(start, ends.next().unwrap_or(A::MAX))
        })
        .collect()
}

fn is_end(element: &[u8]) -> bool {
    let flags = find_u32(attributes(element), NFTA_SET_ELEM_FLAGS).unwrap_or(0);
    flags & libc::NFT_SET_ELEM_INTERVAL_END as u32 != 0
}

/// The address that the element at `offset` of an element message is about; `offset` is the one of
/// an extended ACK. For the end of an interval this is its last address.
pub fn address_at(message: &Message<'_>, offset: u32) -> Option<IpAddr> {
    let offset = (offset as usize).checked_sub(Message::ATTRIBUTES_AT)?;
    let list = message.attributes().find(|list| list.kind == NFTA_SET_ELEM_LIST_ELEMENTS)?;
    let first = list.at + ATTRIBUTE;
    let element = attributes(list.value)
        .take_while(|element| first + element.at <= offset)
        .last()
        .filter(|_| offset >= first)?;
    let key = find(attributes(element.value), NFTA_SET_ELEM_KEY)?;
    let key = find(attributes(key), NFTA_DATA_VALUE)?;
    let ends = is_end(element.value);
    let is_v6 = message.family() == Some(libc::NFPROTO_IPV6 as u8) || key.len() > u32::BYTES;
    if is_v6 {
        u128::read(key).map(|key| last_of(key, ends).to_ip())
    } else {
        u32::read(key).map(|key| last_of(key, ends).to_ip())
    }
}

/// The last address of an interval by its end element, which is the one behind it.
fn last_of<A: Key>(key: A, ends: bool) -> A {
    key.previous().filter(|_| ends).unwrap_or(key)
}
