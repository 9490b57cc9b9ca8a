//! Entries with their places in the lists, and what they do to networks of the host, as `check`, `test` and
//! messages show them.

use std::fmt;

use crate::list::{End, Entry, Summary};
use crate::policy::connected::HostNetwork;

/// A network of the host that is cut off, or would be if that were not prevented.
#[derive(Clone, Copy, Debug)]
pub struct CutOffNetwork<'a> {
    /// The network.
    pub network: &'a HostNetwork,
    /// Whether it is not cut off, because it is private and connected.
    pub is_prevented: bool,
    /// The entry that covers it, or the first of several that together do.
    pub entry: Option<Origin<'a>>,
    /// Whether it takes several entries.
    pub by_several: bool,
}

impl fmt::Display for CutOffNetwork<'_> {
    /// One line with the network, its interface, the entry and the cure.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CutOffNetwork { network, entry, by_several, is_prevented } = self;
        let entry = match entry {
            Some(entry) if *by_several => format!("{} and others", entry.place()),
            // No comma before the colon.
            Some(entry) => entry.place().to_string().trim_end_matches(',').into(),
            None => "the lists".into(),
        };
        match is_prevented {
            true => write!(
                f,
                "cut off: {network}, by {entry}: prevented while the network is private and connected; \
                 allow it with --allow, or remove the entry"
            ),
            false => write!(
                f,
                "cut off: {network}, by {entry}: dropped; allow it with --allow, or list only a part of \
                 it"
            ),
        }
    }
}

/// An entry with its place, as `test` and messages show it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The name of the list.
    pub list: &'a str,
    /// What there is to report of the list.
    pub summary: &'a Summary,
    /// The number of the line, from 1; in a JSON document, the line of the string.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// The entry after widening.
    pub wide: Entry,
    /// Whether the entry is ignored as too wide.
    pub ignored: bool,
    /// The time at which the entry expires; `None` if it is permanent.
    pub end: Option<End>,
    /// Whether that time has passed.
    pub expired: bool,
    /// Whether an exception of the same list holds what is asked for, or the whole entry.
    pub excepted: bool,
}

impl Origin<'_> {
    /// Whether the entry has any effect: it is neither ignored nor expired, and its list does not except
    /// it.
    pub fn counts(&self) -> bool {
        !self.ignored && !self.expired && !self.excepted
    }

    /// The entry in the form in which messages begin with it.
    pub fn place(&self) -> Place<'_> {
        Place(*self)
    }

    /// Whether widening changed the entry.
    pub fn is_widened(&self) -> bool {
        self.wide != self.entry
    }
}

impl fmt::Display for Origin<'_> {
    /// `192.0.2.7/32 (FILE:LINE, widened, until 2027-01-31T00:00:00Z)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{}", self.entry, self.list, self.line)?;
        if self.is_widened() {
            f.write_str(", widened")?;
        }
        if let Some(end) = self.end {
            write!(f, ", until {end}")?;
        }
        f.write_str(")")
    }
}

/// An exception of a list with its place: what that list does not drop.
#[derive(Clone, Copy, Debug)]
pub struct Exception<'a> {
    /// The name of the list.
    pub list: &'a str,
    /// The number of the line, from 1.
    pub line: u64,
    /// The exception as it is written.
    pub entry: Entry,
}

impl fmt::Display for Exception<'_> {
    /// `192.0.2.7/32 (FILE:LINE)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exception { list, line, entry } = self;
        write!(f, "{entry} ({list}:{line})")
    }
}

/// An entry as messages begin with it: `FILE:LINE: 192.0.2.7/32`.
pub struct Place<'a>(Origin<'a>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { list, line, entry, wide, .. } = self.0;
        write!(f, "{list}:{line}: {entry}")?;
        if self.0.is_widened() { write!(f, ", widened to {wide},") } else { Ok(()) }
    }
}
