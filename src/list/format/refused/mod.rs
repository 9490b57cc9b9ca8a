//! What is known to be no list, by name: what it is, how it is recognised, and what to do.
//!
//! Some files show it by their first bytes, before any line is looked at. Others are recognised by their
//! lines, as a format is: a file is of a kind if that leaves fewer of its lines unexplained than any
//! format that is read. All kinds of lines are two formats, since a format costs a reading of the whole
//! list: `KNOWN` has lines that no list has, and is preferred to a format that explains as many lines;
//! `LIKELY` has lines that look like much else, and must explain more.
//!
//! Knows nothing of how a list is read, and reads no entry.

mod columns;
mod documents;
mod logs;
mod look;
mod names;
mod network;
mod routes;
mod vendors;
mod world;

use super::not_a_list::{Kind, NotAList};
use super::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;
use look::{Look, Text};

/// A kind of file that is no list.
pub struct Refused {
    /// What it is and what to do, as the message says.
    pub kind: Kind,
    /// How it is recognised, as the manual page says: what it has.
    pub how: &'static str,
    look: fn(&Text<'_>) -> Look,
    /// Whether one line that is an entry shows that it is something else.
    alone: bool,
}

impl Refused {
    const fn new(
        what: &'static str,
        how: &'static str,
        cure: &'static str,
        look: fn(&Text<'_>) -> Look,
    ) -> Self {
        Refused { kind: Kind { what, cure }, how, look, alone: false }
    }

    const fn alone(self) -> Self {
        Refused { alone: true, ..self }
    }
}

/// Kinds whose lines are lines of nothing else. Where two explain equally many lines, the first counts.
static KNOWN_KINDS: [&[Refused]; 7] = [
    world::KINDS,
    logs::KINDS,
    network::KINDS,
    vendors::KINDS,
    routes::KINDS,
    columns::KINDS,
    documents::KINDS,
];

/// Kinds whose lines look like much else.
static LIKELY_KINDS: [&[Refused]; 2] = [columns::LIKELY_KINDS, names::KINDS];

/// What is known by its lines. One line in five must be of the kind, since a name that is wrong misleads.
pub static KNOWN: Format = Format {
    name: "known to be no list",
    sign: Sign::Text(|text| best(&KNOWN_KINDS, 5, text).is_some()),
    read: |lines, sink| {
        read(best(&KNOWN_KINDS, 5, lines.text()), Some(Event::Skipped), lines, sink)
    },
};

/// What is likely by its lines, if it is half of them. To say nothing of them is what makes it count only if
/// no format explains as many.
pub static LIKELY: Format = Format {
    name: "likely no list",
    sign: Sign::Text(|text| best(&LIKELY_KINDS, 2, text).is_some()),
    read: |lines, sink| read(best(&LIKELY_KINDS, 2, lines.text()), None, lines, sink),
};

static DEFINED: Refused = vendors::DEFINITIONS;

/// Definitions of networks: one line may be the only one that is not plain.
pub static DEFINITIONS: Format = Format {
    name: "definitions of networks",
    sign: Sign::Line(|line| (DEFINED.look)(&Text::of(line)) == Look::Sign),
    read: |lines, sink| {
        let mut all = Lines::of(lines.text(), lines.reading);
        while all.line().is_some_and(|line| (DEFINED.look)(&Text::of(line)) != Look::Sign) {
            all.advance();
        }
        let sign = all.line().map_or(0, |line| line.number);
        read(Some((&DEFINED, sign)), Some(Event::Skipped), lines, sink)
    },
};

/// All kinds, in the order of the manual page.
pub fn kinds() -> impl Iterator<Item = (&'static Kind, &'static str)> {
    let by_lines = KNOWN_KINDS.iter().chain(&LIKELY_KINDS).flat_map(|kinds| kinds.iter());
    documents::BY_FIRST_BYTES
        .iter()
        .map(|(kind, how)| (kind, *how))
        .chain(by_lines.map(|refused| (&refused.kind, refused.how)))
}

/// What a file is by its first bytes, if no list begins with them.
pub fn by_first_bytes(text: &[u8]) -> Option<NotAList> {
    documents::by_first_bytes(text).map(|kind| NotAList::Kind { kind, line: 0 })
}

/// How many lines that are not plain are looked at for signs, and how far into the text.
const SAMPLE: (usize, usize) = (200, 1 << 20);

/// The kinds of which the beginning of a text has a sign.
fn candidates(kinds: &'static [&[Refused]], text: &[u8]) -> Vec<&'static Refused> {
    let mut candidates: Vec<&'static Refused> = Vec::new();
    let reading = Reading::default();
    let mut lines = Lines::of(&text[..text.len().min(SAMPLE.1)], &reading);
    let mut looked_at = 0;
    while let Some(line) = lines.line().filter(|_| looked_at < SAMPLE.0) {
        if line.error().is_some() {
            looked_at += 1;
            let text = Text::of(line);
            for refused in kinds.iter().flat_map(|kinds| kinds.iter()) {
                let is_new = !candidates.iter().any(|known| std::ptr::eq(*known, refused));
                if is_new && (refused.look)(&text) == Look::Sign {
                    candidates.push(refused);
                }
            }
        }
        lines.advance();
    }
    candidates
}

/// A kind, and how a text looks to it.
struct Candidate {
    refused: &'static Refused,
    /// The first line that is a sign.
    sign: u64,
    others: u64,
    /// Its place in the table.
    place: usize,
    is_possible: bool,
}

/// The kind that leaves the fewest lines unexplained, if at least one in `share` is of it; and the first line
/// that is a sign of it.
fn best(kinds: &'static [&[Refused]], share: u64, text: &[u8]) -> Option<(&'static Refused, u64)> {
    let place_of = |refused: &'static Refused| {
        let mut all = kinds.iter().flat_map(|kinds| kinds.iter());
        all.position(|other| std::ptr::eq(other, refused)).unwrap_or(usize::MAX)
    };
    let mut found: Vec<Candidate> = candidates(kinds, text)
        .into_iter()
        .map(|refused| Candidate {
            refused,
            sign: 0,
            others: 0,
            place: place_of(refused),
            is_possible: true,
        })
        .collect();
    if found.is_empty() {
        return None;
    }
    let reading = Reading::default();
    let mut lines = Lines::of(text, &reading);
    let mut count = 0;
    while let Some(line) = lines.line() {
        let text = Text::of(line);
        let (is_blank, is_entry) = (line.is_blank(), text.is_entry());
        count += u64::from(!is_blank);
        for candidate in &mut found {
            let look = (candidate.refused.look)(&text);
            candidate.is_possible &= look != Look::Contrary;
            match look {
                _ if is_blank => {}
                Look::Sign if candidate.sign == 0 => candidate.sign = line.number,
                Look::Sign | Look::Part => {}
                Look::Other | Look::Contrary => {
                    candidate.others += 1;
                    candidate.is_possible &= !(is_entry && candidate.refused.alone);
                }
            }
        }
        lines.advance();
    }
    found
        .iter()
        .filter(|candidate| candidate.is_possible)
        .filter(|candidate| (count - candidate.others).saturating_mul(share) >= count)
        .min_by_key(|candidate| (candidate.others, candidate.place))
        .map(|candidate| (candidate.refused, candidate.sign))
}

/// Receives the lines that are of a kind as recognised, and rejects the others.
fn read(
    best: Option<(&'static Refused, u64)>,
    recognised: Option<Event<'static>>,
    lines: &mut Lines<'_>,
    sink: &mut dyn Sink,
) -> Outcome {
    let Some((refused, sign)) = best else {
        lines.take_all();
        lines.advance();
        return Ok(LIKELY.name.into());
    };
    while let Some(line) = lines.line() {
        if !line.is_blank() {
            let look = (refused.look)(&Text::of(line));
            match recognised {
                Some(event) if matches!(look, Look::Sign | Look::Part) => {
                    sink.event(line.number, event);
                }
                None if matches!(look, Look::Sign | Look::Part) => {}
                _ => {
                    let at = skip_blanks(line.text, 0);
                    let error = ParseError::at(at, Reason::NotOfTheFormat(refused.kind.what));
                    sink.reject(line.number, error, line.raw);
                }
            }
        }
        lines.advance();
    }
    Err(NotAList::Kind { kind: &refused.kind, line: sign })
}
