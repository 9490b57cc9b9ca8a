//! The guards: whether what the lists ask for may be put in force.
//!
//! A guard compares figures with limits before anything is changed, and knows neither lists nor the
//! kernel. A refusal is a sentence for people.

use std::fmt;

use crate::ip::PerFamily;
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

/// Why a guard refuses a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Fewer networks than `--min-entries`.
    TooFew {
        /// Networks that would be loaded.
        networks: u64,
        /// The value of `--min-entries`.
        least: u64,
    },
    /// Lines were rejected, and `--strict` permits none.
    Rejected {
        /// Rejected lines of all lists.
        lines: u64,
    },
    /// More than half of a list's lines were rejected.
    MostlyRejected {
        /// The name of the list.
        list: String,
        /// Its rejected lines.
        rejected: u64,
        /// Its lines that are neither blank nor comments.
        lines: u64,
    },
    /// More than half of the addresses of a family would be dropped.
    TooMuch {
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// The share that would be dropped.
        share: Share,
    },
    /// The number of networks would shrink by more than `--max-shrink`.
    Shrunk {
        /// Networks that would be loaded.
        networks: u64,
        /// Networks in force before the load.
        in_force: u64,
        /// The value of `--max-shrink`, in percent.
        most: u8,
    },
    /// The number of entries of a list has shrunk by more than `--max-shrink`.
    ListShrunk {
        /// The name of the list.
        list: String,
        /// Its entries.
        entries: u64,
        /// The entries that it held before.
        before: u64,
        /// The value of `--max-shrink`, in percent.
        most: u8,
    },
}

impl Refusal {
    /// Whether `--force` overrides the refusal. `--strict` is a decision of the user, which no other
    /// option overrides.
    pub fn can_be_forced(&self) -> bool {
        !matches!(self, Refusal::Rejected { .. })
    }

    /// Whether what is refused is still better than a host on which nothing is dropped. It is, if it is
    /// only too little. What would cut the host off is not, nor is what may be no list; and `--strict`
    /// asks for nothing rather than for a part.
    pub fn is_too_little(&self) -> bool {
        match self {
            Refusal::TooFew { networks, .. } => *networks > 0,
            Refusal::Shrunk { .. } | Refusal::ListShrunk { .. } => true,
            Refusal::Rejected { .. } | Refusal::MostlyRejected { .. } | Refusal::TooMuch { .. } => {
                false
            }
        }
    }

    /// The refusal after its subject, unless its sentence names the subject already.
    pub fn about(&self, subject: &str) -> String {
        match self {
            Refusal::TooFew { networks: 0, .. }
            | Refusal::MostlyRejected { .. }
            | Refusal::ListShrunk { .. } => self.to_string(),
            _ => format!("{subject}: {self}"),
        }
    }

    /// The refusal after its subject, and what a user can do if the lists are right.
    pub fn sentence(&self, subject: &str, process: Process) -> String {
        format!("{} ({})", self.about(subject), self.cure(process))
    }

    fn cure(&self, process: Process) -> &'static str {
        match (self, process) {
            (Refusal::TooFew { networks: 0, .. }, Process::Starting) => {
                "--min-entries 0 permits it"
            }
            (Refusal::TooFew { networks: 0, .. }, Process::Running) => {
                "correct the lists, or restart the daemon with --min-entries 0"
            }
            (Refusal::Rejected { .. }, Process::Starting) => "correct the lines, or omit --strict",
            (Refusal::Rejected { .. }, Process::Running) => {
                "correct the lines, or restart the daemon without --strict"
            }
            (_, Process::Starting) => "--force permits it",
            (_, Process::Running) => "correct the lists, or restart the daemon with --force",
        }
    }
}

/// Whether an option can still permit what a guard refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The process has loaded nothing yet: its command can be given again, with another option.
    Starting,
    /// A daemon reloads. It has the options that it was started with.
    Running,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::TooFew { networks: 0, .. } => {
                f.write_str("the lists hold no network; refused, because nothing would be dropped")
            }
            Refusal::TooFew { networks, least } => write!(
                f,
                "{}, and at least {least} are required; refused by --min-entries {least}",
                Count(*networks, Noun::Network)
            ),
            Refusal::Rejected { lines } => {
                write!(f, "{} rejected; refused by --strict", Count(*lines, Noun::Line))
            }
            Refusal::MostlyRejected { list, rejected, lines } => {
                let (rejected, lines) = (Grouped((*rejected).into()), Count(*lines, Noun::Line));
                write!(
                    f,
                    "{list}: {rejected} of {lines} rejected; refused, because it is more than half"
                )
            }
            Refusal::TooMuch { family, share } => {
                write!(f, "{share} of {family}; refused, because it is more than half")
            }
            Refusal::Shrunk { networks, in_force, most } => write!(
                f,
                "{} where {} were in force ({}); refused by --max-shrink {most}",
                Count(*networks, Noun::Network),
                Grouped((*in_force).into()),
                Loss { left: *networks, of: *in_force, most: *most }
            ),
            Refusal::ListShrunk { list, entries, before, most } => write!(
                f,
                "{list}: {} where the list held {} before ({}); refused by --max-shrink {most}",
                Count(*entries, Noun::Entry),
                Grouped((*before).into()),
                Loss { left: *entries, of: *before, most: *most }
            ),
        }
    }
}

/// How much smaller a number has become, as a percentage of what it was.
///
/// Rounded down, so that only what has become nothing has shrunk by 100 %; but with as many digits as
/// show that it is more than `most` percent.
struct Loss {
    left: u64,
    of: u64,
    most: u8,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = u128::from(self.of).max(1);
        let hundredfold = u128::from(self.of.saturating_sub(self.left)) * 100;
        write!(f, "-{}", hundredfold / of)?;
        let mut rest = hundredfold % of;
        if hundredfold / of == u128::from(self.most) && rest > 0 {
            f.write_str(".")?;
            loop {
                rest *= 10;
                write!(f, "{}", rest / of)?;
                if rest >= of {
                    break;
                }
            }
        }
        f.write_str("%")
    }
}

/// A share of the addresses of a family, in hundredths of a percent, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u64);

impl Share {
    /// The share of `addresses` in a family whose addresses have `bits` bits.
    pub fn new(addresses: u128, bits: u32) -> Self {
        // In units of which a family has 2^32.
        let unit = 1 << (bits - 32);
        Share((addresses.div_ceil(unit) * 10_000).div_ceil(1 << 32) as u64)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}%", self.0 / 100, self.0 % 100)
    }
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
