//! The library's values as those of kit, which the oracles speak of.

// Each target uses a part.
#![allow(dead_code)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range as Indices;

use kit::flags::Number;
use kit::reader::Pair;
use netfilterd::ip::{Address, Range, RangeSet};
use netfilterd::list::Entry;

/// The range set of the same places, with the universe at `base`.
pub fn set<A: Number + Address>(base: u128, entries: &[Indices<usize>]) -> RangeSet<A> {
    let range = |entry: &Indices<usize>| {
        let (first, last) = (base + entry.start as u128, base + (entry.end as u128 - 1));
        Range::new(A::of(first), A::of(last)).expect("a range")
    };
    RangeSet::from_ranges(entries.iter().map(range).collect())
}

/// First and last of each range.
pub fn ranges<A: Number + Address>(set: &RangeSet<A>) -> Vec<(u128, u128)> {
    set.ranges().iter().map(|range| (range.first().number(), range.last().number())).collect()
}

/// What the library has read, as a pair.
pub fn pair(entry: Entry) -> Pair {
    match entry {
        Entry::V4(range) => {
            (Ipv4Addr::from(range.first()).into(), Ipv4Addr::from(range.last()).into())
        }
        Entry::V6(range) => {
            (Ipv6Addr::from(range.first()).into(), Ipv6Addr::from(range.last()).into())
        }
    }
}

/// An address of either family as a number.
pub fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}
