//! The files `blacklist` and `blrules` of Shorewall: addresses in the first column, or behind an action and
//! a zone.

use super::super::super::entry::Entry;
use super::super::super::grammar::{leading_entry, skip_blanks};
use super::super::super::parse_error::{ParseError, Reason};
use super::super::not_a_list::{Kind, NotAList};
use super::super::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use super::super::text::word;

const NAME: &str = "Shorewall";

static NO_DROPS: Kind = Kind {
    what: "a file of Shorewall whose rules drop no address",
    cure: "write the addresses to drop one a line",
};

pub(in super::super) static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

/// The columns of a line: of the first ones their offset and text.
struct Columns<'a> {
    columns: [(usize, &'a [u8]); 5],
    count: usize,
}

impl<'a> Columns<'a> {
    fn of(line: &'a [u8]) -> Self {
        let mut columns = Columns { columns: [(line.len(), &b"-"[..]); 5], count: 0 };
        let mut at = skip_blanks(line, 0);
        while at < line.len() && line[at] != b'#' {
            let (text, end) = word(line, at);
            if let Some(place) = columns.columns.get_mut(columns.count) {
                *place = (at, text);
            }
            columns.count += 1;
            at = skip_blanks(line, end);
        }
        columns
    }

    /// The text of a column; of one that is not there, the sign for nothing.
    fn text(&self, index: usize) -> &'a [u8] {
        self.columns[index].1
    }
}

/// What an action does with what a rule matches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Drops,
    Passes,
    Other,
}

fn action(text: &[u8]) -> Option<Action> {
    let name = text.split(|byte| matches!(byte, b':' | b'(')).next().unwrap_or(text);
    match name {
        b"DROP" | b"A_DROP" | b"REJECT" | b"A_REJECT" | b"BLACKLIST" | b"blacklog" => {
            Some(Action::Drops)
        }
        b"ACCEPT" | b"ACCEPT+" | b"A_ACCEPT" | b"WHITELIST" | b"CONTINUE" | b"NONAT" => {
            Some(Action::Passes)
        }
        b"LOG" | b"NFLOG" | b"QUEUE" | b"NFQUEUE" | b"COUNT" | b"DNAT" | b"REDIRECT" => {
            Some(Action::Other)
        }
        _ => None,
    }
}

fn is_of_the_format(line: &[u8]) -> bool {
    let columns = Columns::of(line);
    if action(columns.text(0)).is_some() {
        return is_place(columns.text(1)) && is_place(columns.text(2));
    }
    match columns.text(0) {
        [b'~', rest @ ..] => is_mac(rest),
        [b'+', rest @ ..] => columns.count < 5 && rest.first().is_some_and(u8::is_ascii_alphabetic),
        text => {
            has_protocol(&columns)
                && leading_entry(text, 0).is_ok_and(|leading| leading.end == text.len())
        }
    }
}

/// Whether a column names zones, perhaps with addresses: `net:192.0.2.7`, `$FW`, `all`.
fn is_place(text: &[u8]) -> bool {
    let zone = text.split(|byte| *byte == b':').next().unwrap_or(text);
    let zone = zone.strip_prefix(b"$").unwrap_or(zone);
    zone.first().is_some_and(u8::is_ascii_alphabetic)
        && zone.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_+-!,".contains(byte))
}

/// Whether a protocol and ports stand behind the first column, or the signs for none.
fn has_protocol(columns: &Columns<'_>) -> bool {
    let is_port = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b':' | b'-');
    let names = [&b"all"[..], b"tcp", b"udp", b"icmp", b"ipv6-icmp", b"sctp", b"gre"];
    match (columns.text(1), columns.text(2)) {
        (b"-", b"-") => columns.count > 2,
        (protocol, ports) => names.contains(&protocol) && ports.iter().all(is_port),
    }
}

fn is_mac(text: &[u8]) -> bool {
    let mut parts = 0;
    text.split(|byte| *byte == b'-').all(|part| {
        parts += 1;
        part.len() == 2 && part.iter().all(u8::is_ascii_hexdigit)
    }) && parts == 6
}

/// What a line says of its addresses.
enum Statement {
    Drops(Vec<Entry>),
    Passes(Vec<Entry>),
    Nothing,
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let (mut first_rule, mut has_entries, mut depth) = (None, false, 0u64);
    while let Some(line) = lines.line() {
        let (number, text) = (line.number, line.text);
        let is_rule = action(Columns::of(text).text(0)).is_some();
        match parse(text) {
            _ if line.is_blank() => {}
            _ if text.trim_ascii_start().starts_with(b"?") => {
                depth = follow(text, depth);
                sink.event(number, Event::Skipped);
            }
            _ if depth > 0 => {
                let at = skip_blanks(text, 0);
                sink.reject(number, ParseError::at(at, Reason::UnknownBlock), line.raw);
            }
            Some(Ok(Statement::Drops(entries))) => {
                has_entries = true;
                entries.into_iter().for_each(|entry| sink.entry(number, entry, None));
            }
            Some(Ok(Statement::Passes(entries))) => {
                let exceptions = entries.into_iter().map(Event::Exception);
                exceptions.for_each(|exception| sink.event(number, exception));
            }
            Some(Ok(Statement::Nothing)) => sink.event(number, Event::Skipped),
            Some(Err(error)) => lines.reject(error, sink),
            None => lines.reject_other(NAME, sink),
        }
        if is_rule {
            first_rule = first_rule.or(Some(number));
        }
        lines.advance();
    }
    match first_rule {
        Some(line) if !has_entries => Err(NotAList::Kind { kind: &NO_DROPS, line }),
        _ => Ok(NAME.into()),
    }
}

/// How many conditions are open behind a line that begins with `?`.
fn follow(line: &[u8], depth: u64) -> u64 {
    let (first, _) = word(line, skip_blanks(line, 0));
    match first.to_ascii_lowercase().as_slice() {
        b"?if" => depth + 1,
        b"?endif" => depth.saturating_sub(1),
        _ => depth,
    }
}

fn parse(line: &[u8]) -> Option<Result<Statement, ParseError>> {
    let columns = Columns::of(line);
    if matches!(columns.text(0), b"SECTION" | b"COMMENT") {
        return Some(Ok(Statement::Nothing));
    }
    match action(columns.text(0)) {
        Some(action) if columns.count > 1 => Some(rule(line, &columns, action)),
        Some(_) => None,
        None if columns.count == 0 => None,
        None => Some(address(line, &columns)),
    }
}

/// `ACTION ZONE:ADDRESSES all`: a rule.
fn rule(line: &[u8], columns: &Columns<'_>, action: Action) -> Result<Statement, ParseError> {
    let (at, source) = columns.columns[1];
    let Some(colon) = memchr::memchr(b':', source) else { return Ok(Statement::Nothing) };
    let begin = at + colon + 1;
    let end = at + source.len();
    let is_whole =
        columns.count <= 3 && matches!(columns.text(2), b"all" | b"any" | b"all+" | b"$FW" | b"-");
    match action {
        Action::Passes => Ok(Statement::Passes(entries(line, begin, end)?)),
        Action::Drops if is_whole => Ok(Statement::Drops(entries(line, begin, end)?)),
        _ => Ok(Statement::Nothing),
    }
}

/// `ADDRESS PROTOCOL PORT OPTIONS`: a line of a blacklist.
fn address(line: &[u8], columns: &Columns<'_>) -> Result<Statement, ParseError> {
    let (at, text) = columns.columns[0];
    let entries = entries(line, at, at + text.len())?;
    if columns.text(3) == b"whitelist" {
        return Ok(Statement::Passes(entries));
    }
    for (index, (at, text)) in columns.columns.iter().enumerate().skip(1) {
        if *text != b"-" && !(index == 3 && matches!(*text, b"src" | b"from")) {
            return Err(ParseError::at(*at, Reason::Verdict));
        }
    }
    Ok(Statement::Drops(entries))
}

/// The hosts, networks and ranges with commas between them.
fn entries(line: &[u8], start: usize, end: usize) -> Result<Vec<Entry>, ParseError> {
    let mut entries = Vec::new();
    let (mut at, mut end) = (start, end);
    // Shorewall6 has brackets of both kinds around addresses.
    for (open, close) in [(b'<', b'>'), (b'[', b']')] {
        if at < end && line[at] == open && line[end - 1] == close {
            (at, end) = (at + 1, end - 1);
        }
    }
    for part in line[at.min(end)..end].split(|byte| *byte == b',') {
        let stop = at + part.len();
        let leading = leading_entry(&line[..stop], at)?;
        if leading.end != stop {
            return Err(ParseError::at(leading.end, Reason::TrailingText));
        }
        entries.push(leading.entry);
        at = stop + 1;
    }
    Ok(entries)
}
