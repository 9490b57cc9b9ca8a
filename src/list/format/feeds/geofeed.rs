//! `NETWORK,COUNTRY,REGION,CITY,POSTAL`: a geofeed (RFC 8805), which has no header.

use crate::list::entry::Entry;
use crate::list::format::csv::Splitter;
use crate::list::format::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use crate::list::grammar::{Form, leading_entry};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "geofeed";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some_and(|parsed| parsed.is_ok())
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

/// The network in front of four more fields, of which the country and the region have known forms.
fn parse(line: &Line<'_>) -> Option<Parsed> {
    let leading = leading_entry(line.text, 0).ok()?;
    if line.text.get(leading.end) != Some(&b',') || leading.form == Form::Range {
        return None;
    }
    let mut splitter = Splitter::new(b',');
    let fields = splitter.split(line.text, line.text.len())?;
    let is_feed = fields.count() == 5 && is_country(fields.get(1)) && is_region(fields.get(2));
    is_feed.then(|| network(leading.entry, fields.get(4)).map(Some))
}

/// The entry, if the last field is a postal code and not another network, as where a line end was lost.
fn network(entry: Entry, postal: &[u8]) -> Result<Entry, ParseError> {
    match leading_entry(postal, 0) {
        Ok(_) => Err(ParseError::at(0, Reason::SecondAddress)),
        Err(_) => Ok(entry),
    }
}

fn is_country(field: &[u8]) -> bool {
    field.is_empty() || field.len() == 2 && field.iter().all(u8::is_ascii_alphabetic)
}

/// Nothing, or a subdivision of a country: `NL-NH`.
fn is_region(field: &[u8]) -> bool {
    let is_code = |(country, code): (&[u8], &[u8])| {
        country.iter().all(u8::is_ascii_alphabetic)
            && matches!(code, [b'-', code @ ..] if (1..=3).contains(&code.len())
                && code.iter().all(u8::is_ascii_alphanumeric))
    };
    field.is_empty() || field.split_at_checked(2).is_some_and(is_code)
}
