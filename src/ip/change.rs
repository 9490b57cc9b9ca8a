//! The difference of two range sets in networks, and what a back end did to apply it.

use std::ops::Add;

use super::address::Address;
use super::range_set::{RangeSet, RangeSets};

/// A difference, counted in the fewest networks that name exactly the addresses that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Networks that are desired and not held.
    pub added: u64,
    /// Networks that are held and not desired.
    pub removed: u64,
}

impl Change {
    /// The difference between what is `held` and what is `desired`. With `None` all of it is added.
    pub fn between(held: Option<&RangeSets>, desired: &RangeSets) -> Self {
        match held {
            None => Change { added: desired.network_count(), removed: 0 },
            Some(held) => {
                Change::in_family(&held.v4, &desired.v4) + Change::in_family(&held.v6, &desired.v6)
            }
        }
    }

    /// The difference of one family.
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

/// What a back end did to put range sets in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Nothing: the desired sets were in force already.
    Unchanged,
    /// It changed what differed.
    Changed(Change),
    /// It put all networks in force again.
    Rebuilt(Change),
}

impl Applied {
    /// The difference between the sets in force before and after.
    pub fn change(self) -> Change {
        match self {
            Applied::Unchanged => Change::default(),
            Applied::Changed(change) | Applied::Rebuilt(change) => change,
        }
    }
}
