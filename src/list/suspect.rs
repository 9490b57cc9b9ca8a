//! What a file looks like that is not a list.
//!
//! A guess, made to be said in an error and for nothing else. Nothing is read because of it.

use std::fmt;

use super::format::plain;

/// What a file looks like that is not a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspect {
    /// HTML or XML.
    Markup,
    /// Packed data, and the program that unpacks it.
    Packed(&'static str),
    /// A PDF document.
    Pdf,
    /// Text of two bytes a character.
    Utf16,
    /// No text at all.
    Binary,
    /// Lines of `address name`.
    Hosts,
    /// Names of hosts or domains.
    Names,
    /// Numbers of autonomous systems.
    AsNumbers,
}

impl fmt::Display for Suspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Suspect::Markup => {
                f.write_str("HTML or XML, perhaps a server's error page saved in place of the list")
            }
            Suspect::Packed(tool) => write!(f, "packed data, which {tool} unpacks"),
            Suspect::Pdf => f.write_str("a PDF document"),
            Suspect::Utf16 => f.write_str("UTF-16, which iconv -t UTF-8 converts"),
            Suspect::Binary => f.write_str("binary data"),
            Suspect::Hosts => {
                f.write_str("a hosts file: the addresses in it are no bad ones, the names are")
            }
            Suspect::Names => f.write_str("names of hosts, which are not looked up"),
            Suspect::AsNumbers => {
                f.write_str("AS numbers; a list needs the networks that they announce")
            }
        }
    }
}

/// What files begin with that are packed, and what unpacks them.
const PACKED: [(&[u8], &str); 8] = [
    (b"\x1f\x8b", "gzip -d"),
    (b"\xfd7zXZ\0", "xz -d"),
    (b"\x28\xb5\x2f\xfd", "zstd -d"),
    (b"BZh", "bzip2 -d"),
    (b"\x04\x22\x4d\x18", "lz4 -d"),
    (b"PK\x03\x04", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z x"),
    (b"Rar!\x1a\x07", "unrar x"),
];

/// What a file is by its first bytes, if no list begins with them.
pub fn by_its_first_bytes(text: &[u8]) -> Option<Suspect> {
    if let Some((_, tool)) = PACKED.iter().find(|(magic, _)| text.starts_with(magic)) {
        return Some(Suspect::Packed(tool));
    }
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Some(Suspect::Utf16);
    }
    if text.starts_with(b"%PDF-") {
        return Some(Suspect::Pdf);
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
    is_tag(text).then_some(Suspect::Markup)
}

/// A tag, a declaration or a comment. `<<<<<<<` is none.
fn is_tag(line: &[u8]) -> bool {
    line.first() == Some(&b'<')
        && line.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || b"!?/".contains(byte))
}

/// How much of a file is looked at, and in how many kinds of lines.
const SAMPLE: usize = 64 << 10;

/// What most lines of a file look like, not one of which is an entry.
pub fn by_its_lines(text: &[u8]) -> Option<Suspect> {
    let sample = &text[..text.len().min(SAMPLE)];
    let nuls = memchr::memchr_iter(0, sample).count();
    if nuls > 0 {
        // Half of the bytes of western text in UTF-16, and all at even or all at odd places.
        let even = sample.iter().step_by(2).filter(|byte| **byte == 0).count();
        let wide = nuls * 3 > sample.len() && (even == 0 || even == nuls);
        return Some(if wide { Suspect::Utf16 } else { Suspect::Binary });
    }
    let control = |byte: &&u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    if sample.iter().filter(control).count() * 20 > sample.len() {
        return Some(Suspect::Binary);
    }
    let mut lines = 0;
    let mut kinds = [
        (Suspect::Markup, is_tag as fn(&[u8]) -> bool, 0),
        (Suspect::Hosts, is_line_of_hosts, 0),
        (Suspect::AsNumbers, is_as_number, 0),
        (Suspect::Names, is_name, 0),
    ];
    for line in sample.split(|&byte| byte == b'\n') {
        if plain::parse(line) == Ok(None) {
            continue;
        }
        lines += 1;
        for (_, is_one, count) in &mut kinds {
            *count += usize::from(is_one(line.trim_ascii()));
        }
    }
    kinds.into_iter().find(|(.., count)| count * 2 > lines).map(|(suspect, ..)| suspect)
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

fn is_line_of_hosts(line: &[u8]) -> bool {
    let mut words = words(line);
    let is_address = words.next().is_some_and(|word| {
        std::str::from_utf8(word).is_ok_and(|word| word.parse::<std::net::IpAddr>().is_ok())
    });
    is_address && words.next().is_some_and(|word| word.iter().any(u8::is_ascii_alphabetic))
}

/// `AS64496`, or the number alone, with whatever text behind it; or a record about one in JSON.
fn is_as_number(line: &[u8]) -> bool {
    if line.starts_with(b"{\"asn\":") {
        return true;
    }
    let first = words(line).next().unwrap_or_default();
    let prefixed = first.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"AS"));
    let number = if prefixed { &first[2..] } else { first };
    let number = number.strip_suffix(b",").unwrap_or(number);
    (1..=10).contains(&number.len()) && number.iter().all(u8::is_ascii_digit)
}

/// `ads.example`, also as blockers of advertisements write it: `*.ads.example`, `||ads.example^`.
fn is_name(line: &[u8]) -> bool {
    let mut words = words(line);
    let name = words.next().unwrap_or_default();
    let name = name.strip_prefix(b"||").or_else(|| name.strip_prefix(b"*.")).unwrap_or(name);
    let name = name.strip_suffix(b"^").unwrap_or(name);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    words.next().is_none_or(|word| word.starts_with(b"#"))
        && name.contains(&b'.')
        && name.iter().all(plain)
        && name.last().is_some_and(u8::is_ascii_alphabetic)
}
