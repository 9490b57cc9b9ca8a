//! `deny NETWORK;` and `allow NETWORK;`, as nginx has them, outside of all blocks; and `geo` blocks, which
//! give networks a value.
//!
//! What stands in another block counts in one place only and is not read.

use crate::list::entry::Entry;
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::{Form, leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "nginx";

static DEFAULT: Kind = Kind {
    what: "a geo block of nginx whose default is not 0, so that it names what is not bad",
    cure: "write the networks to drop one a line",
};

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

fn is_of_the_format(line: &[u8]) -> bool {
    let (first, end) = word(line, skip_blanks(line, 0));
    matches!(first, b"deny" | b"allow") && memchr::memchr(b';', &line[end..]).is_some()
        || geo(line).is_some()
}

/// What a statement says.
#[derive(Debug)]
enum Statement<'a> {
    Entry(Entry),
    Exception(Entry),
    Removed(Entry),
    /// A `geo` block begins, for the variable of this name.
    Geo(&'a [u8]),
    /// The block ends.
    End,
    /// Networks that no line names have a value other than 0.
    Default,
    Nothing,
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut blocks = Blocks::default();
    let mut statements = Vec::new();
    let mut opened = None;
    while let Some(line) = lines.line() {
        let &Line { number, raw, text, .. } = line;
        if line.is_blank() {
            lines.advance();
            continue;
        }
        if text.is_empty() {
            lines.reject_other(NAME, sink);
            lines.advance();
            continue;
        }
        let was_in_geo = blocks.is_in_geo;
        match blocks.parse(text, &mut statements) {
            Ok(()) => {
                for statement in statements.drain(..) {
                    blocks.send(number, statement, lines, sink);
                }
                if blocks.is_in_geo && !was_in_geo {
                    opened = Some((number, raw));
                }
            }
            Err(error) => {
                blocks.is_in_geo = was_in_geo;
                match error.reason {
                    Reason::NotOfTheFormat(_) => lines.reject_other(NAME, sink),
                    _ => lines.reject(error, sink),
                }
            }
        }
        lines.advance();
    }
    if let (true, Some((number, raw))) = (blocks.is_in_geo, opened) {
        sink.reject(number, ParseError::at(0, Reason::Unclosed), raw);
    }
    match blocks.default {
        Some(line) => Err(NotAList::Kind { kind: &DEFAULT, line }),
        None => Ok(NAME.into()),
    }
}

/// The variable of a `geo` block that a line opens, and the offset behind the brace.
fn geo(line: &[u8]) -> Option<(&[u8], usize)> {
    let start = skip_blanks(line, 0);
    let (b"geo", end) = word(line, start) else { return None };
    let brace = memchr::memchr(b'{', line)?;
    let mut words = line[end..brace].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (first, second) = (words.next()?, words.next());
    let name = second.unwrap_or(first).strip_prefix(b"$")?;
    let is_of_client =
        second.is_none() || matches!(first, b"$remote_addr" | b"$realip_remote_addr");
    let is_name = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let is_whole = words.next().is_none() && is_of_client && is_name && !name.is_empty();
    is_whole.then_some((name, brace + 1))
}

/// The block that is open, and what was read of others.
#[derive(Default)]
struct Blocks {
    is_in_geo: bool,
    /// Whether the block at hand is one that is taken.
    is_chosen: bool,
    /// The line that gives networks that are not named a value.
    default: Option<u64>,
}

impl Blocks {
    /// Reads all statements of a line.
    fn parse<'a>(
        &mut self,
        line: &'a [u8],
        statements: &mut Vec<Statement<'a>>,
    ) -> Result<(), ParseError> {
        statements.clear();
        let mut at = skip_blanks(line, 0);
        while at < line.len() && line[at] != b'#' {
            let (statement, end) = if self.is_in_geo {
                in_geo(line, at)?
            } else if let (true, Some((name, end))) = (statements.is_empty(), geo(line)) {
                (Statement::Geo(name), end)
            } else {
                access(line, at)?
            };
            match statement {
                Statement::Geo(_) => self.is_in_geo = true,
                Statement::End => self.is_in_geo = false,
                _ => {}
            }
            statements.push(statement);
            at = skip_blanks(line, end);
        }
        Ok(())
    }

    fn send(
        &mut self,
        number: u64,
        statement: Statement<'_>,
        lines: &Lines<'_>,
        sink: &mut dyn Sink,
    ) {
        match statement {
            Statement::Entry(entry) => sink.entry(number, entry, None),
            Statement::Exception(entry) => sink.event(number, Event::Exception(entry)),
            Statement::Removed(entry) => sink.event(number, Event::Removed(entry)),
            Statement::Geo(name) => {
                let sets = &lines.reading.sets;
                self.is_chosen = sets.is_empty() || sets.iter().any(|set| set.as_bytes() == name);
                sink.event(number, Event::Set(name));
            }
            Statement::End => sink.event(number, Event::Outside),
            Statement::Default if self.is_chosen => self.default = self.default.or(Some(number)),
            Statement::Default | Statement::Nothing => {}
        }
    }
}

/// Reads `deny` or `allow` at `start`; returns the offset behind its semicolon.
fn access<'a>(line: &'a [u8], start: usize) -> Result<(Statement<'a>, usize), ParseError> {
    let (first, end) = word(line, start);
    let at = skip_blanks(line, end);
    match first {
        b"allow" if line[at..].starts_with(b"all") => {
            Ok((Statement::Nothing, semicolon(line, skip_blanks(line, at + b"all".len()))?))
        }
        b"allow" => network(line, at).map(|(entry, end)| (Statement::Exception(entry), end)),
        b"deny" => network(line, at).map(|(entry, end)| (Statement::Entry(entry), end)),
        _ => Err(ParseError::at(start, Reason::NotOfTheFormat(NAME))),
    }
}

/// The network at `start`, and the offset behind the semicolon behind it.
fn network(line: &[u8], start: usize) -> Result<(Entry, usize), ParseError> {
    let leading = leading_entry(line, start)?;
    let end = skip_blanks(line, leading.end);
    if leading.form == Form::Range {
        return Err(ParseError::at(end, Reason::TrailingText));
    }
    Ok((leading.entry, semicolon(line, end)?))
}

/// The offset behind a semicolon, which must stand at `at`.
fn semicolon(line: &[u8], at: usize) -> Result<usize, ParseError> {
    match line.get(at) {
        Some(b';') => Ok(at + 1),
        _ => Err(ParseError::at(at, Reason::TrailingText)),
    }
}

/// Reads a statement of a `geo` block.
fn in_geo<'a>(line: &'a [u8], start: usize) -> Result<(Statement<'a>, usize), ParseError> {
    if line[start] == b'}' {
        return Ok((Statement::End, start + 1));
    }
    let stop = memchr::memchr(b';', &line[start..]).map(|length| start + length);
    let end = stop.ok_or(ParseError::at(line.len(), Reason::TrailingText))?;
    let (name, name_end) = word(&line[..end], start);
    let at = skip_blanks(&line[..end], name_end);
    let value = line[at..end].trim_ascii();
    let statement = match name {
        b"default" if is_nothing(value) => Statement::Nothing,
        b"default" => Statement::Default,
        b"delete" => {
            let leading = leading_entry(&line[..end], at)?;
            if skip_blanks(line, leading.end) != end {
                return Err(leading.trailing_text(line));
            }
            Statement::Removed(leading.entry)
        }
        b"ranges" | b"proxy_recursive" | b"proxy" | b"volatile" => Statement::Nothing,
        b"include" => return Err(ParseError::at(start, Reason::UnknownBlock)),
        _ => {
            let leading = leading_entry(&line[..end], start)?;
            let at = skip_blanks(&line[..end], leading.end);
            match line[at..end].trim_ascii() {
                b"1" | b"\"1\"" | b"'1'" if at > leading.end => Statement::Entry(leading.entry),
                value if is_nothing(value) && at > leading.end => {
                    Statement::Exception(leading.entry)
                }
                _ => return Err(ParseError::at(at, Reason::OtherAction)),
            }
        }
    };
    Ok((statement, end + 1))
}

/// Whether a value says that a network is not bad.
fn is_nothing(value: &[u8]) -> bool {
    matches!(value, b"0" | b"\"\"" | b"''" | b"\"0\"" | b"'0'")
}
