//! Whether what was loaded last is in force, as far as the daemon knows.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{now, rounded};
use crate::words::Age;

/// Whether what was loaded last is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is.
    InForce,
    /// It is not: another program has changed or removed it.
    NotInForce,
    /// It is not known, because the kernel could not be asked.
    Unknown,
}

/// What a daemon knows of what it loaded last, and what it will do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Whether it is in force.
    pub state: State,
    /// The time since which it is not, or since which it is not known.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// The program that made the change, if it is known.
    #[serde(default)]
    pub by: Option<String>,
    /// The time of the next attempt to restore it, or to look; `None` if there will be none.
    #[serde(default)]
    pub retry_at: Option<Timestamp>,
    /// Why the last attempt failed, or why it is not known.
    #[serde(default)]
    pub error: Option<String>,
}

impl Condition {
    /// It is in force.
    pub const IN_FORCE: Condition =
        Condition { state: State::InForce, since: None, by: None, retry_at: None, error: None };

    /// Records that another program has changed it: `by` which, if that is known.
    pub fn changed(&mut self, by: Option<String>) {
        if self.state != State::NotInForce {
            *self = Condition { since: self.since.or(Some(now())), ..Condition::IN_FORCE };
            self.state = State::NotInForce;
        }
        self.by = by.or_else(|| self.by.take());
    }

    /// Records that it could not be looked at, or not be restored.
    pub fn failed(&mut self, error: String) {
        if self.state == State::InForce {
            self.state = State::Unknown;
            self.since = Some(now());
        }
        self.error = Some(error);
    }

    /// Records when the next attempt will be.
    pub fn retry_in(&mut self, pause: Duration) {
        let at = Timestamp::now().checked_add(pause).ok();
        self.retry_at = at.map(rounded);
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.state {
            State::InForce => "yes",
            State::NotInForce => "no",
            State::Unknown => "not known",
        })?;
        if let Some(since) = self.since {
            write!(f, ", for {}", Age(elapsed(since)))?;
        }
        match (self.state, &self.by) {
            (State::InForce, _) => {}
            (_, Some(by)) => write!(f, ", changed by {by}")?,
            (_, None) => {}
        }
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        match self.retry_at {
            Some(at) => write!(f, "; next attempt at {at}"),
            None => Ok(()),
        }
    }
}

fn elapsed(since: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(since)).unwrap_or_default()
}
