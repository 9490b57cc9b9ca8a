//! `NETWORK TEXT`: a network and words that describe it.
//!
//! Behind a host nothing is taken for text: `0.0.0.0 ads.example` is a line of a hosts file, where
//! the address is the one thing that is not meant.

use super::super::super::entry::Entry;
use super::super::super::grammar::{Form, is_end, skip_blanks};
use super::super::super::parse_error::{ParseError, Reason};
use super::super::super::reading::{Purpose, Reading};
use super::super::super::verdict;
use super::super::reader::Line;
use super::super::text::{colons, dotted, unprintable};

/// The entry of a line with a network and text; nothing if it is another line.
pub fn parse(line: &Line<'_>, reading: &Reading) -> Option<Result<Entry, ParseError>> {
    let leading = line.leading().filter(|leading| leading.form == Form::Network)?;
    let start = skip_blanks(line.text, leading.end);
    (start > leading.end)
        .then(|| check_text(line.text, start, reading.purpose).map(|()| leading.entry))
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
