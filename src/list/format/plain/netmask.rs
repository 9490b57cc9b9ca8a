//! `NETWORK NETMASK`, in columns: a plain list whose networks have their netmasks behind blanks.
//!
//! Two addresses may as well be the first and the last of a range, so they are read only if each second
//! one of the whole list is a netmask.

use super::shapes::unless_allowed;
use super::{said, send};
use crate::ip::Range;
use crate::list::entry::Entry;
use crate::list::format::reader::{Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::grammar::{Form, LeadingEntry, check_comment, is_end, leading_entry, skip_blanks};

const NAME: &str = "network and netmask";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| network(line).is_some()), read };

/// The network of a line with a netmask, and the offset behind that.
fn network(line: &Line<'_>) -> Option<(Entry, usize)> {
    let (address, mask) = columns(line)?;
    let end = mask.end;
    let (Entry::V4(address), Entry::V4(mask)) = (address.entry, mask.entry) else { return None };
    let bits = mask.first();
    let length = bits.leading_ones();
    let is_mask = bits != 0 && length + bits.trailing_zeros() == 32;
    // A host with the netmask of the network that it is in is another thing.
    let network = Range::network(address.first(), length as u8);
    (is_mask && network.first() == address.first()).then_some((Entry::V4(network), end))
}

/// Two addresses with blanks between them, with which the line ends.
fn columns(line: &Line<'_>) -> Option<(LeadingEntry, LeadingEntry)> {
    let first = line.leading().filter(|first| first.form == Form::Host)?;
    let start = skip_blanks(line.text, first.end);
    let second = leading_entry(line.text, start).ok().filter(|second| second.form == Form::Host)?;
    let rest = skip_blanks(line.text, second.end);
    let ends = rest == line.text.len() || rest > second.end && is_end(line.text, rest);
    (start > first.end && ends).then_some((*first, second))
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let all = &mut Lines::of(lines.text(), lines.reading);
    let mut are_masks = true;
    while let Some(line) = all.line().filter(|_| are_masks) {
        are_masks = columns(line).is_none() || network(line).is_some();
        all.advance();
    }
    while let Some(line) = lines.line() {
        let purpose = lines.reading.purpose;
        match network(line).filter(|_| are_masks) {
            Some((entry, end)) => {
                let rest = skip_blanks(line.text, end);
                let comment = check_comment(line.text, rest);
                match comment.or_else(|error| unless_allowed(error, purpose)) {
                    Ok(()) => sink.entry(line.number, entry, None),
                    Err(error) => lines.reject(error, sink),
                }
            }
            None => match said(line, lines.reading) {
                Some(Ok(shape)) => send(line.number, shape, sink),
                Some(Err(error)) => lines.reject(error, sink),
                None => lines.reject_unknown(sink),
            },
        }
        lines.advance();
    }
    Ok(NAME.into())
}
