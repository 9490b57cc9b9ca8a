//! What lists hold together: their entries merged, and a report.

use super::chunk::{Identified, Known};
use super::collect::{Collector, NotCollected};
use super::error::ListError;
use super::excepted::ExceptedEntries;
use super::expiring::ExpiringEntries;
use super::file::ReadError;
use super::newest;
use super::observer::EntryObserver;
use super::report::Report;
use super::selection::Selection;
use super::source::List;
use crate::ip::{RangeSet, RangeSets};
use crate::progress::{Progress, Step, Unseen};

/// What a number of lists hold together.
#[derive(Debug, Default)]
pub struct Contents {
    /// The entries that have no end, of all lists without exceptions, merged.
    pub sets: RangeSets,
    /// The entries that have one, of the same lists.
    pub expiring: ExpiringEntries,
    /// The entries of each list that has exceptions.
    pub excepted: Vec<ExceptedEntries>,
    /// What there is to report.
    pub report: Report,
}

/// Reads the entries of `lists` and merges them.
///
/// A list with nothing in it (or comments only) contributes nothing; one with lines of which not
/// one is an entry is an error, since it is something else than a list. So is one that begins as
/// no list does, whatever follows: an error page may well have an address on a line of its own.
pub fn parse(lists: &[List]) -> Result<Contents, ListError> {
    parse_selected(lists, Selection::ALL)
}

/// The same, of those entries that count. The sets are those of all lists, without the exceptions of
/// each.
pub fn parse_selected(lists: &[List], selection: Selection) -> Result<Contents, ListError> {
    let mut contents = parse_observed(lists, selection, &mut (), &Unseen)?;
    for entries in &contents.excepted {
        contents.sets = contents.sets.union(&entries.sets);
    }
    Ok(contents)
}

/// The same, while an `observer` sees the entries that count, now or until their end.
pub fn parse_observed(
    lists: &[List],
    selection: Selection,
    observer: &mut impl EntryObserver,
    progress: &dyn Progress,
) -> Result<Contents, ListError> {
    progress.step(Step::Merging);
    let mut is_whole = vec![true; lists.len()];
    let collected = collect_all(lists, selection, observer, None, &mut is_whole)?;
    Ok(collected.contents)
}

/// Why lists were not parsed.
#[derive(Debug)]
pub enum Unparsed {
    /// A list cannot be used.
    Unusable(ListError),
    /// All of the text of a list is needed, of which only parts were read: they are to be read as a whole.
    TextNeeded,
}

impl From<Unparsed> for ListError {
    fn from(unparsed: Unparsed) -> Self {
        match unparsed {
            Unparsed::Unusable(error) => error,
            // Does not happen to lists that were read as a whole; nothing must be loaded of others.
            Unparsed::TextNeeded => {
                ListError::Read { list: "lists".into(), error: ReadError::Changing }
            }
        }
    }
}

/// What was read of lists.
pub(super) struct Collected {
    /// Without the entries that the chunks have.
    pub contents: Contents,
    /// The chunks of each list that was read by them.
    pub chunks: Vec<Vec<Identified>>,
}

/// Reads all lists: by chunks, if those that are `known` are given, but for those that are to be read as a
/// whole.
pub(super) fn collect_all(
    lists: &[List],
    selection: Selection,
    observer: &mut impl EntryObserver,
    known: Option<&Known>,
    is_whole: &mut [bool],
) -> Result<Collected, Unparsed> {
    loop {
        match collect(lists, selection, observer, known, is_whole) {
            Ok(contents) => return Ok(contents),
            Err(NotCollected::Unusable(error)) => return Err(Unparsed::Unusable(error)),
            Err(NotCollected::TextNeeded) => return Err(Unparsed::TextNeeded),
            // Each list whose format shows late does this once, and each that cannot be read by chunks.
            Err(NotCollected::Again) => observer.forget(),
        }
    }
}

fn collect(
    lists: &[List],
    selection: Selection,
    observer: &mut impl EntryObserver,
    known: Option<&Known>,
    is_whole: &mut [bool],
) -> Result<Collected, NotCollected> {
    let older = match selection.newest {
        Some(newest) => newest::older(lists, newest),
        None => vec![0; lists.len()],
    };
    let whole = lists.iter().zip(&*is_whole).filter(|(_, is_whole)| **is_whole);
    let bytes = whole.map(|(list, _)| list.size()).sum();
    let mut entries = Collector::new(selection, observer, bytes);
    let mut chunks = Vec::new();
    for ((list, older), is_whole) in lists.iter().zip(older).zip(is_whole) {
        let mut read = None;
        if let Some(known) = known.filter(|_| !*is_whole) {
            // If nothing comes of it, the next attempt knows.
            *is_whole = true;
            read = entries.read_again(list, known)?;
            *is_whole = read.is_none();
        }
        let first = match read {
            Some(read) => {
                chunks.push(read.chunks);
                read.only_rejected
            }
            None if list.is_in_parts() => return Err(NotCollected::TextNeeded),
            None => entries.read(list, older)?,
        };
        if let Some(first) = first {
            let (list, first) = (list.name().to_string(), Box::new(first));
            return Err(NotCollected::Unusable(ListError::NoEntry { list, first }));
        }
    }
    let Collector { v4, v6, expiring, excepted, report, .. } = entries;
    let sets = RangeSets { v4: RangeSet::from_ranges(v4), v6: RangeSet::from_ranges(v6) };
    Ok(Collected { contents: Contents { sets, expiring, excepted, report }, chunks })
}
