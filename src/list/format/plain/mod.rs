//! The plain list: one entry a line, perhaps with its end and with words behind it, blanks and comments.
//!
//! This file has the path that a list of millions takes; `text` and `shapes` have the lines that need a
//! closer look, and `netmask` the lists that have netmasks in a column of their own.

mod netmask;
pub(super) mod sections;
mod shapes;
mod short;
mod text;

use super::reader::{Event, Format, Line, Lines, Sign, Sink};
use crate::ip::Range;
use crate::list::address::{LOOKAHEAD, is_address_byte, parse_v4_at_once};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::grammar::{Found, read_line, skip_blanks, trim};
use crate::list::parse_error::{MAX_LINE, ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

pub(super) const NAME: &str = "plain";

pub(super) static FORMAT: Format = Format {
    name: NAME,
    sign: Sign::None,
    read: |lines, mut sink| {
        read(lines, &mut sink);
        Ok(NAME.into())
    },
};

pub(super) use netmask::FORMAT as NETMASK;
pub(super) use shapes::{Shape, value};
pub(super) use short::FORMAT as SHORT;

/// Whether a line is plain by the grammar alone: an entry with nothing behind it but a comment, or no
/// entry. A comment that says that what follows is to pass is not plain: it is a heading.
pub(super) fn is_own(line: &Line<'_>) -> bool {
    match line.found {
        Ok(Found::Entry(..)) => true,
        Ok(Found::Nothing) => !is_heading(line.text),
        _ => false,
    }
}

/// Whether a comment says that what follows is to pass.
fn is_heading(comment: &[u8]) -> bool {
    !comment.is_empty() && verdict::heading_allows(comment, 3)
}

/// Reads all lines.
pub(super) fn read<S: Sink>(lines: &mut Lines<'_>, sink: &mut S) {
    let quoted = has_quotes(lines.text());
    loop {
        read_plain(lines, sink);
        if lines.line().is_none() {
            return;
        }
        read_odd(lines, quoted, sink);
    }
}

/// Reads a line that is not plain by the grammar alone. Whether values in quotes are read depends on
/// [`has_quotes`].
pub(super) fn read_odd<S: Sink>(lines: &mut Lines<'_>, quoted: bool, sink: &mut S) {
    let Some(line) = lines.line() else { return };
    let is_quoted = matches!(line.text.trim_ascii_start(), [b'"' | b'\'', ..]);
    match said(line, lines.reading).filter(|_| quoted || !is_quoted) {
        Some(Ok(_)) if short::is_short(line) => {
            let at = skip_blanks(line.text, 0);
            lines.reject(ParseError::at(at, Reason::ShortForm), sink);
        }
        Some(Ok(shape)) => send(line.number, shape, sink),
        Some(Err(error)) => lines.reject(error, sink),
        None => reject(lines, sink),
    }
    lines.advance();
}

/// Whether values in quotes are entries of this list.
pub(super) fn has_quotes(text: &[u8]) -> bool {
    !begins_as_json(text)
}

/// What a line says beyond the grammar of entries; nothing if it is in none of the shapes of a plain list.
pub(super) fn said<'a>(
    line: &Line<'a>,
    reading: &Reading,
) -> Option<Result<Shape<'a>, ParseError>> {
    match line.found {
        Ok(Found::Nothing) => return None,
        Ok(Found::Entry(entry, end)) => return Some(Ok(Shape::Entry(entry, end))),
        // In a list of what is to pass, a comment says rightly that it is not bad.
        Err(error) if error.reason == Reason::Verdict && reading.purpose == Purpose::Allow => {
            let signs = line.text[..error.at].iter().rev();
            let signs = signs.take_while(|byte| b"#;/ \t(\"'[".contains(byte)).count();
            return match read_line(&line.text[..error.at - signs]) {
                Ok(Found::Entry(entry, end)) => Some(Ok(Shape::Entry(entry, end))),
                _ => None,
            };
        }
        // Only entries with commas between them have longer lines.
        Err(ParseError { reason: Reason::TooLong, .. }) => {
            let text = line.raw.strip_suffix(b"\r").unwrap_or(line.raw);
            let said = shapes::parse(text, reading.purpose)?;
            return matches!(said, Ok(Shape::Entries(_))).then_some(said);
        }
        // What is wrong stands behind the entry, and is said.
        Err(ParseError {
            reason: Reason::NotATime | Reason::Verdict | Reason::SecondAddress | Reason::Nul,
            ..
        }) => return None,
        _ => {}
    }
    text::parse(line.text, reading.purpose)
        .map(|entry| entry.map(|entry| Shape::Entry(entry, None)))
        .or_else(|| shapes::parse(line.text, reading.purpose))
}

/// Passes on what a line says.
pub(super) fn send(line: u64, shape: Shape<'_>, sink: &mut dyn Sink) {
    match shape {
        Shape::Entry(entry, end) => sink.entry(line, entry, end),
        Shape::Exception(entry) => sink.event(line, Event::Exception(entry)),
        Shape::Entries(values) => {
            values.flatten().for_each(|entry| sink.entry(line, entry, None));
        }
    }
}

/// Rejects a line that no shape explains. If it opens a list of values of some program, all lines of that
/// are rejected with it, because it may be one of what is to pass.
fn reject(lines: &mut Lines<'_>, sink: &mut dyn Sink) {
    let Some(line) = lines.line() else { return };
    let opens = matches!(line.text.trim_ascii_end(), [_, .., b'[' | b'('])
        && line.text.trim_ascii_start().first().is_some_and(|byte| !byte.is_ascii_digit())
        && line.text.iter().any(u8::is_ascii_alphabetic);
    lines.reject_unknown(sink);
    if !opens {
        return;
    }
    while let Some((number, raw)) = lines.take() {
        let text = raw.trim_ascii();
        if !text.is_empty() && !text.starts_with(b"#") {
            sink.reject(number, ParseError::at(0, Reason::UnknownBlock), raw);
        }
        if matches!(text, [b']' | b')', ..]) {
            return;
        }
    }
}

/// Whether a text begins as a JSON document, of which the strings are values of who knows what.
pub(super) fn begins_as_json(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let first = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    text.starts_with(b"{") || text.starts_with(b"[") && !first.contains(&b']')
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
            Ok(Found::Nothing) if !is_heading(text.unwrap_or_default()) => {}
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
/// end behind it, or a comment that is plainly none of those that count. Returns the range and the bytes
/// used, line end included.
///
/// `None` says only that this is some other line, or too near to the end of the text: [`parse`]
/// decides what it is, and agrees with this function wherever it returns something.
#[inline]
pub fn parse_v4(text: &[u8]) -> Option<(Range<u32>, usize)> {
    let all = text;
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
    let range = Range::network(address, length);
    if matches!(text[at], b' ' | b'\t') {
        return Some((range, comment_end(all, at + 1)?));
    }
    if text[at] == b'\r' {
        at += 1;
    }
    (text[at] == b'\n').then_some((range, at + 1))
}

/// Where a line ends of which `at` is a comment, line end included. Nothing if the comment may count, or
/// the line may be too long or hold a NUL byte.
#[inline]
fn comment_end(text: &[u8], at: usize) -> Option<usize> {
    if !matches!(text.get(at), Some(b'#' | b';')) {
        return None;
    }
    let start = at + 1 + usize::from(text.get(at + 1) == Some(&b' '));
    let comment = text.get(start..)?;
    let first = *comment.first()?;
    if !first.is_ascii_alphabetic() || is_address_byte(first) || verdict::may_begin(comment) {
        return None;
    }
    let end = start + memchr::memchr2(b'\n', 0, comment)?;
    (text[end] == b'\n' && end <= MAX_LINE).then_some(end + 1)
}
