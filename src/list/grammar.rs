//! How an entry is written: a host, a network, a range; alone on a line, or at the head of one.
//!
//! Knows the grammar of drop_ips(5) and nothing of files. Never guesses: what is not an entry as a
//! whole is an error with the offset and the reason.

use std::net::Ipv4Addr;

use super::address::{LOOKAHEAD, is_address_byte, parse_v4, parse_v4_at_once, parse_v6};
use super::end::End;
use super::entry::Entry;
use super::parse_error::{MAX_LINE, ParseError, Reason};
use super::verdict;
use crate::ip::Range;

/// What the grammar finds on a line.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// Blanks, a comment.
    Nothing,
    /// An entry, perhaps with its end, and nothing else.
    Entry(Entry, Option<End>),
    /// An entry with text behind it that is no comment. Only a format can explain that.
    LeadingEntry(LeadingEntry),
}

/// An entry that stands at the head of some text.
#[derive(Clone, Copy, Debug)]
pub struct LeadingEntry {
    /// The entry alone.
    pub entry: Entry,
    /// How it is written.
    pub form: Form,
    /// The offset at which it ends.
    pub end: usize,
}

/// How an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An address alone.
    Host,
    /// An address, a slash, and a prefix length or netmask.
    Network,
    /// Two addresses with a dash between them.
    Range,
}

impl LeadingEntry {
    /// The error that text behind the entry is, where no format explains it.
    pub fn trailing_text(&self, line: &[u8]) -> ParseError {
        ParseError::at(skip_blanks(line, self.end), Reason::TrailingText)
    }
}

/// Reads a line, as [`trim`] has left it.
#[inline]
pub fn read_line(line: &[u8]) -> Result<Found, ParseError> {
    let start = skip_blanks(line, 0);
    if is_end(line, start) {
        return Ok(Found::Nothing);
    }
    let leading = leading_entry(line, start)?;
    let rest = skip_blanks(line, leading.end);
    if rest == line.len() {
        return Ok(Found::Entry(leading.entry, None));
    }
    if rest > leading.end && is_end(line, rest) {
        if let Err(error) = check_comment(line, rest) {
            check_address_inside(line, &leading, error)?;
        }
        return Ok(Found::Entry(leading.entry, None));
    }
    if rest > leading.end && is_word(line, rest, b"until") {
        return Ok(Found::Entry(leading.entry, Some(parse_until(line, rest)?)));
    }
    Ok(Found::LeadingEntry(leading))
}

/// Whether a blank-separated word stands at `at`.
fn is_word(line: &[u8], at: usize, word: &[u8]) -> bool {
    let rest = line[at..].strip_prefix(word);
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b' ' | b'\t')))
}

/// Reads the time behind the word `until` at `at`, with which the line ends.
fn parse_until(line: &[u8], at: usize) -> Result<End, ParseError> {
    let start = skip_blanks(line, at + b"until".len());
    let length = line[start..].iter().take_while(|&&byte| byte != b' ' && byte != b'\t').count();
    let stop = start + length;
    let end = End::parse(&line[start..stop]).ok_or(ParseError::at(start, Reason::NotATime))?;
    let rest = skip_blanks(line, stop);
    if rest < line.len() {
        if rest == stop || !is_end(line, rest) {
            return Err(ParseError::at(rest, Reason::TrailingText));
        }
        check_comment(line, rest)?;
    }
    Ok(end)
}

/// Checks the comment behind an entry, of which the sign stands at `at`: its first word must not say that
/// the entry is not bad, and must not be an address, since that may be the end of a range.
#[inline]
pub fn check_comment(line: &[u8], at: usize) -> Result<(), ParseError> {
    let is_sign = |byte: &&u8| matches!(byte, b'#' | b';' | b'/' | b' ' | b'\t');
    let start = at + line[at..].iter().take_while(is_sign).count();
    // A list of a million lines has a comment on each, and nearly all are of no interest by three letters.
    if let Some(&first) = line.get(start) {
        let is_letter = first.is_ascii_alphanumeric() && !is_address_byte(first);
        if is_letter && !verdict::may_begin(&line[start..]) {
            return Ok(());
        }
    }
    if line.get(start).is_some_and(|&byte| is_address_byte(byte))
        && leading_entry(line, start).is_ok()
    {
        return Err(ParseError::at(start, Reason::SecondAddress));
    }
    if verdict::comment_denies(&line[start..]) {
        return Err(ParseError::at(start, Reason::Verdict));
    }
    Ok(())
}

/// Takes back what is wrong with a comment that begins with an address, if the entry is a network with its
/// length, and that address is in it: then it is the end of no range.
#[cold]
fn check_address_inside(
    line: &[u8],
    of: &LeadingEntry,
    error: ParseError,
) -> Result<(), ParseError> {
    if error.reason != Reason::SecondAddress || of.form != Form::Network {
        return Err(error);
    }
    let inner = leading_entry(line, error.at)?;
    let is_inside = match (inner.entry, of.entry) {
        (Entry::V4(inner), Entry::V4(outer)) => {
            outer.contains(inner.first()) && outer.contains(inner.last())
        }
        (Entry::V6(inner), Entry::V6(outer)) => {
            outer.contains(inner.first()) && outer.contains(inner.last())
        }
        _ => false,
    };
    if is_inside { check_comment(line, inner.end) } else { Err(error) }
}

/// A line without its CR, if it is one that can be read at all.
pub fn trim(line: &[u8]) -> Result<&[u8], ParseError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LINE {
        return Err(ParseError::at(MAX_LINE, Reason::TooLong));
    }
    if let Some(at) = memchr::memchr(0, line) {
        return Err(ParseError::at(at, Reason::Nul));
    }
    Ok(line)
}

/// The offset of the first byte from `at` on that is neither a space nor a tab.
pub fn skip_blanks(line: &[u8], at: usize) -> usize {
    let blanks = line[at..].iter().take_while(|&&byte| byte == b' ' || byte == b'\t');
    at + blanks.count()
}

/// Whether nothing but a comment is left from `at`, where a comment may begin.
pub fn is_end(line: &[u8], at: usize) -> bool {
    let rest = &line[at..];
    rest.is_empty() || rest[0] == b'#' || rest[0] == b';' || rest.starts_with(b"//")
}

/// Reads the host, the network or the range that stands at `start`.
pub fn leading_entry(line: &[u8], start: usize) -> Result<LeadingEntry, ParseError> {
    let (address, end) = parse_address(line, start)?;
    match line.get(end) {
        Some(b'/') => {
            let stop = length_end(line, end + 1);
            let entry = parse_network(address, start, &line[end + 1..stop], end + 1)?;
            return Ok(LeadingEntry { entry, form: Form::Network, end: stop });
        }
        Some(b'%') => return Err(ParseError::at(end, Reason::Zone)),
        _ => {}
    }
    let dash = skip_blanks(line, end);
    if line.get(dash) == Some(&b'-') {
        let (last, stop) = parse_address(line, skip_blanks(line, dash + 1))?;
        let entry = parse_range(address, last, start)?;
        return Ok(LeadingEntry { entry, form: Form::Range, end: stop });
    }
    // A hardware address of eight bytes has the form of an IPv6 address, and the letters too.
    if matches!(address, Written::V6(_)) && is_pairs(&line[start..end]) {
        return Err(ParseError::at(start, Reason::HardwareAddress));
    }
    Ok(LeadingEntry { entry: host(address), form: Form::Host, end })
}

/// Whether an address is eight groups of two digits each.
fn is_pairs(address: &[u8]) -> bool {
    address.len() == 23 && address.iter().skip(2).step_by(3).all(|&byte| byte == b':')
}

/// An address as written, before an IPv4-mapped one has become IPv4.
#[derive(Clone, Copy)]
enum Written {
    V4(u32),
    V6(u128),
}

fn parse_address(line: &[u8], start: usize) -> Result<(Written, usize), ParseError> {
    // Most addresses are of the plain form; where they are not, the reading below says why.
    let rest = &line[start..];
    let mut padded = [0; LOOKAHEAD];
    let text = rest.first_chunk().unwrap_or_else(|| {
        padded[..rest.len()].copy_from_slice(rest);
        &padded
    });
    if let Some((address, end)) = parse_v4_at_once(text) {
        if !is_address_byte(text[end]) {
            return Ok((Written::V4(address), start + end));
        }
    }
    let length = line[start..].iter().take_while(|&&byte| is_address_byte(byte)).count();
    let text = &line[start..start + length];
    let address = if text.contains(&b':') {
        parse_v6(text).map(Written::V6)
    } else if text.first().is_some_and(u8::is_ascii_digit) {
        parse_v4(text).map(Written::V4)
    } else {
        Err(ParseError::at(0, Reason::NotAnAddress))
    };
    match address {
        Ok(address) => Ok((address, start + length)),
        Err(error) => Err(error.behind(start)),
    }
}

/// The IPv4 address in an IPv4-mapped one, `::ffff:0:0/96` (RFC 4291, section 2.5.5.2).
fn mapped(address: u128) -> Option<u32> {
    (address >> 32 == 0xffff).then_some(address as u32)
}

/// Whether a range holds some IPv4-mapped addresses without holding the `/95` around all of them.
///
/// Entries hold that network as a whole or stay out of the mapped block, and so does whatever is
/// merged from them; so a merged result never has an IPv4-mapped network in it, which could not
/// be read back.
fn cuts_mapped(range: Range<u128>) -> bool {
    let around = Range::network(0xffff << 32, 95);
    let block = Range::network(0xffff << 32, 96);
    range.overlaps(block) && (range.first() > around.first() || range.last() < around.last())
}

fn host(address: Written) -> Entry {
    match address {
        Written::V4(address) => Entry::V4(Range::host(address)),
        Written::V6(address) => match mapped(address) {
            Some(address) => Entry::V4(Range::host(address)),
            None => Entry::V6(Range::host(address)),
        },
    }
}

fn length_end(line: &[u8], start: usize) -> usize {
    let digits = line[start..].iter().take_while(|&&byte| byte.is_ascii_digit() || byte == b'.');
    start + digits.count()
}

fn parse_network(
    address: Written,
    address_at: usize,
    length: &[u8],
    length_at: usize,
) -> Result<Entry, ParseError> {
    let error = |reason| ParseError::at(length_at, reason);
    match address {
        Written::V4(address) => {
            let length = if length.contains(&b'.') {
                netmask_length(length).map_err(error)?
            } else {
                prefix_length(length, 32).map_err(error)?
            };
            Ok(Entry::V4(Range::network(address, length)))
        }
        Written::V6(address) => {
            let length = prefix_length(length, 128).map_err(error)?;
            match mapped(address) {
                None => Ok(Entry::V6(Range::network(address, length))),
                Some(address) if length == 128 => Ok(Entry::V4(Range::host(address))),
                Some(address) => {
                    // In full: a mapped /96 must never become 0.0.0.0/0 by being helpful.
                    let network = length.checked_sub(96).map(|length| {
                        (Ipv4Addr::from(Range::network(address, length).first()), length)
                    });
                    Err(ParseError::at(address_at, Reason::MappedNetwork(network)))
                }
            }
        }
    }
}

/// Reads a prefix length of at most `most`.
pub fn prefix_length(text: &[u8], most: u8) -> Result<u8, Reason> {
    let leading_zero = text.len() > 1 && text[0] == b'0';
    if text.is_empty() || leading_zero || !text.iter().all(u8::is_ascii_digit) {
        return Err(Reason::NotALength);
    }
    let length = text.iter().fold(0u32, |length, &digit| {
        length.saturating_mul(10).saturating_add(u32::from(digit - b'0'))
    });
    match u8::try_from(length) {
        Ok(length) if length <= most => Ok(length),
        _ => Err(Reason::LengthTooLarge(most)),
    }
}

fn netmask_length(text: &[u8]) -> Result<u8, Reason> {
    let mask = parse_v4(text).map_err(|_| Reason::NotALength)?;
    if mask == 0 {
        return Err(Reason::ZeroNetmask);
    }
    if mask.leading_ones() + mask.trailing_zeros() != 32 {
        return Err(Reason::NotContiguous);
    }
    Ok(mask.leading_ones() as u8)
}

fn parse_range(first: Written, last: Written, at: usize) -> Result<Entry, ParseError> {
    let entry = match (first, last) {
        (Written::V4(first), Written::V4(last)) => Range::new(first, last).map(Entry::V4),
        (Written::V6(first), Written::V6(last)) => {
            let range = Range::new(first, last);
            if range.is_some_and(cuts_mapped) {
                return Err(ParseError::at(at, Reason::MappedRange));
            }
            range.map(Entry::V6)
        }
        _ => return Err(ParseError::at(at, Reason::MixedRange)),
    };
    entry.ok_or(ParseError::at(at, Reason::ReversedRange))
}
