//! Address lists of MikroTik's RouterOS, as an export or a script has them.
//!
//! A command is in the menu that a path names: on its own line for the commands below, or in front of one
//! command. Only what is added to `/ip firewall address-list`, or that of `/ipv6`, is an entry.

mod rule;
mod words;

use std::borrow::Cow;
use std::collections::HashSet;

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;
use rule::{is_yes, rule, whole};
use words::{Pair, Word, Words};

const NAME: &str = "MikroTik address list";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

fn detect(line: &Line<'_>) -> bool {
    let text = in_do(line.text).map_or(line.text, |(_, command)| command);
    let Some(command) = Command::of(text) else { return false };
    command.menu == Some(Menu::AddressList)
        || command.menu.is_none() && command.verb == b"add" && {
            let mut words = command.words;
            // Any of these may stand on a line below.
            let mut names = std::iter::from_fn(|| words.take()).filter_map(|word| word.pair());
            names.any(|pair| matches!(pair.name, b"list" | b"address"))
        }
}

/// The longest command, over all its lines.
const LONGEST: usize = 1 << 16;

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut lists = Lists { menu: None, seen: HashSet::new() };
    while let Some(&Line { number, text, raw, .. }) = lines.line() {
        let is_blank = lines.line().is_some_and(Line::is_blank);
        if is_blank || text.trim_ascii().starts_with(b"#") {
            lines.advance();
            continue;
        }
        let reading = lines.reading;
        let mut is_long = false;
        let joined = if text.ends_with(b"\\") {
            let joined = join(text, lines);
            is_long = joined.len() > LONGEST;
            Cow::Owned(joined)
        } else {
            Cow::Borrowed(text)
        };
        let read = if is_long {
            Some(Err(ParseError::at(0, Reason::TooLong)))
        } else {
            lists.read(number, &joined, reading, sink)
        };
        match read {
            Some(Ok(())) => {}
            // What is wrong may stand on a line that goes on with the command.
            Some(Err(error)) if matches!(joined, Cow::Owned(_)) => {
                sink.reject(number, ParseError { at: error.at.min(raw.len()), ..error }, raw);
            }
            Some(Err(error)) => lines.reject(error, sink),
            None => lines.reject_other(NAME, sink),
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// A command that goes on after a backslash at the end of a line, as one.
fn join(first: &[u8], lines: &mut Lines<'_>) -> Vec<u8> {
    let mut joined = first.strip_suffix(b"\\").unwrap_or(first).to_vec();
    while let Some((_, raw)) = lines.take() {
        let next = raw.strip_suffix(b"\r").unwrap_or(raw).trim_ascii_start();
        let goes_on = next.strip_suffix(b"\\");
        if joined.len() <= LONGEST {
            joined.extend_from_slice(goes_on.unwrap_or(next));
        }
        if goes_on.is_none() {
            break;
        }
    }
    joined
}

/// A part of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Menu {
    AddressList,
    /// Rules of the firewall.
    Rules,
    Other,
}

impl Menu {
    fn of(path: &[&[u8]]) -> Menu {
        match path {
            [b"ip" | b"ipv6", b"firewall", b"address-list"] => Menu::AddressList,
            [b"ip" | b"ipv6", b"firewall", b"filter" | b"raw" | b"nat" | b"mangle"] => Menu::Rules,
            _ => Menu::Other,
        }
    }
}

/// Whether a word is a command of menus.
fn is_verb(word: &[u8]) -> bool {
    matches!(
        word,
        b"add"
            | b"set"
            | b"remove"
            | b"enable"
            | b"disable"
            | b"print"
            | b"export"
            | b"move"
            | b"unset"
            | b"edit"
            | b"comment"
            | b"find"
            | b"reset"
    )
}

/// A command, or a path alone.
struct Command<'a> {
    /// The menu that its path names.
    menu: Option<Menu>,
    /// The command; nothing if there is only a path.
    verb: &'a [u8],
    verb_at: usize,
    words: Words<'a>,
}

impl<'a> Command<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let mut words = Words::of(line);
        let mut word = words.take()?;
        let mut menu = None;
        // Scripts may have the path without its first slash.
        let bare = [&b"ip firewall "[..], b"ipv6 firewall "];
        let is_bare = bare.iter().any(|path| line.starts_with(path));
        if let Some(path) = word.text.strip_prefix(b"/").or(is_bare.then_some(word.text)) {
            let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
            let mut last = names.pop().filter(|name| is_verb(name));
            if last.is_none() {
                names = path.split(|byte| *byte == b'/').collect();
            }
            loop {
                if let Some(verb) = last.take() {
                    word = Word { text: verb, at: words.at() - verb.len() };
                    break;
                }
                match words.take() {
                    Some(next) if is_verb(next.text) => {
                        word = next;
                        break;
                    }
                    Some(next) if names.len() < 8 && is_name(next.text) => {
                        names.extend(next.text.split(|byte| *byte == b'/'));
                    }
                    Some(_) => return None,
                    None => {
                        let menu = Some(Menu::of(&names));
                        return Some(Command { menu, verb: b"", verb_at: 0, words });
                    }
                }
            }
            menu = Some(Menu::of(&names));
        }
        is_verb(word.text).then_some(Command { menu, verb: word.text, verb_at: word.at, words })
    }
}

fn is_name(word: &[u8]) -> bool {
    word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-/".contains(byte))
}

/// What is known at some line.
struct Lists {
    /// The menu for commands without a path.
    menu: Option<Menu>,
    /// The lists that have an entry.
    seen: HashSet<Vec<u8>>,
}

impl Lists {
    /// Reads a command, if it is one of RouterOS.
    fn read(
        &mut self,
        number: u64,
        line: &[u8],
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Option<Result<(), ParseError>> {
        if let Some((at, command)) = in_do(line) {
            let read = self.read_command(number, command, reading, sink)?;
            return Some(read.map_err(|error| error.behind(at)));
        }
        let is_quiet = [&b":log "[..], b":put ", b":delay "].iter().any(|c| line.starts_with(c));
        if is_quiet && !line.contains(&b'{') {
            sink.event(number, Event::Skipped);
            return Some(Ok(()));
        }
        self.read_command(number, line, reading, sink)
    }

    fn read_command(
        &mut self,
        number: u64,
        line: &[u8],
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Option<Result<(), ParseError>> {
        let Command { menu, verb, verb_at, words } = Command::of(line)?;
        if verb.is_empty() {
            self.menu = menu;
            return Some(Ok(()));
        }
        Some(match menu.or(self.menu) {
            Some(Menu::Other) => {
                sink.event(number, Event::Skipped);
                Ok(())
            }
            Some(Menu::Rules) => {
                if verb == b"add" {
                    rule(number, words, sink);
                }
                sink.event(number, Event::Skipped);
                Ok(())
            }
            Some(Menu::AddressList) | None => match verb {
                b"add" => self.add(number, words, reading, sink),
                b"remove" => self.remove(number, verb_at, words, sink),
                b"print" | b"export" | b"comment" | b"find" => {
                    sink.event(number, Event::Skipped);
                    Ok(())
                }
                _ => {
                    // What is above may be changed by it.
                    sink.event(number, Event::FlushedAll);
                    Err(ParseError::at(verb_at, Reason::UnknownBlock))
                }
            },
        })
    }

    fn add(
        &mut self,
        number: u64,
        mut words: Words<'_>,
        reading: &Reading,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let (mut list, mut address, mut is_disabled) = (None, None, false);
        while let Some(word) = words.take() {
            let unknown = ParseError::at(word.at, Reason::UnknownBlock);
            let Pair { name, value, at } = word.pair().ok_or(unknown)?;
            match name {
                b"list" if list.is_none() => list = Some(value),
                b"address" if address.is_none() => address = Some((value, at)),
                b"disabled" => is_disabled |= is_yes(&value),
                b"comment" => {
                    if reading.purpose == Purpose::Drop && verdict::comment_denies(&value) {
                        return Err(ParseError::at(at, Reason::Verdict));
                    }
                }
                b"timeout" | b"dynamic" | b"creation-time" | b"place-before" | b"copy-from" => {}
                _ => return Err(unknown),
            }
        }
        let (Some(list), Some((address, at))) = (list, address) else {
            return Err(ParseError::at(words.at(), Reason::NotAnAddress));
        };
        if is_disabled {
            sink.event(number, Event::Skipped);
            return Ok(());
        }
        // A name that the script makes up says nothing.
        if list.contains(&b'$') {
            return Err(ParseError::at(0, Reason::UnknownBlock));
        }
        let entry = whole(&address).map_err(|error| error.behind(at))?;
        sink.event(number, Event::Set(&list));
        sink.entry(number, entry, None);
        if !self.seen.contains(&*list) {
            self.seen.insert(list.into_owned());
        }
        Ok(())
    }

    /// Reads `remove [find list=LIST]`, perhaps with an address.
    fn remove(
        &mut self,
        number: u64,
        at: usize,
        mut words: Words<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let found = words.take().filter(|_| words.take().is_none()).and_then(find);
        match found {
            Some((Some(list), address)) => {
                if self.seen.contains(&*list) {
                    sink.event(number, Event::Set(&list));
                    sink.event(number, address.map_or(Event::Flushed, Event::Removed));
                }
                Ok(())
            }
            Some((None, None)) => {
                sink.event(number, Event::FlushedAll);
                Ok(())
            }
            _ => {
                // Whatever it removes is above.
                sink.event(number, Event::FlushedAll);
                Err(ParseError::at(at, Reason::UnknownBlock))
            }
        }
    }
}

/// The command in `:do { COMMAND } on-error={}`, and where it begins.
fn in_do(line: &[u8]) -> Option<(usize, &[u8])> {
    let rest = line.trim_ascii_start().strip_prefix(b":do")?.trim_ascii_start();
    let (b'{', inner) = rest.split_first()? else { return None };
    let end = memchr::memmem::rfind(inner, b"on-error").unwrap_or(inner.len());
    let command = inner[..end].trim_ascii_end().strip_suffix(b"}")?;
    let on_error = inner[end..].strip_prefix(b"on-error").unwrap_or_default();
    let does_nothing =
        on_error.iter().all(|byte| matches!(byte, b'=' | b'{' | b'}' | b' ' | b'\t'));
    let command = command.trim_ascii().strip_suffix(b";").unwrap_or(command.trim_ascii());
    let at = line.len() - inner.len() + inner.iter().take_while(|b| b" \t".contains(b)).count();
    (does_nothing && !command.contains(&b';')).then_some((at, command))
}

/// The list and the address that `[find ...]` looks for, if it looks for nothing else.
type Search<'a> = (Option<Cow<'a, [u8]>>, Option<Entry>);

fn find(word: Word<'_>) -> Option<Search<'_>> {
    let inner = word.text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    let mut words = Words::of(inner);
    let (mut list, mut address) = (None, None);
    let mut is_found = false;
    while let Some(word) = words.take() {
        match (word.text, word.pair()) {
            (b"find", _) => is_found = true,
            (b"where", _) if is_found => {}
            (text, None) if !is_found && is_name(text) => {}
            (_, Some(Pair { name: b"list", value, .. })) if list.is_none() => list = Some(value),
            (_, Some(Pair { name: b"address", value, .. })) if address.is_none() => {
                address = Some(whole(&value).ok()?);
            }
            _ => return None,
        }
    }
    is_found.then_some((list, address))
}
