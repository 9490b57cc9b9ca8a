//! `NAME:FIRST-LAST`, as PeerGuardian has it.

use crate::list::address::is_address_byte;
use crate::list::entry::Entry;
use crate::list::format::reader::{Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::{check_name, word};
use crate::list::grammar::{Form, LeadingEntry, leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;
use crate::list::verdict;

const NAME: &str = "PeerGuardian";

/// The actions with which rules of Shorewall begin.
const ACTIONS: [&[u8]; 9] =
    [b"ACCEPT", b"ADD", b"CONTINUE", b"DEL", b"DNAT", b"DROP", b"LOG", b"REDIRECT", b"REJECT"];

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    line.found.is_err() && name_end(line.text).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let purpose = lines.reading.purpose;
    lines.read_all(NAME, sink, |line| {
        if !detect(line) {
            return None;
        }
        Some(parse(line.text, purpose).unwrap_or(Err(line.error()?)).map(Some))
    })
}

/// Where the last colon stands, if it is behind a name and a digit behind it.
fn name_end(line: &[u8]) -> Option<usize> {
    let colon = memchr::memrchr(b':', line)?;
    line.get(colon + 1).filter(|byte| byte.is_ascii_digit())?;
    let name = &line[skip_blanks(line, 0)..colon];
    // Only a name can be told from the beginning of an address that the colon is a part of. Letters alone
    // are a name, even if all of them are hexadecimal digits.
    let is_address = name.iter().all(|&byte| is_address_byte(byte) || byte == b' ');
    let is_word =
        name.iter().any(u8::is_ascii_alphabetic) && memchr::memchr2(b':', b'.', name).is_none();
    (is_word || !is_address).then_some(colon)
}

/// The range; nothing if it is no range of IPv4 that stands behind the colon.
fn parse(line: &[u8], purpose: Purpose) -> Option<Result<Entry, ParseError>> {
    let colon = name_end(line)?;
    let range = leading_entry(line, colon + 1).ok()?;
    let is_range = range.form == Form::Range && matches!(range.entry, Entry::V4(_));
    is_range.then(|| check(line, colon, &range, purpose).map(|()| range.entry))
}

fn check(
    line: &[u8],
    colon: usize,
    range: &LeadingEntry,
    purpose: Purpose,
) -> Result<(), ParseError> {
    let start = skip_blanks(line, 0);
    if skip_blanks(line, range.end) != line.len() {
        return Err(range.trailing_text(line));
    }
    let name = &line[start..colon];
    if let Some(word) = verdict::denies(name).filter(|_| purpose == Purpose::Drop) {
        return Err(ParseError::at(start + word, Reason::Verdict));
    }
    let (first, end) = word(name, 0);
    // A command of ipset without its network, or a rule of Shorewall: an action and zones.
    let is_rule = ACTIONS.contains(&first) && end < name.len();
    if first == b"add" || is_rule || memchr::memchr2(b'\t', b'$', name).is_some() {
        return Err(ParseError::at(start, Reason::UnknownBlock));
    }
    if leading_entry(&line[..start + end], start).is_ok() {
        return Err(ParseError::at(start, Reason::SecondAddress));
    }
    // A piece of an IPv6 address, or the end of a line that was cut, run into the next one.
    let begins = |at: &usize| name.get(at + 1).is_some_and(|b| *b == b':' || b.is_ascii_digit());
    if let Some(at) = memchr::memchr_iter(b':', name).find(begins) {
        return Err(ParseError::at(start + at + 1, Reason::SecondAddress));
    }
    check_name(&line[..colon], start)
}
