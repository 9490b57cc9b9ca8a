//! What the managed table's named counters say.

use super::constants::*;
use super::error::Error;
use super::objects::{self, Direction};
use super::transaction::Connection;
use crate::netlink::{Message, attributes, find, find_u64};
use crate::nftables::name::TableName;
use crate::status::Dropped;

/// What was dropped since the table was made, each way and of each family; nothing of what the
/// table has no counter for.
pub fn dropped(connection: &mut Connection, table: &TableName) -> Result<Vec<Dropped>, Error> {
    let mut all = Vec::new();
    for direction in Direction::ALL {
        for v6 in [false, true] {
            let counter = connection.get(
                libc::NFT_MSG_GETOBJ,
                table.family(),
                |request| objects::name_counter(request, table, direction, v6),
                read,
            )?;
            all.extend(counter.map(|(packets, bytes)| Dropped {
                direction: direction.word().to_string(),
                family: if v6 { "ipv6" } else { "ipv4" }.to_string(),
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
