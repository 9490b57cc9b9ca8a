//! `Deny from` and `Allow from` of Apache 2.2, `Require not ip` and `Require ip` of 2.4.
//!
//! What stands in a container for one place, such as `<Files>`, is not read.

use crate::ip::Range;
use crate::list::entry::Entry;
use crate::list::format::octets::octets;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::{network, word};
use crate::list::grammar::{leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "Apache access control";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

fn is_of_the_format(line: &[u8]) -> bool {
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is = |word: &[u8], known: &str| word.eq_ignore_ascii_case(known.as_bytes());
    (is(first, "deny") || is(first, "allow")) && is(second, "from")
        || is(first, "require") && (is(second, "not") || is(second, "ip"))
}

/// A container that is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    /// What stands in it counts as if it stood outside.
    Transparent,
    /// What stands in it must all be true.
    All,
    /// One thing of what stands in it must be true.
    Any,
    /// What stands in it must not be true.
    None,
    /// What stands in it counts in one place only, or is not known.
    Unknown,
}

/// What a line says of the addresses behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Denies,
    Allows,
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut open: Vec<(&[u8], Container)> = Vec::new();
    while let Some(line) = lines.line() {
        let &Line { number, raw, text, .. } = line;
        let at = skip_blanks(text, 0);
        let is_unknown = open.last().is_some_and(|(_, last)| *last == Container::Unknown);
        let mut reject = |error| sink.reject(number, error, raw);
        if line.is_blank() {
        } else if text[at..].starts_with(b"</") {
            let name = container_name(&text[at + 2..]);
            match open.pop() {
                Some((opened, last)) if opened.eq_ignore_ascii_case(name) => {
                    if last == Container::Unknown {
                        reject(ParseError::at(at, Reason::UnknownBlock));
                    }
                }
                other => {
                    open.extend(other);
                    reject(ParseError::at(at, Reason::NotOfTheFormat(NAME)));
                }
            }
        } else if text[at..].starts_with(b"<") && text.trim_ascii_end().ends_with(b">") {
            let name = container_name(&text[at + 1..]);
            let container =
                if is_unknown { Container::Unknown } else { container(&text[at + 1..]) };
            open.push((name, container));
            if container == Container::Unknown {
                reject(ParseError::at(at, Reason::UnknownBlock));
            }
        } else if is_unknown {
            reject(ParseError::at(at, Reason::UnknownBlock));
        } else {
            let inner = open.iter().rev().map(|(_, container)| *container);
            let inner = inner.into_iter().find(|container| *container != Container::Transparent);
            read_directive(lines, inner, sink);
        }
        lines.advance();
    }
    Ok(NAME.into())
}

fn read_directive(lines: &mut Lines<'_>, container: Option<Container>, sink: &mut dyn Sink) {
    let Some(&Line { number, text, .. }) = lines.line() else { return };
    match directive(text, container) {
        Some(Ok(None)) => sink.event(number, Event::Skipped),
        Some(Ok(Some((verdict, entries)))) => {
            for entry in entries {
                match verdict {
                    Verdict::Denies => sink.entry(number, entry, None),
                    Verdict::Allows => sink.event(number, Event::Exception(entry)),
                }
            }
        }
        Some(Err(error)) => lines.reject(error, sink),
        None => lines.reject_other(NAME, sink),
    }
}

fn container_name(text: &[u8]) -> &[u8] {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    &text[..length]
}

/// What a container is, by the text behind its `<`.
fn container(text: &[u8]) -> Container {
    let name = container_name(text).to_ascii_lowercase();
    let methods = || {
        let words = text[name.len()..].split(|byte| byte.is_ascii_whitespace() || *byte == b'>');
        words.filter(|word| matches!(*word, b"GET" | b"POST")).count()
    };
    match name.as_slice() {
        b"ifmodule" | b"ifversion" | b"ifdefine" => Container::Transparent,
        b"requireall" => Container::All,
        b"requireany" => Container::Any,
        b"requirenone" => Container::None,
        // With these two methods a client can do nothing any more.
        b"limit" if methods() == 2 => Container::Transparent,
        _ => Container::Unknown,
    }
}

type Parsed = Result<Option<(Verdict, Vec<Entry>)>, ParseError>;

/// What a directive says; `None` if it is not one of Apache.
fn directive(line: &[u8], container: Option<Container>) -> Option<Parsed> {
    let (first, end) = word(line, skip_blanks(line, 0));
    let second_at = skip_blanks(line, end);
    let (second, second_end) = word(line, second_at);
    let is = |word: &[u8], known: &str| word.eq_ignore_ascii_case(known.as_bytes());
    let verdict = |verdict, at| Some(hosts(line, at, verdict));
    if is(second, "from") && is(first, "deny") {
        return verdict(Verdict::Denies, second_end);
    }
    if is(second, "from") && is(first, "allow") {
        return verdict(Verdict::Allows, second_end);
    }
    if is(first, "require") {
        let (third, third_end) = word(line, skip_blanks(line, second_end));
        return match container {
            Some(Container::None) if is(second, "ip") => verdict(Verdict::Denies, second_end),
            Some(Container::None) => Some(Err(ParseError::at(second_at, Reason::OtherAction))),
            _ if is(second, "ip") => verdict(Verdict::Allows, second_end),
            // It lets pass whatever else is refused.
            Some(Container::Any) if is(second, "not") => {
                Some(Err(ParseError::at(second_at, Reason::OtherAction)))
            }
            _ if is(second, "not") && is(third, "ip") => verdict(Verdict::Denies, third_end),
            _ if is(second, "not") || is(second, "all") && is(third, "denied") => {
                Some(Err(ParseError::at(second_at, Reason::OtherAction)))
            }
            _ => Some(Ok(None)),
        };
    }
    OTHERS.iter().any(|known| is(first, known)).then_some(Ok(None))
}

/// Directives that name no address to drop, and stand in the files that have those that do.
const OTHERS: [&str; 34] = [
    "Order",
    "Satisfy",
    "AuthType",
    "AuthName",
    "AuthUserFile",
    "AuthGroupFile",
    "AuthMerging",
    "Options",
    "AllowOverride",
    "DirectoryIndex",
    "DocumentRoot",
    "ErrorDocument",
    "ServerName",
    "ServerSignature",
    "ServerTokens",
    "SetEnv",
    "SetEnvIf",
    "SetEnvIfNoCase",
    "BrowserMatch",
    "BrowserMatchNoCase",
    "RewriteEngine",
    "RewriteBase",
    "RewriteCond",
    "RewriteRule",
    "Redirect",
    "RedirectMatch",
    "RedirectPermanent",
    "Header",
    "AddType",
    "AddHandler",
    "AddDefaultCharset",
    "ExpiresActive",
    "FileETag",
    "LoadModule",
];

/// The addresses behind a directive, from `at` on. `all` names none that is let pass.
fn hosts(line: &[u8], at: usize, verdict: Verdict) -> Parsed {
    let mut entries = Vec::new();
    let mut at = skip_blanks(line, at);
    let first = at;
    while at < line.len() {
        let (text, end) = word(line, at);
        if at == first && text.eq_ignore_ascii_case(b"all") && verdict == Verdict::Allows {
            return match skip_blanks(line, end) {
                rest if rest == line.len() => Ok(None),
                rest => Err(ParseError::at(rest, Reason::TrailingText)),
            };
        }
        entries.push(host(line, at, end)?);
        at = skip_blanks(line, end);
    }
    if entries.is_empty() {
        return Err(ParseError::at(first, Reason::NotAnAddress));
    }
    Ok(Some((verdict, entries)))
}

/// A host, a network, or the first octets of one.
fn host(line: &[u8], start: usize, end: usize) -> Result<Entry, ParseError> {
    let text = &line[start..end];
    if leading_entry(&line[..end], start).is_err() {
        if let Some((address, count)) = octets(text.strip_suffix(b".").unwrap_or(text)) {
            if count < 4 {
                return Ok(Entry::V4(Range::network(address, 8 * count)));
            }
        }
    }
    network(line, start, end)
}
