//! A line as a shell divides it: into words, which may be quoted. And what of a script only runs under a
//! condition.

use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Where it begins, behind its quote.
    pub at: usize,
    /// Its text, without the quotes around it.
    pub text: &'a [u8],
    /// Whether quotes are around it.
    pub is_quoted: bool,
}

/// What may stand behind a command without a change of what it means.
const TAILS: [&[u8]; 11] = [
    b"2>/dev/null",
    b"2> /dev/null",
    b"&>/dev/null",
    b"&> /dev/null",
    b">/dev/null",
    b"> /dev/null",
    b"2>&1",
    b"|| true",
    b"||true",
    b"|| :",
    b";",
];

/// The words of a line, up to a comment. What a shell would do more than run one command is an error.
pub fn words(line: &[u8]) -> Result<Vec<Word<'_>>, ParseError> {
    let mut words = Vec::new();
    let mut at = skip_blanks(line, 0);
    while at < line.len() && line[at] != b'#' {
        match word(line, at)? {
            Some((word, end)) => {
                words.push(word);
                at = skip_blanks(line, end);
            }
            None => {
                let end = tail_end(line, at);
                return if end == line.len() || line[end] == b'#' {
                    Ok(words)
                } else {
                    Err(ParseError::at(end, Reason::TrailingText))
                };
            }
        }
    }
    Ok(words)
}

/// The word at `at` and the offset behind it; nothing if a tail stands there.
fn word(line: &[u8], start: usize) -> Result<Option<(Word<'_>, usize)>, ParseError> {
    if TAILS.iter().any(|tail| line[start..].starts_with(tail)) {
        return Ok(None);
    }
    let mut at = start;
    let mut first_closes = None;
    while let Some(&byte) = line.get(at) {
        match byte {
            b' ' | b'\t' | b';' => break,
            b'"' | b'\'' => {
                let end = quote_end(line, at).ok_or(ParseError::at(at, Reason::TrailingText))?;
                if at == start {
                    first_closes = Some(end);
                }
                at = end + 1;
            }
            b'|' | b'&' | b'<' | b'>' | b'(' | b')' | b'`' | b'\\' => {
                return Err(ParseError::at(at, Reason::TrailingText));
            }
            _ => at += 1,
        }
    }
    let is_quoted = first_closes.is_some_and(|end| end + 1 == at);
    let (begin, stop) = if is_quoted { (start + 1, at - 1) } else { (start, at) };
    Ok(Some((Word { at: begin, text: &line[begin..stop], is_quoted }, at)))
}

/// Where the quote closes that opens at `at`.
fn quote_end(line: &[u8], at: usize) -> Option<usize> {
    let quote = line[at];
    let mut end = at + 1;
    while let Some(&byte) = line.get(end) {
        match byte {
            b'\\' if quote == b'"' => end += 1,
            _ if byte == quote => return Some(end),
            _ => {}
        }
        end += 1;
    }
    None
}

/// The offset behind all tails that stand at `at`.
fn tail_end(line: &[u8], mut at: usize) -> usize {
    while let Some(tail) = TAILS.iter().find(|tail| line[at..].starts_with(tail)) {
        at = skip_blanks(line, at + tail.len());
    }
    at
}

/// How much of a script is open that runs under a condition, or is no command at all.
#[derive(Default)]
pub struct Script<'a> {
    depth: u64,
    /// The line that ends a text within the script.
    text_end: Option<&'a [u8]>,
    has_ended: bool,
}

impl<'a> Script<'a> {
    /// Whether a line at this place may not run, or is only a text.
    pub fn is_open(&self) -> bool {
        self.depth > 0 || self.text_end.is_some() || self.has_ended
    }

    /// Follows a line that is none of the commands that are read.
    pub fn follow(&mut self, line: &'a [u8]) {
        let line = line.trim_ascii();
        if let Some(end) = self.text_end {
            if line == end {
                self.text_end = None;
            }
            return;
        }
        for command in line.split(|byte| *byte == b';') {
            let mut words = command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            let mut first = words.next().unwrap_or_default();
            if matches!(first, b"then" | b"do" | b"else") {
                first = words.next().unwrap_or_default();
            }
            match first {
                b"if" | b"for" | b"while" | b"until" | b"case" | b"select" => self.depth += 1,
                b"fi" | b"done" | b"esac" => self.depth = self.depth.saturating_sub(1),
                b"exit" | b"return" | b"exec" if self.depth == 0 => self.has_ended = true,
                _ => {}
            }
        }
        if let Some(at) = line.windows(2).position(|pair| pair == b"<<") {
            let rest = line[at + 2..].trim_ascii_start();
            let rest = rest.strip_prefix(b"-").unwrap_or(rest).trim_ascii_start();
            let length = rest.iter().take_while(|byte| !b" \t;|&><)".contains(byte)).count();
            let end = rest[..length].trim_ascii();
            let is_quote = |byte: &&u8| b"'\"\\".contains(byte);
            let front = end.iter().take_while(is_quote).count();
            let back = end[front..].iter().rev().take_while(is_quote).count();
            let end = &end[front..end.len() - back];
            if !end.is_empty() && !end.starts_with(b"<") {
                self.text_end = Some(end);
            }
        }
    }
}
