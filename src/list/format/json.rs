//! What formats in JSON have in common: members by name, and strings that are entries.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

use super::super::entry::Entry;
use super::super::grammar::leading_entry;
use super::super::parse_error::{MAX_LINE, ParseError, Reason};

/// What is wrong with JSON, and in which column of its line.
pub fn parse_error(error: &serde_json::Error) -> ParseError {
    let reason = if error.is_data() { Reason::NoNetworkInJson } else { Reason::NotJson };
    ParseError::at(error.column().saturating_sub(1), reason)
}

/// The entry that a string of `text` is, which holds nothing else.
pub fn entry(text: &[u8], value: &RawValue) -> Result<Entry, ParseError> {
    let start = offset(text, value);
    let raw = value.get().as_bytes();
    let Some(inner) = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")) else {
        return Err(ParseError::at(start, Reason::NotAnAddress));
    };
    if inner.len() > MAX_LINE {
        return Err(ParseError::at(start, Reason::TooLong));
    }
    if !inner.contains(&b'\\') {
        return whole(inner).map_err(|error| error.behind(start + 1));
    }
    // Some writers escape every slash. Where in the text an error is cannot be said then.
    match serde_json::from_str::<String>(value.get()) {
        Ok(inner) => whole(inner.as_bytes()).map_err(|error| ParseError::at(start, error.reason)),
        Err(_) => Err(ParseError::at(start, Reason::NotJson)),
    }
}

fn whole(text: &[u8]) -> Result<Entry, ParseError> {
    let leading = leading_entry(text, 0)?;
    if leading.end < text.len() { Err(leading.trailing_text(text)) } else { Ok(leading.entry) }
}

/// Where in `text` a value that was borrowed from it stands.
pub fn offset(text: &[u8], value: &RawValue) -> usize {
    (value.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// The index of a name among some, or `None` if it is another. Keeps nothing of it.
pub struct KeySeed<'k>(pub &'k [&'k str]);

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
