//! One JSON document: which it is by how it begins, and what becomes of what `shapes` finds in it.

use super::lines;
use super::shapes;
use super::unnamed;
use super::walk::{Found, Walk};
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Format, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::ParseError;

const NAME: &str = "JSON document";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Document(is_document), read };

const SEVERAL: Kind = Kind {
    what: "a JSON document with several lists",
    cure: "make a list of the one that is to be dropped, for example: jq -r '.list[]' FILE",
};

/// Whether a list is one JSON document, by how it begins. One record a line is none, and neither
/// is a record with an error that other lines follow. What nft writes has a format of its own.
fn is_document(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    match text.first() {
        Some(b'[') => {
            let rest = text[1..].trim_ascii_start();
            match rest.first() {
                Some(b'{') => {
                    let rest = rest[1..].trim_ascii_start();
                    matches!(rest.first(), None | Some(b'"' | b'}'))
                }
                first => matches!(first, None | Some(b'"' | b']')),
            }
        }
        Some(b'{') if text[1..].trim_ascii_start().starts_with(b"\"nftables\"") => false,
        Some(b'{') => {
            let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
            let (line, below) = text.split_at(end);
            let below = below.trim_ascii_start().first();
            let goes_on = match below {
                Some(b'{') => is_within_array(line),
                next => next.is_none_or(|next| b"\":,[]}".contains(next)),
            };
            let is_whole = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
            match is_whole {
                true => below != Some(&b'{') && !lines::is_record(line),
                false => goes_on,
            }
        }
        _ => false,
    }
}

/// Whether an array is open at the end of a line of JSON.
fn is_within_array(line: &[u8]) -> bool {
    let (mut opened, mut closed) = (0u64, 0u64);
    let mut in_string = false;
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'[' if !in_string => opened += 1,
            b']' if !in_string => closed += 1,
            _ => {}
        }
    }
    opened > closed
}

/// Reads the document. Plain lines below it are rejected. Where it has an error, or is followed by anything
/// else, it is refused as a whole: it was cut, or glued to another one.
fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let text = lines.text();
    let mut walk = Walk::new(text, lines.reading, sink);
    let mut json = serde_json::Deserializer::from_slice(text);
    if let Err(error) = shapes::walk(&mut walk, &mut json) {
        return Err(broken(&error));
    }
    let Found { name, has_several } = walk.found();
    match json.end() {
        Ok(()) => {
            lines.take_all();
            lines.advance();
        }
        Err(error) if is_line_below(text, &error) && is_plain_from(lines, error.line() as u64) => {
            while lines.taken() + 1 < error.line() as u64 && lines.take().is_some() {}
            lines.advance();
        }
        Err(error) => return Err(broken(&error)),
    }
    if has_several {
        return Err(NotAList::Kind { kind: &SEVERAL, line: 0 });
    }
    let Some(name) = name else {
        return Err(unnamed::refusal(text, unnamed::Form::Document, 0));
    };
    while lines.line().is_some() {
        lines.reject_other(NAME, sink);
        lines.advance();
    }
    Ok(name)
}

/// Whether what stands behind the document, which is the error, begins on a line of its own.
fn is_line_below(text: &[u8], error: &serde_json::Error) -> bool {
    let Some(above) = error.line().checked_sub(2) else { return false };
    let Some(end) = memchr::memchr_iter(b'\n', text).nth(above) else { return false };
    let line = &text[end + 1..];
    let before = &line[..error.column().saturating_sub(1).min(line.len())];
    before.trim_ascii().is_empty()
}

/// Whether all lines from one on are plain, as where somebody has appended some.
fn is_plain_from(lines: &Lines<'_>, number: u64) -> bool {
    let mut lines = Lines::of(lines.text(), lines.reading);
    while let Some(line) = lines.line() {
        if line.number >= number && line.found.is_err() {
            return false;
        }
        lines.advance();
    }
    true
}

fn broken(error: &serde_json::Error) -> NotAList {
    let ParseError { at, .. } = super::value::parse_error(error);
    let what = match error.is_eof() {
        true => "a JSON document that is cut off".to_string(),
        false => {
            format!("a JSON document with an error in line {}, column {}", error.line(), at + 1)
        }
    };
    NotAList::Other { what, cure: "get the document again".into() }
}
