//! Ranges in the order in which they stand in a list, in few bytes.

use std::convert::Infallible;

use crate::ip::{Address, Range, RangeSet};
use crate::list::memory::try_push;

/// Ranges in the order in which they were added. A host or network takes the bytes of an address, and one
/// more where the lengths differ.
#[derive(Clone, Debug)]
pub struct Ranges<A> {
    firsts: Vec<A>,
    lasts: Lasts<A>,
}

/// Where ranges end.
#[derive(Clone, Debug)]
enum Lasts<A> {
    /// With the last address of the network of this length that the first address is in.
    Same(u8),
    /// The same, where each range has its own length.
    Lengths(Vec<u8>),
    /// With this address.
    Addresses(Vec<A>),
}

impl<A: Address> Default for Ranges<A> {
    fn default() -> Self {
        Ranges { firsts: Vec::new(), lasts: Lasts::Same(A::BITS) }
    }
}

impl<A: Address> Ranges<A> {
    /// Adds a range. Returns whether there was memory for it.
    #[inline]
    pub fn push(&mut self, range: Range<A>) -> bool {
        let (first, last) = (range.first(), range.last());
        let is_known = matches!(self.lasts, Lasts::Same(length) if first.last_of(length) == last);
        if !is_known && !self.push_last(first, last) {
            return false;
        }
        try_push(&mut self.firsts, first).is_ok()
    }

    /// Adds where a range ends that does not end as all those before.
    #[cold]
    fn push_last(&mut self, first: A, last: A) -> bool {
        let length = first.common_length(last);
        let is_network = first.last_of(length) == last;
        if let Lasts::Same(before) = self.lasts {
            if self.firsts.is_empty() && is_network {
                self.lasts = Lasts::Same(length);
                return true;
            }
            let mut lengths = Vec::new();
            if lengths.try_reserve(self.firsts.len() + 1).is_err() {
                return false;
            }
            lengths.resize(self.firsts.len(), before);
            self.lasts = Lasts::Lengths(lengths);
        }
        if let Lasts::Lengths(lengths) = &mut self.lasts {
            if is_network {
                return try_push(lengths, length).is_ok();
            }
            let mut lasts = Vec::new();
            if lasts.try_reserve(self.firsts.len() + 1).is_err() {
                return false;
            }
            let before = self.firsts.iter().zip(lengths);
            lasts.extend(before.map(|(first, length)| first.last_of(*length)));
            self.lasts = Lasts::Addresses(lasts);
        }
        match &mut self.lasts {
            Lasts::Addresses(lasts) => try_push(lasts, last).is_ok(),
            _ => false,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.firsts.len()
    }

    /// All of them, to be taken in their order.
    pub fn all(&self) -> Rest<'_, A> {
        Rest { of: self, at: 0 }
    }

    /// Calls `each` with each of them, in their order.
    #[inline(always)]
    pub fn for_each(&self, mut each: impl FnMut(Range<A>)) {
        let all = self.all().take(self.count(), |_, range| {
            each(range);
            Ok::<(), Infallible>(())
        });
        all.unwrap_or_else(|never| match never {});
    }

    /// Calls `each` with each range of which an address is in `set`.
    pub fn meeting(&self, set: &RangeSet<A>, mut each: impl FnMut(Range<A>)) {
        let (Some(lowest), Some(highest)) = (set.ranges().first(), set.ranges().last()) else {
            return;
        };
        let (lowest, highest) = (lowest.first(), highest.last());
        self.for_each(|range| {
            if range.first() <= highest && lowest <= range.last() && set.meets(range) {
                each(range);
            }
        });
    }

    /// Gives back the memory that is not used.
    pub fn shrink(&mut self) {
        self.firsts.shrink_to_fit();
        match &mut self.lasts {
            Lasts::Same(_) => {}
            Lasts::Lengths(lengths) => lengths.shrink_to_fit(),
            Lasts::Addresses(lasts) => lasts.shrink_to_fit(),
        }
    }
}

/// The ranges that were not taken yet.
pub struct Rest<'a, A> {
    of: &'a Ranges<A>,
    at: usize,
}

impl<A: Address> Rest<'_, A> {
    /// Takes the next ranges, so many at most. Calls `each` with the number of each of these, from 0, and
    /// with the range, until it fails.
    #[inline(always)]
    pub fn take<E>(
        &mut self,
        count: usize,
        mut each: impl FnMut(u64, Range<A>) -> Result<(), E>,
    ) -> Result<(), E> {
        let from = self.at;
        self.at = from.saturating_add(count).min(self.of.firsts.len());
        let mut each = |(at, (first, last))| match Range::new(first, last) {
            Some(range) => each(at, range),
            // The first address of a network is never behind its last.
            None => Ok(()),
        };
        let firsts = self.of.firsts[from..self.at].iter().copied();
        match &self.of.lasts {
            Lasts::Same(length) => {
                let pairs = firsts.map(|first| (first, first.last_of(*length)));
                (0..).zip(pairs).try_for_each(&mut each)
            }
            Lasts::Lengths(lengths) => {
                let lengths = lengths[from..self.at].iter();
                let pairs =
                    firsts.zip(lengths).map(|(first, length)| (first, first.last_of(*length)));
                (0..).zip(pairs).try_for_each(&mut each)
            }
            Lasts::Addresses(lasts) => {
                let pairs = firsts.zip(lasts[from..self.at].iter().copied());
                (0..).zip(pairs).try_for_each(&mut each)
            }
        }
    }
}
