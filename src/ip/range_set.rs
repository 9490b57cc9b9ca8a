//! The canonical set of ranges, and what can be done with such sets.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::address::Address;
use super::family::PerFamily;
use super::range::Range;
use super::sort::{merge_sorted, sort};
use crate::sys;

/// The canonical form of a list for one family: ranges that are sorted, disjoint and not adjacent.
///
/// Two range sets are equal exactly when they hold the same addresses. Nothing outside this module
/// can build one that breaks the rule. At rest a range takes 8 bytes for IPv4, 32 for IPv6. A clone
/// shares them, so it costs nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct RangeSet<A> {
    ranges: Arc<Vec<Range<A>>>,
}

impl<A: Address> Default for RangeSet<A> {
    fn default() -> Self {
        RangeSet { ranges: Arc::default() }
    }
}

impl<A: Address> fmt::Debug for RangeSet<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ranges()).finish()
    }
}

impl<A: Address> RangeSet<A> {
    /// Sorts and merges `ranges`, in place: overlapping, nested, equal and adjacent ranges become
    /// one. Linear for input that is sorted already.
    pub fn from_ranges(mut ranges: Vec<Range<A>>) -> Self {
        sort(&mut ranges);
        merge_sorted(&mut ranges);
        ranges.shrink_to_fit();
        RangeSet { ranges: ranges.into() }
    }

    /// Applies `change` to each range and merges the results.
    ///
    /// `change` must keep the order: the results, taken in turn, must begin at ascending addresses.
    /// Results out of order are sorted, so a wrong `change` costs time, but never breaks the invariant.
    pub(crate) fn map_ascending(self, change: impl Fn(Range<A>) -> Range<A>) -> Self {
        // In place if no clone shares the ranges.
        let mut ranges = Arc::unwrap_or_clone(self.ranges);
        for range in &mut ranges {
            *range = change(*range);
        }
        if ranges.is_sorted_by_key(|range| range.first) {
            merge_sorted(&mut ranges);
            RangeSet { ranges: ranges.into() }
        } else {
            RangeSet::from_ranges(ranges)
        }
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> &[Range<A>] {
        &self.ranges
    }

    /// Whether the set has no address.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The number of ranges.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The number of addresses, [`u128::MAX`] for the whole of IPv6.
    pub fn addresses(&self) -> u128 {
        let spans = self.ranges.iter().map(|range| range.addresses());
        if A::BITS == 32 {
            // Cannot overflow, and is a third of the time.
            return spans.map(|span| span as u64).sum::<u64>().into();
        }
        spans.fold(0, u128::saturating_add)
    }

    /// The fewest networks that hold exactly this set, ascending.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.ranges.iter().flat_map(|range| range.networks())
    }

    /// The number of networks that [`RangeSet::networks`] yields.
    pub fn network_count(&self) -> u64 {
        self.ranges.iter().map(|range| range.network_count()).sum()
    }

    /// The number of networks that [`RangeSet::networks`] yields of which `other` has an address.
    pub fn networks_meeting(&self, other: &Self) -> u64 {
        let mut count = 0;
        for &range in self.ranges() {
            if other.find(range.first).is_some_and(|found| range.last <= found.last) {
                count += range.network_count();
            } else if other.meets(range) {
                let mut networks = range.networks();
                while let Some((network, _)) = networks.next_range() {
                    count += u64::from(other.meets(network));
                }
            }
        }
        count
    }

    /// The range that holds `address`.
    pub fn find(&self, address: A) -> Option<Range<A>> {
        let after = self.ranges.partition_point(|range| range.first <= address);
        let range = *self.ranges.get(after.checked_sub(1)?)?;
        range.contains(address).then_some(range)
    }

    /// Whether `address` is in the set.
    pub fn contains(&self, address: A) -> bool {
        self.find(address).is_some()
    }

    /// Whether an address of `range` is in the set.
    pub fn meets(&self, range: Range<A>) -> bool {
        let at = self.ranges.partition_point(|ours| ours.last < range.first);
        self.ranges.get(at).is_some_and(|ours| ours.overlaps(range))
    }

    /// Whether the two sets have an address in common.
    pub fn intersects(&self, other: &Self) -> bool {
        let (few, many) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        let mut rest = &many.ranges[..];
        few.ranges().iter().any(|with| {
            rest = &rest[count_while(rest, |range| range.last < with.first)..];
            rest.first().is_some_and(|range| range.first <= with.last)
        })
    }

    /// The addresses that both sets hold. Takes little more time than the smaller set and the result.
    pub fn intersect(&self, other: &Self) -> Self {
        let (few, many) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        let mut ranges = Vec::new();
        let mut rest = &many.ranges[..];
        for &with in few.ranges() {
            rest = &rest[count_while(rest, |range| range.last < with.first)..];
            let common = count_while(rest, |range| range.first <= with.last);
            ranges.extend(rest[..common].iter().map(|range| Range {
                first: range.first.max(with.first),
                last: range.last.min(with.last),
            }));
        }
        // If two results were adjacent, one of the sets would have two adjacent ranges.
        RangeSet { ranges: ranges.into() }
    }

    /// The ranges that are only in `self`, and those that are only in `other`. A range counts as a whole.
    pub fn differing(&self, other: &Self) -> (Self, Self) {
        let ends = |range: &Range<A>| (range.first, range.last);
        // Some of the ranges of a set are still sorted, disjoint and not adjacent.
        let (ours, theirs) = differences(&self.ranges, &other.ranges, ends);
        (RangeSet { ranges: ours.into() }, RangeSet { ranges: theirs.into() })
    }

    /// The addresses of `self` that are not in `other`. Ranges between two cuts are copied together; if
    /// nothing is cut, the result shares all of them.
    pub fn subtract(&self, other: &Self) -> Self {
        if !self.intersects(other) {
            return self.clone();
        }
        let mut ranges = Vec::new();
        let (mut rest, mut cuts) = (&self.ranges[..], &other.ranges[..]);
        // A cut inside a range leaves two. If there is no memory for the most, the result may still fit.
        let _ = ranges.try_reserve_exact(rest.len() + cuts.len().min(rest.len()));
        sys::prefer_huge_pages(&mut ranges);
        while let Some((&range, behind)) = rest.split_first() {
            cuts = &cuts[count_while(cuts, |cut| cut.last < range.first)..];
            let whole = cuts
                .first()
                .map_or(rest.len(), |cut| count_while(rest, |range| range.last < cut.first));
            if whole > 0 {
                ranges.extend_from_slice(&rest[..whole]);
                rest = &rest[whole..];
                continue;
            }
            rest = behind;
            // The first address of the rest of the range; `None` if a cut reaches the end of the range or
            // of the address space.
            let mut left = Some(range.first);
            for cut in cuts.iter().take_while(|cut| cut.first <= range.last) {
                let Some(first) = left else { break };
                if let Some(last) = cut.first.previous().filter(|&last| first <= last) {
                    ranges.push(Range { first, last });
                }
                left = cut.last.next().filter(|&next| next <= range.last);
            }
            ranges.extend(left.map(|first| Range { first, last: range.last }));
        }
        ranges.shrink_to_fit();
        RangeSet { ranges: ranges.into() }
    }

    /// The addresses that are in at least one of the sets. Ranges of the larger set that stay as they are
    /// are copied together; if all stay, the result shares them.
    pub fn union(&self, other: &Self) -> Self {
        let (few, many) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        if many.holds(few) {
            return many.clone();
        }
        let mut ranges: Vec<Range<A>> = Vec::new();
        // If there is no memory for the most, the result may still fit.
        let _ = ranges.try_reserve_exact(few.len() + many.len());
        sys::prefer_huge_pages(&mut ranges);
        let mut rest = &many.ranges[..];
        for &(mut joined) in few.ranges() {
            let apart = count_while(rest, |range| is_apart(range.last, joined.first));
            ranges.extend_from_slice(&rest[..apart]);
            // The range before may have grown up to this one, by one that both join.
            if let Some(before) = ranges.last().filter(|it| !is_apart(it.last, joined.first)) {
                joined = Range { first: before.first, last: before.last.max(joined.last) };
                ranges.pop();
            }
            rest = &rest[apart..];
            let with = count_while(rest, |range| !is_apart(joined.last, range.first));
            if let Some((first, last)) = rest[..with].first().zip(rest[..with].last()) {
                let (first, last) = (first.first.min(joined.first), last.last.max(joined.last));
                joined = Range { first, last };
            }
            rest = &rest[with..];
            ranges.push(joined);
        }
        ranges.extend_from_slice(rest);
        ranges.shrink_to_fit();
        RangeSet { ranges: ranges.into() }
    }

    /// Whether all addresses of `other` are in the set. Takes little more time than `other`.
    fn holds(&self, other: &Self) -> bool {
        let mut rest = &self.ranges[..];
        other.ranges().iter().all(|range| {
            rest = &rest[count_while(rest, |ours| ours.last < range.first)..];
            rest.first().is_some_and(|ours| ours.first <= range.first && range.last <= ours.last)
        })
    }
}

/// Whether a range that ends at `last` stands before one that begins at `first`, and is not adjacent to it.
fn is_apart<A: Address>(last: A, first: A) -> bool {
    last.next().is_some_and(|behind| behind < first)
}

/// The number of ranges at the start that satisfy `first`. After the first range that does not, none
/// does. The time grows with the logarithm of the result, not of the number of ranges.
fn count_while<A>(ranges: &[Range<A>], first: impl Fn(&Range<A>) -> bool) -> usize {
    let mut end = 1;
    while ranges.get(end - 1).is_some_and(&first) {
        end *= 2;
    }
    let start = end / 2;
    start + ranges[start..ranges.len().min(end)].partition_point(first)
}

/// The items that are only in the first of two ascending slices, and those only in the second.
pub fn differences<T: Copy, K: Ord>(
    first: &[T],
    second: &[T],
    key: impl Fn(&T) -> K,
) -> (Vec<T>, Vec<T>) {
    /// So many items are compared together, which vector instructions can do.
    const BLOCK: usize = 32;
    let (mut only_first, mut only_second) = (Vec::new(), Vec::new());
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (first.get(i), second.get(j)) {
        match key(a).cmp(&key(b)) {
            Ordering::Less => {
                only_first.push(*a);
                i += 1;
            }
            Ordering::Greater => {
                only_second.push(*b);
                j += 1;
            }
            Ordering::Equal => {
                i += 1;
                j += 1;
                // Mostly nearly all are in both.
                let blocks = first[i..].chunks_exact(BLOCK).zip(second[j..].chunks_exact(BLOCK));
                let is_same = |(a, b): &(&[T], &[T])| {
                    let pairs = a.iter().zip(b.iter());
                    pairs.fold(true, |same, (a, b)| same & (key(a) == key(b)))
                };
                let same = BLOCK * blocks.take_while(is_same).count();
                i += same;
                j += same;
            }
        }
    }
    only_first.extend_from_slice(&first[i..]);
    only_second.extend_from_slice(&second[j..]);
    (only_first, only_second)
}

/// The range sets of both families.
pub type RangeSets = PerFamily<RangeSet<u32>, RangeSet<u128>>;

impl RangeSets {
    /// A checksum (CRC-32) of all ranges, by which another process recognises what it finds to be the same.
    pub fn digest(&self) -> u32 {
        let mut digest = crc32fast::Hasher::new();
        for range in self.v4.ranges() {
            digest.update(&range.first().to_be_bytes());
            digest.update(&range.last().to_be_bytes());
        }
        for range in self.v6.ranges() {
            digest.update(&range.first().to_be_bytes());
            digest.update(&range.last().to_be_bytes());
        }
        digest.finalize()
    }

    /// Whether both sets have no address.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The number of networks of both families together, as [`RangeSet::networks`] yields them.
    pub fn network_count(&self) -> u64 {
        self.network_counts().sum()
    }

    /// The number of networks of each family, as [`RangeSet::networks`] yields them.
    pub fn network_counts(&self) -> PerFamily<u64> {
        PerFamily { v4: self.v4.network_count(), v6: self.v6.network_count() }
    }

    /// The number of networks of both families together of which `other` has an address, as
    /// [`RangeSet::networks_meeting`].
    pub fn networks_meeting(&self, other: &Self) -> u64 {
        self.v4.networks_meeting(&other.v4) + self.v6.networks_meeting(&other.v6)
    }

    /// The networks of IPv4, then those of IPv6, each ascending.
    pub fn networks(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.v4.networks().chain(self.v6.networks())
    }

    /// Whether `address` is in the set of its family.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.contains(address.into()),
            IpAddr::V6(address) => self.v6.contains(address.into()),
        }
    }

    /// The number of addresses of each family, as [`RangeSet::addresses`].
    pub fn addresses(&self) -> PerFamily<u128> {
        PerFamily { v4: self.v4.addresses(), v6: self.v6.addresses() }
    }

    /// The addresses that are in `self` and not in `other`, family by family.
    pub fn subtract(&self, other: &Self) -> Self {
        RangeSets { v4: self.v4.subtract(&other.v4), v6: self.v6.subtract(&other.v6) }
    }

    /// The addresses that are in both, family by family.
    pub fn intersect(&self, other: &Self) -> Self {
        RangeSets { v4: self.v4.intersect(&other.v4), v6: self.v6.intersect(&other.v6) }
    }

    /// The addresses that are in at least one of them, family by family.
    pub fn union(&self, other: &Self) -> Self {
        RangeSets { v4: self.v4.union(&other.v4), v6: self.v6.union(&other.v6) }
    }
}
