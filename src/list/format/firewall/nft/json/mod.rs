//! What `nft -j list` shows, and scripts for `nft -j -f`: one document, of which the objects are read one
//! after the other.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::names::{Kind, Names};
use super::rule::Rule;
use super::says_good;
use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

const NAME: &str = "nft JSON";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Document(is_document), read };

fn is_document(text: &[u8]) -> bool {
    let Some((b'{', inner)) = text.trim_ascii_start().split_first() else { return false };
    inner.trim_ascii_start().starts_with(b"\"nftables\"")
}

/// Reads the document. Where it has an error as a whole, that is the one rejection, and there are no
/// entries.
fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let (text, reading) = (lines.text(), lines.reading);
    lines.take_all();
    lines.advance();
    if let Err(error) = objects(text, &mut |_| {}) {
        // What is missing at the end is missing on the last line.
        let number = (error.line() as u64).clamp(1, lines.taken());
        let line = text.split(|&byte| byte == b'\n').nth(number as usize - 1);
        let reason = if error.is_data() { Reason::NoNetworkInJson } else { Reason::NotJson };
        let error = ParseError::at(error.column().saturating_sub(1), reason);
        sink.reject(number, error, line.unwrap_or_default());
        return Ok(NAME.into());
    }
    let mut ruleset = Ruleset {
        names: Names::default(),
        current: None,
        place: Place { text, line: 1, start: 0, before: 0 },
        reading,
        sink,
    };
    // It was read to its end a moment ago.
    let _ = objects(text, &mut |object| ruleset.read(object));
    let Ruleset { names, sink, .. } = ruleset;
    names.end(sink);
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
    /// The line of a value and the offset in it. A value before the last one is taken for that.
    fn of(&mut self, value: &RawValue) -> (u64, usize) {
        let at = (value.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let between = self.text.get(self.before..at).unwrap_or_default();
        if let Some(last) = memchr::memrchr(b'\n', between) {
            self.line += memchr::memchr_iter(b'\n', between).count() as u64;
            self.start = self.before + last + 1;
        }
        self.before = self.before.max(at);
        (self.line, at.saturating_sub(self.start))
    }
}

/// The objects that are read so far.
struct Ruleset<'a, 's> {
    names: Names<'a>,
    /// The set that the sink was notified of last.
    current: Option<&'a [u8]>,
    place: Place<'a>,
    reading: &'s Reading,
    sink: &'s mut dyn Sink,
}

/// What is done with an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Delete,
    Flush,
}

/// A set, a map, or elements of a set.
#[derive(Deserialize)]
struct Set<'a> {
    name: &'a str,
    table: Option<&'a str>,
    #[serde(borrow, rename = "type")]
    of: Option<&'a RawValue>,
    #[serde(borrow)]
    elem: Option<&'a RawValue>,
    comment: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Deserialize)]
struct RuleObject<'a> {
    chain: &'a str,
    #[serde(borrow, default)]
    expr: Vec<&'a RawValue>,
}

impl<'a> Ruleset<'a, '_> {
    fn read(&mut self, object: &'a RawValue) {
        let (line, at) = self.place.of(object);
        let read = match member(object) {
            Some(("add" | "create" | "insert" | "replace", of)) => self.act(line, Verb::Add, of),
            Some(("delete" | "destroy", of)) => self.act(line, Verb::Delete, of),
            Some(("flush", of)) => self.act(line, Verb::Flush, of),
            Some(_) => self.act(line, Verb::Add, object),
            None => None,
        };
        if read.is_none() {
            let error = ParseError::at(at, Reason::UnknownBlock);
            self.sink.reject(line, error, object.get().as_bytes());
        }
    }

    /// Reads an object, or what is done with it. Returns nothing if it is not known.
    fn act(&mut self, line: u64, verb: Verb, object: &'a RawValue) -> Option<()> {
        let (kind, value) = member(object)?;
        match (verb, kind) {
            (_, "metainfo" | "table") if verb == Verb::Add => {}
            (Verb::Delete, "table") => {
                let table: Named = serde_json::from_str(value.get()).ok()?;
                self.destroy_table(line, Some(table.name.as_bytes()));
            }
            (Verb::Flush, "ruleset") => self.destroy_table(line, None),
            (Verb::Flush, "table" | "chain" | "map") => {}
            (Verb::Flush | Verb::Delete, "set") => {
                let set = serde_json::from_str::<Named>(value.get()).ok()?.name.as_bytes();
                if verb == Verb::Flush && self.names.is_declared(set) {
                    self.enter(line, set);
                    self.sink.event(line, Event::Flushed);
                } else if verb == Verb::Delete && self.names.destroy(set) {
                    self.destroy(line, set);
                }
            }
            (Verb::Add | Verb::Delete, "set" | "element") => {
                let set: Set = serde_json::from_str(value.get()).ok()?;
                self.set(line, verb, &set, kind == "element");
            }
            (Verb::Add, "map") => {
                let map: Set = serde_json::from_str(value.get()).ok()?;
                self.names.set_kind(map.name.as_bytes(), Kind::Narrower);
                let mut rule = Rule::map();
                if let Some(elem) = map.elem {
                    each(elem, &mut |pair| read_pair(pair, &mut rule)).ok()?;
                }
                rule.close();
                self.names.rule(None, rule, line);
                self.sink.event(line, Event::Skipped);
            }
            (Verb::Add, "rule") => {
                let object: RuleObject = serde_json::from_str(value.get()).ok()?;
                let mut rule = Rule::default();
                object.expr.into_iter().for_each(|statement| read_statement(statement, &mut rule));
                self.names.rule(Some(object.chain.as_bytes()), rule, line);
                self.sink.event(line, Event::Skipped);
            }
            (
                _,
                "chain" | "rule" | "map" | "flowtable" | "counter" | "quota" | "limit" | "secmark",
            )
            | (_, "synproxy" | "tunnel" | "ct helper" | "ct timeout" | "ct expectation") => {
                self.sink.event(line, Event::Skipped);
            }
            _ => return None,
        }
        Some(())
    }

    fn set(&mut self, line: u64, verb: Verb, set: &Set<'a>, is_element: bool) {
        let name = set.name.as_bytes();
        let kind = match set.of {
            Some(of) => set_kind(of),
            None => self.names.kind(name),
        };
        self.names.set_kind(name, kind);
        if kind == Kind::Addresses && verb == Verb::Add {
            self.names.declare(set.table.unwrap_or_default().as_bytes(), name);
            self.enter(line, name);
            if set.comment.as_ref().is_some_and(|comment| says_good(comment.as_bytes())) {
                self.names.accept(name, line);
            }
        }
        let Some(elem) = set.elem.filter(|_| kind != Kind::Other) else {
            if kind == Kind::Other && !is_element {
                self.sink.event(line, Event::Skipped);
            }
            return;
        };
        let mut read = |element: &'a RawValue| {
            let (line, at) = self.place.of(element);
            let read = match kind {
                Kind::Narrower => Err(Reason::Narrower),
                _ => read_element(element, self.reading),
            };
            match read {
                Ok(entry) => {
                    self.enter(line, name);
                    match verb {
                        Verb::Add => self.sink.entry(line, entry, None),
                        _ => self.sink.event(line, Event::Removed(entry)),
                    }
                }
                Err(reason) => {
                    self.sink.reject(line, ParseError::at(at, reason), element.get().as_bytes());
                }
            }
        };
        if elem.get().starts_with('[') {
            // It is well-formed, as the document is.
            let _ = each(elem, &mut read);
        } else {
            read(elem);
        }
    }

    fn destroy_table(&mut self, line: u64, table: Option<&[u8]>) {
        for set in self.names.destroy_table(table) {
            self.destroy(line, set);
        }
    }

    fn destroy(&mut self, line: u64, set: &'a [u8]) {
        self.enter(line, set);
        self.sink.event(line, Event::Destroyed);
        self.current = None;
    }

    fn enter(&mut self, line: u64, set: &'a [u8]) {
        if self.current != Some(set) {
            self.current = Some(set);
            self.sink.event(line, Event::Set(set));
        }
    }
}

/// What the elements of a set are, by its type.
fn set_kind(of: &RawValue) -> Kind {
    let text = of.get();
    if let Ok(name) = serde_json::from_str::<&str>(text) {
        return Kind::of_type(&[name.as_bytes()]);
    }
    if let Ok(names) = serde_json::from_str::<Vec<&str>>(text) {
        let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
        return Kind::of_type(&names);
    }
    match member(of) {
        Some(("typeof", expression)) => match payload(expression) {
            Some((protocol, field)) => {
                Kind::of_expression(&[protocol.as_bytes(), field.as_bytes()])
            }
            None => Kind::Narrower,
        },
        _ => Kind::Narrower,
    }
}

/// The protocol and the field of a header that an expression names.
fn payload(expression: &RawValue) -> Option<(&str, &str)> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        protocol: &'a str,
        field: &'a str,
    }
    let ("payload", payload) = member(expression)? else { return None };
    let payload: Payload = serde_json::from_str(payload.get()).ok()?;
    Some((payload.protocol, payload.field))
}

/// Reads an element of a set, with what nft has about it.
fn read_element(element: &RawValue, reading: &Reading) -> Result<Entry, Reason> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Elem<'a> {
        #[serde(borrow)]
        val: &'a RawValue,
        comment: Option<Cow<'a, str>>,
        #[serde(rename = "timeout")]
        _timeout: Option<IgnoredAny>,
        #[serde(rename = "expires")]
        _expires: Option<IgnoredAny>,
        #[serde(rename = "counter")]
        _counter: Option<IgnoredAny>,
        #[serde(rename = "last")]
        _last: Option<IgnoredAny>,
    }
    let Some(("elem", inner)) = member(element) else { return read_value(element) };
    let elem: Elem = serde_json::from_str(inner.get()).map_err(|_| Reason::UnknownBlock)?;
    let denies = |comment: &Cow<'_, str>| verdict::comment_denies(comment.as_bytes());
    if reading.purpose == Purpose::Drop && elem.comment.as_ref().is_some_and(denies) {
        return Err(Reason::Verdict);
    }
    read_value(elem.val)
}

/// Reads an address, a network or a range.
fn read_value(value: &RawValue) -> Result<Entry, Reason> {
    #[derive(Deserialize)]
    struct Prefix<'a> {
        addr: &'a str,
        len: u8,
    }
    if let Ok(text) = serde_json::from_str::<&str>(value.get()) {
        return whole(text);
    }
    match member(value) {
        Some(("prefix", prefix)) => {
            let prefix: Prefix =
                serde_json::from_str(prefix.get()).map_err(|_| Reason::NotAnAddress)?;
            whole(&format!("{}/{}", prefix.addr, prefix.len))
        }
        Some(("range", range)) => {
            let [first, last]: [&str; 2] =
                serde_json::from_str(range.get()).map_err(|_| Reason::NotAnAddress)?;
            whole(&format!("{first}-{last}"))
        }
        Some(("concat", _)) => Err(Reason::Narrower),
        _ => Err(Reason::NotAnAddress),
    }
}

fn whole(text: &str) -> Result<Entry, Reason> {
    let leading = leading_entry(text.as_bytes(), 0).map_err(|error| error.reason)?;
    if leading.end < text.len() { Err(Reason::TrailingText) } else { Ok(leading.entry) }
}

/// Reads a statement of a rule.
fn read_statement<'a>(statement: &'a RawValue, rule: &mut Rule<'a>) {
    #[derive(Deserialize)]
    struct Match<'a> {
        #[serde(default)]
        op: &'a str,
        #[serde(borrow)]
        left: &'a RawValue,
        #[serde(borrow)]
        right: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Vmap<'a> {
        #[serde(borrow)]
        key: &'a RawValue,
        #[serde(borrow)]
        data: &'a RawValue,
    }
    match member(statement) {
        Some(("match", value)) => {
            if let Ok(Match { op, left, right }) = serde_json::from_str(value.get()) {
                read_left(left, rule);
                if op == "!=" {
                    rule.word(b"!=");
                }
                match member(right) {
                    Some(("set", elements)) => {
                        rule.open();
                        let _ = each(elements, &mut |element| {
                            read_operand(element, rule);
                            rule.end_element();
                        });
                        rule.close();
                    }
                    _ => read_operand(right, rule),
                }
            }
        }
        Some(("vmap", value)) => {
            if let Ok(Vmap { key, data }) = serde_json::from_str(value.get()) {
                read_left(key, rule);
                if let Some(("set", pairs)) = member(data) {
                    rule.open();
                    let _ = each(pairs, &mut |pair| read_pair(pair, rule));
                    rule.close();
                }
            }
        }
        _ => read_verdict(statement, rule),
    }
}

/// Reads what a condition is about.
fn read_left<'a>(left: &'a RawValue, rule: &mut Rule<'a>) {
    if let Some((protocol, field)) = payload(left) {
        rule.word(protocol.as_bytes());
        rule.word(field.as_bytes());
    }
}

/// Reads what a condition compares with.
fn read_operand<'a>(operand: &'a RawValue, rule: &mut Rule<'a>) {
    match serde_json::from_str::<&str>(operand.get()) {
        Ok(name) if name.starts_with(['@', '$']) => rule.word(name.as_bytes()),
        _ => match read_element(operand, &Reading::default()) {
            Ok(entry) => rule.address(entry),
            Err(_) => rule.word(b""),
        },
    }
}

/// Reads an element of a map.
fn read_pair<'a>(pair: &'a RawValue, rule: &mut Rule<'a>) {
    if let Ok([key, verdict]) = serde_json::from_str::<[&RawValue; 2]>(pair.get()) {
        read_operand(key, rule);
        read_verdict(verdict, rule);
    }
    rule.end_element();
}

fn read_verdict<'a>(verdict: &'a RawValue, rule: &mut Rule<'a>) {
    #[derive(Deserialize)]
    struct Jump<'a> {
        target: &'a str,
    }
    match member(verdict) {
        Some((word @ ("accept" | "return" | "drop" | "reject"), _)) => rule.word(word.as_bytes()),
        Some((word @ ("jump" | "goto"), value)) => {
            if let Ok(Jump { target }) = serde_json::from_str(value.get()) {
                rule.word(word.as_bytes());
                rule.word(target.as_bytes());
            }
        }
        _ => {}
    }
}

/// Calls `take` with each object of a document.
fn objects<'a>(
    text: &'a [u8],
    take: &mut dyn FnMut(&'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    Objects(take).deserialize(&mut json)?;
    json.end()
}

/// Calls `take` with each element of an array.
fn each<'a>(
    array: &'a RawValue,
    take: &mut dyn FnMut(&'a RawValue),
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(array.get());
    Elements(take).deserialize(&mut json)
}

/// The name and the value of the one member of an object.
fn member(object: &RawValue) -> Option<(&str, &RawValue)> {
    struct Member<'a>(PhantomData<&'a ()>);
    impl<'de: 'a, 'a> Visitor<'de> for Member<'a> {
        type Value = (&'a str, &'a RawValue);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with one member")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let member = map.next_entry()?.ok_or_else(|| A::Error::custom("no member"))?;
            match map.next_key::<IgnoredAny>()? {
                None => Ok(member),
                Some(_) => Err(A::Error::custom("two members")),
            }
        }
    }
    if !object.get().starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Member(PhantomData)).ok()
}

struct Objects<'f, 'a>(&'f mut dyn FnMut(&'a RawValue));

impl<'de> DeserializeSeed<'de> for Objects<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document of nft")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_read = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != "nftables" {
                map.next_value::<IgnoredAny>()?;
            } else if std::mem::replace(&mut is_read, true) {
                return Err(A::Error::custom("two lists of objects"));
            } else {
                map.next_value_seed(Elements(self.0))?;
            }
        }
        Ok(())
    }
}

struct Elements<'f, 'a>(&'f mut dyn FnMut(&'a RawValue));

impl<'de> DeserializeSeed<'de> for Elements<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
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
