//! What the lists ask for at any time, because entries expire.
//!
//! Reads no clock: the caller passes the time.

use crate::ip::RangeSets;
use crate::ip::mask::Mask;
use crate::list::{End, ExpiringEntries};
use crate::policy::connected::{Networks, PrivateEntries};

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
    /// The permanent entries that a connected network may need as they are written.
    private: PrivateEntries,
}

impl Timeline {
    /// The timeline of these permanent and expiring entries, which are not widened yet.
    pub fn new(permanent: RangeSets, expiring: ExpiringEntries, mask: Mask) -> Self {
        let permanent = [mask.widen(permanent), RangeSets::default()];
        Timeline { permanent, expiring, mask, private: PrivateEntries::default() }
    }

    /// The same, which knows how the permanent entries with private addresses are written.
    pub fn with_private(self, private: PrivateEntries) -> Self {
        Timeline { private, ..self }
    }

    /// What must not be dropped of `merged`, which the lists ask for at `now`, because it is in a private
    /// connected network.
    pub fn kept(&self, networks: Option<&Networks>, now: End, merged: &RangeSets) -> RangeSets {
        let Some(networks) = networks else { return RangeSets::default() };
        let private4 = self.private.v4().iter().copied().chain(self.expiring.lasting4(now));
        let private6 = self.private.v6().iter().copied().chain(self.expiring.lasting6(now));
        networks.kept_of(merged, private4, private6)
    }

    /// The timeline with these [`Timeline::parts`].
    pub fn from_parts(
        permanent: [RangeSets; 2],
        expiring: ExpiringEntries,
        mask: Mask,
        private: PrivateEntries,
    ) -> Self {
        Timeline { permanent, expiring, mask, private }
    }

    /// Two parts of the permanent entries, widened; the entries that expire, not widened; the mask that
    /// widens them; and the permanent entries with private addresses, not widened.
    pub fn parts(&self) -> (&[RangeSets; 2], &ExpiringEntries, Mask, &PrivateEntries) {
        (&self.permanent, &self.expiring, self.mask, &self.private)
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
