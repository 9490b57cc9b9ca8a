//! `deny NETWORK;`, as nginx has it, outside of all blocks.

use super::super::entry::Entry;
use super::super::grammar::{Form, leading_entry, skip_blanks};
use super::super::parse_error::{ParseError, Reason};
use super::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use super::text::word;

const NAME: &str = "nginx";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

#[inline(always)]
fn parse(line: &Line<'_>) -> Option<Parsed> {
    let start = skip_blanks(line.text, 0);
    match word(line.text, start) {
        (b"deny", end) => Some(network(line.text, end).map(Some)),
        (b"allow", _) => Some(Err(ParseError::at(start, Reason::Exception))),
        _ => None,
    }
}

/// The network behind `deny`, which ends at `end`.
#[inline(always)]
fn network(line: &[u8], end: usize) -> Result<Entry, ParseError> {
    let leading = leading_entry(line, skip_blanks(line, end))?;
    let semicolon = skip_blanks(line, leading.end);
    if leading.form == Form::Range || line.get(semicolon) != Some(&b';') {
        return Err(ParseError::at(semicolon, Reason::TrailingText));
    }
    let rest = skip_blanks(line, semicolon + 1);
    if rest < line.len() && line[rest] != b'#' {
        return Err(ParseError::at(rest, Reason::TrailingText));
    }
    Ok(leading.entry)
}
