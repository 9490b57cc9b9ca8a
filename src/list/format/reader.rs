//! What every format is to the rest of the program: a name, a way to recognise it, and a way to
//! read it, from lines into a sink.

use memchr::memchr;

use super::super::end::End;
use super::super::entry::Entry;
use super::super::grammar::{Found, LeadingEntry, read_line, trim};
use super::super::parse_error::ParseError;

/// A format that lists come in.
pub struct Format {
    /// The name for messages.
    pub name: &'static str,
    /// Whether a line is of this format. Decides from the line alone, or from all that follows it.
    pub detect: fn(&Line<'_>) -> bool,
    /// Reads the line at which `lines` stands, which is of this format, and as many of those below as
    /// are of it, too. Goes on to the first line that it has not read, so always by one or more.
    pub read: fn(&mut Lines<'_>, &mut dyn Sink),
}

/// Receives what is read of a list, in the order of its lines.
pub trait Sink {
    /// Receives an entry, its line (counted from 1), and its end.
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>);

    /// Receives a rejected line: its number, what is wrong with it, and its text. Where a line holds
    /// several values, as in JSON, the text is that of the value.
    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]);
}

/// What a line of some format is: an entry, nothing, or an error.
pub type Parsed = Result<Option<Entry>, ParseError>;

/// A line of a list, and what the grammar of entries says of it.
pub struct Line<'a> {
    /// The line, counted from 1.
    pub number: u64,
    /// The line as it stands in the list, without its LF.
    pub raw: &'a [u8],
    /// The same without its CR; nothing if the line is too long or holds a NUL byte.
    pub text: &'a [u8],
    /// The entry that is found on it.
    pub found: Result<Found, ParseError>,
    /// The text of the list from this line on.
    pub onward: &'a [u8],
}

impl Line<'_> {
    /// The entry at its head, if there is text behind it.
    pub fn leading(&self) -> Option<&LeadingEntry> {
        match &self.found {
            Ok(Found::LeadingEntry(leading)) => Some(leading),
            _ => None,
        }
    }

    /// What is wrong with it, where no format explains it; nothing if it is plain.
    pub fn error(&self) -> Option<ParseError> {
        match &self.found {
            Ok(Found::LeadingEntry(leading)) => Some(leading.trailing_text(self.text)),
            Ok(Found::Nothing | Found::Entry(..)) => None,
            Err(error) => Some(*error),
        }
    }
}

/// The lines of a list, and the place up to which they are read.
pub struct Lines<'a> {
    line: Option<Line<'a>>,
    /// The text below the line.
    below: &'a [u8],
    /// How many lines stand above `below`.
    taken: u64,
}

impl<'a> Lines<'a> {
    /// The lines of a text, at the first one.
    pub fn of(text: &'a [u8]) -> Self {
        let mut lines = Lines { line: None, below: text, taken: 0 };
        lines.advance();
        lines
    }

    /// The line that is read next; nothing at the end.
    pub fn line(&self) -> Option<&Line<'a>> {
        self.line.as_ref()
    }

    /// Goes on to the line below.
    pub fn advance(&mut self) {
        let onward = self.below;
        self.line = self.take().map(|(number, raw)| {
            let text = trim(raw);
            let found = text.and_then(read_line);
            Line { number, raw, text: text.unwrap_or_default(), found, onward }
        });
    }

    /// Stops at a line that was taken, or at the end.
    pub fn stop_at(&mut self, line: Option<Line<'a>>) {
        self.line = line;
    }

    /// The text below the line.
    #[inline(always)]
    pub fn below(&self) -> &'a [u8] {
        self.below
    }

    /// Takes the line below, if there is one: its number, and its bytes without the LF. Whoever has
    /// taken enough goes on with [`Lines::advance`].
    #[inline]
    pub fn take(&mut self) -> Option<(u64, &'a [u8])> {
        if self.below.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.below).unwrap_or(self.below.len());
        let raw = &self.below[..end];
        self.below = self.below.get(end + 1..).unwrap_or(&[]);
        self.taken += 1;
        Some((self.taken, raw))
    }

    /// Takes the line below, of which the number of bytes is known, its LF included. Returns its
    /// number.
    #[inline(always)]
    pub fn take_bytes(&mut self, bytes: usize) -> u64 {
        self.below = &self.below[bytes..];
        self.taken += 1;
        self.taken
    }

    /// Takes all lines below.
    pub fn take_all(&mut self) {
        let lines = memchr::memchr_iter(b'\n', self.below).count() as u64;
        self.taken += lines + u64::from(!matches!(self.below.last(), None | Some(b'\n')));
        self.below = &[];
    }

    /// How many lines were taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }
}
