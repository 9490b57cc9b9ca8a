//! An element of a set, and the options behind it.

use super::kind::Kind;
use super::shell::{check_tail, is_of_a_tail};
use super::words::{Words, is_general, next_word};
use crate::list::entry::Entry;
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

/// Reads a member of a set, as a list of ipset has it. Returns, too, whether it is an exception.
pub fn member(line: &[u8], kind: Kind, reading: &Reading) -> Result<(Entry, bool), ParseError> {
    element(line, &mut Words::of(line, 0), kind, false, reading)
}

/// Reads the element of a command with its options. Returns, too, whether it is an exception.
#[inline(always)]
pub fn element(
    line: &[u8],
    words: &mut Words<'_>,
    kind: Kind,
    is_shell: bool,
    reading: &Reading,
) -> Result<(Entry, bool), ParseError> {
    let Some(word) = next_word(words) else {
        return Err(ParseError::at(words.at(), Reason::TrailingText));
    };
    if let Some(reason) = kind.refusal() {
        return Err(ParseError::at(word.at, reason));
    }
    // The word alone: a dash further on begins an option.
    let leading = leading_entry(&line[..word.end()], word.at)?;
    if leading.end < word.end() {
        let reason =
            if line[leading.end] == b',' { Reason::Narrower } else { Reason::TrailingText };
        return Err(ParseError::at(leading.end, reason));
    }
    let is_nomatch = options(words, is_shell, reading)?;
    Ok((leading.entry, is_nomatch))
}

/// Checks the options of an element: they must not change what it is. Returns whether it is an exception.
fn options(words: &mut Words<'_>, is_shell: bool, reading: &Reading) -> Result<bool, ParseError> {
    let mut is_nomatch = false;
    while let Some(word) = words.take() {
        match word.text {
            b"nomatch" => is_nomatch = true,
            option if is_general(option) => {}
            b"timeout" | b"packets" | b"bytes" | b"skbprio" | b"skbqueue" | b"skbmark" => {
                let value = words.take();
                if !value.is_some_and(|value| value.text.first().is_some_and(u8::is_ascii_digit)) {
                    let at = value.map_or(words.at(), |value| value.at);
                    return Err(ParseError::at(at, Reason::TrailingText));
                }
            }
            b"comment" => {
                let Some(comment) = words.take() else {
                    return Err(ParseError::at(words.at(), Reason::TrailingText));
                };
                if comment.text.starts_with(b"\"") {
                    return Err(ParseError::at(comment.at, Reason::TrailingText));
                }
                if reading.purpose == Purpose::Drop && verdict::comment_denies(comment.text) {
                    return Err(ParseError::at(comment.at, Reason::Verdict));
                }
            }
            text if is_shell && is_of_a_tail(text) => {
                check_tail(word, words)?;
                break;
            }
            // Behind a blank, this begins a comment.
            b";" => break,
            _ => return Err(ParseError::at(word.at, Reason::TrailingText)),
        }
    }
    Ok(is_nomatch)
}
