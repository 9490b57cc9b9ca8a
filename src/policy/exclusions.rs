//! Exclusions: what is allowed or protected is taken out of the merged lists.

use crate::ip::RangeSets;

/// The addresses that the lists name but netfilterd does not drop.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// Addresses that are listed and allowed.
    pub allowed: RangeSets,
    /// Addresses that are listed and protected. Some may be allowed as well.
    pub protected: RangeSets,
}

impl Exclusions {
    /// Takes `allowed` and `protected` out of `merged` in one pass. Returns what remains, and what was
    /// excluded. Costs almost nothing if `merged` holds neither.
    pub fn out_of(
        merged: RangeSets,
        allowed: &RangeSets,
        protected: &RangeSets,
    ) -> (RangeSets, Exclusions) {
        let both = allowed.union(protected);
        let hit = merged.intersect(&both);
        if hit.is_empty() {
            return (merged, Exclusions::default());
        }
        let exclusions =
            Exclusions { allowed: hit.intersect(allowed), protected: hit.intersect(protected) };
        (merged.subtract(&both), exclusions)
    }

    /// All addresses that were excluded.
    pub fn all(&self) -> RangeSets {
        self.allowed.union(&self.protected)
    }
}
