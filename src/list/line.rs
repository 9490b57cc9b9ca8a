//! One line to one entry.
//!
//! Knows the grammar of drop_ips(5) and nothing of files. Never guesses: a line is an entry as a
//! whole, or nothing at all (blank, comment), or rejected with the column and the reason.

use std::fmt;
use std::net::Ipv4Addr;

use super::address::{is_address_byte, parse_v4, parse_v6};
use super::end::End;
use super::parse_error::{MAX_LINE, ParseError, Reason};
use crate::ip::range::Range;

/// What one line of a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A host, network or range of IPv4.
    V4(Range<u32>),
    /// A host, network or range of IPv6.
    V6(Range<u128>),
}

impl fmt::Display for Entry {
    /// A network where it is one, else `first-last`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::V4(range) => range.network_or_range().fmt(f),
            Entry::V6(range) => range.network_or_range().fmt(f),
        }
    }
}

/// Reads one line, without its LF; a CR before that is ignored.
///
/// `None` is a line with nothing on it, or only a comment. Knows nothing of feeds: see
/// [`super::format`] for what else a line may be.
pub fn parse(line: &[u8]) -> Result<Option<(Entry, Option<End>)>, ParseError> {
    match read(line)? {
        Line::Nothing => Ok(None),
        Line::Entry(entry, end) => Ok(Some((entry, end))),
        Line::LeadingEntry(front) => Err(front.fault(trim(line)?)),
    }
}

/// What the grammar finds on a line.
pub(super) enum Line {
    /// Blanks, a comment.
    Nothing,
    /// An entry, perhaps with its end, and nothing else.
    Entry(Entry, Option<End>),
    /// An entry with text behind it that is no comment. Only a feed can explain that.
    LeadingEntry(LeadingEntry),
}

/// An entry that text stands behind.
#[derive(Clone, Copy)]
pub(super) struct LeadingEntry {
    pub entry: Entry,
    pub form: Form,
    /// Where the entry ends.
    pub end: usize,
}

/// How an entry is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Host,
    Network,
    Range,
}

impl LeadingEntry {
    /// The fault of the text behind the entry.
    pub fn fault(&self, line: &[u8]) -> ParseError {
        ParseError::at(skip_blanks(line, self.end), Reason::TrailingText)
    }
}

/// Reads one line as [`parse`] does, and says more of what it is not.
#[inline]
pub(super) fn read(line: &[u8]) -> Result<Line, ParseError> {
    let line = trim(line)?;
    let start = skip_blanks(line, 0);
    if is_end(line, start) {
        return Ok(Line::Nothing);
    }
    let front = parse_front(line, start)?;
    let rest = skip_blanks(line, front.end);
    let ends = rest == line.len() || rest > front.end && is_end(line, rest);
    if ends {
        return Ok(Line::Entry(front.entry, None));
    }
    if rest > front.end && is_word(line, rest, b"until") {
        return Ok(Line::Entry(front.entry, Some(parse_until(line, rest)?)));
    }
    Ok(Line::LeadingEntry(front))
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
    if rest < line.len() && !(rest > stop && is_end(line, rest)) {
        return Err(ParseError::at(rest, Reason::TrailingText));
    }
    Ok(end)
}

/// A line without its CR, if it is one that can be read at all.
pub(super) fn trim(line: &[u8]) -> Result<&[u8], ParseError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > MAX_LINE {
        return Err(ParseError::at(MAX_LINE, Reason::TooLong));
    }
    if let Some(at) = memchr::memchr(0, line) {
        return Err(ParseError::at(at, Reason::Nul));
    }
    Ok(line)
}

/// How far [`parse_plain_v4`] looks ahead: `255.255.255.255/32` with CR and LF is 20 bytes, and the
/// last octet is loaded as four.
const PLAIN: usize = 24;

/// Reads the commonest line, `a.b.c.d` or `a.b.c.d/len` at the very start of `text` with a line
/// end behind it. Returns the range and the bytes used, line end included.
///
/// `None` says only that this is some other line, or too near to the end of the text: [`parse`]
/// decides what it is, and agrees with this function wherever it returns something.
///
/// Octets of one to three digits at random are what a branch predictor cannot learn, and it is
/// most of what reading a list costs; so the digits of an octet are taken as one word, whatever
/// their number, and all faults are gathered into one decision. Half the time of a loop.
#[inline]
pub fn parse_plain_v4(text: &[u8]) -> Option<(Range<u32>, usize)> {
    let text: &[u8; PLAIN] = text.first_chunk()?;
    let (address, mut at) = parse_octets_at_once(text)?;
    let mut length = 32;
    if text[at] == b'/' {
        let tens = text[at + 1].wrapping_sub(b'0');
        let ones = text[at + 2].wrapping_sub(b'0');
        (length, at) = match (tens, ones) {
            (1..=3, 0..=9) if tens * 10 + ones <= 32 => (tens * 10 + ones, at + 3),
            (0..=9, 10..) => (tens, at + 2),
            _ => return None,
        };
    }
    if text[at] == b'\r' {
        at += 1;
    }
    (text[at] == b'\n').then(|| (Range::network(address, length), at + 1))
}

/// Reads `a.b.c.d` at the start of `text`, and returns where it ends. `None` says only that this
/// is something else.
#[inline(always)]
fn parse_octets_at_once(text: &[u8; PLAIN]) -> Option<(u32, usize)> {
    let mut others = not_digits(text);
    let mut address = 0;
    let mut start = 0;
    let mut fault = false;
    for octet in 0..4 {
        // The 128 of a word without a bit left becomes 16, which is too far for any octet.
        let end = others.trailing_zeros() as usize / 8;
        others &= others.wrapping_sub(1);
        let word: [u8; 4] = *text.get(start..)?.first_chunk()?;
        let digits = u32::from_le_bytes(word) ^ 0x3030_3030;
        let length = end.wrapping_sub(start);
        // The last digit goes to the highest byte; zeros come in for those that are not there.
        let aligned = digits.wrapping_shl(8 * (4 - length as u32 % 4));
        let value = (aligned >> 24) + 10 * (aligned >> 16 & 0xff) + 100 * (aligned >> 8 & 0xff);
        fault |= length.wrapping_sub(1) > 2;
        fault |= value > 255;
        fault |= length > 1 && digits & 0xff == 0;
        fault |= octet < 3 && *text.get(end)? != b'.';
        address = address << 8 | value & 0xff;
        start = end + 1;
    }
    (!fault).then(|| (address, start - 1))
}

/// The bytes among the first 16 that are no digits, as their highest bits.
#[inline]
fn not_digits(text: &[u8; PLAIN]) -> u128 {
    const ONES: u128 = u128::MAX / 0xff;
    let Some(&word) = text.first_chunk() else { return 0 };
    let word = u128::from_le_bytes(word) ^ (ONES * 0x30);
    // Digits are 0 to 9 now, and 0x76 more reaches the highest bit from 10 on; the bytes that had
    // it before are left out of the sum, for it to stay within each byte.
    (((word & (ONES * 0x7f)) + ONES * 0x76) | word) & (ONES * 0x80)
}

pub(super) fn skip_blanks(line: &[u8], at: usize) -> usize {
    let blanks = line[at..].iter().take_while(|&&byte| byte == b' ' || byte == b'\t');
    at + blanks.count()
}

/// Whether nothing but a comment is left from `at`, where a comment may begin.
pub(super) fn is_end(line: &[u8], at: usize) -> bool {
    let rest = &line[at..];
    rest.is_empty() || rest[0] == b'#' || rest[0] == b';' || rest.starts_with(b"//")
}

/// A host, a network or a range at `start`.
pub(super) fn parse_front(line: &[u8], start: usize) -> Result<LeadingEntry, ParseError> {
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
    Ok(LeadingEntry { entry: host(address), form: Form::Host, end })
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
    let mut padded = [0; PLAIN];
    let text = rest.first_chunk().unwrap_or_else(|| {
        padded[..rest.len()].copy_from_slice(rest);
        &padded
    });
    if let Some((address, end)) = parse_octets_at_once(text) {
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
        Err(fault) => Err(ParseError::at(start + fault.at, fault.reason)),
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
    let fault = |reason| ParseError::at(length_at, reason);
    match address {
        Written::V4(address) => {
            let length = if length.contains(&b'.') {
                netmask_length(length).map_err(fault)?
            } else {
                prefix_length(length, 32).map_err(fault)?
            };
            Ok(Entry::V4(Range::network(address, length)))
        }
        Written::V6(address) => {
            let length = prefix_length(length, 128).map_err(fault)?;
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

pub(super) fn prefix_length(text: &[u8], most: u8) -> Result<u8, Reason> {
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
