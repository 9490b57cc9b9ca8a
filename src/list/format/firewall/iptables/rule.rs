//! One rule of iptables: which chain it is for, what it asks of a packet, and what becomes of that.

use std::collections::HashSet;

use super::shell::Word;
use crate::list::entry::Entry;
use crate::list::format::text::network;
use crate::list::grammar::leading_entry;
use crate::list::parse_error::{ParseError, Reason};

/// What is done with a rule or a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The rule is added.
    Add,
    /// The rule that reads so is deleted.
    Delete,
    /// The rule at a place is deleted or replaced, whatever it is.
    DeleteAt,
    /// All rules of a chain are deleted, or of all chains if none is named.
    Flush,
    /// Nothing that concerns a rule.
    Other,
}

/// A command of iptables, without its name.
#[derive(Debug)]
pub struct Rule<'a> {
    pub action: Action,
    pub chain: &'a [u8],
    pub table: Option<&'a [u8]>,
    /// Where the packet comes from, if the rule asks for that.
    source: Option<Word<'a>>,
    /// Whether it must come from anywhere else.
    is_negated: bool,
    /// From which address to which the packet comes, if the rule asks for that.
    range: Option<Word<'a>>,
    pub target: &'a [u8],
    /// Whether the rule asks for more than where the packet comes from.
    is_narrower: bool,
    /// Whether it asks for the interface at which the packet arrives.
    pub has_interface: bool,
    /// Whether it asks for more than where the packet comes from, which protocol and port it is for, and at
    /// which interface it arrives.
    is_elsewhere: bool,
}

impl<'a> Rule<'a> {
    /// Reads the words behind the name of the command.
    pub fn of(words: &[Word<'a>]) -> Result<Self, ParseError> {
        let mut rule = Rule {
            action: Action::Other,
            chain: b"",
            table: None,
            source: None,
            is_negated: false,
            range: None,
            target: b"",
            is_narrower: false,
            has_interface: false,
            is_elsewhere: false,
        };
        let mut rest = Rest { words };
        let mut has_action = false;
        let mut negates = false;
        while let Some(word) = rest.next() {
            let (option, attached) = split_option(word);
            if rule.read_action(option, &mut rest)? {
                if has_action {
                    return Err(ParseError::at(word.at, Reason::TrailingText));
                }
                has_action = true;
            } else {
                rule.read_option(word, option, attached, negates, &mut rest)?;
            }
            negates = word.text == b"!" && !word.is_quoted;
        }
        Ok(rule)
    }

    /// Reads what is done, if the option says that.
    fn read_action(&mut self, option: &[u8], rest: &mut Rest<'_, 'a>) -> Result<bool, ParseError> {
        match option {
            b"-A" | b"--append" => {
                self.action = Action::Add;
                self.chain = rest.value()?.text;
            }
            b"-I" | b"--insert" => {
                self.action = Action::Add;
                self.chain = rest.value()?.text;
                rest.number();
            }
            b"-D" | b"--delete" => {
                self.chain = rest.value()?.text;
                self.action = if rest.number() { Action::DeleteAt } else { Action::Delete };
            }
            b"-R" | b"--replace" => {
                self.chain = rest.value()?.text;
                self.action = Action::DeleteAt;
            }
            b"-F" | b"--flush" => {
                self.action = Action::Flush;
                self.chain = rest.name().unwrap_or_default();
            }
            b"-N" | b"--new-chain" | b"-X" | b"--delete-chain" | b"-P" | b"--policy" | b"-Z"
            | b"--zero" | b"-L" | b"--list" | b"-S" | b"--list-rules" | b"-C" | b"--check" => {
                self.action = Action::Other;
                rest.name();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_option(
        &mut self,
        word: Word<'a>,
        option: &[u8],
        attached: Option<Word<'a>>,
        negates: bool,
        rest: &mut Rest<'_, 'a>,
    ) -> Result<(), ParseError> {
        let mut value = || attached.map_or_else(|| rest.value(), Ok);
        match option {
            b"-s" | b"--source" | b"--src" => {
                if self.source.is_some() {
                    return Err(ParseError::at(word.at, Reason::TrailingText));
                }
                self.is_negated = negates;
                let mut source = value()?;
                if source.text == b"!" {
                    self.is_negated = true;
                    source = value()?;
                }
                self.source = Some(source);
            }
            b"-j" | b"--jump" | b"-g" | b"--goto" => {
                if !self.target.is_empty() {
                    return Err(ParseError::at(word.at, Reason::TrailingText));
                }
                self.target = value()?.text;
            }
            b"-i" | b"--in-interface" => {
                value()?;
                self.is_narrower = true;
                self.has_interface = true;
                self.is_elsewhere |= negates;
            }
            b"-t" | b"--table" => self.table = Some(value()?.text),
            b"-m" | b"--match" => {
                let module = value()?.text;
                self.is_narrower |= module != b"comment";
                self.is_elsewhere |= !matches!(
                    module,
                    b"comment" | b"tcp" | b"udp" | b"sctp" | b"dccp" | b"udplite" | b"multiport"
                );
            }
            b"--comment" | b"--reject-with" => {
                value()?;
            }
            b"-p" | b"--protocol" | b"--proto" => {
                self.is_narrower |= !matches!(value()?.text, b"all" | b"0") || negates;
                self.is_elsewhere |= negates;
            }
            b"-d" | b"--destination" | b"--dst" => {
                let everywhere = matches!(value()?.text, b"0.0.0.0/0" | b"::/0" | b"0/0");
                self.is_narrower |= !everywhere || negates;
                self.is_elsewhere |= !everywhere || negates;
            }
            b"--src-range" => {
                self.is_narrower = true;
                self.is_elsewhere = true;
                self.is_negated |= negates;
                self.range = Some(value()?);
            }
            b"-c" | b"--set-counters" | b"-w" | b"--wait" | b"-W" | b"--wait-interval" => {
                while rest.number() {}
            }
            b"-4" | b"--ipv4" | b"-6" | b"--ipv6" | b"-v" | b"--verbose" | b"-n" | b"--numeric"
            | b"-x" | b"--exact" | b"!" => {}
            _ => {
                self.is_narrower = true;
                // Nothing is the value of an option.
                self.is_elsewhere |= negates || !option.is_empty() && !is_port(option);
            }
        }
        Ok(())
    }

    /// Whether packets from some addresses are dropped, whatever they are.
    pub fn drops(&self) -> bool {
        matches!(self.target, b"DROP" | b"REJECT")
            && self.source.is_some()
            && !self.is_narrower
            && !self.is_negated
    }

    /// Whether packets from some addresses are let pass, perhaps not all of them. In the chains of `passing`
    /// all packets are.
    pub fn lets_pass(&self, passing: &HashSet<&[u8]>) -> bool {
        (matches!(self.target, b"ACCEPT" | b"RETURN") || passing.contains(self.target))
            && (self.source.is_some() || self.range.is_some())
            && !self.is_negated
    }

    /// Whether it asks nothing of a packet.
    pub fn has_no_condition(&self) -> bool {
        self.source.is_none() && !self.is_narrower && !self.is_negated
    }

    /// Whether all packets are sent to another chain, so that it says nothing of any address.
    pub fn only_jumps(&self) -> bool {
        self.has_no_condition()
            && !matches!(self.target, b"" | b"ACCEPT" | b"RETURN" | b"DROP" | b"REJECT")
    }

    /// Whether packets reach the chain that it jumps to, if it does, whatever they are, but perhaps of one
    /// protocol, port or interface only.
    pub fn jumps_widely(&self) -> bool {
        let is_everywhere =
            |source: Word<'_>| matches!(source.text, b"0.0.0.0/0" | b"::/0" | b"0/0");
        !self.is_elsewhere && !self.is_negated && self.source.is_none_or(is_everywhere)
    }

    /// The addresses that packets come from.
    pub fn sources(&self, line: &[u8]) -> Result<Vec<Entry>, ParseError> {
        let mut entries = Vec::new();
        if let Some(range) = self.range {
            let end = range.at + range.text.len();
            let leading = leading_entry(&line[..end], range.at)?;
            if leading.end != end {
                return Err(ParseError::at(leading.end, Reason::TrailingText));
            }
            entries.push(leading.entry);
        }
        let Some(source) = self.source else { return Ok(entries) };
        let mut at = source.at;
        for part in source.text.split(|byte| *byte == b',') {
            let end = at + part.len();
            entries.push(network(line, at, end)?);
            at = end + 1;
        }
        Ok(entries)
    }
}

/// Whether an option asks for a port.
fn is_port(option: &[u8]) -> bool {
    matches!(
        option,
        b"--dport"
            | b"--dports"
            | b"--sport"
            | b"--sports"
            | b"--ports"
            | b"--destination-port"
            | b"--destination-ports"
            | b"--source-port"
            | b"--source-ports"
    )
}

/// An option, and its value if that is attached to it: `--src=192.0.2.7`, `-s192.0.2.7`.
fn split_option(word: Word<'_>) -> (&[u8], Option<Word<'_>>) {
    let text = word.text;
    if word.is_quoted || !text.starts_with(b"-") {
        // A value that no option was known to take.
        return (if text == b"!" && !word.is_quoted { text } else { b"" }, None);
    }
    let split = if text.starts_with(b"--") {
        memchr::memchr(b'=', text).map(|at| (at, at + 1))
    } else {
        let takes_value = text.len() > 2 && b"sdjgtmp".contains(&text[1]);
        takes_value.then_some((2, 2))
    };
    match split {
        None => (text, None),
        Some((end, start)) => {
            let value = Word { at: word.at + start, text: &text[start..], is_quoted: false };
            (&text[..end], Some(value))
        }
    }
}

/// The words that are not read yet.
struct Rest<'w, 'a> {
    words: &'w [Word<'a>],
}

impl<'a> Rest<'_, 'a> {
    fn next(&mut self) -> Option<Word<'a>> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(*first)
    }

    /// The value of an option.
    fn value(&mut self) -> Result<Word<'a>, ParseError> {
        self.next().ok_or(ParseError::at(0, Reason::UnknownBlock))
    }

    /// Takes a number, if one follows.
    fn number(&mut self) -> bool {
        let is_number =
            |word: &Word<'_>| !word.text.is_empty() && word.text.iter().all(u8::is_ascii_digit);
        self.words.first().is_some_and(is_number) && self.next().is_some()
    }

    /// Takes a name, if one follows.
    fn name(&mut self) -> Option<&'a [u8]> {
        let is_name = self.words.first().is_some_and(|word| !word.text.starts_with(b"-"));
        if is_name { self.next().map(|word| word.text) } else { None }
    }
}
