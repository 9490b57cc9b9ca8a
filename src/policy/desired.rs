//! What the lists ask for: lists are read, parsed, widened and merged, and exclusions are taken out.
//!
//! Every command joins these parts here, in the same order, so `check` runs what the daemon runs.
//! Knows nothing of the kernel.

use std::net::IpAddr;

use crate::ip::RangeSets;
use crate::ip::mask::Mask;
use crate::ip::{Families, PerFamily};
use crate::list::{
    self, Cache, Contents, End, Entry, ExceptedEntries, ExpiringEntries, List, ListError, Parsed,
    Purpose, Report, Selection, Source, Unparsed,
};
use crate::policy::allow::{AllowError, Allowed};
use crate::policy::connected::{HostNetwork, Networks};
use crate::policy::cut_off::{CutOff, cut_off};
use crate::policy::exclusions::Exclusions;
use crate::policy::matches::{Found, Match, MatchFinder, Matches, covers, meets, set_of, widened};
use crate::policy::origin::{CutOffNetwork, Exception, Origin};
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
    /// The names of the sets to take, of lists that have sets with names; none is all, if that is safe.
    pub sets: Vec<String>,
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
    cut_off: Vec<CutOff>,
    /// The first entry that covers each network of the host.
    covers: Vec<Option<Match>>,
    texts: Vec<List>,
    /// The exceptions of the lists that have any, with the numbers of these lists, ascending.
    exceptions: Vec<(usize, RangeSets)>,
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

/// What was parsed: the contents, entries that are not merged with the others yet, and what is to be kept
/// for the next time.
type Parts = (Contents, RangeSets, Option<Cache>);

/// Parses lists, with a cache if there is one. Returns also what the `finder` has found.
fn parse<'a>(
    texts: &[List],
    selection: Selection,
    mut finder: MatchFinder<'a>,
    progress: &dyn Progress,
    cache: Option<&Cache>,
) -> (Result<Parts, Unparsed>, MatchFinder<'a>) {
    let parsed = match cache {
        None => list::parse_observed(texts, selection, &mut finder, progress)
            .map(|contents| (contents, RangeSets::default(), None))
            .map_err(Unparsed::Unusable),
        Some(cache) => cache
            .parse(texts, selection, &mut finder, progress)
            .map(|Parsed { contents, rest, cache }| (contents, rest, Some(cache))),
    };
    (parsed, finder)
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
        Self::read_with(request, protected, now, progress, None)
    }

    /// The same, where `cache` has what is kept of the last reading. From then on it has what is to be kept
    /// of this one, unless that fails.
    pub fn read_again(
        request: &Request,
        protected: Protected,
        now: End,
        progress: &dyn Progress,
        cache: &mut Cache,
    ) -> Result<Self, Unreadable> {
        Self::read_with(request, protected, now, progress, Some(cache))
    }

    fn read_with(
        request: &Request,
        protected: Protected,
        now: End,
        progress: &dyn Progress,
        cache: Option<&mut Cache>,
    ) -> Result<Self, Unreadable> {
        let selection = request.selection;
        let mut missing = Vec::new();
        let mut read = |by_parts| {
            missing.clear();
            let note = request.skip_missing.then_some(&mut missing);
            let known = |list: &str| cache.as_ref().filter(|_| by_parts)?.known(list, selection);
            let texts = list::read_parts(&request.sources, note, progress, &known)?;
            let to_read = |list: List| list.to_read(Purpose::Drop, &request.sets);
            Ok(texts.into_iter().map(to_read).collect::<Vec<List>>())
        };
        let mut texts = read(true).map_err(Unreadable::List)?;
        let allowed = Allowed::read(&request.allow, progress).map_err(Unreadable::Allow)?;
        let finder = || {
            let finder = MatchFinder::new(request.mask, now, &allowed.sets, protected.sets());
            match protected.networks() {
                Some(networks) => finder.with_networks(networks),
                None => finder,
            }
        };
        let (mut parsed, mut found) =
            parse(&texts, selection, finder(), progress, cache.as_deref());
        if matches!(parsed, Err(Unparsed::TextNeeded)) {
            texts = read(false).map_err(Unreadable::List)?;
            (parsed, found) = parse(&texts, selection, finder(), progress, cache.as_deref());
        }
        let finder = found;
        let (Contents { sets, expiring, excepted, report }, rest, next) =
            parsed.map_err(|unparsed| Unreadable::List(unparsed.into()))?;
        let mut cache = cache;
        if let Some((cache, next)) = cache.as_mut().zip(next) {
            **cache = next;
        }
        let Found { matches, covers, private } = finder.found();
        if private.lacks_memory() {
            let bytes = texts.iter().map(|list| list.size()).sum();
            return Err(Unreadable::List(ListError::NoMemory { list: "lists".into(), bytes }));
        }
        let (permanent, other) = sets.split(request.families);
        let (rest, other_rest) = rest.split(request.families);
        let (expiring, other_expiring) = expiring.split(request.families);
        let (excepted, other_excepted): (Vec<_>, Vec<_>) =
            excepted.into_iter().map(|entries| entries.split(request.families)).unzip();
        let exceptions: Vec<_> =
            excepted.iter().map(|entries| (entries.list, entries.exceptions.clone())).collect();
        let of_other_family =
            all_named(other.union(&other_rest), &other_expiring, &other_excepted, now)
                .network_count();
        // Without a mask nothing is widened.
        let named = (request.mask != Mask::default()).then(|| {
            let named = all_named(permanent.union(&rest), &expiring, &excepted, now);
            Named::by(&named, &protected)
        });
        let is_as_written = request.mask == Mask::default()
            && other.is_empty()
            && other_rest.is_empty()
            && excepted.is_empty();
        let mut timeline = Timeline::new(permanent, expiring, request.mask)
            .with_rest(rest)
            .with_excepted(excepted)
            .with_private(private);
        let merged = timeline.parts_at(now);
        let connected = timeline.kept_of_parts(protected.networks(), now, &merged);
        let added_by_widening = named.map_or(0, |named| {
            let [most, rest] = &merged;
            named.added_by_widening(&most.union(rest), &connected)
        });
        let (sets, exclusions) =
            Exclusions::out_of_parts(merged, &allowed.sets, protected.sets(), &connected);
        timeline.share(&sets, exclusions.all());
        if let Some(cache) = cache.filter(|_| is_as_written && !timeline.has_ends()) {
            cache.share(&sets, exclusions.all());
        }
        let cut_off = match protected.networks() {
            Some(networks) => cut_off(networks, &sets, &exclusions, protected.sets()),
            None => Vec::new(),
        };
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
            cut_off,
            covers,
            texts,
            exceptions,
            mask: request.mask,
            selection: request.selection,
            now,
        })
    }

    /// The same lists for another time and other protected addresses, because reading may take long.
    pub fn renewed(mut self, protected: Protected, now: End) -> Self {
        let merged = self.timeline.parts_at(now);
        let connected = self.timeline.kept_of_parts(protected.networks(), now, &merged);
        let (sets, exclusions) =
            Exclusions::out_of_parts(merged, &self.allowed.sets, protected.sets(), &connected);
        self.timeline.share(&sets, exclusions.all());
        // A network that was connected meanwhile has no entry yet; it is looked for when it is named.
        let networks_of = |of: &Protected| of.networks().cloned().unwrap_or_default();
        let (before, after) = (networks_of(&self.protected), networks_of(&protected));
        let cover = |network: &HostNetwork| {
            let index = before.all().binary_search(network).ok()?;
            self.covers.get(index).copied().flatten()
        };
        let covers = after.all().iter().map(cover).collect();
        DesiredState {
            cut_off: cut_off(&after, &sets, &exclusions, protected.sets()),
            covers,
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

    /// Parses the lists again and calls `each` with every entry but those that `--newest` ignores, and with
    /// the number of its list. Costs as much as parsing all lists.
    fn entries<'a>(&'a self, mut each: impl FnMut(usize, Origin<'a>)) {
        for (index, (list, summary)) in self.texts.iter().zip(&self.lists.summaries).enumerate() {
            let exceptions = self.exceptions_of(index);
            let mut number = 0;
            list.scan(
                |line, entry, end| {
                    number += 1;
                    if number > summary.older {
                        let wide = widened(entry, self.mask);
                        let ignored = !self.selection.widest.admits(entry);
                        let expired = end.is_some_and(|end| end <= self.now);
                        let excepted = exceptions
                            .is_some_and(|exceptions| set_of(wide).subtract(exceptions).is_empty());
                        let list = list.name();
                        let origin = Origin {
                            list,
                            summary,
                            line,
                            entry,
                            wide,
                            ignored,
                            end,
                            expired,
                            excepted,
                        };
                        each(index, origin);
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
        let is_taken = |found: &&Match| match self.exceptions_of(found.list) {
            Some(exceptions) => meets(&taken.subtract(exceptions), found.wide),
            None => meets(taken, found.wide),
        };
        matches.iter().filter(is_taken).map(|found| self.origin(found))
    }

    fn origin(&self, found: &Match) -> Origin<'_> {
        let &Match { list, line, entry, wide, end } = found;
        let (list, summary) = (self.texts[list].name(), &self.lists.summaries[list]);
        Origin {
            list,
            summary,
            line,
            entry,
            wide,
            ignored: false,
            end,
            expired: false,
            excepted: false,
        }
    }

    /// The networks of the host that the lists cut off, or would cut off if they were not protected.
    /// If several entries together cover one, the lists are parsed again to find the first.
    pub fn cut_off(&self) -> Vec<CutOffNetwork<'_>> {
        let networks = self.protected.networks().map(Networks::all).unwrap_or_default();
        let named = self.cut_off.iter().filter_map(|cut| {
            let network = networks.get(cut.index)?;
            let cover = self.covers.get(cut.index).copied().flatten();
            let entry = match &cover {
                Some(found) => Some(self.origin(found)),
                None => self.first_inside(network.hosts()),
            };
            let is_prevented = cut.is_prevented;
            let by_several = entry.is_some_and(|entry| !covers(entry.wide, network.hosts()));
            Some(CutOffNetwork { network, is_prevented, entry, by_several })
        });
        named.collect()
    }

    /// The first entry with effect that, widened, holds an address of `area`.
    fn first_inside(&self, area: Entry) -> Option<Origin<'_>> {
        let mut first = None;
        self.entries(|_, origin| {
            if origin.counts() && origin.wide.overlaps(area) {
                first.get_or_insert(origin);
            }
        });
        first
    }

    /// The exceptions of a list, if it has any.
    fn exceptions_of(&self, list: usize) -> Option<&RangeSets> {
        let at = self.exceptions.binary_search_by_key(&list, |(list, _)| *list).ok()?;
        Some(&self.exceptions[at].1)
    }

    /// The exceptions of lists that hold `address`, with their places.
    pub fn excepting(&self, address: IpAddr) -> Vec<Exception<'_>> {
        let mut found = Vec::new();
        for (index, sets) in &self.exceptions {
            if sets.contains(address) {
                let list = &self.texts[*index];
                list.scan_exceptions(|line, entry| {
                    if entry.overlaps(address.into()) && self.selection.widest.admits(entry) {
                        found.push(Exception { list: list.name(), line, entry });
                    }
                });
            }
        }
        found
    }

    /// Parses the lists again and calls `found` with each of `addresses` and each entry that holds it
    /// after widening.
    pub fn trace<'a>(&'a self, addresses: &[IpAddr], mut found: impl FnMut(IpAddr, Origin<'a>)) {
        self.entries(|list, mut origin| {
            for &address in addresses {
                if origin.wide.overlaps(address.into()) {
                    let exceptions = self.exceptions_of(list);
                    origin.excepted =
                        exceptions.is_some_and(|exceptions| exceptions.contains(address));
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

/// All that entries name at `now`, before they are widened.
fn all_named(
    permanent: RangeSets,
    expiring: &ExpiringEntries,
    excepted: &[ExceptedEntries],
    now: End,
) -> RangeSets {
    let common = permanent.union(&expiring.at(now));
    excepted.iter().fold(common, |all, list| {
        let lasting = list.expiring.at(now).subtract(&list.exceptions);
        all.union(&list.sets).union(&lasting)
    })
}

/// What entries name before they are widened.
struct Named {
    addresses: PerFamily<u128>,
    /// Those of private connected networks.
    connected: RangeSets,
}

impl Named {
    fn by(entries: &RangeSets, protected: &Protected) -> Self {
        let area = protected.networks().map(Networks::kept_area).unwrap_or_default();
        Named { addresses: entries.addresses(), connected: entries.intersect(&area) }
    }

    /// The addresses of `merged` that no entry names. In connected networks widening has no effect on what
    /// is `kept`, and neither have the entries that name it.
    fn added_by_widening(&self, merged: &RangeSets, kept: &RangeSets) -> u128 {
        let (widened, named) = (merged.addresses(), self.addresses);
        let not_widened = kept.subtract(&self.connected).addresses();
        (widened.v4 - named.v4 - not_widened.v4)
            .saturating_add(widened.v6.saturating_sub(named.v6).saturating_sub(not_widened.v6))
    }
}
