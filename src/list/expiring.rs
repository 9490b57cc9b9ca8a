//! The entries that have an end.

use std::collections::TryReserveError;

use super::end::End;
use super::entry::Entry;
use super::memory::try_push;
use crate::ip::{Families, PerFamily};
use crate::ip::{Range, RangeSet, RangeSets};

/// Entries that have an end. Expired ones are kept, too, since the clock may be set back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpiringEntries(PerFamily<Expiring<u32>, Expiring<u128>>);

type Expiring<A> = Vec<(End, Range<A>)>;

/// Ranges of one family with their ends.
pub type Ends<'a, A> = &'a [(End, Range<A>)];

impl ExpiringEntries {
    /// Adds an entry, if there is memory for it.
    pub fn push(&mut self, entry: Entry, end: End) -> Result<(), TryReserveError> {
        match entry {
            Entry::V4(range) => try_push(&mut self.0.v4, (end, range)),
            Entry::V6(range) => try_push(&mut self.0.v6, (end, range)),
        }
    }

    /// How many there are of each family.
    pub fn len(&self) -> (usize, usize) {
        (self.0.v4.len(), self.0.v6.len())
    }

    /// Takes out those that were added when there were so many of each family.
    pub fn split_off(&mut self, (v4, v6): (usize, usize)) -> Self {
        ExpiringEntries(PerFamily { v4: self.0.v4.split_off(v4), v6: self.0.v6.split_off(v6) })
    }

    /// The entries of each family with their ends, in the order in which they were added.
    pub fn entries(&self) -> PerFamily<Ends<'_, u32>, Ends<'_, u128>> {
        PerFamily { v4: &self.0.v4, v6: &self.0.v6 }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.v4.is_empty() && self.0.v6.is_empty()
    }

    /// What those that have not expired hold: of an address in several of them, the last end counts.
    pub fn at(&self, now: End) -> RangeSets {
        RangeSets {
            v4: RangeSet::from_ranges(self.lasting4(now).collect()),
            v6: RangeSet::from_ranges(self.lasting6(now).collect()),
        }
    }

    /// Those of IPv4 that have not expired, as they are written.
    pub fn lasting4(&self, now: End) -> impl Iterator<Item = Range<u32>> + '_ {
        lasting(&self.0.v4, now)
    }

    /// The same of IPv6.
    pub fn lasting6(&self, now: End) -> impl Iterator<Item = Range<u128>> + '_ {
        lasting(&self.0.v6, now)
    }

    fn ends(&self) -> impl Iterator<Item = End> + '_ {
        self.0.v4.iter().map(|(end, _)| *end).chain(self.0.v6.iter().map(|(end, _)| *end))
    }

    /// How many have expired.
    pub fn expired(&self, now: End) -> u64 {
        self.ends().filter(|end| *end <= now).count() as u64
    }

    /// When the next one expires.
    pub fn next(&self, now: End) -> Option<End> {
        self.ends().filter(|end| *end > now).min()
    }

    /// Those of `families`, and those of the others.
    pub fn split(self, families: Families) -> (Self, Self) {
        let (ours, others) = self.0.split(families);
        (ExpiringEntries(ours), ExpiringEntries(others))
    }
}

fn lasting<A: Copy>(entries: &[(End, Range<A>)], now: End) -> impl Iterator<Item = Range<A>> + '_ {
    entries.iter().filter(move |(end, _)| *end > now).map(|(_, range)| *range)
}
