//! `FIRST - LAST , LEVEL , NAME`: ipfilter.dat of eMule and qBittorrent.

use super::super::entry::Entry;
use super::super::grammar::{Form, skip_blanks};
use super::super::parse_error::{ParseError, Reason};
use super::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};
use super::text::check_name;

const NAME: &str = "ipfilter.dat";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

/// The highest level at which eMule and its heirs block a range; what is above is let through.
const BLOCKED: u32 = 127;

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

#[inline(always)]
fn parse(line: &Line<'_>) -> Option<Parsed> {
    let leading = line.leading().filter(|leading| leading.form == Form::Range)?;
    let comma = skip_blanks(line.text, leading.end);
    (line.text.get(comma) == Some(&b',')).then(|| range(line.text, leading.entry, comma + 1))
}

/// The range in front of the level at `at`, or nothing if that says that it is let through.
fn range(line: &[u8], range: Entry, at: usize) -> Parsed {
    let start = skip_blanks(line, at);
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let level = line[start..start + digits]
        .iter()
        .fold(0u32, |level, digit| level.saturating_mul(10).saturating_add((digit - b'0').into()));
    let rest = skip_blanks(line, start + digits);
    let ends = matches!(line.get(rest), None | Some(b','));
    if !(1..=3).contains(&digits) || level > 255 || !ends {
        return Err(ParseError::at(start, Reason::TrailingText));
    }
    check_name(line, rest)?;
    Ok((level <= BLOCKED).then_some(range))
}
