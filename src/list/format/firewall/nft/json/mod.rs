//! What `nft -j list` shows, and scripts for `nft -j -f`: one document, of which the objects are read one
//! after the other.

mod document;
mod element;
mod statement;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use document::{each, member, objects};
use element::{read_element, set_kind};
use statement::{read_pair, read_statement};

use super::names::{Kind, Names};
use super::rule::Rule;
use super::says_good;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;

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
        let number = (error.line() as u64).min(lines.taken()).max(1);
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
