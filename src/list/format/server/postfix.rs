//! `NETWORK ACTION`: access tables of Postfix in the form `cidr:`.

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::{Form, leading_entry, skip_blanks};
use crate::list::parse_error::{ParseError, Reason};

pub const NAME: &str = "Postfix access table";

pub static FORMAT: Format = Format { name: NAME, sign: Sign::Line(is_of_the_format), read };

/// What an action does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Drops,
    Passes,
    /// It names another treatment.
    Other,
}

/// The action at the beginning of a text; `None` if it is no word that Postfix knows.
fn action(text: &[u8]) -> Option<Action> {
    let first = text.split(u8::is_ascii_whitespace).next().unwrap_or(text);
    let has_more = text.trim_ascii_end().len() > first.len();
    let digits = first.iter().all(u8::is_ascii_digit);
    match first.to_ascii_uppercase().as_slice() {
        b"REJECT" | b"DROP" => Some(Action::Drops),
        [b'4' | b'5', _, _] if digits && has_more => Some(Action::Drops),
        [b'4' | b'5', b'.', b'0'..=b'9', b'.', ..] if has_more => Some(Action::Drops),
        b"OK" | b"DUNNO" | b"PERMIT" | b"RELAY" => Some(Action::Passes),
        word if word.starts_with(b"PERMIT_") => Some(Action::Passes),
        // A number alone stands for OK; three digits alone could be meant as a code.
        [_, _, _, _, ..] if digits && !has_more => Some(Action::Passes),
        b"WARN" | b"FILTER" | b"PREPEND" | b"DISCARD" | b"HOLD" | b"REDIRECT" | b"INFO"
        | b"BCC" | b"DEFER" | b"DEFER_IF_REJECT" | b"DEFER_IF_PERMIT" => Some(Action::Other),
        word if word.starts_with(b"REJECT_") || word.starts_with(b"CHECK_") => Some(Action::Other),
        _ => None,
    }
}

/// Whether a text behind a network is an action as Postfix writes it, and no description.
pub fn is_action(text: &[u8]) -> bool {
    let first = text.split(u8::is_ascii_whitespace).next().unwrap_or(text);
    let is_word = first.len() > 1 && first.iter().all(|byte| byte.is_ascii_uppercase());
    (is_word || first.contains(&b'_')) && action(text).is_some()
}

fn is_of_the_format(line: &Line<'_>) -> bool {
    let Some(leading) = line.leading().filter(|leading| leading.form != Form::Range) else {
        return false;
    };
    let at = skip_blanks(line.text, leading.end);
    at > leading.end && action(&line.text[at..]) == Some(Action::Drops)
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    // Within `if` a line counts for some addresses only.
    let mut depth = 0u64;
    let mut is_continued = false;
    while let Some(line) = lines.line() {
        let &Line { number, raw, text, .. } = line;
        let (first, end) = word(text, skip_blanks(text, 0));
        if line.is_blank() {
        } else if text.starts_with(b" ") || text.starts_with(b"\t") {
            // The text of the line above goes on, unless it looks like a line of its own.
            if is_continued && leading_entry(text, skip_blanks(text, 0)).is_err() {
                sink.event(number, Event::Skipped);
            } else {
                lines.reject_other(NAME, sink);
            }
        } else {
            is_continued = true;
            match first.to_ascii_lowercase().as_slice() {
                b"if" => {
                    depth += 1;
                    sink.event(number, Event::Skipped);
                }
                b"endif" => {
                    depth = depth.saturating_sub(1);
                    sink.event(number, Event::Skipped);
                }
                _ => match rule(text, end) {
                    Some(Ok((Action::Passes, entry))) => {
                        sink.event(number, Event::Exception(entry));
                    }
                    Some(Ok(_)) if depth > 0 => {
                        sink.reject(number, ParseError::at(0, Reason::UnknownBlock), raw);
                    }
                    Some(Ok((_, entry))) => sink.entry(number, entry, None),
                    Some(Err(error)) => lines.reject(error, sink),
                    None => {
                        is_continued = false;
                        lines.reject_other(NAME, sink);
                    }
                },
            }
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// The network of a line, which ends at `end`, and what is done with it.
fn rule(line: &[u8], end: usize) -> Option<Result<(Action, Entry), ParseError>> {
    let at = skip_blanks(line, end);
    let action = action(&line[at..]);
    if line.first() == Some(&b'!') {
        // It stands for all other addresses.
        return Some(Err(ParseError::at(0, Reason::OtherAction)));
    }
    let leading = match leading_entry(&line[..end], 0) {
        Ok(leading) if leading.end == end && leading.form != Form::Range => leading,
        Ok(leading) => return action.map(|_| Err(leading.trailing_text(line))),
        Err(error) => return action.map(|_| Err(error)),
    };
    match action {
        Some(Action::Other) => Some(Err(ParseError::at(at, Reason::OtherAction))),
        Some(action) => Some(Ok((action, leading.entry))),
        None if at < line.len() => Some(Err(ParseError::at(at, Reason::OtherAction))),
        None => None,
    }
}
