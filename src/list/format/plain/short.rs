//! `192.0.2.4-9` and `192.0.2.7 - NOTE`: a plain list in short forms.
//!
//! In a list of whole entries a line like these is a slip, such as a range that was cut off. So they are
//! read only if there are more of them than of lines that are plain.

use super::{said, send, shapes, text};
use crate::list::format::reader::{Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::grammar::{Found, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "plain in short forms";

pub static FORMAT: Format = Format { name: NAME, sign: Sign::Line(is_short), read };

/// Whether a line is in a short form, with a network or without.
fn is_in_form(line: &Line<'_>) -> bool {
    shapes::is_short(line.text) || text::has_note(line.text)
}

/// Whether a line is in a short form that a plain list does not have.
pub fn is_short(line: &Line<'_>) -> bool {
    line.found.is_err() && is_in_form(line)
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let all = &mut Lines::of(lines.text(), lines.reading);
    let (mut short, mut whole) = (0u64, 0u64);
    while let Some(line) = all.line() {
        short += u64::from(is_in_form(line));
        whole += u64::from(matches!(line.found, Ok(Found::Entry(..))));
        all.advance();
    }
    while let Some(line) = lines.line() {
        match said(line, lines.reading) {
            Some(Ok(_)) if short <= whole && is_short(line) => {
                let at = skip_blanks(line.text, 0);
                lines.reject(ParseError::at(at, Reason::ShortForm), sink);
            }
            Some(Ok(shape)) => send(line.number, shape, sink),
            Some(Err(error)) => lines.reject(error, sink),
            None => lines.reject_unknown(sink),
        }
        lines.advance();
    }
    Ok(NAME.into())
}
