//! What is asked of tables without a daemon that keeps them: what is in force, and what their counters have
//! counted. The command line asks the same.

use crate::nftables::counters;
use crate::nftables::key_type::KeyType;
use crate::nftables::name::Tables;
use crate::nftables::objects::Direction;
use crate::nftables::{Connection, Error, Target};
use crate::policy::remembered::Found;
use crate::status::Dropped;

/// What the kernel has in force, before this process has loaded anything.
pub fn found(target: &Target) -> Found {
    match target.in_force() {
        Ok(Some(sets)) if sets.is_empty() => Found::Nothing,
        Ok(Some(sets)) => Found::Sets(sets),
        Ok(None) => Found::Something,
        Err(error) => {
            log::debug!("cannot read what is in force: {error}");
            Found::Unknown
        }
    }
}

/// The counters of the managed tables; empty for a table of the user's own, which has no such counters.
pub fn dropped(tables: &Tables) -> Result<Vec<Dropped>, Error> {
    if !tables.is_managed() {
        return Ok(Vec::new());
    }
    let counters = counters::counters(&mut Connection::open()?, &Tables::managed())?;
    let dropped = counters.into_iter().map(|counter| {
        let direction = match counter.direction {
            Direction::Inbound => "in",
            Direction::Outbound => "out",
        };
        let family = match counter.addresses {
            KeyType::V4 => "ipv4",
            KeyType::V6 => "ipv6",
        };
        Dropped {
            direction: direction.to_string(),
            family: family.to_string(),
            packets: counter.packets,
            bytes: counter.bytes,
        }
    });
    Ok(dropped.collect())
}
