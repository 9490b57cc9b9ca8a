//! One JSON object a line, as Spamhaus has it: each is about one network.

use std::borrow::Cow;

use super::record::{Meaning, Members, NETWORKS, Record, RecordSeed};
use super::unnamed;
use super::value::{offset, parse_error};
use crate::list::end::End;
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::{ParseError, Reason};

pub const NAME: &str = "JSON lines";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

/// The feed of Spamhaus.
const SPAMHAUS: &str = "Spamhaus DROP";

/// The decisions of crowdsec, in whatever form.
pub const CROWDSEC: &str = "crowdsec decisions";

/// ASN-DROP of Spamhaus.
const AS_NUMBERS: Kind = Kind {
    what: "JSON lines of AS numbers, which are no networks",
    cure: "make a list of the networks that they announce with the agent country",
};

/// The tables of IPinfo as JSON.
const WORLD: Kind = Kind {
    what: "JSON lines of the whole internet, each network with its country, continent or AS",
    cure: "get the table as CSV, and select some of it with the agent country",
};

fn detect(line: &Line<'_>) -> bool {
    let text = line.raw.trim_ascii_start();
    text.strip_prefix(b"{")
        .is_some_and(|rest| matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')))
}

/// Whether a text is one object, and one that could stand on a line of such a list.
pub fn is_record(text: &[u8]) -> bool {
    RecordSeed { text, members: &mut Members::default() }.read(text).is_ok_and(|record| {
        record.member().is_some()
            || record.is_decision()
            || record.is_about_the_list()
            || record.is_about_an_as()
    })
}

/// What is known of the list after some of its lines.
#[derive(Default)]
struct Seen {
    /// Which members held a network.
    members: [bool; NETWORKS.len()],
    decisions: bool,
    of_spamhaus: bool,
    of_others: bool,
    /// The first line without a member that is read.
    unknown: Option<u64>,
    about_an_as: bool,
    /// How many are of a table of the whole internet, and the first of them.
    of_the_world: u64,
    world: u64,
    records: u64,
}

impl Seen {
    fn note(&mut self, record: &Record<'_>, line: u64) {
        self.decisions |= record.is_decision();
        self.about_an_as |= record.is_about_an_as();
        self.records += 1;
        if record.is_of_the_world() {
            self.of_the_world += 1;
            self.world = if self.world == 0 { line } else { self.world };
        }
        match record.member() {
            Some(member) => {
                if let Some(index) = NETWORKS.iter().position(|known| *known == member) {
                    self.members[index] = true;
                }
                self.of_spamhaus |= record.is_of_spamhaus();
                self.of_others |= !record.is_of_spamhaus();
            }
            None if !record.is_decision() && !record.is_about_the_list() => {
                self.unknown.get_or_insert(line);
            }
            None => {}
        }
    }

    fn name(&self) -> Cow<'static, str> {
        let members: Vec<&str> = NETWORKS
            .iter()
            .zip(self.members)
            .filter(|(_, is_there)| *is_there)
            .map(|(name, _)| *name)
            .collect();
        match (&members[..], self.decisions) {
            (["cidr"], false) if self.of_spamhaus && !self.of_others => SPAMHAUS.into(),
            ([], true) => CROWDSEC.into(),
            ([], false) => NAME.into(),
            ([member], false) => format!("{NAME}, member {member}").into(),
            _ => format!("{NAME}, members {}", members.join(" and ")).into(),
        }
    }
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let now = End::now();
    let mut members = Members::default();
    let mut seen = Seen::default();
    let mut first_unknown: &[u8] = b"";
    while let Some(line) = lines.line() {
        if detect(line) {
            let (number, raw) = (line.number, line.raw);
            match (RecordSeed { text: raw, members: &mut members }).read(raw) {
                Ok(record) => {
                    seen.note(&record, number);
                    if seen.unknown == Some(number) {
                        first_unknown = from_line(lines.text(), raw);
                    }
                    let at = |value: &serde_json::value::RawValue| offset(raw, value.get());
                    match record.meaning(lines.reading, now) {
                        Meaning::Entry(entry, end, _) => sink.entry(number, entry, end),
                        Meaning::Skipped => sink.event(number, Event::Skipped),
                        Meaning::AboutTheList => {}
                        Meaning::Rejected(error, value) => {
                            sink.reject(number, error.behind(at(value)), raw);
                        }
                        Meaning::Unknown => {
                            sink.reject(number, ParseError::at(0, Reason::NoNetworkInJson), raw);
                        }
                    }
                }
                Err(error) => sink.reject(number, parse_error(&error), raw),
            }
        } else {
            lines.reject_other(NAME, sink);
        }
        lines.advance();
    }
    if seen.of_the_world.saturating_mul(2) > seen.records {
        return Err(NotAList::Kind { kind: &WORLD, line: seen.world });
    }
    match seen.unknown {
        Some(line) if !seen.members.contains(&true) && !seen.decisions => {
            Err(if seen.about_an_as {
                NotAList::Kind { kind: &AS_NUMBERS, line }
            } else {
                unnamed::refusal(first_unknown, unnamed::Form::Lines, line)
            })
        }
        _ => Ok(seen.name()),
    }
}

/// A text from one of its lines on.
fn from_line<'a>(text: &'a [u8], line: &[u8]) -> &'a [u8] {
    let start = (line.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    text.get(start..).unwrap_or_default()
}
