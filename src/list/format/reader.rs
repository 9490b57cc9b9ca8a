//! What every format is to the rest of the program: a name, a way to recognise it, and a way to
//! read it, from lines into a sink.

use std::borrow::Cow;

use memchr::memchr;

use super::not_a_list::NotAList;
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::grammar::{Found, LeadingEntry, read_line, trim};
use crate::list::parse_error::ParseError;
use crate::list::reading::Reading;

/// A format that lists come in, or that is known to be no list.
///
/// A list is read in one format: the one that rejects the fewest of its lines.
pub struct Format {
    /// The name for messages.
    pub name: &'static str,
    /// What makes the format a candidate for a list.
    pub sign: Sign,
    /// Reads a list of this format, from its first line to its last. Every line is taken, skipped or
    /// rejected. Returns the name for reports, perhaps with more than the format, such as the column;
    /// or why the whole is not a list to read.
    ///
    /// It is called twice, first only to decide the format, and does the same both times.
    pub read: fn(&mut Lines<'_>, &mut dyn Sink) -> Outcome,
}

/// What makes a format a candidate for a list. To be one costs a reading of the whole list.
pub enum Sign {
    /// Nothing: it is a candidate for every list.
    None,
    /// A single line of which this is true. Comments, blank lines and lines that are plain are not asked
    /// for.
    Line(fn(&Line<'_>) -> bool),
    /// The same, where one line changes what all lines below mean: it is asked for each line of a list.
    Heading(fn(&Line<'_>) -> bool),
    /// The text as a whole, of which this is true.
    Text(fn(&[u8]) -> bool),
    /// The beginning of the text, of which this is true. The list is one document then, and no format of
    /// lines is a candidate, however many lines stand below it.
    Document(fn(&[u8]) -> bool),
}

/// What a reading comes to: the name of the format for reports, or why this is not a list to read.
pub type Outcome = Result<Cow<'static, str>, NotAList>;

/// Receives what is read of a list, in the order of its lines.
pub trait Sink {
    /// Receives an entry, its line (counted from 1), and its end.
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>);

    /// Receives a rejected line: its number, what is wrong with it, and its text. Where a line holds
    /// several values, as in JSON, the text is that of the value.
    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]);

    /// Receives whatever else a line says, with its number.
    fn event(&mut self, line: u64, event: Event<'_>);
}

impl<S: Sink + ?Sized> Sink for &mut S {
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        (**self).entry(line, entry, end);
    }

    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]) {
        (**self).reject(line, error, text);
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        (**self).event(line, event);
    }
}

/// What a line says that is neither an entry nor wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// What is not to be dropped, whatever entries of this list hold it, above or below.
    Exception(Entry),
    /// The entries below are in the set of this name. Of several sets the user has to choose. Sent where a
    /// set is declared, too, even if no entry follows.
    Set(&'a [u8]),
    /// What follows is in no set, up to the next one that is named. An exception there counts for all sets.
    Outside,
    /// The entries below are in the part of this name. All parts are read, unless the user chooses.
    Part(&'a [u8]),
    /// The entry is taken out of the set at hand, if it stands in it above, in exactly this form. If it
    /// does not, it is an exception, unless it is added in this form below.
    Removed(Entry),
    /// All entries above that are in the set at hand are void.
    Flushed,
    /// All entries above that are in the set at hand are void, and the set is none any more.
    Destroyed,
    /// All entries above are void, of whatever set.
    FlushedAll,
    /// The set at hand and the one of this name exchange their names. The entries below are in the set that
    /// then has the name of the set at hand. If there is none of this name, the set at hand gets it, and
    /// the entries below are in the set at hand.
    Swapped(&'a [u8]),
    /// Something in the file lets pass what the set of this name holds.
    Accepted(&'a [u8]),
    /// The line is of the format, and neither names anything to drop nor anything to let pass.
    Skipped,
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
}

impl Line<'_> {
    /// The entry at its head, if there is text behind it.
    pub fn leading(&self) -> Option<&LeadingEntry> {
        match &self.found {
            Ok(Found::LeadingEntry(leading)) => Some(leading),
            _ => None,
        }
    }

    /// Whether nothing stands on it, or only a comment.
    pub fn is_blank(&self) -> bool {
        matches!(self.found, Ok(Found::Nothing))
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
    /// How the list is to be read.
    pub reading: &'a Reading,
    /// The whole text.
    text: &'a [u8],
    line: Option<Line<'a>>,
    /// The text below the line.
    below: &'a [u8],
    /// How many lines stand above `below`.
    taken: u64,
}

impl<'a> Lines<'a> {
    /// The lines of a text, at the first one.
    pub fn of(text: &'a [u8], reading: &'a Reading) -> Self {
        let mut lines = Lines { reading, text, line: None, below: text, taken: 0 };
        lines.advance();
        lines
    }

    /// The lines of a part of a text, above which stand so many others.
    pub fn below_others(text: &'a [u8], reading: &'a Reading, above: u64) -> Self {
        let mut lines = Lines { reading, text, line: None, below: text, taken: above };
        lines.advance();
        lines
    }

    /// The whole text, whatever is read of it.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// The line that is read next; nothing at the end.
    pub fn line(&self) -> Option<&Line<'a>> {
        self.line.as_ref()
    }

    /// Goes on to the line below.
    pub fn advance(&mut self) {
        self.line = self.take().map(|(number, raw)| {
            let text = trim(raw);
            let found = text.and_then(read_line);
            Line { number, raw, text: text.unwrap_or_default(), found }
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
