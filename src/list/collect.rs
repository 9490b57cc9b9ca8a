//! Entries to vectors of ranges, on the path that a list of millions takes.

use super::contents::{Selection, push};
use super::end::{End, ExpiringEntries};
use super::line::Entry;
use crate::ip::range::Range;

/// Somebody who looks at entries as they come.
pub trait EntryObserver {
    /// Whether an entry of IPv4 without an end is worth a look. Asked for each of millions.
    fn is_near(&self, range: Range<u32>) -> bool;

    /// Takes a look at an entry that is near, of IPv6, or has an end: the number of its list, from
    /// 0, its line, and the entry.
    fn look(&mut self, list: usize, line: u64, entry: Entry, end: Option<End>);
}

/// Nobody.
impl EntryObserver for () {
    #[inline(always)]
    fn is_near(&self, _: Range<u32>) -> bool {
        false
    }

    fn look(&mut self, _: usize, _: u64, _: Entry, _: Option<End>) {}
}

/// The entries of several lists.
pub struct Collector<'a, O> {
    /// IPv4, without an end.
    pub v4: Vec<Range<u32>>,
    /// IPv6, without an end.
    pub v6: Vec<Range<u128>>,
    /// Those that have one.
    pub ending: ExpiringEntries,
    /// Whether some did not fit into memory.
    pub no_memory: bool,
    /// The first entries that were set aside, of all lists: list, line and entry.
    pub named: Vec<(usize, u64, Entry)>,
    /// What is counted of the list that is being read.
    pub counts: Counts,
    list: usize,
    passed_over: u64,
    selection: Selection,
    onlooker: &'a mut O,
}

/// Entries of one list.
#[derive(Default)]
pub struct Counts {
    /// Of IPv4.
    pub v4: u64,
    /// Of IPv6.
    pub v6: u64,
    /// Set aside.
    pub set_aside: u64,
    /// Passed over, since newer ones are wanted.
    pub older: u64,
}

impl<'a, O: EntryObserver> Collector<'a, O> {
    /// One that has collected nothing.
    pub fn new(selection: Selection, onlooker: &'a mut O) -> Self {
        Collector {
            v4: Vec::new(),
            v6: Vec::new(),
            ending: ExpiringEntries::default(),
            no_memory: false,
            named: Vec::new(),
            counts: Counts::default(),
            list: 0,
            passed_over: 0,
            selection,
            onlooker,
        }
    }

    /// From here on entries come from the list of this number, of which so many are passed over.
    pub fn begin(&mut self, list: usize, passed_over: u64) {
        (self.list, self.passed_over) = (list, passed_over);
        self.counts = Counts::default();
    }

    /// Takes an entry.
    // Small enough to become part of the loop that calls it.
    #[inline(always)]
    pub fn take(&mut self, line: u64, entry: Entry, end: Option<End>) {
        match (entry, end) {
            (Entry::V4(range), None)
                if self.counts.older >= self.passed_over
                    && self.selection.widest.admits4(range)
                    && !self.onlooker.is_near(range) =>
            {
                self.counts.v4 += 1;
                self.no_memory |= !push(&mut self.v4, range);
            }
            _ => self.take_unusual(line, entry, end),
        }
    }

    #[inline(never)]
    fn take_unusual(&mut self, line: u64, entry: Entry, end: Option<End>) {
        if self.counts.older < self.passed_over {
            self.counts.older += 1;
            return;
        }
        if !self.selection.widest.admits(entry) {
            self.counts.set_aside += 1;
            if self.named.len() < super::NAMED {
                self.named.push((self.list, line, entry));
            }
            return;
        }
        self.onlooker.look(self.list, line, entry, end);
        match entry {
            Entry::V4(_) => self.counts.v4 += 1,
            Entry::V6(_) => self.counts.v6 += 1,
        }
        self.no_memory |= match (entry, end) {
            (entry, Some(end)) => !self.ending.push(entry, end),
            (Entry::V4(range), None) => !push(&mut self.v4, range),
            (Entry::V6(range), None) => !push(&mut self.v6, range),
        };
    }
}
