//! What the lists ask for: read, parsed, widened, merged, cut and judged.
//!
//! Joins the pure parts in the one order that every command uses, so that `check` runs what the
//! daemon runs. Knows nothing of the kernel.

use std::fmt;
use std::net::IpAddr;

use crate::ip::mask::{Mask, Widened};
use crate::ip::range::RangeSets;
use crate::ip::{Families, PerFamily};
use crate::list::{self, Contents, End, Entry, List, ListError, Report, Selection, Source};
use crate::policy::allow::{AllowError, Allowed};
use crate::policy::exclusions::Exclusions;
use crate::policy::guard::Figures;
use crate::policy::matches::{Hit, Hits, MatchFinder, meets, widened};
use crate::policy::protect::Protected;
use crate::policy::timeline::Timeline;
use crate::progress::Unseen;
use crate::words::{Count, Noun};

/// Which lists, and what is made of them.
#[derive(Clone, Debug)]
pub struct Request {
    /// The lists, in their order.
    pub sources: Vec<Source>,
    /// Whether lists that do not exist are done without.
    pub skip_missing: bool,
    /// The allowlists.
    pub allow: Vec<Source>,
    /// Which of their entries count.
    pub selection: Selection,
    /// To which prefix lengths entries are widened.
    pub mask: Mask,
    /// Of which families anything is wanted.
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
    /// Addresses that only widening brought in.
    pub added: PerFamily<u128>,
    /// Networks of a family that is not wanted.
    pub left_out: u64,
    /// What each list held, and which lines were rejected.
    pub report: Report,
    /// Lists that do not exist.
    pub missing: Vec<ListError>,
    /// What the lists named and is not in the sets.
    pub cut: Exclusions,
    /// What the allowlists held.
    pub allowed: Allowed,
    /// What is protected.
    pub protected: Protected,
    /// What is wanted at other times, if any entry has an end.
    pub course: Option<Timeline>,
    hits: Hits,
    lists: Vec<List>,
    mask: Mask,
    selection: Selection,
    now: End,
}

/// Why the lists could not be read.
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
    pub fn read(request: &Request, protected: Protected, now: End) -> Result<Self, Unreadable> {
        let mut missing = Vec::new();
        let note = request.skip_missing.then_some(&mut missing);
        let lists = list::read(&request.sources, note, &Unseen).map_err(Unreadable::List)?;
        let allowed = Allowed::read(&request.allow).map_err(Unreadable::Allow)?;
        let mut spotter = MatchFinder::new(request.mask, now, &allowed.sets, protected.sets());
        let Contents { sets, expiring, report } =
            list::parse_observed(&lists, request.selection, &mut spotter, &Unseen)
                .map_err(Unreadable::List)?;
        let hits = spotter.hits();
        let (mut listed, not_wanted) = sets.split(request.families);
        let (ending, ending_not_wanted) = expiring.split(request.families);
        let left_out = not_wanted.union(&ending_not_wanted.at(now)).network_count();
        let course = (!ending.is_empty()).then(|| Timeline {
            lasting: request.mask.widen(listed.clone()).sets,
            ending,
            mask: request.mask,
            allowed: allowed.sets.clone(),
        });
        if let Some(course) = &course {
            listed = listed.union(&course.ending.at(now));
        }
        let Widened { sets, added } = request.mask.widen(listed);
        let (sets, cut) = Exclusions::out_of(sets, &allowed.sets, protected.sets());
        Ok(DesiredState {
            networks: sets.network_counts(),
            addresses: sets.addresses(),
            sets,
            left_out,
            added,
            report,
            missing,
            cut,
            allowed,
            protected,
            course,
            hits,
            lists,
            mask: request.mask,
            selection: request.selection,
            now,
        })
    }

    /// What the guards judge by, where so many networks are `in_force`.
    pub fn figures(&self, in_force: Option<u64>) -> Figures {
        let lists = self
            .report
            .summaries
            .iter()
            .map(|list| (list.name.clone(), list.rejected, list.entries() + list.rejected));
        Figures {
            networks: self.networks.sum(),
            in_force,
            covered4: self.addresses.v4,
            covered6: self.addresses.v6,
            lists: lists.collect(),
        }
    }

    /// The lists in a word: the name of the only one, or how many there are.
    pub fn subject(&self) -> String {
        match &self.report.summaries[..] {
            [list] => list.name.clone(),
            lists => Count(lists.len() as u64, Noun::List).to_string(),
        }
    }

    /// Goes through the lists again and calls `each` with every entry that is not older than the
    /// newest that are wanted. Costs as much as parsing all lists.
    fn entries<'a>(&'a self, mut each: impl FnMut(Origin<'a>)) {
        for (list, summary) in self.lists.iter().zip(&self.report.summaries) {
            let mut number = 0;
            list.scan(
                |line, entry, end| {
                    number += 1;
                    if number > summary.older {
                        let wide = widened(entry, self.mask);
                        let ignored = !self.selection.widest.admits(entry);
                        let ended = end.is_some_and(|end| end <= self.now);
                        let list = list.name();
                        each(Origin { list, line, entry, wide, ignored, end, ended });
                    }
                },
                |_, _, _| {},
            );
        }
    }

    /// The first entries that named something protected.
    pub fn hit_protected(&self) -> impl Iterator<Item = Origin<'_>> {
        self.hit(&self.hits.protected, &self.cut.protected)
    }

    /// The first entries that named something allowed.
    pub fn hit_allowed(&self) -> impl Iterator<Item = Origin<'_>> {
        self.hit(&self.hits.allowed, &self.cut.allowed)
    }

    /// Those of `hits` that had something to do with a cut; of a family that is not wanted, none.
    fn hit<'a>(&'a self, hits: &'a [Hit], cut: &'a RangeSets) -> impl Iterator<Item = Origin<'a>> {
        hits.iter().filter(|hit| meets(cut, hit.wide)).map(|hit| {
            let &Hit { list, line, entry, wide, end } = hit;
            let list = self.lists[list].name();
            Origin { list, line, entry, wide, ignored: false, end, ended: false }
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

    /// The time for which it was found out.
    pub fn now(&self) -> End {
        self.now
    }

    /// How many entries have ended.
    pub fn ended(&self) -> u64 {
        self.course.as_ref().map_or(0, |course| course.ending.expired(self.now))
    }

    /// When the next one ends.
    pub fn next_end(&self) -> Option<End> {
        self.course.as_ref().and_then(|course| course.next(self.now))
    }
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
    pub ended: bool,
}

impl Origin<'_> {
    /// Whether it has any effect.
    pub fn counts(&self) -> bool {
        !self.ignored && !self.ended
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
