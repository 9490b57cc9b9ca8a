//! Entries to vectors of ranges, on the path that a list of millions takes.

use super::chunk::{Identified, Known};
use super::end::End;
use super::entry::Entry;
use super::error::ListError;
use super::excepted::ExceptedEntries;
use super::expiring::ExpiringEntries;
use super::format::again::{CountingSink, Uncertain};
use super::format::{Event, Sink};
use super::memory::try_push;
use super::observer::EntryObserver;
use super::parse_error::ParseError;
use super::rejection::{Rejection, excerpt};
use super::report::{NAMED, Report, Summary};
use super::selection::{IgnoredEntry, Selection};
use super::source::{List, Unread};
use super::verdict;
use crate::ip::{PerFamily, Range, RangeSet, RangeSets};
use crate::sys;

/// What is read of several lists, one after the other.
pub struct Collector<'a, O> {
    /// Entries of IPv4 without an end.
    pub v4: Vec<Range<u32>>,
    /// Entries of IPv6 without an end.
    pub v6: Vec<Range<u128>>,
    /// Entries that have one.
    pub expiring: ExpiringEntries,
    /// The entries of lists that have exceptions.
    pub excepted: Vec<ExceptedEntries>,
    /// What there is to report of the lists that were read.
    pub report: Report,
    selection: Selection,
    observer: &'a mut O,
    /// What is counted of the list that is read.
    summary: Summary,
    /// How many of its entries are older than those that count.
    older: u64,
    first_rejection: Option<Rejection>,
    /// What is not to be dropped by the list that is read.
    exceptions: PerFamily<Vec<Range<u32>>, Vec<Range<u128>>>,
    /// Whether messages may quote its lines.
    public: bool,
    out_of_memory: bool,
}

/// The last part of a path.
fn file_name(path: &str) -> &[u8] {
    path.rsplit('/').next().unwrap_or(path).as_bytes()
}

/// How many entries there were before a list.
struct Marks {
    v4: usize,
    v6: usize,
    expiring: (usize, usize),
}

/// A list that was read by chunks.
pub struct ByChunks {
    /// The first line that was rejected, if none is an entry.
    pub only_rejected: Option<Rejection>,
    /// All of its chunks.
    pub chunks: Vec<Identified>,
}

/// Why a list was not collected.
pub enum NotCollected {
    /// All lists are to be read again, into a new collector.
    Again,
    /// All of the text of a list is needed, of which only parts are there.
    TextNeeded,
    /// The list cannot be used.
    Unusable(ListError),
}

impl<'a, O: EntryObserver> Collector<'a, O> {
    /// One that has collected nothing, for lists of so many bytes.
    pub fn new(selection: Selection, observer: &'a mut O, bytes: usize) -> Self {
        // Most lists are IPv4, a dozen bytes a line. What is not needed of this is never touched, and
        // so takes no memory; growing by doubling would touch every page twice.
        let mut v4 = Vec::new();
        // If there is not so much, what is needed may still be there.
        let _ = v4.try_reserve_exact(bytes / 12);
        sys::prefer_huge_pages(&mut v4);
        Collector {
            v4,
            v6: Vec::new(),
            expiring: ExpiringEntries::default(),
            excepted: Vec::new(),
            report: Report::default(),
            selection,
            observer,
            summary: Summary::default(),
            older: 0,
            first_rejection: None,
            exceptions: PerFamily::default(),
            public: false,
            out_of_memory: false,
        }
    }

    /// Takes note that another list is read, of which so many entries are older than those that count.
    fn begin(&mut self, list: &List, older: u64) {
        self.older = older;
        self.first_rejection = None;
        self.public = list.is_public();
        self.summary = Summary {
            name: list.name().to_string(),
            name_allows: verdict::file_name_allows(file_name(list.name())),
            modified: list.modified(),
            ..Summary::default()
        };
        self.exceptions = PerFamily::default();
    }

    /// Reads the next list, of which so many entries are older than those that count. Returns the
    /// first line that was rejected, if none is an entry.
    pub fn read(&mut self, list: &List, older: u64) -> Result<Option<Rejection>, NotCollected> {
        self.begin(list, older);
        let before = Marks { v4: self.v4.len(), v6: self.v6.len(), expiring: self.expiring.len() };
        self.summary.lines = list.read_into(self).map_err(|unread| match unread {
            Unread::Again => NotCollected::Again,
            Unread::NotAList(reason) => NotCollected::Unusable(ListError::NotAList {
                list: list.name().to_string(),
                reason: Box::new(reason.clone()),
                excerpt: list
                    .is_public()
                    .then(|| reason.line_of(list.text()))
                    .flatten()
                    .map(excerpt),
            }),
        })?;
        self.end(list)?;
        self.set_apart(before);
        Ok(self.only_rejected())
    }

    /// Reads the next list, of which most may be `known`. Its entries without an end are not collected,
    /// because the chunks that are returned have them. `None` if the list is to be read by
    /// [`Collector::read`].
    pub fn read_again(
        &mut self,
        list: &List,
        known: &Known,
    ) -> Result<Option<ByChunks>, NotCollected> {
        self.begin(list, 0);
        let (lines, chunks) = match list.read_again(known, &mut Counting(self)) {
            None => return Ok(None),
            Some(Err(Uncertain)) => return Err(NotCollected::Again),
            Some(Ok(read)) => read,
        };
        // The entries of a list with exceptions stand apart.
        if !self.exceptions.v4.is_empty() || !self.exceptions.v6.is_empty() {
            return Err(NotCollected::Again);
        }
        self.summary.lines = lines;
        self.end(list)?;
        Ok(Some(ByChunks { only_rejected: self.only_rejected(), chunks }))
    }

    /// The first rejected line of the list that was read, if none is an entry.
    fn only_rejected(&self) -> Option<Rejection> {
        self.first_rejection.clone().filter(|_| self.summary.entries() == 0)
    }

    /// Reports of the list that was read.
    fn end(&mut self, list: &List) -> Result<(), NotCollected> {
        if self.out_of_memory {
            let (list, bytes) = (list.name().to_string(), list.size());
            return Err(NotCollected::Unusable(ListError::NoMemory { list, bytes }));
        }
        // Known only now, since before the list is read it would be decided in a reading of its own.
        self.summary.unfinished = list.is_unfinished();
        if let Ok(decision) = list.decision() {
            self.summary.format = decision.name().to_string();
            self.summary.sets = decision.sets().to_vec();
        }
        self.report.summaries.push(self.summary.clone());
        Ok(())
    }

    /// Sets apart the entries of the list that was read, which stand behind so many others, if it has
    /// exceptions.
    fn set_apart(&mut self, before: Marks) {
        let exceptions = std::mem::take(&mut self.exceptions);
        if exceptions.v4.is_empty() && exceptions.v6.is_empty() {
            return;
        }
        let exceptions = RangeSets {
            v4: RangeSet::from_ranges(exceptions.v4),
            v6: RangeSet::from_ranges(exceptions.v6),
        };
        let sets = RangeSets {
            v4: RangeSet::from_ranges(self.v4.split_off(before.v4)),
            v6: RangeSet::from_ranges(self.v6.split_off(before.v6)),
        };
        self.excepted.push(ExceptedEntries {
            list: self.report.summaries.len() - 1,
            sets: sets.subtract(&exceptions),
            expiring: self.expiring.split_off(before.expiring),
            exceptions,
        });
    }

    /// Takes note of an entry or exception that is too wide.
    fn name_ignored(&mut self, line: u64, entry: Entry, is_exception: bool) {
        if self.report.ignored.len() < NAMED {
            let (list, widest) = (self.summary.name.clone(), self.selection.widest);
            let ignored = IgnoredEntry { list, line, entry, is_exception, widest };
            self.report.ignored.push(ignored);
        }
    }

    #[inline(never)]
    fn take_unusual(&mut self, line: u64, entry: Entry, end: Option<End>) {
        if !self.counts(line, entry, end) {
            return;
        }
        let pushed = match (entry, end) {
            (entry, Some(end)) => self.expiring.push(entry, end),
            (Entry::V4(range), None) => try_push(&mut self.v4, range),
            (Entry::V6(range), None) => try_push(&mut self.v6, range),
        };
        self.out_of_memory |= pushed.is_err();
    }

    /// Counts an entry, and has it looked at. Returns whether it has an effect.
    fn counts(&mut self, line: u64, entry: Entry, end: Option<End>) -> bool {
        if self.summary.older < self.older {
            self.summary.older += 1;
            return false;
        }
        let widest = self.selection.widest;
        if !widest.admits(entry) {
            self.summary.ignored += 1;
            self.name_ignored(line, entry, false);
            return false;
        }
        self.observer.look(self.report.summaries.len(), line, entry, end);
        let expires = u64::from(end.is_some());
        match entry {
            Entry::V4(_) => {
                self.summary.v4 += 1;
                self.summary.expiring.v4 += expires;
            }
            Entry::V6(_) => {
                self.summary.v6 += 1;
                self.summary.expiring.v6 += expires;
            }
        }
        true
    }
}

/// Receives a list of which chunks have the entries without an end.
struct Counting<'c, 'a, O>(&'c mut Collector<'a, O>);

impl<O: EntryObserver> Sink for Counting<'_, '_, O> {
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        if matches!((entry, end), (Entry::V4(range), None) if self.is_usual(range)) {
            self.usual(1);
        } else if self.0.counts(line, entry, end) {
            if let Some(end) = end {
                self.0.out_of_memory |= self.0.expiring.push(entry, end).is_err();
            }
        }
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        self.0.event(line, event);
    }

    #[cold]
    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]) {
        self.0.reject(line, error, text);
    }
}

impl<O: EntryObserver> CountingSink for Counting<'_, '_, O> {
    #[inline(always)]
    fn is_usual(&self, range: Range<u32>) -> bool {
        self.0.selection.widest.admits4(range) && !self.0.observer.is_near(range)
    }

    fn usual(&mut self, entries: u64) {
        self.0.summary.v4 += entries;
    }

    fn observes(&self, known: &Known) -> bool {
        known.is_of(self.0.observer.nearness())
    }
}

impl<O: EntryObserver> Sink for Collector<'_, O> {
    // Small enough to become part of the loop that calls it.
    #[inline(always)]
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        match (entry, end) {
            (Entry::V4(range), None)
                if self.summary.older >= self.older
                    && self.selection.widest.admits4(range)
                    && !self.observer.is_near(range) =>
            {
                self.summary.v4 += 1;
                self.out_of_memory |= try_push(&mut self.v4, range).is_err();
            }
            _ => self.take_unusual(line, entry, end),
        }
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        match event {
            Event::Exception(entry) => {
                let widest = self.selection.widest;
                if !widest.admits(entry) {
                    self.summary.ignored_exceptions += 1;
                    self.name_ignored(line, entry, true);
                    return;
                }
                self.summary.exceptions += 1;
                let pushed = match entry {
                    Entry::V4(range) => try_push(&mut self.exceptions.v4, range),
                    Entry::V6(range) => try_push(&mut self.exceptions.v6, range),
                };
                self.out_of_memory |= pushed.is_err();
            }
            Event::Skipped => self.summary.skipped += 1,
            _ => {}
        }
    }

    #[cold]
    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]) {
        self.summary.rejected += 1;
        let is_named = self.report.rejections.len() < NAMED;
        if !is_named && self.first_rejection.is_some() {
            return;
        }
        let text = self.public.then_some(text);
        let rejection = Rejection::new(&self.summary.name, line, error, text);
        if is_named {
            self.report.rejections.push(rejection.clone());
        }
        self.first_rejection.get_or_insert(rejection);
    }
}
