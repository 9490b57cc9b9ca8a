//! `add SET NETWORK`: what `ipset save` writes, and commands of ipset in a script.
//!
//! What a command adds depends on the type of its set: only where the elements are addresses alone, an
//! element is an entry.

mod element;
mod kind;
pub mod list;
mod shell;
mod words;

use std::collections::HashMap;

use super::nft;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Reading;
use element::element;
pub use kind::{Kind, is_mask};
use shell::{check_end, check_tail, is_of_a_tail, is_of_shell, matched_sets};
use words::{Word, Words, is_general, next_word};

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
        let is_certain = match verb {
            // Without a name it is one word, which could be anything.
            Verb::Flush | Verb::Destroy => !is_short && next_word(&mut words.clone()).is_some(),
            _ => !is_short || matches!(verb, Verb::Add | Verb::Create),
        };
        fits.then_some(Command { is_certain, ..command })
    }

    /// Whether a command that stands alone on its line has the words that it needs, and not those of
    /// iptables, nft or RouterOS.
    fn has_words_that_fit(&self) -> bool {
        let mut words = self.words;
        let mut next = || next_word(&mut words).map(|word| word.text);
        let Some(set) = next() else { return matches!(self.verb, Verb::Flush | Verb::Destroy) };
        if set.contains(&b'=') || set.starts_with(b"-") {
            return false;
        }
        let second = next();
        match self.verb {
            Verb::Add | Verb::Del => second.is_some_and(|word| !b"-!".contains(&word[0])),
            // A type with a colon may be one of a later version.
            Verb::Create => {
                second.is_some_and(|word| Kind::of(word).is_some() || word.contains(&b':'))
            }
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
            // Who knows what its elements are.
            self.kinds.insert(set.text, Kind::Narrower);
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
