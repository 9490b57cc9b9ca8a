//! Lines that give the entries below them a name.

use crate::list::grammar::skip_blanks;
use crate::list::verdict;

/// What a line gives a name to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heading<'a> {
    /// `[name]`: all lines below.
    Section(&'a [u8]),
    /// `name:`, at an indentation: lines below that are not indented less.
    Key(usize, &'a [u8]),
    /// `name=(`, `name = [` or `name="`: the values up to the closing byte, which begin at the offset.
    Values { name: &'a [u8], at: usize, close: u8 },
}

/// The heading that a line is; nothing if it is another line.
pub fn parse(line: &[u8]) -> Option<Heading<'_>> {
    let start = skip_blanks(line, 0);
    let text = line[start..].trim_ascii_end();
    section(text).map(Heading::Section).or_else(|| key(start, text)).or_else(|| values(line, start))
}

/// Words that a name of one line may have at most.
const WORDS: usize = 6;

fn section(text: &[u8]) -> Option<&[u8]> {
    let name = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    is_name(name).then(|| name.trim_ascii())
}

fn key(indent: usize, text: &[u8]) -> Option<Heading<'_>> {
    let comment =
        memchr::memchr(b'#', text).filter(|&at| at > 0 && text[at - 1].is_ascii_whitespace());
    let text = text[..comment.unwrap_or(text.len())].trim_ascii_end();
    let name = text.strip_suffix(b":")?;
    // Of a YAML list of objects.
    let name = name.strip_prefix(b"- ").unwrap_or(name);
    is_name(name).then(|| Heading::Key(indent, unquoted(name.trim_ascii())))
}

/// Whether a line is a value of YAML in an object: `  key: value` or `- key: value`. At the very left it may
/// as well say something of the whole list.
pub fn is_value(line: &[u8]) -> bool {
    let start = skip_blanks(line, 0);
    let text = &line[start..];
    let item = text.strip_prefix(b"- ").map(<[u8]>::trim_ascii_start);
    let key = unquoted_key(item.unwrap_or(text));
    (start > 0 || item.is_some())
        && key.is_some_and(|rest| {
            let value = rest.strip_prefix(b": ").map(<[u8]>::trim_ascii);
            value.is_some_and(|value| !matches!(value, [] | [b'[' | b'(' | b'#', ..]))
        })
}

/// What stands behind a key, which may be in quotes.
fn unquoted_key(text: &[u8]) -> Option<&[u8]> {
    let quote = text.first().filter(|byte| matches!(byte, b'"' | b'\'')).copied();
    let text = if quote.is_some() { &text[1..] } else { text };
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let length = text.iter().take_while(is_part).count();
    let is_name = text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let rest = &text[length..];
    match quote {
        _ if !is_name => None,
        Some(quote) => rest.strip_prefix(&[quote]),
        None => Some(rest),
    }
}

fn unquoted(name: &[u8]) -> &[u8] {
    let inner = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\""));
    inner.or_else(|| name.strip_prefix(b"'")?.strip_suffix(b"'")).unwrap_or(name)
}

/// Whether a text is some words that can be a name.
fn is_name(name: &[u8]) -> bool {
    let is_part =
        |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b" _-./&'\"".contains(byte);
    let first = name.iter().find(|byte| !matches!(byte, b' ' | b'"' | b'\''));
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80)
        && name.iter().all(is_part)
        && name.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).count() <= WORDS
}

/// Words that may stand before the name of a variable.
const BEFORE: [&[u8]; 12] = [
    b"export",
    b"declare",
    b"typeset",
    b"readonly",
    b"local",
    b"set",
    b"let",
    b"const",
    b"var",
    b"-a",
    b"-r",
    b"-ra",
];

fn values(line: &[u8], start: usize) -> Option<Heading<'_>> {
    let mut at = start;
    let name = loop {
        let length = line[at..].iter().take_while(|byte| is_part_of_variable(byte)).count();
        let word = &line[at..at + length];
        if !BEFORE.contains(&word) {
            break word;
        }
        at = skip_blanks(line, at + length);
    };
    at += name.len();
    let name = unquoted(name);
    let first = name.strip_prefix(b"$").unwrap_or(name).first()?;
    if !first.is_ascii_alphabetic() && *first != b'_' {
        return None;
    }
    at = skip_blanks(line, at);
    let sign =
        [&b"+="[..], b"=>", b"=", b":"].into_iter().find(|sign| line[at..].starts_with(sign))?;
    at = skip_blanks(line, at + sign.len());
    // PHP.
    if line[at..].starts_with(b"array(") {
        at += b"array".len();
    }
    let close = match line.get(at)? {
        b'(' => b')',
        b'[' => b']',
        quote @ (b'"' | b'\'') if sign != b":" => *quote,
        _ => return None,
    };
    Some(Heading::Values { name, at: at + 1, close })
}

fn is_part_of_variable(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.$\"'".contains(byte)
}

/// The name that a line of nothing but a few words gives to the lines below, whatever signs are around
/// them. Such a line is a heading if it says that they are to pass, and, where there is one, also if it
/// says that they are to be dropped.
pub fn words(line: &[u8], is_comment: bool) -> Option<(&[u8], bool)> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80;
    let begin = line.iter().position(is_part)?;
    let end = line.iter().rposition(is_part)? + 1;
    let name = &line[begin..end];
    // Names of hosts, addresses of mail, code.
    if !is_comment && name.iter().any(|byte| b"./@=$\\<>|{}();*".contains(byte)) {
        return None;
    }
    let most = if is_comment { 3 } else { WORDS };
    let allows = verdict::heading_allows(name, most);
    (allows || verdict::heading_drops(name, most)).then_some((name, allows))
}
