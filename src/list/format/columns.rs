//! An entry with text behind or before it: ipsum, DShield, eMule, PeerGuardian, free text.

use super::super::address::is_address_byte;
use super::super::line::{
    Entry, Form, LeadingEntry, is_end, parse_front, prefix_length, skip_blanks,
};
use super::super::parse_error::{ParseError, Reason};
use super::word;
use crate::ip::range::Range;

/// The highest level at which eMule and its heirs block a range; what is above is let through.
const BLOCKED: u32 = 127;

/// What an entry with text behind it is, by that text. `None` is a line that blocks nothing.
pub(super) fn behind(line: &[u8], front: &LeadingEntry) -> Result<Option<Entry>, ParseError> {
    let rest = skip_blanks(line, front.end);
    match (front.form, line[front.end], line[rest]) {
        (Form::Host, b'\t', _) => tabs(line, front).map(Some),
        (Form::Range, _, b',') => level(line, front, rest + 1),
        (Form::Network, b' ' | b'\t', _) => {
            check_free_text(line, rest)?;
            Ok(Some(front.entry))
        }
        _ => Err(front.fault(line)),
    }
}

/// `ADDRESS<TAB>COUNT` (ipsum), or `START<TAB>END<TAB>LENGTH` and any further columns (DShield).
fn tabs(line: &[u8], front: &LeadingEntry) -> Result<Entry, ParseError> {
    let start = front.end + 1;
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if (1..=9).contains(&digits) {
        let end = start + digits;
        let rest = skip_blanks(line, end);
        if rest == line.len() || rest > end && is_end(line, rest) {
            return Ok(front.entry);
        }
    }
    let second = parse_front(line, start).map_err(|_| front.fault(line))?;
    let (Entry::V4(first), Entry::V4(last)) = (front.entry, second.entry) else {
        return Err(front.fault(line));
    };
    if second.form != Form::Host || line.get(second.end) != Some(&b'\t') {
        return Err(front.fault(line));
    }
    let start = second.end + 1;
    let end = memchr::memchr(b'\t', &line[start..]).map_or(line.len(), |length| start + length);
    let length =
        prefix_length(&line[start..end], 32).map_err(|reason| ParseError::at(start, reason))?;
    let network = Range::network(first.first(), length);
    if (network.first(), network.last()) != (first.first(), last.first()) {
        return Err(ParseError::at(start, Reason::NotThatNetwork));
    }
    check_name(line, end)?;
    Ok(Entry::V4(network))
}

/// `FIRST - LAST , LEVEL , NAME`, as eMule and qBittorrent have it, from behind the first comma.
fn level(line: &[u8], front: &LeadingEntry, at: usize) -> Result<Option<Entry>, ParseError> {
    let start = skip_blanks(line, at);
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let level = line[start..start + digits]
        .iter()
        .fold(0u32, |level, digit| level.saturating_mul(10).saturating_add((digit - b'0').into()));
    let rest = skip_blanks(line, start + digits);
    let ends = matches!(line.get(rest), None | Some(b','));
    if !(1..=3).contains(&digits) || level > 255 || !ends {
        return Err(ParseError::at(start, Reason::TrailingText));
    }
    check_name(line, rest)?;
    Ok((level <= BLOCKED).then_some(front.entry))
}

/// What a line is that does not begin with an entry; `None` if it is of no format of these.
pub(super) fn before(line: &[u8], start: usize) -> Option<Result<Option<Entry>, ParseError>> {
    if is_heading(&line[start..]) {
        return Some(Ok(None));
    }
    let colon = memchr::memrchr(b':', line)?;
    let range = parse_front(line, colon + 1).ok()?;
    let name = &line[start..colon];
    // Only a name can be told from the beginning of an address that the colon is a part of.
    let is_name = !name.iter().all(|&byte| is_address_byte(byte) || byte == b' ');
    let is_range = range.form == Form::Range && matches!(range.entry, Entry::V4(_));
    (is_name && is_range).then(|| named_range(line, start, colon, range).map(Some))
}

/// The one line of a DShield list that is neither comment nor network.
fn is_heading(line: &[u8]) -> bool {
    line.starts_with(b"Start\tEnd\tNetblock\t")
}

/// `NAME:FIRST-LAST`, as PeerGuardian has it.
fn named_range(
    line: &[u8],
    start: usize,
    colon: usize,
    range: LeadingEntry,
) -> Result<Entry, ParseError> {
    if skip_blanks(line, range.end) != line.len() {
        return Err(range.fault(line));
    }
    let name = &line[start..colon];
    if is_reserved(name) {
        return Err(ParseError::at(start, Reason::Exception));
    }
    let (first, end) = word(name, 0);
    // A command of ipset without its network.
    if first == b"add" {
        return Err(ParseError::at(start, Reason::UnknownBlock));
    }
    if parse_front(&line[..start + end], start).is_ok() {
        return Err(ParseError::at(start, Reason::SecondAddress));
    }
    // A piece of an IPv6 address, or the end of a line that was cut, run into the next one.
    let begins = |at: &usize| name.get(at + 1).is_some_and(|b| *b == b':' || b.is_ascii_digit());
    if let Some(at) = memchr::memchr_iter(b':', name).find(begins) {
        return Err(ParseError::at(start + at + 1, Reason::SecondAddress));
    }
    check_name(&line[..colon], start)?;
    Ok(range.entry)
}

/// A name, a column or several of them, in whatever encoding: no control characters, and no
/// address, which would mean that a line end was lost.
fn check_name(line: &[u8], at: usize) -> Result<(), ParseError> {
    let name = &line[at..];
    if let Some(control) = unprintable(name, [0, 0]) {
        return Err(ParseError::at(at + control, Reason::TrailingText));
    }
    match dotted(name, 4) {
        Some(address) => Err(ParseError::at(at + address, Reason::SecondAddress)),
        None => Ok(()),
    }
}

/// Words that begin a text which does not describe the network but says something else about it:
/// that it is not to be dropped, or not for ever.
const NO_DESCRIPTION: [&[u8]; 13] = [
    b"accept",
    b"allow",
    b"dunno",
    b"except",
    b"nomatch",
    b"not",
    b"ok",
    b"pass",
    b"permit",
    b"relay",
    b"return",
    b"until",
    b"whitelist",
];

fn is_reserved(word: &[u8]) -> bool {
    NO_DESCRIPTION.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// Text behind a network. Behind a host nothing is taken for text: `0.0.0.0 ads.example` is a line
/// of a hosts file, where the address is the one thing that is not meant.
fn check_free_text(line: &[u8], at: usize) -> Result<(), ParseError> {
    let fault = |at| Err(ParseError::at(at, Reason::TrailingText));
    let comment = memchr::memchr3_iter(b'#', b';', b'/', &line[at..])
        .map(|sign| at + sign)
        .find(|&sign| matches!(line[sign - 1], b' ' | b'\t') && is_end(line, sign));
    let text = &line[at..comment.unwrap_or(line.len())];
    let Ok(text) = std::str::from_utf8(text) else { return fault(at) };
    let text = text.trim_end_matches([' ', '\t']);
    let (first, _) = word(text.as_bytes(), 0);
    if is_reserved(first) {
        let until = first.eq_ignore_ascii_case(b"until");
        let reason = if until { Reason::TrailingText } else { Reason::Exception };
        return Err(ParseError::at(at, reason));
    }
    // Text begins with a letter, perhaps behind a sign: not with the digits of a second address
    // that was cut short, nor with the punctuation of some other format.
    let begins = text.trim_start_matches(['-', '(', '[', '"', '\'', '_']);
    if text.len() - begins.len() > 1 || !begins.starts_with(char::is_alphabetic) {
        return fault(at);
    }
    if let Some(sign) = unprintable(text.as_bytes(), [b'{', b'}']) {
        return fault(at + sign);
    }
    if text.ends_with([';', ',']) {
        return fault(at + text.len() - 1);
    }
    match dotted(text.as_bytes(), 3).or_else(|| colons(text.as_bytes())) {
        Some(address) => Err(ParseError::at(at + address, Reason::SecondAddress)),
        None => Ok(()),
    }
}

/// Where `parts` numbers with single dots between them stand: an IPv4 address, or its beginning.
fn dotted(text: &[u8], parts: usize) -> Option<usize> {
    let digits = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    memchr::memchr_iter(b'.', text).find_map(|dot| {
        let before = text[..dot].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let start = dot - before;
        let mut at = start;
        for _ in 1..parts {
            let length = digits(at);
            if length == 0 || text.get(at + length) != Some(&b'.') {
                return None;
            }
            at += length + 1;
        }
        (digits(at) > 0).then_some(start)
    })
}

/// Where a control character stands that is no TAB, or one of `signs`. Text without is the rule,
/// and is gone through faster if nothing is asked but whether there is one.
fn unprintable(text: &[u8], signs: [u8; 2]) -> Option<usize> {
    let sign = |byte: &u8| {
        byte.is_ascii_control() & (*byte != b'\t') | (*byte == signs[0]) | (*byte == signs[1])
    };
    let any = text.iter().fold(false, |any, byte| any | sign(byte));
    if any { text.iter().position(sign) } else { None }
}

/// Where hexadecimal digits and colons stand as in an IPv6 address, or its beginning.
fn colons(text: &[u8]) -> Option<usize> {
    memchr::memchr(b':', text)?;
    let mut start = 0;
    for run in text.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b':') {
        let whole = run.iter().all(|&byte| is_address_byte(byte));
        let double = run.windows(2).position(|pair| pair == b"::");
        if double.is_some() || whole && run.contains(&b':') && run.len() > 1 {
            return Some(start);
        }
        start += run.len() + 1;
    }
    None
}
