//! Sets in the table of another program: netfilterd changes their elements and nothing else.
//!
//! There are no rules to switch, so only what differs is changed, against what was committed or, at
//! the start, against a dump. A set too large to be dumped is flushed and refilled in one
//! transaction, in ascending order. The sets are looked at first, since the kernel's own errors
//! for a set of the wrong kind say little, and some it does not report.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};

use super::batch::Batch;
use super::elements::{self, Action, Key};
use super::error::Error;
use super::inspect::{self, Set};
use super::kernel;
use super::key_type::KeyType;
use super::listeners;
use super::set_fault::SetFault;
use super::transaction::{Connection, Sending};
use crate::ip::change::Change;
use crate::ip::{PerFamily, RangeSet, RangeSets};
use crate::nftables::layout::{Filled, Rows};
use crate::nftables::name::{SetName, SetNames, TableName};
use crate::nftables::plan::{Delta, Differing, Plan};
use crate::progress::Progress;

/// How many elements a set may have to be dumped, both ends of a network counted: beyond that the
/// kernel, which takes quadratic time for it, takes longer than for loading them.
const MOST_DUMPED: usize = 400_000;

/// A table of another program, in which netfilterd fills two sets.
pub struct Foreign {
    table: TableName,
    sets: SetNames,
}

/// The sets that were looked at and can be filled; one that is missing is not needed.
pub type Places = PerFamily<Option<Place>>;

/// A set that can be filled.
pub struct Place {
    name: CString,
}

impl Foreign {
    /// The sets called `sets` of `table`.
    pub fn new(table: TableName, sets: SetNames) -> Self {
        Foreign { table, sets }
    }

    /// The table by family and name.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// The names of the sets.
    pub fn sets(&self) -> &SetNames {
        &self.sets
    }

    /// The names of the sets that hold `sets`.
    pub fn names(&self, sets: &RangeSets) -> Vec<CString> {
        let families = [(&self.sets.v4, sets.v4.is_empty()), (&self.sets.v6, sets.v6.is_empty())];
        let filled = families.into_iter().filter(|(_, empty)| !empty);
        // A set's name has no NUL.
        filled.map(|(name, _)| CString::new(name.as_str()).unwrap_or_default()).collect()
    }

    /// Looks at the table and its sets. Warns if no rule uses a set, or the table is dormant.
    pub fn look(&self, connection: &mut Connection, sets: &RangeSets) -> Result<Places, Error> {
        let (places, dormant) = self.find(connection, sets)?;
        if dormant {
            log::warn!(
                "table {0} is dormant: its rules drop nothing; enable it: nft add table {0}",
                self.table
            );
        }
        self.warn_if_unused(connection, &places)?;
        Ok(places)
    }

    /// Looks at the table and its sets, without a warning.
    pub fn places(&self, connection: &mut Connection, sets: &RangeSets) -> Result<Places, Error> {
        Ok(self.find(connection, sets)?.0)
    }

    /// The sets to fill, and whether the table is dormant.
    fn find(&self, connection: &mut Connection, sets: &RangeSets) -> Result<(Places, bool), Error> {
        let Some(table) = inspect::table(connection, &self.table)? else {
            return Err(Error::NoTable { table: self.table.clone() });
        };
        let found = inspect::sets(connection, &self.table)?;
        let v4 = self.place(&found, &self.sets.v4, KeyType::V4, sets.v4.is_empty())?;
        let v6 = self.place(&found, &self.sets.v6, KeyType::V6, sets.v6.is_empty())?;
        Ok((Places { v4, v6 }, table.dormant))
    }

    /// What the sets hold; `None` if that is more than is worth dumping, or not in the form of a
    /// range set.
    pub fn dump(&self, places: &Places) -> Result<Option<RangeSets>, Error> {
        let v4 = self.dump_set(&places.v4)?;
        let v6 = self.dump_set(&places.v6)?;
        Ok(v4.zip(v6).map(|(v4, v6)| RangeSets { v4, v6 }))
    }

    fn dump_set<A: Key>(&self, place: &Option<Place>) -> Result<Option<RangeSet<A>>, Error> {
        let Some(place) = place else { return Ok(Some(RangeSet::default())) };
        // Of its own, since a dump that is given up leaves the connection in the middle of it.
        let elements = Connection::open()?.dump_most(
            libc::NFT_MSG_GETSETELEM,
            self.table.family(),
            |request| elements::name(request, &self.table, &place.name),
            elements::read::<A>,
            MOST_DUMPED,
        )?;
        let Some(elements) = elements else { return Ok(None) };
        let intervals = elements::intervals(&elements);
        let (dumped, set) = (intervals.len(), RangeSet::from_ranges(intervals));
        // Adjacent networks that another program added one by one are not the ranges of a range
        // set, and can only be deleted one by one.
        Ok((set.len() == dumped).then_some(set))
    }

    /// Changes what differs between `held`, which the sets are known to hold at the generation
    /// `at`, and `desired`. Returns what that was; `None` if nothing differs. Takes one transaction.
    pub fn change(
        &self,
        connection: &mut Connection,
        places: &Places,
        at: u32,
        held: &RangeSets,
        desired: &RangeSets,
        progress: &dyn Progress,
    ) -> Result<Option<Change>, Error> {
        let mut batch = Batch::at_generation(at);
        let filled = Filled::with(Rows::INTERVAL, held);
        let delta = match Plan::new(held, desired, &filled, None) {
            Plan::Nothing => return Ok(None),
            Plan::Delta(delta, _) => Some(delta),
            Plan::Rebuild if kernel::changes_ranges_safely() => None,
            // A refill would let packets through from networks that stay listed.
            Plan::Rebuild => Some(Delta::between(held, desired, &Rows::INTERVAL)),
        };
        let change = Change::between(Some(held), desired);
        let networks = match delta {
            Some(delta) => {
                self.change_elements(&mut batch, places, &delta);
                change.added + change.removed
            }
            None => {
                self.refill(&mut batch, places, desired);
                desired.network_count()
            }
        };
        listeners::warn(&batch);
        connection.commit_networks(batch, &Sending::new(progress, networks))?;
        Ok(Some(change))
    }

    fn change_elements(&self, batch: &mut Batch, places: &Places, delta: &Delta) {
        for action in [Action::Delete, Action::Add] {
            self.differing(batch, action, &places.v4, &delta.v4);
            self.differing(batch, action, &places.v6, &delta.v6);
        }
    }

    fn differing<A: Key>(
        &self,
        batch: &mut Batch,
        action: Action,
        place: &Option<Place>,
        differing: &Differing<A>,
    ) {
        let ranges = match action {
            Action::Delete => &differing.deleted.ranges,
            Action::Add => &differing.added.ranges,
        };
        if let Some(place) = place {
            elements::ranges(batch, action, &self.table, &place.name, ranges);
        }
    }

    /// Flushes the sets and fills them again, whatever they hold. Takes one transaction.
    pub fn replace(
        &self,
        connection: &mut Connection,
        places: &Places,
        desired: &RangeSets,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.refill(&mut batch, places, desired);
        listeners::warn(&batch);
        connection.commit_networks(batch, &Sending::new(progress, desired.network_count()))
    }

    fn refill(&self, batch: &mut Batch, places: &Places, desired: &RangeSets) {
        if let Some(place) = &places.v4 {
            elements::flush(batch, &self.table, &place.name);
            let ranges = desired.v4.ranges();
            elements::ranges(batch, Action::Add, &self.table, &place.name, ranges);
        }
        if let Some(place) = &places.v6 {
            elements::flush(batch, &self.table, &place.name);
            let ranges = desired.v6.ranges();
            elements::ranges(batch, Action::Add, &self.table, &place.name, ranges);
        }
    }

    /// The set to fill. One that is missing is no matter if nothing is to go in.
    fn place(
        &self,
        found: &[Set],
        name: &SetName,
        keys: KeyType,
        empty: bool,
    ) -> Result<Option<Place>, Error> {
        let set = found.iter().find(|set| set.name.as_bytes() == name.as_str().as_bytes());
        let Some(set) = set else {
            if empty {
                return Ok(None);
            }
            return Err(Error::NoSet { table: self.table.clone(), set: name.clone(), keys });
        };
        match fault_of(set, keys) {
            None => Ok(Some(Place { name: set.name.clone() })),
            Some(fault) => Err(Error::UnsuitableSet {
                table: self.table.clone(),
                set: name.clone(),
                fault,
                keys,
            }),
        }
    }

    fn warn_if_unused(&self, connection: &mut Connection, places: &Places) -> Result<(), Error> {
        let rules = inspect::rules(connection, &self.table)?;
        for place in [&places.v4, &places.v6].into_iter().flatten() {
            let name: &CStr = &place.name;
            let uses =
                |rule: &inspect::Rule| rule.looks_up.iter().any(|set| set == name.to_bytes());
            if !rules.iter().any(uses) {
                log::warn!(
                    "no rule of table {} uses set {}, so nothing in it is dropped; add a rule that uses \
                     it",
                    self.table,
                    name.to_string_lossy()
                );
            }
        }
        Ok(())
    }
}

/// What keeps a set from holding networks with addresses of a type.
fn fault_of(set: &Set, keys: KeyType) -> Option<SetFault> {
    let has = |flag: libc::c_int| set.flags & flag as u32 != 0;
    if has(libc::NFT_SET_MAP) {
        Some(SetFault::Map)
    } else if !set.has_keys(keys) {
        Some(SetFault::Keys { key_type: set.key_type, key_length: set.key_length })
    } else if !has(libc::NFT_SET_INTERVAL) {
        Some(SetFault::NoInterval)
    } else if has(libc::NFT_SET_CONSTANT) {
        Some(SetFault::Constant)
    } else if has(libc::NFT_SET_TIMEOUT) {
        Some(SetFault::Timeout)
    } else {
        None
    }
}
