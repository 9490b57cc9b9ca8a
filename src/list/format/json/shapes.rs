//! The documents that are read: where in them networks stand, by the names of members.
//!
//! A walk goes once through the document, into the members that are named here and past all others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::lines::CROWDSEC;
use super::record::{Meaning, Members, Record, RecordSeed};
use super::value::{self, Place, offset};
use crate::list::end::End;
use crate::list::format::reader::{Event, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;

/// A document that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    /// An array of strings.
    Strings,
    /// An array of records.
    Records,
    /// AWS, and Google with those who have the same: arrays of records.
    Prefixes,
    Azure,
    GitHub,
    Cloudflare,
    Fastly,
    Oracle,
    AbuseIpDb,
    /// A warning list of MISP, and whatever has its list in such a member.
    List,
    /// What `netfilterd print` writes.
    Printed,
}

/// A place in a document at which something that is known may stand.
#[derive(Clone, Copy)]
enum Node {
    Document,
    /// An array whose strings are entries.
    Strings,
    /// An array of records, whose network stands under one of these names.
    Records(&'static [&'static str]),
    /// The tags of Azure, one of them, and what is in it.
    Tags,
    Tag,
    TagProperties,
    /// The regions of Oracle, and one of them.
    Regions,
    Region,
    /// The answer of Cloudflare.
    CloudflareResult,
}

/// The outermost members that are known: whose they are, and what stands in them.
const MEMBERS: [(&str, Shape, Node); 10] = [
    ("prefixes", Shape::Prefixes, Node::Records(&PREFIXES)),
    ("ipv6_prefixes", Shape::Prefixes, Node::Records(&PREFIXES)),
    ("values", Shape::Azure, Node::Tags),
    ("result", Shape::Cloudflare, Node::CloudflareResult),
    ("addresses", Shape::Fastly, Node::Strings),
    ("ipv6_addresses", Shape::Fastly, Node::Strings),
    ("regions", Shape::Oracle, Node::Regions),
    ("data", Shape::AbuseIpDb, Node::Records(&["ipAddress"])),
    ("list", Shape::List, Node::Strings),
    ("v4", Shape::Printed, Node::Strings),
];

/// The other half of the last one, which has both.
const PRINTED_V6: (&str, Shape, Node) = ("v6", Shape::Printed, Node::Strings);

const PREFIXES: [&str; 4] = ["ip_prefix", "ipv6_prefix", "ipv4Prefix", "ipv6Prefix"];

/// The member with which GitHub's document begins, and no other.
const OF_GITHUB: &str = "verifiable_password_authentication";

/// What a walk found.
pub struct Found {
    /// The name for reports; nothing if it is no document that is known.
    pub name: Option<Cow<'static, str>>,
    /// Whether it is more than one.
    pub has_several: bool,
}

/// A walk through a document, into a sink.
pub struct Walk<'a, 's> {
    text: &'a [u8],
    reading: &'a Reading,
    sink: &'s mut dyn Sink,
    place: Place<'a>,
    now: End,
    members: Members,
    shape: Option<Shape>,
    has_several: bool,
    /// The members that held a network, of records.
    names: Vec<&'static str>,
    /// Whether a list, or a record with a network, was found.
    is_known: bool,
    has_decisions: bool,
    /// Where records stand that have no member that is read, before one was found that has.
    unknown: Vec<usize>,
}

/// How many such records are kept. If there are more, the others are rejected at once.
const KEPT: usize = 4096;

impl<'a, 's> Walk<'a, 's> {
    /// A walk that has not begun.
    pub fn new(text: &'a [u8], reading: &'a Reading, sink: &'s mut dyn Sink) -> Self {
        Walk {
            text,
            reading,
            sink,
            place: Place::new(text, 1),
            now: End::now(),
            members: Members::default(),
            shape: None,
            has_several: false,
            names: Vec::new(),
            is_known: false,
            has_decisions: false,
            unknown: Vec::new(),
        }
    }

    /// Walks through the document.
    pub fn document<D: Deserializer<'a>>(&mut self, json: D) -> Result<(), D::Error> {
        NodeSeed { walk: self, node: Node::Document }.deserialize(json)
    }

    /// What was found.
    pub fn found(self) -> Found {
        let name = self.shape.filter(|_| self.is_known).map(|shape| self.name(shape));
        Found { name, has_several: self.has_several }
    }

    fn name(&self, shape: Shape) -> Cow<'static, str> {
        let members = |names: &[&str]| match names {
            [] => "JSON document".to_string(),
            [name] => format!("JSON document, member {name}"),
            names => format!("JSON document, members {}", names.join(" and ")),
        };
        match shape {
            Shape::Strings => "JSON array of strings".into(),
            Shape::Prefixes if self.names.iter().all(|name| name.contains('_')) => {
                "AWS ip-ranges".into()
            }
            Shape::Records if self.has_decisions && self.names.is_empty() => CROWDSEC.into(),
            Shape::Records | Shape::Prefixes => members(&self.names).into(),
            Shape::Azure => "Azure service tags".into(),
            Shape::GitHub => "GitHub meta".into(),
            Shape::Cloudflare => "Cloudflare IP ranges".into(),
            Shape::Fastly => "Fastly IP ranges".into(),
            Shape::Oracle => "Oracle Cloud IP ranges".into(),
            Shape::AbuseIpDb => "AbuseIPDB blacklist".into(),
            Shape::List => members(&["list"]).into(),
            Shape::Printed => "netfilterd print --format json".into(),
        }
    }

    fn is_of(&mut self, shape: Shape) {
        self.has_several |= self.shape.is_some_and(|other| other != shape);
        self.shape = Some(shape);
    }

    fn part(&mut self, name: &RawValue) {
        let name = serde_json::from_str::<Cow<str>>(name.get()).unwrap_or_default();
        self.sink.event(0, Event::Part(name.as_bytes()));
    }

    /// The line of a part of the text, and the offset in it.
    fn place_of(&mut self, part: &str) -> (u64, usize) {
        self.place.of(offset(self.text, part))
    }

    fn string(&mut self, value: &'a RawValue) {
        self.is_known = true;
        let (line, at) = self.place_of(value.get());
        match value::entry(value) {
            Ok(entry) => self.sink.entry(line, entry, None),
            Err(error) => self.sink.reject(line, error.behind(at), value.get().as_bytes()),
        }
    }

    /// Rejects what stands at a place, for having no member that is read.
    fn reject_unknown(&mut self, start: usize) {
        let (line, at) = self.place.of(start);
        let text = &self.text[start..];
        let text = &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())];
        self.sink.reject(line, ParseError::at(at, Reason::NoNetworkInJson), text);
    }

    /// Something without a member that is read. If all are such, the document as a whole is refused.
    fn unknown(&mut self, start: usize) {
        if self.is_known || self.unknown.len() >= KEPT {
            self.reject_unknown(start);
        } else {
            self.unknown.push(start);
        }
    }

    fn now_known(&mut self) {
        self.is_known = true;
        for start in std::mem::take(&mut self.unknown) {
            self.reject_unknown(start);
        }
    }

    fn record(&mut self, record: &Record<'a>, names: &[&str]) {
        let is_outermost = self.shape == Some(Shape::Records);
        if let Some(decisions) = record.decisions.filter(|_| is_outermost) {
            return self.decisions(decisions, record);
        }
        let is_decision = record.is_decision() && is_outermost;
        let start = record.start.unwrap_or(self.place.before());
        let member = record.member().filter(|member| names.contains(member));
        if member.is_none() && !is_decision {
            return self.unknown(start);
        }
        self.now_known();
        self.has_decisions |= is_decision;
        if let Some(member) = member.filter(|member| !self.names.contains(member)) {
            self.names.push(member);
        }
        match record.meaning(self.reading, self.now) {
            Meaning::Entry(entry, end, value) => {
                let (line, _) = self.place_of(value.get());
                self.sink.entry(line, entry, end);
            }
            Meaning::Rejected(error, value) => {
                let (line, at) = self.place_of(value.get());
                self.sink.reject(line, error.behind(at), value.get().as_bytes());
            }
            Meaning::Skipped | Meaning::AboutTheList | Meaning::Unknown => {
                let (line, _) = self.place.of(start);
                self.sink.event(line, Event::Skipped);
            }
        }
    }

    /// The decisions of an alert of crowdsec.
    fn decisions(&mut self, decisions: &'a RawValue, alert: &Record<'a>) {
        self.now_known();
        self.has_decisions = true;
        if alert.is_simulated() || !decisions.get().starts_with('[') {
            let (line, _) = self.place_of(decisions.get());
            return self.sink.event(line, Event::Skipped);
        }
        let mut json = serde_json::Deserializer::from_str(decisions.get());
        // It was read to its end as a value a moment ago.
        let _ = NodeSeed { walk: self, node: Node::Records(&[]) }.deserialize(&mut json);
    }
}

/// Walks through the value at a node. A value of another kind than is expected there is passed.
struct NodeSeed<'w, 'a, 's> {
    walk: &'w mut Walk<'a, 's>,
    node: Node,
}

impl<'a> DeserializeSeed<'a> for NodeSeed<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'a> Visitor<'a> for NodeSeed<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<(), A::Error> {
        let NodeSeed { walk, node } = self;
        match node {
            Node::Document => first_decides(walk, seq),
            Node::Strings => {
                walk.is_known = true;
                while let Some(value) = seq.next_element()? {
                    walk.string(value);
                }
                Ok(())
            }
            Node::Records(names) => {
                // One without records may be of any document.
                while seq.next_element_seed(ElementSeed { walk, names })?.is_some() {}
                Ok(())
            }
            Node::Tags => each(walk, Node::Tag, seq),
            Node::Regions => each(walk, Node::Region, seq),
            _ => pass(seq),
        }
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        let NodeSeed { walk, node } = self;
        match node {
            Node::Document => outermost(walk, map),
            Node::Tag => tag(walk, map),
            _ => {
                while let Some(name) = map.next_key::<Cow<'a, str>>()? {
                    match inner(node, &name) {
                        Some(node) => map.next_value_seed(NodeSeed { walk, node })?,
                        None => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(())
            }
        }
    }
}

/// What a member within a document is.
fn inner(node: Node, name: &str) -> Option<Node> {
    match (node, name) {
        (Node::TagProperties, "addressPrefixes")
        | (Node::CloudflareResult, "ipv4_cidrs" | "ipv6_cidrs" | "jdcloud_cidrs") => {
            Some(Node::Strings)
        }
        (Node::Region, "cidrs") => Some(Node::Records(&["cidr"])),
        _ => None,
    }
}

/// The members of a document that is an object.
fn outermost<'a, A: MapAccess<'a>>(walk: &mut Walk<'a, '_>, mut map: A) -> Result<(), A::Error> {
    let mut seen = [false; MEMBERS.len() + 1];
    let (mut is_first, mut is_of_github) = (true, false);
    while let Some(name) = map.next_key::<Cow<'a, str>>()? {
        is_of_github |= is_first && name == OF_GITHUB;
        is_first = false;
        if is_of_github {
            map.next_value_seed(GitHubSeed { walk, name: &name })?;
            continue;
        }
        let mut known = MEMBERS.iter().chain([&PRINTED_V6]).enumerate();
        match known.find(|(_, (known, ..))| *known == name) {
            Some((index, (_, shape, node))) => {
                let before = (walk.shape, walk.is_known, walk.has_several);
                walk.is_known = false;
                walk.is_of(*shape);
                map.next_value_seed(NodeSeed { walk, node: *node })?;
                if walk.is_known {
                    walk.has_several |= std::mem::replace(&mut seen[index], true);
                } else {
                    // A member of this name in some other document.
                    (walk.shape, walk.is_known, walk.has_several) = before;
                }
            }
            None => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    Ok(())
}

/// The elements of a document that is an array. The first one says what they are.
fn first_decides<'a, A: SeqAccess<'a>>(
    walk: &mut Walk<'a, '_>,
    mut seq: A,
) -> Result<(), A::Error> {
    let begin = walk.text.trim_ascii_start().get(1..).unwrap_or_default();
    if begin.trim_ascii_start().starts_with(b"{") {
        walk.is_of(Shape::Records);
        let names = &super::record::NETWORKS;
        while seq.next_element_seed(ElementSeed { walk, names })?.is_some() {}
        return Ok(());
    }
    walk.is_of(Shape::Strings);
    walk.is_known = true;
    while let Some(value) = seq.next_element()? {
        walk.string(value);
    }
    Ok(())
}

fn each<'a, A: SeqAccess<'a>>(
    walk: &mut Walk<'a, '_>,
    node: Node,
    mut seq: A,
) -> Result<(), A::Error> {
    while seq.next_element_seed(NodeSeed { walk, node })?.is_some() {}
    Ok(())
}

fn pass<'a, A: SeqAccess<'a>>(mut seq: A) -> Result<(), A::Error> {
    while seq.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A tag of Azure, whose name may stand behind its networks.
fn tag<'a, A: MapAccess<'a>>(walk: &mut Walk<'a, '_>, mut map: A) -> Result<(), A::Error> {
    let (mut name, mut properties) = (None, None);
    while let Some(member) = map.next_key::<Cow<'a, str>>()? {
        match &*member {
            "name" => name = Some(map.next_value::<&RawValue>()?),
            "properties" => properties = Some(map.next_value::<&RawValue>()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    let (Some(name), Some(properties)) = (name, properties) else { return Ok(()) };
    walk.part(name);
    let mut json = serde_json::Deserializer::from_str(properties.get());
    // It was read to its end as a value a moment ago.
    let _ = NodeSeed { walk, node: Node::TagProperties }.deserialize(&mut json);
    Ok(())
}

/// An element of an array of records.
struct ElementSeed<'w, 'a, 's> {
    walk: &'w mut Walk<'a, 's>,
    names: &'w [&'static str],
}

impl<'a> DeserializeSeed<'a> for ElementSeed<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl ElementSeed<'_, '_, '_> {
    /// What is no record stands behind the one before.
    fn reject(self) {
        let before = self.walk.place.before();
        self.walk.unknown(before);
    }
}

impl<'a> Visitor<'a> for ElementSeed<'_, 'a, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.reject();
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.reject();
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.reject();
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.reject();
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.reject();
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.reject();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, seq: A) -> Result<(), A::Error> {
        self.reject();
        pass(seq)
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<(), A::Error> {
        let ElementSeed { walk, names } = self;
        let seed = RecordSeed { text: walk.text, members: &mut walk.members };
        let record = seed.members(map)?;
        walk.record(&record, names);
        Ok(())
    }
}

/// A member of GitHub's document: a list of networks, which has the name of the member, or something else.
struct GitHubSeed<'w, 'a, 's> {
    walk: &'w mut Walk<'a, 's>,
    name: &'w str,
}

impl<'a> DeserializeSeed<'a> for GitHubSeed<'_, 'a, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        let value: &'a RawValue = serde::Deserialize::deserialize(json)?;
        let GitHubSeed { walk, name } = self;
        walk.is_of(Shape::GitHub);
        let Ok(values) = serde_json::from_str::<Vec<&'a RawValue>>(value.get()) else {
            return Ok(());
        };
        if values.first().is_none_or(|first| value::entry(first).is_err()) {
            let (line, _) = walk.place_of(value.get());
            walk.sink.event(line, Event::Skipped);
            return Ok(());
        }
        walk.sink.event(0, Event::Part(name.as_bytes()));
        values.into_iter().for_each(|value| walk.string(value));
        Ok(())
    }
}
