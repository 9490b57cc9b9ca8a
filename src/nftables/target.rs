//! Where range sets are put in force, and what is known to be in force there.

#![cfg(feature = "nftables")]

use std::ffi::CString;

use super::error::Error;
use super::fill::{Done, Held, Load};
use super::foreign::Foreign;
use super::inspect;
use super::lookup;
use super::managed::Managed;
use super::monitor::{Monitor, Transaction};
use super::transaction::Connection;
use crate::ip::RangeSets;
use crate::ip::change::Applied;
use crate::ip::mask::Mask;
use crate::nftables::layout::{Layout, Shapes};
use crate::nftables::name::{SetNames, TableName};
use crate::nftables::placement::{PlacedSet, Placement};
use crate::progress::{Progress, Unseen};

/// Where the range sets are put in force, by the options of the command line.
pub struct Options {
    /// The table: [`crate::nftables::name::MANAGED_TABLE`], or a foreign one.
    pub table: TableName,
    /// The names of the sets.
    pub sets: SetNames,
    /// The interfaces to filter on, all if empty; in the managed table only.
    pub interfaces: Vec<CString>,
    /// The layout; in the managed table only.
    pub layout: Layout,
    /// The mask, which tells the length of most networks.
    pub mask: Mask,
}

/// A place in nftables, with what is known to be in force there.
///
/// Each of its methods that asks the kernel opens a connection of its own: one that stays open would
/// have to be looked after.
pub struct Target {
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
        let Options { table, sets, interfaces, layout, mask } = options;
        let table = if table.is_managed() {
            Table::Managed(Managed::new(table, sets, interfaces, layout, mask))
        } else {
            Table::Foreign(Foreign::new(table, sets))
        };
        Target { table, held: None }
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

    /// The table by family and name.
    pub fn table(&self) -> &TableName {
        self.table.name()
    }

    /// The shapes of the kernel sets that hold what was put in force last; those of a foreign table
    /// are interval sets.
    pub fn shapes(&self) -> Option<Shapes> {
        let held = self.held.as_ref()?;
        Some(held.placed.map_or(Shapes::INTERVAL, |placed| placed.shapes))
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
        let found = lookup::all_in_force(&mut connection, self.table(), sets)?;
        let is_hidden = self.table().is_managed()
            && found.as_ref().is_some_and(RangeSets::is_empty)
            && lookup::looks_up(&mut connection, self.table())?;
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

    /// A monitor that has joined, for changes by other programs to what this target keeps: its whole
    /// table, or the sets that it fills in a foreign one.
    pub fn monitor(&self) -> Result<Monitor, Error> {
        let sets = match &self.table {
            Table::Managed(_) => None,
            Table::Foreign(foreign) => Some(foreign.sets().clone()),
        };
        let mut monitor = Monitor::open(self.table().clone(), sets)?;
        monitor.join()?;
        Ok(monitor)
    }

    /// Takes note of a transaction of another program. Returns whether it may have changed what is
    /// in force here.
    pub fn record(&mut self, transaction: &Transaction) -> bool {
        let Some(generation) = transaction.generation.filter(|_| !transaction.touched) else {
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

    /// Whether the table looks as it was left: the rules, and the sets that they look up. Asks
    /// nothing more than the generation of the ruleset if that says so.
    ///
    /// Whether an element is missing is known from their number, where the kernel counts them. One that
    /// was replaced only a dump shows: of the sets of a foreign table one is taken with
    /// [`Look::Elements`], unless they are too large for it. What fills them may well empty them, under
    /// the same name.
    pub fn is_in_place(&mut self, look: Look) -> Result<bool, Error> {
        let Some(held) = &mut self.held else { return Ok(true) };
        let mut connection = Connection::open()?;
        let now = connection.generation()?;
        if held.generation == Some(now) {
            if held.counted.is_none() {
                let counted = self.table.count(&mut connection, held)?;
                // Else they may have been counted after a change by another program.
                held.counted = (connection.generation()? == now).then_some(counted);
            }
            return Ok(true);
        }
        // Another program has committed something. On a busy host that is mostly about something
        // else.
        let in_place = self.table.is_in_place(&mut connection, held, look)?;
        if in_place && look == Look::Elements {
            held.generation = Some(now);
        }
        Ok(in_place)
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
    fn name(&self) -> &TableName {
        match self {
            Table::Managed(managed) => managed.table(),
            Table::Foreign(foreign) => foreign.table(),
        }
    }

    /// The names of the sets that hold what was put in force.
    fn kernel_sets(&self, held: &Held) -> Vec<CString> {
        match (self, held.placed) {
            (Table::Managed(managed), Some(placed)) => managed.names(placed),
            (Table::Managed(_), None) => Vec::new(),
            (Table::Foreign(foreign), _) => foreign.names(&held.sets),
        }
    }

    /// The sets that hold what was put in force, with the number of their elements.
    fn count(&self, connection: &mut Connection, held: &Held) -> Result<Vec<PlacedSet>, Error> {
        let found = inspect::sets(connection, self.name())?;
        let counted = |name: CString| {
            let set = found.iter().find(|set| set.name == name);
            let elements = set.and_then(|set| set.count);
            PlacedSet { name: name.to_string_lossy().into_owned(), elements }
        };
        Ok(self.kernel_sets(held).into_iter().map(counted).collect())
    }

    fn is_in_place(
        &self,
        connection: &mut Connection,
        held: &Held,
        look: Look,
    ) -> Result<bool, Error> {
        let in_place = match (self, held.placed) {
            (Table::Managed(managed), Some(placed)) => managed.is_in_place(connection, placed)?,
            (Table::Managed(_), None) => false,
            (Table::Foreign(foreign), _) => match foreign.places(connection, &held.sets) {
                Ok(_) if look == Look::Counts => true,
                Ok(places) => foreign.dump(&places)?.is_none_or(|found| found == held.sets),
                Err(error) if error.is_about_the_ruleset() => false,
                Err(error) => return Err(error),
            },
        };
        let Some(counted) = held.counted.as_ref().filter(|_| in_place) else {
            return Ok(in_place);
        };
        let now = self.count(connection, held)?;
        Ok(counted.iter().zip(&now).all(|(then, now)| match (then.elements, now.elements) {
            (Some(then), Some(now)) => then == now,
            _ => true,
        }))
    }
}
