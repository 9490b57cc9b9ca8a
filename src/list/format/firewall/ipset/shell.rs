//! What a script of the shell has around and behind the commands of ipset.

use super::words::{Word, Words, next_word};
use crate::list::parse_error::{ParseError, Reason};

/// Checks that a command has no further words.
pub fn check_end(words: &mut Words<'_>, is_shell: bool) -> Result<(), ParseError> {
    match next_word(words) {
        None => Ok(()),
        Some(word) if is_shell => check_tail(word, words),
        Some(word) => Err(ParseError::at(word.at, Reason::TrailingText)),
    }
}

/// Whether a word ends a command of a shell script, or says where its output is written.
pub fn is_of_a_tail(word: &[u8]) -> bool {
    matches!(word, b";" | b"||") || is_redirection(word)
}

fn is_redirection(word: &[u8]) -> bool {
    matches!(word, b">/dev/null" | b"2>/dev/null" | b"&>/dev/null" | b"2>&1" | b">&2")
}

/// Checks that behind a command, of which the end begins with `word`, no other command stands that does
/// something.
pub fn check_tail<'a>(mut word: Word<'a>, words: &mut Words<'a>) -> Result<(), ParseError> {
    loop {
        let goes_on = match word.text {
            b";" => words.peek().is_none(),
            b"||" => words.take().is_some_and(|word| matches!(word.text, b"true" | b":")),
            other => is_redirection(other),
        };
        if !goes_on {
            return Err(ParseError::at(word.at, Reason::TrailingText));
        }
        match words.take() {
            Some(next) => word = next,
            None => return Ok(()),
        }
    }
}

/// The sets that a rule of iptables matches, and for each whether the rule lets pass what it holds.
pub fn matched_sets(line: &[u8]) -> Vec<(&[u8], bool)> {
    let mut sets = Vec::new();
    if memchr::memmem::find(line, b"-set ").is_none() {
        return sets;
    }
    let mut words = Words::of(line, 0);
    let (mut before, mut target): (&[u8], &[u8]) = (b"", b"");
    while let Some(word) = words.take() {
        match word.text {
            b"--match-set" => {
                let Some(name) = words.take() else { break };
                sets.push((name.text, before == b"!"));
            }
            b"-j" | b"--jump" => target = words.take().map_or(b"", |word| word.text),
            _ => {}
        }
        before = word.text;
    }
    let (accepts, drops) =
        (matches!(target, b"ACCEPT" | b"RETURN"), matches!(target, b"DROP" | b"REJECT"));
    sets.iter_mut().for_each(|(_, is_other)| *is_other = if *is_other { drops } else { accepts });
    sets
}

/// Whether a line is one of those that a script of ipset has around its commands: it sets an option of the
/// shell or a variable that holds no address, or exits.
pub fn is_of_shell(line: &[u8]) -> bool {
    let mut words = Words::of(line, 0);
    let Some(first) = words.take() else { return false };
    let second = words.take();
    if words.take().is_some() {
        return false;
    }
    match (first.text, second) {
        (b"set", Some(option)) => matches!(option.text.first(), Some(b'-' | b'+')),
        (b"exit", None) => true,
        (b"exit", Some(status)) => status.text.iter().all(u8::is_ascii_digit),
        (text, None) => {
            let Some(equals) = memchr::memchr(b'=', text) else { return false };
            let (name, value) = (&text[..equals], text[equals + 1..].trim_ascii());
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            !name.is_empty()
                && name.iter().all(is_name)
                && value.iter().all(|byte| is_name(byte) || b"/-.\"".contains(byte))
                && !value.iter().all(|byte| byte.is_ascii_digit() || b"./-\"".contains(byte))
        }
        _ => false,
    }
}
