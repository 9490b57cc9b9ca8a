//! What there is in the managed tables: whatever an earlier load, another program or a killed process has
//! left there.

#![cfg(feature = "nftables")]

use std::ffi::CString;

use super::chains::Chain;
use super::error::Error;
use super::inspect::{self, Rule};
use super::key_type::KeyType;
use super::objects;
use super::replaced::{self, Replaced};
use super::transaction::Connection;
use crate::ip::PerFamily;
use crate::nftables::name::{SetNames, TableName};

/// What there is in both tables and beside them.
pub(super) struct Found {
    /// What is in each table.
    pub(super) tables: PerFamily<FoundTable>,
    /// The table of an older version.
    pub(super) replaced: Option<Replaced>,
}

/// What is in a table.
#[derive(Default)]
pub(super) struct FoundTable {
    /// Whether there is such a table.
    pub(super) exists: bool,
    /// Our sets of all generations, in use or left over.
    pub(super) sets: Vec<CString>,
    /// All rules.
    pub(super) rules: Vec<Rule>,
    /// The highest of the generations.
    pub(super) generation: u64,
    /// Our chains.
    pub(super) chains: Vec<Chain>,
    /// Those of them with a wrong hook or priority.
    pub(super) misplaced: Vec<Chain>,
    /// Whether packets do not pass the chains.
    pub(super) dormant: bool,
}

impl Found {
    /// What is in the table for such addresses.
    pub(super) fn of(&self, keys: KeyType) -> &FoundTable {
        keys.of(&self.tables)
    }

    /// The highest generation. Both tables have sets of the same.
    pub(super) fn generation(&self) -> u64 {
        self.tables.v4.generation.max(self.tables.v6.generation)
    }
}

/// A set in a table.
pub(super) type Owned = (KeyType, CString);

/// What there is, or an error if a table is another program's.
pub(super) fn find(
    connection: &mut Connection,
    names: &PerFamily<TableName>,
    sets: &SetNames,
) -> Result<Found, Error> {
    Ok(Found {
        tables: tables(connection, names, sets)?,
        replaced: replaced::find(connection, sets)?,
    })
}

/// What is in the tables, or an error if one is another program's.
pub(super) fn tables(
    connection: &mut Connection,
    names: &PerFamily<TableName>,
    sets: &SetNames,
) -> Result<PerFamily<FoundTable>, Error> {
    Ok(PerFamily {
        v4: table(connection, &names.v4, sets)?,
        v6: table(connection, &names.v6, sets)?,
    })
}

fn table(
    connection: &mut Connection,
    name: &TableName,
    sets: &SetNames,
) -> Result<FoundTable, Error> {
    let mut found = FoundTable::default();
    let Some(table) = inspect::table(connection, name)? else { return Ok(found) };
    (found.exists, found.dormant) = (true, table.dormant);
    let ours = table.comment.is_some_and(|text| text.starts_with(objects::COMMENT_PREFIX));
    let foreign = |kind: &'static str, object: &str| Error::ForeignTable {
        table: name.clone(),
        kind,
        name: object.to_string(),
    };

    for set in inspect::sets(connection, name)? {
        match replaced::generation(&set.name, sets) {
            Some(generation) => {
                found.generation = found.generation.max(generation);
                found.sets.push(set.name);
            }
            None if ours => {}
            None => return Err(foreign("set", &set.name.to_string_lossy())),
        }
    }
    for chain in inspect::chains(connection, name)? {
        match Chain::named(chain.name.as_bytes()) {
            Some(ours) => {
                if chain.hook != ours.hook() {
                    found.misplaced.push(ours);
                }
                found.chains.push(ours);
            }
            None if ours => {}
            None => return Err(foreign("chain", &chain.name)),
        }
    }
    found.rules = inspect::rules(connection, name)?;
    Ok(found)
}

/// The sets that are there and that no rule of another program uses: the kernel deletes no set that
/// a rule uses. Logs such rules, as a warning where a set is replaced just now, so only once for
/// each set.
pub(super) fn without_other_rules(
    found: &Found,
    tables: &PerFamily<TableName>,
    names: &SetNames,
) -> Vec<Owned> {
    let of_table = |keys: KeyType| {
        let FoundTable { sets, rules, .. } = found.of(keys);
        let free = sets.iter().filter(move |set| {
            let replaced = replaced::generation(set, names) == Some(found.generation());
            let level = if replaced { log::Level::Warn } else { log::Level::Debug };
            is_free(keys.of(tables), set, rules, level)
        });
        free.map(move |set| (keys, set.clone()))
    };
    KeyType::ALL.into_iter().flat_map(of_table).collect()
}

/// Whether no rule of another program uses a set. Logs each that does.
fn is_free(table: &TableName, set: &CString, rules: &[Rule], level: log::Level) -> bool {
    let uses = |rule: &&Rule| rule.uses.iter().any(|used| used == set.to_bytes());
    let outer = rules.iter().filter(uses).map(|rule| inspect::outermost(rule, rules));
    // The switch deletes the rules of our own chains.
    let others = |rule: &&Rule| Chain::named(rule.chain.to_bytes()).is_none();
    let mut other = outer.filter(others).peekable();
    let is_free = other.peek().is_none();
    for rule in other {
        let set = set.to_string_lossy();
        let chain = rule.chain.to_string_lossy();
        log::log!(
            level,
            "a rule of another program in chain {chain} of table {table} uses set {set}, so \
             the set stays with the old list; delete that rule: nft delete rule {table} {chain} \
             handle {}",
            rule.handle.unwrap_or_default()
        );
    }
    is_free
}
