//! The managed table: rebuilt in two transactions, fill and switch; changed in one.
//!
//! A rebuild fills fresh sets, which no rule uses yet; the second transaction switches the rules to
//! them and deletes the old sets. One transaction for both is not enough: newer kernels publish
//! the content of an interval set at the end of the commit, after the rules have switched, and
//! packets pass an empty set for as long as the commit takes. Killed in between, a run leaves sets
//! that no rule uses; the next switch deletes them.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};

use nftnl::expr::InterfaceName;

use super::batch::Batch;
use super::chains::{self, Chain};
use super::elements::{self, Action};
use super::error::Error;
use super::inspect::{self, Rule};
use super::key_type::KeyType;
use super::listeners;
use super::objects::{self, KernelSet};
use super::placed::Placed;
use super::transaction::{Connection, Sending};
use crate::ip::RangeSets;
use crate::ip::mask::Mask;
use crate::netlink::{self, link::NamedLinks};
use crate::nftables::layout::{LaidOut, Layout, Shapes};
use crate::nftables::name::{SetNames, TableName};
use crate::nftables::plan::{Delta, Differing};
use crate::nftables::set_name::KernelSetName;

/// A table that netfilterd creates, fills and repairs.
pub struct Managed {
    table: TableName,
    sets: SetNames,
    /// The interfaces to filter on, by the names that were given for them.
    named: NamedLinks,
    /// Those of them that rules match, by the names that their packets have; `None` if that is all.
    interfaces: Option<Vec<CString>>,
    /// Whether these were found, and are not the names as they were given.
    looked_up: bool,
    layout: Layout,
    mask: Mask,
    /// Whether sets that are replaced stay in the table, so that it can be restored.
    keeps_replaced: bool,
}

/// What is in the table before it is changed.
#[derive(Default)]
struct Found {
    /// Our sets of all generations, in use or left over.
    sets: Vec<CString>,
    /// All rules.
    rules: Vec<Rule>,
    /// The highest of their generations.
    generation: u64,
    /// Our chains with a wrong hook or priority.
    misplaced: Vec<Chain>,
    /// Whether packets do not pass the chains.
    dormant: bool,
}

impl Managed {
    /// A managed table called `table`, with sets named after `sets` and a generation.
    pub fn new(
        table: TableName,
        sets: SetNames,
        interfaces: Vec<CString>,
        layout: Layout,
        mask: Mask,
    ) -> Self {
        let named = NamedLinks::new(interfaces);
        let interfaces = (!named.is_empty()).then(Vec::new);
        let (looked_up, keeps_replaced) = (false, false);
        Managed { table, sets, named, interfaces, looked_up, layout, mask, keeps_replaced }
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

    /// The table by family and name.
    pub fn table(&self) -> &TableName {
        &self.table
    }

    /// What the names of its sets begin with.
    pub fn sets(&self) -> &SetNames {
        &self.sets
    }

    /// The names of the sets that the rules look up.
    pub fn names(&self, placed: Placed) -> Vec<CString> {
        self.kernel_sets(placed).into_iter().map(|set| set.name).collect()
    }

    /// Leaves sets in the table when they are replaced, until [`Managed::delete_unused`].
    pub fn keep_replaced(&mut self) {
        self.keeps_replaced = true;
    }

    /// The rules of netfilterd's chains, with which [`Managed::restore`] can be called after a load that
    /// kept the sets which it replaced; `None` if there is no table.
    pub fn rules(&self, connection: &mut Connection) -> Result<Option<Vec<Rule>>, Error> {
        if inspect::table(connection, &self.table)?.is_none() {
            return Ok(None);
        }
        let mut rules = self.find(connection)?.rules;
        rules.retain(|rule| Chain::named(rule.chain.to_bytes()).is_some());
        Ok(Some(rules))
    }

    /// Puts these rules in place of those that netfilterd's chains have now, or deletes the table, in one
    /// transaction. Fails if a set that the rules look up is gone.
    pub fn restore(
        &self,
        connection: &mut Connection,
        rules: Option<&[Rule]>,
    ) -> Result<(), Error> {
        let mut batch = Batch::new();
        match rules {
            None if inspect::table(connection, &self.table)?.is_none() => return Ok(()),
            None => objects::delete_table(&mut batch, &self.table),
            Some(rules) => chains::restore(&mut batch, &self.table, rules),
        }
        connection.commit(batch)
    }

    /// Deletes the sets that no rule uses.
    pub fn delete_unused(&self, connection: &mut Connection) -> Result<(), Error> {
        let found = self.find(connection)?;
        let is_used = |set: &CString| {
            found.rules.iter().any(|rule| rule.uses.iter().any(|used| used == set.to_bytes()))
        };
        let unused: Vec<_> = found.sets.iter().filter(|set| !is_used(set)).cloned().collect();
        self.delete_each(connection, &unused);
        Ok(())
    }

    /// The shapes that fresh sets for `sets` have.
    pub fn fresh_shapes(&self, sets: &RangeSets) -> Shapes {
        Shapes::choose(sets, self.layout, self.mask)
    }

    /// Puts `sets` in force in fresh kernel sets, whatever is there. Returns which these are, and how
    /// many transactions it took: two, or more where the kernel takes only small ones.
    pub fn rebuild(
        &self,
        connection: &mut Connection,
        sets: &RangeSets,
        sending: &Sending<'_>,
    ) -> Result<(Placed, u32), Error> {
        let found = self.find(connection)?;
        if found.dormant {
            log::warn!(
                "table {} was dormant, so its rules dropped nothing; enabling it",
                self.table
            );
        }
        let generation = found.generation.wrapping_add(1);
        let placed = Placed { generation, shapes: self.fresh_shapes(sets) };
        let kernel_sets = self.kernel_sets(placed);

        let fill = self.fill(&kernel_sets, sets, &placed.shapes);
        let (fills, filled) = connection.commit_in_parts(fill, sending);
        if let Err(error) = filled {
            if fills > 0 {
                self.remove(connection, &kernel_sets);
            }
            return Err(error);
        }
        let old = match self.keeps_replaced {
            true => Vec::new(),
            false => self.without_other_rules(&found),
        };
        let mut deletions = 0;
        let switched = match connection.commit(self.switch(&kernel_sets, &found, &old)) {
            // Another program has added such a rule meanwhile. What keeps a set from being deleted must
            // not keep the new list out of force.
            Err(error) if error.errno() == Some(libc::EBUSY) => {
                log::debug!("{error}; deleting the old sets one by one");
                let switched = connection.commit(self.switch(&kernel_sets, &found, &[]));
                if switched.is_ok() {
                    deletions = self.delete_each(connection, &old);
                }
                switched
            }
            // The answer was lost; the rules themselves tell.
            Err(Error::OutcomeUnknown { source })
                if self.is_in_place(connection, placed).unwrap_or(false) =>
            {
                log::debug!("an answer was lost ({source}), and the change was made");
                Ok(())
            }
            result => result,
        };
        switched.inspect_err(|_| self.remove(connection, &kernel_sets))?;
        Ok((placed, fills + 1 + deletions))
    }

    /// The sets that are there and that no rule of another program uses: the kernel deletes no set that
    /// a rule uses. Logs such rules, as a warning where a set is replaced just now, so only once for
    /// each set.
    fn without_other_rules(&self, found: &Found) -> Vec<CString> {
        let free = |set: &&CString| {
            let uses = |rule: &&Rule| rule.uses.iter().any(|used| used == set.to_bytes());
            let rules = found.rules.iter().filter(uses);
            let rules = rules.map(|rule| inspect::outermost(rule, &found.rules));
            let replaced = self.generation(set) == Some(found.generation);
            let level = if replaced { log::Level::Warn } else { log::Level::Debug };
            // The switch deletes the rules of our own chains.
            let others = |rule: &&Rule| Chain::named(rule.chain.to_bytes()).is_none();
            let mut other = rules.filter(others).peekable();
            let is_free = other.peek().is_none();
            for rule in other {
                let (table, set) = (&self.table, set.to_string_lossy());
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
        };
        found.sets.iter().filter(free).cloned().collect()
    }

    /// Deletes the sets that no rule uses, each in a transaction of its own. Returns how many.
    fn delete_each(&self, connection: &mut Connection, sets: &[CString]) -> u32 {
        let mut deleted = 0;
        for set in sets {
            let mut batch = Batch::new();
            objects::delete_set(&mut batch, &self.table, set);
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
            objects::delete_set(&mut batch, &self.table, &set.name);
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
        placed: Placed,
        delta: &Delta,
        sending: &Sending<'_>,
    ) -> Result<bool, Error> {
        let mut batch = Batch::at_generation(at);
        // All deletes come first: a range may be added where another was.
        for action in [Action::Delete, Action::Add] {
            for set in self.kernel_sets(placed) {
                match set.keys {
                    KeyType::V4 => differing(&mut batch, action, &self.table, &set, &delta.v4),
                    KeyType::V6 => differing(&mut batch, action, &self.table, &set, &delta.v6),
                }
            }
        }
        if listeners::find(&batch).is_some() {
            return Ok(false);
        }
        connection.commit_networks(batch, sending)?;
        Ok(true)
    }

    fn kernel_sets(&self, placed: Placed) -> Vec<KernelSet> {
        KernelSet::all(&self.sets, &placed.shapes, placed.generation)
    }

    /// The first transaction, which can be made in parts: creates the table and its counters if they
    /// are missing, and fills new sets.
    fn fill(&self, kernel_sets: &[KernelSet], sets: &RangeSets, shapes: &Shapes) -> Batch {
        let mut batch = Batch::new();
        objects::add_table(&mut batch, &self.table);
        objects::add_counters(&mut batch, &self.table);
        objects::add_sets(&mut batch, &self.table, kernel_sets);
        let laid_out =
            LaidOut::try_new(&sets.v4, shapes.v4).zip(LaidOut::try_new(&sets.v6, shapes.v6));
        let Some((v4, v6)) = laid_out else {
            batch.lacks_memory();
            return batch;
        };
        for set in kernel_sets {
            let (table, name, add) = (&self.table, &set.name, Action::Add);
            match set.keys {
                KeyType::V4 => {
                    elements::change(&mut batch, add, table, name, v4.elements_of(set.kind))
                }
                KeyType::V6 => {
                    elements::change(&mut batch, add, table, name, v6.elements_of(set.kind))
                }
            }
        }
        batch
    }

    /// The second transaction: switches the rules to the new sets, and deletes `old` ones.
    fn switch(&self, kernel_sets: &[KernelSet], found: &Found, old: &[CString]) -> Batch {
        let mut batch = Batch::new();
        // Should they have gone meanwhile. Without the table there is nothing to look up, either, but then
        // it is a look-up that the kernel refuses.
        objects::add_table(&mut batch, &self.table);
        objects::add_counters(&mut batch, &self.table);
        for &chain in &found.misplaced {
            chains::delete(&mut batch, &self.table, chain);
        }
        chains::switch(&mut batch, &self.table, kernel_sets, self.matched().as_deref());
        for set in old {
            objects::delete_set(&mut batch, &self.table, set);
        }
        batch
    }

    /// Whether the table has its chains, and in them exactly the rules that a switch to these sets writes.
    pub fn is_in_place(&self, connection: &mut Connection, placed: Placed) -> Result<bool, Error> {
        let found = self.find(connection)?;
        let mut written = Batch::new();
        let kernel_sets = self.kernel_sets(placed);
        let interfaces = self.matched();
        chains::add_rules(&mut written, &self.table, &kernel_sets, interfaces.as_deref());
        let written: Vec<Rule> = netlink::messages(written.bytes())
            .filter_map(|message| inspect::read_rule(&message, &self.table))
            .collect();
        let each = Chain::ALL.into_iter().all(|chain| {
            let of_chain = |rule: &&Rule| rule.chain.as_c_str() == chain.name();
            let shown: Vec<&Rule> = found.rules.iter().filter(of_chain).collect();
            let written: Vec<&Rule> = written.iter().filter(of_chain).collect();
            shown.len() == written.len()
                && shown.into_iter().zip(written).all(|(shown, written)| shown.is(written))
        });
        Ok(each && found.misplaced.is_empty() && !found.dormant)
    }

    /// What is in the table, or an error if it is another program's.
    fn find(&self, connection: &mut Connection) -> Result<Found, Error> {
        let mut found = Found::default();
        let Some(table) = inspect::table(connection, &self.table)? else { return Ok(found) };
        found.dormant = table.dormant;
        let ours = table.comment.is_some_and(|text| text.starts_with(objects::COMMENT_PREFIX));

        for set in inspect::sets(connection, &self.table)? {
            match self.generation(&set.name) {
                Some(generation) => {
                    found.generation = found.generation.max(generation);
                    found.sets.push(set.name);
                }
                None if ours => {}
                None => return Err(self.foreign("set", &set.name.to_string_lossy())),
            }
        }
        for chain in inspect::chains(connection, &self.table)? {
            match Chain::named(chain.name.as_bytes()) {
                Some(ours) => {
                    if chain.hook != ours.hook() {
                        found.misplaced.push(ours);
                    }
                }
                None if ours => {}
                None => return Err(self.foreign("chain", &chain.name)),
            }
        }
        found.rules = inspect::rules(connection, &self.table)?;
        Ok(found)
    }

    fn foreign(&self, kind: &'static str, name: &str) -> Error {
        Error::ForeignTable { table: self.table.clone(), kind, name: name.to_string() }
    }

    /// The generation of a set, if it is one of ours by its name. A name without one counts as the
    /// first: that is how the script of `netfilterd print --format nft` calls its sets.
    fn generation(&self, name: &CStr) -> Option<u64> {
        let name = name.to_bytes();
        [&self.sets.v4, &self.sets.v6].into_iter().find_map(|base| {
            if name == base.as_str().as_bytes() {
                return Some(0);
            }
            KernelSetName::parse(name, base).map(|name| name.generation)
        })
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
        Action::Delete => differing.deleted(set.kind),
        Action::Add => differing.added(set.kind),
    };
    elements::change(batch, action, table, &set.name, elements);
}
