//! Why a file is not read as a list, though its bytes are there: what it is, what in it says so, and
//! what to do.

use std::fmt;

/// Why a file is not read as a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAList {
    /// It is something else.
    Kind {
        /// What it is.
        kind: &'static Kind,
        /// The line that decides it, counted from 1; 0 if it is the whole file.
        line: u64,
    },
    /// It is something else, and what is to be said of it depends on what stands in it.
    Other {
        /// As that of a kind.
        what: String,
        /// As that of a kind.
        cure: String,
    },
    /// Its lines name only what is let pass, or what is not dropped as a whole.
    NothingToDrop {
        /// The format.
        format: String,
    },
    /// The name of the file says that what it holds is to be let pass.
    AllowFile {
        /// The name without its folder.
        name: String,
    },
    /// It has several sets, and none was chosen.
    SeveralSets {
        /// Their names.
        names: Vec<String>,
    },
    /// It is an allowlist with several sets, of which none can be chosen.
    SeveralAllowSets {
        /// Their names.
        names: Vec<String>,
    },
    /// It has none of the chosen sets.
    NoSuchSet {
        /// Those that were chosen.
        chosen: Vec<String>,
        /// The names of those that it has.
        names: Vec<String>,
    },
    /// The name of its set says that what the set holds is to be let pass.
    AllowSet {
        /// The name.
        name: String,
    },
    /// Something in the file lets pass what the set holds.
    AcceptedSet {
        /// The name of the set.
        name: String,
        /// The line that does.
        line: u64,
    },
}

/// A kind of file that is not a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What it is, with an article: `a log`.
    pub what: &'static str,
    /// What to do: a sentence without its first capital and its full stop. If it has a command, that
    /// stands at its end behind a colon and reads `FILE`.
    pub cure: &'static str,
}

/// How many names a message shows.
const SHOWN: usize = 10;

impl NotAList {
    /// The line of a text that decides what it is, if one does.
    pub fn line_of<'a>(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let NotAList::Kind { line, .. } = self else { return None };
        let index = usize::try_from(line.checked_sub(1)?).ok()?;
        text.split(|byte| *byte == b'\n').nth(index)
    }

    /// The same for a message that quotes the beginning of that line, if it is given.
    pub fn with_excerpt<'a>(&'a self, excerpt: Option<&'a str>) -> impl fmt::Display + 'a {
        Quoted { reason: self, excerpt }
    }
}

/// A reason, and the beginning of the line that decides it.
struct Quoted<'a> {
    reason: &'a NotAList,
    excerpt: Option<&'a str>,
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason, self.excerpt) {
            (NotAList::Kind { kind, line }, Some(excerpt)) if *line > 0 => write!(
                f,
                "is not a list of addresses but {} (line {line}: \"{excerpt}\"); {}",
                kind.what, kind.cure
            ),
            (reason, _) => reason.fmt(f),
        }
    }
}

impl fmt::Display for NotAList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotAList::Kind { kind, line: 0 } => {
                write!(f, "is not a list of addresses but {}; {}", kind.what, kind.cure)
            }
            NotAList::Kind { kind, line } => {
                write!(
                    f,
                    "is not a list of addresses but {} (line {line}); {}",
                    kind.what, kind.cure
                )
            }
            NotAList::Other { what, cure } => write!(f, "is {what}; {cure}"),
            NotAList::NothingToDrop { format } => write!(
                f,
                "has nothing to drop: its lines (format {format}) are exceptions, or are ignored; if these \
                 addresses must pass, give it with --allow"
            ),
            NotAList::AllowFile { name } => write!(
                f,
                "is named {name}, which says that its entries must pass; give it with --allow, or, if they \
                 are to be dropped, say --from-set {name}"
            ),
            NotAList::SeveralSets { names } => write!(
                f,
                "has several sets ({}); choose the sets to drop with --from-set NAME",
                Shown(names)
            ),
            NotAList::SeveralAllowSets { names } => write!(
                f,
                "has several sets ({}), and an allowlist is read as a whole; write the sets that must pass \
                 to files of their own",
                Shown(names)
            ),
            NotAList::NoSuchSet { chosen, names } => write!(
                f,
                "has no set {}, which --from-set chooses; its sets are {}",
                Shown(chosen),
                Shown(names)
            ),
            NotAList::AllowSet { name } => write!(
                f,
                "has the set {name}, whose name says that its entries must pass; if they are to be \
                 dropped, say --from-set {name}"
            ),
            NotAList::AcceptedSet { name, line } => write!(
                f,
                "has the set {name}, which line {line} accepts; if its entries are to be dropped, say \
                 --from-set {name}"
            ),
        }
    }
}

/// The first names of some.
struct Shown<'a>(&'a [String]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(SHOWN)];
        f.write_str(&shown.join(", "))?;
        match self.0.len() - shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
