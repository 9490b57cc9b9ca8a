//! A row of look-ups, and the sets that it looks up in.

use std::fmt;

use crate::ip::{Address, Range, RangeSet};

/// Beside an interval set a network is cut for a hash set whose networks are longer by at most so many
/// bits: into sixteen. More of them would take more memory than the look-up in the interval set is worth.
const MOST_BITS: u8 = 4;

/// A hash set has room for so many times what is in it at first.
///
/// For the list to grow without being loaded anew a quarter more would do. But the room is what the
/// kernel makes buckets for (`nft_hash_buckets`: four for three elements, rounded up to a power of
/// two), and nearly all packets have an address that is not listed: with 2.7 to 5.3 buckets for each
/// element they seldom meet one. At 1,000,000 networks that is 63 of 352 ns where no cache
/// helps, 13 of 204 ns where one does, for 16 bytes a network more and no time to load.
pub const ROOM: u64 = 2;

/// The look-ups of one family, in the order in which a packet meets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// A set of the first bits of all that is listed. A packet whose address is not in it is done.
    pub prefilter: Option<Hash>,
    /// Hash sets, each for networks of another length.
    pub hashes: Vec<Hash>,
    /// Whether there is an interval set, for the ranges that are in no hash set.
    pub interval: bool,
}

/// A set of networks of one length, or of the first bits of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash {
    /// The prefix length.
    pub length: u8,
    /// How many elements it has room for.
    pub size: u32,
}

/// The kind of a kernel set, and so of the look-up in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetKind {
    /// The first bits of addresses. What is not in it is not listed, and what is in it may be.
    Prefilter(Hash),
    /// Networks of one length, looked up by the address's first bits.
    Hash(Hash),
    /// Ranges, looked up by the address.
    Interval,
}

impl SetKind {
    /// How many bits of an address are looked up, if they are the first ones; all of them in an interval
    /// set.
    pub fn length(self) -> Option<u8> {
        match self {
            SetKind::Prefilter(hash) | SetKind::Hash(hash) => Some(hash.length),
            SetKind::Interval => None,
        }
    }

    /// How many leading bytes of an address of `bits` bits are the key, behind a mask where the length is
    /// no whole number of bytes. All of them in an interval set.
    ///
    /// Two bytes are kept in a bitmap (`nft_set_bitmap`), four are compared as a number
    /// (`nft_hash_lookup_fast`), and of IPv6 shorter keys take less memory. Three bytes of IPv4 would be
    /// neither, and cost 40 ns more than four behind a mask. Hash sets of length 16 are no bitmaps, since
    /// they may have tens of thousands of networks, and a bitmap takes seconds to fill with these.
    pub fn key_bytes(self, bits: u8) -> u8 {
        match (self, self.length()) {
            (SetKind::Prefilter(_), Some(16)) => 2,
            (_, Some(length)) if bits > 32 && length <= 32 => 4,
            (_, Some(length)) if bits > 32 && length <= 64 => length.div_ceil(8),
            _ => bits / 8,
        }
    }

    /// Whether the kernel keeps the set as a bitmap, which has room for all keys.
    pub fn is_bitmap(self, bits: u8) -> bool {
        self.key_bytes(bits) <= 2
    }
}

impl Row {
    /// One interval set.
    pub const INTERVAL: Row = Row { prefilter: None, hashes: Vec::new(), interval: true };

    /// No sets, and so no rules: packets of the other family do not pay for this one.
    pub const NONE: Row = Row { prefilter: None, hashes: Vec::new(), interval: false };

    /// The kinds of the sets, in the order of look-up.
    pub fn kinds(&self) -> impl Iterator<Item = SetKind> + '_ {
        let prefilter = self.prefilter.map(SetKind::Prefilter);
        let hashes = self.hashes.iter().copied().map(SetKind::Hash);
        prefilter.into_iter().chain(hashes).chain(self.interval.then_some(SetKind::Interval))
    }

    /// Whether both look up in sets of the same kinds, which may have other sizes and another order.
    pub fn is_like(&self, other: &Row) -> bool {
        let lengths = |row: &Row| {
            let mut hashes = row.hashes.iter().map(|hash| hash.length).collect::<Vec<_>>();
            hashes.sort_unstable();
            (row.prefilter.map(|hash| hash.length), hashes, row.interval)
        };
        lengths(self) == lengths(other)
    }

    /// Where networks of each length go.
    pub fn places(&self) -> Places {
        let mut of_length = [None; 129];
        for (length, place) in (0..).zip(&mut of_length) {
            let fitting = self.hashes.iter().enumerate().filter(|(_, hash)| hash.length >= length);
            let Some((set, hash)) = fitting.min_by_key(|(_, hash)| hash.length) else { break };
            let bits = hash.length - length;
            if !self.interval || bits <= MOST_BITS {
                *place = Some(Place { set, bits });
            }
        }
        Places { of_length }
    }

    /// How many elements a range set becomes in the sets of this row.
    pub fn count<A: Address>(&self, set: &RangeSet<A>) -> Elements {
        let places = self.places();
        let mut count = Elements { prefixes: self.count_prefixes(set), ..Elements::none(self) };
        for &range in set.ranges() {
            if !places.fit(range) {
                count.ranges += 1;
                continue;
            }
            for_each_network(range, |_, length| {
                if let Some(Place { set, bits }) = places.of(length) {
                    count.keys[set] = count.keys[set].saturating_add(pieces(bits));
                }
            });
        }
        count
    }

    /// How many elements a range set becomes in the prefilter.
    pub fn count_prefixes<A: Address>(&self, set: &RangeSet<A>) -> u64 {
        self.prefilter.map_or(0, |prefilter| prefixes(set, prefilter.length))
    }

    /// Whether the sets have a place for so many elements.
    pub fn has_room(&self, elements: &Elements) -> bool {
        let has_room = |(hash, &count): (&Hash, &u64)| count <= u64::from(hash.size);
        let prefilter = match self.prefilter {
            Some(hash) => has_room((&hash, &elements.prefixes)),
            None => elements.prefixes == 0,
        };
        let ranges = self.interval || elements.ranges == 0;
        prefilter && ranges && self.hashes.iter().zip(&elements.keys).all(has_room)
    }
}

impl fmt::Display for Row {
    /// The sets in their order, as `prefilter /16, hash /24, interval`; or `no sets`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for kind in self.kinds() {
            f.write_str(separator)?;
            match kind {
                SetKind::Prefilter(hash) => write!(f, "prefilter /{}", hash.length)?,
                SetKind::Hash(hash) => write!(f, "hash /{}", hash.length)?,
                SetKind::Interval => f.write_str("interval")?,
            }
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("no sets") } else { Ok(()) }
    }
}

/// Where networks of each length go, by [`Row::places`].
pub struct Places {
    of_length: [Option<Place>; 129],
}

/// Where networks of one length go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The number of the hash set in the row.
    pub set: usize,
    /// By how many bits the networks of that set are longer.
    pub bits: u8,
}

impl Places {
    /// Where networks of a length go; `None` for the interval set.
    pub fn of(&self, length: u8) -> Option<Place> {
        self.of_length.get(usize::from(length)).copied().flatten()
    }

    /// Whether all networks of a range go into hash sets. If one does not, the whole range goes into the
    /// interval set.
    pub fn fit<A: Address>(&self, range: Range<A>) -> bool {
        let mut fit = true;
        for_each_network(range, |_, length| fit &= self.of(length).is_some());
        fit
    }
}

/// Calls `each` with the first address and the length of the networks that make up a range.
pub fn for_each_network<A: Address>(range: Range<A>, mut each: impl FnMut(A, u8)) {
    // Most ranges are a network, and its length is seen at once.
    let (first, last) = (range.first(), range.last());
    let length = first.common_length(last);
    if first == first.first_of(length) && last == first.last_of(length) {
        return each(first, length);
    }
    let mut networks = range.networks();
    while let Some((network, length)) = networks.next_range() {
        each(network.first(), length);
    }
}

/// How many networks that are longer by `bits` make up one; at most [`u64::MAX`].
pub fn pieces(bits: u8) -> u64 {
    1u64.checked_shl(bits.into()).unwrap_or(u64::MAX)
}

/// How many networks of a length have an address of a range set; at most [`u64::MAX`].
pub fn prefixes<A: Address>(set: &RangeSet<A>, length: u8) -> u64 {
    let mut count = 0u64;
    let mut last = None;
    for range in set.ranges() {
        let (first, end) = (range.first().first_of(length), range.last().first_of(length));
        let touched = u64::try_from(A::networks_of(first, end, length)).unwrap_or(u64::MAX);
        count = count.saturating_add(touched - u64::from(last == Some(first)));
        last = Some(end);
    }
    count
}

/// How many elements a range set becomes in kernel sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elements {
    /// In the prefilter.
    pub prefixes: u64,
    /// In each hash set.
    pub keys: Vec<u64>,
    /// Intervals in the interval set.
    pub ranges: u64,
}

impl Elements {
    /// None, for the sets of a row.
    pub fn none(row: &Row) -> Self {
        Elements { prefixes: 0, keys: vec![0; row.hashes.len()], ranges: 0 }
    }

    /// These and others, of the same row.
    pub fn plus(&self, more: &Elements) -> Self {
        self.with(more, u64::saturating_add)
    }

    /// These without others, of the same row.
    pub fn minus(&self, others: &Elements) -> Self {
        self.with(others, u64::saturating_sub)
    }

    fn with(&self, other: &Elements, count: impl Fn(u64, u64) -> u64) -> Self {
        let keys = self.keys.iter().zip(&other.keys);
        Elements {
            prefixes: count(self.prefixes, other.prefixes),
            keys: keys.map(|(&keys, &other)| count(keys, other)).collect(),
            ranges: count(self.ranges, other.ranges),
        }
    }

    /// In all sets.
    pub fn all(&self) -> u64 {
        let keys = self.keys.iter().fold(0, |sum: u64, &keys| sum.saturating_add(keys));
        keys.saturating_add(self.prefixes).saturating_add(self.ranges)
    }
}
