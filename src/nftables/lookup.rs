//! What the kernel itself has in force: questions to the sets that the rules look up. Whether one
//! address is in force costs one element a set, however large the sets are; what is in force in all is
//! asked only up to a limit.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};
use std::net::IpAddr;

use super::chains::Chain;
use super::elements::{self, Key};
use super::error::Error;
use super::inspect;
use super::key_type::KeyType;
use super::objects::Direction;
use super::replaced;
use super::transaction::Connection;
use crate::ip::{Range, RangeSet, RangeSets};
use crate::nftables::name::{SetName, SetNames, TableName, Tables};
use crate::nftables::set_name::KernelSetName;

/// Whether an address is in force, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InForce {
    /// A set that a rule looks up has it.
    Yes {
        /// The table that the set is in.
        table: TableName,
    },
    /// No such set has it.
    No,
    /// There is no such table, or no rule in it looks such a set up.
    Nothing,
}

/// How many elements of a set are dumped at most; two make an interval. A dump of more elements of an
/// interval set takes seconds, since the kernel goes through the set again for each piece.
pub const MOST_ELEMENTS: usize = 200_000;

/// A set that a rule looks up.
struct LookedUp {
    table: TableName,
    set: CString,
}

/// What is in force by the sets named after `sets` that rules of `tables` look up. `None` if it is too much to ask for.
pub fn all_in_force(
    connection: &mut Connection,
    tables: &Tables,
    sets: &SetNames,
) -> Result<Option<RangeSets>, Error> {
    let looked_up = looked_up(connection, tables, sets)?;
    // After a dump that was given up the connection is of no further use.
    let Some(v4) = range_set(connection, tables, &looked_up, &sets.v4)? else { return Ok(None) };
    let Some(v6) = range_set(connection, tables, &looked_up, &sets.v6)? else { return Ok(None) };
    Ok(Some(RangeSets { v4, v6 }))
}

/// What the sets hold that are among those and hold the lists for `set`; `None` if it is too much.
fn range_set<A: Key>(
    connection: &mut Connection,
    tables: &Tables,
    looked_up: &[LookedUp],
    set: &SetName,
) -> Result<Option<RangeSet<A>>, Error> {
    let mut all = Vec::new();
    for (LookedUp { table, set }, length) in sets_for(set, tables, looked_up) {
        let Some(ranges) = ranges_of(connection, table, set, length)? else { return Ok(None) };
        all.extend(ranges);
    }
    Ok(Some(RangeSet::from_ranges(all)))
}

/// The ranges in a set, which holds networks of `length` bits by their first addresses, or is an
/// interval set; `None` if they are too many.
fn ranges_of<A: Key>(
    connection: &mut Connection,
    table: &TableName,
    set: &CStr,
    length: Option<u8>,
) -> Result<Option<Vec<Range<A>>>, Error> {
    let elements = connection.dump_most(
        libc::NFT_MSG_GETSETELEM,
        table.family(),
        |request| elements::name(request, table, set),
        elements::read::<A>,
        MOST_ELEMENTS,
    )?;
    Ok(elements.map(|elements| match length {
        None => elements::intervals(&elements),
        Some(length) => elements.iter().map(|&(key, _)| Range::network(key, length)).collect(),
    }))
}

/// Whether any rule of the tables looks up a set.
pub fn looks_up(
    connection: &mut Connection,
    tables: &Tables,
    sets: &SetNames,
) -> Result<bool, Error> {
    Ok(!looked_up(connection, tables, sets)?.is_empty())
}

/// The sets that rules of the tables look up, in the managed tables those of netfilterd's chains: a rule
/// that another program put there may still look up a set of an earlier load. Before a load has replaced the
/// table of an older version, also those that its rules look up. None of a table that does not exist, and
/// of a managed table whose chains packets do not pass.
fn looked_up(
    connection: &mut Connection,
    tables: &Tables,
    sets: &SetNames,
) -> Result<Vec<LookedUp>, Error> {
    let mut all = Vec::new();
    for table in tables.each() {
        let Some(found) = inspect::table(connection, &table)? else { continue };
        if tables.is_managed() && found.dormant {
            continue;
        }
        let mut rules = inspect::rules(connection, &table)?;
        rules.retain(|rule| !tables.is_managed() || Chain::named(rule.chain.to_bytes()).is_some());
        all.extend(sets_of(&table, &rules));
    }
    if tables.is_managed() {
        if let Some(replaced) = replaced::find(connection, sets)? {
            all.extend(sets_of(replaced.table(), replaced.rules_in_force()));
        }
    }
    Ok(all)
}

/// The sets that these rules of a table look up, each once.
fn sets_of(table: &TableName, rules: &[inspect::Rule]) -> Vec<LookedUp> {
    let names = rules.iter().flat_map(|rule| rule.looks_up.iter().cloned());
    let mut names: Vec<CString> = names.flat_map(CString::new).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|set| LookedUp { table: table.clone(), set }).collect()
}

/// Whether `address` is in a set named after that of its family in `sets` that a rule of `tables` looks
/// up: in the managed tables one with a generation and perhaps a prefix length in its name, else the set
/// itself.
pub fn in_force(
    connection: &mut Connection,
    tables: &Tables,
    sets: &SetNames,
    address: IpAddr,
) -> Result<InForce, Error> {
    let looked_up = looked_up(connection, tables, sets)?;
    match address {
        IpAddr::V4(address) => holds(connection, tables, &looked_up, &sets.v4, u32::from(address)),
        IpAddr::V6(address) => holds(connection, tables, &looked_up, &sets.v6, u128::from(address)),
    }
}

/// The interfaces on which the managed tables drop incoming packets; `None` if that is all of them, or if
/// the rules are another program's. Both tables have the same.
pub fn interfaces(
    connection: &mut Connection,
    tables: &Tables,
) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let table = Tables::managed().v4;
    let chain = Chain::Listed(Direction::Inbound, KeyType::V4);
    if !tables.is_managed() || inspect::table(connection, &table)?.is_none() {
        return Ok(None);
    }
    let rules = inspect::rules(connection, &table)?;
    let mut rules = rules.into_iter().filter(|rule| rule.chain.as_c_str() == chain.name());
    let Some(_) = rules.next() else { return Ok(None) };
    // What is counted is dropped.
    let drops = rules.filter(|rule| rule.has_object).map(|rule| rule.interface);
    Ok(drops.collect())
}

fn holds<A: Key>(
    connection: &mut Connection,
    tables: &Tables,
    looked_up: &[LookedUp],
    set: &SetName,
    address: A,
) -> Result<InForce, Error> {
    let mut answer = InForce::Nothing;
    for (LookedUp { table, set }, length) in sets_for(set, tables, looked_up) {
        if has(connection, table, set, length, address)? {
            return Ok(InForce::Yes { table: table.clone() });
        }
        answer = InForce::No;
    }
    Ok(answer)
}

/// Those of the sets that hold the lists for `set`, with the length of the networks in a hash set: in the
/// managed tables those whose names say so, in a foreign one the interval set of exactly that name. In the
/// managed tables netfilterd did not fill a set of exactly that name.
fn sets_for<'a>(
    set: &SetName,
    tables: &Tables,
    looked_up: &'a [LookedUp],
) -> impl Iterator<Item = (&'a LookedUp, Option<u8>)> {
    looked_up.iter().filter_map(|found| {
        let bytes = found.set.as_bytes();
        let length = if tables.is_managed() {
            KernelSetName::parse(bytes, set)?.length
        } else {
            (bytes == set.as_str().as_bytes()).then_some(None)?
        };
        Some((found, length))
    })
}

fn has<A: Key>(
    connection: &mut Connection,
    table: &TableName,
    set: &CStr,
    length: Option<u8>,
    address: A,
) -> Result<bool, Error> {
    let key = length.map_or(address, |length| address.first_of(length));
    let found = connection.get(
        libc::NFT_MSG_GETSETELEM,
        table.family(),
        |request| elements::question(request, table, set, key),
        |message| {
            let kind = message.kind_in(libc::NFNL_SUBSYS_NFTABLES);
            (kind == Some(libc::NFT_MSG_NEWSETELEM)).then_some(())
        },
    )?;
    Ok(found.is_some())
}
