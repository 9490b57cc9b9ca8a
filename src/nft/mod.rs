//! Range sets into the kernel.
//!
//! In reading order: [`batch`] and [`message`] (netlink out and in), [`elements`] and [`objects`] (what goes into a batch), [`transaction`] (the one place that sends), [`inspect`]
//! (questions), and the two ways of putting range sets in force: [`managed`], in a table of our
//! own, and [`foreign`], in sets of somebody else's.

pub mod batch;
pub mod elements;
pub mod error;
pub mod foreign;
pub mod inspect;
pub mod managed;
pub mod message;
pub mod objects;
pub mod transaction;

use std::ffi::CString;

pub use crate::name::{Family, SetName, TableName};
pub use error::Error;
pub use transaction::Connection;

use crate::range::RangeSets;

/// Where in nftables the range sets are put in force.
pub enum Target {
    /// The table that netfilterd creates and owns.
    Managed(managed::Managed),
    /// Named sets in somebody else's table.
    Foreign(foreign::Foreign),
}

impl Target {
    /// The target that the options name; `interfaces` count in the managed table only.
    pub fn new(table: TableName, set4: SetName, set6: SetName, interfaces: &[CString]) -> Self {
        if table.is_managed() {
            Target::Managed(managed::Managed::new(table, set4, set6, interfaces))
        } else {
            Target::Foreign(foreign::Foreign::new(table, set4, set6))
        }
    }

    /// Puts `sets` in force in place of what was there.
    ///
    /// On an error what was in force stays, unless it is [`Error::Unknown`]. No packet sees half
    /// of one set and half of the other. Returns how many transactions it took, by which the
    /// generation of the ruleset is higher then, if nobody else has changed anything meanwhile.
    pub fn replace(&self, connection: &mut Connection, sets: &RangeSets) -> Result<u32, Error> {
        match self {
            Target::Managed(managed) => managed.replace(connection, sets),
            Target::Foreign(foreign) => foreign.replace(connection, sets),
        }
    }
}
