//! JSON: one record a line as Spamhaus has it, or one document with a list in it, as MISP has it.
//!
//! A document has no lines. It is read as a whole, twice: once to see that it is complete and of
//! a known shape, and once for its entries. Nothing is kept of it in between.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::line::{Entry, parse_front};
use super::super::parse_error::{MAX_LINE, ParseError, Reason};

/// Reads a line with a record: an object that has a network under `cidr`. `None` is a record
/// about the list itself.
pub(super) fn record(line: &[u8]) -> Result<Option<Entry>, ParseError> {
    let mut json = serde_json::Deserializer::from_slice(line);
    let record = RecordSeed.deserialize(&mut json).and_then(|record| json.end().map(|()| record));
    match record {
        Ok(Record { cidr: Some(cidr), .. }) => string(line, cidr).map(Some),
        Ok(Record { about_the_list: true, .. }) => Ok(None),
        Ok(_) => Err(ParseError::at(0, Reason::NoNetworkInJson)),
        Err(error) => Err(fault(&error)),
    }
}

/// Whether a list is one JSON document, by how it begins. One record a line is none, and neither
/// is a record with a fault that other lines follow.
pub(in super::super) fn is_document(text: &[u8]) -> bool {
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
            goes_on && record(line).is_err()
        }
        _ => false,
    }
}

/// Goes through a document as [`super::super::List::scan`] does through lines. Where it has a
/// fault as a whole, that is the one rejection, and it has no entries.
pub(in super::super) fn scan(
    text: &[u8],
    mut entry: impl FnMut(u64, Entry),
    mut reject: impl FnMut(u64, ParseError, &[u8]),
) -> u64 {
    let newlines = memchr::memchr_iter(b'\n', text).count() as u64;
    let lines = newlines + u64::from(!text.ends_with(b"\n"));
    let mut place = Place { text, line: 1, start: 0, before: 0 };
    if let Err(error) = elements(text, |_| {}) {
        // What is missing at the end is missing on the last line.
        let number = (error.line() as u64).clamp(1, lines);
        let line = text.split(|&byte| byte == b'\n').nth(number as usize - 1);
        reject(number, fault(&error), line.unwrap_or_default());
    } else {
        // It was read to its end a moment ago.
        let _ = elements(text, |element| {
            let (line, at) = place.of(element);
            match string(element.get().as_bytes(), element) {
                Ok(found) => entry(line, found),
                Err(fault) => {
                    let fault = ParseError::at(at + fault.at, fault.reason);
                    reject(line, fault, element.get().as_bytes());
                }
            }
        });
    }
    lines
}

fn fault(error: &serde_json::Error) -> ParseError {
    let reason = if error.is_data() { Reason::NoNetworkInJson } else { Reason::NotJson };
    ParseError::at(error.column().saturating_sub(1), reason)
}

/// The entry that a string of `text` is, which holds nothing else.
fn string(text: &[u8], value: &RawValue) -> Result<Entry, ParseError> {
    let start = offset(text, value);
    let raw = value.get().as_bytes();
    let Some(inner) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
        return Err(ParseError::at(start, Reason::NotAnAddress));
    };
    if inner.len() > MAX_LINE {
        return Err(ParseError::at(start, Reason::TooLong));
    }
    if !inner.contains(&b'\\') {
        return whole(inner).map_err(|fault| ParseError::at(start + 1 + fault.at, fault.reason));
    }
    // Some writers escape every slash. Where in the text a fault is cannot be said then.
    match serde_json::from_str::<String>(value.get()) {
        Ok(inner) => whole(inner.as_bytes()).map_err(|fault| ParseError::at(start, fault.reason)),
        Err(_) => Err(ParseError::at(start, Reason::NotJson)),
    }
}

fn whole(text: &[u8]) -> Result<Entry, ParseError> {
    let front = parse_front(text, 0)?;
    if front.end < text.len() { Err(front.fault(text)) } else { Ok(front.entry) }
}

/// Where in `text` a value that was borrowed from it stands.
fn offset(text: &[u8], value: &RawValue) -> usize {
    (value.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
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
        let at = offset(self.text, value);
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

/// The index of a name among some, or `None` if it is another. Keeps nothing of it.
struct KeySeed<'k>(&'k [&'k str]);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<usize>, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|known| *known == name))
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

struct Record<'a> {
    cidr: Option<&'a RawValue>,
    about_the_list: bool,
}

struct RecordSeed;

impl<'de> DeserializeSeed<'de> for RecordSeed {
    type Value = Record<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Record<'de>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
        let mut record = Record { cidr: None, about_the_list: false };
        while let Some(index) = map.next_key_seed(KeySeed(&["cidr", "type"]))? {
            let value = map.next_value::<&RawValue>()?;
            match index {
                Some(0) if record.cidr.replace(value).is_some() => {
                    return Err(A::Error::custom("two networks"));
                }
                Some(1) => record.about_the_list = value.get() == "\"metadata\"",
                _ => {}
            }
        }
        Ok(record)
    }
}
