//! Data of rbldnsd, the DNS server for blocklists: the kinds `ip4set`, `ip4trie`, `ip6trie`.

mod range;

use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;
use crate::list::verdict;
use range::range;

const NAME: &str = "rbldnsd";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

fn is_of_the_format(line: &[u8]) -> bool {
    let (first, end) = word(line, skip_blanks(line, 0));
    match first.first() {
        Some(b'$') => matches!(first, b"$SOA" | b"$NS" | b"$DATASET" | b"$TIMESTAMP"),
        Some(b':') => is_value(line.trim_ascii()),
        Some(byte) if byte.is_ascii_digit() || *byte == b'!' => {
            let value = &line[skip_blanks(line, end)..];
            value.starts_with(b":") && is_value(value)
        }
        _ => false,
    }
}

/// Whether this is the address that is answered, and a text: `:127.0.0.2:Blocked`, `:3:Blocked`.
fn is_value(text: &[u8]) -> bool {
    let Some(rest) = text.strip_prefix(b":") else { return false };
    let Some(end) = memchr::memchr(b':', rest) else { return false };
    end > 0 && rest[..end].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// What the lines are, up to the next `$DATASET`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Addresses,
    /// Names, records, or who may ask.
    Other,
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut kind = Kind::Addresses;
    // Whether what is answered for the lines below says that they are not bad.
    let mut is_good = false;
    while let Some(line) = lines.line() {
        let &Line { number, text, .. } = line;
        let start = skip_blanks(text, 0);
        let (first, end) = word(text, start);
        match first.first() {
            _ if line.is_blank() => {}
            Some(b'$') if first == b"$DATASET" => {
                (kind, is_good) = (dataset(number, text, end, sink), false);
            }
            Some(b'$') if is_special(first) => {}
            _ if kind == Kind::Other => sink.event(number, Event::Skipped),
            Some(b':') => is_good = says_good(text, start, lines.reading.purpose).is_some(),
            _ => read_entry(lines, is_good, sink),
        }
        lines.advance();
    }
    Ok(NAME.into())
}

fn is_special(word: &[u8]) -> bool {
    matches!(word, b"$SOA" | b"$NS" | b"$TTL" | b"$TIMESTAMP" | b"$MAXRANGE4" | b"$MAXRANGE6")
        || matches!(word, [b'$', b'0'..=b'9'] | [b'$', b'='])
}

/// Reads `$DATASET KIND:NAME SUBZONES`. Each is a set.
fn dataset(number: u64, line: &[u8], end: usize, sink: &mut dyn Sink) -> Kind {
    let (dataset, end) = word(line, skip_blanks(line, end));
    let (zone, _) = word(line, skip_blanks(line, end));
    let colon = memchr::memchr(b':', dataset);
    let (kind, name) = match colon {
        Some(colon) => (&dataset[..colon], &dataset[colon + 1..]),
        None => (dataset, zone),
    };
    match kind {
        b"ip4set" | b"ip4trie" | b"ip4tset" | b"ip6trie" => {
            sink.event(number, Event::Set(name));
            Kind::Addresses
        }
        _ => {
            sink.event(number, Event::Skipped);
            Kind::Other
        }
    }
}

/// Reads `[!]RANGE [VALUE]`.
fn read_entry(lines: &mut Lines<'_>, is_good: bool, sink: &mut dyn Sink) {
    let Some(&Line { number, text, .. }) = lines.line() else { return };
    let start = skip_blanks(text, 0);
    let (first, end) = word(text, start);
    let value = skip_blanks(text, end);
    let is_exception = first.starts_with(b"!");
    let at = start + usize::from(is_exception);
    let entry = match range(&text[at..end]) {
        Ok(entry) if is_exception => return sink.event(number, Event::Exception(entry)),
        Ok(entry) => entry,
        Err(Reason::NotAnAddress) => return lines.reject_other(NAME, sink),
        Err(reason) => return lines.reject(ParseError::at(at, reason), sink),
    };
    // A line of a zone file, in which the octets of an address stand in reverse.
    let (next, _) = word(text, value);
    let records = ["IN", "A", "AAAA", "TXT", "CNAME", "NS", "PTR", "SOA", "MX"];
    if records.iter().any(|record| next == record.as_bytes()) {
        return lines.reject_other(NAME, sink);
    }
    let has_value = value < text.len() && !matches!(text[value], b'#' | b';');
    let good = has_value.then(|| says_good(text, value, lines.reading.purpose)).flatten();
    let takes_default = !has_value || !text[value..].starts_with(b":");
    match good.or((is_good && takes_default).then_some(at)) {
        Some(at) => lines.reject(ParseError::at(at, Reason::Verdict), sink),
        None => sink.entry(number, entry, None),
    }
}

/// Where a value says with the first word of its text that what is listed is not bad.
fn says_good(line: &[u8], at: usize, purpose: Purpose) -> Option<usize> {
    let value = &line[at..];
    let text = match value.strip_prefix(b":") {
        Some(rest) => memchr::memchr(b':', rest).map_or(&b""[..], |end| &rest[end + 1..]),
        None => value,
    };
    (purpose == Purpose::Drop && verdict::comment_denies(text)).then_some(at)
}
