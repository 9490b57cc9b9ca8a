//! Bytes to entries: reading lists, and saying which lines could not be read.
//!
//! Knows files and the grammar of drop_ips(5); knows nothing of masks, sets or kernels. The text
//! of a list stays with it, so that an address can be traced back to its line without keeping
//! anything per entry.

mod address;
mod collect;
mod contents;
pub mod end;
pub mod file;
pub mod format;
pub mod line;
mod newest;
pub mod parse_error;
pub mod suspect;
pub mod widest;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use collect::EntryObserver;
pub use contents::{Contents, Selection, Summary, parse, parse_selected, parse_watched};
pub use end::{End, ExpiringEntries};
pub use file::ReadError;
pub use line::Entry;
pub use suspect::Suspect;
pub use widest::{SetAside, Widest};

use memchr::memchr;

use crate::ip::range::Range;

use format::{Feeds, json};
use line::Line;
use parse_error::{ParseError, Reason};

/// How many lines of a kind (rejected, set aside) are named of a reading; the others are counted.
pub const NAMED: usize = 10;

/// How much of a rejected line is shown, in bytes.
const EXCERPT: usize = 40;

/// Where a list is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, or every regular file of a directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// A list that could not be read, or holds nothing that could be.
#[derive(Debug)]
pub enum ListError {
    /// Named list, and why it could not be read.
    Read(String, ReadError),
    /// Named list, and the first of the lines, of which none is an entry.
    NoEntry(String, Rejection),
    /// Named list, and what it looks like instead.
    LooksLike(String, Suspect),
    /// Named list, by its size in bytes: there is no memory for what is in it.
    NoMemory(String, usize),
    /// Lists that do not exist may be missing, but not all of them.
    AllMissing,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::Read(name, error) => write!(f, "{name}: {error}"),
            ListError::NoMemory(name, bytes) => {
                write!(f, "{name}: there is not enough memory for a list of {bytes} bytes")
            }
            ListError::LooksLike(name, suspect) => {
                write!(f, "{name}: is not a list of addresses; it looks like {suspect}")
            }
            ListError::AllMissing => f.write_str("none of the lists exists"),
            ListError::NoEntry(name, first) => write!(
                f,
                "{name}: is not a list of addresses, no line of it could be read; the first: {first}"
            ),
        }
    }
}

impl std::error::Error for ListError {}

impl ListError {
    /// Whether the list does not exist; one that exists and cannot be read is another matter.
    pub fn is_missing(&self) -> bool {
        let ListError::Read(_, ReadError::Io(error)) = self else { return false };
        error.kind() == io::ErrorKind::NotFound
    }
}

/// One list: its name for messages, and its bytes.
pub struct List {
    name: String,
    text: Vec<u8>,
    modified: Option<SystemTime>,
}

impl List {
    /// A list of `text`, called `name` in messages.
    pub fn new(name: impl Into<String>, text: Vec<u8>) -> Self {
        List { name: name.into(), text, modified: None }
    }

    /// The name in messages: the path as given, with unprintable characters escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its last line has no end, as that of a file has which was cut off. A JSON document
    /// has no lines, and shows by itself whether it is whole.
    pub fn is_unfinished(&self) -> bool {
        !matches!(self.text.last(), None | Some(b'\n')) && !json::is_document(&self.text)
    }

    /// Whether there is nothing in it, not even a comment.
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// Goes through the list and calls `entry` with the line number (from 1), each entry and its end,
    /// `reject` with each line that is none, or with each string of a JSON document. Returns the
    /// number of lines.
    ///
    /// Allocates nothing, but for strings with escapes in JSON.
    pub fn scan(
        &self,
        mut entry: impl FnMut(u64, Entry, Option<End>),
        mut reject: impl FnMut(u64, ParseError, &[u8]),
    ) -> u64 {
        let text = self.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.text);
        if json::is_document(text) {
            return json::scan(text, |line, found| entry(line, found, None), reject);
        }
        let mut feeds = Feeds::default();
        let mut lines = Lines { rest: text, number: 0 };
        while !lines.rest.is_empty() {
            if let Some((range, used)) = line::parse_plain_v4(lines.rest) {
                lines.number += 1;
                lines.rest = &lines.rest[used..];
                entry(lines.number, Entry::V4(range), None);
                continue;
            }
            let text = lines.next();
            let number = lines.number;
            let plain = match line::read(text) {
                Ok(Line::Entry(found, end)) => {
                    entry(number, found, end);
                    continue;
                }
                Ok(Line::Nothing) => continue,
                Ok(Line::LeadingEntry(front)) => Ok(front),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = feeds.line(text, plain, |found| entry(number, found, None)) {
                reject(number, fault, text);
            }
            if feeds.is_open() {
                scan_block(&mut feeds, text, &mut lines, &mut entry, &mut reject);
            }
        }
        lines.number
    }
}

/// The lines of a list that are left.
struct Lines<'a> {
    rest: &'a [u8],
    /// Of the line taken last.
    number: u64,
}

impl<'a> Lines<'a> {
    /// Takes a line, without its LF.
    #[inline]
    fn next(&mut self) -> &'a [u8] {
        let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        self.rest = self.rest.get(end + 1..).unwrap_or(&[]);
        self.number += 1;
        text
    }
}

/// Goes through the lines of a block, which `opener` has opened, up to its end. In a block a line
/// that looks like any other may be something else.
fn scan_block(
    feeds: &mut Feeds,
    opener: &[u8],
    lines: &mut Lines<'_>,
    entry: &mut impl FnMut(u64, Entry, Option<End>),
    reject: &mut impl FnMut(u64, ParseError, &[u8]),
) {
    let opened = lines.number;
    while feeds.is_open() {
        if lines.rest.is_empty() {
            if feeds.is_known() {
                reject(opened, ParseError::at(0, Reason::Unclosed), opener);
            }
            return;
        }
        let text = lines.next();
        let number = lines.number;
        if let Err(fault) = feeds.line_of_block(text, |found| entry(number, found, None)) {
            reject(number, fault, text);
        }
    }
}

impl From<IpAddr> for Entry {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Entry::V4(Range::host(address.into())),
            IpAddr::V6(address) => Entry::V6(Range::host(address.into())),
        }
    }
}

impl Entry {
    /// Whether two entries have an address in common.
    pub fn overlaps(self, other: Entry) -> bool {
        match (self, other) {
            (Entry::V4(a), Entry::V4(b)) => a.overlaps(b),
            (Entry::V6(a), Entry::V6(b)) => a.overlaps(b),
            _ => false,
        }
    }
}

/// Reads every list that `sources` mean, in their order, the files of a directory by name.
///
/// One that does not exist is an error, unless `missing` is there to take note of it; but an error
/// it is if none exists.
pub fn read(
    sources: &[Source],
    mut missing: Option<&mut Vec<ListError>>,
) -> Result<Vec<List>, ListError> {
    let mut lists = Vec::new();
    let mut take = |result: Result<List, ListError>| match (result, &mut missing) {
        (Err(error), Some(missing)) if error.is_missing() => {
            missing.push(error);
            Ok(())
        }
        (result, _) => result.map(|list| lists.push(list)),
    };
    for source in sources {
        match source {
            Source::Stdin => take(read_stdin())?,
            Source::Path(path) => match file::expand(path) {
                Ok(files) => files.iter().try_for_each(|file| take(read_file(file)))?,
                Err(error) => take(Err(ListError::Read(printable(path), error)))?,
            },
        }
    }
    match missing {
        Some(missing) if lists.is_empty() && !missing.is_empty() => Err(ListError::AllMissing),
        _ => Ok(lists),
    }
}

fn read_stdin() -> Result<List, ListError> {
    let name = "standard input";
    let text = file::read_stdin().map_err(|error| ListError::Read(name.into(), error))?;
    Ok(List::new(name, text))
}

fn read_file(path: &Path) -> Result<List, ListError> {
    let name = printable(path);
    match file::read(path) {
        Ok(text) => {
            let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
            Ok(List { name, text, modified })
        }
        Err(error) => Err(ListError::Read(name, error)),
    }
}

/// A path for messages: what is not printable would disturb a terminal or forge a log line, and what
/// turns the direction of writing would show another name.
pub(crate) fn printable(path: &Path) -> String {
    path.to_string_lossy()
        .chars()
        .flat_map(|c| {
            let escaped = (c.is_control() || is_invisible(c)).then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Marks and separators of Unicode that take no place and change how what follows is shown.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A line that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The list, by name.
    pub list: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The column in bytes, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: Reason,
    /// The line's beginning, escaped.
    pub excerpt: String,
}

impl Rejection {
    fn new(list: &str, line: u64, fault: ParseError, text: &[u8]) -> Self {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let shown = &text[..text.len().min(EXCERPT)];
        let more = if shown.len() < text.len() { "..." } else { "" };
        Rejection {
            list: list.to_string(),
            line,
            column: fault.at + 1,
            reason: fault.reason,
            excerpt: format!("{}{more}", shown.escape_ascii()),
        }
    }
}

impl fmt::Display for Rejection {
    /// `FILE:LINE:COLUMN: reason: "text"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejection { list, line, column, reason, excerpt } = self;
        write!(f, "{list}:{line}:{column}: {reason}: \"{excerpt}\"")
    }
}
