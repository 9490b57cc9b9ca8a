//! The guards: whether what the lists ask for may be put in force.
//!
//! A guard compares figures with limits before anything is changed, and knows neither lists nor the
//! kernel. A refusal is a sentence for people.

use std::fmt;

use crate::ip::PerFamily;
use crate::words::{Count, Grouped, Noun};

/// `--max-shrink` counts once this many networks are in force: a smaller number shrinks by a large
/// percentage whenever a few entries are removed.
const SHRINKS_FROM: u64 = 100;

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
    /// Networks in force; `None` if that is not known.
    pub in_force: Option<u64>,
    /// Addresses that would be dropped.
    pub covered: PerFamily<u128>,
    /// For each list its name, its rejected lines, and its lines that are neither blank nor comments.
    pub lists: Vec<(String, u64, u64)>,
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
}

impl Refusal {
    /// Whether `--force` overrides the refusal. `--strict` is a decision of the user, which no other
    /// option overrides.
    pub fn can_be_forced(&self) -> bool {
        !matches!(self, Refusal::Rejected { .. })
    }

    /// The refusal after its subject, unless its sentence names the subject already.
    pub fn about(&self, subject: &str) -> String {
        match self {
            Refusal::TooFew { networks: 0, .. } | Refusal::MostlyRejected { .. } => {
                self.to_string()
            }
            _ => format!("{subject}: {self}"),
        }
    }

    /// What a user can do if the lists are right.
    pub fn cure(&self) -> &'static str {
        match self {
            Refusal::TooFew { networks: 0, .. } => "--min-entries 0 permits it",
            Refusal::Rejected { .. } => "correct the lines, or omit --strict",
            _ => "--force permits it",
        }
    }
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
            Refusal::Shrunk { networks, in_force, most } => {
                let less = u128::from(in_force - networks) * 100 / u128::from(*in_force);
                let (networks, in_force) =
                    (Count(*networks, Noun::Network), Grouped((*in_force).into()));
                write!(
                    f,
                    "{networks} where {in_force} are in force (-{less}%); \
                     refused by --max-shrink {most}"
                )
            }
        }
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

    fn shrinkage(&self, figures: &Figures) -> Verdict {
        let Figures { networks, in_force, .. } = *figures;
        let most = self.max_shrink;
        let known = in_force
            .map_or_else(|| "an unknown number".into(), |known| Grouped(known.into()).to_string());
        let rest = 100u128.saturating_sub(most.into());
        let refusal = in_force.filter(|&in_force| {
            let shrunk = u128::from(networks) * 100 < u128::from(in_force) * rest;
            // `--min-entries 0` and empty lists empty the filter on purpose.
            let emptied = networks == 0 && self.min_entries == 0;
            in_force >= SHRINKS_FROM && shrunk && !emptied
        });
        Verdict {
            guard: format!(
                "--max-shrink {most}: {} where {known} are in force",
                Count(networks, Noun::Network)
            ),
            refusal: refusal.map(|in_force| Refusal::Shrunk { networks, in_force, most }),
        }
    }
}

fn strict(figures: &Figures) -> Verdict {
    let rejected = figures.lists.iter().map(|(_, rejected, _)| rejected).sum();
    Verdict {
        guard: format!("--strict: {} rejected", Count(rejected, Noun::Line)),
        refusal: (rejected > 0).then_some(Refusal::Rejected { lines: rejected }),
    }
}

/// If most lines of a list are rejected, it is probably another kind of file with an entry by chance.
fn rejected(figures: &Figures) -> Verdict {
    let all: u64 = figures.lists.iter().map(|(_, rejected, _)| rejected).sum();
    let lines = figures.lists.iter().map(|(.., lines)| lines).sum();
    let mostly = figures.lists.iter().find(|(_, rejected, lines)| rejected * 2 > *lines);
    Verdict {
        guard: format!(
            "half of the lines: {} of {} rejected",
            Grouped(all.into()),
            Count(lines, Noun::Line)
        ),
        refusal: mostly.map(|(list, rejected, lines)| Refusal::MostlyRejected {
            list: list.clone(),
            rejected: *rejected,
            lines: *lines,
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
