//! What a walk through a document has found so far, and what becomes of it.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::lines::CROWDSEC;
use super::record::{Meaning, Members, Record};
use super::value::{self, Place, offset};
use crate::list::end::End;
use crate::list::format::reader::{Event, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;

/// A document that is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
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

/// What a walk found.
pub struct Found {
    /// The name for reports; nothing if it is no document that is known.
    pub name: Option<Cow<'static, str>>,
    /// Whether it is more than one.
    pub has_several: bool,
}

/// A walk through a document, into a sink.
pub struct Walk<'a, 's> {
    pub text: &'a [u8],
    reading: &'a Reading,
    pub sink: &'s mut dyn Sink,
    pub place: Place<'a>,
    now: End,
    pub members: Members,
    pub shape: Option<Shape>,
    pub has_several: bool,
    /// The members that held a network, of records.
    names: Vec<&'static str>,
    /// Whether a list, or a record with a network, was found.
    pub is_known: bool,
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

    pub fn is_of(&mut self, shape: Shape) {
        self.has_several |= self.shape.is_some_and(|other| other != shape);
        self.shape = Some(shape);
    }

    pub fn part(&mut self, name: &RawValue) {
        let name = serde_json::from_str::<Cow<str>>(name.get()).unwrap_or_default();
        self.sink.event(0, Event::Part(name.as_bytes()));
    }

    /// The line of a part of the text, and the offset in it.
    pub fn place_of(&mut self, part: &str) -> (u64, usize) {
        self.place.of(offset(self.text, part))
    }

    pub fn string(&mut self, value: &'a RawValue) {
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
    pub fn unknown(&mut self, start: usize) {
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

    /// Takes a record, whose network stands under one of `names`. Returns the decisions in it that are
    /// still to be walked through.
    pub fn record(&mut self, record: &Record<'a>, names: &[&str]) -> Option<&'a RawValue> {
        let is_outermost = self.shape == Some(Shape::Records);
        if let Some(decisions) = record.decisions.filter(|_| is_outermost) {
            return self.decisions(decisions, record);
        }
        let is_decision = record.is_decision() && is_outermost;
        let start = record.start.unwrap_or(self.place.before());
        let member = record.member().filter(|member| names.contains(member));
        if member.is_none() && !is_decision {
            self.unknown(start);
            return None;
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
        None
    }

    /// The decisions of an alert of crowdsec.
    fn decisions(&mut self, decisions: &'a RawValue, alert: &Record<'a>) -> Option<&'a RawValue> {
        self.now_known();
        self.has_decisions = true;
        if alert.is_simulated() || !decisions.get().starts_with('[') {
            let (line, _) = self.place_of(decisions.get());
            self.sink.event(line, Event::Skipped);
            return None;
        }
        Some(decisions)
    }
}
