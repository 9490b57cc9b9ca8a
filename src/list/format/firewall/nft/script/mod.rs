//! Where in a script a line stands, and what it says there.
//!
//! What a word means depends on the block that it stands in: the same network is an element of a set here
//! and what a rule accepts there. So blocks are followed. A block that is not known is rejected, up to the
//! brace that closes it.
//!
//! This file goes through the text; `blocks` has what opens and closes, `statements` what stands between.

mod blocks;
mod statements;

use super::element::{element, element_end, elements_end, is_meant_as_address};
use super::names::{Kind, Names};
use super::rule::Rule;
use crate::list::entry::Entry;
use crate::list::format::block::{UnknownBlocks, statement};
use crate::list::format::reader::{Event, Sink};
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

/// How many words of a statement decide what it is.
const WORDS: usize = 12;

/// A block that is open.
enum Block<'a> {
    /// A table of this name.
    Table(&'a [u8]),
    Set(Set<'a>),
    /// A chain of this name.
    Chain(&'a [u8]),
    Elements(Elements<'a>),
    /// An object without addresses, with so many blocks in it.
    Object(u64),
}

/// A set, or a map.
struct Set<'a> {
    name: &'a [u8],
    is_map: bool,
    /// Whether its elements are those of definitions.
    refers: bool,
    kind: Kind,
}

/// The elements of a set or a definition.
struct Elements<'a> {
    name: &'a [u8],
    table: &'a [u8],
    role: Role,
    /// What they are; nothing as long as only references were read.
    kind: Option<Kind>,
    has_entry: bool,
    references: Vec<Reference<'a>>,
    /// Whether a comma may follow.
    is_behind_one: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Added,
    Removed,
    Defined,
}

/// A definition that stands among elements.
#[derive(Clone, Copy)]
struct Reference<'a> {
    name: &'a [u8],
    line: u64,
    at: usize,
    raw: &'a [u8],
}

/// A line that is read.
#[derive(Clone, Copy, Default)]
struct Place<'a> {
    number: u64,
    raw: &'a [u8],
}

/// The state at some place in a script.
#[derive(Default)]
pub struct Script<'a> {
    names: Names<'a>,
    blocks: Vec<Block<'a>>,
    /// Within those, the ones that are not known.
    unknown: UnknownBlocks,
    /// The line that opened the outermost block.
    opener: Place<'a>,
    /// The words of the statement at hand, and where it begins.
    statement: Vec<&'a [u8]>,
    statement_at: usize,
    /// The rule at hand.
    rule: Option<Rule<'a>>,
    here: Place<'a>,
    /// What the line says: entries, and events with the number of entries before them.
    entries: Vec<Entry>,
    events: Vec<(usize, Event<'a>)>,
    error: Option<ParseError>,
    is_skipped: bool,
    /// Whether the line closed a block outside of which nothing may follow.
    is_closed: bool,
    /// The set that the sink was notified of last.
    current: Option<&'a [u8]>,
}

impl<'a> Script<'a> {
    /// Reads the next line. Its entries count only if all of it can be read; what it takes away counts
    /// whatever else stands on it.
    pub fn read(&mut self, number: u64, raw: &'a [u8], reading: &Reading, sink: &mut dyn Sink) {
        self.here = Place { number, raw };
        let text = raw.strip_suffix(b"\r").unwrap_or(raw);
        if let Some(at) = memchr::memchr(0, text) {
            self.fail(at, Reason::Nul);
        }
        let line = statement(text);
        let goes_on = line.len() < text.trim_ascii_end().len();
        let mut at = 0;
        loop {
            at = skip_blanks(line, at);
            if matches!(line.get(at), None | Some(b'#')) {
                self.comment(line, at, reading);
                break;
            }
            if self.unknown.is_open() {
                self.fail(at, Reason::UnknownBlock);
                for _ in 0..self.unknown.follow(&line[at..]) {
                    self.close(at, sink);
                }
                break;
            }
            at = self.token(line, at, reading, sink);
        }
        if !goes_on {
            self.end_statement();
        }
        self.is_closed = false;
        self.pass_on(sink);
    }

    /// A comment behind elements may say that they are not bad.
    fn comment(&mut self, line: &[u8], at: usize, reading: &Reading) {
        if self.entries.is_empty() || reading.purpose == Purpose::Allow {
            return;
        }
        if verdict::comment_denies(&line[at..]) {
            self.fail(at, Reason::Verdict);
        }
    }

    /// Reads what stands at an offset. Returns the one behind it.
    fn token(
        &mut self,
        line: &'a [u8],
        at: usize,
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> usize {
        let byte = line[at];
        if self.is_closed && byte != b';' {
            self.fail(at, Reason::TrailingText);
            // Whatever it opens is not known.
            for _ in 0..self.unknown.follow(&line[at..]) {
                self.close(at, sink);
            }
            return line.len();
        }
        if self.rule.is_some() {
            return self.rule_token(line, at);
        }
        match (self.blocks.last_mut(), byte) {
            (Some(Block::Elements(_)), _) if byte != b'}' => self.element(line, at, reading, sink),
            (Some(Block::Object(depth)), b'{') => {
                *depth = depth.saturating_add(1);
                at + 1
            }
            (Some(Block::Object(depth)), b'}') if *depth > 0 => {
                *depth -= 1;
                at + 1
            }
            (Some(Block::Object(_)), _) if byte != b'}' => elements_end(line, at + 1),
            (_, b'}') => {
                self.end_statement();
                self.close(at, sink);
                at + 1
            }
            (_, b';') => {
                self.end_statement();
                self.is_closed = false;
                at + 1
            }
            (Some(Block::Chain(_)), _) => {
                self.rule = Some(Rule::default());
                at
            }
            (_, b'{') => {
                self.open(at);
                at + 1
            }
            _ => self.word(line, at),
        }
    }

    /// Reads a word of a statement.
    fn word(&mut self, line: &'a [u8], at: usize) -> usize {
        let end = match line[at] {
            b'"' => quotes_end(line, at),
            // It needs no blanks around it.
            b'=' | b',' => at + 1,
            _ => {
                let ends = |byte: &u8| b" \t{};#\"=".contains(byte);
                line[at..].iter().position(ends).map_or(line.len(), |length| at + length)
            }
        };
        if self.statement.is_empty() {
            self.statement_at = at;
        }
        if self.statement.len() < WORDS {
            self.statement.push(&line[at..end]);
        }
        let is_rule =
            matches!(self.statement[..], [b"add" | b"insert" | b"create" | b"replace", b"rule"]);
        if is_rule && self.blocks.is_empty() {
            self.statement.clear();
            self.rule = Some(Rule::default());
        }
        end
    }

    fn rule_token(&mut self, line: &'a [u8], at: usize) -> usize {
        let Some(rule) = &mut self.rule else { return at };
        match line[at] {
            b'{' => rule.open(),
            b'}' if rule.depth == 0 => {
                self.end_rule();
                return at;
            }
            b'}' => {
                rule.close();
                if rule.is_closed() {
                    self.end_rule();
                }
            }
            b';' if rule.depth == 0 => self.end_rule(),
            b',' => rule.end_element(),
            b';' => {}
            b'"' => return quotes_end(line, at),
            byte => {
                let is_sign = |byte: u8| b"!=<>".contains(&byte);
                let ends =
                    |other: &u8| b" \t{};,#\"".contains(other) || is_sign(*other) != is_sign(byte);
                let end = line[at..].iter().position(ends).map_or(line.len(), |end| at + end);
                rule.word(&line[at..end]);
                return end;
            }
        }
        at + 1
    }

    fn end_rule(&mut self) {
        if let Some(rule) = self.rule.take() {
            let chain = match self.blocks.last() {
                Some(Block::Chain(name)) => Some(*name),
                _ => None,
            };
            self.names.rule(chain, rule, self.here.number);
            self.is_skipped = true;
        }
    }

    /// Reads an element, or a comma.
    fn element(
        &mut self,
        line: &'a [u8],
        at: usize,
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> usize {
        let here = self.here;
        let Some(Block::Elements(elements)) = self.blocks.last_mut() else { return at };
        match elements.kind {
            Some(Kind::Other) if line[at] != b'{' => {
                self.is_skipped = true;
                return elements_end(line, at);
            }
            Some(Kind::Narrower) if line[at] != b'{' => {
                self.fail(at, Reason::Narrower);
                return elements_end(line, at);
            }
            _ => {}
        }
        match line[at] {
            b',' if std::mem::take(&mut elements.is_behind_one) => return at + 1,
            b'{' => {
                self.fail(at, Reason::UnknownBlock);
                self.unknown.open();
                return at + 1;
            }
            b'$' if !elements.has_entry => {
                let end = element_end(line, at);
                let name = line[at + 1..end].trim_ascii_end();
                elements.references.push(Reference { name, line: here.number, at, raw: here.raw });
                elements.is_behind_one = true;
                return end;
            }
            _ => {}
        }
        elements.is_behind_one = true;
        let (entry, end) = match element(line, at, reading) {
            Ok(read) => read,
            Err(_) if elements.kind.is_none() && !is_meant_as_address(line, at) => {
                elements.kind = Some(Kind::Other);
                self.is_skipped = true;
                return elements_end(line, at);
            }
            Err(error) => {
                self.error.get_or_insert(error);
                // A byte further at least: it may begin with a comma.
                return element_end(line, at + usize::from(line[at] == b','));
            }
        };
        elements.kind = Some(Kind::Addresses);
        elements.has_entry = true;
        let (name, table, role) = (elements.name, elements.table, elements.role);
        for reference in std::mem::take(&mut elements.references) {
            self.reject(reference, sink);
        }
        if role == Role::Added {
            self.names.declare(table, name);
        }
        self.enter(name);
        match role {
            Role::Added | Role::Defined => self.entries.push(entry),
            Role::Removed => self.event(Event::Removed(entry)),
        }
        end
    }

    fn enter(&mut self, set: &'a [u8]) {
        if self.current != Some(set) {
            self.current = Some(set);
            self.event(Event::Set(set));
        }
    }

    fn event(&mut self, event: Event<'a>) {
        self.events.push((self.entries.len(), event));
    }

    /// Notes what is wrong with the line; what is wrong first counts.
    fn fail(&mut self, at: usize, reason: Reason) {
        self.error.get_or_insert(ParseError::at(at, reason));
    }

    /// Rejects a reference, on whatever line it stands.
    fn reject(&mut self, reference: Reference<'a>, sink: &mut dyn Sink) {
        let Reference { line, at, raw, .. } = reference;
        if line == self.here.number {
            self.fail(at, Reason::NotAnAddress);
        } else {
            sink.reject(line, ParseError::at(at, Reason::NotAnAddress), raw);
        }
    }

    /// Passes on what the line says.
    fn pass_on(&mut self, sink: &mut dyn Sink) {
        let Place { number, raw } = self.here;
        let error = self.error.take();
        if error.is_some() {
            self.entries.clear();
        }
        let is_empty = self.entries.is_empty() && self.events.is_empty();
        let mut entries = self.entries.drain(..);
        let mut passed = 0;
        for (before, event) in self.events.drain(..) {
            for entry in entries.by_ref().take(before - passed) {
                sink.entry(number, entry, None);
            }
            passed = before;
            sink.event(number, event);
        }
        entries.for_each(|entry| sink.entry(number, entry, None));
        if let Some(error) = error {
            sink.reject(number, error, raw);
        } else if is_empty && self.is_skipped {
            sink.event(number, Event::Skipped);
        }
        self.is_skipped = false;
    }

    /// Ends the script: what is open was cut off.
    pub fn end(mut self, sink: &mut dyn Sink) {
        self.end_statement();
        self.pass_on(sink);
        let is_open = !self.blocks.is_empty() || self.rule.is_some();
        if is_open && !self.unknown.is_open() {
            let Place { number, raw } = self.opener;
            sink.reject(number, ParseError::at(0, Reason::Unclosed), raw);
        }
        self.names.end(sink);
    }
}

/// The offset behind a text in quotes.
fn quotes_end(line: &[u8], at: usize) -> usize {
    memchr::memchr(b'"', &line[at + 1..]).map_or(line.len(), |length| at + length + 2)
}

/// The name of the set that is open.
fn set_name<'a>(blocks: &[Block<'a>]) -> &'a [u8] {
    match blocks.last() {
        Some(Block::Set(set)) => set.name,
        _ => b"",
    }
}
