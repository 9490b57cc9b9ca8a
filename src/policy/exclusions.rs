//! Exclusions: what is allowed or protected is taken out of the merged lists.

use crate::ip::RangeSets;

/// The addresses that the lists name but netfilterd does not drop.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// Addresses that are listed and allowed.
    pub allowed: RangeSets,
    /// Addresses that are listed and protected. Some may be allowed as well.
    pub protected: RangeSets,
    /// Addresses that are listed and kept, because they are in a private connected network. Some may be
    /// allowed or protected as well.
    pub connected: RangeSets,
}

impl Exclusions {
    /// Takes `allowed`, `protected` and what is kept of `connected` networks out of `merged` in one
    /// pass. Returns what remains, and what was excluded. Costs almost nothing if `merged` holds none
    /// of them.
    pub fn out_of(
        merged: RangeSets,
        allowed: &RangeSets,
        protected: &RangeSets,
        connected: &RangeSets,
    ) -> (RangeSets, Exclusions) {
        Exclusions::out_of_parts([merged, RangeSets::default()], allowed, protected, connected)
    }

    /// The same, where two sets together hold the merged lists. The larger one should be the first: it is
    /// copied once at most.
    pub fn out_of_parts(
        [most, rest]: [RangeSets; 2],
        allowed: &RangeSets,
        protected: &RangeSets,
        connected: &RangeSets,
    ) -> (RangeSets, Exclusions) {
        let all = allowed.union(protected).union(connected);
        let hit = most.intersect(&all).union(&rest.intersect(&all));
        if hit.is_empty() {
            return (most.union(&rest), Exclusions::default());
        }
        let exclusions = Exclusions {
            allowed: hit.intersect(allowed),
            protected: hit.intersect(protected),
            connected: hit.intersect(connected),
        };
        (most.subtract(&all).union(&rest.subtract(&all)), exclusions)
    }

    /// All addresses that were excluded.
    pub fn all(&self) -> RangeSets {
        self.allowed.union(&self.protected).union(&self.connected)
    }

    /// Networks that are excluded because the host needs them, connected ones included.
    pub fn protected_networks(&self) -> u64 {
        self.protected.union(&self.connected).network_count()
    }
}
