//! What a load put in force, as far as a later load is compared with it.
//!
//! It outlives the process in a file, so it holds no text and no fact about the host. Reads no clock and
//! no file.

use crate::ip::RangeSets;
use crate::list::{End, Ends, Summary};
use crate::policy::desired::DesiredState;
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::{Before, Figures, Guards, ListFigures};
use crate::policy::protect::Protected;
use crate::policy::timeline::Timeline;

/// What is remembered of a load that succeeded.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// What the lists asked for, at any time, before exclusions were taken out.
    pub timeline: Timeline,
    /// What the allowlists held.
    pub allowed: RangeSets,
    /// What each list held, in the order of reading.
    pub lists: Vec<ListSize>,
    /// Networks that were in force after the load.
    pub networks: u64,
    /// The time of the load.
    pub at: End,
}

/// How many entries a list held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListSize {
    /// The name of the list.
    pub name: String,
    /// Entries without an end.
    pub permanent: u64,
    /// Entries of IPv4 with an end. They follow those of the list before in the timeline.
    pub expiring4: u64,
    /// The same of IPv6.
    pub expiring6: u64,
}

/// What is in force before a process has loaded anything.
#[derive(Clone, Debug)]
pub enum Found {
    /// No packet is dropped.
    Nothing,
    /// These range sets.
    Sets(RangeSets),
    /// More than is worth the time of asking for all of it.
    Something,
    /// There was no answer.
    Unknown,
}

/// What is known of the sets that were in force before a load.
#[derive(Clone, Copy, Debug)]
pub enum Past<'a> {
    /// Nothing.
    Unknown,
    /// Only how many networks they were.
    Networks(u64),
    /// What put them in force.
    Load(&'a Remembered),
}

impl Remembered {
    /// What is to be remembered of `desired` once it is in force.
    pub fn of(desired: &DesiredState) -> Self {
        Remembered {
            timeline: desired.timeline.clone(),
            allowed: desired.allowed.sets.clone(),
            lists: desired.lists.summaries.iter().map(ListSize::of).collect(),
            networks: desired.networks.sum(),
            at: desired.now(),
        }
    }

    /// What must be in force at `now`, and what is excluded from it: what has expired is taken off, and so
    /// is what was allowed then, or is `allowed` or `protected` now.
    pub fn at(
        &self,
        now: End,
        allowed: &RangeSets,
        protected: &Protected,
    ) -> (RangeSets, Exclusions) {
        let merged = self.timeline.parts_at(now);
        let connected = self.timeline.kept_of_parts(protected.networks(), now, &merged);
        let allowed = self.allowed.union(allowed);
        Exclusions::out_of_parts(merged, &allowed, protected.sets(), &connected)
    }

    /// What is to be put in force after a load that failed, and what is excluded from it; `None` if that
    /// is nothing, or would change what another process has loaded since.
    pub fn restorable(
        &self,
        found: &Found,
        now: End,
        allowed: &RangeSets,
        protected: &Protected,
    ) -> Option<(RangeSets, Exclusions)> {
        let (sets, exclusions) = self.at(now, allowed, protected);
        let fits = match found {
            Found::Nothing => true,
            // Nothing is added to what is in force, and nothing is removed but what has expired, or is
            // allowed or protected now.
            Found::Sets(found) => {
                let then = self.timeline.at(self.at);
                sets.subtract(found).is_empty() && found.subtract(&then).is_empty()
            }
            Found::Something | Found::Unknown => false,
        };
        (fits && !sets.is_empty()).then_some((sets, exclusions))
    }
}

impl ListSize {
    fn of(summary: &Summary) -> Self {
        let expiring = summary.expiring;
        ListSize {
            name: summary.name.clone(),
            permanent: summary.v4 + summary.v6 - expiring.sum(),
            expiring4: expiring.v4,
            expiring6: expiring.v6,
        }
    }
}

/// The entries of each list that have not expired at `now`.
fn lasting(lists: &[ListSize], timeline: &Timeline, now: End) -> Vec<u64> {
    fn first<'a, A>(rest: &mut Ends<'a, A>, count: u64) -> Ends<'a, A> {
        // A table that sees one family has no entries of the other.
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(rest.len());
        let (these, others) = rest.split_at(count);
        *rest = others;
        these
    }
    let entries = timeline.expiring().entries();
    let (mut rest4, mut rest6) = (entries.v4, entries.v6);
    let of_list = |(index, list): (usize, &ListSize)| {
        // A list with exceptions has its entries apart.
        if let Some(apart) = timeline.excepted().iter().find(|entries| entries.list == index) {
            let lasting =
                apart.expiring.lasting4(now).count() + apart.expiring.lasting6(now).count();
            return list.permanent.saturating_add(lasting as u64);
        }
        let lasting4 = first(&mut rest4, list.expiring4).iter().filter(|(end, _)| *end > now);
        let lasting6 = first(&mut rest6, list.expiring6).iter().filter(|(end, _)| *end > now);
        list.permanent.saturating_add((lasting4.count() + lasting6.count()) as u64)
    };
    lists.iter().enumerate().map(of_list).collect()
}

/// The figures that the guards compare with their limits.
///
/// What was in force is counted as it would be by now: what has expired, and what is allowed or
/// protected now, is no loss. That takes as long as a merge, so it is done only where a guard may refuse
/// the load, unless the figures are to be `exact`.
pub fn figures(desired: &DesiredState, past: Past<'_>, guards: &Guards, exact: bool) -> Figures {
    let mut figures = Figures {
        networks: desired.networks.sum(),
        before: None,
        covered: desired.addresses,
        lists: lists(desired),
    };
    match past {
        Past::Unknown => {}
        Past::Networks(networks) => {
            figures.before = Some(Before { networks, kept: None, entries: 0 });
        }
        Past::Load(before) => {
            let entries = compare_lists(&mut figures.lists, before, desired.now());
            let smaller = guards.shrinks(before.networks, figures.networks)
                || figures.lists.len() > 1
                    && figures.lists.iter().any(|list| guards.list_shrinks(list));
            figures.before = Some(if smaller || exact {
                let (was, _) = before.at(desired.now(), &desired.allowed.sets, &desired.protected);
                let kept = Some(was.networks_meeting(&desired.sets));
                Before { networks: was.network_count(), kept, entries }
            } else {
                Before { networks: before.networks, kept: None, entries }
            });
        }
    }
    figures
}

fn lists(desired: &DesiredState) -> Vec<ListFigures> {
    let summaries = &desired.lists.summaries;
    let sizes: Vec<ListSize> = summaries.iter().map(ListSize::of).collect();
    let entries = lasting(&sizes, &desired.timeline, desired.now());
    let figures = |(summary, entries): (&Summary, u64)| ListFigures {
        name: summary.name.clone(),
        rejected: summary.rejected,
        lines: summary.entries() + summary.rejected,
        entries,
        before: None,
    };
    summaries.iter().zip(entries).map(figures).collect()
}

/// Fills in what each list held, and returns what all of them held. A list that was not read then has
/// nothing to be compared with.
fn compare_lists(lists: &mut [ListFigures], before: &Remembered, now: End) -> u64 {
    let held = lasting(&before.lists, &before.timeline, now);
    let all = held.iter().fold(0, |all: u64, held| all.saturating_add(*held));
    let mut known: Vec<_> = before.lists.iter().map(|list| &list.name).zip(held).collect();
    known.sort_by_key(|(name, _)| *name);
    for list in lists {
        let at = known.partition_point(|(name, _)| **name < list.name);
        list.before = known.get(at).filter(|(name, _)| **name == list.name).map(|(_, held)| *held);
    }
    all
}
