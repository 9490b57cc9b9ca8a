//! `[{'JAIL': ['ADDRESS', …]}, …]`: what `fail2ban-client banned` prints, a list as Python writes it.

use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Event, Format, Lines, Outcome, Sign, Sink};
use crate::list::grammar::leading_entry;
use crate::list::parse_error::ParseError;

const NAME: &str = "fail2ban-client banned";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Document(is_one), read };

const BROKEN: Kind = Kind {
    what: "the output of fail2ban-client banned, but cut off or with an error",
    cure: "write it again: fail2ban-client banned > FILE",
};

fn is_one(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let Some(text) = text.strip_prefix(b"[") else { return false };
    let Some(text) = text.trim_ascii_start().strip_prefix(b"{") else { return false };
    text.trim_ascii_start().first() == Some(&b'\'')
}

/// Reads the list. Lines below it are rejected.
fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut place = Place { text: lines.text(), at: 0, line: 1, start: 0 };
    if jails(&mut place, sink).is_none() || !place.is_at_line_end() {
        return Err(NotAList::Kind { kind: &BROKEN, line: place.line });
    }
    while lines.taken() < place.line && lines.take().is_some() {}
    lines.advance();
    while lines.line().is_some() {
        lines.reject_other(NAME, sink);
        lines.advance();
    }
    Ok(NAME.into())
}

/// Reads the jails, each with its addresses. `None` is an error.
fn jails(place: &mut Place<'_>, sink: &mut dyn Sink) -> Option<()> {
    place.expect(b'[')?;
    loop {
        place.expect(b'{')?;
        let (name, _) = place.string()?;
        sink.event(place.line, Event::Part(name));
        place.expect(b':')?;
        place.expect(b'[')?;
        if place.expect(b']').is_none() {
            loop {
                let (text, start) = place.string()?;
                let (line, column) = (place.line, start.saturating_sub(place.start));
                match leading_entry(text, 0) {
                    Ok(leading) if leading.end == text.len() => {
                        sink.entry(line, leading.entry, None)
                    }
                    Ok(leading) => {
                        sink.reject(line, leading.trailing_text(text).behind(column), text);
                    }
                    Err(error) => sink.reject(line, ParseError::behind(error, column), text),
                }
                if place.expect(b',').is_none() {
                    break;
                }
            }
            place.expect(b']')?;
        }
        place.expect(b'}')?;
        if place.expect(b',').is_none() {
            break;
        }
    }
    place.expect(b']')
}

/// A place in the text.
struct Place<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
    /// Where the line begins.
    start: usize,
}

impl<'a> Place<'a> {
    fn pass_blanks(&mut self) {
        while let Some(byte) = self.text.get(self.at).filter(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
            if *byte == b'\n' {
                self.line += 1;
                self.start = self.at;
            }
        }
    }

    /// Passes a sign, if it comes next.
    fn expect(&mut self, sign: u8) -> Option<()> {
        self.pass_blanks();
        (self.text.get(self.at) == Some(&sign)).then(|| self.at += 1)
    }

    /// Passes a string, and returns it with its place. One with a backslash has no meaning here.
    fn string(&mut self) -> Option<(&'a [u8], usize)> {
        self.pass_blanks();
        let quote = *self.text.get(self.at).filter(|byte| b"'\"".contains(byte))?;
        let start = self.at + 1;
        let length = memchr::memchr2(quote, b'\n', &self.text[start..])?;
        let string = &self.text[start..start + length];
        if self.text[start + length] != quote || string.contains(&b'\\') {
            return None;
        }
        self.at = start + length + 1;
        Some((string, start))
    }

    fn is_at_line_end(&self) -> bool {
        let rest = &self.text[self.at..];
        let rest = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        rest.trim_ascii().is_empty()
    }
}
