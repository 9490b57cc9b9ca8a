//! What `ipset list` shows: of each set a few lines about it, and its members.

use super::element::member;
use super::{Kind, is_mask};
use crate::list::entry::Entry;
use crate::list::format::not_a_list::{self, NotAList};
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;

const NAME: &str = "ipset list";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    line.text == b"Members:" || value(line.text, b"Type: ").is_some_and(|of| Kind::of(of).is_some())
}

/// What `ipset list -terse` shows, or a listing that is cut off.
static TERSE: not_a_list::Kind = not_a_list::Kind {
    what: "what ipset list shows of a set without its members",
    cure: "get the set with its members: ipset save > FILE",
};

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut set: Option<Set<'_>> = None;
    let mut terse = None;
    let reading = lines.reading;
    let is_terse = |set: &Set<'_>| set.is_terse() && set.is_taken(reading);
    while let Some(&Line { number, text, .. }) = lines.line() {
        if let Some(name) = value(text, b"Name: ") {
            terse = terse.or(set.filter(is_terse).map(|set| set.line));
            set = Some(Set { name, line: number, ..Set::default() });
        } else if let Some(set) = &mut set {
            match set.read(number, text, lines.reading, sink) {
                Some(Ok(())) => {}
                Some(Err(error)) => lines.reject(error, sink),
                None => lines.reject_other(NAME, sink),
            }
        } else {
            lines.reject_other(NAME, sink);
        }
        lines.advance();
    }
    match terse.or(set.filter(is_terse).map(|set| set.line)) {
        Some(line) => Err(NotAList::Kind { kind: &TERSE, line }),
        None => Ok(NAME.into()),
    }
}

/// What stands behind a heading.
fn value<'a>(line: &'a [u8], heading: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(heading).map(<[u8]>::trim_ascii)
}

/// A set that is shown.
#[derive(Default)]
struct Set<'a> {
    name: &'a [u8],
    /// The line of its name.
    line: u64,
    /// What its elements are; nothing before its type is read.
    kind: Option<Kind>,
    /// Whether members are expected.
    is_open: bool,
    /// How many more there can be, if the list says so.
    members: Option<u64>,
    /// Whether members are announced, and whether there is one.
    has_heading: bool,
    has_member: bool,
}

impl Set<'_> {
    /// Whether it is shown without the members that it has.
    fn is_terse(&self) -> bool {
        let is_empty = match self.members {
            Some(count) => count == 0,
            None => self.has_heading,
        };
        self.kind.is_some_and(|kind| kind != Kind::Narrower) && !self.has_member && !is_empty
    }

    /// Whether it is one of those that are chosen, if any are.
    fn is_taken(&self, reading: &Reading) -> bool {
        reading.sets.is_empty() || reading.sets.iter().any(|set| set.as_bytes() == self.name)
    }

    /// Reads a line below the name, if it is one of those that ipset shows.
    fn read(
        &mut self,
        number: u64,
        line: &[u8],
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Option<Result<(), ParseError>> {
        if let Some(of) = value(line, b"Type: ") {
            let Some(kind) = Kind::of(of) else {
                return Some(Err(ParseError::at(b"Type: ".len(), Reason::UnknownBlock)));
            };
            self.kind = Some(kind);
            match kind {
                Kind::Narrower => sink.event(number, Event::Skipped),
                Kind::Addresses | Kind::Masked => sink.event(number, Event::Set(self.name)),
            }
        } else if let Some(options) = value(line, b"Header: ") {
            let mut words = options.split(|&byte| byte == b' ').peekable();
            while let Some(option) = words.next() {
                if self.kind == Some(Kind::Addresses)
                    && is_mask(option, words.peek().copied().unwrap_or_default())
                {
                    self.kind = Some(Kind::Masked);
                }
            }
        } else if let Some(count) = value(line, b"Number of entries: ") {
            self.members = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
        } else if line == b"Members:" {
            self.is_open = true;
            self.has_heading = true;
            // Of a type that was lost. It is a set all the same.
            if self.kind.is_none() {
                sink.event(number, Event::Set(self.name));
            }
        } else if line.trim_ascii().is_empty() {
            self.is_open = false;
        } else if self.is_open {
            return self.member(number, line, reading, sink);
        } else {
            let known: [&[u8]; 3] = [b"Revision: ", b"Size in memory: ", b"References: "];
            return known.iter().any(|heading| line.starts_with(heading)).then_some(Ok(()));
        }
        Some(Ok(()))
    }

    fn member(
        &mut self,
        number: u64,
        line: &[u8],
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Option<Result<(), ParseError>> {
        self.has_member = true;
        if let Some(members) = &mut self.members {
            // A line that was appended is none of the set.
            *members = members.checked_sub(1)?;
        }
        let kind = self.kind?;
        Some(member(line, kind, reading).map(|(entry, is_exception): (Entry, bool)| {
            if is_exception {
                sink.event(number, Event::Exception(entry));
            } else {
                sink.entry(number, entry, None);
            }
        }))
    }
}
