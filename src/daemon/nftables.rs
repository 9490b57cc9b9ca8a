//! The nftables back end: range sets go into a table, which is repaired when another program changes
//! it.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::back_end::{BackEnd, interface_names};
use crate::daemon::repair::{Answer, Schedule};
use crate::ip::RangeSets;
use crate::load::pipeline::Outcome;
use crate::netlink::Program;
use crate::nftables::counters;
use crate::nftables::key_type::KeyType;
use crate::nftables::monitor::Monitor;
use crate::nftables::name::TableName;
use crate::nftables::objects::Direction;
use crate::nftables::{Connection, Error, Target};
use crate::policy::remembered::Found;
use crate::progress::Unseen;
use crate::status::{Dropped, Mode, Repairs, Status};

/// Keeps range sets in force in a [`Target`].
pub struct Nftables {
    target: Target,
    /// Whether changes by other programs are repaired; `false` with `--no-repair`.
    repair: bool,
    monitor: Option<Monitor>,
    schedule: Schedule,
    repairs: Repairs,
    /// The program that made the change to repair, if it is known.
    culprit: Option<String>,
}

impl BackEnd for Nftables {
    const MODE: Mode = Mode::Tables;

    fn apply(&mut self, sets: &RangeSets) -> Outcome {
        // Leaving the group would lose the notifications that wait.
        for by in self.changes() {
            log::debug!("table {} was changed by {by}; this load restores it", self.target.table());
        }
        let outcome = self.without_notifications(|target| {
            let committed = target.apply(sets, &Unseen)?;
            // Before it is dropped, for which the kernel first frees the old sets.
            Ok((committed.applied, Instant::now()))
        });
        if outcome.is_ok() && self.repair && self.monitor.is_none() {
            self.join();
        }
        outcome
    }

    fn held(&self) -> Option<RangeSets> {
        self.target.held().cloned()
    }

    fn found(&self) -> Found {
        found(&self.target)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.monitor.as_ref().map(Monitor::as_fd)
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
        status.interfaces = self.target.interfaces().map(interface_names);
        status.repairs = self.repairs.clone();
        if let Some((loaded, shapes)) = status.loaded.as_mut().zip(self.target.shapes()) {
            (loaded.layout4, loaded.layout6) = (shapes.v4.to_string(), shapes.v6.to_string());
        }
    }

    fn dropped(&self) -> Vec<Dropped> {
        let table = self.target.table();
        dropped(table).unwrap_or_else(|error| {
            log::debug!("counters of table {table}: {error}");
            Vec::new()
        })
    }

    fn stop(&mut self) -> &'static str {
        "what is loaded stays in force"
    }
}

/// What the kernel has in force, before this process has loaded anything.
pub fn found(target: &Target) -> Found {
    match target.in_force() {
        Ok(Some(sets)) if sets.is_empty() => Found::Nothing,
        Ok(Some(sets)) => Found::Sets(sets),
        Ok(None) => Found::Something,
        Err(error) => {
            log::debug!("cannot read what is in force: {error}");
            Found::Unknown
        }
    }
}

/// The counters of the managed table; empty for a table of the user's own, which has no such counters.
pub fn dropped(table: &TableName) -> Result<Vec<Dropped>, Error> {
    if !table.is_managed() {
        return Ok(Vec::new());
    }
    let counters = counters::counters(&mut Connection::open()?, table)?;
    let dropped = counters.into_iter().map(|counter| {
        let direction = match counter.direction {
            Direction::Inbound => "in",
            Direction::Outbound => "out",
        };
        let family = match counter.addresses {
            KeyType::V4 => "ipv4",
            KeyType::V6 => "ipv6",
        };
        Dropped {
            direction: direction.to_string(),
            family: family.to_string(),
            packets: counter.packets,
            bytes: counter.bytes,
        }
    });
    Ok(dropped.collect())
}

impl Nftables {
    /// A back end that has put nothing in force yet. With `repair` it repairs what other programs change
    /// in its table.
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

    /// Receives changes by other programs from now on.
    fn join(&mut self) {
        match self.target.monitor() {
            Ok(monitor) => self.monitor = Some(monitor),
            Err(error) => {
                log::warn!(
                    "cannot receive changes of the ruleset: {error}; changes by other programs are \
                     repaired at the next load only"
                );
            }
        }
        self.catch_up();
    }

    /// Calls `commit` outside of the multicast group: the kernel makes a notification for each element
    /// while any program is a member.
    fn without_notifications<T>(&mut self, commit: impl FnOnce(&mut Target) -> T) -> T {
        if let Some(Err(error)) = self.monitor.as_mut().map(Monitor::leave) {
            log::debug!("cannot leave the multicast group of nftables: {error}");
        }
        let result = commit(&mut self.target);
        match self.monitor.as_mut().map(Monitor::join) {
            Some(Ok(())) => self.catch_up(),
            Some(Err(_)) => self.join(),
            None => {}
        }
        result
    }

    /// Checks whether the table was changed while no notifications were received.
    fn catch_up(&mut self) {
        if self.monitor.is_none() {
            return;
        }
        match self.target.is_in_place() {
            Ok(true) => {
                self.schedule.loaded();
                self.culprit = None;
            }
            Ok(false) => {
                // Whoever it was, it need not be who changed something before.
                self.culprit = None;
                let table = self.target.table();
                if self.schedule.changed(Instant::now()) != Answer::Already {
                    log::warn!("table {table} was changed by an unknown program; repairing it");
                }
            }
            Err(error) => log::debug!("cannot read the ruleset: {error}"),
        }
    }

    /// Reads the notifications that wait. Returns the programs that changed the table.
    fn changes(&mut self) -> Vec<Program> {
        let Some(monitor) = self.monitor.as_mut() else { return Vec::new() };
        let transactions = match monitor.transactions() {
            Ok(transactions) => transactions,
            Err(error) => {
                log::debug!("receiving changes of the ruleset again, after an error: {error}");
                self.join();
                return Vec::new();
            }
        };
        let about_us = transactions.into_iter().filter(|change| self.target.record(change));
        about_us.map(|change| change.by).collect()
    }

    /// Schedules a repair if the notifications that wait say that the table was changed.
    fn receive(&mut self) {
        for by in self.changes() {
            let table = self.target.table();
            self.culprit = by.is_known().then(|| by.to_string());
            match self.schedule.changed(Instant::now()) {
                Answer::Already => log::debug!("table {table} was also changed by {by}"),
                Answer::AtOnce => {
                    log::warn!("table {table} was changed by {by}; repairing it");
                }
                Answer::After(pause) => log::warn!(
                    "table {table} was changed again by {by}; repairing it in {} s: stop that \
                     program, or run with --no-repair",
                    pause.as_secs()
                ),
            }
        }
    }

    /// Repairs what other programs have changed.
    fn repair(&mut self) {
        let culprit = self.culprit.take();
        let result = self.without_notifications(Target::repair);
        let now = Instant::now();
        self.schedule.repaired(now);
        match result {
            Ok(()) => {
                log::info!("repaired table {}", self.target.table());
                self.repairs.record(culprit);
            }
            Err(error) => log::error!(
                "cannot repair table {}: {error}; retrying after the next change of it",
                self.target.table()
            ),
        }
        // Another program may have changed the table again.
        self.catch_up();
    }
}
