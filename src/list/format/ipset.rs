//! `add SET NETWORK`: what `ipset save` writes.

use super::super::entry::Entry;
use super::super::grammar::{is_end, leading_entry, skip_blanks};
use super::super::parse_error::{ParseError, Reason};
use super::nft;
use super::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use super::text::{quoted_end, word};

const NAME: &str = "ipset save";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

#[inline(always)]
fn parse(line: &Line<'_>) -> Option<Parsed> {
    let line = line.text;
    let start = skip_blanks(line, 0);
    let (command, end) = word(line, start);
    match command {
        b"add" | b"create" | b"flush" | b"destroy" if nft::is_statement(line) => None,
        b"add" => Some(network(line, element(line, end)?).map(Some)),
        b"del" => Some(Err(ParseError::at(start, Reason::Exception))),
        b"create" | b"flush" | b"swap" | b"destroy" => {
            is_about_sets(command, line, end).then_some(Ok(None))
        }
        _ => None,
    }
}

/// Where the element of `add SET ELEMENT` begins, if there is one; the word `add` ends at `end`.
fn element(line: &[u8], end: usize) -> Option<usize> {
    let (set, end) = word(line, skip_blanks(line, end));
    let start = skip_blanks(line, end);
    (!set.is_empty() && start < line.len()).then_some(start)
}

/// The element, if it is a network, and its options do not change what is meant.
#[inline(always)]
fn network(line: &[u8], start: usize) -> Result<Entry, ParseError> {
    // The word alone: a dash further on begins an option.
    let (_, end) = word(line, start);
    let leading = leading_entry(&line[..end], start)?;
    check_options(line, leading.end)?;
    Ok(leading.entry)
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
