//! One JSON document with a list in it, as MISP has it and as netfilterd prints it.
//!
//! A document has no lines. It is read as a whole, twice: once to see that it is complete and of
//! a known shape, and once for its entries. Nothing is kept of it in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::json::{self, KeySeed};
use super::json_lines;
use super::reader::{Format, Lines, Outcome, Sign, Sink};

const NAME: &str = "JSON document";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Text(is_document), read };

/// Whether a list is one JSON document, by how it begins. One record a line is none, and neither
/// is a record with an error that other lines follow.
fn is_document(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    match text.first() {
        Some(b'[') => {
            let rest = text[1..].trim_ascii_start();
            matches!(rest.first(), None | Some(b'"' | b'{' | b']'))
        }
        Some(b'{') => {
            let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
            let (line, rest) = text.split_at(end);
            let goes_on = match rest.trim_ascii_start().first() {
                None => true,
                Some(next) => b"\":,[]}".contains(next),
            };
            goes_on && json_lines::parse(line).is_err()
        }
        _ => false,
    }
}

/// Reads the document. Where it has an error as a whole, that is the one rejection, and there are no
/// entries.
fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let text = lines.text();
    lines.take_all();
    lines.advance();
    if let Err(error) = elements(text, |_| {}) {
        // What is missing at the end is missing on the last line.
        let number = (error.line() as u64).clamp(1, lines.taken());
        let line = text.split(|&byte| byte == b'\n').nth(number as usize - 1);
        sink.reject(number, json::parse_error(&error), line.unwrap_or_default());
        return Ok(NAME.into());
    }
    let mut place = Place { text, line: 1, start: 0, before: 0 };
    // It was read to its end a moment ago.
    let _ = elements(text, |element| {
        let (line, at) = place.of(element);
        let text = element.get().as_bytes();
        match json::entry(text, element) {
            Ok(entry) => sink.entry(line, entry, None),
            Err(error) => sink.reject(line, error.behind(at), text),
        }
    });
    Ok(NAME.into())
}

/// The line of a value, counted on from the one before.
struct Place<'a> {
    text: &'a [u8],
    line: u64,
    /// Where that line begins.
    start: usize,
    /// Where the value before stands. Nothing is counted twice, however long the line is.
    before: usize,
}

impl Place<'_> {
    /// The line of a value and the offset in it. Values come in their order.
    fn of(&mut self, value: &RawValue) -> (u64, usize) {
        let at = json::offset(self.text, value);
        let between = &self.text[self.before..at];
        if let Some(last) = memchr::memrchr(b'\n', between) {
            self.line += memchr::memchr_iter(b'\n', between).count() as u64;
            self.start = self.before + last + 1;
        }
        self.before = at;
        (self.line, at - self.start)
    }
}

/// Calls `element` with each element of the lists in a document.
fn elements<'a>(
    text: &'a [u8],
    mut element: impl FnMut(&'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    DocumentSeed(&mut element).deserialize(&mut json)?;
    json.end()
}

/// The members of an object that hold lists: of MISP, and of what netfilterd prints.
const LISTS: [&str; 3] = ["list", "v4", "v6"];

struct DocumentSeed<'f, F>(&'f mut F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for DocumentSeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for DocumentSeed<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        ListSeed(self.0).visit_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = [false; LISTS.len()];
        while let Some(index) = map.next_key_seed(KeySeed(&LISTS))? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(&mut seen[index], true) {
                return Err(A::Error::custom("two lists of one name"));
            }
            map.next_value_seed(ListSeed(self.0))?;
        }
        if seen.contains(&true) { Ok(()) } else { Err(A::Error::custom("no list")) }
    }
}

struct ListSeed<'f, F>(&'f mut F);

impl<'de, F: FnMut(&'de RawValue)> DeserializeSeed<'de> for ListSeed<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&'de RawValue)> Visitor<'de> for ListSeed<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&RawValue>()? {
            (self.0)(element);
        }
        Ok(())
    }
}
