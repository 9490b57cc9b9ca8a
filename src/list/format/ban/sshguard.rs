//! `TIME|SERVICE|KIND|ADDRESS`: the blacklist of sshguard. The time is that of the attack.

use crate::list::entry::Entry;
use crate::list::format::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use crate::list::format::text::network;
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "sshguard blacklist";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| parse(line).is_some()), read };

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

fn parse(line: &Line<'_>) -> Option<Parsed> {
    let mut columns = line.text.splitn(4, |byte| *byte == b'|');
    let mut number = || {
        let column = columns.next()?;
        (!column.is_empty() && column.iter().all(u8::is_ascii_digit)).then_some(column)
    };
    let (time, service, kind) = (number()?, number()?, number()?);
    columns.next()?;
    let start = time.len() + service.len() + kind.len() + 3;
    Some(entry(line.text, start, kind).map(Some))
}

/// The address at `start`, which must be of the kind that stands before it, 4 or 6.
fn entry(line: &[u8], start: usize, kind: &[u8]) -> Result<Entry, ParseError> {
    let entry = network(line, start, line.len())?;
    match entry {
        Entry::V4(_) if kind == b"4" => Ok(entry),
        Entry::V6(_) if kind == b"6" => Ok(entry),
        _ => Err(ParseError::at(start, Reason::NotThatNetwork)),
    }
}
