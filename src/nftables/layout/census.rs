//! What a list is like, as far as the choice of a row depends on it.

use super::row::{for_each_network, prefixes};
use crate::ip::{Address, RangeSet};

/// Counts of a range set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Bits of an address.
    pub bits: u8,
    /// The number of its ranges.
    pub ranges: u64,
    /// The number of its networks of each length, where as few networks as possible make up a range.
    pub networks: [u64; 129],
    /// How many networks of each length that a prefilter may have touch a listed address.
    pub prefixes: Vec<(u8, u64)>,
}

/// The lengths that a prefilter of IPv4 may have. A key of 16 bits is kept in a bitmap, which costs least, but
/// takes long to fill with more than some thousand keys; all others are in a hash set.
pub const PREFILTERS4: &[u8] = &[16, 17, 18, 20];
/// The same of IPv6. Its first 16 bits tell little apart: lists are about networks that registries give out, of
/// /24 to /48. Bits 16 to 31 in a bitmap would be full as soon as a list has a few wide networks.
pub const PREFILTERS6: &[u8] = &[16, 24, 28, 32, 48];

impl Census {
    /// Counts a set.
    pub fn of<A: Address>(set: &RangeSet<A>) -> Self {
        let lengths = if A::BITS > 32 { PREFILTERS6 } else { PREFILTERS4 };
        let mut networks = [0; 129];
        for &range in set.ranges() {
            for_each_network(range, |_, length| networks[usize::from(length)] += 1);
        }
        let prefixes = lengths.iter().map(|&length| (length, prefixes(set, length))).collect();
        Census { bits: A::BITS, ranges: set.len() as u64, networks, prefixes }
    }

    /// The lengths that networks have, ascending, each with their number.
    pub fn lengths(&self) -> Vec<(u8, u64)> {
        let counts = (0..=self.bits).zip(self.networks);
        counts.filter(|(_, count)| *count > 0).collect()
    }
}
