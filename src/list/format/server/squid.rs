//! `acl NAME src ADDRESSES`: squid.conf. An acl is read if squid denies it.

use std::collections::HashSet;

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::{Form, leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "squid.conf";

pub static FORMAT: Format = Format { name: NAME, sign: Sign::Line(is_of_the_format), read };

fn is_of_the_format(line: &Line<'_>) -> bool {
    acl(line.text).is_some_and(|acl| acl.kind == b"src")
}

/// A line `acl NAME KIND VALUES`.
struct Acl<'a> {
    name: &'a [u8],
    kind: &'a [u8],
    values: usize,
}

fn acl(line: &[u8]) -> Option<Acl<'_>> {
    let (b"acl", end) = word(line, skip_blanks(line, 0)) else { return None };
    let (name, end) = word(line, skip_blanks(line, end));
    let (kind, end) = word(line, skip_blanks(line, end));
    (!name.is_empty() && !kind.is_empty()).then(|| Acl {
        name,
        kind,
        values: skip_blanks(line, end),
    })
}

/// The words behind `http_access`.
fn access(line: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let (b"http_access", end) = word(line, skip_blanks(line, 0)) else { return None };
    let rest = &line[end..];
    let comment = memchr::memmem::find(rest, b" #").unwrap_or(rest.len());
    let words = rest[..comment].split(u8::is_ascii_whitespace);
    Some(words.filter(|word: &&[u8]| !word.is_empty()))
}

/// The names of the acls that squid denies, whatever else is true.
fn denied(text: &[u8]) -> HashSet<&[u8]> {
    let mut denied = HashSet::new();
    for line in text.split(|byte| *byte == b'\n') {
        let Some(mut words) = access(line.trim_ascii()) else { continue };
        if let (Some(b"deny"), Some(name), None) = (words.next(), words.next(), words.next()) {
            denied.insert(name);
        }
    }
    denied
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let denied = denied(lines.text());
    while let Some(line) = lines.line() {
        let &Line { number, text, .. } = line;
        if let Some(acl) = acl(text) {
            read_acl(lines, &acl, &denied, sink);
        } else if let Some(mut words) = access(text) {
            if words.next() == Some(b"allow") {
                words.for_each(|name| sink.event(number, Event::Accepted(name)));
            }
        } else if is_directive(text) {
            sink.event(number, Event::Skipped);
        } else {
            lines.reject_other(NAME, sink);
        }
        lines.advance();
    }
    Ok(NAME.into())
}

fn read_acl(lines: &mut Lines<'_>, acl: &Acl<'_>, denied: &HashSet<&[u8]>, sink: &mut dyn Sink) {
    let Some(&Line { number, text, .. }) = lines.line() else { return };
    if acl.kind != b"src" {
        sink.event(number, Event::Skipped);
        return;
    }
    sink.event(number, Event::Set(acl.name));
    let is_chosen = lines.reading.sets.iter().any(|set| set.as_bytes() == acl.name);
    if !is_chosen && !denied.contains(acl.name) {
        return lines.reject(ParseError::at(acl.values, Reason::OtherAction), sink);
    }
    match values(text, acl.values) {
        Ok(entries) => entries.into_iter().for_each(|entry| sink.entry(number, entry, None)),
        Err(error) => lines.reject(error, sink),
    }
}

/// The addresses from `at` on.
fn values(line: &[u8], mut at: usize) -> Result<Vec<Entry>, ParseError> {
    let mut entries = Vec::new();
    while at < line.len() && line[at] != b'#' {
        let (text, end) = word(line, at);
        // Options of the acl, such as -n.
        if !text.starts_with(b"-") {
            entries.push(value(line, at, end)?);
        }
        at = skip_blanks(line, end);
    }
    Ok(entries)
}

/// An address, a network, or a range, which may have the mask of a host behind it: with another one squid
/// means more than the two addresses say.
fn value(line: &[u8], start: usize, end: usize) -> Result<Entry, ParseError> {
    let leading = leading_entry(&line[..end], start)?;
    let mask: &[u8] = match leading.form {
        Form::Range => &line[leading.end..end],
        Form::Host | Form::Network => b"",
    };
    let is_whole = match leading.entry {
        Entry::V4(_) => matches!(mask, b"/32" | b"/255.255.255.255"),
        Entry::V6(_) => mask == b"/128",
    };
    match leading.end == end || is_whole {
        true => Ok(leading.entry),
        false => Err(ParseError::at(leading.end, Reason::TrailingText)),
    }
}

/// Whether a line is some other directive of squid.conf: a word with an underscore, or one of those
/// without.
fn is_directive(line: &[u8]) -> bool {
    let (first, _) = word(line, skip_blanks(line, 0));
    let is_word = first.len() > 4
        && first.contains(&b'_')
        && first.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    is_word || matches!(first, b"via" | b"refresh_pattern" | b"cachemgr_passwd")
}
