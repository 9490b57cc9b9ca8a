//! `ADDRESS<TAB>COUNT`, as ipsum has it.

use super::super::grammar::{Form, LeadingEntry, is_end, skip_blanks};
use super::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};

const NAME: &str = "host and count";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    parse(line).is_some()
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, parse)
}

#[inline(always)]
fn parse(line: &Line<'_>) -> Option<Parsed> {
    let leading = line.leading()?;
    is_host_and_count(line.text, leading).then_some(Ok(Some(leading.entry)))
}

/// Whether a host is all that stands before a tab, and a count all behind it.
pub(super) fn is_host_and_count(line: &[u8], leading: &LeadingEntry) -> bool {
    if leading.form != Form::Host || line.get(leading.end) != Some(&b'\t') {
        return false;
    }
    let start = leading.end + 1;
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = start + digits;
    let rest = skip_blanks(line, end);
    (1..=9).contains(&digits) && (rest == line.len() || rest > end && is_end(line, rest))
}
