//! What is in force at any time, where entries have an end.
//!
//! Knows times, and nothing of clocks: whoever asks says when.

use crate::ip::mask::Mask;
use crate::ip::range::RangeSets;
use crate::list::{End, ExpiringEntries};

/// What has to be known to tell what is in force at any time, without reading lists again.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// What never ends, widened.
    pub lasting: RangeSets,
    /// What does, as it is written.
    pub ending: ExpiringEntries,
    /// How that is widened.
    pub mask: Mask,
    /// What is never dropped.
    pub allowed: RangeSets,
}

impl Timeline {
    /// What the lists ask for at `now`, but for what is protected.
    pub fn at(&self, now: End) -> RangeSets {
        let ending = self.mask.widen(self.ending.at(now)).sets;
        self.lasting.union(&ending).subtract(&self.allowed)
    }

    /// When that changes next.
    pub fn next(&self, now: End) -> Option<End> {
        self.ending.next(now)
    }
}
