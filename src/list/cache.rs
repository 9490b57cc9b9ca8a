//! Reading lists again costs what changed in them.
//!
//! Of plain lists it is kept what each chunk gave ([`mod@chunk`](super::chunk)), and what all chunks hold
//! together. The next reading parses the chunks that are new. Of the entries of those that are gone, some
//! may stand in other chunks as well: these are looked for, without parsing. So lines are neither sorted nor
//! merged again. All that is reported is the same as in a first reading; a list of which that is not certain
//! is read as a whole.

use std::collections::{HashMap, HashSet};

use super::chunk::{Chunk, Cut, Entries, Id, Identified, Known, Ranges};
pub use super::contents::Unparsed;
use super::contents::{Collected, Contents, collect_all};
use super::entry::Entry;
use super::error::ListError;
use super::observer::EntryObserver;
use super::selection::Selection;
use super::source::List;
use crate::ip::{Address, Range, RangeSet, RangeSets};
use crate::progress::{Progress, Step};
use crate::sys;

/// From which sizes on lists are cached, and in how large chunks.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// The number of bytes of all lists together from which on anything is kept of them.
    pub from: usize,
    /// The sizes of chunks.
    pub cut: Cut,
}

impl Sizes {
    /// Measured with one line appended, for reading alone, against all of it: 6,000 hosts (90 KiB) 0.8,
    /// 20,000 (280 KiB) 0.34, 60,000 0.19, 1,000,000 0.15. The second reading records
    /// what the lines gave, and costs 1.3 times as much as the first. So below a quarter of a mebibyte, of
    /// which all is read in half a millisecond, there is nothing to gain.
    pub const DEFAULT: Sizes = Sizes { from: 256 << 10, cut: Cut::DEFAULT };
}

/// What is kept of lists that were read, so that they are read again at the cost of what has changed. It
/// depends on nothing but the texts.
pub struct Cache {
    from: usize,
    /// Whether lists were read before: most processes read them once, and to record what they give would
    /// cost these something for nothing.
    has_read: bool,
    known: Known,
    /// Which entries count in the sets.
    selection: Selection,
    /// Two parts of what all chunks together hold without an end.
    sets: [RangeSets; 2],
    /// Whether these are all entries without an end of all lists.
    is_all: bool,
    /// Of the lists that could not be read by chunks, by name.
    pauses: HashMap<String, Pause>,
}

/// For how many readings a list is read as a whole before it is attempted again to read it by chunks: such
/// an attempt costs half as much again as reading it, and mostly comes to the same as the last one.
#[derive(Clone, Copy)]
struct Pause {
    readings: u32,
    left: u32,
}

impl Pause {
    const LONGEST: u32 = 63;

    /// The pause after another attempt that failed.
    fn after(last: Option<Pause>) -> Self {
        let readings = last.map_or(1, |last| last.readings * 2 + 1).min(Pause::LONGEST);
        Pause { readings, left: readings }
    }

    /// The same pause one reading later.
    fn one_later(self) -> Self {
        Pause { left: self.left.saturating_sub(1), ..self }
    }
}

/// Lists that were read again.
pub struct Parsed {
    /// What they hold together.
    pub contents: Contents,
    /// More entries without an end, which are not merged with the others yet because those are many.
    pub rest: RangeSets,
    /// What is to be kept for the next time.
    pub cache: Cache,
}

impl Cache {
    /// Knows nothing yet.
    pub fn new(sizes: Sizes) -> Self {
        Cache {
            from: sizes.from,
            has_read: false,
            known: Known::new(sizes.cut),
            selection: Selection::ALL,
            sets: Default::default(),
            is_all: false,
            pauses: HashMap::new(),
        }
    }

    /// What is known of a list, if it is to be read by parts before [`Cache::parse`] with this selection.
    pub fn known(&self, list: &str, selection: Selection) -> Option<&Known> {
        let pays = selection.newest.is_none() && self.selection == selection;
        let waits = self.pauses.contains_key(list);
        Some(&self.known).filter(|known| pays && !waits && !known.is_empty())
    }

    /// Reads lists, as [`parse_observed`](super::parse_observed) does, with the same result.
    pub fn parse(
        &self,
        lists: &[List],
        selection: Selection,
        observer: &mut impl EntryObserver,
        progress: &dyn Progress,
    ) -> Result<Parsed, Unparsed> {
        progress.step(Step::Merging);
        let bytes: usize = lists.iter().map(|list| list.size()).sum();
        // Which entries are the newest depends on all of them.
        let pays = self.has_read && bytes >= self.from && selection.newest.is_none();
        let nothing = self.known.with(Vec::new(), &[]);
        let is_comparable = pays && self.selection == selection;
        let known = if is_comparable { &self.known } else { &nothing };
        let before = if is_comparable { self.sets.clone() } else { Default::default() };
        let waits = |list: &List| self.pauses.get(list.name()).is_some_and(|pause| pause.left > 0);
        let attempts: Vec<bool> = lists.iter().map(|list| pays && !waits(list)).collect();
        let mut is_whole: Vec<bool> = attempts.iter().map(|attempt| !attempt).collect();
        let by_chunks = pays.then_some(known);
        let Collected { mut contents, chunks } =
            collect_all(lists, selection, observer, by_chunks, &mut is_whole)?;
        let sets = Changes::between(known, &chunks)
            .apply(before, selection)
            .ok_or_else(|| ListError::NoMemory { list: "lists".into(), bytes })
            .map_err(Unparsed::Unusable)?;
        let is_all = contents.sets.is_empty();
        let [most, rest] = sets.clone();
        let rest = rest.union(&contents.sets);
        contents.sets = most;
        let known = self.known.with(chunks, observer.nearness());
        let pauses = self.pauses_after(lists, &attempts, &is_whole);
        let cache =
            Cache { from: self.from, has_read: true, known, selection, sets, is_all, pauses };
        Ok(Parsed { contents, rest, cache })
    }

    /// The pauses after a reading in which these lists were attempted by chunks, and these read as a whole.
    fn pauses_after(
        &self,
        lists: &[List],
        attempts: &[bool],
        is_whole: &[bool],
    ) -> HashMap<String, Pause> {
        let after = |((list, attempt), is_whole): ((&List, &bool), &bool)| {
            let last = self.pauses.get(list.name()).copied();
            let pause = match (attempt, is_whole) {
                (true, false) => None,
                (true, true) => Some(Pause::after(last)),
                (false, _) => last.map(Pause::one_later),
            };
            pause.map(|pause| (list.name().to_string(), pause))
        };
        lists.iter().zip(attempts).zip(is_whole).filter_map(after).collect()
    }

    /// Takes note that `sets` and `excluded` together hold the same addresses as all entries without an
    /// end: to keep `sets` takes less memory, because others keep them, too.
    pub fn share(&mut self, sets: &RangeSets, excluded: RangeSets) {
        if self.is_all {
            self.sets = [sets.clone(), excluded];
        }
    }
}

/// Chunks before and after.
struct Changes<'a> {
    added: Vec<&'a Chunk>,
    removed: Vec<&'a Chunk>,
    kept: Vec<&'a Chunk>,
}

impl<'a> Changes<'a> {
    fn between(before: &'a Known, now: &'a [Vec<Identified>]) -> Self {
        let mut changes = Changes { added: Vec::new(), removed: Vec::new(), kept: Vec::new() };
        let mut seen: HashSet<Id> = HashSet::new();
        for (id, kept) in now.iter().flatten().filter(|(id, _)| seen.insert(*id)) {
            match before.get(*id) {
                Some(_) => changes.kept.push(&kept.chunk),
                None => changes.added.push(&kept.chunk),
            }
        }
        let removed = before.all().filter(|(id, _)| !seen.contains(id));
        changes.removed = removed.map(|(_, chunk)| chunk).collect();
        changes
    }

    /// What all chunks hold now, in two parts, where all together held `before`. `None` if there is no
    /// memory.
    fn apply(&self, before: [RangeSets; 2], selection: Selection) -> Option<[RangeSets; 2]> {
        let [most, rest] = before;
        let widest = selection.widest;
        let [most4, rest4] = self.apply_to(
            [most.v4, rest.v4],
            |entries| &entries.v4,
            |range| widest.admits(Entry::V4(range)),
        )?;
        let [most6, rest6] = self.apply_to(
            [most.v6, rest.v6],
            |entries| &entries.v6,
            |range| widest.admits(Entry::V6(range)),
        )?;
        Some([RangeSets { v4: most4, v6: most6 }, RangeSets { v4: rest4, v6: rest6 }])
    }

    fn apply_to<A: Address>(
        &self,
        [most, rest]: [RangeSet<A>; 2],
        of: impl Fn(&Entries) -> &Ranges<A>,
        counts: impl Fn(Range<A>) -> bool,
    ) -> Option<[RangeSet<A>; 2]> {
        if entries(&self.added, &of) > entries(&self.kept, &of) {
            // To sort all is less than to compare nearly all.
            let all = [&self.added[..], &self.kept].concat();
            return Some([merged(&all, &of, &counts)?, RangeSet::default()]);
        }
        let added = merged(&self.added, &of, &counts)?;
        // Most lines of a chunk that is gone stand in the one that has taken its place.
        let removed = merged(&self.removed, &of, &counts)?.subtract(&added);
        if removed.is_empty() {
            return Some(joined(most, rest.union(&added)));
        }
        let mut held = Vec::new();
        let kept = self.kept.iter().flat_map(|chunk| chunk.permanent());
        kept.for_each(|entries| {
            of(entries)
                .meeting(&removed, |range| held.extend(Some(range).filter(|_| counts(range))));
        });
        let others = added.union(&RangeSet::from_ranges(held));
        Some(joined(most.subtract(&removed), rest.subtract(&removed).union(&others)))
    }
}

/// Two parts of a set: one, if the smaller has grown so that it is not small any more.
fn joined<A: Address>(most: RangeSet<A>, rest: RangeSet<A>) -> [RangeSet<A>; 2] {
    /// Of so many ranges one may be in the smaller part.
    const ONE_IN: usize = 16;
    match rest.len() > most.len() / ONE_IN {
        true => [most.union(&rest), RangeSet::default()],
        false => [most, rest],
    }
}

/// How many entries of a family without an end there are in chunks.
fn entries<A: Address>(chunks: &[&Chunk], of: impl Fn(&Entries) -> &Ranges<A>) -> usize {
    chunks.iter().flat_map(|chunk| chunk.permanent()).map(|entries| of(entries).count()).sum()
}

/// The entries of chunks that count, merged.
fn merged<A: Address>(
    chunks: &[&Chunk],
    of: impl Fn(&Entries) -> &Ranges<A>,
    counts: impl Fn(Range<A>) -> bool,
) -> Option<RangeSet<A>> {
    let mut ranges = Vec::new();
    ranges.try_reserve_exact(entries(chunks, &of)).ok()?;
    sys::prefer_huge_pages(&mut ranges);
    for entries in chunks.iter().flat_map(|chunk| chunk.permanent()).map(&of) {
        entries.for_each(|range| ranges.extend(Some(range).filter(|_| counts(range))));
    }
    Some(RangeSet::from_ranges(ranges))
}
