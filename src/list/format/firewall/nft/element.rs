//! An element of a set, and what stands behind it.

use crate::list::entry::Entry;
use crate::list::format::text::quoted_end;
use crate::list::grammar::{leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

/// Reads an element; returns the offset of what ends it, which is a comma, a brace, a comment or the end of
/// the line.
pub fn element(line: &[u8], at: usize, reading: &Reading) -> Result<(Entry, usize), ParseError> {
    let leading = leading_entry(line, at)?;
    let mut end = leading.end;
    loop {
        let start = skip_blanks(line, end);
        match line.get(start) {
            None | Some(b',' | b'}' | b'#') => return Ok((leading.entry, start)),
            Some(_) if start == end => return Err(ParseError::at(start, Reason::TrailingText)),
            Some(b'.') => return Err(ParseError::at(start, Reason::Narrower)),
            Some(_) => end = option_end(line, start, reading)?,
        }
    }
}

/// The offset behind an option of an element that does not change what it means.
fn option_end(line: &[u8], start: usize, reading: &Reading) -> Result<usize, ParseError> {
    let (option, end) = bare_word(line, start);
    let value = skip_blanks(line, end);
    match option {
        b"counter" | b"last" | b"never" => Ok(end),
        b"timeout" | b"expires" | b"packets" | b"bytes" | b"used" => {
            let (number, end) = bare_word(line, value);
            let is_value = number.first().is_some_and(u8::is_ascii_digit);
            if is_value { Ok(end) } else { Err(ParseError::at(value, Reason::TrailingText)) }
        }
        b"comment" => {
            let end = quoted_end(line, value)?;
            let comment = &line[value + 1..end - 1];
            if reading.purpose == Purpose::Drop && verdict::comment_denies(comment) {
                return Err(ParseError::at(value + 1, Reason::Verdict));
            }
            Ok(end)
        }
        _ => Err(ParseError::at(start, Reason::TrailingText)),
    }
}

fn bare_word(line: &[u8], start: usize) -> (&[u8], usize) {
    let length = line[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    (&line[start..start + length], start + length)
}

/// Where a comma stands, or a brace or a comment, outside of quotes.
pub fn element_end(line: &[u8], start: usize) -> usize {
    outside_quotes(line, start, |byte| matches!(byte, b',' | b'{' | b'}' | b'#'))
}

/// Where a brace or a comment stands, outside of quotes.
pub fn elements_end(line: &[u8], start: usize) -> usize {
    outside_quotes(line, start, |byte| matches!(byte, b'{' | b'}' | b'#'))
}

fn outside_quotes(line: &[u8], start: usize, is_end: impl Fn(u8) -> bool) -> usize {
    let mut is_quoted = false;
    let end = line[start..].iter().position(|&byte| {
        is_quoted ^= byte == b'"';
        !is_quoted && is_end(byte)
    });
    end.map_or(line.len(), |length| start + length)
}

/// Whether an element that is no entry was meant as an address: nothing else in a definition has dots, or
/// colons and is not the address of a card.
pub fn is_meant_as_address(line: &[u8], at: usize) -> bool {
    let length = line[at..].iter().take_while(|byte| !b" \t,{}#".contains(byte)).count();
    let word = &line[at..at + length];
    let is_card = word.len() == 17
        && word.iter().enumerate().all(|(place, byte)| match place % 3 {
            2 => *byte == b':',
            _ => byte.is_ascii_hexdigit(),
        });
    !is_card && word.iter().any(|byte| matches!(byte, b'.' | b':'))
}
