//! `add SET NETWORK`: what `ipset save` writes, and commands of ipset in a script.
//!
//! What a command adds depends on the type of its set: only where the elements are addresses alone, an
//! element is an entry.

mod kind;
pub mod list;
mod words;

use std::collections::HashMap;

use super::nft;
use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;
pub use kind::{Kind, is_mask};
use words::{Word, Words};

const NAME: &str = "ipset save";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    Command::of(line.text).is_some_and(|command| command.is_certain)
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut sets = Sets { current: None, kinds: HashMap::new() };
    while let Some(&Line { number, text, .. }) = lines.line() {
        match sets.read(number, text, lines.reading, sink) {
            Some(Ok(())) => {}
            Some(Err(error)) => lines.reject(error, sink),
            None => lines.reject_other(NAME, sink),
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// What a command does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Del,
    Create,
    Flush,
    Destroy,
    Swap,
    Rename,
    /// Nothing to the elements of any set.
    Other,
}

impl Verb {
    fn of(word: &[u8], is_shell: bool) -> Option<Verb> {
        Some(match word {
            b"add" | b"-A" | b"--add" => Verb::Add,
            b"del" | b"-D" | b"--del" => Verb::Del,
            b"create" | b"-N" | b"--create" => Verb::Create,
            b"flush" | b"-F" | b"--flush" => Verb::Flush,
            b"destroy" | b"-X" | b"--destroy" => Verb::Destroy,
            b"swap" | b"-W" | b"--swap" => Verb::Swap,
            b"rename" | b"-E" | b"--rename" => Verb::Rename,
            b"n" if is_shell => Verb::Create,
            b"x" if is_shell => Verb::Destroy,
            b"w" if is_shell => Verb::Swap,
            b"e" if is_shell => Verb::Rename,
            b"list" | b"-L" | b"save" | b"-S" | b"restore" | b"-R" | b"test" | b"-T" | b"help"
            | b"version"
                if is_shell =>
            {
                Verb::Other
            }
            _ => return None,
        })
    }
}

/// A command of ipset.
struct Command<'a> {
    verb: Verb,
    /// What stands behind the verb.
    words: Words<'a>,
    /// Whether it is one of a shell script, with `ipset` in front.
    is_shell: bool,
    /// Whether no other program has such a line.
    is_certain: bool,
}

impl<'a> Command<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let mut words = Words::of(line, 0);
        let mut word = words.take()?;
        let is_sudo = is_program(word.text, b"sudo");
        while is_sudo && (word.text.starts_with(b"-") || is_program(word.text, b"sudo")) {
            word = words.take()?;
        }
        let is_shell = is_ipset(word.text);
        if is_shell {
            word = words.take()?;
        }
        while is_general(word.text) {
            word = words.take()?;
        }
        let verb = Verb::of(word.text, is_shell)?;
        let command = Command { verb, words, is_shell, is_certain: is_shell };
        if is_shell {
            return Some(command);
        }
        let is_short = word.text.starts_with(b"-");
        let fits = command.has_words_that_fit() && (is_short || !nft::is_statement(line));
        let is_certain = !is_short || matches!(verb, Verb::Add | Verb::Create);
        fits.then_some(Command { is_certain, ..command })
    }

    /// Whether a command that stands alone on its line has the words that it needs, and not those of
    /// iptables, nft or RouterOS.
    fn has_words_that_fit(&self) -> bool {
        let mut words = self.words;
        let mut next = || next_word(&mut words).map(|word| word.text);
        let Some(set) = next() else { return false };
        if set.contains(&b'=') || set.starts_with(b"-") {
            return false;
        }
        let second = next();
        match self.verb {
            Verb::Add | Verb::Del => second.is_some_and(|word| !b"-!".contains(&word[0])),
            Verb::Create => second.is_some_and(|word| Kind::of(word).is_some()),
            Verb::Swap | Verb::Rename => second.is_some() && next().is_none(),
            Verb::Flush | Verb::Destroy => second.is_none() && !set.contains(&b':'),
            Verb::Other => false,
        }
    }
}

/// Whether a word is the name of a program, perhaps with its path.
fn is_program(word: &[u8], name: &[u8]) -> bool {
    word.strip_suffix(name).is_some_and(|path| path.is_empty() || path.ends_with(b"/"))
}

/// Whether a word is ipset, by its name, its path, or the variable that scripts have for it.
fn is_ipset(word: &[u8]) -> bool {
    let variable = word.strip_prefix(b"$").map(|name| match name {
        [b'{', name @ .., b'}'] => name,
        name => name,
    });
    is_program(word, b"ipset") || variable.is_some_and(|name| name.eq_ignore_ascii_case(b"ipset"))
}

/// Whether a word is an option that any command may have, and that does not change what it does.
fn is_general(word: &[u8]) -> bool {
    matches!(word, b"-!" | b"-exist" | b"--exist" | b"-q" | b"-quiet" | b"--quiet")
}

/// What is known of the sets of a script.
struct Sets<'a> {
    /// The set that the sink was notified of last.
    current: Option<&'a [u8]>,
    /// Those whose elements are not read.
    kinds: HashMap<&'a [u8], Kind>,
}

impl<'a> Sets<'a> {
    /// Reads a line, if it is of this format.
    fn read(
        &mut self,
        number: u64,
        line: &'a [u8],
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Option<Result<(), ParseError>> {
        if let Some(command) = Command::of(line) {
            return Some(self.run(number, line, command, reading, sink));
        }
        let mut is_rule = false;
        for (name, is_accepted) in matched_sets(line) {
            is_rule = true;
            if is_accepted {
                sink.event(number, Event::Accepted(name));
            }
        }
        if is_rule || is_of_shell(line) {
            sink.event(number, Event::Skipped);
        } else if line.trim_ascii() != b"COMMIT" {
            return None;
        }
        Some(Ok(()))
    }

    fn run(
        &mut self,
        number: u64,
        line: &'a [u8],
        command: Command<'a>,
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let Command { verb, mut words, is_shell, .. } = command;
        if verb == Verb::Other {
            sink.event(number, Event::Skipped);
            return Ok(());
        }
        let set = match next_word(&mut words) {
            Some(set) if set.text != b";" => set,
            _ if matches!(verb, Verb::Flush | Verb::Destroy) => {
                sink.event(number, Event::FlushedAll);
                return Ok(());
            }
            _ => return Err(ParseError::at(words.at(), Reason::TrailingText)),
        };
        // A name that the script makes up says nothing.
        if set.text.iter().any(|byte| matches!(byte, b'$' | b'`')) {
            return Err(ParseError::at(set.at, Reason::UnknownBlock));
        }
        match verb {
            Verb::Create => self.create(number, set, words, is_shell, sink),
            Verb::Add | Verb::Del => {
                let (entry, is_nomatch) =
                    element(line, &mut words, self.kind(set.text), is_shell, reading)?;
                self.enter(number, set.text, sink);
                match verb {
                    Verb::Del => sink.event(number, Event::Removed(entry)),
                    _ if is_nomatch => sink.event(number, Event::Exception(entry)),
                    _ => sink.entry(number, entry, None),
                }
                Ok(())
            }
            Verb::Flush | Verb::Destroy => {
                check_end(&mut words, is_shell)?;
                if self.kind(set.text) == Kind::Narrower {
                    sink.event(number, Event::Skipped);
                    return Ok(());
                }
                self.enter(number, set.text, sink);
                if verb == Verb::Destroy {
                    sink.event(number, Event::Destroyed);
                    self.current = None;
                } else {
                    sink.event(number, Event::Flushed);
                }
                Ok(())
            }
            Verb::Swap | Verb::Rename => {
                let Some(other) = next_word(&mut words) else {
                    return Err(ParseError::at(words.at(), Reason::TrailingText));
                };
                check_end(&mut words, is_shell)?;
                self.swap(number, set.text, other.text, sink);
                Ok(())
            }
            Verb::Other => Ok(()),
        }
    }

    fn kind(&self, set: &[u8]) -> Kind {
        if self.kinds.is_empty() {
            return Kind::Addresses;
        }
        self.kinds.get(set).copied().unwrap_or(Kind::Addresses)
    }

    fn enter(&mut self, number: u64, set: &'a [u8], sink: &mut dyn Sink) {
        if self.current != Some(set) {
            self.current = Some(set);
            sink.event(number, Event::Set(set));
        }
    }

    fn create(
        &mut self,
        number: u64,
        set: Word<'a>,
        mut words: Words<'a>,
        is_shell: bool,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let Some(name) = next_word(&mut words) else {
            return Err(ParseError::at(words.at(), Reason::TrailingText));
        };
        let Some(mut kind) = Kind::of(name.text) else {
            return Err(ParseError::at(name.at, Reason::UnknownBlock));
        };
        let mut error = None;
        while let Some(word) = words.take() {
            if is_shell && is_of_a_tail(word.text) {
                error = check_tail(word, &mut words).err();
                break;
            }
            let value = words.peek().map_or(&b""[..], |word| word.text);
            if kind == Kind::Addresses && is_mask(word.text, value) {
                kind = Kind::Masked;
            }
        }
        if kind == Kind::Addresses {
            self.kinds.remove(set.text);
        } else {
            self.kinds.insert(set.text, kind);
        }
        match kind {
            Kind::Narrower => sink.event(number, Event::Skipped),
            Kind::Addresses | Kind::Masked => self.enter(number, set.text, sink),
        }
        error.map_or(Ok(()), Err)
    }

    fn swap(&mut self, number: u64, set: &'a [u8], other: &'a [u8], sink: &mut dyn Sink) {
        let kinds = (self.kinds.remove(set), self.kinds.remove(other));
        if let Some(kind) = kinds.0 {
            self.kinds.insert(other, kind);
        }
        if let Some(kind) = kinds.1 {
            self.kinds.insert(set, kind);
        }
        if [kinds.0, kinds.1].contains(&Some(Kind::Narrower)) {
            sink.event(number, Event::Skipped);
            return;
        }
        self.enter(number, set, sink);
        sink.event(number, Event::Swapped(other));
        self.current = None;
    }
}

/// The next word that is no option of the command as such.
fn next_word<'a>(words: &mut Words<'a>) -> Option<Word<'a>> {
    loop {
        let word = words.take()?;
        if !is_general(word.text) {
            return Some(word);
        }
    }
}

/// Reads a member of a set, as a list of ipset has it. Returns, too, whether it is an exception.
pub fn member(line: &[u8], kind: Kind, reading: &Reading) -> Result<(Entry, bool), ParseError> {
    element(line, &mut Words::of(line, 0), kind, false, reading)
}

/// Reads the element of a command with its options. Returns, too, whether it is an exception.
#[inline(always)]
fn element(
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

/// Checks that a command has no further words.
fn check_end(words: &mut Words<'_>, is_shell: bool) -> Result<(), ParseError> {
    match next_word(words) {
        None => Ok(()),
        Some(word) if is_shell => check_tail(word, words),
        Some(word) => Err(ParseError::at(word.at, Reason::TrailingText)),
    }
}

/// Whether a word ends a command of a shell script, or says where its output is written.
fn is_of_a_tail(word: &[u8]) -> bool {
    matches!(word, b";" | b"||") || is_redirection(word)
}

fn is_redirection(word: &[u8]) -> bool {
    matches!(word, b">/dev/null" | b"2>/dev/null" | b"&>/dev/null" | b"2>&1" | b">&2")
}

/// Checks that behind a command, of which the end begins with `word`, no other command stands that does
/// something.
fn check_tail<'a>(mut word: Word<'a>, words: &mut Words<'a>) -> Result<(), ParseError> {
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
fn matched_sets(line: &[u8]) -> Vec<(&[u8], bool)> {
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
fn is_of_shell(line: &[u8]) -> bool {
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
