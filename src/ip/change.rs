//! By how many networks two states differ, and what was done to get from one to the other.

use std::ops::Add;

use super::address::Address;
use super::range::{RangeSet, RangeSets};

/// A difference, in the smallest number of networks that name exactly the addresses that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Networks that are desired and not held.
    pub added: u64,
    /// Networks that are held and not desired.
    pub removed: u64,
}

impl Change {
    /// The difference between what is held, if anything is known to be, and what is desired.
    pub fn between(held: Option<&RangeSets>, desired: &RangeSets) -> Self {
        match held {
            None => Change { added: desired.network_count(), removed: 0 },
            Some(held) => {
                Change::in_family(&held.v4, &desired.v4) + Change::in_family(&held.v6, &desired.v6)
            }
        }
    }

    /// The same, of one family.
    pub fn in_family<A: Address>(held: &RangeSet<A>, desired: &RangeSet<A>) -> Self {
        if held == desired {
            return Change::default();
        }
        Change {
            added: desired.subtract(held).network_count(),
            removed: held.subtract(desired).network_count(),
        }
    }
}

impl Add for Change {
    type Output = Change;

    fn add(self, other: Change) -> Change {
        Change { added: self.added + other.added, removed: self.removed + other.removed }
    }
}

/// What putting range sets in force has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// What is desired was there already.
    Unchanged,
    /// What differed was changed.
    Changed(Change),
    /// All of it was put in force anew.
    Rebuilt(Change),
}

impl Applied {
    /// By how much what is in force differs from what was before.
    pub fn change(self) -> Change {
        match self {
            Applied::Unchanged => Change::default(),
            Applied::Changed(change) | Applied::Rebuilt(change) => change,
        }
    }
}
