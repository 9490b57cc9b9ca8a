//! One JSON object a line, as Spamhaus has it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::parse_error::{ParseError, Reason};
use super::json::{self, KeySeed};
use super::reader::{Format, Line, Lines, Outcome, Parsed, Sign, Sink};

const NAME: &str = "JSON lines";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    let text = line.text.trim_ascii_start();
    text.strip_prefix(b"{")
        .is_some_and(|rest| matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')))
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    lines.read_all(NAME, sink, |line| detect(line).then(|| parse(line.text)))
}

/// Reads a line with a record: an object that has a network under `cidr`. `None` is a record
/// about the list itself.
pub(super) fn parse(line: &[u8]) -> Parsed {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let record = RecordSeed
        .deserialize(&mut deserializer)
        .and_then(|record| deserializer.end().map(|()| record));
    match record {
        Ok(Record { cidr: Some(cidr), .. }) => json::entry(line, cidr).map(Some),
        Ok(Record { about_the_list: true, .. }) => Ok(None),
        Ok(_) => Err(ParseError::at(0, Reason::NoNetworkInJson)),
        Err(error) => Err(json::parse_error(&error)),
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
