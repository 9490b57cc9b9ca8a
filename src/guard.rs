//! Whether what the lists ask for may be put in force.
//!
//! Knows figures, not lists or kernels: it is asked before anything is changed, and its answer is
//! the reason that a person reads.

use std::fmt;

use crate::words::{Count, Noun};

/// The limits that a load must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// The fewest networks that may be loaded; the usual 1 refuses an empty result.
    pub min_entries: u64,
    /// Whether one rejected line refuses everything.
    pub strict: bool,
}

/// A guard's no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// So many networks, where so many are the least.
    TooFew(u64, u64),
    /// So many lines were rejected, and none may be.
    Rejected(u64),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooFew(0, _) => f.write_str(
                "the lists hold no network; refused, since that would let everything pass \
                 (--min-entries 0 permits it)",
            ),
            Refusal::TooFew(networks, least) => write!(
                f,
                "{} where at least {least} must be; refused by --min-entries {least}",
                Count(*networks, Noun::Network)
            ),
            Refusal::Rejected(lines) => {
                write!(f, "{} rejected; refused by --strict", Count(*lines, Noun::Line))
            }
        }
    }
}

impl Guards {
    /// Judges a result of `networks` networks, in the reading of which `rejected` lines were
    /// rejected.
    pub fn judge(&self, networks: u64, rejected: u64) -> Result<(), Refusal> {
        if self.strict && rejected > 0 {
            return Err(Refusal::Rejected(rejected));
        }
        if networks < self.min_entries {
            return Err(Refusal::TooFew(networks, self.min_entries));
        }
        Ok(())
    }
}
