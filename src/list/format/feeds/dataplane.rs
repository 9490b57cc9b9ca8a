//! `ASN | NAME | ADDRESS | TIME | CATEGORY`: the feeds of dataplane.org.

use crate::list::format::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use crate::list::grammar::{Form, leading_entry};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "dataplane.org";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some_and(|parsed| parsed.is_ok())
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

fn parse(line: &Line<'_>) -> Option<Parsed> {
    let bars: Vec<usize> = memchr::memchr_iter(b'|', line.text).take(5).collect();
    let [first, second, third, fourth] = bars[..] else { return None };
    let asn = line.text[..first].trim_ascii();
    let is_asn = asn == b"NA" || !asn.is_empty() && asn.iter().all(u8::is_ascii_digit);
    let time = line.text[third + 1..fourth].trim_ascii();
    let is_time = time.first().is_some_and(u8::is_ascii_digit)
        && time.iter().all(|byte| byte.is_ascii_digit() || b"-: TZ".contains(byte));
    if !is_asn || !is_time {
        return None;
    }
    let field = &line.text[second + 1..third];
    let start = second + 1 + field.len() - field.trim_ascii_start().len();
    let end = second + 1 + field.trim_ascii_end().len();
    let entry = match leading_entry(&line.text[..end.max(start)], start) {
        Ok(leading) if leading.end == end && leading.form == Form::Host => Ok(Some(leading.entry)),
        Ok(_) => Err(ParseError::at(start, Reason::NotAnAddress)),
        Err(error) => Err(error),
    };
    Some(entry)
}
