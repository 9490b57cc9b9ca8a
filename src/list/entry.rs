//! An entry: what a list names in one place, of either family.

use std::fmt;
use std::net::IpAddr;

use crate::ip::Range;

/// A host, network or range that a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Of IPv4, an IPv4-mapped host among them.
    V4(Range<u32>),
    /// Of IPv6, never a piece of the IPv4-mapped block.
    V6(Range<u128>),
}

impl Entry {
    /// Whether two entries have an address in common.
    pub fn overlaps(self, other: Entry) -> bool {
        match (self, other) {
            (Entry::V4(a), Entry::V4(b)) => a.overlaps(b),
            (Entry::V6(a), Entry::V6(b)) => a.overlaps(b),
            _ => false,
        }
    }
}

impl From<IpAddr> for Entry {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Entry::V4(Range::host(address.into())),
            IpAddr::V6(address) => Entry::V6(Range::host(address.into())),
        }
    }
}

impl fmt::Display for Entry {
    /// A network where it is one, else `first-last`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::V4(range) => range.network_or_range().fmt(f),
            Entry::V6(range) => range.network_or_range().fmt(f),
        }
    }
}
