//! Allowlists: lists of what is not to be dropped, whatever other lists say.
//!
//! They are read by a harder rule than other lists: a line that cannot be read might be the one
//! that keeps somebody's access, so it makes the whole of them unusable.

use std::fmt;
use std::net::IpAddr;

use crate::ip::range::RangeSets;
use crate::list::{self, Entry, List, ListError, Rejection, Source, Summary};
use crate::words::{Count, Noun};

/// Why allowlists cannot be used.
#[derive(Debug)]
pub enum AllowError {
    /// One of them could not be read.
    List {
        /// Which, and why.
        source: ListError,
    },
    /// Lines of them are no entries.
    Rejected {
        /// The first of these lines.
        first: Box<Rejection>,
        /// How many there are.
        lines: u64,
    },
    /// One of them has lines but no entry.
    NoEntry {
        /// Its name.
        list: String,
    },
    /// An entry of an allowlist expires, and what is allowed must not become dropped by itself.
    Expires {
        /// The first such entry, as `FILE:LINE`.
        place: String,
    },
}

impl fmt::Display for AllowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowError::List { source } => write!(f, "allowlist {source}"),
            AllowError::Rejected { first, lines } => write!(
                f,
                "an allowlist must be readable as a whole; {} rejected; correct the first: {first}",
                Count(*lines, Noun::Line)
            ),
            AllowError::Expires { place } => write!(
                f,
                "{place}: an entry of an allowlist cannot expire (until); remove the time, or the \
                 entry"
            ),
            AllowError::NoEntry { list } => write!(
                f,
                "allowlist {list}: holds comments or blank lines but no entry; empty it, or omit it"
            ),
        }
    }
}

impl std::error::Error for AllowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AllowError::List { source } => Some(source),
            AllowError::Rejected { .. }
            | AllowError::NoEntry { .. }
            | AllowError::Expires { .. } => None,
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
        let lists = list::read(sources, None).map_err(|source| AllowError::List { source })?;
        let contents = list::parse(&lists).map_err(|source| AllowError::List { source })?;
        if let Some(first) = contents.rejections.first() {
            let first = Box::new(first.clone());
            return Err(AllowError::Rejected { first, lines: contents.rejected() });
        }
        if !contents.ending.is_empty() {
            return Err(AllowError::Expires { place: first_that_expires(&lists) });
        }
        for (list, summary) in lists.iter().zip(&contents.summaries) {
            if summary.v4 + summary.v6 == 0 && !list.is_blank() {
                return Err(AllowError::NoEntry { list: list.name().to_string() });
            }
        }
        Ok(Allowed { lists, sets: contents.sets, summaries: contents.summaries })
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

/// `FILE:LINE` of the first entry that expires.
fn first_that_expires(lists: &[List]) -> String {
    let mut found = None;
    for list in lists {
        list.scan(
            |line, _, end| {
                if end.is_some() {
                    found.get_or_insert_with(|| format!("{}:{line}", list.name()));
                }
            },
            |_, _, _| {},
        );
    }
    found.unwrap_or_default()
}
