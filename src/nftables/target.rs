//! Where range sets are put in force, and what is known to be in force there.

#![cfg(feature = "nftables")]

use std::ffi::CString;

use super::error::Error;
use super::fill::{Done, Held, Load};
use super::foreign::Foreign;
use super::inspect;
use super::lookup;
use super::managed::{InTables, Managed};
use super::monitor::{Monitor, Transaction};
use super::transaction::Connection;
use crate::ip::change::Applied;
use crate::ip::{PerFamily, RangeSets};
use crate::nftables::layout::expected::Expected;
use crate::nftables::layout::{Layout, Row, Rows};
use crate::nftables::name::{SetNames, TableName, Tables};
use crate::nftables::placement::{PlacedSet, Placement};
use crate::progress::{Progress, Unseen};

/// Where the range sets are put in force, by the options of the command line.
pub struct Options {
    /// The managed tables, or a foreign one.
    pub tables: Tables,
    /// The names of the sets.
    pub sets: SetNames,
    /// The interfaces to filter on, all if empty; in the managed tables only.
    pub interfaces: Vec<CString>,
    /// The layout; in the managed tables only.
    pub layout: Layout,
}

/// A place in nftables, with what is known to be in force there.
///
/// Each of its methods that asks the kernel opens a connection of its own: one that stays open would
/// have to be looked after.
pub struct Target {
    tables: Tables,
    table: Table,
    held: Option<Held>,
}

/// The two kinds of tables.
pub(super) enum Table {
    Managed(Managed),
    Foreign(Foreign),
}

/// Range sets that were put in force.
///
/// To drop it takes time after a large change: it closes the connection, for which the kernel first
/// frees the sets that were replaced. No packet waits for that, and the sets are in force before.
pub struct Committed {
    /// What was done.
    pub applied: Applied,
    _connection: Connection,
}

impl Target {
    /// A target of which nothing is known yet.
    pub fn new(options: Options) -> Self {
        let Options { tables, sets, interfaces, layout } = options;
        let table = match tables.clone() {
            Tables::Managed => Table::Managed(Managed::new(sets, interfaces, layout)),
            Tables::Foreign(table) => Table::Foreign(Foreign::new(table, sets)),
        };
        Target { tables, table, held: None }
    }

    pub(super) fn place(&self) -> &Table {
        &self.table
    }

    /// From now on loads keep what they replace, so that [`Target::restore`] can return to it.
    pub fn keep_replaced(&mut self) {
        if let Table::Managed(managed) = &mut self.table {
            managed.keep_replaced();
        }
    }

    /// The tables by family and name.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The rows of look-ups by which is held what was put in force last; in a foreign table interval sets.
    pub fn rows(&self) -> Option<Rows> {
        let held = self.held.as_ref()?;
        let placed = held.placed.as_ref();
        Some(placed.map_or(Rows::INTERVAL, |placed| placed.placed.rows.clone()))
    }

    /// By which layout is held what was put in force last, and what it is expected to cost, as text for
    /// people.
    pub fn layouts(&self) -> Option<PerFamily<String>> {
        let held = self.held.as_ref()?;
        let (Table::Managed(managed), Some(InTables { filled, .. })) = (&self.table, &held.placed)
        else {
            let interval = || Row::INTERVAL.to_string();
            return Some(PerFamily { v4: interval(), v6: interval() });
        };
        let layout = managed.layout();
        Some(PerFamily {
            v4: Expected::filled(&filled.v4, &held.sets.v4, layout).to_string(),
            v6: Expected::filled(&filled.v6, &held.sets.v6, layout).to_string(),
        })
    }

    /// The interfaces to which filtering is narrowed; `None` if it is not, or if the rules are another
    /// program's.
    pub fn interfaces(&self) -> Option<&[CString]> {
        match &self.table {
            Table::Managed(managed) => managed.interfaces(),
            Table::Foreign(_) => None,
        }
    }

    /// What was put in force last.
    pub fn held(&self) -> Option<&RangeSets> {
        self.held.as_ref().map(|held| &held.sets)
    }

    /// Puts `sets` in force, and nothing but what differs where that can be known. Reports how many
    /// networks were sent.
    ///
    /// On an error what was in force stays, unless it is [`Error::OutcomeUnknown`]. No packet sees
    /// half of one state and half of another.
    pub fn apply(&mut self, sets: &RangeSets, progress: &dyn Progress) -> Result<Committed, Error> {
        let mut connection = Connection::open()?;
        let applied = self.apply_by(&mut connection, sets, progress)?;
        Ok(Committed { applied, _connection: connection })
    }

    fn apply_by(
        &mut self,
        connection: &mut Connection,
        sets: &RangeSets,
        progress: &dyn Progress,
    ) -> Result<Applied, Error> {
        if let Table::Managed(managed) = &mut self.table {
            if managed.find_interfaces() {
                self.touched();
            }
        }
        let before = connection.generation()?;
        // What was committed is known to be there only as long as nobody has changed anything.
        let known = self.held.as_ref().filter(|held| held.generation == Some(before));
        let last = self.held.as_ref().map(|held| &held.sets);
        let load = Load { known, last, desired: sets, progress };
        let done = match &self.table {
            Table::Managed(managed) => load.fill_managed(managed, connection),
            Table::Foreign(foreign) => load.fill_foreign(foreign, connection),
        };
        if matches!(done, Err(Error::OutcomeUnknown { .. })) {
            self.touched();
        }
        // After any other error nothing was changed, so what was known before is still known.
        let Done { applied, placed, transactions } = done?;
        // It is in force, whether this question is answered or not.
        let after = connection.generation().ok();
        let ours_alone = after.filter(|after| after.wrapping_sub(before) == transactions);
        let counted = None;
        self.held = Some(Held { sets: sets.clone(), placed, generation: ours_alone, counted });
        Ok(applied)
    }

    /// What the kernel has in force here, whoever has loaded it; `None` if it is too much to ask for, or
    /// in sets with other names.
    pub fn in_force(&self) -> Result<Option<RangeSets>, Error> {
        let mut connection = Connection::open()?;
        let sets = match &self.table {
            Table::Managed(managed) => managed.sets(),
            Table::Foreign(foreign) => foreign.sets(),
        };
        let found = lookup::all_in_force(&mut connection, &self.tables, sets)?;
        let is_hidden = self.tables.is_managed()
            && found.as_ref().is_some_and(RangeSets::is_empty)
            && lookup::looks_up(&mut connection, &self.tables, sets)?;
        Ok(found.filter(|_| !is_hidden))
    }

    /// Puts again in force what was put in force last, if anything was, whatever is there.
    pub fn repair(&mut self) -> Result<(), Error> {
        self.touched();
        match self.held().cloned() {
            Some(sets) => self.apply(&sets, &Unseen).map(drop),
            None => Ok(()),
        }
    }

    /// A monitor that has joined, for changes by other programs to what this target keeps: all of its
    /// tables, or the sets that it fills in a foreign one.
    pub fn monitor(&self) -> Result<Monitor, Error> {
        let sets = match &self.table {
            Table::Managed(_) => None,
            Table::Foreign(foreign) => Some(foreign.sets().clone()),
        };
        let mut monitor = Monitor::open(self.tables.each(), sets)?;
        monitor.join()?;
        Ok(monitor)
    }

    /// Takes note of a transaction of another program. Returns whether it may have changed what is
    /// in force here.
    pub fn record(&mut self, transaction: &Transaction) -> bool {
        let Some(generation) = transaction.generation.filter(|_| transaction.touched.is_empty())
        else {
            self.touched();
            return true;
        };
        if let Some(held) = &mut self.held {
            let follows = held.generation.is_some_and(|last| last.wrapping_add(1) == generation);
            held.generation = follows.then_some(generation);
        }
        false
    }

    /// Takes note that what was put in force may no longer be there.
    pub fn touched(&mut self) {
        if let Some(held) = &mut self.held {
            held.generation = None;
        }
    }

    /// Whether the tables look as they were left: the rules, and the sets that they look up. Asks
    /// nothing more than the generation of the ruleset if that says so.
    ///
    /// Whether an element is missing is known from their number, where the kernel counts them. One that
    /// was replaced only a dump shows: of the sets of a foreign table one is taken with
    /// [`Look::Elements`], unless they are too large for it. What fills them may well empty them, under
    /// the same name.
    pub fn is_in_place(&mut self, look: Look) -> Result<bool, Error> {
        Ok(self.out_of_place(look)?.is_empty())
    }

    /// The tables that do not look as they were left.
    pub fn out_of_place(&mut self, look: Look) -> Result<Vec<TableName>, Error> {
        let Some(held) = &mut self.held else { return Ok(Vec::new()) };
        let mut connection = Connection::open()?;
        let now = connection.generation()?;
        if held.generation == Some(now) {
            if held.counted.is_none() {
                let counted = self.table.count(&mut connection, held, &self.tables)?;
                // Else they may have been counted after a change by another program.
                let counted = counted.into_iter().map(|(_, set)| set).collect();
                held.counted = (connection.generation()? == now).then_some(counted);
            }
            return Ok(Vec::new());
        }
        // Another program has committed something. On a busy host that is mostly about something
        // else.
        let out = self.table.out_of_place(&mut connection, held, &self.tables, look)?;
        if out.is_empty() && look == Look::Elements {
            held.generation = Some(now);
        }
        Ok(out)
    }

    /// Where the range sets are that were put in force last, for another process to look there.
    pub fn placement(&self) -> Option<Placement> {
        let held = self.held.as_ref()?;
        let (names, interfaces) = match &self.table {
            Table::Managed(managed) => (managed.sets(), managed.interfaces()),
            Table::Foreign(foreign) => (foreign.sets(), None),
        };
        let name = |name: &CString| name.to_string_lossy().into_owned();
        let interfaces = interfaces.map(|names| names.iter().map(name).collect());
        let uncounted = || {
            let name = |set: CString| set.to_string_lossy().into_owned();
            let sets = self.table.kernel_sets(held).into_iter();
            sets.map(|set| PlacedSet { name: name(set), elements: None }).collect()
        };
        Some(Placement {
            set4: names.v4.to_string(),
            set6: names.v6.to_string(),
            interfaces,
            sets: held.counted.clone().unwrap_or_else(uncounted),
            digest: (held.sets.v4.len() + held.sets.v6.len() <= lookup::MOST_ELEMENTS)
                .then(|| held.sets.digest()),
        })
    }
}

/// How closely the table is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Its rules and sets, and the number of their elements where the kernel says so. Costs the same
    /// however many there are.
    Counts,
    /// Also the elements of the sets of a foreign table, unless they are too many.
    Elements,
}

impl Table {
    /// The names of the sets that hold what was put in force.
    fn kernel_sets(&self, held: &Held) -> Vec<CString> {
        match (self, &held.placed) {
            (Table::Managed(managed), Some(placed)) => managed.names(&placed.placed),
            (Table::Managed(_), None) => Vec::new(),
            (Table::Foreign(foreign), _) => foreign.names(&held.sets),
        }
    }

    /// The sets that hold what was put in force, with the number of their elements, and the table that
    /// each is in, if it is there.
    fn count(
        &self,
        connection: &mut Connection,
        held: &Held,
        tables: &Tables,
    ) -> Result<Vec<(Option<TableName>, PlacedSet)>, Error> {
        let mut found = Vec::new();
        for table in tables.each() {
            let sets = inspect::sets(connection, &table)?;
            found.extend(sets.into_iter().map(|set| (table.clone(), set)));
        }
        let counted = |name: CString| {
            let found = found.iter().find(|(_, set)| set.name == name);
            let elements = found.and_then(|(_, set)| set.count);
            let table = found.map(|(table, _)| table.clone());
            (table, PlacedSet { name: name.to_string_lossy().into_owned(), elements })
        };
        Ok(self.kernel_sets(held).into_iter().map(counted).collect())
    }

    /// The tables that do not look as they were left.
    fn out_of_place(
        &self,
        connection: &mut Connection,
        held: &Held,
        tables: &Tables,
        look: Look,
    ) -> Result<Vec<TableName>, Error> {
        let all_if = |is_out| if is_out { tables.each() } else { Vec::new() };
        let out = match (self, &held.placed) {
            (Table::Managed(managed), Some(placed)) => {
                managed.out_of_place(connection, &placed.placed)?
            }
            (Table::Managed(_), None) => tables.each(),
            (Table::Foreign(foreign), _) => match foreign.places(connection, &held.sets) {
                Ok(_) if look == Look::Counts => Vec::new(),
                Ok(places) => {
                    all_if(foreign.dump(&places)?.is_some_and(|found| found != held.sets))
                }
                Err(error) if error.is_about_the_ruleset() => tables.each(),
                Err(error) => return Err(error),
            },
        };
        let Some(counted) = held.counted.as_ref().filter(|_| out.is_empty()) else {
            return Ok(out);
        };
        let now = self.count(connection, held, tables)?;
        let differs = |then: &PlacedSet, now: &PlacedSet| match (then.elements, now.elements) {
            (Some(then), Some(now)) => then != now,
            _ => false,
        };
        let counts = counted.iter().zip(now);
        let mut out: Vec<TableName> = counts
            .filter(|(then, (_, now))| differs(then, now))
            .filter_map(|(_, (table, _))| table)
            .collect();
        out.dedup();
        Ok(out)
    }
}
