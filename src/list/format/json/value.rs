//! Values of JSON: strings that are entries, and where in the text they stand.

use serde_json::value::RawValue;

use crate::list::entry::Entry;
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{MAX_LINE, ParseError, Reason};

/// What is wrong with JSON, and in which column of its line.
pub fn parse_error(error: &serde_json::Error) -> ParseError {
    let reason = if error.is_data() { Reason::NoNetworkInJson } else { Reason::NotJson };
    ParseError::at(error.column().saturating_sub(1), reason)
}

/// The entry that a value is: a string that holds nothing else. An error counts from the beginning of the
/// value.
pub fn entry(value: &RawValue) -> Result<Entry, ParseError> {
    let raw = value.get().as_bytes();
    let Some(inner) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
        return Err(ParseError::at(0, Reason::NotAnAddress));
    };
    if inner.len() > MAX_LINE {
        return Err(ParseError::at(0, Reason::TooLong));
    }
    if !inner.contains(&b'\\') {
        return whole(inner).map_err(|error| error.behind(1));
    }
    // Some writers escape every slash. Where in the text an error is cannot be said then.
    match serde_json::from_str::<String>(value.get()) {
        Ok(inner) => whole(inner.as_bytes()).map_err(|error| ParseError::at(0, error.reason)),
        Err(_) => Err(ParseError::at(0, Reason::NotJson)),
    }
}

/// The entry that a text is, with nothing around it.
pub fn whole(text: &[u8]) -> Result<Entry, ParseError> {
    let leading = leading_entry(text, 0)?;
    if leading.end < text.len() { Err(leading.trailing_text(text)) } else { Ok(leading.entry) }
}

/// A string without its quotes, and any other value as it stands. What is escaped in a string stays so.
pub fn bare(value: &RawValue) -> &[u8] {
    let raw = value.get().as_bytes();
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw)
}

/// Whether a value is an object or an array.
pub fn is_nested(value: &RawValue) -> bool {
    value.get().starts_with(['{', '['])
}

/// Where in `text` something that was borrowed from it stands.
pub fn offset(text: &[u8], part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize).min(text.len())
}

/// Finds the lines of places in a text.
pub struct Place<'a> {
    text: &'a [u8],
    line: u64,
    /// Where that line begins.
    start: usize,
    /// The place before. Nothing is counted twice, however long the line is.
    before: usize,
}

impl<'a> Place<'a> {
    /// At the beginning of a text, which is on this line.
    pub fn new(text: &'a [u8], line: u64) -> Self {
        Place { text, line, start: 0, before: 0 }
    }

    /// The place that was asked for last.
    pub fn before(&self) -> usize {
        self.before
    }

    /// The line of a place and the offset in it. A place above the one before costs a look at all that is
    /// between them.
    pub fn of(&mut self, at: usize) -> (u64, usize) {
        if at < self.before {
            let between = &self.text[at..self.before];
            self.line =
                self.line.saturating_sub(memchr::memchr_iter(b'\n', between).count() as u64);
            self.start = memchr::memrchr(b'\n', &self.text[..at]).map_or(0, |end| end + 1);
        } else {
            let between = &self.text[self.before..at];
            if let Some(last) = memchr::memrchr(b'\n', between) {
                self.line += memchr::memchr_iter(b'\n', between).count() as u64;
                self.start = self.before + last + 1;
            }
        }
        self.before = at;
        (self.line, at - self.start)
    }
}
