//! The pipeline: lists are read, guards are asked, range sets are passed to a back end, and the result
//! is recorded.
//!
//! Knows nothing of the kernel: range sets go to `apply`, which returns what it changed. The pipeline
//! keeps what the next load needs: what the lists ask for at other times, what is protected, and how
//! many networks are in force.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::ip::RangeSets;
use crate::ip::change::Applied;
use crate::list::End;
use crate::load::host::Host;
use crate::load::remarks::Remarks;
use crate::load::report::Loaded;
use crate::load::state::{self, Recalled};
use crate::policy::allow::Allowed;
use crate::policy::desired::{DesiredState, Request};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::{Guards, Process};
use crate::policy::protect::{Item, Protected};
use crate::policy::remembered::{self, Found, Past, Remembered};
use crate::progress::Progress;

/// The number of networks from which on lists are large: a hundred kilobytes in the state file.
const LARGE: u64 = 10_000;

/// How often large lists are written to the state file.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);

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
    /// What a first load asked for that a guard refused, because it is too little.
    refused: Option<Box<DesiredState>>,
    /// What the state file knows, until a load succeeds.
    recalled: Recalled,
    /// When what was loaded was written to the state file.
    remembered_at: Option<Instant>,
    /// When it is to be written again.
    remember_at: Option<Instant>,
}

/// What is kept of the last load that succeeded.
struct Last {
    loaded: Loaded,
    /// What the lists asked for.
    remembered: Remembered,
    /// Whether no guard refused it, so that the next process is to compare with it.
    is_accepted: bool,
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
        Pipeline {
            request,
            guards,
            force,
            host,
            state,
            remarks: Remarks::default(),
            last: None,
            refused: None,
            recalled: Recalled::default(),
            remembered_at: None,
            remember_at: None,
        }
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
        if let Err((error, is_too_little)) = self.ask_guards(&desired) {
            self.refused = (is_too_little && self.last.is_none()).then(|| Box::new(desired));
            return Err(error);
        }
        let loaded = self.apply(desired, begin, apply)?;
        (self.force, self.refused, self.recalled) = (false, None, Recalled::default());
        Ok(loaded)
    }

    /// Has `apply` put in force what the lists ask for, since `begin`.
    fn apply(
        &mut self,
        desired: DesiredState,
        begin: Instant,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Loaded, Error> {
        let (applied, end) = apply(&desired.sets)
            .map_err(|error| error.with_entry(|address| desired.first_origin(address)))?;
        let loaded = Loaded::new(applied, &desired, end.saturating_duration_since(begin));
        self.last = Some(Last {
            loaded: loaded.clone(),
            at: desired.now(),
            remembered: Remembered::of(&desired),
            is_accepted: true,
            protected: desired.protected,
        });
        Ok(loaded)
    }

    /// Writes to the state file what was loaded last, if that has changed since it was written. Takes
    /// time, and so is called once the load was reported.
    pub fn remember(&mut self) {
        self.remember_at = None;
        if let Some(last) = self.last.as_ref().filter(|last| last.is_accepted) {
            self.state.remember(&last.remembered);
            self.remembered_at = Some(Instant::now());
        }
    }

    /// The same after a load of a daemon. Large lists are not written more often than once in a minute,
    /// however often they change: it then is to be called again at [`Pipeline::remember_at`].
    pub fn remember_in_turn(&mut self, now: Instant) {
        let is_large = self.last.as_ref().is_some_and(|last| last.remembered.networks > LARGE);
        let turn = self.remembered_at.filter(|_| is_large).map(|last| last + REMEMBER_EVERY);
        match turn.filter(|turn| now < *turn) {
            Some(turn) => self.remember_at = Some(turn),
            None => self.remember(),
        }
    }

    /// The time at which what was loaded last is to be written; `None` if that was done.
    pub fn remember_at(&self) -> Option<Instant> {
        self.remember_at
    }

    /// After a first load that failed: has `apply` put in force what was loaded before, if that is
    /// remembered, and does not change what was `found` in force by more than what has expired, or is
    /// allowed or protected now. If nothing is remembered and nothing is in force, what the lists ask
    /// for is put in force although a guard refused it, if it was only too little. Returns `None` if
    /// nothing was put in force.
    ///
    /// The next load is compared with what was in force before all the same, by this process and others.
    pub fn restore(
        &mut self,
        found: &Found,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Option<Loaded>, Error> {
        let refused = self.refused.take();
        let Some(remembered) = self.state.remembered().filter(|_| self.last.is_none()) else {
            let Some(desired) = refused.filter(|_| matches!(found, Found::Nothing)) else {
                return Ok(None);
            };
            let loaded = self.apply(*desired, Instant::now(), apply)?;
            self.last.as_mut().into_iter().for_each(|last| last.is_accepted = false);
            return Ok(Some(loaded));
        };
        let begin = Instant::now();
        let protected = protected(self.host.as_ref())?;
        // An allowlist that is unreadable now may be why the load failed.
        let allowed = Allowed::read(&self.request.allow).unwrap_or_default();
        let now = End::now();
        let spared = allowed.sets.union(protected.sets());
        let Some(sets) = remembered.restorable(found, now, &spared) else { return Ok(None) };
        let (applied, end) = apply(&sets)?;
        let allowed = remembered.allowed.union(&allowed.sets);
        let (_, exclusions) =
            Exclusions::out_of(remembered.timeline.at(now), &allowed, protected.sets());
        let loaded = Loaded {
            done: applied,
            networks: sets.network_counts(),
            addresses: sets.addresses(),
            lists: Vec::new(),
            allowed: exclusions.allowed.network_count(),
            protected: exclusions.protected.network_count(),
            expired: remembered.timeline.expired(now),
            next_end: remembered.timeline.next_end(now),
            widening: 0,
            restored: Some(remembered.at),
            time: end.saturating_duration_since(begin),
        };
        let remembered = Remembered { allowed, ..remembered };
        let loaded_now = loaded.clone();
        self.last =
            Some(Last { loaded: loaded_now, remembered, is_accepted: false, protected, at: now });
        Ok(Some(loaded))
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

    /// Returns the first refusal, and whether all refusals say no more than that it is too little.
    fn ask_guards(&mut self, desired: &DesiredState) -> Result<(), (Error, bool)> {
        // A daemon knows what it put in force; another process knows what the last one has written.
        let last = self.last.as_ref().filter(|last| last.is_accepted || last.is_restored());
        if last.is_none() {
            let (lists, now) = (desired.lists.summaries.len(), desired.networks.sum());
            let guards = self.guards;
            self.recalled = self.state.recall(|before| lists > 1 || guards.shrinks(before, now));
        }
        let past = last.map_or(self.recalled.past(), |last| Past::Load(&last.remembered));
        let figures = remembered::figures(desired, past, &self.guards, false);
        let process = if self.last.is_some() { Process::Running } else { Process::Starting };
        let mut refused: Option<(Error, bool)> = None;
        for refusal in self.guards.refusals(&figures) {
            let (subject, is_too_little) = (desired.subject(), refusal.is_too_little());
            if self.force && refusal.can_be_forced() {
                log::warn!("{}; overridden by --force", refusal.about(&subject));
            } else if let Some((_, others)) = &mut refused {
                *others &= is_too_little;
            } else {
                refused = Some((Error::Refused { subject, refusal, process }, is_too_little));
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

impl Last {
    /// Whether it is what an earlier process has loaded.
    fn is_restored(&self) -> bool {
        self.loaded.restored.is_some()
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
