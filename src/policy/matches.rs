//! Which entries hold allowed or protected addresses. They are found while the lists are parsed,
//! because a second pass over a million lines would take as long as the first.

use crate::ip::mask::Mask;
use crate::ip::{Range, RangeSets};
use crate::list::{End, Entry, EntryObserver};

/// The number of entries that the log names for each reason; further entries are only counted.
pub const NAMED: usize = 10;

/// For each network of this length one bit says whether any of its addresses may be excluded. All
/// bits together take 8 KiB, which fit into the L1 cache.
const LENGTH: u32 = 16;
const WORD: usize = u64::BITS as usize;
const WORDS: usize = (1 << LENGTH) / WORD;

/// An entry that holds an allowed or protected address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The number of the list, from 0.
    pub list: usize,
    /// The number of the line, from 1; in a JSON document, the line of the string.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// The entry after widening.
    pub wide: Entry,
    /// The time at which the entry expires; `None` if it is permanent.
    pub end: Option<End>,
}

/// The first entries that hold such an address, at most [`NAMED`] for each of the two reasons.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// Entries that hold an allowed address.
    pub allowed: Vec<Match>,
    /// Entries that hold a protected address.
    pub protected: Vec<Match>,
}

/// Finds matches among the entries that the parser reports.
pub struct MatchFinder<'a> {
    mask: Mask,
    now: End,
    allowed: &'a RangeSets,
    protected: &'a RangeSets,
    /// For IPv4 only, whose lists are the long ones. A set bit means "perhaps", a clear one "no".
    near: Box<[u64; WORDS]>,
    matches: Matches,
}

impl<'a> MatchFinder<'a> {
    /// A finder of entries that, widened by `mask`, hold an address of `allowed` or `protected`, and
    /// that have not expired at `now`.
    pub fn new(mask: Mask, now: End, allowed: &'a RangeSets, protected: &'a RangeSets) -> Self {
        let mut near = Box::new([0; WORDS]);
        for range in allowed.v4.ranges().iter().chain(protected.v4.ranges()) {
            // If an entry, widened, overlaps this range, the entry lies in this range, widened.
            let wide = mask.widen4(*range);
            for network in number(wide.first())..=number(wide.last()) {
                near[network / WORD] |= 1 << (network % WORD);
            }
        }
        MatchFinder { mask, now, allowed, protected, near, matches: Matches::default() }
    }

    /// The matches that were found.
    pub fn matches(self) -> Matches {
        self.matches
    }
}

impl EntryObserver for MatchFinder<'_> {
    #[inline(always)]
    fn is_near(&self, range: Range<u32>) -> bool {
        let (first, last) = (number(range.first()), number(range.last()));
        // Wider entries are few. Each is compared exactly.
        first != last || self.near[first / WORD] >> (first % WORD) & 1 == 1
    }

    fn look(&mut self, list: usize, line: u64, entry: Entry, end: Option<End>) {
        if end.is_some_and(|end| end <= self.now) {
            return;
        }
        let wide = widened(entry, self.mask);
        let found = Match { list, line, entry, wide, end };
        let reasons = [
            (self.allowed, &mut self.matches.allowed),
            (self.protected, &mut self.matches.protected),
        ];
        for (sets, matches) in reasons {
            if matches.len() < NAMED && meets(sets, wide) {
                matches.push(found);
            }
        }
    }
}

/// The entry after widening by `mask`.
pub fn widened(entry: Entry, mask: Mask) -> Entry {
    match entry {
        Entry::V4(range) => Entry::V4(mask.widen4(range)),
        Entry::V6(range) => Entry::V6(mask.widen6(range)),
    }
}

/// The number of the network of [`LENGTH`] bits that holds an address.
#[inline(always)]
fn number(address: u32) -> usize {
    (address >> (u32::BITS - LENGTH)) as usize
}

/// Whether the set of the entry's family holds an address of the entry.
pub fn meets(sets: &RangeSets, entry: Entry) -> bool {
    match entry {
        Entry::V4(range) => sets.v4.meets(range),
        Entry::V6(range) => sets.v6.meets(range),
    }
}
