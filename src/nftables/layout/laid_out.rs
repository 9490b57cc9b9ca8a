//! A range set as the elements of the sets of a row.

use std::borrow::Cow;

use super::row::{Elements, Place, Places, Row, SetKind, for_each_network, pieces};
use crate::ip::{Address, Range, RangeSet};

/// One family in the form in which the kernel holds it; each part ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOut<'a, A: Address> {
    /// The first addresses of the networks in the prefilter.
    pub prefixes: Vec<A>,
    /// The elements of each hash set, in the order of the row.
    pub hashes: Vec<Keys<A>>,
    /// The ranges in the interval set.
    pub ranges: Cow<'a, [Range<A>]>,
}

/// The elements of a hash set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys<A> {
    /// The length of its networks.
    pub length: u8,
    /// Their first addresses.
    pub first: Vec<A>,
}

/// Elements of one kernel set, ascending.
#[derive(Clone, Copy, Debug)]
pub enum SetElements<'a, A: Address> {
    /// The first addresses of networks, of which so many bytes are the keys.
    Keys(&'a [A], u8),
    /// Ranges, for an interval set.
    Ranges(&'a [Range<A>]),
}

impl<A: Address> LaidOut<'_, A> {
    /// No elements, for the sets of a row.
    pub fn none(row: &Row) -> Self {
        let keys = |hash: &super::Hash| Keys { length: hash.length, first: Vec::new() };
        let hashes = row.hashes.iter().map(keys).collect();
        LaidOut { prefixes: Vec::new(), hashes, ranges: Cow::Borrowed(&[]) }
    }

    /// What goes into the set of a kind.
    pub fn elements_of(&self, kind: SetKind) -> SetElements<'_, A> {
        let bytes = kind.key_bytes(A::BITS);
        match kind {
            SetKind::Prefilter(_) => SetElements::Keys(&self.prefixes, bytes),
            SetKind::Hash(hash) => {
                let keys = self.hashes.iter().find(|keys| keys.length == hash.length);
                SetElements::Keys(keys.map_or(&[], |keys| &keys.first), bytes)
            }
            SetKind::Interval => SetElements::Ranges(&self.ranges),
        }
    }

    /// How many elements there are.
    pub fn count(&self) -> Elements {
        Elements {
            prefixes: self.prefixes.len() as u64,
            keys: self.hashes.iter().map(|keys| keys.first.len() as u64).collect(),
            ranges: self.ranges.len() as u64,
        }
    }
}

impl<'a, A: Address> LaidOut<'a, A> {
    /// Lays `set` out for the sets of a row, which have a place for all of it.
    pub fn new(set: &'a RangeSet<A>, row: &Row) -> Self {
        LaidOut::none(row).filled(set, row)
    }

    /// The same of a set that may be a large one; `None` if there is no memory for it.
    pub fn try_new(set: &'a RangeSet<A>, row: &Row) -> Option<Self> {
        let mut laid_out = LaidOut::none(row);
        if row.hashes.is_empty() && row.prefilter.is_none() {
            return Some(laid_out.filled(set, row));
        }
        let count = row.count(set);
        laid_out.prefixes.try_reserve_exact(count.prefixes.try_into().ok()?).ok()?;
        for (keys, count) in laid_out.hashes.iter_mut().zip(count.keys) {
            keys.first.try_reserve_exact(count.try_into().ok()?).ok()?;
        }
        if !row.hashes.is_empty() {
            laid_out.ranges.to_mut().try_reserve_exact(count.ranges.try_into().ok()?).ok()?;
        }
        Some(laid_out.filled(set, row))
    }

    /// Lays `set` out in vectors that are empty, and have the room for it or take it.
    fn filled(mut self, set: &'a RangeSet<A>, row: &Row) -> Self {
        if let Some(prefilter) = row.prefilter {
            for &range in set.ranges() {
                push_prefixes(range, prefilter.length, &mut self.prefixes);
            }
        }
        if row.hashes.is_empty() {
            self.ranges = Cow::Borrowed(set.ranges());
            return self;
        }
        let places = row.places();
        let mut ranges = self.ranges.into_owned();
        for &range in set.ranges() {
            if !push_keys(range, &places, &mut self.hashes) {
                ranges.push(range);
            }
        }
        self.ranges = Cow::Owned(ranges);
        self
    }
}

/// Appends the prefixes of `length` bits that a range touches, but for one that is there already.
fn push_prefixes<A: Address>(range: Range<A>, length: u8, prefixes: &mut Vec<A>) {
    let (mut first, last) = (range.first().first_of(length), range.last().first_of(length));
    loop {
        if prefixes.last() != Some(&first) {
            prefixes.push(first);
        }
        match first.last_of(length).next() {
            Some(next) if next <= last => first = next,
            _ => return,
        }
    }
}

/// Appends the keys of a range; `false` if it goes into the interval set.
fn push_keys<A: Address>(range: Range<A>, places: &Places, hashes: &mut [Keys<A>]) -> bool {
    if !places.fit(range) {
        return false;
    }
    for_each_network(range, |first, length| {
        let Some(Place { set, bits }) = places.of(length) else { return };
        let Keys { length, first: keys } = &mut hashes[set];
        let mut key = first;
        for piece in 1..=pieces(bits) {
            keys.push(key);
            match key.last_of(*length).next() {
                Some(next) if piece < pieces(bits) => key = next,
                _ => break,
            }
        }
    });
    true
}
