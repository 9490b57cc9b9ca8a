//! The status of a daemon: written by the daemon to a file, shown by `netfilterd status`.
//!
//! The names of the fields are the keys of the JSON, which users' scripts read: a change of one stands in
//! the changelog.

mod answer;
mod condition;
mod file;
pub mod metrics;
mod queue;
mod records;
mod text;

use std::time::Duration;

use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::list::End;
use crate::load::Loaded;
use crate::nfqueue::QueueCounters;
use crate::nftables::placement::Placement;
use crate::sys;

pub use answer::{Answer, Health, Report};
pub use condition::{Condition, State};
pub use file::{File, Found, find, read};
pub use records::{BeingRead, Dropped, Failed, InForce, ListStatus, Repairs, Totals, Watching};

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
    /// When that process started, in clock ticks since the host did, by which it is known again; `None` from
    /// an older daemon.
    #[serde(default)]
    pub start: Option<u64>,
    /// Whether the daemon fills sets or serves queues.
    pub mode: Mode,
    /// The time at which the daemon started.
    pub started: Timestamp,
    /// The tables whose sets the daemon fills, each as `FAMILY NAME`; none in queue mode, and from an
    /// older daemon.
    #[serde(default)]
    pub tables: Vec<String>,
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
    /// Where in the tables it is; `None` in queue mode.
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
    /// The counters of the managed tables; empty in the file, filled by `netfilterd status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// The counters of each queue; empty unless in queue mode.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueCounters>,
}

impl Status {
    /// The status of this process, which has loaded nothing yet.
    pub fn new(mode: Mode) -> Self {
        Status {
            version: env!("CARGO_PKG_VERSION").to_string(),
            pid: std::process::id(),
            start: sys::start_of(std::process::id()),
            mode,
            started: now(),
            tables: Vec::new(),
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

    /// Whether reading the lists takes too long.
    pub fn is_late(&self) -> bool {
        self.reading.as_ref().is_some_and(|reading| reading.late)
    }

    /// Whether what the lists ask for now is in force, as far as the daemon knows.
    pub fn is_in_force(&self) -> bool {
        let known = self.condition.as_ref().is_none_or(|known| known.state == State::InForce);
        self.loaded.is_some() && known && self.not_applied.is_none()
    }

    /// Whether the last load succeeded, none is overdue, and what the lists ask for is in force, as far as
    /// the daemon knows.
    pub fn is_healthy(&self) -> bool {
        self.is_last_load_successful() && !self.is_late() && self.is_in_force()
    }
}

/// The time of now, in whole seconds.
pub fn now() -> Timestamp {
    rounded(Timestamp::now())
}

fn rounded(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}
