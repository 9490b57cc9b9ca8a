//! The pipeline: lists are read, guards are asked, range sets are passed to a back end, and the result
//! is recorded.
//!
//! Knows nothing of the kernel: range sets go to `apply`, which returns what it changed. The pipeline
//! keeps what the next load needs: what the lists ask for at other times, what is protected, and how
//! many networks are in force.

use std::time::Instant;

use crate::error::Error;
use crate::ip::RangeSets;
use crate::ip::change::Applied;
use crate::list::End;
use crate::load::host::Host;
use crate::load::remarks::Remarks;
use crate::load::report::Loaded;
use crate::load::state::{self, Recalled};
use crate::policy::desired::{DesiredState, Request};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::{Guards, Process};
use crate::policy::protect::{Item, Protected};
use crate::policy::remembered::{self, Past, Remembered};
use crate::progress::Progress;

/// Loads lists. Between loads it computes what must be in force by now.
pub struct Pipeline {
    request: Request,
    guards: Guards,
    /// Whether the next load overrides the guards.
    force: bool,
    /// The source of the protected addresses; with `None` nothing is protected.
    host: Option<Host>,
    state: state::File,
    remarks: Remarks,
    last: Option<Last>,
}

/// What is kept of the last load that succeeded.
struct Last {
    loaded: Loaded,
    /// What the lists asked for.
    remembered: Remembered,
    protected: Protected,
    /// The time for which the sets in force were computed.
    at: End,
}

/// The result of `apply`, which puts range sets in force: what changed, and when the change was
/// complete.
pub type Outcome = Result<(Applied, Instant), Error>;

impl Pipeline {
    /// A pipeline that has loaded nothing. With `force` the guards cannot refuse the first load.
    pub fn new(
        request: Request,
        guards: Guards,
        force: bool,
        host: Option<Host>,
        state: state::File,
    ) -> Self {
        let remarks = Remarks::default();
        Pipeline { request, guards, force, host, state, remarks, last: None }
    }

    /// Whether addresses of the host are protected, so that changes of them matter.
    pub fn protects(&self) -> bool {
        self.host.is_some()
    }

    /// Reads the lists, asks the guards, and has `apply` put in force what the lists ask for. On error
    /// the sets that were in force stay in force.
    pub fn load(
        &mut self,
        progress: &dyn Progress,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Loaded, Error> {
        let begin = Instant::now();
        let desired = read(&self.request, self.host.as_ref(), &mut self.remarks, progress)?;
        self.ask_guards(&desired)?;
        let (applied, end) = apply(&desired.sets)
            .map_err(|error| error.with_entry(|address| desired.first_origin(address)))?;
        let loaded = Loaded::new(applied, &desired, end.saturating_duration_since(begin));
        self.force = false;
        self.last = Some(Last {
            loaded: loaded.clone(),
            at: desired.now(),
            remembered: Remembered::of(&desired),
            protected: desired.protected,
        });
        Ok(loaded)
    }

    /// Writes to the state file what was loaded last, if that has changed since it was written. Takes
    /// time, and so is called once the load was reported.
    pub fn remember(&mut self) {
        if let Some(last) = &self.last {
            self.state.remember(&last.remembered);
        }
    }

    /// Computes what must be in force by now, without reading the lists: entries may have expired, and
    /// the protected addresses may have changed. If the result differs from what is `held`, has `apply`
    /// put it in force, and returns the report. On error everything stays as it was, so that another
    /// attempt finds the same.
    pub fn revise(
        &mut self,
        held: &RangeSets,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Option<Loaded>, Error> {
        let begin = Instant::now();
        let protected = protected(self.host.as_ref())?;
        let Some(last) = &mut self.last else { return Ok(None) };
        // The addresses of a host are renewed every few minutes, and mostly nothing has changed.
        if !last.remembered.timeline.has_ends() && protected.sets() == last.protected.sets() {
            return Ok(None);
        }
        let now = End::now();
        let Remembered { timeline, allowed, .. } = &last.remembered;
        let (sets, exclusions) = Exclusions::out_of(timeline.at(now), allowed, protected.sets());
        let mut revised = None;
        if sets != *held {
            last.log_protection_changes(&protected, &sets, &exclusions);
            let (applied, end) = apply(&sets)?;
            revised = Some(Loaded {
                done: applied,
                networks: sets.network_counts(),
                addresses: sets.addresses(),
                allowed: exclusions.allowed.network_count(),
                protected: exclusions.protected.network_count(),
                expired: last.remembered.timeline.expired(now),
                next_end: last.remembered.timeline.next_end(now),
                time: end.saturating_duration_since(begin),
                ..last.loaded.clone()
            });
        }
        last.remembered.timeline.share(&sets, exclusions.all());
        (last.protected, last.at) = (protected, now);
        if let Some(revised) = &revised {
            last.loaded = revised.clone();
            last.remembered.networks = revised.networks.sum();
        }
        Ok(revised)
    }

    /// The time at which the next entry expires, so that [`Pipeline::revise`] has to be called. It may
    /// have passed already, because a load takes time. `None` if no entry expires.
    pub fn next_end(&self) -> Option<End> {
        let last = self.last.as_ref()?;
        let timeline = &last.remembered.timeline;
        // Expired entries count again if the clock is set back.
        timeline.has_ends().then(|| timeline.next_end(last.at).unwrap_or(End::NEVER))
    }

    fn ask_guards(&mut self, desired: &DesiredState) -> Result<(), Error> {
        // A daemon knows what it put in force; another process knows what the last one has written.
        let recalled = match self.last {
            Some(_) => Recalled::Nothing,
            None => self.state.recall(),
        };
        let last = self.last.as_ref().map(|last| Past::Load(&last.remembered));
        let past = last.unwrap_or(recalled.past());
        let figures = remembered::figures(desired, past, &self.guards, false);
        let process = if self.last.is_some() { Process::Running } else { Process::Starting };
        for refusal in self.guards.refusals(&figures) {
            let subject = desired.subject();
            if !(self.force && refusal.can_be_forced()) {
                return Err(Error::Refused { subject, refusal, process });
            }
            log::warn!("{}; overridden by --force", refusal.about(&subject));
        }
        Ok(())
    }
}

/// Reads the lists and the addresses to protect on the `host`, and logs what was rejected, ignored and
/// excluded. Does not ask the guards.
pub fn read(
    request: &Request,
    host: Option<&Host>,
    remarks: &mut Remarks,
    progress: &dyn Progress,
) -> Result<DesiredState, Error> {
    let desired = DesiredState::read(request, protected(host)?, End::now(), progress)?;
    remarks.log(&desired, request.families);
    Ok(desired)
}

fn protected(host: Option<&Host>) -> Result<Protected, Error> {
    match host {
        Some(host) => Ok(Protected::new(&host.facts()?)),
        None => Ok(Protected::default()),
    }
}

impl Last {
    /// Logs which listed addresses are protected from now on, and which no longer.
    fn log_protection_changes(
        &self,
        protected: &Protected,
        sets: &RangeSets,
        exclusions: &Exclusions,
    ) {
        let (before, now) = (self.protected.items(), protected.items());
        // What is allowed was not dropped before either.
        let spared = exclusions.protected.subtract(&exclusions.allowed);
        let is_new = |item: &&Item| !before.contains(item) && item.is_in(&spared);
        for item in now.iter().filter(is_new) {
            log::warn!("{item} is listed, and protected from now on");
        }
        let is_gone = |item: &&Item| !now.contains(item) && item.is_in(sets);
        for item in before.iter().filter(is_gone) {
            log::info!("{item} is listed, and no longer protected, so it is dropped");
        }
    }
}
