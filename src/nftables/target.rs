//! Where range sets are put in force, and what is known to be in force there.

use std::ffi::CString;

use super::error::{Error, Retry};
use super::foreign::Foreign;
use super::kernel;
use super::managed::{Managed, Placed};
use super::transaction::Connection;
use crate::ip::change::{Applied, Change};
use crate::ip::mask::Mask;
use crate::ip::range::RangeSets;
use crate::nftables::layout::{Layout, Shapes};
use crate::nftables::name::{SetName, TableName};
use crate::nftables::plan::Plan;

/// How often something is tried again because somebody else changed the ruleset meanwhile. Under a
/// writer without a pause no number is enough.
const TRIES: u32 = 5;

/// Where the range sets are put in force, by the options of the command line.
pub struct Options {
    /// The table: [`crate::nftables::name::MANAGED_TABLE`], or one of somebody else's.
    pub table: TableName,
    /// The set of IPv4 networks.
    pub set4: SetName,
    /// The set of IPv6 networks.
    pub set6: SetName,
    /// The interfaces to filter on, all if empty; in the managed table only.
    pub interfaces: Vec<CString>,
    /// The layout; in the managed table only.
    pub layout: Layout,
    /// The mask, which tells the length of most networks.
    pub mask: Mask,
}

/// A place in nftables, with what is known to be in force there.
pub struct Target {
    table: Table,
    held: Option<Held>,
}

enum Table {
    Managed(Managed),
    Foreign(Foreign),
}

/// What was put in force.
struct Held {
    sets: RangeSets,
    /// In the managed table, the kernel sets that hold it.
    placed: Option<Placed>,
    /// The generation of the ruleset up to which it is known to be there unchanged; `None` if
    /// somebody else's transaction came in between.
    generation: Option<u32>,
}

impl Target {
    /// A target of which nothing is known yet.
    pub fn new(options: Options) -> Self {
        let Options { table, set4, set6, interfaces, layout, mask } = options;
        let table = if table.is_managed() {
            Table::Managed(Managed::new(table, set4, set6, &interfaces, layout, mask))
        } else {
            Table::Foreign(Foreign::new(table, set4, set6))
        };
        Target { table, held: None }
    }

    /// The table's name.
    pub fn table(&self) -> &TableName {
        match &self.table {
            Table::Managed(managed) => managed.table(),
            Table::Foreign(foreign) => foreign.table(),
        }
    }

    /// The sets that are filled in somebody else's table; in our own everything is ours.
    pub fn foreign_sets(&self) -> Option<[SetName; 2]> {
        match &self.table {
            Table::Managed(_) => None,
            Table::Foreign(foreign) => Some(foreign.sets()),
        }
    }

    /// The shapes of the kernel sets that hold what was put in force last; somebody else's are
    /// interval sets.
    pub fn shapes(&self) -> Option<Shapes> {
        let held = self.held.as_ref()?;
        Some(held.placed.map_or(Shapes::INTERVAL, |placed| placed.shapes))
    }

    /// What was put in force last.
    pub fn held(&self) -> Option<&RangeSets> {
        self.held.as_ref().map(|held| &held.sets)
    }

    /// The generation of the ruleset up to which what was put in force is known to be there.
    pub fn generation(&self) -> Option<u32> {
        self.held.as_ref().and_then(|held| held.generation)
    }

    /// Takes note of a transaction that did not touch our table and made this generation.
    pub fn untouched_by(&mut self, generation: u32) {
        if let Some(held) = &mut self.held {
            let follows = held.generation.is_some_and(|last| last.wrapping_add(1) == generation);
            held.generation = follows.then_some(generation);
        }
    }

    /// Whether the table looks as it was left: the rules, and the sets they look up. Whether an
    /// element is missing only a dump tells. Of somebody else's sets one is taken, unless they are
    /// too large for it: what fills them may well empty them, under the same name.
    pub fn is_in_place(&self, connection: &mut Connection) -> Result<bool, Error> {
        let Some(held) = &self.held else { return Ok(true) };
        match (&self.table, held.placed) {
            (Table::Managed(managed), Some(placed)) => managed.is_in_place(connection, placed),
            (Table::Foreign(foreign), _) => {
                let Ok(places) = foreign.look(connection, &held.sets) else { return Ok(false) };
                Ok(foreign.dump(&places)?.is_none_or(|found| found == held.sets))
            }
            (Table::Managed(_), None) => Ok(false),
        }
    }

    /// Takes note that the table was seen in place at this generation.
    pub fn in_place_at(&mut self, generation: u32) {
        if let Some(held) = &mut self.held {
            held.generation = Some(generation);
        }
    }

    /// Takes note that what was put in force may no longer be there.
    pub fn touched(&mut self) {
        if let Some(held) = &mut self.held {
            held.generation = None;
        }
    }

    /// Puts `sets` in force, and nothing but what differs where that can be known.
    ///
    /// On an error what was in force stays, unless it is [`Error::OutcomeUnknown`]. No packet sees half
    /// of one state and half of another.
    pub fn put_in_force(
        &mut self,
        connection: &mut Connection,
        sets: RangeSets,
    ) -> Result<Applied, Error> {
        let before = connection.generation()?;
        // What was committed is known to be there only as long as nobody has changed anything.
        let known = self.held.take_if(|held| held.generation == Some(before));
        let last = known.as_ref().or(self.held.as_ref()).map(|held| &held.sets);
        let result = match &self.table {
            Table::Managed(managed) => managed_in(managed, connection, known.as_ref(), last, &sets),
            Table::Foreign(foreign) => foreign_in(foreign, connection, known.as_ref(), last, &sets),
        };
        let (done, placed, commits) = match result {
            Ok(result) => result,
            Err(error) => {
                // Nothing was changed, so what was known before is still known, unless not even
                // that is certain.
                self.held = known.or(self.held.take());
                if matches!(error, Error::OutcomeUnknown { .. }) {
                    self.touched();
                }
                return Err(error);
            }
        };
        // It is in force, whether this question is answered or not.
        let after = connection.generation().ok();
        let ours_alone = after.filter(|after| after.wrapping_sub(before) == commits);
        self.held = Some(Held { sets, placed, generation: ours_alone });
        Ok(done)
    }

    /// Puts again in force what was put in force last, if anything was.
    pub fn repair(&mut self, connection: &mut Connection) -> Result<(), Error> {
        self.touched();
        let Some(held) = &self.held else { return Ok(()) };
        let sets = held.sets.clone();
        self.put_in_force(connection, sets).map(drop)
    }
}

/// What was done, the kernel sets that hold it now, and how many transactions it took.
type Outcome = Result<(Applied, Option<Placed>, u32), Error>;

/// Puts `sets` in force in the managed table: by a change where `known` is known to be there, else
/// by a rebuild, which is compared with what was put there `last`.
fn managed_in(
    managed: &Managed,
    connection: &mut Connection,
    known: Option<&Held>,
    last: Option<&RangeSets>,
    sets: &RangeSets,
) -> Outcome {
    if let Some(Held { sets: held, placed: Some(placed), generation: Some(at) }) = known {
        let fresh = managed.fresh_shapes(sets);
        match Plan::new(held, sets, &placed.shapes, &fresh) {
            Plan::Nothing => return Ok((Applied::Unchanged, Some(*placed), 0)),
            // Fresh sets are filled before any packet meets them.
            Plan::Delta(delta) if delta.changes_ranges() && !kernel::changes_ranges_safely() => {}
            Plan::Delta(delta) => match managed.change(connection, *at, *placed, &delta) {
                Ok(true) => {
                    let change = delta.change(&placed.shapes);
                    return Ok((Applied::Changed(change), Some(*placed), 1));
                }
                // A rebuild can be made in several transactions.
                Ok(false) => {}
                // A rebuild relies on nothing that could be otherwise than it was thought.
                Err(error) => log::debug!("{error}; loading all of it again"),
            },
            Plan::Rebuild => {}
        }
    }
    let mut tries = 1;
    let (placed, transactions) = loop {
        match managed.rebuild(connection, sets) {
            Err(error) if tries < TRIES && error.retry() == Retry::Now => tries += 1,
            result => break result?,
        }
    };
    Ok((Applied::Rebuilt(Change::between(last, sets)), Some(placed), transactions))
}

/// Puts `sets` in force in a foreign table: by a change against what is known or dumped, or by a
/// flush and refill.
fn foreign_in(
    foreign: &Foreign,
    connection: &mut Connection,
    known: Option<&Held>,
    last: Option<&RangeSets>,
    sets: &RangeSets,
) -> Outcome {
    let places = foreign.look(connection, sets)?;
    if let Some(Held { sets: held, generation: Some(at), .. }) = known {
        match foreign.change(connection, &places, *at, held, sets) {
            Ok(true) => return Ok((Applied::Changed(Change::between(Some(held), sets)), None, 1)),
            Ok(false) => return Ok((Applied::Unchanged, None, 0)),
            Err(error) if error.retry() != Retry::Now => return Err(error),
            Err(error) => log::debug!("{error}; looking at the set again"),
        }
    }
    for _ in 0..TRIES {
        let at = connection.generation()?;
        let Some(held) = foreign.dump(&places)? else { break };
        match foreign.change(connection, &places, at, &held, sets) {
            Ok(true) => return Ok((Applied::Changed(Change::between(Some(&held), sets)), None, 1)),
            Ok(false) => return Ok((Applied::Unchanged, None, 0)),
            Err(error) if error.retry() != Retry::Now => return Err(error),
            Err(error) => log::debug!("{error}; looking at the set again"),
        }
    }
    foreign.replace(connection, &places, sets)?;
    Ok((Applied::Rebuilt(Change::between(last, sets)), None, 1))
}
