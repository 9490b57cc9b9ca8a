//! Sets in XML: what `ipset list -o xml` shows, and the files of firewalld.
//!
//! The document is read event by event, and nothing is kept of it. No entity is known but the five of
//! XML itself, so none can grow.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};

use super::ipset::{Kind, is_mask};
use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{MAX_LINE, ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

const NAME: &str = "ipset XML";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Document(is_document), read };

/// How many elements may be open at a time. Real documents have five.
const DEEPEST: usize = 16;

/// Whether the first element is that of a set, or of several.
fn is_document(text: &[u8]) -> bool {
    let mut rest = text.trim_ascii_start();
    while rest.starts_with(b"<?") || rest.starts_with(b"<!--") {
        let end: &[u8] = if rest.starts_with(b"<?") { b"?>" } else { b"-->" };
        let Some(at) = memchr::memmem::find(rest, end) else { return false };
        rest = rest[at + end.len()..].trim_ascii_start();
    }
    let Some(rest) = rest.strip_prefix(b"<ipset") else { return false };
    let rest = rest.strip_prefix(b"s").unwrap_or(rest);
    matches!(rest.first(), Some(b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/'))
}

/// Reads the document. Where it has an error as a whole, that is the one rejection, and there are no
/// entries.
fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let (text, reading) = (lines.text(), lines.reading);
    lines.take_all();
    lines.advance();
    if let Err((at, reason)) = walk(text, &mut |_, _| {}) {
        // What is missing at the end is missing on the last line.
        let at = at.min(text.strip_suffix(b"\n").unwrap_or(text).len());
        let (line, start) = Place::default().of(text, at);
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |end| start + end);
        sink.reject(line, ParseError::at(at - start, reason), &text[start..end]);
        return Ok(NAME.into());
    }
    let mut sets = Sets { text, reading, place: Place::default(), set: Set::default(), sink };
    // It was read to its end a moment ago.
    let _ = walk(text, &mut |at, node| sets.read(at, node));
    Ok(NAME.into())
}

/// A line, counted on from the one before.
struct Place {
    line: u64,
    start: usize,
    /// Up to where lines were counted. Nothing is counted twice, however long the line is.
    before: usize,
}

impl Default for Place {
    fn default() -> Self {
        Place { line: 1, start: 0, before: 0 }
    }
}

impl Place {
    /// The line of an offset, and the offset of that line. Offsets come in their order.
    fn of(&mut self, text: &[u8], at: usize) -> (u64, usize) {
        let between = text.get(self.before..at).unwrap_or_default();
        if let Some(last) = memchr::memrchr(b'\n', between) {
            self.line += memchr::memchr_iter(b'\n', between).count() as u64;
            self.start = self.before + last + 1;
        }
        self.before = self.before.max(at);
        (self.line, self.start)
    }
}

/// A place in the tree.
enum Node<'n> {
    /// An element begins.
    Open(&'n BytesStart<'n>),
    /// An element ends, with the text in it.
    Close(&'n [u8], &'n str),
}

/// Calls `take` with what stands in a document and its offset. Returns where it is no document to read.
fn walk(text: &[u8], take: &mut dyn FnMut(usize, Node<'_>)) -> Result<(), (usize, Reason)> {
    let mut reader = Reader::from_reader(text);
    // The text of the innermost element, if it has no other in it, and where it begins.
    let (mut inner, mut inner_at) = (String::new(), 0);
    let (mut depth, mut is_over) = (0, false);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(text.len()).min(text.len());
        let fail = |reason| (at, reason);
        let not_xml = (at, Reason::NotXml);
        match reader.read_event().map_err(|_| not_xml)? {
            Xml::Start(start) if !is_over && depth < DEEPEST => {
                depth += 1;
                inner.clear();
                inner_at = usize::try_from(reader.buffer_position()).unwrap_or(at);
                take(at, Node::Open(&start));
            }
            Xml::Empty(start) if !is_over && depth < DEEPEST => {
                inner.clear();
                take(at, Node::Open(&start));
                take(at, Node::Close(start.name().as_ref(), ""));
                is_over = depth == 0;
            }
            Xml::End(end) => {
                take(inner_at, Node::Close(end.name().as_ref(), &inner));
                inner.clear();
                depth -= 1;
                is_over = depth == 0;
            }
            Xml::Text(part) => {
                let part = std::str::from_utf8(&part).map_err(|_| not_xml)?;
                if depth == 0 && !part.trim().is_empty() {
                    return Err(not_xml);
                }
                inner.push_str(part);
            }
            Xml::CData(part) => {
                inner.push_str(std::str::from_utf8(&part).map_err(|_| not_xml)?);
            }
            Xml::GeneralRef(name) => {
                let name = std::str::from_utf8(&name).map_err(|_| not_xml)?;
                let known = quick_xml::escape::unescape(&format!("&{name};"))
                    .map(|known| known.into_owned())
                    .map_err(|_| not_xml)?;
                inner.push_str(&known);
            }
            Xml::Comment(_) | Xml::PI(_) | Xml::Decl(_) => {}
            Xml::Eof if is_over => return Ok(()),
            _ => return Err(not_xml),
        }
        if inner.len() > MAX_LINE {
            return Err(fail(Reason::TooLong));
        }
    }
}

/// What is known of the set at hand.
#[derive(Default)]
struct Set {
    name: Vec<u8>,
    kind: Option<Kind>,
    /// Whether it is firewalld's.
    is_entries: bool,
    is_member: bool,
    member: Member,
}

/// A member, as far as it was read.
#[derive(Default)]
struct Member {
    element: String,
    at: usize,
    is_nomatch: bool,
    comment: String,
}

/// The sets of a document.
struct Sets<'a, 's> {
    text: &'a [u8],
    reading: &'s Reading,
    place: Place,
    set: Set,
    sink: &'s mut dyn Sink,
}

impl Sets<'_, '_> {
    fn read(&mut self, at: usize, node: Node<'_>) {
        let set = &mut self.set;
        match node {
            Node::Open(start) => match start.name().as_ref() {
                b"ipset" => {
                    let of = attribute(start, b"type");
                    *set = Set {
                        name: attribute(start, b"name").unwrap_or_default().into_bytes(),
                        kind: of.as_ref().map(|of| kind(of)),
                        is_entries: of.is_some(),
                        ..Set::default()
                    };
                }
                b"member" => (set.is_member, set.member) = (true, Member::default()),
                b"option" if set.is_entries => {
                    let name = attribute(start, b"name").unwrap_or_default();
                    self.option(name.as_bytes(), attribute(start, b"value").unwrap_or_default());
                }
                _ => {}
            },
            Node::Close(name, inner) => match name {
                b"type" if !set.is_entries && !set.is_member => {
                    set.kind = Some(kind(inner.trim()));
                    let event = match set.kind {
                        Some(Kind::Narrower) => Event::Skipped,
                        _ => Event::Set(&set.name),
                    };
                    let (line, _) = self.place.of(self.text, at);
                    self.sink.event(line, event);
                }
                // A file of firewalld is the one set, by its own name.
                b"short" if set.is_entries => {
                    let (line, _) = self.place.of(self.text, at);
                    self.sink.event(line, Event::Set(inner.trim().as_bytes()));
                }
                b"netmask" | b"bitmask" if !set.is_member => self.option(name, inner.into()),
                b"entry" if set.is_entries => {
                    set.member = Member { element: inner.into(), at, ..Member::default() };
                    self.member();
                }
                b"elem" if set.is_member => {
                    (set.member.element, set.member.at) = (inner.into(), at)
                }
                b"nomatch" if set.is_member => set.member.is_nomatch = true,
                b"comment" if set.is_member => set.member.comment = inner.into(),
                b"member" => {
                    set.is_member = false;
                    self.member();
                }
                _ => {}
            },
        }
    }

    fn option(&mut self, name: &[u8], value: String) {
        if self.set.kind != Some(Kind::Narrower) && is_mask(name, value.trim().as_bytes()) {
            self.set.kind = Some(Kind::Masked);
        }
    }

    fn member(&mut self) {
        let Member { element, at, is_nomatch, comment } = std::mem::take(&mut self.set.member);
        let (line, start) = self.place.of(self.text, at);
        match self.entry(&element, &comment) {
            Ok(entry) if is_nomatch => self.sink.event(line, Event::Exception(entry)),
            Ok(entry) => self.sink.entry(line, entry, None),
            Err(reason) => {
                let error = ParseError::at(at.saturating_sub(start), reason);
                self.sink.reject(line, error, element.as_bytes());
            }
        }
    }

    fn entry(&self, element: &str, comment: &str) -> Result<Entry, Reason> {
        if let Some(reason) = self.set.kind.unwrap_or(Kind::Narrower).refusal() {
            return Err(reason);
        }
        let comment = comment.trim().trim_matches('"');
        if self.reading.purpose == Purpose::Drop && verdict::comment_denies(comment.as_bytes()) {
            return Err(Reason::Verdict);
        }
        let element = element.trim().as_bytes();
        let leading = leading_entry(element, 0).map_err(|error| error.reason)?;
        match element.get(leading.end) {
            None => Ok(leading.entry),
            Some(b',') => Err(Reason::Narrower),
            Some(_) => Err(Reason::TrailingText),
        }
    }
}

/// The kind of a type; one that is not known has no addresses.
fn kind(of: &str) -> Kind {
    Kind::of(of.as_bytes()).unwrap_or(Kind::Narrower)
}

/// The value of an attribute, if it can be read.
fn attribute(start: &BytesStart<'_>, name: &[u8]) -> Option<String> {
    let attribute = start.try_get_attribute(name).ok()??;
    let value = std::str::from_utf8(&attribute.value).ok()?;
    quick_xml::escape::unescape(value).ok().map(|value| value.into_owned())
}
