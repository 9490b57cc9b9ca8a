//! What the kernel itself has in force: questions to the sets that the rules look up. Whether one
//! address is in force costs one element a set, however large the sets are; what is in force in all is
//! asked only up to a limit.

#![cfg(feature = "nftables")]

use std::ffi::CString;
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
use crate::nftables::layout::{Hash, SetKind};
use crate::nftables::name::{SetName, SetNames, TableName, Tables};
use crate::nftables::set_name::{Content, KernelSetName};

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
    for table in tables_of(looked_up) {
        let (mut ranges, mut passed) = (Vec::new(), None);
        for (found, content) in sets_for(set, tables, looked_up, table) {
            let Some(of_set) = ranges_of(connection, found, content)? else { return Ok(None) };
            match content {
                Content::Prefixes(_) => passed = Some(RangeSet::from_ranges(of_set)),
                Content::Ranges | Content::Networks(_) => ranges.extend(of_set),
            }
        }
        let ranges = RangeSet::from_ranges(ranges);
        let ranges = passed.map_or_else(|| ranges.clone(), |passed| ranges.intersect(&passed));
        all.extend_from_slice(ranges.ranges());
    }
    Ok(Some(RangeSet::from_ranges(all)))
}

/// The ranges in a set; `None` if they are too many.
fn ranges_of<A: Key>(
    connection: &mut Connection,
    LookedUp { table, set }: &LookedUp,
    content: Content,
) -> Result<Option<Vec<Range<A>>>, Error> {
    let elements = connection.dump_most(
        libc::NFT_MSG_GETSETELEM,
        table.family(),
        |request| elements::name(request, table, set),
        elements::read::<A>,
        MOST_ELEMENTS,
    )?;
    Ok(elements.map(|elements| match content {
        Content::Ranges => elements::intervals(&elements),
        Content::Networks(length) | Content::Prefixes(length) => {
            elements.iter().map(|&(key, _)| Range::network(key, length)).collect()
        }
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

/// The sets that rules of the tables look up, in the managed tables those of netfilterd's chains to which
/// packets come: a rule that another program put there may still look up a set of an earlier load. Before a
/// load has replaced the table of an older version, also those that its rules look up. None of a table that
/// does not exist, and of a managed table whose chains packets do not pass.
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
        if tables.is_managed() {
            let reached = reached(&rules);
            let is_reached = |chain: Chain| reached.contains(&chain);
            rules.retain(|rule| Chain::named(rule.chain.to_bytes()).is_some_and(is_reached));
        }
        all.extend(sets_of(&table, &rules));
    }
    if tables.is_managed() {
        if let Some(replaced) = replaced::find(connection, sets)? {
            all.extend(sets_of(replaced.table(), replaced.rules_in_force()));
        }
    }
    Ok(all)
}

/// Netfilterd's base chains, and those of its chains to which rules send packets from there. The chain
/// behind a prefilter is of no use without the rule that leads to it.
fn reached(rules: &[inspect::Rule]) -> Vec<Chain> {
    let mut reached: Vec<Chain> = Direction::ALL.into_iter().map(Chain::Base).collect();
    let mut at = 0;
    // Each chain is in it once, so there are no more steps than chains.
    while let Some(&chain) = reached.get(at) {
        let of_chain = rules.iter().filter(|rule| rule.chain.as_c_str() == chain.name());
        let next = of_chain.filter_map(|rule| Chain::named(rule.leads_to.as_ref()?.to_bytes()));
        for next in next {
            if !reached.contains(&next) {
                reached.push(next);
            }
        }
        at += 1;
    }
    reached
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
    for table in tables_of(looked_up) {
        // What a prefilter does not hold is looked up nowhere else.
        let (mut is_passed, mut is_held) = (true, false);
        for (found, content) in sets_for(set, tables, looked_up, table) {
            let has = has(connection, found, content, address)?;
            match content {
                Content::Prefixes(_) => is_passed &= has,
                Content::Ranges | Content::Networks(_) => is_held |= has,
            }
            answer = InForce::No;
        }
        if is_passed && is_held {
            return Ok(InForce::Yes { table: table.clone() });
        }
    }
    Ok(answer)
}

/// The tables that these sets are in.
fn tables_of(looked_up: &[LookedUp]) -> Vec<&TableName> {
    let mut tables: Vec<_> = looked_up.iter().map(|found| &found.table).collect();
    tables.dedup();
    tables
}

/// Those of the sets in a table that hold the lists for `set`, and what they hold: in the managed tables
/// those whose names say so, in a foreign one the interval set of exactly that name. In the managed tables
/// netfilterd did not fill a set of exactly that name.
fn sets_for<'a>(
    set: &SetName,
    tables: &Tables,
    looked_up: &'a [LookedUp],
    table: &TableName,
) -> impl Iterator<Item = (&'a LookedUp, Content)> {
    let of_table = looked_up.iter().filter(move |found| found.table == *table);
    of_table.filter_map(|found| {
        let bytes = found.set.as_bytes();
        let content = if tables.is_managed() {
            KernelSetName::parse(bytes, set)?.content
        } else {
            (bytes == set.as_str().as_bytes()).then_some(Content::Ranges)?
        };
        Some((found, content))
    })
}

fn has<A: Key>(
    connection: &mut Connection,
    LookedUp { table, set }: &LookedUp,
    content: Content,
    address: A,
) -> Result<bool, Error> {
    let kind = match content {
        Content::Ranges => SetKind::Interval,
        Content::Networks(length) => SetKind::Hash(Hash { length, size: 0 }),
        Content::Prefixes(length) => SetKind::Prefilter(Hash { length, size: 0 }),
    };
    let key = kind.length().map_or(address, |length| address.first_of(length));
    // Older versions had whole addresses as keys.
    let is_replaced = *table == TableName::replaced();
    let bytes = if is_replaced { A::BYTES } else { usize::from(kind.key_bytes(A::BITS)) };
    let found = connection.get(
        libc::NFT_MSG_GETSETELEM,
        table.family(),
        |request| elements::question(request, table, set, key, bytes),
        |message| {
            let kind = message.kind_in(libc::NFNL_SUBSYS_NFTABLES);
            (kind == Some(libc::NFT_MSG_NEWSETELEM)).then_some(())
        },
    )?;
    Ok(found.is_some())
}
