//! One command a line: `deny` of nginx, `add` of ipset.

use super::super::line::{Entry, Form, is_end, parse_front, skip_blanks};
use super::super::parse_error::{ParseError, Reason};
use super::word;

/// What a line with a command is; `None` if it has none of those that are known.
pub(super) fn read(line: &[u8], start: usize) -> Option<Result<Option<Entry>, ParseError>> {
    let (command, end) = word(line, start);
    let exception = Err(ParseError::at(start, Reason::Exception));
    match command {
        b"deny" => Some(deny(line, end).map(Some)),
        b"allow" => Some(exception),
        b"add" => add(line, end).map(|entry| entry.map(Some)),
        b"del" => Some(exception),
        b"create" | b"flush" | b"swap" | b"destroy" => {
            is_about_sets(command, line, end).then_some(Ok(None))
        }
        _ => None,
    }
}

/// `deny NETWORK;`
fn deny(line: &[u8], end: usize) -> Result<Entry, ParseError> {
    let front = parse_front(line, skip_blanks(line, end))?;
    let semicolon = skip_blanks(line, front.end);
    if front.form == Form::Range || line.get(semicolon) != Some(&b';') {
        return Err(ParseError::at(semicolon, Reason::TrailingText));
    }
    let rest = skip_blanks(line, semicolon + 1);
    if rest < line.len() && line[rest] != b'#' {
        return Err(ParseError::at(rest, Reason::TrailingText));
    }
    Ok(front.entry)
}

/// `add NAME NETWORK`, with options that do not change what is meant. `None` if it is some other
/// `add`.
fn add(line: &[u8], end: usize) -> Option<Result<Entry, ParseError>> {
    let name = skip_blanks(line, end);
    let (set, end) = word(line, name);
    let start = skip_blanks(line, end);
    if set.is_empty() || start == line.len() {
        return None;
    }
    // The word alone: a dash further on begins an option.
    let (_, end) = word(line, start);
    Some(parse_front(&line[..end], start).and_then(|front| {
        check_options(line, front.end)?;
        Ok(front.entry)
    }))
}

fn check_options(line: &[u8], end: usize) -> Result<(), ParseError> {
    let mut at = skip_blanks(line, end);
    if at == end && at < line.len() {
        return Err(ParseError::at(at, Reason::TrailingText));
    }
    while at < line.len() && !is_end(line, at) {
        let (option, end) = word(line, at);
        let value = skip_blanks(line, end);
        let end = match option {
            b"-exist" | b"-!" => end,
            b"nomatch" => return Err(ParseError::at(at, Reason::Exception)),
            b"timeout" | b"packets" | b"bytes" | b"skbprio" | b"skbqueue" | b"skbmark" => {
                let (number, end) = word(line, value);
                if !number.first().is_some_and(u8::is_ascii_digit) {
                    return Err(ParseError::at(value, Reason::TrailingText));
                }
                end
            }
            b"comment" => quoted_end(line, value)?,
            _ => return Err(ParseError::at(at, Reason::TrailingText)),
        };
        at = skip_blanks(line, end);
    }
    Ok(())
}

/// The offset behind a text in double quotes.
pub(super) fn quoted_end(line: &[u8], at: usize) -> Result<usize, ParseError> {
    let text = line.get(at..).and_then(|rest| rest.strip_prefix(b"\""));
    let end = text.and_then(|text| memchr::memchr(b'"', text));
    end.map(|length| at + length + 2).ok_or(ParseError::at(at, Reason::TrailingText))
}

/// The commands of ipset that make, empty and swap whole sets and so say nothing of any network.
fn is_about_sets(command: &[u8], line: &[u8], mut end: usize) -> bool {
    let mut words: [&[u8]; 2] = [b""; 2];
    let mut count = 0;
    loop {
        let start = skip_blanks(line, end);
        if start == line.len() {
            break;
        }
        let (next, stop) = word(line, start);
        if let Some(place) = words.get_mut(count) {
            *place = next;
        }
        (count, end) = (count + 1, stop);
    }
    match command {
        b"create" => count >= 2 && words[1].contains(&b':'),
        b"swap" => count == 2,
        _ => count == 1 && !words[0].contains(&b':'),
    }
}
