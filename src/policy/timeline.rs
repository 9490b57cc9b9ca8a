//! What the lists ask for at any time, because entries expire.
//!
//! Reads no clock: the caller passes the time.

use crate::ip::RangeSets;
use crate::ip::mask::Mask;
use crate::list::{End, ExceptedEntries, ExpiringEntries};
use crate::policy::connected::{Networks, PrivateEntries};

/// The entries by the time at which they expire, so that the lists need not be read again.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Two parts of the permanent entries, widened. If no entry expires, the first part is what is in
    /// force; it shares its memory with the back end.
    permanent: [RangeSets; 2],
    /// The entries that expire, not widened.
    expiring: ExpiringEntries,
    /// Those of lists that have exceptions; of these only the entries that expire are needed.
    excepted: Vec<ExceptedEntries>,
    /// The mask that widens them.
    mask: Mask,
    /// The permanent entries that a connected network may need as they are written.
    private: PrivateEntries,
}

impl Timeline {
    /// The timeline of these permanent and expiring entries, which are not widened yet.
    pub fn new(permanent: RangeSets, expiring: ExpiringEntries, mask: Mask) -> Self {
        let permanent = [mask.widen(permanent), RangeSets::default()];
        Timeline { permanent, expiring, mask, ..Timeline::default() }
    }

    /// The same, where `rest` has more permanent entries. They are not merged until it is needed.
    pub fn with_rest(mut self, rest: RangeSets) -> Self {
        self.permanent[1] = self.mask.widen(rest);
        self
    }

    /// The same, with the entries of lists that have exceptions.
    pub fn with_excepted(mut self, mut excepted: Vec<ExceptedEntries>) -> Self {
        for entries in &mut excepted {
            let permanent = entries.permanent(self.mask);
            self.permanent[1] = self.permanent[1].union(&permanent);
            entries.sets = RangeSets::default();
        }
        excepted.retain(|entries| !entries.expiring.is_empty());
        Timeline { excepted, ..self }
    }

    /// The same, which knows how the permanent entries with private addresses are written.
    pub fn with_private(self, private: PrivateEntries) -> Self {
        Timeline { private, ..self }
    }

    /// What must not be dropped of the merged lists, of which these are two parts at `now`, because it is in
    /// a private connected network.
    pub fn kept_of_parts(
        &self,
        networks: Option<&Networks>,
        now: End,
        [most, rest]: &[RangeSets; 2],
    ) -> RangeSets {
        let Some(networks) = networks else { return RangeSets::default() };
        let area = networks.kept_area();
        self.kept(Some(networks), now, &most.intersect(&area).union(&rest.intersect(&area)))
    }

    /// What must not be dropped of `merged`, which the lists ask for at `now`, because it is in a private
    /// connected network.
    pub fn kept(&self, networks: Option<&Networks>, now: End, merged: &RangeSets) -> RangeSets {
        let Some(networks) = networks else { return RangeSets::default() };
        let lasting4 = self.all_expiring().flat_map(|entries| entries.lasting4(now));
        let lasting6 = self.all_expiring().flat_map(|entries| entries.lasting6(now));
        let private4 = self.private.v4().iter().copied().chain(lasting4);
        let private6 = self.private.v6().iter().copied().chain(lasting6);
        networks.kept_of(merged, private4, private6)
    }

    /// All entries that expire.
    fn all_expiring(&self) -> impl Iterator<Item = &ExpiringEntries> {
        let excepted = self.excepted.iter().map(|entries| &entries.expiring);
        std::iter::once(&self.expiring).chain(excepted)
    }

    /// The timeline of these parts, as the functions of the same names return them.
    pub fn from_parts(
        permanent: [RangeSets; 2],
        expiring: ExpiringEntries,
        excepted: Vec<ExceptedEntries>,
        mask: Mask,
        private: PrivateEntries,
    ) -> Self {
        Timeline { permanent, expiring, excepted, mask, private }
    }

    /// Two parts of the permanent entries, widened, without the exceptions of their lists.
    pub fn permanent(&self) -> &[RangeSets; 2] {
        &self.permanent
    }

    /// The entries that expire, not widened, of lists without exceptions.
    pub fn expiring(&self) -> &ExpiringEntries {
        &self.expiring
    }

    /// The entries that expire of each list that has exceptions.
    pub fn excepted(&self) -> &[ExceptedEntries] {
        &self.excepted
    }

    /// The mask that widens them.
    pub fn mask(&self) -> Mask {
        self.mask
    }

    /// The permanent entries with private addresses, not widened.
    pub fn private(&self) -> &PrivateEntries {
        &self.private
    }

    /// What the lists ask for at `now`, widened, before exclusions are taken out.
    pub fn at(&self, now: End) -> RangeSets {
        let [most, rest] = &self.permanent;
        let permanent = most.union(rest);
        if !self.has_ends() {
            return permanent;
        }
        let common = permanent.union(&self.mask.widen(self.expiring.at(now)));
        self.excepted.iter().fold(common, |all, list| all.union(&list.lasting(now, self.mask)))
    }

    /// The same in two parts, which together hold it: if no entry expires, nothing is merged or copied.
    pub fn parts_at(&self, now: End) -> [RangeSets; 2] {
        match self.has_ends() {
            true => [self.at(now), RangeSets::default()],
            false => self.permanent.clone(),
        }
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
        !self.expiring.is_empty() || !self.excepted.is_empty()
    }

    /// The number of entries that have expired at `now`.
    pub fn expired(&self, now: End) -> u64 {
        self.all_expiring().map(|entries| entries.expired(now)).sum()
    }

    /// The time after `now` at which the next entry expires.
    pub fn next_end(&self, now: End) -> Option<End> {
        self.all_expiring().filter_map(|entries| entries.next(now)).min()
    }
}
