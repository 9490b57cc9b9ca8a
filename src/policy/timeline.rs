//! What the lists ask for at any time, because entries expire.
//!
//! Reads no clock: the caller passes the time.

use crate::ip::RangeSets;
use crate::ip::mask::Mask;
use crate::list::{End, ExpiringEntries};

/// The entries by the time at which they expire, so that the lists need not be read again.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Two parts of the permanent entries, widened. If no entry expires, the first part is what is in
    /// force; it shares its memory with the back end.
    permanent: [RangeSets; 2],
    /// The entries that expire, not widened.
    expiring: ExpiringEntries,
    /// The mask that widens them.
    mask: Mask,
}

impl Timeline {
    /// The timeline of these permanent and expiring entries, which are not widened yet.
    pub fn new(permanent: RangeSets, expiring: ExpiringEntries, mask: Mask) -> Self {
        let permanent = [mask.widen(permanent), RangeSets::default()];
        Timeline { permanent, expiring, mask }
    }

    /// The timeline with these [`Timeline::parts`].
    pub fn from_parts(permanent: [RangeSets; 2], expiring: ExpiringEntries, mask: Mask) -> Self {
        Timeline { permanent, expiring, mask }
    }

    /// Two parts of the permanent entries, widened; the entries that expire, not widened; and the mask
    /// that widens them.
    pub fn parts(&self) -> (&[RangeSets; 2], &ExpiringEntries, Mask) {
        (&self.permanent, &self.expiring, self.mask)
    }

    /// What the lists ask for at `now`, widened, before exclusions are taken out.
    pub fn at(&self, now: End) -> RangeSets {
        let [most, rest] = &self.permanent;
        let permanent = most.union(rest);
        if self.expiring.is_empty() {
            return permanent;
        }
        permanent.union(&self.mask.widen(self.expiring.at(now)))
    }

    /// Replaces the permanent entries by `sets`, which are in force, and `excluded`, which together hold
    /// the same addresses: this takes less memory. Does nothing if an entry expires.
    pub fn share(&mut self, sets: &RangeSets, excluded: RangeSets) {
        if !self.has_ends() {
            self.permanent = [sets.clone(), excluded];
        }
    }

    /// Whether any entry expires or has expired.
    pub fn has_ends(&self) -> bool {
        !self.expiring.is_empty()
    }

    /// The number of entries that have expired at `now`.
    pub fn expired(&self, now: End) -> u64 {
        self.expiring.expired(now)
    }

    /// The time after `now` at which the next entry expires.
    pub fn next_end(&self, now: End) -> Option<End> {
        self.expiring.next(now)
    }
}
