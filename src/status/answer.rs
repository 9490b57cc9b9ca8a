//! What the kernel says of what a daemon keeps in force, beside what the daemon knows of itself.

use std::fmt;

use serde::Serialize;

use super::{Condition, State, Status};

/// Whether the kernel has in force what a daemon has put there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Answer {
    /// All of it.
    InForce,
    /// Not all of it.
    NotInForce {
        /// What differs, each as a part of a sentence.
        differences: Vec<String>,
    },
    /// The kernel gave no answer.
    Unknown {
        /// Why.
        reason: String,
    },
}

/// The status of a daemon with the kernel's answer. Its JSON has the keys of [`Status`], and `kernel`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the daemon knows of itself.
    #[serde(flatten)]
    pub status: Status,
    /// What the kernel says.
    pub kernel: Answer,
}

/// The health of a daemon, by what it knows of itself and what the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The last load succeeded, and what the lists ask for is in force.
    Good,
    /// One of them is not so.
    Bad,
    /// What the daemon knows is good, and the kernel could not be asked.
    Unknown,
}

impl Report {
    /// The health of the daemon.
    pub fn health(&self) -> Health {
        match &self.kernel {
            _ if !self.status.is_healthy() => Health::Bad,
            Answer::InForce => Health::Good,
            Answer::NotInForce { .. } => Health::Bad,
            Answer::Unknown { .. } => Health::Unknown,
        }
    }
}

impl fmt::Display for Report {
    /// The lines of the status, with what the kernel says in that about what is in force.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut status = self.status.clone();
        let known = status.condition.get_or_insert(Condition::IN_FORCE);
        match &self.kernel {
            Answer::InForce => {}
            Answer::NotInForce { differences } => {
                let differences = differences.join(", ");
                known.state = State::NotInForce;
                let error = known.error.take().map(|error| format!("{differences}; {error}"));
                known.error = Some(error.unwrap_or(differences));
            }
            Answer::Unknown { reason } if known.state == State::InForce => {
                known.state = State::Unknown;
                known.error = Some(format!("not verified: {reason}"));
            }
            Answer::Unknown { .. } => {}
        }
        status.fmt(f)
    }
}
