//! The lists, read time after time, and what has to be known from one time to the next: what is in
//! force, what is missing from it because it is protected, and what ends.

use std::borrow::Borrow;
use std::time::Duration;

use crate::ip::PerFamily;
use crate::ip::change::Applied;
use crate::ip::range::RangeSets;
use crate::list::End;
use crate::load::host::Host;
use crate::load::report::{self, Failure, Loaded, Remarks};
use crate::load::state;
use crate::policy::desired::{DesiredState, Request};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::Guards;
use crate::policy::protect::{Item, Protected};
use crate::policy::timeline::Timeline;

/// Reads lists and judges what they ask for.
pub struct Pipeline {
    request: Request,
    guards: Guards,
    /// Whether the next load is put in force whatever the guards say.
    force: bool,
    /// Where it is found out what is to be protected; nothing is without.
    host: Option<Host>,
    state: state::File,
    remarks: Remarks,
    last: Option<Last>,
}

/// The load that succeeded last.
struct Last {
    loaded: Loaded,
    protected: Protected,
    /// What would be in force if nothing were protected.
    spared: RangeSets,
    /// What is wanted at other times.
    course: Option<Timeline>,
    /// The time for which it was found out what is in force.
    at: End,
}

/// What is to be in force now that other addresses are protected, or entries have ended.
pub struct Again {
    /// The range sets.
    pub sets: RangeSets,
    protected: Protected,
    spared: RangeSets,
    at: End,
}

impl Pipeline {
    /// With `force` the first load that succeeds is not judged.
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

    /// Reads the lists, finds out what is protected, and asks the guards.
    pub fn read(&mut self) -> Result<DesiredState, Failure> {
        let wanted = report::read(&self.request, self.host.as_ref(), &mut self.remarks)?;
        let in_force = self.in_force();
        let refusals = self.guards.refusals(&wanted.figures(in_force));
        for refusal in refusals {
            let reason = refusal.about(&wanted.subject());
            if !(self.force && refusal.can_be_forced()) {
                return Err(Failure::Refused(reason));
            }
            log::warn!("{reason}; overridden by --force");
        }
        Ok(wanted)
    }

    /// How many networks are in force, if that is known.
    fn in_force(&mut self) -> Option<u64> {
        match &self.last {
            Some(last) => Some(last.loaded.networks.sum()),
            None => self.state.networks(),
        }
    }

    /// Takes note that what was `wanted` is in force.
    pub fn loaded(&mut self, done: Applied, wanted: DesiredState, time: Duration) -> Loaded {
        let loaded = Loaded::new(done, &wanted, time);
        self.force = false;
        self.state.remember(loaded.networks.sum());
        self.last = Some(Last {
            loaded: loaded.clone(),
            spared: wanted.cut.protected_alone(),
            at: wanted.now(),
            protected: wanted.protected,
            course: wanted.course,
        });
        loaded
    }

    /// Whether anything is protected.
    pub fn protects(&self) -> bool {
        self.host.is_some()
    }

    /// When to call [`Pipeline::again`] because an entry ends then, if any has an end. That time may
    /// have passed already: loading takes time, too.
    pub fn next_end(&self) -> Option<End> {
        let last = self.last.as_ref()?;
        let course = last.course.as_ref()?;
        // If all have ended they may count again when the clock is put back.
        Some(course.next(last.at).unwrap_or(End::NEVER))
    }

    /// Finds out anew what is protected and which entries have ended, and what is to be in force
    /// then in place of `held`. Needs no list: what was cut out of them is remembered, and works
    /// also while they cannot be read. What is held is asked for only if it matters: a host's
    /// addresses are renewed every few minutes, and mostly nothing has changed.
    pub fn again<H: Borrow<RangeSets>>(
        &mut self,
        held: impl FnOnce() -> H,
    ) -> Result<Option<Again>, Failure> {
        let Some(last) = &mut self.last else { return Ok(None) };
        let protected = match &self.host {
            Some(host) => Protected::new(&host.facts().map_err(Failure::Failed)?),
            None => Protected::default(),
        };
        if last.course.is_none() && protected.sets() == last.protected.sets() {
            return Ok(None);
        }
        let (held, now) = (held(), End::now());
        let held = held.borrow();
        let listed = match &last.course {
            Some(course) => course.at(now),
            None => held.union(&last.spared),
        };
        if let Some(course) = &last.course {
            last.loaded.ended = course.ending.expired(now);
            last.loaded.next_end = course.next(now);
        }
        let (sets, cut) = Exclusions::out_of(listed, &RangeSets::default(), protected.sets());
        if sets == *held {
            (last.protected, last.at) = (protected, now);
            return Ok(None);
        }
        let new = |item: &&Item| !last.protected.items().contains(item);
        for item in protected.items().iter().filter(new).filter(|item| item.is_in(&cut.protected)) {
            log::warn!("{item} is listed, and protected from here on");
        }
        let gone = |item: &&Item| !protected.items().contains(item);
        for item in last.protected.items().iter().filter(gone).filter(|item| item.is_in(&sets)) {
            log::info!("{item} is listed, and no longer protected");
        }
        Ok(Some(Again { sets, protected, spared: cut.protected, at: now }))
    }

    /// Takes note that the sets of `again` are in force.
    pub fn loaded_again(
        &mut self,
        done: Applied,
        again: Again,
        networks: PerFamily<u64>,
        addresses: PerFamily<u128>,
        time: Duration,
    ) -> Option<Loaded> {
        let last = self.last.as_mut()?;
        let loaded = &mut last.loaded;
        loaded.networks = networks;
        loaded.addresses = addresses;
        loaded.protected = again.spared.network_count();
        (loaded.done, loaded.time) = (done, time);
        let loaded = loaded.clone();
        (last.protected, last.spared, last.at) = (again.protected, again.spared, again.at);
        self.state.remember(loaded.networks.sum());
        Some(loaded)
    }
}
