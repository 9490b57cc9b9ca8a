//! Which entries name what is allowed or protected, found while the lists are parsed: reading a
//! million lines once more for one of them would take as long as reading them the first time.

use crate::ip::mask::Mask;
use crate::ip::range::{Range, RangeSets};
use crate::list::{End, Entry, EntryObserver};

/// How many entries are named for each reason; the others are counted.
pub const NAMED: usize = 10;

/// A bit for each network of this length says whether anything in it may be excluded. All of them fit
/// into the nearest cache.
const LENGTH: u32 = 16;
const WORD: usize = u64::BITS as usize;
const WORDS: usize = (1 << LENGTH) / WORD;

/// An entry that names something allowed or protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The number of the list, from 0.
    pub list: usize,
    /// The line, from 1.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// What the mask made of it.
    pub wide: Entry,
    /// When it ends, if it does.
    pub end: Option<End>,
}

/// The first entries that name something, for each of the two reasons.
#[derive(Clone, Debug, Default)]
pub struct Matches {
    /// Those that name something allowed.
    pub allowed: Vec<Match>,
    /// Those that name something protected.
    pub protected: Vec<Match>,
}

/// Looks at entries as they come.
pub struct MatchFinder<'a> {
    mask: Mask,
    now: End,
    allowed: &'a RangeSets,
    protected: &'a RangeSets,
    /// Of IPv4, whose lists are the long ones; a set bit promises nothing.
    near: Box<[u64; WORDS]>,
    matches: Matches,
}

impl<'a> MatchFinder<'a> {
    /// Looks for entries that name something of `allowed` or `protected` when `mask` has widened
    /// them, and have not ended `now`.
    pub fn new(mask: Mask, now: End, allowed: &'a RangeSets, protected: &'a RangeSets) -> Self {
        let mut near = Box::new([0; WORDS]);
        for range in allowed.v4.ranges().iter().chain(protected.v4.ranges()) {
            // An entry that is widened to one that is excluded lies in what that is widened to.
            let wide = mask.widen4(*range);
            for network in number(wide.first())..=number(wide.last()) {
                near[network / WORD] |= 1 << (network % WORD);
            }
        }
        MatchFinder { mask, now, allowed, protected, near, matches: Matches::default() }
    }

    /// What was found.
    pub fn matches(self) -> Matches {
        self.matches
    }
}

impl EntryObserver for MatchFinder<'_> {
    #[inline(always)]
    fn is_near(&self, range: Range<u32>) -> bool {
        let (first, last) = (number(range.first()), number(range.last()));
        // Wider entries are few, and all looked at.
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

/// What a mask makes of an entry.
pub fn widened(entry: Entry, mask: Mask) -> Entry {
    match entry {
        Entry::V4(range) => Entry::V4(mask.widen4(range)),
        Entry::V6(range) => Entry::V6(mask.widen6(range)),
    }
}

/// The number of the network of [`LENGTH`] that holds an address.
#[inline(always)]
fn number(address: u32) -> usize {
    (address >> (u32::BITS - LENGTH)) as usize
}

/// Whether an address of an entry is in the set of its family.
pub fn meets(sets: &RangeSets, entry: Entry) -> bool {
    match entry {
        Entry::V4(range) => sets.v4.meets(range),
        Entry::V6(range) => sets.v6.meets(range),
    }
}
