//! How rbldnsd writes addresses: `127/8`, `127.0.0`, `127.0.0.1-255`, `2001:db8`.

use crate::ip::Range;
use crate::list::address::parse_v6;
use crate::list::entry::Entry;
use crate::list::format::octets::octets;
use crate::list::grammar::{leading_entry, prefix_length};
use crate::list::parse_error::Reason;

/// The entry that a word is.
pub fn range(text: &[u8]) -> Result<Entry, Reason> {
    if text.contains(&b':') {
        return six(text);
    }
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return Err(Reason::NotAnAddress);
    }
    if let Some(slash) = memchr::memchr(b'/', text) {
        let (address, _) = octets(&text[..slash]).ok_or(Reason::NotFourOctets)?;
        let length = prefix_length(&text[slash + 1..], 32)?;
        return Ok(Entry::V4(Range::network(address, length)));
    }
    let Some(dash) = memchr::memchr(b'-', text) else {
        let (address, count) = octets(text).ok_or(Reason::NotFourOctets)?;
        return Ok(Entry::V4(Range::network(address, 8 * count)));
    };
    let (first, count) = octets(&text[..dash]).ok_or(Reason::NotFourOctets)?;
    let (last, last_count) = octets(&text[dash + 1..]).ok_or(Reason::NotFourOctets)?;
    let end = if last_count == 1 {
        // The last octet of the first address that is written.
        let shift = 8 * (u32::from(count) - 1);
        let kept = first & !(u32::MAX >> shift);
        Range::network(kept | last >> shift, 8 * count).last()
    } else {
        Range::network(last, 8 * last_count).last()
    };
    Range::new(first, end).map(Entry::V4).ok_or(Reason::ReversedRange)
}

/// An IPv6 network. Groups at its end that are zero may be missing.
fn six(text: &[u8]) -> Result<Entry, Reason> {
    let slash = memchr::memchr(b'/', text).unwrap_or(text.len());
    let groups = text[..slash].split(|byte| *byte == b':').count();
    if memchr::memmem::find(text, b"::").is_some() || groups >= 8 {
        let leading = leading_entry(text, 0).map_err(|error| error.reason)?;
        return if leading.end == text.len() {
            Ok(leading.entry)
        } else {
            Err(Reason::TrailingText)
        };
    }
    // A hardware address has groups of two digits, all of them.
    if text[..slash].split(|byte| *byte == b':').all(|group| group.len() == 2) {
        return Err(Reason::HardwareAddress);
    }
    let address = [&text[..slash], &b"::"[..]].concat();
    let address = parse_v6(&address).map_err(|error| error.reason)?;
    let length = match text.get(slash + 1..) {
        Some(length) => prefix_length(length, 128)?,
        None => 16 * groups as u8,
    };
    Ok(Entry::V6(Range::network(address, length)))
}
