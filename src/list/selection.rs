//! Which entries count, and those that do not since they are too wide.

use std::fmt;

use super::entry::Entry;
use crate::ip::Range;
use crate::ip::address::Address;
use crate::ip::family::PerFamily;

/// Which entries count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Those that are not wider than this; wider ones are ignored.
    pub widest: Widest,
    /// If so many, the newest. Older ones are counted before any is ignored.
    pub newest: Option<u64>,
}

impl Selection {
    /// All of them.
    pub const ALL: Selection = Selection { widest: Widest::ANY, newest: None };
}

/// The prefix lengths of the widest networks that a list may name: 0 to 32 for IPv4, 0 to 128 for
/// IPv6. An entry with more addresses is ignored: popular feeds hold 224.0.0.0/3, and a slip of the
/// pen 0.0.0.0/0.
pub type Widest = PerFamily<u8>;

impl Widest {
    /// Any entry at all.
    pub const ANY: Widest = Widest { v4: 0, v6: 0 };

    /// Whether an entry, as it is written, is as narrow as that. A range counts by its addresses.
    pub fn admits(self, entry: Entry) -> bool {
        match entry {
            Entry::V4(range) => self.admits4(range),
            Entry::V6(range) => range.last() - range.first() <= u128::MIN.last_of(self.v6),
        }
    }

    /// The same for one of IPv4.
    #[inline(always)]
    pub fn admits4(self, range: Range<u32>) -> bool {
        range.last() - range.first() <= u32::MIN.last_of(self.v4)
    }
}

/// An entry that was ignored, or an exception that was not applied, since it is too wide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredEntry {
    /// The name of the list.
    pub list: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// Whether it is an exception.
    pub is_exception: bool,
    /// What it is wider than.
    pub widest: Widest,
}

impl fmt::Display for IgnoredEntry {
    /// `FILE:LINE: entry is ignored (too wide): ...`, with the option that permits it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IgnoredEntry { list, line, entry, is_exception, widest } = self;
        let (option, length) = match entry {
            Entry::V4(_) => ("--widest", widest.v4),
            Entry::V6(_) => ("--widest6", widest.v6),
        };
        if *is_exception {
            return write!(
                f,
                "{list}:{line}: exception {entry} is not applied (too wide): wider than /{length}, which \
                 {option} sets; if it must pass, allow it with --allow"
            );
        }
        write!(
            f,
            "{list}:{line}: {entry} is ignored (too wide): wider than /{length}, which {option} sets"
        )
    }
}
