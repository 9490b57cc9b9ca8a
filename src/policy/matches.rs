//! Which entries hold allowed or protected addresses. They are found while the lists are parsed,
//! because a second pass over a million lines would take as long as the first.

use crate::ip::mask::Mask;
use crate::ip::{Range, RangeSet, RangeSets};
use crate::list::{End, Entry, EntryObserver};
use crate::policy::connected::{self, Networks, PrivateEntries, private4};
use crate::policy::covers::FirstCovers;

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

/// All that was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Entries that hold allowed or protected addresses.
    pub matches: Matches,
    /// The first entry that covers each network of the host, in their order.
    pub covers: Vec<Option<Match>>,
    /// The permanent entries that hold private addresses.
    pub private: PrivateEntries,
}

/// What is being found about the networks of the host.
struct NetworkFinder<'a> {
    networks: &'a Networks,
    covers: FirstCovers<Match>,
    private: PrivateEntries,
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
    networks: Option<NetworkFinder<'a>>,
}

impl<'a> MatchFinder<'a> {
    /// A finder of entries that, widened by `mask`, hold an address of `allowed` or `protected`, and
    /// that have not expired at `now`.
    pub fn new(mask: Mask, now: End, allowed: &'a RangeSets, protected: &'a RangeSets) -> Self {
        let near = Box::new([0; WORDS]);
        let matches = Matches::default();
        let mut finder =
            MatchFinder { mask, now, allowed, protected, near, matches, networks: None };
        for range in allowed.v4.ranges().iter().chain(protected.v4.ranges()) {
            finder.look_near(*range);
        }
        finder
    }

    /// The same, which looks for entries that cover `networks`, too, and keeps private ones.
    pub fn with_networks(mut self, networks: &'a Networks) -> Self {
        for range in private4() {
            self.look_near(range);
        }
        for network in networks.all() {
            if let Entry::V4(range) = network.hosts() {
                self.look_near(range);
            }
        }
        let (covers, private) = (FirstCovers::of(networks), PrivateEntries::default());
        self.networks = Some(NetworkFinder { networks, covers, private });
        self
    }

    /// Has entries looked at that, widened, hold an address of the range.
    fn look_near(&mut self, range: Range<u32>) {
        // If an entry, widened, overlaps this range, the entry lies in this range, widened.
        let wide = self.mask.widen4(range);
        for network in number(wide.first())..=number(wide.last()) {
            self.near[network / WORD] |= 1 << (network % WORD);
        }
    }

    /// What was found.
    pub fn found(self) -> Found {
        let (covers, mut private) = match self.networks {
            Some(NetworkFinder { covers, private, .. }) => (covers.found(), private),
            None => (Vec::new(), PrivateEntries::default()),
        };
        private.shrink();
        Found { matches: self.matches, covers, private }
    }
}

impl EntryObserver for MatchFinder<'_> {
    #[inline(always)]
    fn is_near(&self, range: Range<u32>) -> bool {
        let (first, last) = (number(range.first()), number(range.last()));
        // Wider entries are few. Each is compared exactly.
        first != last || self.near[first / WORD] >> (first % WORD) & 1 == 1
    }

    fn nearness(&self) -> &[u64] {
        &*self.near
    }

    fn forget(&mut self) {
        self.matches = Matches::default();
        if let Some(finder) = &mut self.networks {
            finder.covers = FirstCovers::of(finder.networks);
            finder.private = PrivateEntries::default();
        }
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
        if let Some(NetworkFinder { covers, private, .. }) = &mut self.networks {
            covers.look(wide, found);
            if end.is_none() {
                private.add(entry);
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

/// Whether the first entry holds all addresses of the second.
pub fn covers(wide: Entry, narrow: Entry) -> bool {
    match (wide, narrow) {
        (Entry::V4(wide), Entry::V4(narrow)) => connected::covers(wide, narrow),
        (Entry::V6(wide), Entry::V6(narrow)) => connected::covers(wide, narrow),
        _ => false,
    }
}

/// The set that holds exactly the addresses of the entry.
pub fn set_of(entry: Entry) -> RangeSets {
    let mut sets = RangeSets::default();
    match entry {
        Entry::V4(range) => sets.v4 = RangeSet::from_ranges(vec![range]),
        Entry::V6(range) => sets.v6 = RangeSet::from_ranges(vec![range]),
    }
    sets
}
