//! The shapes in which people write the lines of a plain list, beside the entry alone: in quotes, with
//! commas, with stars, with an exclamation mark for an exception.

use crate::ip::Range;
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::format::text::{colons, dotted};
use crate::list::grammar::{Form, check_comment, is_end, leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;
use crate::list::verdict;

/// What a line says, however it is written.
pub enum Shape<'a> {
    /// One entry, perhaps with its end.
    Entry(Entry, Option<End>),
    /// What is not to be dropped.
    Exception(Entry),
    /// Several entries.
    Entries(Values<'a>),
}

/// What a line says; nothing if it is in none of the shapes.
pub fn parse(line: &[u8], purpose: Purpose) -> Option<Result<Shape<'_>, ParseError>> {
    let start = skip_blanks(line, 0);
    if line.get(start) == Some(&b'!') {
        return exception(line, skip_blanks(line, start + 1));
    }
    if let Some(at) = behind_except(line, start) {
        return exception(line, at);
    }
    let (entry, end) = match value(line, start) {
        Ok(value) => value,
        // The last octet of a range, of which the grammar knows nothing.
        Err(error) if matches!(error.reason, Reason::ReversedRange | Reason::OctetTooLarge) => {
            return Some(Err(error));
        }
        Err(_) => return None,
    };
    let rest = skip_blanks(line, end);
    if line.get(rest) == Some(&b',') {
        return comma(line, start, rest);
    }
    if rest == line.len() {
        return Some(Ok(Shape::Entry(entry, None)));
    }
    let is_comment = is_end(line, rest) && (rest > end || line[rest] == b'#');
    is_comment.then(|| {
        let checked = check_comment(line, rest).and_then(|()| check_activity(line, end));
        checked.or_else(|error| unless_allowed(error, purpose))?;
        Ok(Shape::Entry(entry, None))
    })
}

/// Where the entry begins behind the word `except`, as field sets of routers have it.
fn behind_except(line: &[u8], start: usize) -> Option<usize> {
    let rest = line[start..].strip_prefix(b"except")?;
    let at = skip_blanks(line, line.len() - rest.len());
    let is_apart = matches!(rest.first(), Some(b' ' | b'\t'));
    (is_apart && entry(line, at).is_ok()).then_some(at)
}

/// Checks the third column behind an address with a number sign right behind it: the reputation data of
/// AlienVault has there what the host was seen to do, after two numbers.
fn check_activity(line: &[u8], at: usize) -> Result<(), ParseError> {
    let Some(rest) = line[at..].strip_prefix(b"#") else { return Ok(()) };
    let mut at = at + 1;
    for (index, column) in rest.split(|byte| *byte == b'#').take(3).enumerate() {
        if index == 2 {
            for activity in column.split(|byte| *byte == b';') {
                if verdict::comment_denies(activity) {
                    return Err(ParseError::at(at, Reason::Verdict));
                }
                at += activity.len() + 1;
            }
        } else if column.is_empty() || !column.iter().all(u8::is_ascii_digit) {
            break;
        }
        at += column.len() + 1;
    }
    Ok(())
}

/// In a list of what is to pass, words say rightly that it is not bad.
pub fn unless_allowed(error: ParseError, purpose: Purpose) -> Result<(), ParseError> {
    match (error.reason, purpose) {
        (Reason::Verdict, Purpose::Allow) => Ok(()),
        _ => Err(error),
    }
}

/// Whether a range is written with the last octet of its end alone. A range that was cut off looks so, too,
/// and so it counts only in a list that has more such lines than others.
pub fn is_short(line: &[u8]) -> bool {
    let start = skip_blanks(line, 0);
    let start = start + usize::from(matches!(line.get(start), Some(b'"' | b'\'')));
    last_octets(line, start).is_some_and(|range| range.is_ok())
}

/// The exception at `start`. Words behind it make no difference: it is not dropped, whatever they say.
fn exception(line: &[u8], start: usize) -> Option<Result<Shape<'_>, ParseError>> {
    let (entry, end) = match entry(line, start) {
        Ok(entry) => entry,
        Err(error) => return Some(Err(error)),
    };
    let rest = skip_blanks(line, end);
    if rest < line.len() && !is_end(line, rest) {
        if rest == end {
            return Some(Err(ParseError::at(rest, Reason::TrailingText)));
        }
        let second = dotted(&line[rest..], 3).or_else(|| colons(&line[rest..]));
        if let Some(at) = second {
            return Some(Err(ParseError::at(rest + at, Reason::SecondAddress)));
        }
    }
    Some(Ok(Shape::Exception(entry)))
}

/// The entries of a line with commas, of which the first begins at `start`, and the first comma stands at
/// `comma`.
fn comma(line: &[u8], start: usize, comma: usize) -> Option<Result<Shape<'_>, ParseError>> {
    // What eMule reads begins so, and may be cut off behind the comma.
    if memchr::memchr(b'-', &line[start..comma]).is_some()
        && skip_blanks(line, comma + 1) == line.len()
    {
        return None;
    }
    let values = Values { line, at: Some(start) };
    let mut first = None;
    let mut count = 0usize;
    for value in values.clone() {
        match value {
            Ok(entry) => first = first.or(Some(entry)),
            // What stands behind the first comma may be anything, a column of some table.
            Err(_) if count < 2 => return None,
            Err(error) => return Some(Err(error)),
        }
        count += 1;
    }
    match (count, first) {
        (1, Some(entry)) => Some(Ok(Shape::Entry(entry, None))),
        (2, _) => Some(Err(ParseError::at(comma, Reason::TwoEntries))),
        _ => Some(Ok(Shape::Entries(values))),
    }
}

/// The entries of a line with commas between them, and perhaps one behind the last.
#[derive(Clone)]
pub struct Values<'a> {
    line: &'a [u8],
    /// Where the next one begins.
    at: Option<usize>,
}

impl Iterator for Values<'_> {
    type Item = Result<Entry, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = skip_blanks(self.line, self.at.take()?);
        // Behind the last comma, or a comment.
        if is_end(self.line, start) {
            return check_comment(self.line, start).err().map(Err);
        }
        let (entry, end) = match value(self.line, start) {
            Ok(value) => value,
            Err(error) => return Some(Err(error)),
        };
        let rest = skip_blanks(self.line, end);
        if self.line.get(rest) == Some(&b',') {
            self.at = Some(rest + 1);
        } else if rest < self.line.len() {
            if rest == end || !is_end(self.line, rest) {
                return Some(Err(ParseError::at(rest, Reason::TrailingText)));
            }
            if let Err(error) = check_comment(self.line, rest) {
                return Some(Err(error));
            }
        }
        Some(Ok(entry))
    }
}

/// An entry at `start`, perhaps in quotes, and where it ends.
pub fn value(line: &[u8], start: usize) -> Result<(Entry, usize), ParseError> {
    let quote = line.get(start).filter(|byte| matches!(byte, b'"' | b'\''));
    let Some(quote) = quote else { return entry(line, start) };
    let (entry, end) = entry(line, start + 1)?;
    if line.get(end) != Some(quote) {
        return Err(ParseError::at(end, Reason::TrailingText));
    }
    Ok((entry, end + 1))
}

/// An entry at `start` in any notation, and where it ends.
fn entry(line: &[u8], start: usize) -> Result<(Entry, usize), ParseError> {
    if let Some(stars) = stars(line, start) {
        return Ok(stars);
    }
    match leading_entry(line, start) {
        Ok(leading) if leading.form == Form::Range => {
            Ok((leading.entry, mask_end(line, leading.entry, leading.end)))
        }
        Ok(leading) => Ok((leading.entry, leading.end)),
        Err(error) => last_octets(line, start).unwrap_or(Err(error)),
    }
}

/// Where the mask of each host ends behind a range: squid has `192.0.2.1-192.0.2.9/32`.
fn mask_end(line: &[u8], range: Entry, end: usize) -> usize {
    let mask: &[u8] = if matches!(range, Entry::V4(_)) { b"/32" } else { b"/128" };
    let behind = line[end..].strip_prefix(mask);
    let is_whole = behind.is_some_and(|rest| !matches!(rest.first(), Some(b'0'..=b'9' | b'.')));
    if is_whole { end + mask.len() } else { end }
}

/// A number of up to three digits, without a leading zero, and where it ends.
fn octet(line: &[u8], start: usize) -> Option<(u32, usize)> {
    let digits = line.get(start..)?.iter().take_while(|byte| byte.is_ascii_digit()).take(4);
    let text = &line[start..start + digits.count()];
    let is_plain = matches!(text, [_] | [b'1'..=b'9', _] | [b'1'..=b'9', _, _]);
    let value = text.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    is_plain.then_some((value, start + text.len()))
}

/// `192.0.2.*`: four octets, of which the last ones are stars.
fn stars(line: &[u8], start: usize) -> Option<(Entry, usize)> {
    let (mut first, mut last) = (0u32, 0u32);
    let (mut at, mut stars) = (start, 0);
    for part in 0..4 {
        if part > 0 {
            (line.get(at) == Some(&b'.')).then(|| at += 1)?;
        }
        let (low, high);
        if line.get(at) == Some(&b'*') {
            (low, high, at) = (0, 255, at + 1);
            stars += 1;
        } else {
            let (value, end) = octet(line, at).filter(|(value, _)| *value <= 255 && stars == 0)?;
            (low, high, at) = (value, value, end);
        }
        (first, last) = (first << 8 | low, last << 8 | high);
    }
    let range = Range::new(first, last).filter(|_| (1..4).contains(&stars))?;
    let is_whole = matches!(line.get(at), None | Some(b' ' | b'\t' | b',' | b'#' | b'"' | b'\''));
    is_whole.then_some((Entry::V4(range), at))
}

/// `192.0.2.4-9`: the last octets of the first and the last address of a range.
fn last_octets(line: &[u8], start: usize) -> Option<Result<(Entry, usize), ParseError>> {
    let dash = start + memchr::memchr(b'-', line.get(start..)?)?;
    let address = leading_entry(&line[..dash], start).ok()?;
    let Entry::V4(host) = address.entry else { return None };
    if address.form != Form::Host || address.end != dash || line[start..dash].contains(&b':') {
        return None;
    }
    let (last, end) = octet(line, dash + 1)?;
    if line.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || b".:/-*".contains(byte)) {
        return None;
    }
    let first = host.first();
    if last > 255 {
        return Some(Err(ParseError::at(dash + 1, Reason::OctetTooLarge)));
    }
    let range = Range::new(first, first & !0xff | last);
    let error = ParseError::at(start, Reason::ReversedRange);
    Some(range.map(|range| (Entry::V4(range), end)).ok_or(error))
}
