//! Whether an address is in a range set, in a time that hardly depends on the set.
//!
//! A binary search in a million ranges reads twenty places that are far apart, most of them not in
//! a cache. So the ranges are found by a tree of blocks: every sixteenth first address is copied
//! into a level above, every sixteenth of those into one above that, up to a level that is one
//! block. A look-up reads one block a level, from end to end, which takes no branch that could be
//! mispredicted; for a million ranges that is five, of which the upper three stay in the caches.
//! Unlike a table by the leading bits it does not care where the addresses lie, and serves IPv6.

use crate::range::{Address, RangeSet};

/// Addresses in a block: for IPv4 a cache line of 64 bytes.
const BLOCK: usize = 16;

/// A range set that can be asked quickly. Takes a fifteenth of half of it in addition.
#[derive(Clone, Debug)]
pub struct Index<A: Address> {
    set: RangeSet<A>,
    /// First addresses, each level every [`BLOCK`]th of the one below, the lowest every [`BLOCK`]th
    /// of the ranges'; the uppermost comes first and is not longer than a block.
    levels: Vec<Vec<A>>,
}

impl<A: Address> Default for Index<A> {
    fn default() -> Self {
        Index::new(RangeSet::default())
    }
}

impl<A: Address> Index<A> {
    /// Builds the index of a set.
    pub fn new(set: RangeSet<A>) -> Self {
        let mut levels: Vec<Vec<A>> = Vec::new();
        if set.len() > BLOCK {
            levels.push(set.ranges().iter().step_by(BLOCK).map(|range| range.first()).collect());
        }
        while let Some(level) = levels.last().filter(|level| level.len() > BLOCK) {
            let above = level.iter().step_by(BLOCK).copied().collect();
            levels.push(above);
        }
        levels.reverse();
        Index { set, levels }
    }

    /// The set.
    pub fn set(&self) -> &RangeSet<A> {
        &self.set
    }

    /// Whether `address` is in the set.
    #[inline]
    pub fn contains(&self, address: A) -> bool {
        // The number of the block to read in the next level.
        let mut block = 0;
        for level in &self.levels {
            let start = block * BLOCK;
            let keys = &level[start..level.len().min(start + BLOCK)];
            // Not past the address: only in the uppermost level can there be none.
            match keys.iter().filter(|&&key| key <= address).count() {
                0 => return false,
                count => block = start + count - 1,
            }
        }
        let ranges = self.set.ranges();
        let start = block * BLOCK;
        let ranges = &ranges[start..ranges.len().min(start + BLOCK)];
        match ranges.iter().filter(|range| range.first() <= address).count() {
            0 => false,
            count => address <= ranges[count - 1].last(),
        }
    }
}
