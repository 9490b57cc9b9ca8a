//! What the named counters of the managed tables say.

#![cfg(feature = "nftables")]

use super::constants::*;
use super::error::Error;
use super::key_type::KeyType;
use super::objects::{self, Direction};
use super::transaction::Connection;
use crate::ip::PerFamily;
use crate::netlink::{Message, attributes, find, find_u64};
use crate::nftables::name::TableName;

/// What was dropped one way, of one family, since the table was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The way.
    pub direction: Direction,
    /// The type of the addresses by which it was dropped.
    pub addresses: KeyType,
    /// Packets.
    pub packets: u64,
    /// Bytes of them, from the IP header on.
    pub bytes: u64,
}

/// The counters that are in `tables`, each in the one for its addresses; nothing of what the table has no
/// counter for.
pub fn counters(
    connection: &mut Connection,
    tables: &PerFamily<TableName>,
) -> Result<Vec<Counter>, Error> {
    let mut all = Vec::new();
    for direction in Direction::ALL {
        for addresses in KeyType::ALL {
            let table = addresses.of(tables);
            let counter = connection.get(
                libc::NFT_MSG_GETOBJ,
                table.family(),
                |request| objects::name_counter(request, table, direction, addresses),
                read,
            )?;
            all.extend(counter.map(|(packets, bytes)| Counter {
                direction,
                addresses,
                packets,
                bytes,
            }));
        }
    }
    Ok(all)
}

/// Packets and bytes of a counter.
fn read(message: &Message<'_>) -> Option<(u64, u64)> {
    if message.kind_in(libc::NFNL_SUBSYS_NFTABLES)? != libc::NFT_MSG_NEWOBJ {
        return None;
    }
    let counter = attributes(find(message.attributes(), NFTA_OBJ_DATA)?);
    let packets = find_u64(counter.clone(), NFTA_COUNTER_PACKETS)?;
    Some((packets, find_u64(counter, NFTA_COUNTER_BYTES)?))
}
