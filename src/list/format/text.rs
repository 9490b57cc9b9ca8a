//! Text beside an entry: words, names, and what must not be hidden in them.

use crate::list::address::is_address_byte;
use crate::list::entry::Entry;
use crate::list::grammar::{Form, leading_entry};
use crate::list::parse_error::{ParseError, Reason};

/// A blank-separated word at `at`, which is no blank, and the offset behind it.
pub fn word(line: &[u8], at: usize) -> (&[u8], usize) {
    let length = line[at..].iter().take_while(|&&byte| byte != b' ' && byte != b'\t').count();
    (&line[at..at + length], at + length)
}

/// A text without the double quotes around it.
pub fn unquoted(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

/// The host or network that a line is from `start` to `end`.
pub fn network(line: &[u8], start: usize, end: usize) -> Result<Entry, ParseError> {
    let leading = leading_entry(&line[..end], start)?;
    if leading.end != end || leading.form == Form::Range {
        return Err(ParseError::at(leading.end, Reason::TrailingText));
    }
    Ok(leading.entry)
}

/// The offset behind a text in double quotes.
pub fn quoted_end(line: &[u8], at: usize) -> Result<usize, ParseError> {
    let text = line.get(at..).and_then(|rest| rest.strip_prefix(b"\""));
    let end = text.and_then(|text| memchr::memchr(b'"', text));
    end.map(|length| at + length + 2).ok_or(ParseError::at(at, Reason::TrailingText))
}

/// A name, a column or several of them, in whatever encoding: no control characters, and no
/// address, which would mean that a line end was lost.
pub fn check_name(line: &[u8], at: usize) -> Result<(), ParseError> {
    let name = &line[at..];
    if let Some(control) = unprintable(name, [0, 0]) {
        return Err(ParseError::at(at + control, Reason::TrailingText));
    }
    match dotted(name, 4) {
        Some(address) => Err(ParseError::at(at + address, Reason::SecondAddress)),
        None => Ok(()),
    }
}

/// Where `parts` numbers with single dots between them stand: an IPv4 address, or its beginning.
pub fn dotted(text: &[u8], parts: usize) -> Option<usize> {
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
pub fn unprintable(text: &[u8], signs: [u8; 2]) -> Option<usize> {
    let sign = |byte: &u8| {
        byte.is_ascii_control() & (*byte != b'\t') | (*byte == signs[0]) | (*byte == signs[1])
    };
    let any = text.iter().fold(false, |any, byte| any | sign(byte));
    if any { text.iter().position(sign) } else { None }
}

/// Where hexadecimal digits and colons stand as in an IPv6 address, or its beginning.
pub fn colons(text: &[u8]) -> Option<usize> {
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
