//! What is taken out of the merged lists: what is allowed, and what is protected.

use crate::ip::range::RangeSets;

/// What the lists name and what is not dropped nevertheless.
#[derive(Clone, Debug, Default)]
pub struct Exclusions {
    /// What an allowlist names, too.
    pub allowed: RangeSets,
    /// What is protected; it may be allowed as well.
    pub protected: RangeSets,
}

impl Exclusions {
    /// Takes `allowed` and `protected` out of `merged`, in one go: what is left, and what was taken.
    /// Where nothing is hit, that is found out in no time.
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

    /// Whether nothing was taken out.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.protected.is_empty()
    }

    /// All that was taken out.
    pub fn all(&self) -> RangeSets {
        self.allowed.union(&self.protected)
    }
}
