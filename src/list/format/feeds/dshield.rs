//! `START<TAB>END<TAB>LENGTH` and any further columns, as DShield has it.

use super::ipsum::count;
use crate::ip::Range;
use crate::list::entry::Entry;
use crate::list::format::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use crate::list::format::text::check_name;
use crate::list::grammar::{Form, LeadingEntry, leading_entry, prefix_length, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "DShield";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

/// The one line that is neither comment nor network.
const HEADING: &[u8] = b"Start\tEnd\tNetblock\t";

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

#[inline(always)]
fn parse(line: &Line<'_>) -> Option<Parsed> {
    let Some(leading) = line.leading() else {
        let is_heading = line.text[skip_blanks(line.text, 0)..].starts_with(HEADING);
        return is_heading.then_some(Ok(None));
    };
    let is_column = leading.form == Form::Host && line.text.get(leading.end) == Some(&b'\t');
    let has_more = is_column && count(line.text, leading).is_none();
    has_more.then(|| network(line.text, leading).map(Some))
}

fn network(line: &[u8], leading: &LeadingEntry) -> Result<Entry, ParseError> {
    let start = leading.end + 1;
    let second = leading_entry(line, start).map_err(|_| leading.trailing_text(line))?;
    let (Entry::V4(first), Entry::V4(last)) = (leading.entry, second.entry) else {
        return Err(leading.trailing_text(line));
    };
    if second.form != Form::Host || line.get(second.end) != Some(&b'\t') {
        return Err(leading.trailing_text(line));
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
