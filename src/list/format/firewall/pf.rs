//! Tables of pf: `table <NAME> { ADDRESSES }` in pf.conf, over one line or several.

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::{network, quoted_end, word};
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "pf tables";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| table(line.raw).is_some()), read };

/// The name of the table that a line declares, and the offset behind it.
fn table(line: &[u8]) -> Option<(&[u8], usize)> {
    let (b"table", end) = word(line, skip_blanks(line, 0)) else { return None };
    let start = skip_blanks(line, end);
    let name = line[start..].strip_prefix(b"<")?;
    let length = memchr::memchr(b'>', name).filter(|length| *length > 0)?;
    Some((&name[..length], start + length + 2))
}

/// Words with which the other statements of pf.conf begin.
const STATEMENTS: [&str; 20] = [
    "pass",
    "block",
    "match",
    "set",
    "scrub",
    "nat",
    "no",
    "rdr",
    "binat",
    "anchor",
    "load",
    "include",
    "antispoof",
    "altq",
    "queue",
    "nat-anchor",
    "rdr-anchor",
    "binat-anchor",
    "nat-to",
    "rdr-to",
];

/// What goes on below a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    /// The options of a table.
    Table,
    /// The elements of a table.
    Elements,
    /// A statement of another kind, and whether it blocks.
    Statement(bool),
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut open = Open::Nothing;
    while let Some(line) = lines.line() {
        let &Line { number, raw, .. } = line;
        let text = raw.trim_ascii_end();
        open = match open {
            Open::Elements => read_elements(lines, 0, sink),
            Open::Table => read_table(lines, 0, sink),
            Open::Nothing => match table(raw) {
                Some((name, at)) => {
                    sink.event(number, Event::Set(name));
                    read_table(lines, at, sink)
                }
                None if is_statement(text) => {
                    let blocks = word(text, skip_blanks(text, 0)).0 == b"block";
                    read_statement(number, text, blocks, sink)
                }
                None => {
                    lines.reject_other(NAME, sink);
                    Open::Nothing
                }
            },
            Open::Statement(blocks) => read_statement(number, text, blocks, sink),
        };
        lines.advance();
    }
    Ok(NAME.into())
}

/// Reads a line of a statement that is of no table. Only what it lets pass is of interest.
fn read_statement(number: u64, line: &[u8], blocks: bool, sink: &mut dyn Sink) -> Open {
    accepted(number, line, blocks, sink);
    sink.event(number, Event::Skipped);
    if line.ends_with(b"\\") { Open::Statement(blocks) } else { Open::Nothing }
}

/// Whether a line begins another statement: one of a rule, or `name = "value"`.
fn is_statement(line: &[u8]) -> bool {
    let (first, end) = word(line, skip_blanks(line, 0));
    let is_macro = || word(line, skip_blanks(line, end)).0 == b"=" || first.contains(&b'=');
    STATEMENTS.iter().any(|known| first == known.as_bytes())
        || first.first().is_some_and(u8::is_ascii_alphabetic) && is_macro()
}

/// Passes on the tables that a rule lets pass: those that it names, and those whose others it blocks.
fn accepted(number: u64, line: &[u8], blocks: bool, sink: &mut dyn Sink) {
    for start in memchr::memchr_iter(b'<', line) {
        let name = &line[start + 1..];
        let Some(length) = memchr::memchr(b'>', name) else { return };
        let is_other = line[..start].trim_ascii_end().ends_with(b"!");
        if blocks == is_other {
            sink.event(number, Event::Accepted(&name[..length]));
        }
    }
}

/// Reads the options of a table from `at` on, and its elements.
fn read_table(lines: &mut Lines<'_>, mut at: usize, sink: &mut dyn Sink) -> Open {
    let Some(&Line { number, raw, .. }) = lines.line() else { return Open::Nothing };
    loop {
        at = skip_blanks(raw, at);
        let (option, end) = word(raw, at);
        let error = match option.first() {
            None | Some(b'#' | b'\r') => return Open::Nothing,
            Some(b'{') => return read_elements(lines, at + 1, sink),
            Some(b'\\') => return Open::Table,
            _ if matches!(option, b"persist" | b"const" | b"counters") => {
                at = end;
                continue;
            }
            // What stands in another file is not in this one.
            _ if option == b"file" => match quoted_end(raw, skip_blanks(raw, end)) {
                Ok(end) => {
                    at = end;
                    continue;
                }
                Err(error) => error,
            },
            _ => ParseError::at(at, Reason::TrailingText),
        };
        sink.reject(number, error, raw);
        return Open::Nothing;
    }
}

/// Reads the elements on a line from `at` on, all of them or none.
fn read_elements(lines: &mut Lines<'_>, at: usize, sink: &mut dyn Sink) -> Open {
    let Some(&Line { number, raw, .. }) = lines.line() else { return Open::Nothing };
    let (elements, is_open) = elements(raw, at);
    match elements {
        Ok(elements) => {
            for (entry, is_exception) in elements {
                match is_exception {
                    true => sink.event(number, Event::Exception(entry)),
                    false => sink.entry(number, entry, None),
                }
            }
        }
        Err(error) => sink.reject(number, error, raw),
    }
    if is_open { Open::Elements } else { Open::Nothing }
}

/// The elements, with whether each is an exception, and whether no brace closes them.
fn elements(line: &[u8], mut at: usize) -> (Result<Vec<(Entry, bool)>, ParseError>, bool) {
    let comment = memchr::memchr(b'#', line).unwrap_or(line.len());
    let text = line[..comment].trim_ascii_end();
    let text = text.strip_suffix(b"\\").unwrap_or(text);
    let close = text.get(at..).and_then(|rest| memchr::memchr(b'}', rest)).map(|end| at + end);
    let end = close.unwrap_or(text.len());
    let is_open = close.is_none();
    let mut found = Vec::new();
    let is_divider = |byte: &u8| b" \t,".contains(byte);
    let mut is_exception = false;
    while at < end {
        if is_divider(&text[at]) {
            at += 1;
        } else if text[at] == b'!' && !is_exception {
            is_exception = true;
            at += 1;
        } else if text[at] == b'{' && found.is_empty() && !is_exception {
            // The brace stands on a line of its own.
            at += 1;
        } else {
            let stop = text[at..end].iter().position(is_divider).map_or(end, |length| at + length);
            match network(&text[..end], at, stop) {
                Ok(entry) => found.push((entry, is_exception)),
                Err(error) => return (Err(error), is_open),
            }
            is_exception = false;
            at = stop;
        }
    }
    if is_exception {
        return (Err(ParseError::at(end.saturating_sub(1), Reason::NotAnAddress)), is_open);
    }
    if let Some(close) = close {
        let rest = skip_blanks(text, close + 1);
        if rest < text.len() {
            return (Err(ParseError::at(rest, Reason::TrailingText)), false);
        }
    }
    (Ok(found), is_open)
}
