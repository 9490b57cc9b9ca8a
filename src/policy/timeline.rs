//! What the lists ask for at any time: entries expire.
//!
//! Knows times, and nothing of clocks: whoever asks says when.

use crate::ip::mask::Mask;
use crate::ip::range::RangeSets;
use crate::list::{End, ExpiringEntries};

/// What has to be known to tell without reading lists again what they ask for at any time.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Two parts of what never expires, widened. Where nothing expires, the first part is what is in
    /// force, which is shared with the back end: a list at rest is held once.
    permanent: [RangeSets; 2],
    /// What expires, as it is written.
    expiring: ExpiringEntries,
    /// How that is widened.
    mask: Mask,
}

impl Timeline {
    /// The timeline of lists with these permanent and these expiring entries, as they are written.
    pub fn new(permanent: RangeSets, expiring: ExpiringEntries, mask: Mask) -> Self {
        let permanent = [mask.widen(permanent), RangeSets::default()];
        Timeline { permanent, expiring, mask }
    }

    /// What the lists ask for at `now`, widened; what is allowed or protected included.
    pub fn at(&self, now: End) -> RangeSets {
        let [most, rest] = &self.permanent;
        let permanent = most.union(rest);
        if self.expiring.is_empty() {
            return permanent;
        }
        permanent.union(&self.mask.widen(self.expiring.at(now)))
    }

    /// From here on `sets` are in force, and only what was `excluded` is missing from them: says the
    /// same in less memory, if nothing expires.
    pub fn share(&mut self, sets: &RangeSets, excluded: RangeSets) {
        if !self.has_ends() {
            self.permanent = [sets.clone(), excluded];
        }
    }

    /// Whether any entry expires, or has.
    pub fn has_ends(&self) -> bool {
        !self.expiring.is_empty()
    }

    /// How many entries have expired at `now`.
    pub fn expired(&self, now: End) -> u64 {
        self.expiring.ended(now)
    }

    /// When the next entry expires after `now`.
    pub fn next_end(&self, now: End) -> Option<End> {
        self.expiring.next(now)
    }
}
