//! The parts of a status: what is in force, loads that failed, repairs, counters.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{now, rounded};
use crate::list::{End, Summary};
use crate::load::Loaded;

/// What is in force, and the load that put it there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    /// The time at which the load was complete.
    pub at: Timestamp,
    /// Networks of IPv4 after merging.
    pub networks4: u64,
    /// Networks of IPv6 after merging.
    pub networks6: u64,
    /// Addresses of IPv4, a whole number.
    #[serde(default)]
    pub addresses4: f64,
    /// Addresses of IPv6. A float has only the leading 15 digits of a large number.
    #[serde(default)]
    pub addresses6: f64,
    /// The layout of the IPv4 networks in kernel sets, as text for people.
    #[serde(default)]
    pub layout4: String,
    /// The layout of the IPv6 networks in kernel sets, as text for people.
    #[serde(default)]
    pub layout6: String,
    /// Networks that the last load added.
    #[serde(default)]
    pub added: u64,
    /// Networks that the last load removed.
    #[serde(default)]
    pub removed: u64,
    /// The time at which the next entry expires; `None` if no entry expires.
    #[serde(default)]
    pub next_end: Option<Timestamp>,
    /// The number of lists that were read.
    pub lists: u64,
    /// Rejected lines of all lists.
    pub rejected: u64,
    /// Listed networks that are excluded because they are allowed.
    #[serde(default)]
    pub allowed: u64,
    /// Listed networks that are excluded because they are protected.
    #[serde(default)]
    pub protected: u64,
    /// What each list holds, in the order of reading.
    #[serde(default)]
    pub sources: Vec<ListStatus>,
    /// The duration of the load in seconds.
    pub seconds: f64,
    /// The line of the log that reports the load.
    pub line: String,
}

impl InForce {
    /// Records what a load has put in force, and what it changed.
    pub(super) fn is_now(&mut self, loaded: &Loaded) {
        (self.networks4, self.networks6) = (loaded.networks.v4, loaded.networks.v6);
        (self.addresses4, self.addresses6) =
            (loaded.addresses.v4 as f64, loaded.addresses.v6 as f64);
        self.protected = loaded.protected;
        self.next_end = loaded.next_end.and_then(End::timestamp);
        let change = loaded.done.change();
        (self.added, self.removed) = (change.added, change.removed);
        self.line = loaded.to_string();
    }
}

/// What one list holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListStatus {
    /// The path of the list, or `standard input`.
    pub name: String,
    /// The format of the list, perhaps with more, such as the column.
    #[serde(default)]
    pub format: String,
    /// The names of the sets that were taken; none if the list has no names.
    #[serde(default)]
    pub sets: Vec<String>,
    /// Entries that are neither rejected nor ignored.
    pub entries: u64,
    /// Exceptions, which were taken out of the entries.
    #[serde(default)]
    pub exceptions: u64,
    /// Lines that name nothing to drop in this format.
    #[serde(default, rename = "ignored")]
    pub skipped: u64,
    /// Rejected lines.
    pub rejected: u64,
    /// Entries that were ignored as too wide.
    #[serde(rename = "set_aside")]
    pub too_wide: u64,
    /// Entries that were ignored because of `--newest`.
    #[serde(default)]
    pub older: u64,
    /// The time of the last write to the file; `None` for standard input.
    pub modified: Option<Timestamp>,
}

impl From<&Summary> for ListStatus {
    fn from(list: &Summary) -> Self {
        ListStatus {
            name: list.name.clone(),
            format: list.format.clone(),
            sets: list.sets.clone(),
            exceptions: list.exceptions,
            skipped: list.skipped,
            entries: list.v4 + list.v6,
            rejected: list.rejected,
            too_wide: list.ignored,
            older: list.older,
            modified: list.modified.and_then(|time| Timestamp::try_from(time).ok()).map(rounded),
        }
    }
}

/// The last load, which failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The time of the failure.
    pub at: Timestamp,
    /// The error message, without the program's name and without the text of lists.
    pub line: String,
    /// How many have failed since the last that did not, this one included.
    #[serde(default)]
    pub times: u64,
    /// The time of the next attempt; `None` if there is none until the lists change.
    #[serde(default)]
    pub next: Option<Timestamp>,
}

/// Lists that are being read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeingRead {
    /// The path of the list that is being read now.
    pub list: String,
    /// The time at which reading the lists began.
    pub since: Timestamp,
    /// Whether this takes too long, so that what is in force may not be what the lists ask for.
    pub late: bool,
}

/// How a daemon receives changes of lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watching {
    /// Whether the kernel reports changes, by inotify(7).
    pub events: bool,
    /// How often the daemon looks at the lists, in seconds; `None` if it need not.
    pub seconds: Option<u64>,
    /// Why the kernel does not report all changes; `None` if it does.
    pub because: Option<String>,
}

/// The numbers of loads by their outcome, since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Loads that succeeded, those without changes included.
    pub loads: u64,
    /// Loads that failed, because of a list or of the kernel. They changed nothing.
    pub failures: u64,
    /// Loads that a guard refused. They changed nothing.
    pub refusals: u64,
}

/// How often the daemon repaired the table after another program had changed it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repairs {
    /// The number of repairs.
    pub count: u64,
    /// The time of the last repair.
    pub last: Option<Timestamp>,
    /// The program that had made the last change, if it is known.
    pub by: Option<String>,
}

impl Repairs {
    /// Records a repair of what the program `by` had changed.
    pub fn record(&mut self, by: Option<String>) {
        self.count += 1;
        self.last = Some(now());
        self.by = by;
    }
}

/// One counter of the managed tables: the drops of one direction and one family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// `in` for packets from listed networks, `out` for packets to them.
    pub direction: String,
    /// The family of the packets, `ipv4` or `ipv6`.
    pub family: String,
    /// Packets that were dropped since the table was created.
    pub packets: u64,
    /// Bytes of these packets.
    pub bytes: u64,
}
