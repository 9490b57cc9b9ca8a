//! An object that is about one network: the network by the name of its member, and what the other members
//! say of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::value::{self, bare, is_nested, offset};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::format::duration::end_after;
use crate::list::format::fields::{self, Field};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};

/// The names of members that hold the network of a record.
pub const NETWORKS: [&str; 9] = [
    "ip",
    "cidr",
    "network",
    "ip_address",
    "ipAddress",
    "ip_prefix",
    "ipv6_prefix",
    "ipv4Prefix",
    "ipv6Prefix",
];

/// Names of members that could hold another network than the one that is read, or the other half of it.
const ALSO: [&str; 12] = [
    "address",
    "prefix",
    "subnet",
    "range",
    "netmask",
    "mask",
    "mask_len",
    "prefixlen",
    "prefix_len",
    "prefix_length",
    "src_ip",
    "dst_ip",
];

/// Names of members that tables of the whole internet have beside each network, two of them at least.
const PLACES: [&str; 6] =
    ["country_code", "continent", "continent_code", "as_name", "as_domain", "geoname_id"];

/// What a member is by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    /// One of [`NETWORKS`].
    Network(u8),
    /// One of [`ALSO`].
    Also,
    Field(Field),
    Type,
    Scope,
    Value,
    Duration,
    Simulated,
    Decisions,
    Asn,
    Sblid,
    /// One of [`PLACES`].
    Place,
    Other,
}

impl Member {
    fn of(name: &str) -> Member {
        if let Some(index) = NETWORKS.iter().position(|known| *known == name) {
            return Member::Network(index as u8);
        }
        match name {
            "type" => Member::Type,
            "scope" => Member::Scope,
            "value" => Member::Value,
            "duration" => Member::Duration,
            "simulated" => Member::Simulated,
            "decisions" => Member::Decisions,
            "asn" => Member::Asn,
            "sblid" => Member::Sblid,
            _ if ALSO.contains(&name) => Member::Also,
            _ if PLACES.contains(&name) => Member::Place,
            _ => match Field::of(name.as_bytes()) {
                Field::Other => Member::Other,
                field => Member::Field(field),
            },
        }
    }
}

/// What members are by their names. Records have the same members again and again.
#[derive(Default)]
pub struct Members {
    known: Vec<(String, Member)>,
    /// The one behind the member that was asked for last.
    next: usize,
}

/// How many names are kept.
const KEPT: usize = 64;

impl Members {
    fn of(&mut self, name: &str) -> Member {
        if let Some((known, member)) = self.known.get(self.next) {
            if known == name {
                self.next += 1;
                return *member;
            }
        }
        if let Some(index) = self.known.iter().position(|(known, _)| known == name) {
            self.next = index + 1;
            return self.known[index].1;
        }
        let member = Member::of(name);
        if self.known.len() < KEPT {
            self.known.push((name.to_string(), member));
            self.next = self.known.len();
        }
        member
    }
}

/// The members of an object that count.
#[derive(Default)]
pub struct Record<'a> {
    /// Where the first name of a member begins.
    pub start: Option<usize>,
    /// The network, and which of [`NETWORKS`] it is.
    network: Option<(&'a RawValue, u8)>,
    /// A second member that could be the network.
    second: Option<&'a RawValue>,
    /// Members that say what becomes of the entry.
    fields: Vec<(Field, &'a RawValue)>,
    kind: Option<&'a RawValue>,
    scope: Option<&'a RawValue>,
    value: Option<&'a RawValue>,
    duration: Option<&'a RawValue>,
    simulated: bool,
    /// The decisions of an alert.
    pub decisions: Option<&'a RawValue>,
    /// A member of whatever name, or an element of one, that is one word which says that the entry is not
    /// bad.
    good: Option<&'a RawValue>,
    asn: bool,
    sblid: bool,
    /// Members that say in which part of the world a network is, or whose it is.
    places: u8,
}

/// What a record says.
pub enum Meaning<'a> {
    /// A network, by the member that is the value, and when it ends.
    Entry(Entry, Option<End>, &'a RawValue),
    /// Nothing to drop, though it is of the format.
    Skipped,
    /// Something about the list itself.
    AboutTheList,
    /// What is wrong, from the beginning of the value that is.
    Rejected(ParseError, &'a RawValue),
    /// It has no member that is read.
    Unknown,
}

impl<'a> Record<'a> {
    /// The name of the member with the network.
    pub fn member(&self) -> Option<&'static str> {
        self.network.map(|(_, index)| NETWORKS[usize::from(index)])
    }

    /// Whether it is a decision of crowdsec.
    pub fn is_decision(&self) -> bool {
        self.network.is_none()
            && self.value.is_some()
            && self.scope.is_some()
            && self.kind.is_some()
    }

    /// Whether it says of itself that it is only simulated.
    pub fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// Whether it is of Spamhaus.
    pub fn is_of_spamhaus(&self) -> bool {
        self.sblid && self.member() == Some("cidr")
    }

    /// Whether it is about an autonomous system and names no network.
    pub fn is_about_an_as(&self) -> bool {
        self.asn && self.network.is_none()
    }

    /// Whether it is one of a table of the whole internet: a network with its country, its continent or
    /// its AS, and nothing that says that it is bad.
    pub fn is_of_the_world(&self) -> bool {
        self.member() == Some("network") && self.places > 1
    }

    /// Whether it is about the list itself.
    pub fn is_about_the_list(&self) -> bool {
        self.network.is_none() && self.kind.is_some_and(|kind| bare(kind) == b"metadata")
    }

    /// What it says, if it is not an alert of crowdsec.
    pub fn meaning(&self, reading: &Reading, now: End) -> Meaning<'a> {
        let Some((network, _)) = self.network else {
            return match self.value {
                Some(value) if self.is_decision() => self.decision(value, reading),
                _ if self.is_about_the_list() => Meaning::AboutTheList,
                _ => Meaning::Unknown,
            };
        };
        if let Some(second) = self.second {
            return Meaning::Rejected(ParseError::at(0, Reason::TwoNetworks), second);
        }
        self.entry(network, reading, now)
    }

    /// The entry of a value, if no other member says that it is not one.
    fn entry(&self, network: &'a RawValue, reading: &Reading, now: End) -> Meaning<'a> {
        let entry = match value::entry(network) {
            Ok(entry) => entry,
            Err(error) => return Meaning::Rejected(error, network),
        };
        if let Some(good) = self.good.filter(|_| reading.purpose == Purpose::Drop) {
            return Meaning::Rejected(ParseError::at(0, Reason::Verdict), good);
        }
        let mut end = None;
        let kind = self.kind.map(|kind| (Field::Kind, kind));
        for (field, value) in self.fields.iter().copied().chain(kind) {
            if is_nested(value) {
                let says_so = |value: &&RawValue| field.denies(bare(value), reading.purpose);
                let is_verdict = matches!(field, Field::Verdict | Field::Kind);
                if let Some(value) = first_string(value, says_so).filter(|_| is_verdict) {
                    return Meaning::Rejected(ParseError::at(0, Reason::Verdict), value);
                }
                continue;
            }
            if field.denies(bare(value), reading.purpose) {
                return Meaning::Rejected(ParseError::at(0, Reason::Verdict), value);
            }
            if field != Field::End {
                continue;
            }
            match fields::end(bare(value)).and_then(|end| fields::future(end, now)) {
                // Of several the first that comes.
                Ok(Some(other)) => end = Some(end.map_or(other, |end: End| end.min(other))),
                Ok(None) => {}
                Err(reason) => return Meaning::Rejected(ParseError::at(0, reason), value),
            }
        }
        Meaning::Entry(entry, end, network)
    }

    /// A ban of an address or a network, until it ends. One that is over is an entry that has ended.
    fn decision(&self, value: &'a RawValue, reading: &Reading) -> Meaning<'a> {
        let is = |value: Option<&RawValue>, words: &[&str]| {
            value.is_some_and(|value| {
                words.iter().any(|word| bare(value).eq_ignore_ascii_case(word.as_bytes()))
            })
        };
        if self.simulated || !is(self.kind, &["ban"]) || !is(self.scope, &["ip", "range"]) {
            return Meaning::Skipped;
        }
        if let Some(good) = self.good.filter(|_| reading.purpose == Purpose::Drop) {
            return Meaning::Rejected(ParseError::at(0, Reason::Verdict), good);
        }
        if let Some(second) = self.second {
            return Meaning::Rejected(ParseError::at(0, Reason::TwoNetworks), second);
        }
        let until = self.fields.iter().find(|(field, _)| *field == Field::End);
        let (end, at) = match (until, self.duration) {
            (Some((_, until)), _) => (fields::end(bare(until)), *until),
            (None, Some(duration)) => {
                let end = end_after(bare(duration), reading.written);
                (end.map(Some).ok_or(Reason::UnreadableEnd), duration)
            }
            (None, None) => (Ok(None), value),
        };
        match (end, value::entry(value)) {
            (Ok(end), Ok(entry)) => Meaning::Entry(entry, end, value),
            (Err(reason), _) => Meaning::Rejected(ParseError::at(0, reason), at),
            (_, Err(error)) => Meaning::Rejected(error, value),
        }
    }

    fn take(&mut self, member: Member, value: &'a RawValue) {
        match member {
            Member::Place => self.places = self.places.saturating_add(1),
            _ if value.get() == "null" => {}
            Member::Network(_) if self.network.is_some() => {
                self.second.get_or_insert(value);
            }
            Member::Network(index) => self.network = Some((value, index)),
            Member::Also => {
                let is_number = value.get().starts_with(|byte: char| byte.is_ascii_digit());
                if is_number || value::entry(value).is_ok() {
                    self.second.get_or_insert(value);
                }
            }
            Member::Field(field) => self.fields.push((field, value)),
            Member::Type => self.kind = Some(value),
            Member::Scope => self.scope = Some(value),
            Member::Value if self.value.is_some() => {
                self.second.get_or_insert(value);
            }
            Member::Value => self.value = Some(value),
            Member::Duration => self.duration = Some(value),
            Member::Simulated => self.simulated |= bare(value) != b"false",
            Member::Decisions => self.decisions = Some(value),
            Member::Asn => self.asn = true,
            Member::Sblid => self.sblid = true,
            Member::Other => self.good = self.good.or_else(|| good_word(value)),
        }
    }
}

/// A value, or an element of it, that is one word which says that the entry beside it is not bad.
fn good_word(value: &RawValue) -> Option<&RawValue> {
    if is_nested(value) {
        first_string(value, |value| fields::is_good_word(bare(value)))
    } else {
        fields::is_good_word(bare(value)).then_some(value)
    }
}

/// The first string of an array of which something is true.
fn first_string(array: &RawValue, is_it: impl FnMut(&&RawValue) -> bool) -> Option<&RawValue> {
    let text = array.get();
    if !text.starts_with('[') || !text.contains('"') {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    elements.into_iter().filter(|element| element.get().starts_with('"')).find(is_it)
}

/// Reads the members of an object.
pub struct RecordSeed<'m, 'a> {
    /// The whole text, in which its place is looked for.
    pub text: &'a [u8],
    /// What is known of members.
    pub members: &'m mut Members,
}

impl<'a> RecordSeed<'_, 'a> {
    /// Reads a text that is one object.
    pub fn read(self, json: &'a [u8]) -> Result<Record<'a>, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let record = self.deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(record)
    }

    /// Reads the members of a map.
    pub fn members<A: MapAccess<'a>>(self, mut map: A) -> Result<Record<'a>, A::Error> {
        let RecordSeed { text, members } = self;
        let mut record = Record::default();
        while let Some((member, at)) = map.next_key_seed(NameSeed { text, members })? {
            record.start = record.start.or(at);
            let value = map.next_value()?;
            record.take(member, value);
        }
        Ok(record)
    }
}

impl<'a> DeserializeSeed<'a> for RecordSeed<'_, 'a> {
    type Value = Record<'a>;

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Record<'a>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for RecordSeed<'_, 'a> {
    type Value = Record<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Record<'a>, A::Error> {
        self.members(map)
    }
}

/// What a member is, and where its name stands. Nothing is kept of the name.
struct NameSeed<'m, 'a> {
    text: &'a [u8],
    members: &'m mut Members,
}

impl<'a> DeserializeSeed<'a> for NameSeed<'_, 'a> {
    type Value = (Member, Option<usize>);

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for NameSeed<'_, 'a> {
    type Value = (Member, Option<usize>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'a str) -> Result<Self::Value, E> {
        Ok((self.members.of(name), Some(offset(self.text, name).saturating_sub(1))))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.members.of(name), None))
    }
}
