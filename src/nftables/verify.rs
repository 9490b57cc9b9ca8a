//! Whether range sets are in force where another process has put them: the kernel is asked, and what
//! differs from what that process has written down is named.

#![cfg(feature = "nftables")]

use std::ffi::CString;
use std::fmt;

use super::error::Error;
use super::inspect;
use super::managed::Managed;
use super::placed::Placed;
use super::transaction::Connection;
use crate::nftables::layout::Layout;
use crate::nftables::name::{SetNames, TableName, Tables};
use crate::nftables::placement::{PlacedSet, Placement};

/// Why range sets are not in force, as a part of a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// There is no such table.
    NoTable {
        /// Its name.
        table: TableName,
    },
    /// The table has the flag dormant.
    Dormant {
        /// Its name.
        table: TableName,
    },
    /// A set is missing.
    NoSet {
        /// Its name.
        set: String,
    },
    /// A set has another number of elements than when it was filled.
    Elements {
        /// Its name.
        set: String,
        /// How many it has.
        now: u32,
        /// How many it had.
        then: u32,
    },
    /// No rule of the table uses a set.
    Unused {
        /// Its name.
        set: String,
    },
    /// The chains and rules of a managed table are not those that netfilterd wrote.
    Rules {
        /// The name of the table.
        table: TableName,
    },
    /// What was written down cannot be looked for: it is of another version, or damaged.
    Unreadable,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::NoTable { table } => write!(f, "table {table} does not exist"),
            Difference::Dormant { table } => write!(f, "table {table} is dormant"),
            Difference::NoSet { set } => write!(f, "set {} does not exist", set.escape_debug()),
            Difference::Elements { set, now, then } => {
                let set = set.escape_debug();
                write!(f, "set {set} has {now} elements instead of {then}")
            }
            Difference::Unused { set } => write!(f, "no rule uses set {}", set.escape_debug()),
            Difference::Rules { table } => {
                write!(f, "another program changed the chains or rules of table {table}")
            }
            Difference::Unreadable => {
                f.write_str("the status file does not say which sets hold the lists")
            }
        }
    }
}

/// What of `placement` is not in `tables` as it was left; empty if all of it is. Costs the same however
/// many elements there are.
pub fn differences(
    connection: &mut Connection,
    tables: &Tables,
    placement: &Placement,
) -> Result<Vec<Difference>, Error> {
    let (Ok(v4), Ok(v6)) = (placement.set4.parse(), placement.set6.parse()) else {
        return Ok(vec![Difference::Unreadable]);
    };
    let names = SetNames { v4, v6 };
    let (mut missing_tables, mut dormant, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    for table in tables.each() {
        match inspect::table(connection, &table)? {
            None => missing_tables.push(Difference::NoTable { table }),
            Some(found) => {
                sets.extend(inspect::sets(connection, &table)?);
                dormant.extend(found.dormant.then_some(Difference::Dormant { table }));
            }
        }
    }
    // Without its table no set is there, which needs no words of its own.
    if !missing_tables.is_empty() {
        return Ok(missing_tables);
    }
    let mut differences = dormant;
    differences.extend(placement.sets.iter().filter_map(|placed| missing(placed, &sets)));
    if !differences.is_empty() {
        return Ok(differences);
    }
    match tables {
        Tables::Managed => of_managed(connection, names, placement),
        Tables::Foreign(table) => {
            let rules = inspect::rules(connection, table)?;
            let unused = placement.sets.iter().filter(|set| {
                let name = set.name.as_bytes();
                !rules.iter().any(|rule| rule.looks_up.iter().any(|looked_up| looked_up == name))
            });
            Ok(unused.map(|set| Difference::Unused { set: set.name.clone() }).collect())
        }
    }
}

/// The managed tables with other chains or rules than netfilterd wrote.
fn of_managed(
    connection: &mut Connection,
    names: SetNames,
    placement: &Placement,
) -> Result<Vec<Difference>, Error> {
    let sets = placement.sets.iter().map(|set| set.name.as_str());
    let name = |name: &String| CString::new(name.as_str()).ok();
    let interfaces = placement.interfaces.as_ref();
    let interfaces = interfaces.map(|names| names.iter().filter_map(name).collect());
    let Some(placed) = Placed::by_names(sets, &names) else {
        return Ok(vec![Difference::Unreadable]);
    };
    let managed = Managed::new(names, Vec::new(), Layout::default()).with_interfaces(interfaces);
    let out = managed.out_of_place(connection, &placed)?;
    Ok(out.into_iter().map(|table| Difference::Rules { table }).collect())
}

/// What is wrong with a set, by the sets that there are.
fn missing(placed: &PlacedSet, sets: &[inspect::Set]) -> Option<Difference> {
    let set = placed.name.clone();
    let Some(found) = sets.iter().find(|found| found.name.to_bytes() == set.as_bytes()) else {
        return Some(Difference::NoSet { set });
    };
    match (placed.elements, found.count) {
        (Some(then), Some(now)) if then != now => Some(Difference::Elements { set, now, then }),
        _ => None,
    }
}
