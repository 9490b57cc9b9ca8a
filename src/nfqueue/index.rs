//! Looks up addresses in a range set, in a time that hardly depends on the size of the set.
//!
//! A binary search in a million ranges reads twenty places that are far apart, most of them not in
//! a cache. Therefore a tree of blocks finds the ranges: the first address of every fourth range is
//! copied to the level above, every sixteenth of those addresses to the next level, up to a level of
//! one block. A look-up reads one whole block in each level, without a branch that could be
//! mispredicted; a million ranges have six levels, of which the upper four stay in the caches.
//! Unlike a table by leading bits, the tree is equally fast wherever the addresses lie, and serves
//! IPv6.
//!
//! The rest of the time is waiting for memory. Therefore addresses are looked up side by side, level by
//! level: while the processor waits for the block of one address, it requests the blocks of the next.

use crate::ip::{Address, Range, RangeSet};

/// Heads in a block: one cache line of 64 bytes for IPv4, two for IPv6.
const BLOCK: usize = 16;

/// Ranges that are compared in the last step.
const RANGES: usize = 4;

/// The number of look-ups that run side by side.
const ABREAST: usize = 32;

/// A part of a level. The rest of the last block is filled with the head of the last address.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Block<A: Address>([A::Head; BLOCK]);

/// A range set with fast look-ups. The levels take a seventh of the memory of the ranges in addition,
/// for IPv6 a fifteenth.
#[derive(Clone, Debug)]
pub struct Index<A: Address> {
    set: RangeSet<A>,
    /// Heads of first addresses: the lowest level has the head of every [`RANGES`]th range, each other
    /// level every [`BLOCK`]th head of the level below. The top level comes first and is one block.
    levels: Vec<Vec<Block<A>>>,
}

impl<A: Address> Default for Index<A> {
    fn default() -> Self {
        Index::new(RangeSet::default())
    }
}

impl<A: Address> Index<A> {
    /// Builds the levels of a set.
    pub fn new(set: RangeSet<A>) -> Self {
        let mut levels: Vec<Vec<Block<A>>> = Vec::new();
        if set.len() > RANGES {
            let firsts = set.ranges().iter().step_by(RANGES).map(|range| range.first().head());
            levels.push(blocks(firsts));
        }
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = blocks(level.iter().map(|block| block.0[0]));
            levels.push(above);
        }
        levels.reverse();
        Index { set, levels }
    }

    /// The range set that was indexed.
    pub fn set(&self) -> &RangeSet<A> {
        &self.set
    }

    /// Calls `found` with the index of each of the `addresses` that is in the set, in ascending order.
    pub fn find_each(&self, addresses: &[A], mut found: impl FnMut(usize)) {
        for (turn, addresses) in addresses.chunks(ABREAST).enumerate() {
            // The block to read next, for each.
            let mut places = [0; ABREAST];
            for level in &self.levels {
                for (place, address) in places.iter_mut().zip(addresses) {
                    let block = part(level, *place, 1);
                    // Below all of them it is as good to go on with the first.
                    let count = block.first().map_or(0, |block| not_past(address.head(), block));
                    *place = *place * BLOCK + count.saturating_sub(1);
                }
            }
            for (number, (&place, &address)) in places.iter().zip(addresses).enumerate() {
                if self.is_at(place, address) {
                    found(turn * ABREAST + number);
                }
            }
        }
    }

    /// Whether one of the [`RANGES`] ranges at `place` holds the address.
    #[inline]
    fn is_at(&self, place: usize, address: A) -> bool {
        let ranges = part(self.set.ranges(), place, RANGES);
        if ranges.first().is_some_and(|range| address < range.first()) {
            // It lies below all ranges, or in between some whose heads are all the same.
            return self.set.contains(address);
        }
        // No branches: they are all read in any case.
        let holds = |found, range: &Range<A>| found | range.contains(address);
        match ranges.first_chunk::<RANGES>() {
            Some(ranges) => ranges.iter().fold(false, holds),
            None => ranges.iter().fold(false, holds),
        }
    }
}

/// The blocks of these heads.
fn blocks<A: Address>(heads: impl ExactSizeIterator<Item = A::Head>) -> Vec<Block<A>> {
    let mut level = vec![Block([A::MAX.head(); BLOCK]); heads.len().div_ceil(BLOCK)];
    for (number, head) in heads.enumerate() {
        level[number / BLOCK].0[number % BLOCK] = head;
    }
    level
}

/// Part `number` of `all`, divided into parts of `length`. Past the end it is the last part, because the
/// last address also matches what the last block is filled with.
#[inline(always)]
fn part<T>(all: &[T], number: usize, length: usize) -> &[T] {
    let last = all.len().saturating_sub(1) / length;
    let begin = number.min(last) * length;
    &all[begin..all.len().min(begin + length)]
}

/// The number of heads in an ascending block that are not greater than `head`.
#[inline(always)]
fn not_past<A: Address>(head: A::Head, block: &Block<A>) -> usize {
    // In 32 bits, as wide as an address of IPv4, so that several are compared at once.
    block.0.iter().map(|&key| u32::from(key <= head)).sum::<u32>() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks up the ends of all ranges, what lies beside them, and the ends of the family.
    fn agrees_with_the_set<A: Address>(ranges: Vec<Range<A>>) {
        let set = RangeSet::from_ranges(ranges);
        let index = Index::new(set.clone());
        let mut addresses = vec![A::MAX.first_of(0), A::MAX];
        for range in set.ranges() {
            addresses.extend([range.first(), range.last()]);
            addresses.extend(range.first().previous());
            addresses.extend(range.last().next());
        }
        let mut found = vec![false; addresses.len()];
        index.find_each(&addresses, |number| found[number] = true);
        for (&address, found) in addresses.iter().zip(found) {
            assert_eq!(found, set.contains(address), "{address:?} of {}", set.len());
            let mut alone = false;
            index.find_each(&[address], |_| alone = true);
            assert_eq!(alone, found, "{address:?} of {}", set.len());
        }
    }

    /// Around every number of ranges at which there is one more block, or level.
    const SIZES: [u32; 14] = [0, 1, 2, 4, 5, 63, 64, 65, 68, 1023, 1024, 1025, 1029, 20_000];

    #[test]
    fn it_finds_what_a_search_finds() {
        for size in SIZES {
            agrees_with_the_set((0..size).map(|number| Range::host(1000 + number * 7)).collect());
            agrees_with_the_set(
                (0..size).map(|n| Range::network(u32::MAX - n * 512, 24)).collect(),
            );
            let high = |number: u32| u128::from(number) << 80 | 1 << 127;
            agrees_with_the_set((0..size).map(|n| Range::network(high(n * 2), 48)).collect());
        }
    }

    #[test]
    fn ranges_with_one_head_are_told_apart() {
        for size in SIZES {
            let one = |number: u32| Range::host((0x2001_0db8 << 96) + u128::from(number) * 3);
            agrees_with_the_set((0..size).map(one).collect());
            let last = |number: u32| Range::host(u128::MAX - u128::from(number) * 3);
            agrees_with_the_set((0..size).map(last).collect());
            let some = |n: u32| Range::host(u128::from(n / 50) << 65 | u128::from(n) << 2);
            agrees_with_the_set((0..size).map(some).collect());
        }
    }
}
