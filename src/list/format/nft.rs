//! nft scripts: the elements of sets, in blocks of braces that go over as many lines as it takes.
//!
//! What a line means depends on the block that it stands in: the same network is an element of a
//! set here and what a rule accepts there. So blocks are followed, and what stands in one that is
//! not known is rejected, up to the brace that closes it.

use super::super::entry::Entry;
use super::super::grammar::{leading_entry, skip_blanks, trim};
use super::super::parse_error::{ParseError, Reason};
use super::block::{UnknownBlocks, statement};
use super::reader::{Format, Line, Lines, Outcome, Sign, Sink};
use super::text::{quoted_end, word};

const NAME: &str = "nft script";

pub(super) const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    is_statement(line.text)
}

/// Whether a line outside of all blocks is nft's: two words decide, since ipset has some of the
/// first ones too.
pub(super) fn is_statement(line: &[u8]) -> bool {
    let (first, end) = word(line, skip_blanks(line, 0));
    let second = || word(line, skip_blanks(line, end));
    match first {
        b"table" | b"define" | b"redefine" => !second().0.is_empty(),
        b"add" | b"create" | b"delete" | b"destroy" | b"flush" | b"insert" | b"replace" => {
            let (object, end) = second();
            let is_object = matches!(
                object,
                b"table" | b"set" | b"element" | b"chain" | b"rule" | b"map" | b"ruleset"
            );
            // A set of ipset may have such a name, and then a network follows.
            let next = skip_blanks(line, end);
            is_object && (first != b"add" || leading_entry(line, next).is_err())
        }
        _ => false,
    }
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    while let Some(line) = lines.line() {
        if detect(line) {
            read_statement(lines, sink);
        } else {
            lines.reject_other(NAME, sink);
            lines.advance();
        }
    }
    Ok(NAME.into())
}

fn read_statement(lines: &mut Lines<'_>, sink: &mut dyn Sink) {
    let Some(&Line { number: opened, text, raw: opener, .. }) = lines.line() else { return };
    let mut script = Script::default();
    let mut entries = Vec::new();
    if let Err(error) = script.read_line(opened, text, &mut entries, sink) {
        lines.reject(error, sink);
    }
    while script.is_open() {
        let Some((number, raw)) = lines.take() else {
            if !script.unknown.is_open() {
                sink.reject(opened, ParseError::at(0, Reason::Unclosed), opener);
            }
            break;
        };
        let read = trim(raw).and_then(|text| script.read_line(number, text, &mut entries, sink));
        if let Err(error) = read {
            sink.reject(number, error, raw);
            script.follow_rejected(raw);
        }
    }
    lines.advance();
}

/// A block that is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Table,
    Set,
    Elements,
}

/// The blocks that are open.
#[derive(Clone, Copy, Default)]
struct Script {
    /// From the outermost inwards.
    known: [Option<Block>; 3],
    /// Within those, the ones that are not read.
    unknown: UnknownBlocks,
}

impl Script {
    fn is_open(&self) -> bool {
        self.unknown.is_open() || self.known[0].is_some()
    }

    fn depth(&self) -> usize {
        self.known.iter().flatten().count()
    }

    fn innermost(&self) -> Option<Block> {
        self.known.iter().flatten().last().copied()
    }

    fn open(&mut self, block: Block) {
        // The blocks that hold others are two, so there is a place.
        let depth = self.depth();
        if let Some(place) = self.known.get_mut(depth) {
            *place = Some(block);
        }
    }

    fn close(&mut self) {
        if let Some(depth) = self.depth().checked_sub(1) {
            self.known[depth] = None;
        }
    }

    /// Reads a line, with `entries` to keep its elements in meanwhile. Either all of them are passed
    /// on, or the line is rejected and no block is opened or closed.
    fn read_line(
        &mut self,
        number: u64,
        line: &[u8],
        entries: &mut Vec<Entry>,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        entries.clear();
        let mut after = *self;
        after.read(statement(line), entries)?;
        *self = after;
        for &entry in entries.iter() {
            sink.entry(number, entry, None);
        }
        Ok(())
    }

    /// Follows the braces of a rejected line: the blocks that it opens are not read.
    fn follow_rejected(&mut self, line: &[u8]) {
        for _ in 0..self.unknown.follow(line) {
            self.close();
        }
    }

    fn read(&mut self, line: &[u8], entries: &mut Vec<Entry>) -> Result<(), ParseError> {
        let mut at = skip_blanks(line, 0);
        while at < line.len() && line[at] != b'#' {
            if self.unknown.is_open() {
                return Err(ParseError::at(at, Reason::UnknownBlock));
            }
            at = match self.innermost() {
                Some(Block::Elements) if line[at] != b'}' => element(line, at, entries)?,
                _ => self.statement(line, at)?,
            };
            at = skip_blanks(line, at);
        }
        Ok(())
    }

    /// Reads a statement, up to what ends it or opens a block; returns the offset behind that.
    fn statement(&mut self, line: &[u8], at: usize) -> Result<usize, ParseError> {
        let end = statement_end(line, at);
        let words = Words::of(&line[at..end]);
        let closes = line.get(end) == Some(&b'}');
        if line.get(end) == Some(&b'{') {
            let block = self.opened_by(&words).map_err(|reason| ParseError::at(at, reason))?;
            self.open(block);
        } else if !words.is_empty() && !self.is_about_no_network(&words) {
            return Err(ParseError::at(at, Reason::UnknownBlock));
        } else if closes {
            if self.depth() == 0 {
                return Err(ParseError::at(end, Reason::UnknownBlock));
            }
            self.close();
        }
        let next = skip_blanks(line, (end + 1).min(line.len()));
        if closes && self.depth() == 0 && !matches!(line.get(next), None | Some(b'#')) {
            return Err(ParseError::at(next, Reason::TrailingText));
        }
        Ok(if line.get(end) == Some(&b'#') { end } else { next })
    }

    /// The block that a statement in front of a brace opens, if it is one of those that are read.
    fn opened_by(&self, words: &Words<'_>) -> Result<Block, Reason> {
        match (self.innermost(), words.as_slice()) {
            (None, [b"table", name @ ..] | [b"add" | b"create", b"table", name @ ..])
                if is_name(name, 1) =>
            {
                Ok(Block::Table)
            }
            (None, [b"add" | b"create", b"set", name @ ..]) if is_name(name, 2) => Ok(Block::Set),
            (None, [b"add" | b"create", b"element", name @ ..]) if is_name(name, 2) => {
                Ok(Block::Elements)
            }
            (None, [b"delete" | b"destroy", b"element", ..]) => Err(Reason::Exception),
            (None, [b"define" | b"redefine", name, b"="]) if is_name(&[name], 1) => {
                Ok(Block::Elements)
            }
            (Some(Block::Table), [b"set", name]) if is_name(&[name], 1) => Ok(Block::Set),
            (Some(Block::Set), [b"elements", b"="]) => Ok(Block::Elements),
            _ => Err(Reason::UnknownBlock),
        }
    }

    /// Whether a statement says nothing of any network.
    fn is_about_no_network(&self, words: &Words<'_>) -> bool {
        match (self.innermost(), words.as_slice()) {
            (None, [b"add" | b"create", b"table", name @ ..]) => is_name(name, 1),
            (None, [b"flush", b"ruleset"]) => true,
            (None, [b"flush" | b"delete" | b"destroy", b"table", name @ ..]) => is_name(name, 1),
            (None, [b"flush" | b"delete" | b"destroy", b"set", name @ ..]) => is_name(name, 2),
            (Some(Block::Table), [b"comment" | b"flags", ..]) => true,
            (Some(Block::Set), [b"type", b"ipv4_addr" | b"ipv6_addr"]) => true,
            (Some(Block::Set), [b"typeof", b"ip" | b"ip6", b"saddr" | b"daddr"]) => true,
            (Some(Block::Set), [b"flags" | b"size" | b"timeout" | b"gc-interval", _, ..]) => true,
            (Some(Block::Set), [b"policy" | b"comment", _, ..]) => true,
            (Some(Block::Set), [b"auto-merge" | b"counter"]) => true,
            _ => false,
        }
    }
}

/// Reads an element with the comma behind it; returns the offset behind that.
fn element(line: &[u8], at: usize, entries: &mut Vec<Entry>) -> Result<usize, ParseError> {
    let leading = leading_entry(line, at)?;
    let mut end = leading.end;
    loop {
        let start = skip_blanks(line, end);
        match line.get(start) {
            None | Some(b'}' | b'#') => {
                entries.push(leading.entry);
                return Ok(start);
            }
            Some(b',') => {
                entries.push(leading.entry);
                return Ok(start + 1);
            }
            Some(_) if start == end => return Err(ParseError::at(start, Reason::TrailingText)),
            Some(_) => end = option_end(line, start)?,
        }
    }
}

/// The offset behind an option of an element that does not change what it means.
fn option_end(line: &[u8], start: usize) -> Result<usize, ParseError> {
    let (option, end) = bare_word(line, start);
    let value = skip_blanks(line, end);
    match option {
        b"counter" => Ok(end),
        b"timeout" | b"expires" | b"packets" | b"bytes" => {
            let (number, end) = bare_word(line, value);
            if number.first().is_some_and(u8::is_ascii_digit) {
                Ok(end)
            } else {
                Err(ParseError::at(value, Reason::TrailingText))
            }
        }
        b"comment" => quoted_end(line, value),
        _ => Err(ParseError::at(start, Reason::TrailingText)),
    }
}

fn bare_word(line: &[u8], start: usize) -> (&[u8], usize) {
    let length = line[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    (&line[start..start + length], start + length)
}

/// Where a brace, a semicolon or a comment stands, outside of quotes.
fn statement_end(line: &[u8], start: usize) -> usize {
    let mut quoted = false;
    let end = line[start..].iter().position(|byte| {
        quoted ^= *byte == b'"';
        !quoted && matches!(byte, b'{' | b'}' | b';' | b'#')
    });
    end.map_or(line.len(), |length| start + length)
}

/// The words of a statement, as many as decide what it is.
struct Words<'a> {
    words: [&'a [u8]; 6],
    count: usize,
}

impl<'a> Words<'a> {
    fn of(statement: &'a [u8]) -> Self {
        let mut words = Words { words: [b""; 6], count: 0 };
        // `=` needs no blanks around it.
        let mut rest = statement.trim_ascii();
        while !rest.is_empty() {
            let stop = rest.iter().position(|byte| matches!(byte, b' ' | b'\t' | b'='));
            let length = stop.unwrap_or(rest.len()).max(1);
            if let Some(place) = words.words.get_mut(words.count) {
                *place = &rest[..length];
                words.count += 1;
            }
            rest = rest[length..].trim_ascii_start();
        }
        words
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn as_slice(&self) -> &[&'a [u8]] {
        &self.words[..self.count]
    }
}

/// Whether these are `parts` names, perhaps with a family before them.
fn is_name(names: &[&[u8]], parts: usize) -> bool {
    let family = names.len() == parts + 1
        && matches!(names[0], b"ip" | b"ip6" | b"inet" | b"arp" | b"bridge" | b"netdev");
    let names = if family { &names[1..] } else { names };
    names.len() == parts
        && names.iter().all(|name| {
            name.iter().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b'"')
            })
        })
}
