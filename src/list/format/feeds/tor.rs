//! `ExitAddress ADDRESS TIME`: the exit addresses of Tor.

use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::{Form, leading_entry};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "Tor exit addresses";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

const ADDRESS: &[u8] = b"ExitAddress ";

/// What stands beside the addresses, and names none.
const OTHERS: [&[u8]; 3] = [b"ExitNode ", b"Published ", b"LastStatus "];

fn detect(line: &Line<'_>) -> bool {
    line.text.starts_with(ADDRESS) || is_other(line.text)
}

fn is_other(line: &[u8]) -> bool {
    OTHERS.iter().any(|other| line.starts_with(other))
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    while let Some(line) = lines.line() {
        let number = line.number;
        if line.text.starts_with(ADDRESS) {
            match parse(line.text) {
                Ok(entry) => sink.entry(number, entry, None),
                Err(error) => sink.reject(number, error, line.raw),
            }
        } else if is_other(line.text) {
            sink.event(number, Event::Skipped);
        } else {
            lines.reject_other(NAME, sink);
        }
        lines.advance();
    }
    Ok(NAME.into())
}

fn parse(line: &[u8]) -> Result<crate::list::entry::Entry, ParseError> {
    let start = ADDRESS.len();
    let (_, end) = word(line, start);
    let leading = leading_entry(&line[..end], start)?;
    if leading.form != Form::Host || leading.end < end {
        return Err(ParseError::at(start, Reason::NotAnAddress));
    }
    // The day and the time, and nothing else.
    let time = line[end..].trim_ascii();
    let is_time = |byte: &u8| byte.is_ascii_digit() || b"-: ".contains(byte);
    if time.len() != "2024-03-12 08:10:51".len() || !time.iter().all(is_time) {
        return Err(ParseError::at(end, Reason::TrailingText));
    }
    Ok(leading.entry)
}
