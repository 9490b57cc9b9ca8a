//! The pipeline: lists that were read are judged by the guards, range sets are passed to a back end,
//! and the result is recorded.
//!
//! A load has two parts. The first one reads the lists (`read.rs`) and may take for ever; what it needs
//! is in a [`ReadRequest`]. The second one is [`Pipeline::finish`]. Between the two, the pipeline can
//! be used as before.
//!
//! Knows nothing of the kernel: range sets go to `apply`, which returns what it changed. The pipeline
//! keeps what the next load needs: what the lists ask for at other times, what is protected, and how
//! many networks are in force.

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
use crate::load::state;
use crate::policy::desired::{DesiredState, Request};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::Guards;
use crate::policy::protect::{Protected, Why};
use crate::policy::timeline::Timeline;
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
    /// How long it took to look up the protected addresses when they were looked up last.
    lookup: Duration,
}

/// What is kept of the last load that succeeded.
struct Last {
    loaded: Loaded,
    timeline: Timeline,
    allowed: RangeSets,
    protected: Protected,
    /// The time at which these addresses were looked up.
    protected_at: Instant,
    /// The time for which the sets in force were computed.
    at: End,
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
        let remarks = Remarks::default();
        let lookup = Duration::ZERO;
        Pipeline { request, guards, force, host, state, remarks, last: None, lookup }
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
        self.ask_guards(&desired)?;
        let (applied, end) = apply(&desired.sets)
            .map_err(|error| error.with_entry(|address| desired.first_origin(address)))?;
        let loaded = Loaded::new(applied, &desired, end.saturating_duration_since(begin));
        self.force = false;
        self.state.remember(loaded.networks.sum());
        self.last = Some(Last {
            loaded: loaded.clone(),
            at: desired.now(),
            timeline: desired.timeline,
            allowed: desired.allowed.sets,
            protected: desired.protected,
            protected_at,
        });
        Ok(loaded)
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
        if !last.timeline.has_ends() && protected.protects_as(&last.protected) {
            (last.protected, last.protected_at) = (protected, protected_at);
            return Ok(None);
        }
        let now = End::now();
        let merged = last.timeline.at(now);
        let connected = last.timeline.kept(protected.networks(), now, &merged);
        let (sets, exclusions) =
            Exclusions::out_of(merged, &last.allowed, protected.sets(), &connected);
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
                expired: last.timeline.expired(now),
                next_end: last.timeline.next_end(now),
                time: end.saturating_duration_since(begin),
                ..last.loaded.clone()
            });
        }
        last.timeline.share(&sets, exclusions.all());
        (last.protected, last.protected_at, last.at) = (protected, protected_at, now);
        if let Some(revised) = &revised {
            last.loaded = revised.clone();
            self.state.remember(revised.networks.sum());
        }
        Ok(revised)
    }

    /// The time at which the next entry expires, so that [`Pipeline::revise`] has to be called. It may
    /// have passed already, because a load takes time. `None` if no entry expires.
    pub fn next_end(&self) -> Option<End> {
        let last = self.last.as_ref().filter(|last| last.timeline.has_ends())?;
        // Expired entries count again if the clock is set back.
        Some(last.timeline.next_end(last.at).unwrap_or(End::NEVER))
    }

    /// The number of networks in force; `None` if it is not known.
    fn in_force(&mut self) -> Option<u64> {
        match &self.last {
            Some(last) => Some(last.loaded.networks.sum()),
            None => self.state.networks(),
        }
    }

    fn ask_guards(&mut self, desired: &DesiredState) -> Result<(), Error> {
        let figures = desired.figures(self.in_force());
        for refusal in self.guards.refusals(&figures) {
            let subject = desired.subject();
            if !(self.force && refusal.can_be_forced()) {
                return Err(Error::Refused { subject, refusal });
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
    host: Option<&mut Host>,
    remarks: &mut Remarks,
    progress: &dyn Progress,
) -> Result<DesiredState, Error> {
    let desired = DesiredState::read(request, protected(host)?, End::now(), progress)?;
    remarks.log(&desired, request.families);
    Ok(desired)
}

fn protected(host: Option<&mut Host>) -> Result<Protected, Error> {
    match host {
        Some(host) => Ok(Protected::new(&host.facts()?)),
        None => Ok(Protected::default()),
    }
}
