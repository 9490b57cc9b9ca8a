//! The rules of an export: what they let pass.

use std::borrow::Cow;

use super::words::{Pair, Words};
use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Sink};
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{ParseError, Reason};

/// Notifies of what a rule of the firewall lets pass.
pub fn rule(number: u64, mut words: Words<'_>, sink: &mut dyn Sink) {
    // What no action is named for is accepted.
    let (mut action, mut is_disabled) = (Cow::Borrowed(&b"accept"[..]), false);
    let (mut lists, mut addresses) = (Vec::new(), Vec::new());
    while let Some(word) = words.take() {
        let Some(Pair { name, value, .. }) = word.pair() else { continue };
        match name {
            b"action" => action = value,
            b"disabled" => is_disabled |= is_yes(&value),
            b"src-address-list" | b"dst-address-list" => lists.push(value),
            b"src-address" | b"dst-address" => addresses.push(value),
            _ => {}
        }
    }
    let accepts = matches!(&*action, b"accept" | b"return");
    let drops = matches!(&*action, b"drop" | b"reject" | b"tarpit");
    if is_disabled || !accepts && !drops {
        return;
    }
    let passing = |value: &[u8]| match value.strip_prefix(b"!") {
        Some(_) => drops,
        None => accepts,
    };
    for list in lists.iter().filter(|list| passing(list)) {
        sink.event(number, Event::Accepted(list.strip_prefix(b"!").unwrap_or(list)));
    }
    for address in addresses.iter().filter(|address| passing(address)) {
        if let Ok(entry) = whole(address.strip_prefix(b"!").unwrap_or(address)) {
            sink.event(number, Event::Outside);
            sink.event(number, Event::Exception(entry));
        }
    }
}

pub fn is_yes(value: &[u8]) -> bool {
    matches!(value, b"yes" | b"true")
}

/// An entry with nothing else.
pub fn whole(text: &[u8]) -> Result<Entry, ParseError> {
    let leading = leading_entry(text, 0)?;
    if leading.end < text.len() {
        return Err(ParseError::at(leading.end, Reason::TrailingText));
    }
    Ok(leading.entry)
}
