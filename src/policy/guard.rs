//! The guards: whether what the lists ask for may be put in force.
//!
//! A guard compares figures with limits before anything is changed, and knows neither lists nor the
//! kernel. What it refuses, `refusal.rs` puts into a sentence.

use crate::ip::PerFamily;
use crate::policy::refusal::{Refusal, Share};
use crate::words::{Count, Grouped, Noun};

/// `--max-shrink` counts once this many networks are in force, or a list held this many entries: a
/// smaller number shrinks by a large percentage whenever a few entries are removed.
const SHRINKS_FROM: u64 = 100;

/// A list that held this many entries and holds none is judged as well. Few lists of that length become
/// empty by themselves, and of those that do the entries expire, which counts as no loss.
const EMPTIES_FROM: u64 = 10;

/// The limits that a load must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    /// The fewest networks that may be loaded; the default of 1 refuses an empty result.
    pub min_entries: u64,
    /// By how many percent a load may shrink the number of networks in force, 0 to 100.
    pub max_shrink: u8,
    /// Whether one rejected line refuses the load.
    pub strict: bool,
}

/// The figures of a load that the guards compare with their limits.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Networks that would be loaded.
    pub networks: u64,
    /// What was in force before; `None` if that is not known.
    pub before: Option<Before>,
    /// Addresses that would be dropped.
    pub covered: PerFamily<u128>,
    /// The lists, in the order of reading.
    pub lists: Vec<ListFigures>,
}

/// What was in force before a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Networks that were in force.
    pub networks: u64,
    /// Those of which the load would still drop an address. Never more than there were; `None` if that
    /// is not known, or cannot decide anything.
    pub kept: Option<u64>,
    /// Entries that all lists held together, without those that have expired by now; 0 if that is not
    /// known.
    pub entries: u64,
}

/// The figures of one list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFigures {
    /// The name of the list.
    pub name: String,
    /// Its rejected lines.
    pub rejected: u64,
    /// Its lines that are neither blank nor comments.
    pub lines: u64,
    /// Its entries that have not expired.
    pub entries: u64,
    /// How many of the entries that it held before would not have expired by now; `None` if that is not
    /// known.
    pub before: Option<u64>,
}

/// The answer of one guard.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The name of the guard and the figures that it compared.
    pub guard: String,
    /// The refusal; `None` if the load passes.
    pub refusal: Option<Refusal>,
}

impl Guards {
    /// The answers of all guards, in the order in which `check` prints them.
    pub fn verdicts(&self, figures: &Figures) -> Vec<Verdict> {
        let mut verdicts = Vec::new();
        if self.strict {
            verdicts.push(strict(figures));
        }
        verdicts.push(rejected(figures));
        verdicts.push(self.fewest(figures));
        verdicts.push(covered("IPv4", figures.covered.v4, 32));
        verdicts.push(covered("IPv6", figures.covered.v6, 128));
        if figures.lists.len() > 1 {
            verdicts.push(self.list_shrinkage(figures));
        }
        verdicts.push(self.shrinkage(figures));
        verdicts
    }

    /// The refusals among the answers of all guards.
    pub fn refusals(&self, figures: &Figures) -> impl Iterator<Item = Refusal> + use<> {
        self.verdicts(figures).into_iter().filter_map(|verdict| verdict.refusal)
    }

    fn fewest(&self, figures: &Figures) -> Verdict {
        let (networks, least) = (figures.networks, self.min_entries);
        Verdict {
            guard: format!("--min-entries {least}: {}", Count(networks, Noun::Network)),
            refusal: (networks < least).then_some(Refusal::TooFew { networks, least }),
        }
    }

    /// Whether `from` networks that become `to` shrink by more than is permitted.
    pub fn shrinks(&self, from: u64, to: u64) -> bool {
        from >= SHRINKS_FROM && self.is_below(to, from)
    }

    /// Whether the number of entries of a list has shrunk by more than is permitted.
    pub fn list_shrinks(&self, list: &ListFigures) -> bool {
        let from = if list.entries == 0 { EMPTIES_FROM } else { SHRINKS_FROM };
        list.before.is_some_and(|before| before >= from && self.is_below(list.entries, before))
    }

    fn is_below(&self, number: u64, before: u64) -> bool {
        let rest = 100u128.saturating_sub(self.max_shrink.into());
        u128::from(number) * 100 < u128::from(before) * rest
    }

    /// `--min-entries 0` and empty lists empty the filter on purpose.
    fn is_emptied(&self, figures: &Figures) -> bool {
        figures.networks == 0 && self.min_entries == 0
    }

    /// A load shrinks if it has fewer networks, and drops nothing any more of as many of those that were
    /// in force: a list that was widened or aggregated has fewer networks, but drops the same addresses.
    /// One that has as many networks as before, but others, does not shrink.
    fn shrinkage(&self, figures: &Figures) -> Verdict {
        let (networks, most) = (figures.networks, self.max_shrink);
        let known = figures.before.map_or_else(
            || "an unknown number".into(),
            |before| Grouped(before.networks.into()).to_string(),
        );
        let refused = figures.before.filter(|before| {
            let left = networks.max(before.kept.unwrap_or(0));
            self.shrinks(before.networks, left) && !self.is_emptied(figures)
        });
        Verdict {
            guard: format!(
                "--max-shrink {most}: {} where {known} were in force",
                Count(networks, Noun::Network)
            ),
            refusal: refused.map(|before| Refusal::Shrunk {
                networks,
                in_force: before.networks,
                most,
            }),
        }
    }

    /// A list shrinks if it has fewer entries, and what it had is no longer dropped. See
    /// [`is_loss`].
    fn list_shrinkage(&self, figures: &Figures) -> Verdict {
        let most = self.max_shrink;
        let shrunk = figures.lists.iter().find(|list| {
            self.list_shrinks(list) && is_loss(list, figures) && !self.is_emptied(figures)
        });
        let smallest = shrunk.or_else(|| {
            let smaller = figures.lists.iter().filter(|list| list.before > Some(list.entries));
            smaller.max_by_key(|list| list.before.map(|before| before - list.entries))
        });
        let figures = match smallest {
            None => "no list has fewer entries".to_string(),
            Some(list) => format!(
                "{}: {} where the list held {} before",
                list.name,
                Count(list.entries, Noun::Entry),
                Grouped(list.before.unwrap_or(0).into())
            ),
        };
        Verdict {
            guard: format!("--max-shrink {most} of a list: {figures}"),
            refusal: shrunk.map(|list| Refusal::ListShrunk {
                list: list.name.clone(),
                entries: list.entries,
                before: list.before.unwrap_or(0),
                most,
            }),
        }
    }
}

/// Whether a list that has fewer entries than before has made the result lose networks.
///
/// An empty list always has. Of another, entries may be missing because it was aggregated, or because
/// other lists have them: then hardly any network is lost. Which networks came from which list is not
/// known, so all that were lost are compared with those that the missing entries stood for, as an average
/// of all lists; half of these is a loss.
fn is_loss(list: &ListFigures, figures: &Figures) -> bool {
    let Some(Before { networks, kept: Some(kept), entries: all }) = figures.before else {
        return true;
    };
    let lost = u128::from(networks.saturating_sub(kept));
    let missing = u128::from(list.before.unwrap_or(0).saturating_sub(list.entries));
    let stood_for = missing * u128::from(networks) / u128::from(all.max(1));
    list.entries == 0 || lost * 2 >= stood_for
}

fn strict(figures: &Figures) -> Verdict {
    let rejected = figures.lists.iter().map(|list| list.rejected).sum();
    Verdict {
        guard: format!("--strict: {} rejected", Count(rejected, Noun::Line)),
        refusal: (rejected > 0).then_some(Refusal::Rejected { lines: rejected }),
    }
}

/// If most lines of a list are rejected, it is probably another kind of file with an entry by chance.
fn rejected(figures: &Figures) -> Verdict {
    let all: u64 = figures.lists.iter().map(|list| list.rejected).sum();
    let lines = figures.lists.iter().map(|list| list.lines).sum();
    let mostly = figures.lists.iter().find(|list| list.rejected * 2 > list.lines);
    Verdict {
        guard: format!(
            "half of the lines: {} of {} rejected",
            Grouped(all.into()),
            Count(lines, Noun::Line)
        ),
        refusal: mostly.map(|list| Refusal::MostlyRejected {
            list: list.name.clone(),
            rejected: list.rejected,
            lines: list.lines,
        }),
    }
}

fn covered(family: &'static str, addresses: u128, bits: u32) -> Verdict {
    let share = Share::new(addresses, bits);
    Verdict {
        guard: format!("half of {family}: {share}"),
        refusal: (addresses > 1 << (bits - 1)).then_some(Refusal::TooMuch { family, share }),
    }
}
