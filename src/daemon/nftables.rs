//! nftables as a back end: range sets into a table, which is repaired when another program changes
//! it.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use super::back_end::BackEnd;
use crate::daemon::repair::{Answer, Schedule};
use crate::ip::range::RangeSets;
use crate::load::pipeline::Outcome;
use crate::nftables::counters;
use crate::nftables::monitor::Watch;
use crate::nftables::{Connection, Error, Target};
use crate::progress::Progress;
use crate::status::{Dropped, Mode, Repairs, Status};

/// Keeps range sets in force in a [`Target`].
pub struct Nftables {
    target: Target,
    /// Whether changes by other programs are received and repaired.
    repair: bool,
    monitor: Option<Watch>,
    schedule: Schedule,
    repairs: Repairs,
    /// Who changed what is to be repaired, as far as it is known.
    culprit: Option<String>,
}

impl BackEnd for Nftables {
    const MODE: Mode = Mode::Tables;

    fn apply(&mut self, sets: &RangeSets, _: &dyn Progress) -> Outcome {
        // Notifications that wait would be lost with the membership; they say who it was.
        self.receive();
        let outcome: Result<_, Error> = self.unheard(|target| {
            let mut connection = Connection::open()?;
            let applied = target.put_in_force(&mut connection, sets.clone())?;
            // Before the connection is closed, for which the kernel first frees the old sets.
            Ok((applied, Instant::now()))
        });
        if outcome.is_ok() && self.repair && self.monitor.is_none() {
            self.join();
        }
        Ok(outcome?)
    }

    fn held(&self) -> Option<RangeSets> {
        self.target.held().cloned()
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.monitor.as_ref().map(Watch::fd)
    }

    fn on_readable(&mut self) {
        self.receive();
    }

    fn deadline(&self) -> Option<Instant> {
        self.schedule.due()
    }

    fn on_deadline(&mut self) {
        if self.schedule.is_due(Instant::now()) {
            self.repair();
        }
    }

    fn describe(&self, status: &mut Status) {
        status.table = Some(self.target.table().to_string());
        status.repairs = self.repairs.clone();
        if let Some((loaded, shapes)) = status.loaded.as_mut().zip(self.target.shapes()) {
            (loaded.layout4, loaded.layout6) = (shapes.v4.to_string(), shapes.v6.to_string());
        }
    }

    fn dropped(&self) -> Vec<Dropped> {
        let table = self.target.table();
        if !table.is_managed() {
            return Vec::new();
        }
        Connection::open()
            .and_then(|mut connection| counters::dropped(&mut connection, table))
            .unwrap_or_else(|error| {
                log::debug!("counters of table {table}: {error}");
                Vec::new()
            })
    }

    fn stop(&mut self) -> &'static str {
        "what is loaded stays in force"
    }
}

impl Nftables {
    /// A back end that has put nothing in force yet. With `repair` it restores what other programs
    /// remove from its table.
    pub fn new(target: Target, repair: bool) -> Self {
        Nftables {
            target,
            repair,
            monitor: None,
            schedule: Schedule::default(),
            repairs: Repairs::default(),
            culprit: None,
        }
    }

    /// From here on changes by other programs are received.
    fn join(&mut self) {
        let (table, sets) = (self.target.table().clone(), self.target.foreign_sets());
        let monitor = Watch::open(table, sets).and_then(|mut monitor| {
            monitor.join()?;
            Ok(monitor)
        });
        match monitor {
            Ok(monitor) => self.monitor = Some(monitor),
            Err(error) => {
                log::warn!("cannot listen for changes of the ruleset, so none are mended: {error}");
            }
        }
        self.catch_up();
    }

    /// Does something that commits, and receives no notifications meanwhile: the kernel makes one for
    /// each element, for as long as anybody listens.
    fn unheard<T>(&mut self, commit: impl FnOnce(&mut Target) -> T) -> T {
        if let Some(Err(error)) = self.monitor.as_mut().map(Watch::leave) {
            log::debug!("still listening: {error}");
        }
        let result = commit(&mut self.target);
        match self.monitor.as_mut().map(Watch::join) {
            Some(Ok(())) => self.catch_up(),
            Some(Err(_)) => self.join(),
            None => {}
        }
        result
    }

    /// Finds out whether anything was changed while nobody listened.
    fn catch_up(&mut self) {
        if self.monitor.is_none() {
            return;
        }
        let target = &mut self.target;
        let in_place = Connection::open().and_then(|mut connection| {
            let now = connection.generation()?;
            if target.generation() == Some(now) {
                return Ok(true);
            }
            // Somebody has committed something. On a busy host that is mostly about something else.
            let in_place = target.is_in_place(&mut connection)?;
            if in_place {
                target.in_place_at(now);
            }
            Ok(in_place)
        });
        match in_place {
            Ok(true) => self.schedule.loaded(),
            Ok(false) => {
                let table = target.table().clone();
                if self.schedule.changed(Instant::now()) != Answer::Already {
                    log::warn!("table {table} is not as it was left; putting it right");
                }
            }
            Err(error) => log::debug!("the ruleset is not known: {error}"),
        }
    }

    /// Takes the notifications that wait, and schedules a repair if they are about our table.
    fn receive(&mut self) {
        let Some(monitor) = self.monitor.as_mut() else { return };
        let transactions = match monitor.transactions() {
            Ok(transactions) => transactions,
            Err(error) => {
                log::debug!("listening anew: {error}");
                return self.join();
            }
        };
        for transaction in transactions {
            let target = &mut self.target;
            match transaction.generation {
                Some(generation) if !transaction.touched => target.untouched_by(generation),
                _ => {
                    target.touched();
                    let (table, by) = (target.table().clone(), &transaction.by);
                    self.culprit = by.is_known().then(|| by.to_string());
                    match self.schedule.changed(Instant::now()) {
                        Answer::Already => log::debug!("table {table} was changed by {by}, too"),
                        Answer::AtOnce => {
                            log::warn!("table {table} was changed by {by}; putting it right");
                        }
                        Answer::After(pause) => log::warn!(
                            "table {table} was changed again by {by}; putting it right in {} s: \
                             stop what does it, or run with --no-repair",
                            pause.as_secs()
                        ),
                    }
                }
            }
        }
    }

    /// Restores what other programs have removed.
    fn repair(&mut self) {
        let result: Result<(), Error> =
            self.unheard(|target| target.repair(&mut Connection::open()?));
        let now = Instant::now();
        self.schedule.repaired(now);
        match result {
            Ok(()) => {
                log::info!("put right: table {}", self.target.table());
                self.repairs.record(self.culprit.take());
            }
            Err(error) => log::error!("not put right, waiting for the next change: {error}"),
        }
        // Something may have been changed again since.
        self.catch_up();
    }
}
