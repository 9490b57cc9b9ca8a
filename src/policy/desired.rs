//! What the lists ask for: lists are read, parsed, widened and merged, and exclusions are taken out.
//!
//! Every command joins these parts here, in the same order, so `check` runs what the daemon runs.
//! Knows nothing of the kernel.

use std::fmt;
use std::net::IpAddr;

use crate::ip::RangeSets;
use crate::ip::mask::Mask;
use crate::ip::{Families, PerFamily};
use crate::list::{self, Contents, End, Entry, List, ListError, Report, Selection, Source};
use crate::policy::allow::{AllowError, Allowed};
use crate::policy::exclusions::Exclusions;
use crate::policy::matches::{Match, MatchFinder, Matches, meets, widened};
use crate::policy::protect::Protected;
use crate::policy::timeline::Timeline;
use crate::progress::Progress;
use crate::words::{Count, Noun};

/// Which lists are read, and how their entries are used.
#[derive(Clone, Debug)]
pub struct Request {
    /// The lists, in the order of the command line.
    pub sources: Vec<Source>,
    /// Whether missing lists are ignored. An unreadable list is still an error.
    pub skip_missing: bool,
    /// The allowlists. A missing one is an error.
    pub allow: Vec<Source>,
    /// Which entries of the lists count.
    pub selection: Selection,
    /// The prefix lengths to which entries are widened.
    pub mask: Mask,
    /// The families whose packets the target sees; entries of the other family are counted.
    pub families: Families,
}

/// What the lists ask for at one time.
pub struct DesiredState {
    /// The range sets to put in force: widened, merged, without exclusions.
    pub sets: RangeSets,
    /// Networks in these sets, in the fewest networks that name exactly their addresses.
    pub networks: PerFamily<u64>,
    /// Addresses in these sets.
    pub addresses: PerFamily<u128>,
    /// Addresses that widening added, before exclusions were taken out.
    pub added_by_widening: u128,
    /// Networks of a family whose packets the target does not see.
    pub of_other_family: u64,
    /// What was read of each list, with the first lines that were rejected and the first entries that
    /// were ignored.
    pub lists: Report,
    /// Lists that are missing and were ignored.
    pub missing: Vec<ListError>,
    /// What the lists name but the sets do not hold.
    pub exclusions: Exclusions,
    /// The content of the allowlists.
    pub allowed: Allowed,
    /// The protected addresses, listed or not.
    pub protected: Protected,
    /// What the lists ask for at other times.
    pub timeline: Timeline,
    matches: Matches,
    texts: Vec<List>,
    mask: Mask,
    selection: Selection,
    now: End,
}

/// Why the lists cannot be used.
#[derive(Debug)]
pub enum Unreadable {
    /// A list is missing, unreadable or not a list.
    List(ListError),
    /// An allowlist is so, or has a line that makes it unusable.
    Allow(AllowError),
}

impl DesiredState {
    /// Reads and merges the lists for the time `now`, and takes out what is allowed or `protected`.
    /// Fails if any list is unreadable.
    pub fn read(
        request: &Request,
        protected: Protected,
        now: End,
        progress: &dyn Progress,
    ) -> Result<Self, Unreadable> {
        let mut missing = Vec::new();
        let note = request.skip_missing.then_some(&mut missing);
        let texts = list::read(&request.sources, note, progress).map_err(Unreadable::List)?;
        let allowed = Allowed::read(&request.allow, progress).map_err(Unreadable::Allow)?;
        let mut finder = MatchFinder::new(request.mask, now, &allowed.sets, protected.sets());
        let Contents { sets, expiring, report } =
            list::parse_observed(&texts, request.selection, &mut finder, progress)
                .map_err(Unreadable::List)?;
        let matches = finder.matches();
        let (permanent, other) = sets.split(request.families);
        let (expiring, other_expiring) = expiring.split(request.families);
        let of_other_family = other.union(&other_expiring.at(now)).network_count();
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
            lists: report,
            missing,
            timeline,
            sets,
            exclusions,
            allowed,
            protected,
            matches,
            texts,
            mask: request.mask,
            selection: request.selection,
            now,
        })
    }

    /// The same lists for another time and other protected addresses, because reading may take long.
    pub fn renewed(mut self, protected: Protected, now: End) -> Self {
        let merged = self.timeline.at(now);
        let (sets, exclusions) = Exclusions::out_of(merged, &self.allowed.sets, protected.sets());
        self.timeline.share(&sets, exclusions.all());
        DesiredState {
            networks: sets.network_counts(),
            addresses: sets.addresses(),
            sets,
            exclusions,
            protected,
            now,
            ..self
        }
    }

    /// The subject of a message about all lists: the name of the only list, or the number of lists.
    pub fn subject(&self) -> String {
        match &self.lists.summaries[..] {
            [list] => list.name.clone(),
            lists => Count(lists.len() as u64, Noun::List).to_string(),
        }
    }

    /// Parses the lists again and calls `each` with every entry but those that `--newest` ignores.
    /// Costs as much as parsing all lists.
    fn entries<'a>(&'a self, mut each: impl FnMut(Origin<'a>)) {
        for (list, summary) in self.texts.iter().zip(&self.lists.summaries) {
            let mut number = 0;
            list.scan(
                |line, entry, end| {
                    number += 1;
                    if number > summary.older {
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

    /// The first entries that hold a protected address.
    pub fn naming_protected(&self) -> impl Iterator<Item = Origin<'_>> {
        self.matching(&self.matches.protected, &self.exclusions.protected)
    }

    /// The first entries that hold an allowed address.
    pub fn naming_allowed(&self) -> impl Iterator<Item = Origin<'_>> {
        self.matching(&self.matches.allowed, &self.exclusions.allowed)
    }

    /// Those of `matches` of which something was excluded; none of a family that the target does not
    /// see.
    fn matching<'a>(
        &'a self,
        matches: &'a [Match],
        taken: &'a RangeSets,
    ) -> impl Iterator<Item = Origin<'a>> {
        matches.iter().filter(|found| meets(taken, found.wide)).map(|found| {
            let &Match { list, line, entry, wide, end } = found;
            let list = self.texts[list].name();
            Origin { list, line, entry, wide, ignored: false, end, expired: false }
        })
    }

    /// Parses the lists again and calls `found` with each of `addresses` and each entry that holds it
    /// after widening.
    pub fn trace<'a>(&'a self, addresses: &[IpAddr], mut found: impl FnMut(IpAddr, Origin<'a>)) {
        self.entries(|origin| {
            for &address in addresses {
                if origin.wide.overlaps(address.into()) {
                    found(address, origin);
                }
            }
        });
    }

    /// `FILE:LINE` of the first entry that has `address` dropped.
    pub fn first_origin(&self, address: IpAddr) -> Option<String> {
        let mut first = None;
        self.trace(&[address], |_, origin| {
            if origin.counts() {
                first.get_or_insert_with(|| format!("{}:{}", origin.list, origin.line));
            }
        });
        first
    }

    /// The time for which this state was computed.
    pub fn now(&self) -> End {
        self.now
    }
}

/// An entry with its place, as `test` and messages show it.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The name of the list.
    pub list: &'a str,
    /// The number of the line, from 1; in a JSON document, the line of the string.
    pub line: u64,
    /// The entry as it is written.
    pub entry: Entry,
    /// The entry after widening.
    pub wide: Entry,
    /// Whether the entry is ignored as too wide.
    pub ignored: bool,
    /// The time at which the entry expires; `None` if it is permanent.
    pub end: Option<End>,
    /// Whether that time has passed.
    pub expired: bool,
}

impl Origin<'_> {
    /// Whether the entry has any effect: it is neither ignored nor expired.
    pub fn counts(&self) -> bool {
        !self.ignored && !self.expired
    }

    /// Whether widening changed the entry.
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
