//! The nftables back end: range sets go into tables, which are repaired when another program changes
//! them.
//!
//! Whatever fails on the way is tried again until it succeeds: the repair, the look at the table, and
//! receiving notifications, without which the table is looked at by time.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::back_end::{BackEnd, Stopped, interface_names};
use super::backoff::Backoff;
use crate::daemon::repair::{Answer, Schedule};
use crate::daemon::table;
use crate::ip::RangeSets;
use crate::load::pipeline::Outcome;
use crate::nftables::monitor::{Monitor, Transaction};
use crate::nftables::name::{Listed, TableName};
use crate::nftables::{Error, Look, Target};
use crate::policy::remembered::Found;
use crate::progress::Unseen;
use crate::status::{Condition, Dropped, Mode, Repairs, State, Status};

/// The first pause before another look at a table that cannot be looked at, or of which no
/// notifications are received, and the longest. A look costs two messages if nothing has changed.
const LOOK: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// How often changes that follow each other are logged if each is repaired at once.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Keeps range sets in force in a [`Target`].
pub struct Nftables {
    target: Target,
    /// Whether changes by other programs are repaired; `false` with `--no-repair`.
    repair: bool,
    /// Receives notifications; `None` before the first load, with `--no-repair`, and as long as it
    /// cannot be opened.
    monitor: Option<Monitor>,
    /// When to repair.
    schedule: Schedule,
    /// When to look again, because the last look failed or there is no monitor.
    looks: Backoff,
    condition: Condition,
    repairs: Repairs,
    /// When a change was logged that was repaired at once, as one of several.
    logged: Option<Instant>,
}

impl BackEnd for Nftables {
    const MODE: Mode = Mode::Tables;

    fn apply(&mut self, sets: &RangeSets) -> Outcome {
        // Leaving the group would lose the notifications that wait.
        for change in self.changes() {
            let tables = Listed(&change.touched);
            log::debug!("{} changed {tables}; this load repairs {}", change.by, tables.pronoun());
        }
        let outcome = self.without_notifications(|target| {
            let committed = target.apply(sets, &Unseen)?;
            // Before it is dropped, for which the kernel first frees the old sets.
            Ok((committed.applied, Instant::now()))
        });
        if outcome.is_ok() {
            self.in_place();
        }
        self.look();
        outcome
    }

    fn held(&self) -> Option<RangeSets> {
        self.target.held().cloned()
    }

    fn found(&self) -> Found {
        table::found(&self.target)
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.monitor.as_ref().map(Monitor::as_fd)
    }

    fn on_readable(&mut self) {
        self.receive();
    }

    fn deadline(&self) -> Option<Instant> {
        [self.schedule.due(), self.looks.due()].into_iter().flatten().min()
    }

    fn on_deadline(&mut self) {
        let now = Instant::now();
        if self.schedule.is_due(now) {
            self.repair();
        } else if self.looks.is_due(now) {
            self.look();
        }
    }

    fn describe(&mut self, status: &mut Status) {
        if !self.repair {
            // No notification says so.
            self.look_without_repair(Look::Counts);
        }
        status.tables = self.target.tables().each().iter().map(ToString::to_string).collect();
        status.interfaces = self.target.interfaces().map(interface_names);
        status.repairs = self.repairs.clone();
        status.placement = self.target.placement();
        status.condition = status.placement.is_some().then(|| self.condition.clone());
        if let Some((loaded, layouts)) = status.loaded.as_mut().zip(self.target.layouts()) {
            (loaded.layout4, loaded.layout6) = (layouts.v4, layouts.v6);
        }
    }

    fn dropped(&self) -> Vec<Dropped> {
        let tables = self.target.tables();
        table::dropped(tables).unwrap_or_else(|error| {
            log::debug!("counters of {tables}: {error}");
            Vec::new()
        })
    }

    fn stop(&mut self) -> Stopped {
        if self.target.held().is_none() {
            return Stopped::InForce("no load has succeeded".to_string());
        }
        self.receive();
        if self.schedule.due().is_none() {
            self.look_without_repair(Look::Elements);
        }
        if self.repair && self.condition.state != State::InForce {
            // Once more, whatever the pause: after this there is no repair any more.
            self.repair();
        }
        let tables = self.target.tables();
        match self.condition.state {
            State::InForce => Stopped::InForce("what is loaded stays in force".to_string()),
            State::NotInForce => Stopped::NotInForce(format!(
                "what was loaded is not in force in {tables}: {}; run netfilterd load, or start the \
                 daemon again",
                Reason(&self.condition)
            )),
            State::Unknown => Stopped::NotInForce(format!(
                "it is not known whether what was loaded is in force in {tables}: {}; look with nft \
                 list ruleset",
                Reason(&self.condition)
            )),
        }
    }
}

/// Why something is not in force: who changed it, and why it could not be repaired.
struct Reason<'a>(&'a Condition);

impl std::fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Condition { state, by, error, .. } = self.0;
        let by = by.as_deref().unwrap_or("an unknown program");
        match (state, error) {
            (State::NotInForce, None) => write!(f, "changed by {by}"),
            (State::NotInForce, Some(error)) => write!(f, "changed by {by}; {error}"),
            (_, error) => f.write_str(error.as_deref().unwrap_or("no answer")),
        }
    }
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
            looks: Backoff::new(LOOK, LONGEST_LOOK),
            condition: Condition::IN_FORCE,
            repairs: Repairs::default(),
            logged: None,
        }
    }

    /// Calls `commit` outside of the multicast group: the kernel makes a notification for each element
    /// while any program is a member.
    fn without_notifications<T>(&mut self, commit: impl FnOnce(&mut Target) -> T) -> T {
        if let Some(Err(error)) = self.monitor.as_mut().map(Monitor::leave) {
            log::debug!(
                "cannot leave the multicast group of nftables: {error}; closing the socket"
            );
            // Else it would receive the notifications of this commit. A new one is opened by the look
            // that follows.
            self.monitor = None;
        }
        let result = commit(&mut self.target);
        if let Some(Err(error)) = self.monitor.as_mut().map(Monitor::join) {
            log::debug!("cannot join the multicast group of nftables again: {error}");
            self.monitor = None;
        }
        result
    }

    /// Looks whether the table is in place, and has it repaired if it is not. Opens the monitor first
    /// if there is none, so that no change is missed after the look.
    fn look(&mut self) {
        if !self.repair {
            return self.look_without_repair(Look::Elements);
        }
        if self.target.held().is_none() {
            return;
        }
        if self.monitor.is_none() {
            self.open_monitor();
        }
        // What is to be repaired anyway need not be looked at.
        let looked = match self.schedule.due() {
            Some(_) => Ok(()),
            None => {
                self.target.out_of_place(Look::Elements).map(|changed| match changed.is_empty() {
                    true => self.in_place(),
                    false => self.found_changed(&changed),
                })
            }
        };
        if let Err(error) = &looked {
            self.not_looked_at(error);
        }
        if looked.is_ok() && self.monitor.is_some() {
            self.looks.succeeded();
            return;
        }
        let pause = self.looks.failed(Instant::now());
        if looked.is_err() {
            self.condition.retry_in(pause);
        }
    }

    /// Schedules a repair of what a look has found changed.
    fn found_changed(&mut self, changed: &[TableName]) {
        let now = Instant::now();
        self.schedule.changed(now);
        let tables = Listed(changed);
        log::warn!("an unknown program changed {tables}; repairing {}", tables.pronoun());
        self.condition.changed(None);
        self.show_next_repair(now);
    }

    /// Opens the monitor. If that fails, the table is looked at by time.
    fn open_monitor(&mut self) {
        match self.target.monitor() {
            Ok(monitor) => self.monitor = Some(monitor),
            Err(error) if !self.looks.is_failing() => log::warn!(
                "cannot receive changes of the ruleset: {error}; looking for changes every {} s until \
                 it succeeds",
                LONGEST_LOOK.as_secs()
            ),
            Err(error) => log::debug!("cannot receive changes of the ruleset: {error}"),
        }
    }

    /// Looks, and records what was seen.
    fn look_without_repair(&mut self, look: Look) {
        match self.target.is_in_place(look) {
            Ok(true) => self.condition = Condition::IN_FORCE,
            Ok(false) => self.condition.changed(None),
            Err(error) => self.not_looked_at(&error),
        }
    }

    fn not_looked_at(&mut self, error: &Error) {
        let text = format!("cannot read the ruleset: {error}");
        // Each reason once, as long as it lasts.
        if self.condition.error.as_ref() != Some(&text) {
            let tables = self.target.tables();
            log::warn!(
                "cannot read the ruleset: {error}; it is not known whether what was loaded is in force \
                 in {tables}"
            );
        }
        self.condition.failed(text);
    }

    /// Takes note that the table is in place.
    fn in_place(&mut self) {
        self.schedule.in_place();
        self.condition = Condition::IN_FORCE;
    }

    /// Has the status show when the next repair is due.
    fn show_next_repair(&mut self, now: Instant) {
        if let Some(due) = self.schedule.due() {
            self.condition.retry_in(due.saturating_duration_since(now));
        }
    }

    /// Reads the notifications that wait. Returns the transactions that changed the table.
    fn changes(&mut self) -> Vec<Transaction> {
        let Some(monitor) = self.monitor.as_mut() else { return Vec::new() };
        match monitor.transactions() {
            Ok(transactions) => {
                transactions.into_iter().filter(|change| self.target.record(change)).collect()
            }
            Err(error) => {
                log::debug!("receiving changes of the ruleset again, after an error: {error}");
                self.monitor = None;
                self.target.touched();
                // With the growing pauses of a look that failed: the next socket may fail alike.
                self.condition.failed(format!("cannot receive changes of the ruleset: {error}"));
                let pause = self.looks.failed(Instant::now());
                self.condition.retry_in(pause);
                Vec::new()
            }
        }
    }

    /// Schedules a repair if the notifications that wait say that the table was changed.
    fn receive(&mut self) {
        for change in self.changes() {
            let now = Instant::now();
            let answer = self.schedule.changed(now);
            if change.is_loss() {
                self.log_loss(answer);
                self.condition.failed("notifications of changes were lost".to_string());
            } else {
                self.log_change(&change, answer, now);
                self.condition.changed(change.by.is_known().then(|| change.by.to_string()));
            }
            self.show_next_repair(now);
        }
    }

    fn log_loss(&self, answer: Answer) {
        let tables = self.target.tables();
        match answer {
            Answer::Already => log::debug!("notifications of changes were lost"),
            Answer::AtOnce | Answer::Again(_) => log::info!(
                "notifications of changes were lost; loading {tables} again, in case of a change"
            ),
        }
    }

    fn log_change(&mut self, change: &Transaction, answer: Answer, now: Instant) {
        let (by, tables) = (&change.by, Listed(&change.touched));
        let them = tables.pronoun();
        match answer {
            Answer::Already => log::debug!("{by} also changed {tables}"),
            Answer::AtOnce => {
                self.logged = None;
                log::warn!("{by} changed {tables}; repairing {them}");
            }
            Answer::Again(pause) if pause >= Duration::from_secs(1) => {
                self.logged = None;
                log::warn!(
                    "{by} changed {tables} again; repairing {them} in {} s: stop that program, or run \
                     with --no-repair",
                    pause.as_secs()
                );
            }
            Answer::Again(_) if self.logged.is_none_or(|at| now - at >= LOG_EVERY) => {
                self.logged = Some(now);
                log::warn!(
                    "{by} changed {tables} again; repairing {them} each time, which is logged every {} \
                     s: stop that program, or run with --no-repair",
                    LOG_EVERY.as_secs()
                );
            }
            Answer::Again(_) => log::debug!("{by} changed {tables} again; repairing {them}"),
        }
    }

    /// Repairs what other programs have changed.
    fn repair(&mut self) {
        let begin = Instant::now();
        let result = self.without_notifications(Target::repair);
        let now = Instant::now();
        let took = now.saturating_duration_since(begin);
        let tables = self.target.tables();
        match result {
            Ok(()) => {
                // One of many that are not logged either.
                let quiet = |at| begin.saturating_duration_since(at) > Duration::from_secs(1);
                let level = if self.logged.is_some_and(quiet) {
                    log::Level::Debug
                } else {
                    log::Level::Info
                };
                log::log!(level, "repaired {tables}");
                self.repairs.record(self.condition.by.take());
                self.schedule.repaired(now, took);
                self.in_place();
                // Another program may have changed the table again.
                self.look();
            }
            Err(error) => {
                let pause = self.schedule.failed(now, took);
                log::error!("cannot repair {tables}: {error}; retrying in {} s", pause.as_secs());
                self.condition.failed(format!("cannot repair: {error}"));
                self.condition.retry_in(pause);
                if self.monitor.is_none() {
                    self.looks.failed(now);
                }
            }
        }
    }
}
