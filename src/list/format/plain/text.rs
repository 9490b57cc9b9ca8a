//! `NETWORK TEXT` and `ENTRY - NOTE`: words that describe an entry.
//!
//! Behind a host nothing is taken for text without a dash: `0.0.0.0 ads.example` is a line of a hosts
//! file, where the address is the one thing that is not meant.

use crate::list::entry::Entry;
use crate::list::format::server::postfix;
use crate::list::format::text::{colons, dotted, unprintable};
use crate::list::grammar::{Form, is_end, leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;
use crate::list::verdict;

/// The entry of a line with text behind it; nothing if it is another line.
pub fn parse(line: &[u8], purpose: Purpose) -> Option<Result<Entry, ParseError>> {
    let start = skip_blanks(line, 0);
    match leading_entry(line, start) {
        Ok(leading) if leading.form == Form::Network => {
            let text = skip_blanks(line, leading.end);
            let note = note(line, text);
            (text > leading.end && text < line.len())
                .then(|| check_text(line, note.unwrap_or(text), purpose).map(|()| leading.entry))
        }
        Ok(_) => None,
        // Behind the dash the grammar looks for the end of a range.
        Err(_) => {
            let dash = start + memchr::memchr2(b' ', b'\t', line.get(start..)?)?;
            let host = leading_entry(&line[..dash], start).ok()?;
            let note = note(line, skip_blanks(line, dash)).filter(|_| host.form == Form::Host)?;
            Some(check_note(line, note, purpose).map(|()| host.entry))
        }
    }
}

/// Whether a line is an entry with a note behind a dash.
pub fn has_note(line: &[u8]) -> bool {
    let start = skip_blanks(line, 0);
    let Some(first) = line[start..].iter().position(|byte| matches!(byte, b' ' | b'\t')) else {
        return false;
    };
    let dash = skip_blanks(line, start + first);
    note(line, dash).is_some()
        && leading_entry(&line[..start + first], start)
            .is_ok_and(|leading| leading.form != Form::Range)
}

/// Where the note begins behind a dash at `at` with blanks on both sides. A note begins with no digit, as
/// the end of a range does.
fn note(line: &[u8], at: usize) -> Option<usize> {
    let dash = line.get(at) == Some(&b'-') && matches!(line.get(at + 1), Some(b' ' | b'\t'));
    let start = dash.then(|| skip_blanks(line, at + 1))?;
    line.get(start).is_some_and(|byte| !b"0123456789:-#;/".contains(byte)).then_some(start)
}

/// Checks the note that begins at `at` behind a host. A line of a log has a dash there, too, and then a
/// name, a time and what was asked for.
fn check_note(line: &[u8], at: usize, purpose: Purpose) -> Result<(), ParseError> {
    check_text(line, at, purpose)?;
    let is_log = |pair: &[u8]| matches!(pair, [b'[' | b':', b'0'..=b'9']);
    let log = line[at..].windows(2).position(is_log);
    let sign = log.or_else(|| memchr::memchr2(b'"', b'=', &line[at..]));
    sign.map_or(Ok(()), |sign| Err(ParseError::at(at + sign, Reason::TrailingText)))
}

/// Checks the text that begins at `at` behind a network.
fn check_text(line: &[u8], at: usize, purpose: Purpose) -> Result<(), ParseError> {
    let rejected = |at| Err(ParseError::at(at, Reason::TrailingText));
    let comment = memchr::memchr3_iter(b'#', b';', b'/', &line[at..])
        .map(|sign| at + sign)
        .find(|&sign| matches!(line[sign - 1], b' ' | b'\t') && is_end(line, sign));
    let text = &line[at..comment.unwrap_or(line.len())];
    let Ok(text) = std::str::from_utf8(text) else { return rejected(at) };
    let text = text.trim_end_matches([' ', '\t']);
    if text.split([' ', '\t']).next().is_some_and(|first| first.eq_ignore_ascii_case("until")) {
        return rejected(at);
    }
    if purpose == Purpose::Drop {
        if let Some(word) = verdict::denies(text.as_bytes()) {
            return Err(ParseError::at(at + word, Reason::Verdict));
        }
        if postfix::is_action(text.as_bytes()) {
            return Err(ParseError::at(at, Reason::LineOf(postfix::NAME)));
        }
    }
    // Text begins with a letter, perhaps behind a sign: not with the digits of a second address
    // that was cut short, nor with the punctuation of some other format.
    let begins = text.trim_start_matches(['-', '(', '[', '"', '\'', '_']);
    if text.len() - begins.len() > 1 || !begins.starts_with(char::is_alphabetic) {
        return rejected(at);
    }
    if let Some(sign) = unprintable(text.as_bytes(), [b'{', b'}']) {
        return rejected(at + sign);
    }
    if text.ends_with([';', ',']) {
        return rejected(at + text.len() - 1);
    }
    match dotted(text.as_bytes(), 3).or_else(|| colons(text.as_bytes())) {
        Some(address) => Err(ParseError::at(at + address, Reason::SecondAddress)),
        None => Ok(()),
    }
}
