//! `ALL: CLIENTS`: the file hosts.deny of TCP wrappers.
//!
//! Only what all daemons deny is an entry. A line is read as a whole; a backslash at its end joins the next
//! one to it.

use crate::ip::Range;
use crate::list::entry::Entry;
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::octets::octets;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::format::text::network;
use crate::list::grammar::{leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;

const NAME: &str = "hosts.deny";

static HOSTS_ALLOW: Kind = Kind {
    what: "a hosts.allow file, which names what is to be let in",
    cure: "give it with --allow if these addresses must never be dropped",
};

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

/// Whether a line is of the wildcard for all daemons, or of a daemon and an address.
fn is_of_the_format(line: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let daemons = line[..colon].trim_ascii();
    let clients = skip_blanks(line, colon + 1);
    if daemons.split(|byte| *byte == b' ').any(|word| word.eq_ignore_ascii_case(b"ALL")) {
        return true;
    }
    let is_daemon = daemons.len() > 2
        && daemons.ends_with(b"d")
        && daemons.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
        && !daemons.iter().all(u8::is_ascii_hexdigit);
    is_daemon
        && clients > colon + 1
        && (line.get(clients) == Some(&b'[') || leading_entry(line, clients).is_ok())
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    if lines.reading.purpose == Purpose::Drop {
        if let Some(line) = allows(lines.text()) {
            lines.take_all();
            lines.advance();
            return Err(NotAList::Kind { kind: &HOSTS_ALLOW, line });
        }
    }
    while let Some(line) = lines.line() {
        let (number, raw, text) = (line.number, line.raw, line.text);
        if text.ends_with(b"\\") && !line.is_blank() {
            read_joined(lines, sink);
        } else if !line.is_blank() {
            match rule(text) {
                Some(Ok(rule)) => rule.send(number, sink),
                Some(Err(error)) => sink.reject(number, error, raw),
                None => lines.reject_other(NAME, sink),
            }
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// Reads a line with those that a backslash joins to it.
fn read_joined(lines: &mut Lines<'_>, sink: &mut dyn Sink) {
    let Some(line) = lines.line() else { return };
    let (number, raw) = (line.number, line.raw);
    let mut whole = line.text.to_vec();
    while whole.last() == Some(&b'\\') {
        whole.pop();
        let Some((_, next)) = lines.take() else { break };
        whole.extend_from_slice(next.strip_suffix(b"\r").unwrap_or(next));
    }
    match rule(&whole) {
        Some(Ok(rule)) => rule.send(number, sink),
        Some(Err(error)) => {
            // The place may be in another line than the first.
            let at = if error.at < raw.len() { error.at } else { 0 };
            sink.reject(number, ParseError { at, ..error }, raw);
        }
        None => sink.reject(number, ParseError::at(0, Reason::NotOfTheFormat(NAME)), raw),
    }
}

/// The line that says that the file is hosts.allow: the first comment that has the name of either file.
fn allows(text: &[u8]) -> Option<u64> {
    let has = |line: &[u8], name: &[u8]| memchr::memmem::find(line, name).is_some();
    let comments = text.split(|byte| *byte == b'\n').take_while(|line| {
        let line = line.trim_ascii();
        line.is_empty() || line.starts_with(b"#")
    });
    for (index, line) in comments.enumerate() {
        match (has(line, b"hosts.allow"), has(line, b"hosts.deny")) {
            (true, false) => return Some(index as u64 + 1),
            (false, false) => {}
            _ => return None,
        }
    }
    None
}

/// What a line says.
struct Rule {
    entries: Vec<Entry>,
    denies: bool,
}

impl Rule {
    fn send(self, number: u64, sink: &mut dyn Sink) {
        for entry in self.entries {
            if self.denies {
                sink.entry(number, entry, None);
            } else {
                sink.event(number, Event::Exception(entry));
            }
        }
    }
}

/// The rule on a line: `DAEMONS : CLIENTS : OPTIONS`.
fn rule(line: &[u8]) -> Option<Result<Rule, ParseError>> {
    let colon = memchr::memchr(b':', line)?;
    let clients_end = clients_end(line, colon + 1);
    let option = line.get(clients_end + 1..).unwrap_or_default();
    let last = option.rsplit(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
    let denies = !last.eq_ignore_ascii_case(b"allow");
    let daemons = line[..colon].trim_ascii();
    if daemons.is_empty() {
        return None;
    }
    if denies && !daemons.eq_ignore_ascii_case(b"ALL") {
        return Some(Err(ParseError::at(0, Reason::Verdict)));
    }
    let option = option.trim_ascii();
    if denies && !option.is_empty() && !option.eq_ignore_ascii_case(b"deny") {
        return Some(Err(ParseError::at(clients_end + 1, Reason::OtherAction)));
    }
    Some(clients(line, colon + 1, clients_end).map(|entries| Rule { entries, denies }))
}

/// Where the clients end that begin at `at`: at a colon outside of brackets.
fn clients_end(line: &[u8], at: usize) -> usize {
    let mut bracketed = false;
    let end = line[at..].iter().position(|byte| {
        bracketed = *byte == b'[' || bracketed && *byte != b']';
        *byte == b':' && !bracketed
    });
    end.map_or(line.len(), |length| at + length)
}

/// The clients from `at` to `end`, with blanks and commas between them.
fn clients(line: &[u8], mut at: usize, end: usize) -> Result<Vec<Entry>, ParseError> {
    let mut entries = Vec::new();
    let separates = |byte: &u8| b" \t,".contains(byte);
    loop {
        at += line[at..end].iter().take_while(|byte| separates(byte)).count();
        if at == end {
            break;
        }
        let length = line[at..end].iter().take_while(|byte| !separates(byte)).count();
        entries.push(client(line, at, at + length)?);
        at += length;
    }
    if entries.is_empty() {
        return Err(ParseError::at(at.min(line.len()), Reason::NotAnAddress));
    }
    Ok(entries)
}

fn client(line: &[u8], start: usize, end: usize) -> Result<Entry, ParseError> {
    let text = &line[start..end];
    if text.eq_ignore_ascii_case(b"EXCEPT") {
        return Err(ParseError::at(start, Reason::Verdict));
    }
    if let Some(numbers) = text.strip_suffix(b".") {
        return match octets(numbers) {
            Some((address, count)) if count < 4 => {
                Ok(Entry::V4(Range::network(address, 8 * count)))
            }
            _ => Err(ParseError::at(start, Reason::NotFourOctets)),
        };
    }
    if text.first() == Some(&b'[') {
        let error = ParseError::at(start, Reason::NotAnIpv6Address);
        let close = memchr::memchr(b']', text).ok_or(error)?;
        let plain = [&text[1..close], &text[close + 1..]].concat();
        let is_apart = matches!(text.get(close + 1), None | Some(b'/'));
        return match network(&plain, 0, plain.len()) {
            Ok(entry @ Entry::V6(_)) if is_apart => Ok(entry),
            _ => Err(error),
        };
    }
    network(line, start, end)
}
