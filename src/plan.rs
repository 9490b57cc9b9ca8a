//! What has to change: held against wanted.
//!
//! A pure function of two range sets. What it says is what is logged: networks added and removed,
//! in the smallest number of networks that name exactly the addresses that differ.

use crate::range::RangeSets;

/// What is to be done to get from what is held to what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Both are the same, so there is nothing to do as long as what is held is still there.
    Nothing,
    /// All of it is to be put in force anew.
    Rebuild(Change),
}

/// By how many networks two states differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Networks that are wanted and not held.
    pub added: u64,
    /// Networks that are held and not wanted.
    pub removed: u64,
}

impl Plan {
    /// The plan that leads from `held` to `wanted`; `None` is what a new process knows, which is
    /// nothing, so it cannot rely on anything being there.
    pub fn new(held: Option<&RangeSets>, wanted: &RangeSets) -> Self {
        let Some(held) = held else {
            return Plan::Rebuild(Change { added: wanted.network_count(), removed: 0 });
        };
        if held == wanted {
            return Plan::Nothing;
        }
        Plan::Rebuild(Change {
            added: wanted.subtract(held).network_count(),
            removed: held.subtract(wanted).network_count(),
        })
    }
}
