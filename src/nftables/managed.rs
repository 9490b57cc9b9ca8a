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

/// What is there before it is changed.
struct Found {
    tables: PerFamily<FoundTable>,
    /// The table of an older version.
    replaced: Option<Replaced>,
}

/// What is in a table.
#[derive(Default)]
struct FoundTable {
    /// Whether there is such a table.
    exists: bool,
    /// Our sets of all generations, in use or left over.
    sets: Vec<CString>,
    /// All rules.
    rules: Vec<Rule>,
    /// The highest of the generations.
    generation: u64,
    /// Our chains.
    chains: Vec<Chain>,
    /// Those of them with a wrong hook or priority.
    misplaced: Vec<Chain>,
    /// Whether packets do not pass the chains.
    dormant: bool,
}

impl Found {
    fn of(&self, keys: KeyType) -> &FoundTable {
        keys.of(&self.tables)
    }

    /// The highest generation. Both tables have sets of the same.
    fn generation(&self) -> u64 {
        self.tables.v4.generation.max(self.tables.v6.generation)
    }
}

/// What was in force in the managed tables, to return to it.
pub struct Before {
    /// The rules of netfilterd's chains in each table; `None` if there was no table.
    rules: PerFamily<Option<Vec<Rule>>>,
    /// The rules in the table of an older version; none if nothing was in force there.
    replaced: Vec<Rule>,
}

/// A set in a table.
type Owned = (KeyType, CString);

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
        let Found { tables, replaced } = self.find(connection)?;
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
        let found = self.find(connection)?;
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
                    delete_chains(&mut batch, table, now, |chain| !had(chain));
                    let had = Chain::all_of(keys).into_iter().filter(had);
                    chains::restore(&mut batch, table, had, rules);
                }
            }
        }
        connection.commit(batch)
    }

    /// Deletes the sets that no rule uses.
    pub fn delete_unused(&self, connection: &mut Connection) -> Result<(), Error> {
        let found = self.find(connection)?;
        self.delete_unused_of(connection, &found);
        Ok(())
    }

    /// Deletes what a load has kept: the sets that no rule uses, and the table of an older version.
    pub fn delete_replaced(&self, connection: &mut Connection) -> Result<(), Error> {
        let found = self.find(connection)?;
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
        let found = self.find(connection)?;
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
            false => self.without_other_rules(&found),
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

    /// The sets that are there and that no rule of another program uses: the kernel deletes no set that
    /// a rule uses. Logs such rules, as a warning where a set is replaced just now, so only once for
    /// each set.
    fn without_other_rules(&self, found: &Found) -> Vec<Owned> {
        let of_table = |keys: KeyType| {
            let FoundTable { sets, rules, .. } = found.of(keys);
            let free = sets.iter().filter(move |set| {
                let replaced = replaced::generation(set, &self.sets) == Some(found.generation());
                let level = if replaced { log::Level::Warn } else { log::Level::Debug };
                self.is_free(self.table(keys), set, rules, level)
            });
            free.map(move |set| (keys, set.clone()))
        };
        KeyType::ALL.into_iter().flat_map(of_table).collect()
    }

    /// Whether no rule of another program uses a set. Logs each that does.
    fn is_free(&self, table: &TableName, set: &CString, rules: &[Rule], level: log::Level) -> bool {
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
            delete_chains(&mut batch, table, now, needless);
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
        let tables = self.find_tables(connection)?;
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

    /// What is there, or an error if a table is another program's.
    fn find(&self, connection: &mut Connection) -> Result<Found, Error> {
        let tables = self.find_tables(connection)?;
        Ok(Found { tables, replaced: replaced::find(connection, &self.sets)? })
    }

    fn find_tables(&self, connection: &mut Connection) -> Result<PerFamily<FoundTable>, Error> {
        Ok(PerFamily {
            v4: self.find_table(connection, &self.tables.v4)?,
            v6: self.find_table(connection, &self.tables.v6)?,
        })
    }

    fn find_table(
        &self,
        connection: &mut Connection,
        name: &TableName,
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
            match replaced::generation(&set.name, &self.sets) {
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
}

/// Deletes those of the chains in a table that `is_needless` names. A chain to which a rule leads cannot be
/// deleted, so all rules go first; the switch writes them anew.
fn delete_chains(
    batch: &mut Batch,
    table: &TableName,
    found: &FoundTable,
    is_needless: impl Fn(&&Chain) -> bool,
) {
    let needless: Vec<&Chain> = found.chains.iter().filter(is_needless).collect();
    if needless.is_empty() {
        return;
    }
    for &chain in &found.chains {
        chains::flush(batch, table, chain);
    }
    for &chain in needless {
        chains::delete(batch, table, chain);
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
