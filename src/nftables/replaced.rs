//! The managed table of older versions, `inet netfilterd`, which saw the packets of both families. The
//! managed tables of today replace it.
//!
//! The transaction that switches the rules disables it: the kernel takes the new rules into force first,
//! and then takes the hooks of a dormant table away, so that no packet passes in between. After that it is
//! deleted. A packet could pass if the same transaction deleted it: one that is between both tables
//! just then.
//!
//! If another program has a chain in it, the table stays, without anything of netfilterd's.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};

use super::batch::Batch;
use super::chains::{self, Chain};
use super::counters::{self, Counter};
use super::error::Error;
use super::inspect::{self, Rule};
use super::objects;
use super::transaction::Connection;
use crate::ip::PerFamily;
use crate::nftables::name::{SetNames, TableName};
use crate::nftables::set_name::KernelSetName;

/// The table of an older version, as it is now.
pub struct Replaced {
    table: TableName,
    /// Whether packets do not pass its chains.
    dormant: bool,
    /// The chains in it that are netfilterd's.
    chains: Vec<Chain>,
    /// Their rules.
    rules: Vec<Rule>,
    /// Its sets that are netfilterd's.
    sets: Vec<CString>,
    /// A chain in it that is another program's.
    other: Option<String>,
}

/// The table of an older version, if there is one with something of netfilterd's in it. A table of that name
/// that another program made is none.
pub fn find(connection: &mut Connection, names: &SetNames) -> Result<Option<Replaced>, Error> {
    let table = TableName::replaced();
    let Some(found) = inspect::table(connection, &table)? else { return Ok(None) };
    let has_comment = found.comment.is_some_and(|text| text.starts_with(objects::COMMENT_PREFIX));
    let sets = inspect::sets(connection, &table)?;
    let (sets, other_sets): (Vec<_>, Vec<_>) =
        sets.into_iter().map(|set| set.name).partition(|set| generation(set, names).is_some());
    let (mut chains, mut other) = (Vec::new(), None);
    for chain in inspect::chains(connection, &table)? {
        match Chain::named(chain.name.as_bytes()) {
            Some(chain) => chains.push(chain),
            None => other = Some(chain.name),
        }
    }
    let is_ours = has_comment || other_sets.is_empty() && other.is_none();
    let is_left = match other {
        // Without a comment nothing says who made an empty table.
        None => has_comment || !chains.is_empty() || !sets.is_empty(),
        Some(_) => chains.iter().any(|chain| matches!(chain, Chain::Base(_))),
    };
    if !is_ours || !is_left {
        return Ok(None);
    }
    let mut rules = inspect::rules(connection, &table)?;
    rules.retain(|rule| Chain::named(rule.chain.to_bytes()).is_some());
    Ok(Some(Replaced { table, dormant: found.dormant, chains, rules, sets, other }))
}

/// The generation of a set of the managed tables, if it is one by its name. A name without one counts as
/// the first: that is how the script of `netfilterd print --format nft` calls its sets.
pub fn generation(name: &CStr, names: &SetNames) -> Option<u64> {
    let name = name.to_bytes();
    [&names.v4, &names.v6].into_iter().find_map(|base| {
        if name == base.as_str().as_bytes() {
            return Some(0);
        }
        KernelSetName::parse(name, base).map(|name| name.generation)
    })
}

impl Replaced {
    /// Its name.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// The rules of netfilterd's chains in it; none if packets do not pass them.
    pub fn rules_in_force(&self) -> &[Rule] {
        if self.dormant { &[] } else { &self.rules }
    }

    /// The same, to be put in force again.
    pub fn into_rules_in_force(self) -> Vec<Rule> {
        if self.dormant { Vec::new() } else { self.rules }
    }

    /// What its counters say.
    pub fn counters(&self, connection: &mut Connection) -> Result<Vec<Counter>, Error> {
        let tables = PerFamily { v4: self.table.clone(), v6: self.table.clone() };
        counters::counters(connection, &tables)
    }

    /// Takes it out of force, if nothing of another program is in it.
    pub fn disable(&self, batch: &mut Batch) {
        if self.other.is_none() && !self.dormant {
            objects::disable_table(batch, &self.table);
        }
    }

    /// Deletes it, or what is netfilterd's in it if another program uses it, too. Returns how many
    /// transactions it took.
    pub fn delete(&self, connection: &mut Connection) -> u32 {
        let Some(other) = &self.other else {
            return self.commit(connection, |batch| objects::delete_table(batch, &self.table));
        };
        log::warn!(
            "table {0} of an older version stays, without the rules of netfilterd, because chain {other} \
             in it belongs to another program; move that chain to a table of its own, then delete this \
             table: nft delete table {0}",
            self.table
        );
        let mut transactions = self.commit(connection, |batch| {
            for &chain in &self.chains {
                match chain {
                    Chain::Base(_) => chains::delete(batch, &self.table, chain),
                    Chain::Suspect(..) | Chain::Listed(..) => {
                        chains::flush(batch, &self.table, chain);
                    }
                }
            }
        });
        // One by one, since a rule of the other program may use one of them.
        for set in &self.sets {
            let delete = |batch: &mut Batch| objects::delete_set(batch, &self.table, set);
            transactions += self.commit(connection, delete);
        }
        transactions
    }

    fn commit(&self, connection: &mut Connection, fill: impl FnOnce(&mut Batch)) -> u32 {
        let mut batch = Batch::new();
        fill(&mut batch);
        match connection.commit(batch) {
            Ok(()) => 1,
            // It is out of force, and the next load tries again.
            Err(error) => {
                log::debug!("{error}; it stays until then");
                0
            }
        }
    }
}

/// Puts the table in force again with these rules, which it had. Fails if a set that they look up is gone.
pub fn restore(batch: &mut Batch, rules: &[Rule]) {
    let table = TableName::replaced();
    let mut chains: Vec<Chain> = Vec::new();
    for chain in rules.iter().filter_map(|rule| Chain::named(rule.chain.to_bytes())) {
        if !chains.contains(&chain) {
            chains.push(chain);
        }
    }
    objects::add_table(batch, &table);
    chains::restore(batch, &table, chains, rules);
}
