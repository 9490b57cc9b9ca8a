//! How a line of a file that is no list is looked at: its words, and what in them is an address.

use std::net::{IpAddr, Ipv4Addr};

use memchr::memmem;

use crate::list::format::reader::Line;
use crate::list::format::text::unquoted;

/// What a line is to a kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Files of this kind have such lines, and lists have none.
    Sign,
    /// A line that may stand in such a file, and says nothing by itself.
    Part,
    /// A line that does not belong there.
    Other,
    /// A line, perhaps a comment, that shows that the file is of another kind.
    Contrary,
}

impl Look {
    /// A sign, if that is true.
    pub fn sign(is_one: bool) -> Self {
        if is_one { Look::Sign } else { Look::Other }
    }

    /// A part, if it is nothing better and that is true.
    pub fn or_part(self, is_one: bool) -> Self {
        if self == Look::Other && is_one { Look::Part } else { self }
    }
}

/// How many words of a line are looked at, and how many bytes: what a line is, its beginning shows.
const WORDS: usize = 24;
const BYTES: usize = 4 << 10;

/// A line and its words, made once for all kinds.
pub struct Text<'a> {
    /// The line, and what the grammar of entries says of it.
    pub line: &'a Line<'a>,
    /// It without its CR, or the beginning of a long one.
    pub text: &'a [u8],
    words: [&'a [u8]; WORDS],
    count: usize,
}

impl<'a> Text<'a> {
    /// Divides a line into words.
    pub fn of(line: &'a Line<'a>) -> Self {
        let text = &line.raw[..line.raw.len().min(BYTES)];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let mut words: [&[u8]; WORDS] = [b""; WORDS];
        let mut count = 0;
        let found = text.split(|byte| matches!(byte, b' ' | b'\t'));
        for word in found.filter(|word| !word.is_empty()).take(WORDS) {
            words[count] = word;
            count += 1;
        }
        Text { line, text, words, count }
    }

    /// The words; of a long line the first ones.
    pub fn words(&self) -> &[&'a [u8]] {
        &self.words[..self.count]
    }

    /// A word by its number from 0; nothing behind the last.
    pub fn word(&self, index: usize) -> &'a [u8] {
        self.words().get(index).copied().unwrap_or_default()
    }

    /// Whether a word stands anywhere in it.
    pub fn has(&self, word: &[u8]) -> bool {
        self.words().contains(&word)
    }

    /// Whether a text stands anywhere in it.
    pub fn holds(&self, part: &[u8]) -> bool {
        memmem::find(self.text, part).is_some()
    }

    /// Whether it begins so.
    pub fn begins(&self, beginning: &[u8]) -> bool {
        self.text.starts_with(beginning)
    }

    /// Whether its first words are these.
    pub fn first_are(&self, words: &[&[u8]]) -> bool {
        self.words().starts_with(words)
    }

    /// Whether it begins with a blank.
    pub fn is_indented(&self) -> bool {
        matches!(self.text.first(), Some(b' ' | b'\t'))
    }

    /// Whether the grammar of entries has explained it as a whole.
    pub fn is_entry(&self) -> bool {
        self.line.error().is_none()
    }

    /// Whether it is the header of a CSV table that names a column of addresses, perhaps in a comment.
    pub fn is_csv_head(&self) -> bool {
        const NAMES: [&str; 22] = [
            "ip",
            "ip_address",
            "ipaddress",
            "address",
            "network",
            "cidr",
            "prefix",
            "subnet",
            "src_ip",
            "dst_ip",
            "start",
            "end",
            "first",
            "last",
            "from",
            "to",
            "start_ip",
            "end_ip",
            "first_ip",
            "last_ip",
            "range_start",
            "range_end",
        ];
        let names = |field: &[u8]| {
            let name = field.strip_prefix(b"#").unwrap_or(field).trim_ascii();
            NAMES.iter().any(|known| unquoted(name).eq_ignore_ascii_case(known.as_bytes()))
        };
        let sign = if self.holds(b",") { b',' } else { b';' };
        self.text.contains(&sign)
            && self.fields(sign).any(names)
            && !self.fields(sign).any(is_place)
    }

    /// Its parts between signs of one kind, without blanks and quotes around them.
    pub fn fields(&self, sign: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.text.split(move |byte| *byte == sign).map(|field| unquoted(field.trim_ascii()))
    }
}

/// The address that a text is.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    let may_be = text.first().is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':');
    let text = std::str::from_utf8(text).ok().filter(|text| may_be && text.len() <= 45)?;
    text.parse().ok()
}

/// Whether a text is an address.
pub fn is_host(text: &[u8]) -> bool {
    address(text).is_some()
}

/// Whether a text is an address with a slash and a number.
pub fn is_network(text: &[u8]) -> bool {
    split_once(text, b'/').is_some_and(|(host, length)| is_host(host) && is_number(length))
}

/// Whether a text is one of both.
pub fn is_place(text: &[u8]) -> bool {
    is_host(text) || is_network(text)
}

/// The IPv4 address that a text is.
pub fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    match address(text) {
        Some(IpAddr::V4(address)) => Some(address),
        _ => None,
    }
}

/// Whether a text is a mask with its ones behind, as routers write it: 0.0.0.255. All zeros are
/// one, too.
pub fn is_wildcard(text: &[u8]) -> bool {
    v4(text).is_some_and(|mask| u32::from(mask) & u32::from(mask).wrapping_add(1) == 0)
}

/// Whether a text has digits only, and not too many.
pub fn is_number(text: &[u8]) -> bool {
    (1..=20).contains(&text.len()) && text.iter().all(u8::is_ascii_digit)
}

/// What stands before and behind the first sign of a kind.
pub fn split_once(text: &[u8], sign: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(sign, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Whether a word is one of some.
pub fn is_any(word: &[u8], of: &[&str]) -> bool {
    of.iter().any(|known| known.as_bytes() == word)
}

/// Whether a text begins with two digits each of hours, minutes and seconds.
pub fn is_time(text: &[u8]) -> bool {
    matches!(text, [a, b, b':', c, d, b':', e, f, ..]
        if [a, b, c, d, e, f].into_iter().all(u8::is_ascii_digit))
}

/// Whether a text begins with a date, year first.
pub fn is_date(text: &[u8]) -> bool {
    matches!(text, [a, b, c, d, b'-', e, f, b'-', g, h, ..]
        if [a, b, c, d, e, f, g, h].into_iter().all(u8::is_ascii_digit))
}

/// Whether a text is a name of letters and digits, with dots, hyphens and underscores between them.
pub fn is_name(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}
