//! The documents that are read: where in them networks stand, by the names of members.
//!
//! A walk goes once through the document, into the members that are named here and past all others.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::record::RecordSeed;
use super::value;
use super::walk::{Shape, Walk};
use crate::list::format::reader::Event;

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

/// Walks through a document.
pub fn walk<'a, D: Deserializer<'a>>(walk: &mut Walk<'a, '_>, json: D) -> Result<(), D::Error> {
    NodeSeed { walk, node: Node::Document }.deserialize(json)
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
        if let Some(decisions) = walk.record(&record, names) {
            let mut json = serde_json::Deserializer::from_str(decisions.get());
            // It was read to its end as a value a moment ago.
            let _ = NodeSeed { walk, node: Node::Records(&[]) }.deserialize(&mut json);
        }
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
