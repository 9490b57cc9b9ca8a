//! What `fail2ban-client status JAIL` shows: the addresses that are banned, behind the name of their list.

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::format::text::{network, word};
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::ParseError;

const NAME: &str = "fail2ban-client status";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| parse(line.raw).is_some()), read };

/// What a line says.
enum Status<'a> {
    /// The lines below are of this jail.
    Jail(&'a [u8]),
    /// The names of all jails.
    Jails,
    /// The banned addresses begin at this offset.
    Banned(usize),
    /// Numbers, files.
    Other,
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    while let Some(line) = lines.line() {
        let (number, raw) = (line.number, line.raw);
        match parse(raw) {
            _ if line.is_blank() => {}
            Some(Status::Jail(name)) => sink.event(number, Event::Part(name)),
            Some(Status::Jails) => sink.event(number, Event::Skipped),
            Some(Status::Banned(start)) => match entries(raw.trim_ascii_end(), start) {
                Ok(entries) => {
                    entries.into_iter().for_each(|entry| sink.entry(number, entry, None))
                }
                Err(error) => lines.reject(error, sink),
            },
            Some(Status::Other) => {}
            None => lines.reject_other(NAME, sink),
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// What a line says, which may be longer than those of other formats.
fn parse(line: &[u8]) -> Option<Status<'_>> {
    let text = line.trim_ascii_end();
    if let Some(name) = text.strip_prefix(b"Status for the jail:") {
        return Some(Status::Jail(name.trim_ascii()));
    }
    let branch = text.iter().take_while(|byte| b"|`- \t".contains(byte)).count();
    let label = &text[branch..];
    if text == b"Status" {
        return Some(Status::Other);
    }
    if branch == 0 {
        return None;
    }
    if label.starts_with(b"Jail list:") {
        return Some(Status::Jails);
    }
    for banned in [&b"Banned IP list:"[..], b"IP list:"] {
        if label.starts_with(banned) {
            return Some(Status::Banned(branch + banned.len()));
        }
    }
    let others = [
        "Filter",
        "Actions",
        "Number of jail:",
        "Currently failed:",
        "Total failed:",
        "File list:",
        "Journal matches:",
        "Currently banned:",
        "Total banned:",
        "filter",
        "action",
    ];
    let is_other = others.iter().any(|known| label.starts_with(known.as_bytes()));
    is_other.then_some(Status::Other)
}

/// The addresses from `at` on, with blanks between them.
fn entries(line: &[u8], at: usize) -> Result<Vec<Entry>, ParseError> {
    let mut entries = Vec::new();
    let mut at = skip_blanks(line, at);
    while at < line.len() {
        let (_, end) = word(line, at);
        entries.push(network(line, at, end)?);
        at = skip_blanks(line, end);
    }
    Ok(entries)
}
