//! The plain list: one entry a line, perhaps with its end and with words behind it, blanks and comments.
//!
//! This file has the path that a list of millions takes; `text` has the lines that need a closer look.

mod text;

use super::super::address::{LOOKAHEAD, parse_v4_at_once};
use super::super::end::End;
use super::super::entry::Entry;
use super::super::grammar::{Found, read_line, trim};
use super::super::parse_error::ParseError;
use super::super::reading::Reading;
use super::reader::{Event, Format, Line, Lines, Sign, Sink};
use crate::ip::Range;

pub(super) const NAME: &str = "plain";

pub(super) static FORMAT: Format = Format {
    name: NAME,
    sign: Sign::None,
    read: |lines, mut sink| {
        read(lines, &mut sink);
        Ok(NAME.into())
    },
};

/// Whether a line is plain by the grammar alone: an entry with nothing behind it but a comment, or no
/// entry.
pub(super) fn is_own(line: &Line<'_>) -> bool {
    matches!(line.found, Ok(Found::Nothing | Found::Entry(..)))
}

/// Whether all lines of a text are so.
pub(super) fn is_plain(text: &[u8], reading: &Reading) -> bool {
    let mut lines = Lines::of(text, reading);
    read_plain(&mut lines, &mut Nothing);
    lines.line().is_none()
}

/// Keeps nothing.
struct Nothing;

impl Sink for Nothing {
    fn entry(&mut self, _: u64, _: Entry, _: Option<End>) {}

    fn reject(&mut self, _: u64, _: ParseError, _: &[u8]) {}

    fn event(&mut self, _: u64, _: Event<'_>) {}
}

/// Reads all lines.
pub(super) fn read<S: Sink>(lines: &mut Lines<'_>, sink: &mut S) {
    loop {
        read_plain(lines, sink);
        let Some(line) = lines.line() else { return };
        match text::parse(line, lines.reading) {
            Some(Ok(entry)) => sink.entry(line.number, entry, None),
            Some(Err(error)) => lines.reject(error, sink),
            None => lines.reject_unknown(sink),
        }
        lines.advance();
    }
}

/// Reads all lines up to one that is not plain by the grammar alone: the path that a list of millions
/// takes.
pub(super) fn read_plain<S: Sink>(lines: &mut Lines<'_>, sink: &mut S) {
    match lines.line() {
        Some(line) if !is_own(line) => return,
        Some(&Line { number, found: Ok(Found::Entry(entry, end)), .. }) => {
            sink.entry(number, entry, end);
        }
        _ => {}
    }
    loop {
        while let Some((range, bytes)) = parse_v4(lines.below()) {
            let number = lines.take_bytes(bytes);
            sink.entry(number, Entry::V4(range), None);
        }
        // As Lines::advance does, but nothing is kept of a line that is plain.
        let Some((number, raw)) = lines.take() else { return lines.stop_at(None) };
        let text = trim(raw);
        match text.and_then(read_line) {
            Ok(Found::Entry(entry, end)) => sink.entry(number, entry, end),
            Ok(Found::Nothing) => {}
            found => {
                let text = text.unwrap_or_default();
                return lines.stop_at(Some(Line { number, raw, text, found }));
            }
        }
    }
}

/// Reads one line, without its LF; a CR before that is ignored.
///
/// `None` is a line with nothing on it, or only a comment.
pub fn parse(line: &[u8]) -> Result<Option<(Entry, Option<End>)>, ParseError> {
    let line = trim(line)?;
    match read_line(line)? {
        Found::Nothing => Ok(None),
        Found::Entry(entry, end) => Ok(Some((entry, end))),
        Found::LeadingEntry(leading) => Err(leading.trailing_text(line)),
    }
}

/// Reads the commonest line, `a.b.c.d` or `a.b.c.d/len` at the very start of `text` with a line
/// end behind it. Returns the range and the bytes used, line end included.
///
/// `None` says only that this is some other line, or too near to the end of the text: [`parse`]
/// decides what it is, and agrees with this function wherever it returns something.
#[inline]
pub fn parse_v4(text: &[u8]) -> Option<(Range<u32>, usize)> {
    let text: &[u8; LOOKAHEAD] = text.first_chunk()?;
    let (address, mut at) = parse_v4_at_once(text)?;
    let mut length = 32;
    if text[at] == b'/' {
        let tens = text[at + 1].wrapping_sub(b'0');
        let ones = text[at + 2].wrapping_sub(b'0');
        (length, at) = match (tens, ones) {
            (1..=3, 0..=9) if tens * 10 + ones <= 32 => (tens * 10 + ones, at + 3),
            (0..=9, 10..) => (tens, at + 2),
            _ => return None,
        };
    }
    if text[at] == b'\r' {
        at += 1;
    }
    (text[at] == b'\n').then(|| (Range::network(address, length), at + 1))
}
