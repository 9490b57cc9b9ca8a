//! One load of range sets into a table: by a change where it is known what is there, else by a rebuild or
//! a flush and refill. Another attempt follows where another program got in between, or an answer was lost.

#![cfg(feature = "nftables")]

use super::error::Error;
use super::foreign::{Foreign, Places};
use super::kernel;
use super::managed::{InTables, Managed};
use super::transaction::{Connection, Sending};
use crate::ip::RangeSets;
use crate::ip::change::{Applied, Change};
use crate::nftables::placement::PlacedSet;
use crate::nftables::plan::Plan;
use crate::progress::Progress;

/// How often something is tried again because another program changed the ruleset meanwhile. Under
/// a writer without a pause no number is enough.
const TRIES: u32 = 5;

/// What was put in force.
pub(super) struct Held {
    pub(super) sets: RangeSets,
    /// In the managed tables, the kernel sets that hold it.
    pub(super) placed: Option<InTables>,
    /// The generation of the ruleset up to which it is known to be there unchanged; `None` if a
    /// transaction of another program came in between.
    pub(super) generation: Option<u32>,
    /// The sets in the kernel, with the elements that it counted in them; `None` if they were not
    /// counted yet.
    pub(super) counted: Option<Vec<PlacedSet>>,
}

/// What was done, the kernel sets that hold it now, and how many transactions it took.
pub(super) struct Done {
    pub(super) applied: Applied,
    pub(super) placed: Option<InTables>,
    pub(super) transactions: u32,
}

/// Range sets that are to be put in force, and what is known of what is in force now.
pub(super) struct Load<'a> {
    /// What was put in force last, if it is known to be there still.
    pub(super) known: Option<&'a Held>,
    /// What was put in force last, whether it is still there or not.
    pub(super) last: Option<&'a RangeSets>,
    pub(super) desired: &'a RangeSets,
    pub(super) progress: &'a dyn Progress,
}

impl Load<'_> {
    /// Puts the sets in force in the managed tables: by a change where it is known what is there, else
    /// by a rebuild.
    pub(super) fn fill_managed(
        &self,
        managed: &Managed,
        connection: &mut Connection,
    ) -> Result<Done, Error> {
        if let Some(done) = self.change_managed(managed, connection) {
            return Ok(done);
        }
        let sending = Sending::new(self.progress, self.desired.network_count());
        let mut tries = 1;
        // A rebuild takes the place of whatever an earlier one has left, so that another one tells
        // what became of one whose answer was lost.
        let mut lost = None;
        loop {
            match managed.rebuild(connection, self.desired, &sending) {
                Err(error) if tries < TRIES && error.retry_helps() => {
                    tries += 1;
                    lost = error.lost_answer().or(lost);
                }
                Err(error) => return Err(unknown_if(lost, error)),
                Ok((placed, transactions)) => {
                    let applied = self.rebuilt();
                    return Ok(Done { applied, placed: Some(placed), transactions });
                }
            }
        }
    }

    /// Changes the managed tables where they differ; `None` if they are to be rebuilt, where nothing was
    /// changed.
    fn change_managed(&self, managed: &Managed, connection: &mut Connection) -> Option<Done> {
        let Some(Held { sets: held, placed: Some(placed), generation: Some(at), .. }) = self.known
        else {
            return None;
        };
        let InTables { placed, filled } = placed;
        let done = |applied, filled, transactions| {
            let placed = Some(InTables { placed: placed.clone(), filled });
            Done { applied, placed, transactions }
        };
        let fresh = || managed.fresh_rows(self.desired);
        match Plan::new(held, self.desired, filled, Some(&fresh)) {
            Plan::Nothing => Some(done(Applied::Unchanged, filled.clone(), 0)),
            // Fresh sets are filled before any packet meets them.
            Plan::Delta(delta, _) if delta.changes_ranges() && !kernel::changes_ranges_safely() => {
                None
            }
            Plan::Delta(delta, filled) => {
                let change = delta.change();
                let sending = Sending::new(self.progress, change.added + change.removed);
                match managed.change(connection, *at, placed, &delta, &sending) {
                    Ok(true) => Some(done(Applied::Changed(change), filled, 1)),
                    // A rebuild can be made in several transactions.
                    Ok(false) => None,
                    // A rebuild relies on nothing that could be otherwise than it was thought.
                    Err(error) => {
                        log::debug!("{error}; loading all of it again");
                        None
                    }
                }
            }
            Plan::Rebuild => None,
        }
    }

    /// Puts the sets in force in a foreign table: by a change against what is known or dumped, or by
    /// a flush and refill.
    pub(super) fn fill_foreign(
        &self,
        foreign: &Foreign,
        connection: &mut Connection,
    ) -> Result<Done, Error> {
        let &Load { known, desired, progress, .. } = self;
        let places = foreign.look(connection, desired)?;
        let mut known = known.and_then(|known| Some((known.generation?, known.sets.clone())));
        // The error by which an answer was lost, and what was in force before that change.
        let mut lost: Option<(std::io::Error, RangeSets)> = None;
        for _ in 0..TRIES + u32::from(known.is_some()) {
            let looked = match known.take() {
                Some(known) => Ok(Some(known)),
                None => at_one_time(foreign, &places, connection),
            };
            let (at, held) = match looked {
                Ok(Some(looked)) => looked,
                Ok(None) => break,
                Err(error) => return Err(unknown_if(lost.map(|(source, _)| source), error)),
            };
            match foreign.change(connection, &places, at, &held, desired, progress) {
                Ok(change) => {
                    // Nothing differs any more, if the change whose answer was lost was made.
                    let made = lost.map(|(_, before)| Change::between(Some(&before), desired));
                    let applied = change.or(made).map_or(Applied::Unchanged, Applied::Changed);
                    let transactions = change.is_some().into();
                    return Ok(Done { applied, placed: None, transactions });
                }
                Err(Error::OutcomeUnknown { source }) => {
                    log::debug!("an answer was lost ({source}); looking at the set again");
                    lost = Some((source, held));
                }
                Err(error) if error.retry_helps() => {
                    log::debug!("{error}; looking at the set again");
                }
                // The look before this change has shown that no earlier one was made.
                Err(error) => return Err(error),
            }
        }
        self.replace_foreign(foreign, connection, &places, lost.map(|(source, _)| source))
    }

    /// Flushes the sets and fills them again. Whatever they hold then, another time tells what became
    /// of one whose answer was lost.
    fn replace_foreign(
        &self,
        foreign: &Foreign,
        connection: &mut Connection,
        places: &Places,
        mut lost: Option<std::io::Error>,
    ) -> Result<Done, Error> {
        let mut tries = 1;
        loop {
            match foreign.replace(connection, places, self.desired, self.progress) {
                Ok(()) => {
                    return Ok(Done { applied: self.rebuilt(), placed: None, transactions: 1 });
                }
                Err(Error::OutcomeUnknown { source }) if tries < TRIES => {
                    tries += 1;
                    lost = Some(source);
                }
                Err(error) => return Err(unknown_if(lost, error)),
            }
        }
    }

    /// That all of it was put in force again, counted against what was there last.
    fn rebuilt(&self) -> Applied {
        Applied::Rebuilt(Change::between(self.last, self.desired))
    }
}

/// What the sets of a foreign table hold, and at which generation; `None` as for [`Foreign::dump`].
fn at_one_time(
    foreign: &Foreign,
    places: &Places,
    connection: &mut Connection,
) -> Result<Option<(u32, RangeSets)>, Error> {
    let at = connection.generation()?;
    Ok(foreign.dump(places)?.map(|held| (at, held)))
}

/// The error of an attempt. If the answer to an earlier one was `lost`, it is not known what that one
/// has changed.
fn unknown_if(lost: Option<std::io::Error>, error: Error) -> Error {
    match (lost, error) {
        (Some(source), error) if !matches!(error, Error::OutcomeUnknown { .. }) => {
            log::debug!("{error}");
            Error::OutcomeUnknown { source }
        }
        (_, error) => error,
    }
}
