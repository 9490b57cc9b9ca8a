//! Allowlists: lists of networks that are not dropped even if other lists name them.
//!
//! Allowlists are read by a stricter rule than other lists: a rejected line may be the one that
//! preserves the administrator's access, so one rejected line refuses the load.

use std::fmt;
use std::net::IpAddr;

use crate::ip::RangeSets;
use crate::list::{
    self, Contents, End, Entry, List, ListError, Purpose, Rejection, Source, Summary,
};
use crate::progress::{PathsOnly, Progress};
use crate::words::{Count, Noun};

/// Why allowlists cannot be used.
#[derive(Debug)]
pub enum AllowError {
    /// An allowlist could not be read.
    List {
        /// The list and the cause.
        source: ListError,
    },
    /// Lines of the allowlists were rejected.
    Rejected {
        /// The first rejected line.
        first: Box<Rejection>,
        /// Rejected lines of all allowlists.
        lines: u64,
    },
    /// An allowlist has lines but no entry.
    NoEntry {
        /// The name of the list.
        list: String,
    },
    /// An allowlist has an exception, which would be something that is not allowed.
    Exception {
        /// The first such exception, as `FILE:LINE`.
        place: String,
    },
    /// An entry of an allowlist expires, and what is allowed must not become dropped by itself.
    Expires {
        /// The first such entry, as `FILE:LINE`.
        place: String,
    },
}

impl fmt::Display for AllowError {
    /// With `{:#}` without the text of lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowError::List { source } => {
                f.write_str("allowlist ")?;
                source.fmt(f)
            }
            AllowError::Rejected { first, lines } => {
                write!(
                    f,
                    "an allowlist must be readable as a whole; {} rejected; correct the first: ",
                    Count(*lines, Noun::Line)
                )?;
                first.fmt(f)
            }
            AllowError::Expires { place } => write!(
                f,
                "{place}: an entry of an allowlist cannot expire (until); remove the time, or the \
                 entry"
            ),
            AllowError::Exception { place } => write!(
                f,
                "{place}: an allowlist cannot have exceptions; remove the exception, and write what is \
                 allowed"
            ),
            AllowError::NoEntry { list } => {
                write!(f, "allowlist {list}: holds lines but no entry; empty it, or omit it")
            }
        }
    }
}

impl std::error::Error for AllowError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            AllowError::List { source } => Some(source),
            AllowError::Rejected { .. }
            | AllowError::NoEntry { .. }
            | AllowError::Exception { .. }
            | AllowError::Expires { .. } => None,
        }
    }
}

/// The content of the allowlists.
#[derive(Default)]
pub struct Allowed {
    lists: Vec<List>,
    /// All entries merged. Entries of allowlists are never widened.
    pub sets: RangeSets,
    /// What each list holds, in the order of reading.
    pub summaries: Vec<Summary>,
}

impl Allowed {
    /// Reads all allowlists. Fails if one of them has a rejected line, lines but no entry, or an entry
    /// that expires.
    pub fn read(sources: &[Source], progress: &dyn Progress) -> Result<Self, AllowError> {
        let lists = list::read(sources, None, &PathsOnly(progress))
            .map_err(|source| AllowError::List { source })?;
        let lists = to_allow(lists);
        let Contents { sets, expiring, excepted, report } =
            list::parse(&lists).map_err(|source| AllowError::List { source })?;
        if let Some(first) = excepted.first() {
            return Err(AllowError::Exception { place: first_exception(&lists[first.list]) });
        }
        if let Some(first) = report.rejections.first() {
            let first = Box::new(first.clone());
            return Err(AllowError::Rejected { first, lines: report.rejected_lines() });
        }
        if !expiring.is_empty() {
            return Err(AllowError::Expires { place: first_that_expires(&lists) });
        }
        for (list, summary) in lists.iter().zip(&report.summaries) {
            if summary.v4 + summary.v6 == 0 && !list.is_blank() {
                return Err(AllowError::NoEntry { list: list.name().to_string() });
            }
        }
        Ok(Allowed { lists, sets, summaries: report.summaries })
    }

    /// What can be read of the allowlists, and why the rest of them cannot. An entry that expires counts
    /// as any other.
    pub fn readable(sources: &[Source]) -> (RangeSets, Vec<AllowError>) {
        let (mut readable, mut errors) = (RangeSets::default(), Vec::new());
        let (lists, unread) = list::readable(sources);
        errors.extend(unread.into_iter().map(|source| AllowError::List { source }));
        for list in to_allow(lists) {
            match list::parse(std::slice::from_ref(&list)) {
                Err(source) => errors.push(AllowError::List { source }),
                Ok(Contents { sets, expiring, excepted, report }) => {
                    if !excepted.is_empty() {
                        errors.push(AllowError::Exception { place: first_exception(&list) });
                    }
                    readable = readable.union(&sets);
                    let apart = excepted.iter().map(|list| &list.expiring);
                    for expiring in std::iter::once(&expiring).chain(apart) {
                        readable = readable.union(&expiring.at(End::at(i64::MIN)));
                    }
                    errors.extend(report.rejections.first().map(|first| AllowError::Rejected {
                        first: Box::new(first.clone()),
                        lines: report.rejected_lines(),
                    }));
                }
            }
        }
        (readable, errors)
    }

    /// For each of `entries` the first allowed entry that overlaps it, as `ENTRY (FILE:LINE)`. Parses
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

    /// The first allowed entry that holds an address, as `ENTRY (FILE:LINE)`.
    pub fn by(&self, address: IpAddr) -> Option<String> {
        self.first_with(&[Entry::from(address)]).pop().flatten()
    }
}

/// The lists, to be read as allowlists.
fn to_allow(lists: Vec<List>) -> Vec<List> {
    lists.into_iter().map(|list| list.to_read(Purpose::Allow, &[])).collect()
}

/// `FILE:LINE` of the first exception.
fn first_exception(list: &List) -> String {
    let mut found = None;
    list.scan_exceptions(|line, _| {
        found.get_or_insert(line);
    });
    format!("{}:{}", list.name(), found.unwrap_or_default())
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
