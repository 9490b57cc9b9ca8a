//! Widening: one bad host means a bad network.
//!
//! An entry that is narrower than the mask becomes the network of that prefix length that holds it. A
//! range grows at both ends. An entry that is wider stays as it is.
//!
//! The widened union of ranges equals the union of the widened ranges. Therefore widening is applied
//! once to the merged ranges, not to each entry. Tests compare both ways.

use super::address::Address;
use super::family::PerFamily;
use super::range::Range;
use super::range_set::{RangeSet, RangeSets};

/// The prefix lengths of `--mask` and `--mask6`, 8 to 32 for IPv4 and 16 to 128 for IPv6; `None` leaves
/// a family as it is.
pub type Mask = PerFamily<Option<u8>>;

impl Mask {
    /// Widens one IPv4 range to the length of `v4` at both ends.
    pub fn widen4(self, range: Range<u32>) -> Range<u32> {
        widen_range(range, self.v4, |_| false)
    }

    /// Widens one IPv6 range. An end in `::/8` or `fe80::/10` stays where it is: these networks hold
    /// loopback, IPv4-mapped and link-local addresses.
    pub fn widen6(self, range: Range<u128>) -> Range<u128> {
        widen_range(range, self.v6, keeps_its_length)
    }

    /// Widens the ranges of both families and merges them again.
    pub fn widen(self, sets: RangeSets) -> RangeSets {
        RangeSets {
            v4: widen_set(sets.v4, self.v4, |range| self.widen4(range)),
            v6: widen_set(sets.v6, self.v6, |range| self.widen6(range)),
        }
    }
}

/// Whether an entry at `address` is never widened: `::/8` holds loopback and all IPv4-mapped addresses,
/// `fe80::/10` the link-local addresses that neighbour discovery needs.
fn keeps_its_length(address: u128) -> bool {
    address >> 120 == 0 || address >> 118 == 0xfe80 >> 6
}

fn widen_range<A: Address>(range: Range<A>, length: Option<u8>, keep: fn(A) -> bool) -> Range<A> {
    let Some(length) = length else { return range };
    let (first, last) = (range.first(), range.last());
    let first = if keep(first) { first } else { first.first_of(length) };
    let last = if keep(last) { last } else { last.last_of(length) };
    // Neither end moved inwards, so the range is still one.
    Range::new(first, last).unwrap_or(range)
}

fn widen_set<A: Address>(
    set: RangeSet<A>,
    length: Option<u8>,
    widen: impl Fn(Range<A>) -> Range<A>,
) -> RangeSet<A> {
    if length.is_none() { set } else { set.map_ascending(widen) }
}
