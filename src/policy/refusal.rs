//! Why a guard refuses a load, as a sentence for people: the figure, the limit and the cure.

use std::fmt;

use crate::words::{Count, Grouped, Noun};

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
