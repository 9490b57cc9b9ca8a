//! Whoever looks at entries while they are read.

use super::end::End;
use super::entry::Entry;
use crate::ip::Range;

/// Looks at the entries that count, now or until their end, as they are read.
pub trait EntryObserver {
    /// Whether an entry of IPv4 without an end is worth a look. Asked for each of millions.
    fn is_near(&self, range: Range<u32>) -> bool;

    /// What the answer of [`EntryObserver::is_near`] depends on beside the range: observers of which these
    /// numbers are the same give the same answers.
    fn nearness(&self) -> &[u64];

    /// Takes a look at an entry that is near, of IPv6, or has an end: the number of its list, from
    /// 0, its line, from 1, and the entry.
    fn look(&mut self, list: usize, line: u64, entry: Entry, end: Option<End>);

    /// Forgets all entries, of all lists: they are read anew.
    fn forget(&mut self);
}

/// Looks at nothing.
impl EntryObserver for () {
    #[inline(always)]
    fn is_near(&self, _: Range<u32>) -> bool {
        false
    }

    fn nearness(&self) -> &[u64] {
        &[]
    }

    fn look(&mut self, _: usize, _: u64, _: Entry, _: Option<End>) {}

    fn forget(&mut self) {}
}
