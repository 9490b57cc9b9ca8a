//! Whether the kernel itself would drop an address: asks the sets that the rules look up, one
//! element each, so that it costs nothing however large they are.

use std::ffi::{CStr, CString};
use std::net::IpAddr;

use super::elements::{self, Key};
use super::error::Error;
use super::inspect;
use super::transaction::Connection;
use crate::name::{SetName, TableName};
use crate::range::Address;

/// What the kernel has to say about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InForce {
    /// A set that a rule looks up has it.
    Yes,
    /// No such set has it.
    No,
    /// There is no such table, or no rule in it looks such a set up.
    Nothing,
}

/// Whether `address` is in a set named after `set` that a rule of `table` looks up: in the managed
/// table one with a generation and perhaps a prefix length in its name, else the set itself.
pub fn in_force(
    connection: &mut Connection,
    table: &TableName,
    set: &SetName,
    address: IpAddr,
) -> Result<InForce, Error> {
    if inspect::table(connection, table)?.is_none() {
        return Ok(InForce::Nothing);
    }
    let rules = inspect::rules(connection, table)?;
    let mut names: Vec<CString> =
        rules.into_iter().flat_map(|rule| rule.looks_up).flat_map(CString::new).collect();
    names.sort_unstable();
    names.dedup();
    let mut answer = InForce::Nothing;
    for name in &names {
        let Some(length) = looked_up_by(name, set, table.is_managed()) else { continue };
        let has_it = match address {
            IpAddr::V4(address) => has(connection, table, name, u32::from(address), length)?,
            IpAddr::V6(address) => has(connection, table, name, u128::from(address), length)?,
        };
        if has_it {
            return Ok(InForce::Yes);
        }
        answer = InForce::No;
    }
    Ok(answer)
}

/// By how many leading bits of an address a set is looked up, if it is one of those meant: all of
/// them, but for a hash set of networks, whose name has their length.
fn looked_up_by(name: &CStr, set: &SetName, managed: bool) -> Option<u8> {
    let rest = name.to_bytes().strip_prefix(set.as_str().as_bytes())?;
    if !managed {
        return rest.is_empty().then_some(u8::MAX);
    }
    let (length, generation) = std::str::from_utf8(rest).ok()?.rsplit_once("_g")?;
    generation.parse::<u64>().ok()?;
    match length.strip_prefix('_') {
        Some(length) => length.parse().ok(),
        None => length.is_empty().then_some(u8::MAX),
    }
}

fn has<A: Address + Key>(
    connection: &mut Connection,
    table: &TableName,
    set: &CStr,
    address: A,
    length: u8,
) -> Result<bool, Error> {
    let found = connection.get(
        libc::NFT_MSG_GETSETELEM,
        table.family(),
        |request| elements::question(request, table, set, address.first_of(length)),
        |message| {
            let kind = message.kind_in(libc::NFNL_SUBSYS_NFTABLES);
            (kind == Some(libc::NFT_MSG_NEWSETELEM)).then_some(())
        },
    )?;
    Ok(found.is_some())
}
