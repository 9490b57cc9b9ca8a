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
use super::transaction::Connection;
use crate::ip::{Range, RangeSet, RangeSets};
use crate::nftables::name::{SetName, SetNames, TableName};
use crate::nftables::set_name::KernelSetName;

/// Whether an address is in force, as the kernel says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce {
    /// A set that a rule looks up has it.
    Yes,
    /// No such set has it.
    No,
    /// There is no such table, or no rule in it looks such a set up.
    Nothing,
}

/// How many elements of a set are dumped at most; two make an interval. A dump of more elements of an
/// interval set takes seconds, since the kernel goes through the set again for each piece.
pub const MOST_ELEMENTS: usize = 200_000;

/// What is in force by the sets named after `sets` that rules of `table` look up. `None` if it is too much to ask for.
pub fn all_in_force(
    connection: &mut Connection,
    table: &TableName,
    sets: &SetNames,
) -> Result<Option<RangeSets>, Error> {
    let names = looked_up(connection, table)?;
    // After a dump that was given up the connection is of no further use.
    let Some(v4) = range_set(connection, table, &names, &sets.v4)? else { return Ok(None) };
    let Some(v6) = range_set(connection, table, &names, &sets.v6)? else { return Ok(None) };
    Ok(Some(RangeSets { v4, v6 }))
}

/// What the sets hold that are among `names` and hold the lists for `set`; `None` if it is too much.
fn range_set<A: Key>(
    connection: &mut Connection,
    table: &TableName,
    names: &[CString],
    set: &SetName,
) -> Result<Option<RangeSet<A>>, Error> {
    let mut all = Vec::new();
    for (name, length) in sets_for(set, table, names) {
        let Some(ranges) = ranges_of(connection, table, name, length)? else { return Ok(None) };
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

/// Whether any rule of a table looks up a set.
pub fn looks_up(connection: &mut Connection, table: &TableName) -> Result<bool, Error> {
    Ok(!looked_up(connection, table)?.is_empty())
}

/// The names of the sets that rules of a table look up, in the managed table those of its own chains:
/// a rule that another program put there may still look up a set of an earlier load. None if there is
/// no such table.
fn looked_up(connection: &mut Connection, table: &TableName) -> Result<Vec<CString>, Error> {
    if inspect::table(connection, table)?.is_none() {
        return Ok(Vec::new());
    }
    let rules = inspect::rules(connection, table)?;
    let counts =
        |rule: &inspect::Rule| !table.is_managed() || Chain::named(rule.chain.to_bytes()).is_some();
    let rules = rules.into_iter().filter(counts);
    let mut names: Vec<CString> =
        rules.flat_map(|rule| rule.looks_up).flat_map(CString::new).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Whether `address` is in a set named after that of its family in `sets` that a rule of `table` looks
/// up: in the managed table one with a generation and perhaps a prefix length in its name, else the set
/// itself.
pub fn in_force(
    connection: &mut Connection,
    table: &TableName,
    sets: &SetNames,
    address: IpAddr,
) -> Result<InForce, Error> {
    match address {
        IpAddr::V4(address) => holds(connection, table, &sets.v4, u32::from(address)),
        IpAddr::V6(address) => holds(connection, table, &sets.v6, u128::from(address)),
    }
}

/// The interfaces on which the managed table drops incoming packets; `None` if that is all of them, or if
/// the rules are another program's.
pub fn interfaces(
    connection: &mut Connection,
    table: &TableName,
) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let chain = Chain::Listed(Direction::Inbound, KeyType::V4);
    if !table.is_managed() || inspect::table(connection, table)?.is_none() {
        return Ok(None);
    }
    let rules = inspect::rules(connection, table)?;
    let mut rules = rules.into_iter().filter(|rule| rule.chain.as_c_str() == chain.name());
    let Some(_) = rules.next() else { return Ok(None) };
    // What is counted is dropped.
    let drops = rules.filter(|rule| rule.has_object).map(|rule| rule.interface);
    Ok(drops.collect())
}

fn holds<A: Key>(
    connection: &mut Connection,
    table: &TableName,
    set: &SetName,
    address: A,
) -> Result<InForce, Error> {
    let mut answer = InForce::Nothing;
    for (name, length) in sets_for(set, table, &looked_up(connection, table)?) {
        if has(connection, table, name, length, address)? {
            return Ok(InForce::Yes);
        }
        answer = InForce::No;
    }
    Ok(answer)
}

/// Those of the sets called `names` that hold the lists for `set`, with the length of the networks in
/// a hash set: in the managed table those whose names say so, in a foreign one the interval set of
/// exactly that name. In the managed table netfilterd did not fill a set of exactly that name.
fn sets_for<'a>(
    set: &SetName,
    table: &TableName,
    names: &'a [CString],
) -> impl Iterator<Item = (&'a CStr, Option<u8>)> {
    names.iter().filter_map(|name| {
        let bytes = name.as_bytes();
        let length = if table.is_managed() {
            KernelSetName::parse(bytes, set)?.length
        } else {
            (bytes == set.as_str().as_bytes()).then_some(None)?
        };
        Some((name.as_c_str(), length))
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
