//! What there is to report of lists that were read.

use std::time::SystemTime;

use super::rejection::Rejection;
use super::selection::IgnoredEntry;
use crate::ip::PerFamily;

/// How many lines of a kind (rejected, ignored) are named of a reading; the others are counted.
pub const NAMED: usize = 10;

/// What one list held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The name of the list.
    pub name: String,
    /// The format in which it was read, perhaps with more, such as the column.
    pub format: String,
    /// The names of the sets that were taken; none if the file has no names.
    pub sets: Vec<String>,
    /// Whether the name of the file says that what it holds is to be let pass.
    pub name_allows: bool,
    /// Lines of any kind.
    pub lines: u64,
    /// Entries of IPv4 that count, expired ones among them.
    pub v4: u64,
    /// Entries of IPv6 that count, expired ones among them.
    pub v6: u64,
    /// Those of these entries that have an end.
    pub expiring: PerFamily<u64>,
    /// Entries that are older than the newest ones, if only those count. They stand before all others
    /// of the list.
    pub older: u64,
    /// Exceptions, which were taken out of the entries.
    pub exceptions: u64,
    /// Exceptions that were not applied, since they are too wide.
    pub ignored_exceptions: u64,
    /// Lines that name nothing to drop in this format, and nothing to let pass.
    pub skipped: u64,
    /// Lines rejected.
    pub rejected: u64,
    /// Entries ignored, since they are too wide.
    pub ignored: u64,
    /// When the file was last written to; standard input has no such time.
    pub modified: Option<SystemTime>,
    /// Whether the last line has no line end.
    pub unfinished: bool,
}

impl Summary {
    /// Entries of any kind, whether they count or not.
    pub fn entries(&self) -> u64 {
        self.v4 + self.v6 + self.older + self.ignored
    }
}

/// What there is to report of all lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// List by list, in the order of reading.
    pub summaries: Vec<Summary>,
    /// The first [`NAMED`] lines that were rejected.
    pub rejections: Vec<Rejection>,
    /// The first [`NAMED`] entries and exceptions that were ignored.
    pub ignored: Vec<IgnoredEntry>,
}

impl Report {
    /// Lines rejected in all lists.
    pub fn rejected_lines(&self) -> u64 {
        self.summaries.iter().map(|summary| summary.rejected).sum()
    }

    /// Entries and exceptions ignored in all lists.
    pub fn ignored_entries(&self) -> u64 {
        self.summaries.iter().map(|summary| summary.ignored + summary.ignored_exceptions).sum()
    }
}
