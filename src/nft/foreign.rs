//! Sets in somebody else's table: their elements are replaced, nothing else is touched.
//!
//! In one transaction, a flush and a refill in ascending order. The sets are looked at first, since
//! the kernel's own errors for a set of the wrong kind say little, and some it does not report.

use std::ffi::{CStr, CString};

use super::batch::Batch;
use super::elements;
use super::error::Error;
use super::inspect::{self, Set};
use super::transaction::Connection;
use crate::name::{SetName, TableName};
use crate::range::RangeSets;

/// `TYPE_IPADDR` and `TYPE_IP6ADDR` of nft's datatype.h.
const KEY_TYPE_V4: u32 = 7;
const KEY_TYPE_V6: u32 = 8;

/// A table that belongs to somebody else.
pub struct Foreign {
    table: TableName,
    set4: SetName,
    set6: SetName,
}

/// A set that was looked at and found good.
struct Place {
    name: CString,
}

impl Foreign {
    /// Sets `set4` and `set6` of `table`.
    pub fn new(table: TableName, set4: SetName, set6: SetName) -> Self {
        Foreign { table, set4, set6 }
    }

    /// See [`super::Target::replace`]. Warns if no rule uses a set, or the table is dormant.
    pub fn replace(&self, connection: &mut Connection, sets: &RangeSets) -> Result<u32, Error> {
        let Some(table) = inspect::table(connection, &self.table)? else {
            return Err(Error::NoTable(self.table.clone()));
        };
        if table.dormant {
            log::warn!("table {} is dormant: its rules drop nothing", self.table);
        }
        let found = inspect::sets(connection, &self.table)?;
        let v4 = self.place(&found, &self.set4, false, sets.v4.is_empty())?;
        let v6 = self.place(&found, &self.set6, true, sets.v6.is_empty())?;
        self.warn_if_unused(connection, [&v4, &v6])?;

        let mut batch = Batch::new();
        if let Some(place) = &v4 {
            elements::flush(&mut batch, &self.table, &place.name);
            elements::add(&mut batch, &self.table, &place.name, sets.v4.ranges());
        }
        if let Some(place) = &v6 {
            elements::flush(&mut batch, &self.table, &place.name);
            elements::add(&mut batch, &self.table, &place.name, sets.v6.ranges());
        }
        connection.commit(batch)?;
        Ok(1)
    }

    /// The set to fill. One that is missing is no matter if nothing is to go in.
    fn place(
        &self,
        found: &[Set],
        name: &SetName,
        v6: bool,
        empty: bool,
    ) -> Result<Option<Place>, Error> {
        let (key_type, key_length, kind, what) = if v6 {
            (KEY_TYPE_V6, 16, "ipv6_addr", "IPv6 addresses")
        } else {
            (KEY_TYPE_V4, 4, "ipv4_addr", "IPv4 addresses")
        };
        let set = found.iter().find(|set| set.name.as_bytes() == name.as_str().as_bytes());
        let Some(set) = set else {
            if empty {
                return Ok(None);
            }
            return Err(Error::NoSet(self.table.clone(), name.clone(), kind));
        };
        let has = |flag: libc::c_int| set.flags & flag as u32 != 0;
        let why = if has(libc::NFT_SET_MAP) {
            "is a map, not a set".into()
        } else if set.key_type != key_type || set.key_length != key_length {
            format!(
                "does not hold {what} (its key is type {}, {} bytes)",
                set.key_type, set.key_length
            )
        } else if !has(libc::NFT_SET_INTERVAL) {
            "lacks the flag interval, so it cannot hold networks".into()
        } else if has(libc::NFT_SET_CONSTANT) {
            "is constant, so it cannot be changed".into()
        } else if has(libc::NFT_SET_TIMEOUT) {
            "has timeouts, by which networks would leave it".into()
        } else {
            return Ok(Some(Place { name: set.name.clone() }));
        };
        Err(Error::Unsuitable(self.table.clone(), name.clone(), why, kind))
    }

    fn warn_if_unused(
        &self,
        connection: &mut Connection,
        places: [&Option<Place>; 2],
    ) -> Result<(), Error> {
        let used = inspect::sets_in_use(connection, &self.table)?;
        for place in places.into_iter().flatten() {
            let name: &CStr = &place.name;
            if !used.iter().any(|used| used == name.to_bytes()) {
                log::warn!(
                    "no rule of table {} uses set {}: nothing is dropped by it",
                    self.table,
                    name.to_string_lossy()
                );
            }
        }
        Ok(())
    }
}
