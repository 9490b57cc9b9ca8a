//! The managed table: replaced in two transactions, fill and switch.
//!
//! The first fills fresh sets that no rule uses yet, the second switches the rules to them and
//! deletes the old sets. One transaction for both is not enough: newer kernels publish the content
//! of an interval set at the end of the commit, after the rules have switched, and packets pass an
//! empty set for as long as the commit takes. Killed in between, a run leaves sets that nothing
//! uses; the next switch deletes them.

use std::ffi::{CStr, CString};

use nftnl::expr::InterfaceName;

use super::batch::Batch;
use super::elements;
use super::error::Error;
use super::inspect;
use super::objects::{self, Direction, SetNames};
use super::transaction::Connection;
use crate::name::{SetName, TableName};
use crate::range::RangeSets;

/// A table that netfilterd creates, fills and repairs.
pub struct Managed {
    table: TableName,
    set4: SetName,
    set6: SetName,
    interfaces: Vec<InterfaceName>,
}

/// What is in the table before it is changed.
struct Found {
    /// Our sets, of any generation, in use or left over.
    sets: Vec<CString>,
    /// The highest of their generations.
    generation: u64,
    /// Our chains that hang on another hook than they should.
    misplaced: Vec<Direction>,
}

impl Managed {
    /// A managed table called `table`, with sets named after `set4` and `set6` and a generation.
    pub fn new(table: TableName, set4: SetName, set6: SetName, interfaces: &[CString]) -> Self {
        let interfaces = interfaces.iter().map(|name| objects::interface(name)).collect();
        Managed { table, set4, set6, interfaces }
    }

    /// See [`super::Target::replace`].
    pub fn replace(&self, connection: &mut Connection, sets: &RangeSets) -> Result<u32, Error> {
        let found = self.find(connection)?;
        let generation = found.generation.wrapping_add(1);
        let (v4, v6) = (set_name(&self.set4, generation), set_name(&self.set6, generation));
        let names = SetNames { v4: &v4, v6: &v6 };

        connection.commit(self.fill(names, sets))?;
        let switched = match connection.commit(self.switch(names, &found, true)) {
            // Somebody's rule uses an old set. It stays, to be deleted another time; keeping the
            // list of today out of force for it would be worse.
            Err(error) if error.errno() == Some(libc::EBUSY) => {
                log::warn!("{error}; it is left where it is");
                connection.commit(self.switch(names, &found, false))
            }
            result => result,
        };
        if let Err(error) = switched {
            // The new sets are not in use; what was in force still is.
            let mut batch = Batch::new();
            objects::delete_set(&mut batch, &self.table, names.v4);
            objects::delete_set(&mut batch, &self.table, names.v6);
            if let Err(left) = connection.commit(batch) {
                log::debug!("the unused sets stay for now: {left}");
            }
            return Err(error);
        }
        Ok(2)
    }

    /// The first transaction: the table and its counters if they are missing, and new sets.
    fn fill(&self, names: SetNames<'_>, sets: &RangeSets) -> Batch {
        let mut batch = Batch::new();
        objects::add_table(&mut batch, &self.table);
        objects::add_counters(&mut batch, &self.table);
        objects::add_sets(&mut batch, &self.table, names);
        elements::add(&mut batch, &self.table, names.v4, sets.v4.ranges());
        elements::add(&mut batch, &self.table, names.v6, sets.v6.ranges());
        batch
    }

    /// The second transaction: the rules look the new sets up, and the old ones go.
    fn switch(&self, names: SetNames<'_>, found: &Found, delete: bool) -> Batch {
        let mut batch = Batch::new();
        for direction in Direction::ALL {
            if found.misplaced.contains(&direction) {
                objects::flush_chain(&mut batch, &self.table, direction);
                objects::delete_chain(&mut batch, &self.table, direction);
            }
            objects::add_chain(&mut batch, &self.table, direction);
            objects::flush_chain(&mut batch, &self.table, direction);
            objects::add_rules(&mut batch, &self.table, direction, names, &self.interfaces);
        }
        if delete {
            for set in &found.sets {
                objects::delete_set(&mut batch, &self.table, set);
            }
        }
        batch
    }

    /// What is in the table, or an error if it is somebody else's.
    fn find(&self, connection: &mut Connection) -> Result<Found, Error> {
        let mut found = Found { sets: Vec::new(), generation: 0, misplaced: Vec::new() };
        let Some(table) = inspect::table(connection, &self.table)? else { return Ok(found) };
        if table.dormant {
            log::warn!("table {} was dormant; waking it", self.table);
        }
        let ours = table.comment.is_some_and(|text| text.starts_with(objects::COMMENT_PREFIX));

        for set in inspect::sets(connection, &self.table)? {
            match self.generation(&set.name) {
                Some(generation) => {
                    found.generation = found.generation.max(generation);
                    found.sets.push(set.name);
                }
                None if ours => {}
                None => return Err(self.not_ours("set", &set.name.to_string_lossy())),
            }
        }
        for chain in inspect::chains(connection, &self.table)? {
            let direction = Direction::ALL
                .into_iter()
                .find(|ours| ours.chain().to_bytes() == chain.name.as_bytes());
            match direction {
                Some(direction) => {
                    let right = Some((direction.hook() as u32, objects::PRIORITY));
                    if chain.hook != right {
                        found.misplaced.push(direction);
                    }
                }
                None if ours => {}
                None => return Err(self.not_ours("chain", &chain.name)),
            }
        }
        Ok(found)
    }

    fn not_ours(&self, kind: &str, name: &str) -> Error {
        Error::NotOurs(self.table.clone(), format!("it holds a {kind} called {name}"))
    }

    /// The generation of a set, if it is one of ours by its name. One without counts as the first:
    /// so it is called in the script of `netfilterd print --format nft`.
    fn generation(&self, name: &CStr) -> Option<u64> {
        let name = name.to_str().ok()?;
        [&self.set4, &self.set6].into_iter().find_map(|base| {
            match name.strip_prefix(base.as_str())? {
                "" => Some(0),
                rest => rest.strip_prefix("_g")?.parse().ok(),
            }
        })
    }
}

/// `drop4_g7`: the generation is in the name, since old and new exist side by side.
fn set_name(base: &SetName, generation: u64) -> CString {
    // A set's name has no NUL, so nothing is ever cut off here.
    CString::new(format!("{base}_g{generation}")).unwrap_or_default()
}
