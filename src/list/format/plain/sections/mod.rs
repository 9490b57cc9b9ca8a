//! Lists with headings: `[blocked]`, `Deny:`, keys of YAML, and variables of a script or configuration
//! that hold addresses. Each name is a set.
//!
//! `heading` knows the lines that give a name; this file knows to which entries. A line of a few words
//! that says that something is to pass is a heading, too, also as a comment, since what stands below it
//! must not be dropped.

mod heading;

use super::{Shape, begins_as_json, said, send, value};
use crate::list::entry::Entry;
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::grammar::{Found, is_end, read_line, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;
use crate::list::verdict;
use heading::Heading;

pub const NAME: &str = "sections";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Heading(is_sign), read };

static SCRIPT: Kind = Kind {
    what: "a script or configuration, in which variables hold addresses",
    cure: "write the addresses that are to be dropped to a list, one a line",
};

static CONFIGURATION: Kind = Kind {
    what: "a configuration in YAML, in which addresses stand among other values",
    cure: "write the addresses that are to be dropped to a list, one a line",
};

/// How deep the keys of a list may be in one another.
const DEEPEST: usize = 8;

fn is_sign(line: &Line<'_>) -> bool {
    if line.is_blank() {
        return is_allowing_comment(line.text);
    }
    if line.found.is_ok() {
        return false;
    }
    let text = text_of(line);
    item(text).is_some_and(|at| value(text, at).is_ok())
        || heading::parse(text).is_some()
        || heading::words(text, false).is_some_and(|(_, allows)| allows)
}

/// Whether a comment is a heading that says that the entries below are to pass.
pub fn is_allowing_comment(line: &[u8]) -> bool {
    !line.is_empty() && verdict::heading_allows(line, 3)
}

/// The text of a line. A variable may have more than other lines.
fn text_of<'a>(line: &Line<'a>) -> &'a [u8] {
    match line.found {
        Err(ParseError { reason: Reason::TooLong, .. }) => {
            line.raw.strip_suffix(b"\r").unwrap_or(line.raw)
        }
        _ => line.text,
    }
}

/// Where the value of an item begins, as in YAML and Markdown.
fn item(text: &[u8]) -> Option<usize> {
    let start = skip_blanks(text, 0);
    let dash = matches!(text.get(start), Some(b'-' | b'*'))
        && matches!(text.get(start + 1), Some(b' ' | b'\t'));
    dash.then(|| skip_blanks(text, start + 1))
}

/// Where a reading stands.
#[derive(Default)]
struct Place {
    /// The section at 0, and the keys that are open, with one more than their indentations.
    path: Vec<(usize, Vec<u8>)>,
    /// Whether no entry was read since the name was changed.
    is_new: bool,
    /// Whether words alone are headings: somewhere in the list they say that something is to pass.
    by_words: bool,
    /// What closes the values of a variable.
    close: Option<u8>,
    /// The first line that is a variable with addresses, and the first that is neither that nor of a list.
    variable: u64,
    other: u64,
    /// The first line with an entry under many keys, none of which says that it is to be dropped.
    deep: u64,
    /// The first line with an entry under any such key, and the first with a value under or beside one.
    keyed: u64,
    value: u64,
    has_headings: bool,
    purpose: Purpose,
}

impl Place {
    fn name(&self) -> Vec<u8> {
        let names: Vec<&[u8]> = self.path.iter().map(|(_, name)| &name[..]).collect();
        names.join(&b'.')
    }

    /// What follows has another name. One that says that it is to pass counts even if no entry follows.
    fn enter(&mut self, line: u64, sink: &mut dyn Sink) {
        self.has_headings = true;
        self.is_new = true;
        let name = self.name();
        if self.purpose == Purpose::Drop && verdict::name_allows(&name) {
            self.send(line, &name, sink);
        }
    }

    fn send(&mut self, line: u64, name: &[u8], sink: &mut dyn Sink) {
        let event = if name.is_empty() { Event::Outside } else { Event::Set(name) };
        sink.event(line, event);
        self.is_new = false;
    }

    /// Before an entry.
    fn name_entry(&mut self, line: u64, sink: &mut dyn Sink) {
        if !self.is_new {
            return;
        }
        let name = self.name();
        self.send(line, &name, sink);
        let says_drop = self.path.iter().any(|(_, name)| verdict::heading_drops(name, 6));
        if says_drop {
            return;
        }
        if self.path.len() > 2 && self.deep == 0 {
            self.deep = line;
        }
        // A section is at 0. `key: [value]` is read as a variable.
        if self.keyed == 0 && self.path.last().is_some_and(|(of_key, _)| *of_key > 0) {
            self.keyed = line;
        }
    }

    /// Leaves the keys that are indented more than a line, or as much.
    fn leave(&mut self, indent: usize) {
        let kept = self.path.iter().take_while(|(of_key, _)| *of_key < indent).count();
        if kept < self.path.len() {
            self.path.truncate(kept);
            self.is_new = true;
        }
    }
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    if begins_as_json(lines.text()) {
        // A document, perhaps cut off, in which strings have names, too.
        return lines.read_all(NAME, sink, |_| None);
    }
    let purpose = lines.reading.purpose;
    let by_words = purpose == Purpose::Drop && has_allowing_words(lines);
    let mut place = Place { purpose, by_words, ..Place::default() };
    while let Some(line) = lines.line() {
        let (number, text) = (line.number, text_of(line));
        match place.close {
            Some(close) => {
                let at = skip_blanks(text, 0);
                read_values(lines, &mut place, at, close, sink);
            }
            None if line.is_blank() => {
                if let Some((name, _)) = heading::words(text, true).filter(|_| by_words) {
                    place.path = vec![(0, name.to_vec())];
                    place.enter(number, sink);
                }
            }
            None => read_outside(lines, &mut place, sink),
        }
        lines.advance();
    }
    match place {
        Place { variable: 1.., other: line @ 1.., .. } => {
            Err(NotAList::Kind { kind: &SCRIPT, line })
        }
        Place { deep: line @ 1.., .. } | Place { keyed: 1.., value: line @ 1.., .. } => {
            Err(NotAList::Kind { kind: &CONFIGURATION, line })
        }
        Place { has_headings: false, .. } => Ok("YAML list".into()),
        _ => Ok(NAME.into()),
    }
}

/// Whether words alone, in a comment or not, say somewhere that what follows is to pass.
fn has_allowing_words(lines: &Lines<'_>) -> bool {
    let all = &mut Lines::of(lines.text(), lines.reading);
    while let Some(line) = all.line() {
        let allows = match line.found {
            Ok(Found::Nothing) => is_allowing_comment(line.text),
            Ok(_) => false,
            Err(_) => heading::words(line.text, false).is_some_and(|(_, allows)| allows),
        };
        if allows {
            return true;
        }
        all.advance();
    }
    false
}

/// Reads a line that is in no variable.
fn read_outside(lines: &mut Lines<'_>, place: &mut Place, sink: &mut dyn Sink) {
    let Some(line) = lines.line() else { return };
    let (number, text) = (line.number, text_of(line));
    if place.value == 0 && heading::is_value(text) {
        place.value = number;
    }
    if let Some(at) = item(text) {
        place.leave(skip_blanks(text, 0) + 2);
        let rest = &text[at..];
        let line = Line { number, raw: rest, text: rest, found: read_line(rest) };
        match said(&line, lines.reading) {
            Some(Ok(shape @ (Shape::Entry(..) | Shape::Exception(_)))) => {
                place.name_entry(number, sink);
                send(number, shape, sink);
                return;
            }
            Some(Err(error)) => return lines.reject(error.behind(at), sink),
            _ => {
                if let Some(error) = line.error() {
                    return lines.reject(error.behind(at), sink);
                }
            }
        }
    }
    match said(line, lines.reading) {
        Some(Ok(shape)) => {
            place.name_entry(number, sink);
            return send(number, shape, sink);
        }
        Some(Err(error)) => return lines.reject(error, sink),
        None => {}
    }
    if line.found.is_ok() {
        return lines.reject_unknown(sink);
    }
    match heading::parse(text) {
        Some(Heading::Section(name)) => {
            place.path = vec![(0, name.to_vec())];
            place.enter(number, sink);
        }
        Some(Heading::Key(indent, name)) => {
            place.leave(indent + 1);
            if place.path.len() >= DEEPEST {
                return lines.reject_other(NAME, sink);
            }
            place.path.push((indent + 1, name.to_vec()));
            place.enter(number, sink);
        }
        Some(Heading::Values { name, at, close }) => {
            // Of the keys around it only a section counts.
            place.path.truncate(1);
            place.path.push((usize::MAX, name.to_vec()));
            place.enter(number, sink);
            read_values(lines, place, at, close, sink);
            if place.close.is_none() {
                place.path.pop();
                place.is_new = true;
            }
        }
        None if text.trim_ascii() == b"---" => sink.event(number, Event::Skipped),
        None => reject_words(lines, place, sink),
    }
}

/// Rejects a line that is neither an entry nor a heading. If its words say that something is to pass, it
/// gives its name to what follows.
fn reject_words(lines: &mut Lines<'_>, place: &mut Place, sink: &mut dyn Sink) {
    let Some(line) = lines.line() else { return };
    let (number, text) = (line.number, line.text);
    let is_statement = memchr::memchr3(b'=', b'$', b';', text).is_some();
    if is_statement && place.other == 0 {
        place.other = number;
    }
    let words = heading::words(text, false).filter(|_| place.by_words);
    if let Some((name, _)) = words {
        place.path = vec![(0, name.to_vec())];
        place.enter(number, sink);
    }
    lines.reject_unknown(sink);
}

/// Reads the values of a variable that stand on a line from `at` on, up to what closes them.
fn read_values(
    lines: &mut Lines<'_>,
    place: &mut Place,
    at: usize,
    close: u8,
    sink: &mut dyn Sink,
) {
    let Some(line) = lines.line() else { return };
    let (number, text) = (line.number, text_of(line));
    let is_first = place.close.is_none();
    match values(text, at, close) {
        // One value in quotes may be anything: a gateway, a server.
        Ok((entries, true))
            if is_first
                && matches!(close, b'"' | b'\'')
                && entries.len() == 1
                && !verdict::heading_drops(&place.name(), 6) =>
        {
            lines.reject_other(NAME, sink);
        }
        Ok((entries, closed)) => {
            if !entries.is_empty() && place.variable == 0 {
                place.variable = number;
            }
            for entry in entries {
                place.name_entry(number, sink);
                sink.entry(number, entry, None);
            }
            place.close = (!closed).then_some(close);
        }
        Err(error) => {
            let closes = memchr::memchr(close, &text[at.min(text.len())..]).is_some();
            // A variable of a script that has no addresses.
            if is_first && closes && place.other == 0 {
                place.other = number;
            }
            place.close = (!closes).then_some(close);
            sink.reject(number, error, line.raw);
        }
    }
    if !is_first && place.close.is_none() {
        place.path.pop();
        place.is_new = true;
    }
}

/// The values on a line from `at` on, and whether they are closed there.
fn values(text: &[u8], mut at: usize, close: u8) -> Result<(Vec<Entry>, bool), ParseError> {
    let mut entries = Vec::new();
    loop {
        at = skip_blanks(text, at);
        if text.get(at) == Some(&close) {
            let rest = skip_blanks(text, at + 1);
            let behind = text[rest..].iter().take_while(|byte| b");, \t".contains(byte)).count();
            if !is_end(text, rest + behind) {
                return Err(ParseError::at(rest, Reason::TrailingText));
            }
            return Ok((entries, true));
        }
        if is_end(text, at) || text[at..] == b"\\"[..] {
            return Ok((entries, false));
        }
        let (entry, end) = value(text, at)?;
        entries.push(entry);
        let next = skip_blanks(text, end);
        let divided = next > end || matches!(text.get(next), None | Some(b','));
        if !divided && text.get(next) != Some(&close) {
            return Err(ParseError::at(next, Reason::TrailingText));
        }
        at = if text.get(next) == Some(&b',') { next + 1 } else { next };
    }
}
