//! How a range set is laid out in kernel sets.
//!
//! Pure: from a range set to the keys of a hash set and the ranges of an interval set. Whatever the
//! layout, the addresses that it drops are exactly those of the range set.
//!
//! An interval set holds ranges as they are; its look-up grows with the list. A hash set holds
//! networks of one prefix length, looked up by the masked address at the same cost however many
//! there are, and loads three times as fast. Ranges that are a few whole networks of that length go
//! into the hash set, the others stay in an interval set beside it.

use std::borrow::Cow;
use std::fmt;

use crate::ip::family::PerFamily;
use crate::ip::mask::Mask;
use crate::ip::{Address, Range, RangeSet, RangeSets};

/// The layout that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Layout {
    /// Hash from 4,096 networks of one length up in the managed tables, else interval
    #[default]
    Auto,
    /// One interval set a family
    Interval,
    /// A hash set for networks of one length, an interval set for the rest
    Hash,
}

impl Layout {
    /// Whether it needs the managed tables, since its look-ups are rules of their own kind.
    pub fn needs_managed_table(self) -> bool {
        match self {
            Layout::Auto | Layout::Interval => false,
            Layout::Hash => true,
        }
    }
}

/// From how many networks of one length up a hash set is worth a second set.
pub const HASH_FROM: usize = 4096;

/// A wider range is cut into at most so many networks. More of them would take more memory than
/// the look-up in the interval set beside is worth.
const MOST_PIECES: u128 = 16;

/// A hash set has room for so many times what is in it at first.
///
/// For the list to grow without being loaded anew a quarter more would do. But the room is what the
/// kernel makes buckets for (`nft_hash_buckets`: four for three elements, rounded up to a power of
/// two), and nearly all packets have an address that is not listed: with 2.7 to 5.3 buckets for each
/// element they seldom meet one. At 1,000,000 networks that is 63 of 352 ns where no cache
/// helps, 13 of 204 ns where one does, for 16 bytes a network more and no time to load.
const ROOM: usize = 2;

/// The shape of one family's sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// The hash set, if there is one.
    pub hash: Option<Hash>,
    /// Whether there is an interval set: if something is in it.
    pub interval: bool,
}

/// The shape of a hash set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// The prefix length of its networks.
    pub length: u8,
    /// How many it has room for.
    pub size: u32,
}

/// The kind of a kernel set, and so of the look-up in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// Networks of one length, looked up by the address's first bits.
    Hash(Hash),
    /// Ranges, looked up by the address.
    Interval,
}

impl SetKind {
    /// The length of the networks in a hash set.
    pub fn length(self) -> Option<u8> {
        match self {
            SetKind::Hash(hash) => Some(hash.length),
            SetKind::Interval => None,
        }
    }
}

/// The shapes of both families.
pub type Shapes = PerFamily<Shape>;

impl Shapes {
    /// One interval set a family.
    pub const INTERVAL: Shapes = Shapes { v4: Shape::INTERVAL, v6: Shape::INTERVAL };

    /// The shapes for `sets`. The mask, where there is one, is the length of most networks.
    pub fn choose(sets: &RangeSets, layout: Layout, mask: Mask) -> Self {
        Shapes {
            v4: Shape::choose(&sets.v4, layout, mask.v4),
            v6: Shape::choose(&sets.v6, layout, mask.v6),
        }
    }
}

impl fmt::Display for Shape {
    /// `hash /24`, `interval`, both, or `no sets`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.hash, self.interval) {
            (Some(hash), false) => write!(f, "hash /{}", hash.length),
            (Some(hash), true) => write!(f, "hash /{} and interval", hash.length),
            (None, true) => f.write_str("interval"),
            (None, false) => f.write_str("no sets"),
        }
    }
}

impl Shape {
    const INTERVAL: Shape = Shape { hash: None, interval: true };

    /// No sets, and so no rules: packets of the other family do not pay for this one.
    const NONE: Shape = Shape { hash: None, interval: false };

    fn choose<A: Address>(set: &RangeSet<A>, layout: Layout, mask: Option<u8>) -> Self {
        if set.is_empty() {
            return Shape::NONE;
        }
        if layout == Layout::Interval {
            return Shape::INTERVAL;
        }
        let length = mask.unwrap_or_else(|| commonest_length(set));
        let of_length = Shape { hash: Some(Hash { length, size: 0 }), interval: true };
        let Elements { keys, ranges: others } = of_length.count(set);
        let least = if layout == Layout::Hash { 1 } else { HASH_FROM };
        let size = u32::try_from(keys.saturating_mul(ROOM)).ok();
        match size {
            Some(size) if keys >= least => {
                Shape { hash: Some(Hash { length, size }), interval: others > 0 }
            }
            _ => Shape::INTERVAL,
        }
    }

    /// The kinds of the sets, in the order in which a packet is looked up in them: the cheaper look-up
    /// comes first.
    pub fn kinds(&self) -> impl Iterator<Item = SetKind> + use<> {
        let interval = self.interval.then_some(SetKind::Interval);
        self.hash.map(SetKind::Hash).into_iter().chain(interval)
    }

    /// Whether sets of this shape are of the kind that `desired` is: what they hold could be in the
    /// other as well, if there is room for it.
    pub fn is_like(&self, desired: &Shape) -> bool {
        self.hash.map(|hash| hash.length) == desired.hash.map(|hash| hash.length)
    }

    /// How many elements a set becomes in sets of this shape.
    pub fn count<A: Address>(&self, set: &RangeSet<A>) -> Elements {
        let Some(Hash { length, .. }) = self.hash else {
            return Elements { keys: 0, ranges: set.len() };
        };
        let mut count = Elements { keys: 0, ranges: 0 };
        for &range in set.ranges() {
            match pieces(range, length) {
                Some(pieces) => count.keys += pieces,
                None => count.ranges += 1,
            }
        }
        count
    }

    /// Whether sets of this shape have a place for so many elements.
    pub fn has_room(&self, elements: Elements) -> bool {
        let room = self.hash.map_or(0, |hash| hash.size as usize);
        elements.keys <= room && (self.interval || elements.ranges == 0)
    }
}

/// How many elements a range set becomes in kernel sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements {
    /// In the hash set.
    pub keys: usize,
    /// Intervals in the interval set.
    pub ranges: usize,
}

impl Elements {
    /// In both.
    pub fn all(self) -> usize {
        self.keys + self.ranges
    }
}

/// The prefix length that most networks of the set have.
fn commonest_length<A: Address>(set: &RangeSet<A>) -> u8 {
    let mut counts = [0u32; 129];
    for range in set.ranges() {
        // Most ranges are a network, and its length is seen at once.
        let (first, last) = (range.first(), range.last());
        let length = first.common_length(last);
        if first == first.first_of(length) && last == first.last_of(length) {
            counts[usize::from(length)] += 1;
            continue;
        }
        for network in range.networks() {
            counts[usize::from(network.prefix_len())] += 1;
        }
    }
    let most = counts.iter().enumerate().max_by_key(|&(length, &count)| (count, length));
    most.map_or(A::BITS, |(length, _)| length.min(A::BITS.into()) as u8)
}

/// How many networks of `length` the range is, if it is made of whole ones and not too many.
fn pieces<A: Address>(range: Range<A>, length: u8) -> Option<usize> {
    let (first, last) = (range.first(), range.last());
    if first != first.first_of(length) || last != last.last_of(length) {
        return None;
    }
    // Both ends lie on the edges of networks, so the distance in networks is exact.
    let pieces = A::networks_of(first, last, length);
    (pieces <= MOST_PIECES).then_some(pieces as usize)
}

/// One family in the form in which the kernel holds it; both parts ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOut<'a, A: Address> {
    /// The first addresses of the networks in the hash set.
    pub keys: Vec<A>,
    /// The ranges in the interval set.
    pub ranges: Cow<'a, [Range<A>]>,
}

/// Elements of one kernel set, ascending.
#[derive(Clone, Copy, Debug)]
pub enum SetElements<'a, A: Address> {
    /// The first addresses of networks, for a hash set.
    Keys(&'a [A]),
    /// Ranges, for an interval set.
    Ranges(&'a [Range<A>]),
}

impl<'a, A: Address> LaidOut<'a, A> {
    /// What goes into the set of a kind.
    pub fn elements_of(&self, kind: SetKind) -> SetElements<'_, A> {
        match kind {
            SetKind::Hash(_) => SetElements::Keys(&self.keys),
            SetKind::Interval => SetElements::Ranges(&self.ranges),
        }
    }

    /// Lays `set` out for sets of a shape.
    pub fn new(set: &'a RangeSet<A>, shape: Shape) -> Self {
        LaidOut::within(set, shape, Vec::new(), Vec::new())
    }

    /// The same of a set that may be a large one; `None` if there is no memory for it.
    pub fn try_new(set: &'a RangeSet<A>, shape: Shape) -> Option<Self> {
        let (mut keys, mut ranges) = (Vec::new(), Vec::new());
        if shape.hash.is_some() {
            let elements = shape.count(set);
            keys.try_reserve_exact(elements.keys).ok()?;
            ranges.try_reserve_exact(elements.ranges).ok()?;
        }
        Some(LaidOut::within(set, shape, keys, ranges))
    }

    /// Lays `set` out in vectors that are empty, and have the room for it or take it.
    fn within(
        set: &'a RangeSet<A>,
        shape: Shape,
        mut keys: Vec<A>,
        mut ranges: Vec<Range<A>>,
    ) -> Self {
        let Some(Hash { length, .. }) = shape.hash else {
            return LaidOut { keys, ranges: Cow::Borrowed(set.ranges()) };
        };
        for &range in set.ranges() {
            if pieces(range, length).is_none() {
                ranges.push(range);
                continue;
            }
            let mut first = range.first();
            loop {
                keys.push(first);
                match first.last_of(length).next() {
                    Some(next) if next <= range.last() => first = next,
                    _ => break,
                }
            }
        }
        LaidOut { keys, ranges: Cow::Owned(ranges) }
    }
}
