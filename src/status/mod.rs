//! The status of a daemon: written by the daemon to a file, shown by `netfilterd status`.
//!
//! The names of the fields are the keys of the JSON, which users' scripts read: they do not change.

mod answer;
mod condition;
pub mod metrics;
mod queue;
mod text;

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::list::{End, Summary};
use crate::load::Loaded;
use crate::nfqueue::QueueCounters;
use crate::nftables::placement::Placement;
use crate::sys::replace::{OwnFile, folder_of};

pub use answer::{Answer, Health, Report};
pub use condition::{Condition, State};

/// How a daemon puts the lists in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It fills sets in nftables.
    Tables,
    /// It gives verdicts on packets of queues.
    Queue,
}

/// The status of a daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the daemon, which may differ from that of `netfilterd status`.
    pub version: String,
    /// The process id of the daemon.
    pub pid: u32,
    /// Whether the daemon fills sets or serves queues.
    pub mode: Mode,
    /// The time at which the daemon started.
    pub started: Timestamp,
    /// The table whose sets the daemon fills, as `FAMILY NAME`; `None` in queue mode.
    #[serde(default)]
    pub table: Option<String>,
    /// The interfaces whose packets are filtered, as named by `--interface`; `None` if that is all of
    /// them. A `*` at the end matches any ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Vec<String>>,
    /// What is in force; `None` before the first load.
    pub loaded: Option<InForce>,
    /// The last load, if it failed.
    pub failed: Option<Failed>,
    /// The lists that are being read now; `None` if none are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<BeingRead>,
    /// Whether what was loaded last is in force, as far as the daemon knows; `None` before the first
    /// load, and from a daemon that does not look.
    #[serde(default)]
    pub condition: Option<Condition>,
    /// Expired entries or changed protected addresses that could not be applied.
    #[serde(default)]
    pub not_applied: Option<Failed>,
    /// Where in the table it is; `None` in queue mode.
    #[serde(default)]
    pub placement: Option<Placement>,
    /// How the lists are watched; `None` without `--watch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watching>,
    /// The numbers of loads since the daemon started.
    #[serde(default)]
    pub totals: Totals,
    /// The repairs since the daemon started.
    #[serde(default)]
    pub repairs: Repairs,
    /// The counters of the managed table; empty in the file, filled by `netfilterd status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// The counters of each queue; empty unless in queue mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueCounters>,
}

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

/// What one list holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListStatus {
    /// The path of the list, or `standard input`.
    pub name: String,
    /// Entries that are neither rejected nor ignored.
    pub entries: u64,
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

/// One counter of the managed table: the drops of one direction and one family.
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

impl Status {
    /// The status of this process, which has loaded nothing yet.
    pub fn new(mode: Mode) -> Self {
        Status {
            version: env!("CARGO_PKG_VERSION").to_string(),
            pid: std::process::id(),
            mode,
            started: now(),
            table: None,
            interfaces: None,
            loaded: None,
            failed: None,
            reading: None,
            condition: None,
            not_applied: None,
            placement: None,
            watch: None,
            totals: Totals::default(),
            repairs: Repairs::default(),
            dropped: Vec::new(),
            queues: Vec::new(),
        }
    }

    /// Records a load that succeeded.
    pub fn loaded(&mut self, loaded: &Loaded) {
        self.failed = None;
        self.not_applied = None;
        self.totals.loads += 1;
        let mut in_force = InForce {
            at: now(),
            lists: loaded.lists.len() as u64,
            rejected: loaded.lists.iter().map(|list| list.rejected).sum(),
            allowed: loaded.allowed,
            sources: loaded.lists.iter().map(ListStatus::from).collect(),
            seconds: loaded.time.as_secs_f64(),
            ..InForce::default()
        };
        in_force.is_now(loaded);
        self.loaded = Some(in_force);
    }

    /// Records that what an earlier process has loaded was restored, because a load failed.
    pub fn restored(&mut self, loaded: &Loaded) {
        let at = loaded.restored.and_then(End::timestamp);
        let mut in_force = InForce { at: at.unwrap_or_else(now), ..InForce::default() };
        in_force.is_now(loaded);
        self.loaded = Some(in_force);
    }

    /// Records that entries that have expired and protected addresses that have changed are applied, and
    /// what changed in the sets in force by that. No list was read, so the time and a failure of the
    /// last load stay.
    pub fn revised(&mut self, loaded: Option<&Loaded>) {
        self.not_applied = None;
        if let Some((in_force, loaded)) = self.loaded.as_mut().zip(loaded) {
            in_force.is_now(loaded);
        }
    }

    /// Records that they could not be applied, and that this is tried again after a pause.
    pub fn not_revised(&mut self, error: &Error, pause: Duration) {
        let times = self.not_applied.as_ref().map_or(0, |failed| failed.times) + 1;
        let at = self.not_applied.as_ref().map_or_else(now, |failed| failed.at);
        let next = now().checked_add(pause).ok();
        self.not_applied = Some(Failed { at, line: error.for_everybody(), times, next });
    }

    /// Records a load that failed and changed nothing, and the `pause` until the next attempt.
    pub fn failed(&mut self, error: &Error, pause: Option<Duration>) {
        match error.is_refusal() {
            true => self.totals.refusals += 1,
            false => self.totals.failures += 1,
        }
        let times = self.failed.as_ref().map_or(0, |failed| failed.times) + 1;
        let next = pause.and_then(|pause| now().checked_add(pause).ok());
        self.failed = Some(Failed { at: now(), line: error.for_everybody(), times, next });
    }

    /// Whether the last load succeeded.
    pub fn is_last_load_successful(&self) -> bool {
        self.loaded.is_some() && self.failed.is_none()
    }

    /// Whether what the lists ask for now is in force, as far as the daemon knows.
    pub fn is_in_force(&self) -> bool {
        let known = self.condition.as_ref().is_none_or(|known| known.state == State::InForce);
        self.loaded.is_some() && known && self.not_applied.is_none()
    }

    /// Whether the last load succeeded, none is overdue, and what the lists ask for is in force, as far as
    /// the daemon knows.
    pub fn is_healthy(&self) -> bool {
        let is_late = self.reading.as_ref().is_some_and(|reading| reading.late);
        self.is_last_load_successful() && !is_late && self.is_in_force()
    }
}

impl InForce {
    fn is_now(&mut self, loaded: &Loaded) {
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

/// The time of now, in whole seconds.
pub fn now() -> Timestamp {
    rounded(Timestamp::now())
}

fn rounded(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}

/// What every status file begins with: [`Status::version`] is its first key.
const BEGINNING: &[u8] = b"{\"version\":\"";

/// The file of a daemon's status. The file is removed when this value is dropped.
pub struct File<'a> {
    path: &'a Path,
    /// The status in the file. An equal status is not written again.
    written: Option<Status>,
    /// Whether the last write failed. Only the first of several failures is logged.
    failing: bool,
}

impl<'a> File<'a> {
    /// A file that has not been written yet.
    pub fn new(path: &'a Path) -> Self {
        File { path, written: None, failing: false }
    }

    fn own(&self) -> OwnFile<'a> {
        // `status` is for every user.
        OwnFile { path: self.path, mode: 0o644, is_ours: |head| head.starts_with(BEGINNING) }
    }

    /// Whether the last write failed, so that the file may hold an old status.
    pub fn is_failing(&self) -> bool {
        self.failing
    }

    /// Replaces the file, so that a reader finds the old status or the new one. Returns whether the
    /// status has changed. A failure is logged, and the daemon goes on without the file.
    pub fn write(&mut self, status: &Status) -> bool {
        if self.written.as_ref() == Some(status) {
            return false;
        }
        let written = folder_of(self.path)
            .map_err(io::Error::from)
            .and_then(|_| Ok(self.own().replace(&serde_json::to_vec(status)?)?));
        match written {
            Ok(()) => {
                self.written = Some(status.clone());
                self.failing = false;
            }
            Err(error) if !self.failing => {
                log::warn!(
                    "cannot write status file {}: {error}; netfilterd status does not find this \
                     daemon: give --status-file a path that netfilterd can write to",
                    self.path.display()
                );
                self.failing = true;
            }
            Err(_) => {}
        }
        true
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        if self.written.is_some() {
            if let Err(error) = self.own().remove() {
                log::debug!("status file: {error}");
            }
        }
    }
}

/// The status in a status file, and whether its daemon still runs.
pub struct Found {
    /// The status as the daemon wrote it last.
    pub status: Status,
    /// Whether the daemon runs. One that was killed leaves its file.
    pub is_running: bool,
}

/// Reads the status file `path`; `None` if there is none, because no daemon runs.
pub fn find(path: &Path) -> Result<Option<Found>, Error> {
    let failed = |source| Error::StatusFile { path: path.to_path_buf(), source };
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(failed)?,
    };
    let status: Status = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
    let name = fs::read_to_string(format!("/proc/{}/comm", status.pid)).unwrap_or_default();
    Ok(Some(Found { status, is_running: name.trim_end() == "netfilterd" }))
}

/// Reads the status of the daemon whose status file is `path`; `None` if no such daemon runs.
pub fn read(path: &Path) -> Result<Option<Status>, Error> {
    Ok(find(path)?.filter(|found| found.is_running).map(|found| found.status))
}
