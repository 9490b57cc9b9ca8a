//! What `ipset list` shows: of each set a few lines about it, and its members.

use super::element::member;
use super::{Kind, is_mask};
use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;

const NAME: &str = "ipset list";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    line.text == b"Members:" || value(line.text, b"Type: ").is_some_and(|of| Kind::of(of).is_some())
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut set = None;
    while let Some(line) = lines.line() {
        let &Line { number, text, .. } = line;
        if line.is_blank() && !text.trim_ascii().is_empty() {
            // ipset writes no comments, but who keeps its output may.
        } else if let Some(name) = value(text, b"Name: ") {
            set = Some(Set { name, ..Set::default() });
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
    Ok(NAME.into())
}

/// What stands behind a heading.
fn value<'a>(line: &'a [u8], heading: &[u8]) -> Option<&'a [u8]> {
    line.strip_prefix(heading).map(<[u8]>::trim_ascii)
}

/// A set that is shown.
#[derive(Default)]
struct Set<'a> {
    name: &'a [u8],
    /// What its elements are; nothing before its type is read.
    kind: Option<Kind>,
    /// Whether members are expected.
    is_open: bool,
    /// How many more there can be, if the list says so.
    members: Option<u64>,
}

impl Set<'_> {
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
