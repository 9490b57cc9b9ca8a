//! `FIRST - LAST , LEVEL , NAME`: ipfilter.dat of eMule and qBittorrent.

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::check_name;
use crate::list::grammar::{Form, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;
use crate::list::verdict;

const NAME: &str = "ipfilter.dat";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

/// The highest level at which eMule and its heirs block a range; what is above is let through.
const BLOCKED: u32 = 127;

fn detect(line: &Line<'_>) -> bool {
    level_at(line).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let purpose = lines.reading.purpose;
    while let Some(line) = lines.line() {
        match level_at(line).map(|(range, at)| (range, is_blocked(line.text, at, purpose))) {
            Some((range, Ok(true))) => sink.entry(line.number, range, None),
            Some((_, Ok(false))) => sink.event(line.number, Event::Skipped),
            Some((_, Err(error))) => lines.reject(error, sink),
            None => lines.reject_other(NAME, sink),
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// The range at the head of a line, and where its level stands: behind a comma.
fn level_at(line: &Line<'_>) -> Option<(Entry, usize)> {
    let leading = line.leading().filter(|leading| leading.form == Form::Range)?;
    let comma = skip_blanks(line.text, leading.end);
    (line.text.get(comma) == Some(&b',')).then_some((leading.entry, comma + 1))
}

/// Whether the level at `at` says that the range is blocked.
fn is_blocked(line: &[u8], at: usize, purpose: Purpose) -> Result<bool, ParseError> {
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
    let is_blocked = level <= BLOCKED;
    match verdict::denies(&line[rest..]) {
        Some(word) if is_blocked && purpose == Purpose::Drop => {
            Err(ParseError::at(rest + word, Reason::Verdict))
        }
        _ => Ok(is_blocked),
    }
}
