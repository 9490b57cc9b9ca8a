//! What the lists ask for: read, parsed, widened, merged, cut and judged.
//!
//! Joins the pure parts in the one order that every command uses, so that `check` runs what the
//! daemon runs. Knows nothing of the kernel.

use std::fmt;
use std::net::IpAddr;

use crate::ip::mask::Mask;
use crate::ip::range::{RangeSet, RangeSets};
use crate::ip::{Families, PerFamily};
use crate::list::{
    self, End, Entry, ExpiringEntries, List, ListError, Rejection, Selection, SetAside, Source,
    Summary,
};
use crate::policy::allow::{AllowError, Allowed};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::Figures;
use crate::policy::matches::{Match, MatchFinder, Matches, meets, widened};
use crate::policy::protect::Protected;
use crate::policy::timeline::Timeline;
use crate::progress::{Progress, Step};
use crate::words::{Count, Noun};

/// Which lists, and what is made of them.
#[derive(Clone, Debug)]
pub struct Request {
    /// The lists, in their order.
    pub sources: Vec<Source>,
    /// Whether lists that do not exist are ignored.
    pub skip_missing: bool,
    /// The allowlists.
    pub allow: Vec<Source>,
    /// Which of their entries count.
    pub selection: Selection,
    /// To which prefix lengths entries are widened.
    pub mask: Mask,
    /// Of which families anything is asked for.
    pub families: Families,
}

/// What the lists ask for.
pub struct DesiredState {
    /// The range sets to put in force.
    pub sets: RangeSets,
    /// Networks in them.
    pub networks: PerFamily<u64>,
    /// Addresses in them.
    pub addresses: PerFamily<u128>,
    /// Addresses that only widening brought in, what was excluded again included.
    pub added_by_widening: u128,
    /// Networks of a family that is not asked for.
    pub of_other_family: u64,
    /// What each list held, in the order of reading.
    pub summaries: Vec<Summary>,
    /// The first lines that were rejected.
    pub rejections: Vec<Rejection>,
    /// The first entries that were ignored as too wide.
    pub ignored: Vec<SetAside>,
    /// Lists that do not exist.
    pub missing: Vec<ListError>,
    /// What the lists name and is not in the sets.
    pub exclusions: Exclusions,
    /// What the allowlists held.
    pub allowed: Allowed,
    /// What is protected.
    pub protected: Protected,
    /// What is asked for at other times.
    pub timeline: Timeline,
    matches: Matches,
    lists: Vec<List>,
    passed_over: Vec<u64>,
    mask: Mask,
    selection: Selection,
    now: End,
}

/// Why the lists cannot be used.
#[derive(Debug)]
pub enum Unreadable {
    /// A list.
    List(ListError),
    /// An allowlist.
    Allow(AllowError),
}

impl DesiredState {
    /// Reads and merges the lists, as they are `now`, and takes out what is allowed or `protected`.
    /// Every list must be readable.
    pub fn read(
        request: &Request,
        protected: Protected,
        now: End,
        progress: &dyn Progress,
    ) -> Result<Self, Unreadable> {
        progress.step(Step::Reading { bytes: 0, of: None });
        let mut missing = Vec::new();
        let note = request.skip_missing.then_some(&mut missing);
        let lists = list::read(&request.sources, note).map_err(Unreadable::List)?;
        let allowed = Allowed::read(&request.allow).map_err(Unreadable::Allow)?;
        let mut finder = MatchFinder::new(request.mask, now, &allowed.sets, protected.sets());
        progress.step(Step::Merging);
        let contents = list::parse_watched(&lists, request.selection, &mut finder)
            .map_err(Unreadable::List)?;
        let matches = finder.matches();
        let (permanent, expiring, of_other_family) =
            of_families(contents.sets, contents.ending, request.families, now);
        let named = match expiring.is_empty() {
            true => permanent.addresses(),
            false => permanent.union(&expiring.at(now)).addresses(),
        };
        let mut timeline = Timeline::new(permanent, expiring, request.mask);
        let merged = timeline.at(now);
        let widened = merged.addresses();
        let added_by_widening =
            (widened.v4 - named.v4).saturating_add(widened.v6.saturating_sub(named.v6));
        let (sets, exclusions) = Exclusions::out_of(merged, &allowed.sets, protected.sets());
        timeline.share(&sets, exclusions.all());
        Ok(DesiredState {
            networks: sets.network_counts(),
            addresses: sets.addresses(),
            added_by_widening,
            of_other_family,
            summaries: contents.summaries,
            rejections: contents.rejections,
            ignored: contents.set_aside,
            missing,
            timeline,
            sets,
            exclusions,
            allowed,
            protected,
            matches,
            lists,
            passed_over: contents.passed_over,
            mask: request.mask,
            selection: request.selection,
            now,
        })
    }

    /// Lines rejected in all lists.
    pub fn rejected(&self) -> u64 {
        self.summaries.iter().map(|list| list.rejected).sum()
    }

    /// Entries ignored as too wide in all lists.
    pub fn all_ignored(&self) -> u64 {
        self.summaries.iter().map(|list| list.set_aside).sum()
    }

    /// What the guards judge by, where so many networks are `in_force`.
    pub fn figures(&self, in_force: Option<u64>) -> Figures {
        let lists = self
            .summaries
            .iter()
            .map(|list| (list.name.clone(), list.rejected, list.entries() + list.rejected));
        Figures {
            networks: self.networks.sum(),
            in_force,
            covered: self.addresses,
            lists: lists.collect(),
        }
    }

    /// The lists in a word: the name of the only one, or how many there are.
    pub fn subject(&self) -> String {
        match &self.summaries[..] {
            [list] => list.name.clone(),
            lists => Count(lists.len() as u64, Noun::List).to_string(),
        }
    }

    /// Goes through the lists again and calls `each` with every entry that is not older than the
    /// newest that are wanted. Costs as much as parsing all lists.
    fn entries<'a>(&'a self, mut each: impl FnMut(Origin<'a>)) {
        for (list, passed_over) in self.lists.iter().zip(&self.passed_over) {
            let mut number = 0;
            list.scan(
                |line, entry, end| {
                    number += 1;
                    if number > *passed_over {
                        let wide = widened(entry, self.mask);
                        let ignored = !self.selection.widest.admits(entry);
                        let expired = end.is_some_and(|end| end <= self.now);
                        let list = list.name();
                        each(Origin { list, line, entry, wide, ignored, end, expired });
                    }
                },
                |_, _, _| {},
            );
        }
    }

    /// The first entries that named something protected.
    pub fn naming_protected(&self) -> impl Iterator<Item = Origin<'_>> {
        self.matching(&self.matches.protected, &self.exclusions.protected)
    }

    /// The first entries that named something allowed.
    pub fn naming_allowed(&self) -> impl Iterator<Item = Origin<'_>> {
        self.matching(&self.matches.allowed, &self.exclusions.allowed)
    }

    /// Those of `matches` that something was taken out of; of a family that is not asked for, none.
    fn matching<'a>(
        &'a self,
        matches: &'a [Match],
        taken: &'a RangeSets,
    ) -> impl Iterator<Item = Origin<'a>> {
        matches.iter().filter(|found| meets(taken, found.wide)).map(|found| {
            let &Match { list, line, entry, wide, end } = found;
            let list = self.lists[list].name();
            Origin { list, line, entry, wide, ignored: false, end, expired: false }
        })
    }

    /// Goes through the lists again and calls `found` with the entries that each of `addresses`
    /// comes from: the address, then the entry.
    pub fn trace<'a>(&'a self, addresses: &[IpAddr], mut found: impl FnMut(IpAddr, Origin<'a>)) {
        self.entries(|origin| {
            for &address in addresses {
                if origin.wide.overlaps(address.into()) {
                    found(address, origin);
                }
            }
        });
    }

    /// The first entry that `address` comes from, as `FILE:LINE`.
    pub fn first_origin(&self, address: IpAddr) -> Option<String> {
        let mut first = None;
        self.trace(&[address], |_, origin| {
            if origin.counts() {
                first.get_or_insert_with(|| format!("{}:{}", origin.list, origin.line));
            }
        });
        first
    }

    /// The time for which it was computed.
    pub fn now(&self) -> End {
        self.now
    }
}

/// The entries of the families that are asked for: those that are permanent, those that expire, and
/// the number of networks of the other family.
fn of_families(
    sets: RangeSets,
    expiring: ExpiringEntries,
    families: Families,
    now: End,
) -> (RangeSets, ExpiringEntries, u64) {
    if families == Families::BOTH {
        return (sets, expiring, 0);
    }
    let all = sets.union(&expiring.at(now)).network_counts();
    let (mut kept, mut kept_expiring, mut other) = (sets, expiring, 0);
    if !families.v4 {
        (kept.v4, other) = (RangeSet::default(), other + all.v4);
        kept_expiring.clear_v4();
    }
    if !families.v6 {
        (kept.v6, other) = (RangeSet::default(), other + all.v6);
        kept_expiring.clear_v6();
    }
    (kept, kept_expiring, other)
}

/// An entry that an address comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The list, by name.
    pub list: &'a str,
    /// The line, from 1.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// What the mask made of it.
    pub wide: Entry,
    /// Whether it is too wide to count.
    pub ignored: bool,
    /// When it ends.
    pub end: Option<End>,
    /// Whether that has passed.
    pub expired: bool,
}

impl Origin<'_> {
    /// Whether it has any effect.
    pub fn counts(&self) -> bool {
        !self.ignored && !self.expired
    }

    /// Whether the mask made it wider than it is written.
    pub fn is_widened(&self) -> bool {
        self.wide != self.entry
    }
}

impl fmt::Display for Origin<'_> {
    /// `192.0.2.7/32 (FILE:LINE, widened, until 2027-01-31T00:00:00Z)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{}", self.entry, self.list, self.line)?;
        if self.is_widened() {
            f.write_str(", widened")?;
        }
        if let Some(end) = self.end {
            write!(f, ", until {end}")?;
        }
        f.write_str(")")
    }
}
