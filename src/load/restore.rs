//! A first load that fails: what an earlier process has loaded is put in force again.

use std::time::Instant;

use crate::error::Error;
use crate::ip::RangeSets;
use crate::list::End;
use crate::load::pipeline::{Last, Outcome, Pipeline, protected};
use crate::load::report::Loaded;
use crate::policy::allow::Allowed;
use crate::policy::remembered::Found;

impl Pipeline {
    /// After a first load that failed: has `apply` put in force what was loaded before, if that is
    /// remembered, and does not change what was `found` in force by more than what has expired, or is
    /// allowed or protected now. Returns `None` if nothing was put in force.
    ///
    /// If nothing is in force, and nothing is remembered or all of it has expired, what the lists ask for
    /// is put in force although a guard refused it, if it was only too little.
    ///
    /// Of the allowlists what can be read counts, and a warning names the others. If the file system of a
    /// list does not answer, `lists_answer` is `false`, and the allowlists are not read: then only what was
    /// allowed when it was loaded is allowed.
    ///
    /// The next load is compared with what was in force before all the same, by this process and others.
    pub fn restore(
        &mut self,
        found: &Found,
        lists_answer: bool,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Option<Loaded>, Error> {
        let begin = Instant::now();
        if self.last.is_some() {
            return Ok(None);
        }
        let protected = protected(self.host.as_mut())?;
        // An allowlist that is unreadable now may be why the load failed.
        let sources = if lists_answer { &self.request.allow[..] } else { &[] };
        let (allowed, unreadable) = Allowed::readable(sources);
        let now = End::now();
        let remembered = self.state.remembered().and_then(|remembered| {
            let restorable = remembered.restorable(found, now, &allowed, &protected)?;
            Some((remembered, restorable))
        });
        let Some((mut remembered, (sets, exclusions))) = remembered else {
            return self.load_refused(found, apply);
        };
        for error in unreadable {
            log::warn!(
                "{error}; what is restored drops addresses that nothing else than the unreadable part \
                 of this allowlist allows"
            );
        }
        if !lists_answer && !self.request.allow.is_empty() {
            log::warn!(
                "the allowlists were not read, since a file system does not answer; what is restored \
                 drops addresses that were added to them since"
            );
        }
        let (applied, end) = apply(&sets)?;
        let loaded = Loaded {
            done: applied,
            networks: sets.network_counts(),
            addresses: sets.addresses(),
            lists: Vec::new(),
            allowed: exclusions.allowed.network_count(),
            protected: exclusions.protected_networks(),
            expired: remembered.timeline.expired(now),
            next_end: remembered.timeline.next_end(now),
            widening: 0,
            restored: Some(remembered.at),
            time: end.saturating_duration_since(begin),
        };
        remembered.allowed = remembered.allowed.union(&allowed);
        remembered.timeline.share(&sets, exclusions.all());
        self.last = Some(Last {
            loaded: loaded.clone(),
            remembered,
            is_accepted: false,
            protected,
            protected_at: begin,
            at: now,
        });
        Ok(Some(loaded))
    }

    /// If nothing is in force, has `apply` put in force what a guard refused because it is too little.
    fn load_refused(
        &mut self,
        found: &Found,
        apply: impl FnOnce(&RangeSets) -> Outcome,
    ) -> Result<Option<Loaded>, Error> {
        let refused = self.refused.take().filter(|_| matches!(found, Found::Nothing));
        let Some(desired) = refused else { return Ok(None) };
        let begin = Instant::now();
        let loaded = self.apply(*desired, (begin, begin), apply)?;
        self.last.as_mut().into_iter().for_each(|last| last.is_accepted = false);
        Ok(Some(loaded))
    }
}
