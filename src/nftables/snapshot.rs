//! What was in force before a load, to return to it.
//!
//! In the managed tables a load makes new sets and switches the rules, so the old sets and the text of the
//! old rules are all that is needed: whatever they hold, and on whichever interfaces. So it is with the
//! table of an older version, which the load has disabled. In a foreign table the elements change, so they
//! are read before.

#![cfg(feature = "nftables")]

use super::error::Error;
use super::managed::Before;
use super::target::{Table, Target};
use super::transaction::Connection;
use crate::ip::RangeSets;
use crate::progress::Unseen;

/// What is in force at one time in the place of a [`Target`].
pub struct Snapshot(State);

enum State {
    /// The rules of the managed tables.
    Managed(Before),
    /// What the sets of a foreign table hold.
    Foreign(RangeSets),
}

impl Target {
    /// What is in force now. `None` if that cannot be returned to: the sets of a foreign table hold too
    /// many elements to be read, or elements in a form that netfilterd does not write.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, Error> {
        let mut connection = Connection::open()?;
        let state = match self.place() {
            Table::Managed(managed) => Some(State::Managed(managed.before(&mut connection)?)),
            Table::Foreign(foreign) => {
                let places = foreign.look(&mut connection, &RangeSets::default())?;
                foreign.dump(&places)?.map(State::Foreign)
            }
        };
        Ok(state.map(Snapshot))
    }

    /// Returns to what was in force before a load, in one transaction. Such a load must have kept what it
    /// replaced; see [`Target::keep_replaced`].
    pub fn restore(&mut self, before: &Snapshot) -> Result<(), Error> {
        match (&before.0, self.place()) {
            (State::Managed(before), Table::Managed(managed)) => {
                let mut connection = Connection::open()?;
                managed.restore(&mut connection, before)?;
                // What is left over is not in force, and the next load deletes it.
                managed.delete_unused(&mut connection)
            }
            (State::Foreign(sets), _) => self.apply(sets, &Unseen).map(drop),
            (State::Managed(_), Table::Foreign(_)) => Ok(()),
        }
    }

    /// Deletes what a load has kept, after which nothing can be restored.
    pub fn delete_replaced(&self) -> Result<(), Error> {
        match self.place() {
            Table::Managed(managed) => managed.delete_replaced(&mut Connection::open()?),
            Table::Foreign(_) => Ok(()),
        }
    }
}
