//! The transactions of the managed tables, sent over a bare socket.

use std::error::Error;

use netfilterd::ip::{PerFamily, RangeSets};
use netfilterd::netlink::{Reply, Socket};
use netfilterd::nftables::batch::{Batch, FinishedBatch};
use netfilterd::nftables::chains;
use netfilterd::nftables::elements::{self, Action};
use netfilterd::nftables::key_type::KeyType;
use netfilterd::nftables::layout::{LaidOut, Rows};
use netfilterd::nftables::name::{SetNames, TableName};
use netfilterd::nftables::objects::{self, KernelSet};

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Fill and switch, as netfilterd's managed tables have them.
pub fn transactions(
    tables: &PerFamily<TableName>,
    sets: &RangeSets,
    rows: &Rows,
    round: u64,
) -> Result<(FinishedBatch, FinishedBatch)> {
    let kernel_sets = kernel_sets(rows, round)?;
    let (v4, v6) = (LaidOut::new(&sets.v4, &rows.v4), LaidOut::new(&sets.v6, &rows.v6));

    let mut fill = Batch::new();
    for keys in KeyType::ALL {
        objects::add_table(&mut fill, keys.of(tables));
    }
    objects::add_sets(&mut fill, tables, &kernel_sets);
    for set in &kernel_sets {
        let (table, name, add) = (set.keys.of(tables), &set.name, Action::Add);
        match set.keys {
            KeyType::V4 => elements::change(&mut fill, add, table, name, v4.elements_of(set.kind)),
            KeyType::V6 => elements::change(&mut fill, add, table, name, v6.elements_of(set.kind)),
        }
    }

    let mut switch = Batch::new();
    for keys in KeyType::ALL {
        let of_family: Vec<_> =
            kernel_sets.iter().filter(|set| set.keys == keys).cloned().collect();
        objects::add_counters(&mut switch, keys.of(tables), keys, |_| (0, 0));
        chains::switch(&mut switch, keys.of(tables), keys, &of_family, None);
    }
    if round > 1 {
        for old in self::kernel_sets(rows, round - 1)? {
            objects::delete_set(&mut switch, old.keys.of(tables), &old.name);
        }
    }
    let unfit = |why| format!("{why:?}");
    Ok((fill.finish().map_err(unfit)?, switch.finish().map_err(unfit)?))
}

fn kernel_sets(rows: &Rows, generation: u64) -> Result<Vec<KernelSet>> {
    let names = SetNames { v4: "drop4".parse()?, v6: "drop6".parse()? };
    Ok(KernelSet::all(&names, rows, generation))
}

/// One send, and every answer that waits behind it.
pub fn carry_out(socket: &mut Socket, batch: &FinishedBatch) -> Result<()> {
    socket.send(batch.bytes())?;
    let mut acknowledged = false;
    let mut refused = None;
    socket.receive_waiting(|message| {
        let reply = message.and_then(Reply::parse);
        acknowledged |= reply.is_some();
        refused = refused.take().or(reply.filter(|reply| reply.errno != 0));
    })?;
    match refused {
        Some(reply) => Err(std::io::Error::from_raw_os_error(reply.errno).into()),
        None if acknowledged => Ok(()),
        None => Err("the kernel did not answer".into()),
    }
}
