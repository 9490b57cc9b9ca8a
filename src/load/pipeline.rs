//! The pipeline: lists that were read are judged by the guards, range sets are passed to a back end,
//! and the result is recorded.
//!
//! A load has two parts. The first one reads the lists (`read.rs`) and may take for ever; what it needs
//! is in a [`ReadRequest`]. The second one is [`Pipeline::finish`]. Between the two, the pipeline can
//! be used as before.
//!
//! Knows nothing of the kernel: range sets go to `apply`, which returns what it changed. The pipeline
//! keeps what the next load needs: what the lists asked for, now and at other times, and what is protected.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::ip::RangeSets;
use crate::ip::change::Applied;
use crate::list::End;
use crate::load::host::Host;
use crate::load::protection;
use crate::load::read::{ReadLists, ReadRequest};
use crate::load::remarks::Remarks;
use crate::load::report::Loaded;
use crate::load::state::{self, Recalled};
use crate::policy::desired::{DesiredState, Request};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::Guards;
use crate::policy::protect::{Protected, Why};
use crate::policy::refusal::Process;
use crate::policy::remembered::{self, Past, Remembered};
use crate::progress::Progress;

/// The number of networks from which on lists are large: a hundred kilobytes in the state file.
const LARGE: u64 = 10_000;

/// How often large lists are written to the state file.
const REMEMBER_EVERY: Duration = Duration::from_secs(60);

/// Loads lists. Between loads it computes what must be in force by now.
pub struct Pipeline {
    pub(super) request: Request,
    guards: Guards,
    /// Whether the next load overrides the guards.
    force: bool,
    /// The source of the protected addresses; with `None` nothing is protected.
    pub(super) host: Option<Host>,
    pub(super) state: state::File,
    remarks: Remarks,
    pub(super) last: Option<Last>,
    /// What a first load asked for that a guard refused, because it is too little.
    pub(super) refused: Option<Box<DesiredState>>,
    /// What the state file knows, until a load succeeds.
    recalled: Recalled,
    /// When what was loaded was written to the state file.
    remembered_at: Option<Instant>,
    /// When it is to be written again.
    remember_at: Option<Instant>,
    /// How long it took to look up the protected addresses when they were looked up last.
    lookup: Duration,
}

/// What is kept of the last load that succeeded.
pub(super) struct Last {
    pub(super) loaded: Loaded,
    /// What the lists asked for.
    pub(super) remembered: Remembered,
    /// Whether no guard refused it, so that the next process is to compare with it.
    pub(super) is_accepted: bool,
    pub(super) protected: Protected,
    /// The time at which these addresses were looked up.
    pub(super) protected_at: Instant,
    /// The time for which the sets in force were computed.
    pub(super) at: End,
}

/// How long protected addresses count as new after they were looked up. Most lists are read in less.
const NEW: Duration = Duration::from_secs(1);

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
            lookup: Duration::ZERO,
        }
    }

    /// Whether an address is protected after the last load, as far as it is known.
    pub fn has_protected(&self, address: IpAddr) -> bool {
        self.last.as_ref().is_some_and(|last| last.protected.sets().contains(address))
    }

    /// How long [`Pipeline::revise`] took to look up the protected addresses. A router with a million
    /// routes needs half a second of the kernel's time for each lookup.
    pub fn lookup(&self) -> Duration {
        self.lookup
    }

    /// The host whose addresses are protected, so that changes of it matter; `None` if nothing is
    /// protected.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// Reads the files of the host. Returns whether logins or resolvers differ from those that are
    /// protected, so that [`Pipeline::revise`] has to be called. Does not ask the kernel.
    pub fn host_has_changed(&mut self) -> bool {
        let (Some(host), Some(last)) = (&mut self.host, &self.last) else { return false };
        let of_files = |protected: &Protected| {
            let items = protected.items().iter();
            let of_files = items.filter(|item| matches!(item.why, Why::Resolver | Why::LoggedIn));
            of_files.copied().collect::<Vec<_>>()
        };
        of_files(&Protected::new(&host.look())) != of_files(&last.protected)
    }

    /// Reads the lists, and finishes the load. For commands, which have nothing else to do meanwhile.
    pub fn load(
        &mut self,
        progress: &dyn Progress,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Loaded, Error> {
        let lists = self.request()?.read(progress)?;
        self.finish(lists, apply)
    }

    /// Begins a load: what is needed to read the lists, on any thread.
    pub fn request(&mut self) -> Result<ReadRequest, Error> {
        let begin = Instant::now();
        let protected = protected(self.host.as_mut())?;
        Ok(ReadRequest { request: self.request.clone(), protected, begin })
    }

    /// Finishes a load: asks the guards, and has `apply` put in force what the lists ask for. On error
    /// the sets that were in force stay in force.
    pub fn finish(
        &mut self,
        lists: ReadLists,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Loaded, Error> {
        let (desired, protected_at, begin) = self.up_to_date(lists)?;
        self.remarks.log(&desired, self.request.families);
        if let Err((error, is_too_little)) = self.ask_guards(&desired) {
            self.refused = (is_too_little && self.last.is_none()).then(|| Box::new(desired));
            return Err(error);
        }
        let loaded = self.apply(desired, (begin, protected_at), apply)?;
        (self.force, self.refused, self.recalled) = (false, None, Recalled::default());
        Ok(loaded)
    }

    /// Has `apply` put in force what the lists ask for. The load began, and the protected addresses were
    /// looked up, at these times.
    pub(super) fn apply(
        &mut self,
        desired: DesiredState,
        (begin, protected_at): (Instant, Instant),
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
            protected_at,
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

    /// What the lists ask for by now, the time at which the protected addresses were looked up, and the
    /// time at which the load began. While the lists were read, addresses may have changed and entries
    /// may have expired.
    fn up_to_date(&mut self, lists: ReadLists) -> Result<(DesiredState, Instant, Instant), Error> {
        let ReadLists { desired, begin } = lists;
        let newer = self.last.as_ref().filter(|last| last.protected_at > begin);
        if newer.is_none() && begin.elapsed() < NEW {
            return Ok((desired, begin, begin));
        }
        let protected_at = Instant::now();
        let protected = protected(self.host.as_mut())?;
        let before = newer.map_or(&desired.protected, |last| &last.protected).clone();
        let desired = desired.renewed(protected, End::now());
        let DesiredState { protected, sets, exclusions, .. } = &desired;
        protection::log_changes(&before, protected, sets, exclusions);
        Ok((desired, protected_at, begin))
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
        let protected_at = Instant::now();
        let protected = protected(self.host.as_mut())?;
        self.lookup = protected_at.elapsed();
        let Some(last) = &mut self.last else { return Ok(None) };
        // The addresses of a host are renewed every few minutes, and mostly nothing has changed.
        if !last.remembered.timeline.has_ends() && protected.protects_as(&last.protected) {
            (last.protected, last.protected_at) = (protected, protected_at);
            return Ok(None);
        }
        let now = End::now();
        let Remembered { timeline, allowed, .. } = &last.remembered;
        let merged = timeline.parts_at(now);
        let connected = timeline.kept_of_parts(protected.networks(), now, &merged);
        let (sets, exclusions) =
            Exclusions::out_of_parts(merged, allowed, protected.sets(), &connected);
        protection::log_cut_off(&last.protected, &protected, &sets, &exclusions);
        let mut revised = None;
        if sets != *held {
            protection::log_changes(&last.protected, &protected, &sets, &exclusions);
            let (applied, end) = apply(&sets)?;
            revised = Some(Loaded {
                done: applied,
                networks: sets.network_counts(),
                addresses: sets.addresses(),
                allowed: exclusions.allowed.network_count(),
                protected: exclusions.protected_networks(),
                expired: timeline.expired(now),
                next_end: timeline.next_end(now),
                time: end.saturating_duration_since(begin),
                ..last.loaded.clone()
            });
        }
        last.remembered.timeline.share(&sets, exclusions.all());
        (last.protected, last.protected_at, last.at) = (protected, protected_at, now);
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
    host: Option<&mut Host>,
    remarks: &mut Remarks,
    progress: &dyn Progress,
) -> Result<DesiredState, Error> {
    let desired = DesiredState::read(request, protected(host)?, End::now(), progress)?;
    remarks.log(&desired, request.families);
    Ok(desired)
}

pub(super) fn protected(host: Option<&mut Host>) -> Result<Protected, Error> {
    match host {
        Some(host) => Ok(Protected::new(&host.facts()?)),
        None => Ok(Protected::default()),
    }
}
