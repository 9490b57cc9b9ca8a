//! The managed tables, one for each family: rebuilt in two transactions, fill and switch; changed in one.
//! Each transaction is about both tables.
//!
//! A rebuild fills fresh sets, which no rule uses yet; the second transaction switches the rules to
//! them and deletes the old sets. One transaction for both is not enough: newer kernels publish
//! the content of an interval set at the end of the commit, after the rules have switched, and
//! packets pass an empty set for as long as the commit takes. Killed in between, a run leaves sets
//! that no rule uses; the next switch deletes them.

#![cfg(feature = "nftables")]

use std::ffi::CString;

use nftnl::expr::InterfaceName;

use super::batch::Batch;
use super::chains::{self, Chain};
use super::counters::Counter;
use super::elements::{self, Action};
use super::error::Error;
use super::found::{self, Found, FoundTable, Owned};
use super::inspect::{self, Rule};
use super::key_type::KeyType;
use super::listeners;
use super::objects::{self, KernelSet};
use super::placed::Placed;
use super::replaced::{self, Replaced};
use super::transaction::{Connection, Sending};
use crate::ip::{PerFamily, RangeSets};
use crate::netlink::{self, link::NamedLinks};
use crate::nftables::layout::{Filled, FilledRow, LaidOut, Layout, Rows};
use crate::nftables::name::{SetNames, TableName, Tables};
use crate::nftables::plan::{Delta, Differing};

/// The tables that netfilterd creates, fills and repairs.
pub struct Managed {
    tables: PerFamily<TableName>,
    sets: SetNames,
    /// The interfaces to filter on, by the names that were given for them.
    named: NamedLinks,
    /// Those of them that rules match, by the names that their packets have; `None` if that is all.
    interfaces: Option<Vec<CString>>,
    /// Whether these were found, and are not the names as they were given.
    looked_up: bool,
    layout: Layout,
    /// Whether what is replaced stays, so that it can be restored.
    keeps_replaced: bool,
}

/// The kernel sets that hold what was put in force, and how full they are.
#[derive(Clone, Debug)]
pub struct InTables {
    /// Which sets these are.
    pub placed: Placed,
    /// How full they are.
    pub filled: Filled,
}

/// What was in force in the managed tables, to return to it.
pub struct Before {
    /// The rules of netfilterd's chains in each table; `None` if there was no table.
    rules: PerFamily<Option<Vec<Rule>>>,
    /// The rules in the table of an older version; none if nothing was in force there.
    replaced: Vec<Rule>,
}

impl Managed {
    /// The managed tables, with sets named after `sets` and a generation.
    pub fn new(sets: SetNames, interfaces: Vec<CString>, layout: Layout) -> Self {
        let tables = Tables::managed();
        let named = NamedLinks::new(interfaces);
        let interfaces = (!named.is_empty()).then(Vec::new);
        let (looked_up, keeps_replaced) = (false, false);
        Managed { tables, sets, named, interfaces, looked_up, layout, keeps_replaced }
    }

    /// The same, whose rules match these interfaces, by the names that their packets have.
    pub fn with_interfaces(self, interfaces: Option<Vec<CString>>) -> Self {
        Managed { interfaces, ..self }
    }

    /// Looks up which interfaces have the names that were given, and warns about names that no packet
    /// has. If they cannot be looked up, those that were found before stay. Returns whether the rules
    /// have to match others than before.
    pub fn find_interfaces(&mut self) -> bool {
        if self.named.is_empty() {
            return false;
        }
        let names = match self.named.find() {
            Ok(found) => {
                self.looked_up = true;
                found.names
            }
            Err(error) if self.looked_up => {
                log::warn!(
                    "cannot list the interfaces for --interface: {error}; filtering on the \
                     interfaces known so far"
                );
                return false;
            }
            Err(error) => {
                log::warn!(
                    "cannot list the interfaces for --interface: {error}; using their names as they \
                     are"
                );
                self.named.names().to_vec()
            }
        };
        self.interfaces.replace(names) != self.interfaces
    }

    /// The interfaces to filter on, by the names that their packets have; `None` if that is all of them.
    pub fn interfaces(&self) -> Option<&[CString]> {
        self.interfaces.as_deref()
    }

    fn matched(&self) -> Option<Vec<InterfaceName>> {
        Some(self.interfaces()?.iter().map(|name| chains::interface(name)).collect())
    }

    fn table(&self, keys: KeyType) -> &TableName {
        keys.of(&self.tables)
    }

    /// What the names of the sets begin with.
    pub fn sets(&self) -> &SetNames {
        &self.sets
    }

    /// The names of the sets that the rules look up.
    pub fn names(&self, placed: &Placed) -> Vec<CString> {
        self.kernel_sets(placed).into_iter().map(|set| set.name).collect()
    }

    /// Leaves what is replaced, until [`Managed::delete_replaced`].
    pub fn keep_replaced(&mut self) {
        self.keeps_replaced = true;
    }

    /// What is in force, with which [`Managed::restore`] can be called after a load that kept what it
    /// replaced.
    pub fn before(&self, connection: &mut Connection) -> Result<Before, Error> {
        let Found { tables, replaced } = found::find(connection, &self.tables, &self.sets)?;
        let rules = |table: FoundTable| {
            let ours = |rule: &Rule| Chain::named(rule.chain.to_bytes()).is_some();
            table.exists.then(|| table.rules.into_iter().filter(ours).collect())
        };
        Ok(Before {
            rules: PerFamily { v4: rules(tables.v4), v6: rules(tables.v6) },
            replaced: replaced.map_or(Vec::new(), Replaced::into_rules_in_force),
        })
    }

    /// Puts these rules in place of those that netfilterd's chains have now, and deletes the tables that
    /// were not there, in one transaction. Fails if a set that the rules look up is gone.
    pub fn restore(&self, connection: &mut Connection, before: &Before) -> Result<(), Error> {
        let found = found::find(connection, &self.tables, &self.sets)?;
        let mut batch = Batch::new();
        if !before.replaced.is_empty() {
            replaced::restore(&mut batch, &before.replaced);
        }
        for keys in KeyType::ALL {
            let (table, now) = (self.table(keys), found.of(keys));
            match keys.of(&before.rules) {
                None if !now.exists => {}
                None => objects::delete_table(&mut batch, table),
                Some(rules) => {
                    let had = |chain: &Chain| match chain {
                        Chain::Base(_) | Chain::Suspect(..) => {
                            rules.iter().any(|rule| rule.chain.as_c_str() == chain.name())
                        }
                        Chain::Listed(..) => true,
                    };
                    chains::delete_each(&mut batch, table, &now.chains, |chain| !had(chain));
                    let had = Chain::all_of(keys).into_iter().filter(had);
                    chains::restore(&mut batch, table, had, rules);
                }
            }
        }
        connection.commit(batch)
    }

    /// Deletes the sets that no rule uses.
    pub fn delete_unused(&self, connection: &mut Connection) -> Result<(), Error> {
        let found = found::find(connection, &self.tables, &self.sets)?;
        self.delete_unused_of(connection, &found);
        Ok(())
    }

    /// Deletes what a load has kept: the sets that no rule uses, and the table of an older version.
    pub fn delete_replaced(&self, connection: &mut Connection) -> Result<(), Error> {
        let found = found::find(connection, &self.tables, &self.sets)?;
        self.delete_unused_of(connection, &found);
        if let Some(replaced) = &found.replaced {
            replaced.delete(connection);
        }
        Ok(())
    }

    fn delete_unused_of(&self, connection: &mut Connection, found: &Found) {
        let mut unused = Vec::new();
        for keys in KeyType::ALL {
            let FoundTable { sets, rules, .. } = found.of(keys);
            let is_used = |set: &CString| {
                rules.iter().any(|rule| rule.uses.iter().any(|used| used == set.to_bytes()))
            };
            let of_table = sets.iter().filter(|set| !is_used(set)).cloned();
            unused.extend(of_table.map(|set| (keys, set)));
        }
        self.delete_each(connection, &unused);
    }

    /// The layout that was asked for.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The rows of look-ups that fresh sets for `sets` have.
    pub fn fresh_rows(&self, sets: &RangeSets) -> Rows {
        Rows::choose(sets, self.layout)
    }

    /// Puts `sets` in force in fresh kernel sets, whatever is there. Returns which these are, and how
    /// many transactions it took: two, or more where the kernel takes only small ones.
    pub fn rebuild(
        &self,
        connection: &mut Connection,
        sets: &RangeSets,
        sending: &Sending<'_>,
    ) -> Result<(InTables, u32), Error> {
        let found = found::find(connection, &self.tables, &self.sets)?;
        for keys in KeyType::ALL.into_iter().filter(|&keys| found.of(keys).dormant) {
            log::warn!(
                "table {} was dormant, so its rules dropped nothing; enabling it",
                self.table(keys)
            );
        }
        let generation = found.generation().wrapping_add(1);
        let placed = Placed { generation, rows: self.fresh_rows(sets) };
        let kernel_sets = self.kernel_sets(&placed);

        let (fill, filled) = self.fill(&kernel_sets, sets, &placed.rows);
        let (fills, sent) = connection.commit_in_parts(fill, sending);
        if let Err(error) = sent {
            if fills > 0 {
                self.remove(connection, &kernel_sets);
            }
            return Err(error);
        }
        let old = match self.keeps_replaced {
            true => Vec::new(),
            false => found::without_other_rules(&found, &self.tables, &self.sets),
        };
        let counted = self.counted(connection, &found);
        let switch = |old: &[Owned]| self.switch(&kernel_sets, &found, &counted, old);
        let mut deletions = 0;
        let switched = match connection.commit(switch(&old)) {
            // Another program has added such a rule meanwhile. What keeps a set from being deleted must
            // not keep the new list out of force.
            Err(error) if error.errno() == Some(libc::EBUSY) => {
                log::debug!("{error}; deleting the old sets one by one");
                let switched = connection.commit(switch(&[]));
                if switched.is_ok() {
                    deletions = self.delete_each(connection, &old);
                }
                switched
            }
            // The answer was lost; the rules themselves tell.
            Err(Error::OutcomeUnknown { source })
                if self.is_in_place(connection, &placed).unwrap_or(false) =>
            {
                log::debug!("an answer was lost ({source}), and the change was made");
                Ok(())
            }
            result => result,
        };
        switched.inspect_err(|_| self.remove(connection, &kernel_sets))?;
        if let Some(replaced) = found.replaced.filter(|_| !self.keeps_replaced) {
            log::info!(
                "{} replace table {} of an older version",
                Tables::Managed,
                replaced.table()
            );
            deletions += replaced.delete(connection);
        }
        Ok((InTables { placed, filled }, fills + 1 + deletions))
    }

    /// What the counters of the table of an older version have counted, to count on from there.
    fn counted(&self, connection: &mut Connection, found: &Found) -> Vec<Counter> {
        let Some(replaced) = &found.replaced else { return Vec::new() };
        replaced.counters(connection).unwrap_or_else(|error| {
            log::warn!(
                "cannot read the counters of table {}: {error}; counting from 0",
                replaced.table()
            );
            Vec::new()
        })
    }

    /// Deletes the sets that no rule uses, each in a transaction of its own. Returns how many.
    fn delete_each(&self, connection: &mut Connection, sets: &[Owned]) -> u32 {
        let mut deleted = 0;
        for (keys, set) in sets {
            let mut batch = Batch::new();
            objects::delete_set(&mut batch, self.table(*keys), set);
            match connection.commit(batch) {
                Ok(()) => deleted += 1,
                Err(error) => log::debug!("{error}; the set stays until then"),
            }
        }
        deleted
    }

    /// Deletes new sets, which no rule uses; what was in force stays in force.
    fn remove(&self, connection: &mut Connection, kernel_sets: &[KernelSet]) {
        let mut batch = Batch::new();
        for set in kernel_sets {
            objects::delete_set(&mut batch, self.table(set.keys), &set.name);
        }
        if let Err(left) = connection.commit(batch) {
            log::debug!("the unused sets stay for now: {left}");
        }
    }

    /// Changes the elements that differ, if the ruleset still has the generation `at`. Takes one
    /// transaction; `false` if that would be a large one while a program listens for changes.
    pub fn change(
        &self,
        connection: &mut Connection,
        at: u32,
        placed: &Placed,
        delta: &Delta,
        sending: &Sending<'_>,
    ) -> Result<bool, Error> {
        let mut batch = Batch::at_generation(at);
        // All deletes come first: a range may be added where another was.
        for action in [Action::Delete, Action::Add] {
            for set in self.kernel_sets(placed) {
                let table = self.table(set.keys);
                match set.keys {
                    KeyType::V4 => differing(&mut batch, action, table, &set, &delta.v4),
                    KeyType::V6 => differing(&mut batch, action, table, &set, &delta.v6),
                }
            }
        }
        if listeners::find(&batch).is_some() {
            return Ok(false);
        }
        connection.commit_networks(batch, sending)?;
        Ok(true)
    }

    fn kernel_sets(&self, placed: &Placed) -> Vec<KernelSet> {
        KernelSet::all(&self.sets, &placed.rows, placed.generation)
    }

    /// The first transaction, which can be made in parts: creates the tables if they are missing, and
    /// fills new sets. Also says how full they are then.
    fn fill(&self, kernel_sets: &[KernelSet], sets: &RangeSets, rows: &Rows) -> (Batch, Filled) {
        let mut batch = Batch::new();
        for keys in KeyType::ALL {
            objects::add_table(&mut batch, self.table(keys));
        }
        objects::add_sets(&mut batch, &self.tables, kernel_sets);
        let laid_out =
            LaidOut::try_new(&sets.v4, &rows.v4).zip(LaidOut::try_new(&sets.v6, &rows.v6));
        let Some((v4, v6)) = laid_out else {
            batch.lacks_memory();
            return (batch, Filled::empty(rows));
        };
        for set in kernel_sets {
            let (table, name, add) = (self.table(set.keys), &set.name, Action::Add);
            match set.keys {
                KeyType::V4 => {
                    elements::change(&mut batch, add, table, name, v4.elements_of(set.kind))
                }
                KeyType::V6 => {
                    elements::change(&mut batch, add, table, name, v6.elements_of(set.kind))
                }
            }
        }
        let filled = Filled {
            v4: FilledRow::new(rows.v4.clone(), v4.count()),
            v6: FilledRow::new(rows.v6.clone(), v6.count()),
        };
        (batch, filled)
    }

    /// The second transaction: switches the rules to the new sets, takes the table of an older version
    /// out of force, and deletes `old` sets. New counters begin with what was `counted`.
    fn switch(
        &self,
        kernel_sets: &[KernelSet],
        found: &Found,
        counted: &[Counter],
        old: &[Owned],
    ) -> Batch {
        let mut batch = Batch::new();
        let interfaces = self.matched();
        for keys in KeyType::ALL {
            let (table, now) = (self.table(keys), found.of(keys));
            let sets: Vec<KernelSet> =
                kernel_sets.iter().filter(|set| set.keys == keys).cloned().collect();
            // Should they have gone meanwhile. Without the table there is nothing to look up, either, but
            // then it is a look-up that the kernel refuses.
            objects::add_table(&mut batch, table);
            objects::add_counters(&mut batch, table, keys, |direction| {
                let is_it = |it: &&Counter| it.direction == direction && it.addresses == keys;
                counted.iter().find(is_it).map_or((0, 0), |it| (it.packets, it.bytes))
            });
            let needless =
                |chain: &&Chain| now.misplaced.contains(chain) || !chain.is_needed_for(&sets);
            chains::delete_each(&mut batch, table, &now.chains, needless);
            chains::switch(&mut batch, table, keys, &sets, interfaces.as_deref());
        }
        if let Some(replaced) = &found.replaced {
            replaced.disable(&mut batch);
        }
        for (keys, set) in old {
            objects::delete_set(&mut batch, self.table(*keys), set);
        }
        batch
    }

    /// Whether both tables have their chains, and in them exactly the rules that a switch to these sets
    /// writes.
    pub fn is_in_place(&self, connection: &mut Connection, placed: &Placed) -> Result<bool, Error> {
        Ok(self.out_of_place(connection, placed)?.is_empty())
    }

    /// The tables that do not have that.
    pub fn out_of_place(
        &self,
        connection: &mut Connection,
        placed: &Placed,
    ) -> Result<Vec<TableName>, Error> {
        let tables = found::tables(connection, &self.tables, &self.sets)?;
        let kernel_sets = self.kernel_sets(placed);
        let out = KeyType::ALL.into_iter().filter(|&keys| {
            let sets: Vec<KernelSet> =
                kernel_sets.iter().filter(|set| set.keys == keys).cloned().collect();
            !self.is_as_written(keys, keys.of(&tables), &sets)
        });
        Ok(out.map(|keys| self.table(keys).clone()).collect())
    }

    /// Whether what was found in a table is what a switch to these sets writes.
    fn is_as_written(&self, keys: KeyType, found: &FoundTable, sets: &[KernelSet]) -> bool {
        let table = self.table(keys);
        let mut written = Batch::new();
        chains::add_rules(&mut written, table, keys, sets, self.matched().as_deref());
        let written: Vec<Rule> = netlink::messages(written.bytes())
            .filter_map(|message| inspect::read_rule(&message, table))
            .collect();
        let each = Chain::all_of(keys).into_iter().all(|chain| {
            let of_chain = |rule: &&Rule| rule.chain.as_c_str() == chain.name();
            let shown: Vec<&Rule> = found.rules.iter().filter(of_chain).collect();
            let written: Vec<&Rule> = written.iter().filter(of_chain).collect();
            found.chains.contains(&chain) == chain.is_needed_for(sets)
                && shown.len() == written.len()
                && shown.into_iter().zip(written).all(|(shown, written)| shown.is(written))
        });
        found.exists && each && found.misplaced.is_empty() && !found.dormant
    }
}

/// Appends what differs in one set.
fn differing<A: elements::Key>(
    batch: &mut Batch,
    action: Action,
    table: &TableName,
    set: &KernelSet,
    differing: &Differing<A>,
) {
    let elements = match action {
        Action::Delete => differing.deleted.elements_of(set.kind),
        Action::Add => differing.added.elements_of(set.kind),
    };
    elements::change(batch, action, table, &set.name, elements);
}
