//! Allowlists: lists of what is not to be dropped, whatever other lists say.
//!
//! They are read by a harder rule than other lists: a line that cannot be read might be the one
//! that keeps somebody's access, so it makes the whole of them unusable.

use std::fmt;
use std::net::IpAddr;

use crate::ip::range::RangeSets;
use crate::list::{self, Contents, Entry, List, ListError, Rejection, Source, Summary};
use crate::progress::Unseen;
use crate::words::{Count, Noun};

/// Why allowlists cannot be used.
#[derive(Debug)]
pub enum AllowError {
    /// One of them could not be read.
    List(ListError),
    /// A list has lines that are no entries: the first of them, and how many there are.
    Rejected(Rejection, u64),
    /// Named list, which has lines but no entry.
    NoEntry(String),
    /// An entry of one of them has an end.
    Ends,
}

impl fmt::Display for AllowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowError::List(error) => write!(f, "allowlist {error}"),
            AllowError::Rejected(first, count) => write!(
                f,
                "an allowlist must be readable as a whole, and of {} rejected the first is {first}",
                Count(*count, Noun::Line)
            ),
            AllowError::Ends => f.write_str(
                "an entry of an allowlist has an end (until), and what is allowed is so without end; \
                 take the end or the entry out",
            ),
            AllowError::NoEntry(name) => {
                write!(
                    f,
                    "allowlist {name}: holds comments or blanks and no entry; empty it, or leave it out"
                )
            }
        }
    }
}

/// What the allowlists name.
#[derive(Default)]
pub struct Allowed {
    lists: Vec<List>,
    /// All of it merged; never widened.
    pub sets: RangeSets,
    /// List by list, in the order of reading.
    pub summaries: Vec<Summary>,
}

impl Allowed {
    /// Reads allowlists, all of them and each as a whole.
    pub fn read(sources: &[Source]) -> Result<Self, AllowError> {
        let lists = list::read(sources, None, &Unseen).map_err(AllowError::List)?;
        let Contents { sets, expiring, report } = list::parse(&lists).map_err(AllowError::List)?;
        let rejected = report.rejected_lines();
        if let Some(first) = report.rejections.into_iter().next() {
            return Err(AllowError::Rejected(first, rejected));
        }
        if !expiring.is_empty() {
            return Err(AllowError::Ends);
        }
        for (list, summary) in lists.iter().zip(&report.summaries) {
            if summary.v4 + summary.v6 == 0 && !list.is_blank() {
                return Err(AllowError::NoEntry(list.name().to_string()));
            }
        }
        Ok(Allowed { lists, sets, summaries: report.summaries })
    }

    /// The first entry that has an address in common with each of `entries`, in words. Goes through
    /// the lists once.
    pub fn first_with(&self, entries: &[Entry]) -> Vec<Option<String>> {
        let mut found = vec![None; entries.len()];
        if entries.is_empty() {
            return found;
        }
        for list in &self.lists {
            list.scan(
                |line, allowed, _| {
                    for (found, entry) in found.iter_mut().zip(entries) {
                        if found.is_none() && allowed.overlaps(*entry) {
                            *found = Some(format!("{allowed} ({}:{line})", list.name()));
                        }
                    }
                },
                |_, _, _| {},
            );
        }
        found
    }

    /// The first entry that holds an address, in words.
    pub fn by(&self, address: IpAddr) -> Option<String> {
        self.first_with(&[Entry::from(address)]).pop().flatten()
    }
}
