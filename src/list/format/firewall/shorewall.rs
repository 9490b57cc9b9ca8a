//! The blacklist of Shorewall: an address in the first column, and perhaps protocol, ports and options.

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::{leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

const NAME: &str = "Shorewall blacklist";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

/// The columns of a line: of the first ones their offset and text, or the sign for nothing.
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

    fn text(&self, index: usize) -> &'a [u8] {
        self.columns[index].1
    }

    /// Whether a protocol and ports stand behind the first column, or the signs for none.
    fn has_protocol(&self) -> bool {
        let is_port = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b':' | b'-');
        let names = [&b"all"[..], b"tcp", b"udp", b"icmp", b"ipv6-icmp", b"sctp", b"gre"];
        match (self.text(1), self.text(2)) {
            (b"-", b"-") => self.count > 2,
            (protocol, ports) => names.contains(&protocol) && ports.iter().all(is_port),
        }
    }
}

fn is_of_the_format(line: &[u8]) -> bool {
    let (first, end) = word(line, skip_blanks(line, 0));
    match first {
        [b'~', rest @ ..] => is_mac(rest),
        [b'+', rest @ ..] => {
            rest.first().is_some_and(u8::is_ascii_alphabetic) && Columns::of(line).count < 5
        }
        [b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => {
            // A protocol is short, and most texts begin with a longer word.
            word(line, skip_blanks(line, end)).0.len() < 10
                && Columns::of(line).has_protocol()
                && leading_entry(first, 0).is_ok_and(|leading| leading.end == first.len())
        }
        _ => false,
    }
}

fn is_mac(text: &[u8]) -> bool {
    let is_octet = |part: &[u8]| part.len() == 2 && part.iter().all(u8::is_ascii_hexdigit);
    text.len() == 17 && text.split(|byte| *byte == b'-').all(is_octet)
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    while let Some(line) = lines.line() {
        let (number, text) = (line.number, line.text);
        let columns = Columns::of(text);
        if line.is_blank() {
        } else if columns.count == 0 || columns.count > 1 && !columns.has_protocol() {
            lines.reject_other(NAME, sink);
        } else {
            match address(text, &columns) {
                Ok((entry, true)) => sink.entry(number, entry, None),
                Ok((entry, false)) => sink.event(number, Event::Exception(entry)),
                Err(error) => lines.reject(error, sink),
            }
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// The address of a line, and whether it is dropped.
fn address(line: &[u8], columns: &Columns<'_>) -> Result<(Entry, bool), ParseError> {
    let (at, text) = columns.columns[0];
    let end = at + text.len();
    let leading = leading_entry(&line[..end], at)?;
    if leading.end != end {
        return Err(ParseError::at(leading.end, Reason::TrailingText));
    }
    if columns.text(3) == b"whitelist" {
        return Ok((leading.entry, false));
    }
    for (index, (at, text)) in columns.columns.iter().enumerate().skip(1) {
        if *text != b"-" && !(index == 3 && matches!(*text, b"src" | b"from")) {
            return Err(ParseError::at(*at, Reason::Verdict));
        }
    }
    Ok((leading.entry, true))
}
