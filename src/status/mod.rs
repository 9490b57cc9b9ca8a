//! What a daemon is at: kept by the daemon in a file, shown by `netfilterd status`.
//!
//! Knows what is to be told, and nothing of how it came about.

pub mod metrics;
mod text;

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::list::{End, Summary};
use crate::load::report::{Failure, Loaded};
use crate::sys::replace::{folder_of, replace};

/// What a daemon is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Sets in nftables.
    Tables,
    /// Verdicts of queues.
    Queue,
}

/// What a daemon is at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the daemon.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// What it is for.
    pub mode: Mode,
    /// When it was started.
    pub started: Timestamp,
    /// The table whose sets it fills, as `FAMILY NAME`.
    #[serde(default)]
    pub table: Option<String>,
    /// What is in force.
    pub loaded: Option<InForce>,
    /// The last reload, if that failed.
    pub failed: Option<Failed>,
    /// How its loads went, since it was started.
    #[serde(default)]
    pub totals: Totals,
    /// What it has put back, since it was started.
    #[serde(default)]
    pub repairs: Repairs,
    /// What the kernel has dropped by the managed table; empty where nobody has asked it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// The queues that it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueStatus>,
}

/// What is in force, and the load that put it there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InForce {
    /// When.
    pub at: Timestamp,
    /// Networks of IPv4.
    pub networks4: u64,
    /// Networks of IPv6.
    pub networks6: u64,
    /// Addresses of IPv4.
    #[serde(default)]
    pub addresses4: f64,
    /// Addresses of IPv6; of many there are only the leading digits.
    #[serde(default)]
    pub addresses6: f64,
    /// How the networks of IPv4 are laid out, in words.
    #[serde(default)]
    pub layout4: String,
    /// The same for IPv6.
    #[serde(default)]
    pub layout6: String,
    /// Networks that the last load brought in.
    #[serde(default)]
    pub added: u64,
    /// Networks that it took out.
    #[serde(default)]
    pub removed: u64,
    /// When the next entry ends.
    #[serde(default)]
    pub next_end: Option<Timestamp>,
    /// Lists that were read.
    pub lists: u64,
    /// Lines that were rejected.
    pub rejected: u64,
    /// Networks that were listed and are allowed.
    #[serde(default)]
    pub allowed: u64,
    /// Networks that were listed and are protected.
    #[serde(default)]
    pub protected: u64,
    /// The lists one by one.
    #[serde(default)]
    pub sources: Vec<ListStatus>,
    /// How long the load took, in seconds.
    pub seconds: f64,
    /// The line in the log.
    pub line: String,
}

/// What one list held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListStatus {
    /// The list, by name.
    pub name: String,
    /// Entries that were read.
    pub entries: u64,
    /// Lines that were rejected.
    pub rejected: u64,
    /// Entries that were set aside.
    pub set_aside: u64,
    /// Entries that were older than the newest ones that are wanted.
    #[serde(default)]
    pub older: u64,
    /// When the file had been written; standard input has no such time.
    pub modified: Option<Timestamp>,
}

impl From<&Summary> for ListStatus {
    fn from(list: &Summary) -> Self {
        ListStatus {
            name: list.name.clone(),
            entries: list.v4 + list.v6,
            rejected: list.rejected,
            set_aside: list.ignored,
            older: list.older,
            modified: list.modified.and_then(|time| Timestamp::try_from(time).ok()).map(rounded),
        }
    }
}

/// A reload that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// When.
    pub at: Timestamp,
    /// The line in the log.
    pub line: String,
    /// How many have failed since the last that did not, this one included.
    #[serde(default)]
    pub times: u64,
}

/// Loads by their outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// That went well.
    pub loads: u64,
    /// That failed.
    pub failures: u64,
    /// That a guard refused.
    pub refusals: u64,
}

/// How often something was put back that somebody else had taken away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repairs {
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Option<Timestamp>,
    /// Who had taken it away, if that is known.
    pub by: Option<String>,
}

impl Repairs {
    /// Takes note that something was put back that a program had taken away.
    pub fn record(&mut self, by: Option<String>) {
        self.count += 1;
        self.last = Some(now());
        self.by = by;
    }
}

/// What the kernel has dropped one way, of one family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropped {
    /// `in` or `out`.
    pub direction: String,
    /// `ipv4` or `ipv6`.
    pub family: String,
    /// Packets.
    pub packets: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// The counters of one queue, since the daemon was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// The number of the queue.
    pub queue: u16,
    /// Packets that were given a verdict.
    pub packets: u64,
    /// Packets that were accepted, with or without a mark.
    pub accepted: u64,
    /// Packets that were dropped, or marked to be.
    pub dropped: u64,
    /// Packets that could not be read; they are accepted or dropped, and counted there too.
    pub unreadable: u64,
    /// Messages of the kernel that were none.
    pub malformed: u64,
    /// How often the kernel said that the receive buffer was full.
    pub enobufs: u64,
    /// Packets that the kernel dropped because the queue was full; `None` if it was told to accept
    /// them instead, since then it does not count them.
    pub queue_full: Option<u64>,
    /// Packets that were not seen because the receive buffer was full.
    pub buffer_full: u64,
    /// The longest time from when packets could be read to their verdicts, in seconds.
    pub longest_wait: f64,
}

impl Status {
    /// Of this process, which has loaded nothing yet.
    pub fn new(mode: Mode) -> Self {
        Status {
            version: env!("CARGO_PKG_VERSION").to_string(),
            pid: std::process::id(),
            mode,
            started: now(),
            table: None,
            loaded: None,
            failed: None,
            totals: Totals::default(),
            repairs: Repairs::default(),
            dropped: Vec::new(),
            queues: Vec::new(),
        }
    }

    /// Takes note of a load.
    pub fn loaded(&mut self, loaded: &Loaded) {
        self.failed = None;
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

    /// Takes note that what was loaded is in force otherwise, for other addresses are protected or an
    /// entry has ended: no list was read for it, so the time stays, and so does a failure.
    pub fn loaded_again(&mut self, loaded: &Loaded) {
        if let Some(in_force) = &mut self.loaded {
            in_force.is_now(loaded);
        }
    }

    /// Takes note of a load that failed, which changed nothing.
    pub fn failed(&mut self, failure: &Failure) {
        match failure {
            Failure::Failed(_) => self.totals.failures += 1,
            Failure::Refused(_) => self.totals.refusals += 1,
        }
        let times = self.failed.as_ref().map_or(0, |failed| failed.times) + 1;
        self.failed = Some(Failed { at: now(), line: failure.to_string(), times });
    }

    /// Whether the last load went well.
    pub fn is_healthy(&self) -> bool {
        self.loaded.is_some() && self.failed.is_none()
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

fn now() -> Timestamp {
    rounded(Timestamp::now())
}

fn rounded(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}

/// The file in which a daemon keeps its status; removed when it is dropped.
pub struct File<'a> {
    path: &'a Path,
    /// What is in it; the file is not written to say the same again.
    written: Option<Status>,
    /// Whether the last attempt to write failed, which is told once.
    failing: bool,
}

impl<'a> File<'a> {
    /// A file that is not there yet.
    pub fn new(path: &'a Path) -> Self {
        File { path, written: None, failing: false }
    }

    /// Replaces the file, so that a reader sees the old status or the new one, and returns whether
    /// there was anything new. A failure is logged: a daemon that cannot tell how it is still does
    /// its work.
    pub fn write(&mut self, status: &Status) -> bool {
        if self.written.as_ref() == Some(status) {
            return false;
        }
        let written =
            folder_of(self.path).and_then(|_| replace(self.path, &serde_json::to_vec(status)?));
        match written {
            Ok(()) => {
                self.written = Some(status.clone());
                self.failing = false;
            }
            Err(error) if !self.failing => {
                log::warn!(
                    "status file {}: {error}; netfilterd status will not know of this daemon",
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
            if let Err(error) = fs::remove_file(self.path) {
                log::debug!("status file {}: {error}", self.path.display());
            }
        }
    }
}

/// Reads what the daemon that keeps `path` is at; `None` if none is running. The error is a
/// sentence.
pub fn read(path: &Path) -> Result<Option<Status>, String> {
    let failed = |error: &dyn fmt::Display| format!("status file {}: {error}", path.display());
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(|error| failed(&error))?,
    };
    let status: Status = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    // A daemon that was killed leaves its file behind.
    let name = fs::read_to_string(format!("/proc/{}/comm", status.pid)).unwrap_or_default();
    Ok((name.trim_end() == "netfilterd").then_some(status))
}
