//! Range sets to the element messages of interval sets, and back from a fault to its element.
//!
//! libnftnl's element objects take ten times the memory and fifteen times the time of a million
//! intervals, so these messages are written here, byte for byte. An interval is two elements: its
//! first address, and the address behind its last with the flag INTERVAL_END; one that reaches the
//! last address of the family has no end element.

use std::ffi::CStr;
use std::net::IpAddr;

use super::batch::{Attributes, Batch};
use super::message::{Message, attributes, find, find_u32};
use crate::name::TableName;
use crate::range::{Address, Range};

// linux/netfilter/nf_tables.h; the libc crate has the messages and flags, not the attributes.
const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_SET_ELEM_KEY: u16 = 1;
const NFTA_SET_ELEM_FLAGS: u16 = 3;
const NFTA_DATA_VALUE: u16 = 1;

/// Bytes of an attribute's header.
const ATTRIBUTE: usize = 4;
/// Offset of the key's value in an element: the headers of element, key and value before it.
const KEY_AT: usize = 3 * ATTRIBUTE;
/// What the element list may hold: its length is 16 bits and counts its own header.
const MOST_BYTES: usize = u16::MAX as usize - ATTRIBUTE;

/// An address as the key of a set: in network byte order.
pub trait Key: Address {
    /// Bytes of a key.
    const BYTES: usize;

    /// Writes the key; `to` has [`Key::BYTES`] bytes.
    fn write(self, to: &mut [u8]);
}

impl Key for u32 {
    const BYTES: usize = 4;

    fn write(self, to: &mut [u8]) {
        to.copy_from_slice(&self.to_be_bytes());
    }
}

impl Key for u128 {
    const BYTES: usize = 16;

    fn write(self, to: &mut [u8]) {
        to.copy_from_slice(&self.to_be_bytes());
    }
}

/// Appends messages that add `ranges` to an interval set: 40 bytes an IPv4 range, 64 bytes an IPv6
/// range.
///
/// The ranges must be sorted and disjoint, as those of a range set are; the kernel takes a flush
/// and refill in any other order in quadratic time.
pub fn add<A: Key>(batch: &mut Batch, table: &TableName, set: &CStr, ranges: &[Range<A>]) {
    let interval = Interval::<A>::new();
    let per_message = MOST_BYTES / interval.template.len();
    let overhead = 64 + table.name().count_bytes() + set.count_bytes();
    let messages = ranges.len().div_ceil(per_message);
    batch.reserve(ranges.len() * interval.template.len() + messages * overhead);
    for ranges in ranges.chunks(per_message) {
        let flags = libc::NLM_F_CREATE;
        batch.message(libc::NFT_MSG_NEWSETELEM, flags, table.family(), |message| {
            name(message, table, set);
            message.nest(NFTA_SET_ELEM_LIST_ELEMENTS, |list| {
                for &range in ranges {
                    interval.write(list.raw(), range);
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

fn name(message: &mut Attributes<'_>, table: &TableName, set: &CStr) {
    message.put_str(NFTA_SET_ELEM_LIST_TABLE, table.name());
    message.put_str(NFTA_SET_ELEM_LIST_SET, set);
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
    let flags = find_u32(attributes(element.value), NFTA_SET_ELEM_FLAGS).unwrap_or(0);
    let is_end = flags & libc::NFT_SET_ELEM_INTERVAL_END as u32 != 0;
    let behind = u8::from(is_end);
    match key.len() {
        4 => {
            let key = u32::from_be_bytes(key.try_into().ok()?);
            Some(key.wrapping_sub(behind.into()).to_ip())
        }
        16 => {
            let key = u128::from_be_bytes(key.try_into().ok()?);
            Some(key.wrapping_sub(behind.into()).to_ip())
        }
        _ => None,
    }
}
