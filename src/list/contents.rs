//! What lists hold together: their entries merged, and what is to be told of each list.

use std::time::SystemTime;

use super::collect::{Collector, Counts, EntryObserver};
use super::end::ExpiringEntries;
use super::line::Entry;
use super::newest;
use super::suspect;
use super::widest::{SetAside, Widest};
use super::{List, ListError, NAMED, Rejection};
use crate::ip::range::{RangeSet, RangeSets};

use crate::sys;

/// What one list held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The list, by name.
    pub name: String,
    /// Lines of any kind.
    pub lines: u64,
    /// Entries of IPv4.
    pub v4: u64,
    /// Entries of IPv6.
    pub v6: u64,
    /// Entries that are older than the newest ones that are wanted, which are not counted above.
    pub older: u64,
    /// Lines rejected.
    pub rejected: u64,
    /// Entries set aside, which are not counted above.
    pub set_aside: u64,
    /// When the file was last written to; standard input has no such time.
    pub modified: Option<SystemTime>,
    /// Whether the last line has no end.
    pub unfinished: bool,
}

/// What a number of lists held together.
#[derive(Debug, Default)]
pub struct Contents {
    /// The entries of all lists that have no end, merged.
    pub sets: RangeSets,
    /// Those that have one.
    pub ending: ExpiringEntries,
    /// How many entries were passed over at the beginning of each list.
    pub passed_over: Vec<u64>,
    /// List by list, in the order of reading.
    pub summaries: Vec<Summary>,
    /// The first [`NAMED`] lines that were rejected.
    pub rejections: Vec<Rejection>,
    /// The first [`NAMED`] entries that were set aside.
    pub set_aside: Vec<SetAside>,
}

impl Summary {
    /// Entries of any kind, whether they count or not.
    pub fn entries(&self) -> u64 {
        self.v4 + self.v6 + self.older + self.set_aside
    }
}

impl Contents {
    /// Lines rejected in all lists.
    pub fn rejected(&self) -> u64 {
        self.summaries.iter().map(|summary| summary.rejected).sum()
    }

    /// Entries set aside in all lists.
    pub fn all_set_aside(&self) -> u64 {
        self.summaries.iter().map(|summary| summary.set_aside).sum()
    }
}

/// Appends an item; `false` if there is no memory for it. A daemon must outlive a list that is too
/// large for its machine.
#[inline]
pub(super) fn push<T>(items: &mut Vec<T>, item: T) -> bool {
    if items.len() == items.capacity() && items.try_reserve(1).is_err() {
        return false;
    }
    items.push(item);
    true
}

/// Which entries count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Those that are not wider than this; others are set aside.
    pub widest: Widest,
    /// If so many, the newest.
    pub newest: Option<u64>,
}

impl Selection {
    /// All of them.
    pub const ALL: Selection = Selection { widest: Widest::ANY, newest: None };
}

/// Reads the entries of `lists` and merges them.
///
/// A list with nothing in it (or comments only) contributes nothing; one with lines of which not
/// one is an entry is an error, since it is something else than a list. So is one that begins as
/// no list does, whatever follows: an error page may well have an address on a line of its own.
pub fn parse(lists: &[List]) -> Result<Contents, ListError> {
    parse_selected(lists, Selection::ALL)
}

/// The same, of those entries that count.
pub fn parse_selected(lists: &[List], selection: Selection) -> Result<Contents, ListError> {
    parse_watched(lists, selection, &mut ())
}

/// The same, while an `onlooker` sees the entries that count, now or until their end.
pub fn parse_watched(
    lists: &[List],
    selection: Selection,
    onlooker: &mut impl EntryObserver,
) -> Result<Contents, ListError> {
    let mut contents = Contents {
        passed_over: match selection.newest {
            Some(newest) => newest::passed_over(lists, newest),
            None => vec![0; lists.len()],
        },
        ..Contents::default()
    };
    let mut entries = Collector::new(selection, onlooker);
    // Most lists are IPv4, a dozen bytes a line. What is not needed of this is never touched, and
    // so takes no memory; growing by doubling would touch every page twice.
    let bytes: usize = lists.iter().map(|list| list.text.len()).sum();
    // If there is not so much, what is needed may still be there.
    let _ = entries.v4.try_reserve_exact(bytes / 12);
    sys::prefer_huge_pages(&mut entries.v4);
    for (index, list) in lists.iter().enumerate() {
        if let Some(suspect) = suspect::by_its_first_bytes(&list.text) {
            return Err(ListError::LooksLike(list.name.clone(), suspect));
        }
        entries.begin(index, contents.passed_over[index]);
        let (summary, first) = contents.take(list, &mut entries)?;
        match first {
            Some(first) if summary.entries() == 0 => {
                let name = list.name.clone();
                return Err(match suspect::by_its_lines(&list.text) {
                    Some(suspect) => ListError::LooksLike(name, suspect),
                    None => ListError::NoEntry(name, first),
                });
            }
            _ => contents.summaries.push(summary),
        }
    }
    let set_aside = |&(list, line, entry): &(usize, u64, Entry)| {
        let list: &List = &lists[list];
        SetAside { list: list.name.clone(), line, entry, widest: selection.widest }
    };
    contents.set_aside = entries.named.iter().map(set_aside).collect();
    contents.ending = entries.ending;
    let (v4, v6) = (RangeSet::from_ranges(entries.v4), RangeSet::from_ranges(entries.v6));
    contents.sets = RangeSets { v4, v6 };
    Ok(contents)
}

impl Contents {
    /// Takes the entries of a list. Returns what is to be told of it, and the first rejection.
    fn take(
        &mut self,
        list: &List,
        entries: &mut Collector<'_, impl EntryObserver>,
    ) -> Result<(Summary, Option<Rejection>), ListError> {
        let (mut rejected, mut first) = (0, None);
        let lines = list.scan(
            |line, entry, end| entries.take(line, entry, end),
            |line, fault, text| {
                rejected += 1;
                if first.is_none() || self.rejections.len() < NAMED {
                    let rejection = Rejection::new(&list.name, line, fault, text);
                    first.get_or_insert_with(|| rejection.clone());
                    if self.rejections.len() < NAMED {
                        self.rejections.push(rejection);
                    }
                }
            },
        );
        if entries.no_memory {
            return Err(ListError::NoMemory(list.name.clone(), list.text.len()));
        }
        let Counts { v4, v6, set_aside, older } = entries.counts;
        let summary = Summary {
            name: list.name.clone(),
            lines,
            v4,
            v6,
            older,
            rejected,
            set_aside,
            modified: list.modified,
            unfinished: list.is_unfinished(),
        };
        Ok((summary, first))
    }
}
