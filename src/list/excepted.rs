//! The entries of one list that has exceptions. They stay apart from those of other lists, because an
//! exception holds for its own list only.

use super::end::End;
use super::expiring::ExpiringEntries;
use crate::ip::{Families, Mask, RangeSets};

/// The entries of one list that has exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptedEntries {
    /// The number of the list, from 0.
    pub list: usize,
    /// The entries that have no end, merged, without the exceptions.
    pub sets: RangeSets,
    /// The entries that have an end, as they are written.
    pub expiring: ExpiringEntries,
    /// What the list does not drop, whatever its entries say.
    pub exceptions: RangeSets,
}

impl ExceptedEntries {
    /// What the entries without an end have dropped, widened by `mask`.
    pub fn permanent(&self, mask: Mask) -> RangeSets {
        mask.widen(self.sets.clone()).subtract(&self.exceptions)
    }

    /// What the entries with an end have dropped at `now`, widened by `mask`. An entry that is an exception
    /// as a whole is not widened.
    pub fn lasting(&self, now: End, mask: Mask) -> RangeSets {
        let lasting = self.expiring.at(now).subtract(&self.exceptions);
        mask.widen(lasting).subtract(&self.exceptions)
    }

    /// Those of `families`, and those of the others.
    pub fn split(self, families: Families) -> (Self, Self) {
        let ExceptedEntries { list, sets, expiring, exceptions } = self;
        let (sets, other_sets) = sets.split(families);
        let (expiring, other_expiring) = expiring.split(families);
        let others = ExceptedEntries {
            list,
            sets: other_sets,
            expiring: other_expiring,
            exceptions: exceptions.clone(),
        };
        (ExceptedEntries { list, sets, expiring, exceptions }, others)
    }
}
