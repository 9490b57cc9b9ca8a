//! Rules of iptables, as `iptables-save` writes them and as commands: those that drop whatever comes from
//! an address.

mod chains;
mod private;
mod rule;
mod shell;

use std::collections::HashSet;

use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::format::text::word;
use crate::list::grammar::skip_blanks;
use crate::list::parse_error::{ParseError, Reason};
use chains::{bound_chains, is_outbound, narrow_chains, outbound_chains, passing_chains};
use rule::{Action, Rule};
use shell::{Script, words};

const NAME: &str = "iptables";

pub static FORMAT: Format =
    Format { name: NAME, sign: Sign::Line(|line| is_of_the_format(line.text)), read };

/// What a line of a file with rules is.
enum Statement<'a> {
    /// A rule, or a command that concerns rules, perhaps of a given family.
    Rule(Family, Rule<'a>),
    /// The rules below are of this table.
    Table(&'a [u8]),
    /// What says nothing of any rule.
    Nothing,
}

/// Which of the two programs a command names, since their chains have the same names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// iptables, or the file of rules says nothing.
    Any,
    /// ip6tables.
    Six,
}

impl Family {
    /// The name of a chain for `--from-set`.
    fn part(self, chain: &[u8]) -> Vec<u8> {
        match self {
            Family::Any => chain.to_vec(),
            Family::Six => [b"ip6tables ", chain].concat(),
        }
    }
}

/// Whether a line looks like one of a file with rules.
fn is_of_the_format(line: &[u8]) -> bool {
    let start = skip_blanks(line, 0);
    let (first, end) = word(line, start);
    match first.first() {
        Some(b'*') => is_table(&first[1..]),
        Some(b':') => is_chain(line, start),
        Some(b'[' | b'-') => {
            let rest = &line[if first[0] == b'[' { skip_blanks(line, end) } else { start }..];
            let (option, _) = word(rest, 0);
            let has = |jump: &[u8]| memchr::memmem::find(rest, jump).is_some();
            let is_command =
                matches!(option, b"-A" | b"-I" | b"-D" | b"-R" | b"--append" | b"--insert");
            is_command && (has(b" -j") || has(b" -g") || has(b" --jump"))
        }
        Some(_) => {
            let (name, end) = command(line, start);
            is_tool(name)
                || family(name).is_some() && line[end..].trim_ascii_start().starts_with(b"-")
        }
        None => false,
    }
}

/// The name of the command at `start`, and the offset behind it.
fn command(line: &[u8], start: usize) -> (&[u8], usize) {
    match word(line, start) {
        (b"sudo", end) => word(line, skip_blanks(line, end)),
        other => other,
    }
}

fn is_table(name: &[u8]) -> bool {
    matches!(name, b"filter" | b"nat" | b"mangle" | b"raw" | b"security")
}

/// Whether a chain is declared: `:INPUT ACCEPT [0:0]`.
fn is_chain(line: &[u8], start: usize) -> bool {
    let (name, end) = word(line, start);
    let (policy, end) = word(line, skip_blanks(line, end));
    let (counters, _) = word(line, skip_blanks(line, end));
    name.len() > 1
        && matches!(policy, b"ACCEPT" | b"DROP" | b"-")
        && (counters.is_empty() || counters.starts_with(b"["))
}

/// Whether a word is the counters before a rule, packets and bytes: `[12:3400]`.
fn is_counters(word: &[u8]) -> bool {
    let inner = word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]"));
    inner.is_some_and(|inner| inner.iter().all(|byte| byte.is_ascii_digit() || *byte == b':'))
}

/// The family of a command, if its name is that of iptables or of a variable that holds it.
fn family(name: &[u8]) -> Option<Family> {
    let six = |is_six: bool| if is_six { Family::Six } else { Family::Any };
    let name = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name);
    if let Some(variable) = name.strip_prefix(b"$") {
        let variable = variable.to_ascii_uppercase();
        let has = |part: &[u8]| memchr::memmem::find(&variable, part).is_some();
        return (has(b"IPT") || has(b"IP6T")).then(|| six(has(b"6")));
    }
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    match name {
        b"iptables" | b"iptables-nft" | b"iptables-legacy" => Some(Family::Any),
        b"ip6tables" | b"ip6tables-nft" | b"ip6tables-legacy" => Some(Family::Six),
        _ => None,
    }
}

/// Whether a command is one that saves or restores rules.
fn is_tool(name: &[u8]) -> bool {
    let name = name.rsplit(|byte| *byte == b'/').next().unwrap_or(name);
    (name.starts_with(b"iptables") || name.starts_with(b"ip6tables"))
        && (name.ends_with(b"-restore") || name.ends_with(b"-save"))
}

/// What a line is; `None` if it is not of this format.
fn parse(line: &[u8]) -> Option<Result<Statement<'_>, ParseError>> {
    let start = skip_blanks(line, 0);
    let (first, end) = word(line, start);
    match first.first()? {
        b'*' => return is_table(&first[1..]).then(|| Ok(Statement::Table(&first[1..]))),
        b':' => return is_chain(line, start).then_some(Ok(Statement::Nothing)),
        b'C' if first == b"COMMIT" && line[end..].trim_ascii().is_empty() => {
            return Some(Ok(Statement::Nothing));
        }
        _ => {}
    }
    let (name, _) = command(line, start);
    if is_tool(name) {
        return Some(Ok(Statement::Nothing));
    }
    let is_rule = first[0] == b'-' || is_counters(first);
    let family = if is_rule { Family::Any } else { family(name)? };
    let skipped = usize::from(first[0] != b'-') + usize::from(first == b"sudo");
    Some(words(line).and_then(|words| {
        let rule = Rule::of(words.get(skipped..).unwrap_or_default())?;
        Ok(Statement::Rule(family, rule))
    }))
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let mut rules = Rules::of(lines.text());
    let mut script = Script::default();
    while let Some(line) = lines.line() {
        let &Line { number, raw, text, .. } = line;
        if line.is_blank() {
        } else if script.is_open() {
            sink.reject(number, ParseError::at(skip_blanks(text, 0), Reason::UnknownBlock), raw);
            script.follow(text);
        } else {
            match parse(text) {
                Some(Ok(statement)) => {
                    if let Err(error) = rules.read(number, text, statement, sink) {
                        sink.reject(number, error, raw);
                    }
                }
                Some(Err(error)) => {
                    rules.read_unknown(number, text, sink);
                    sink.reject(number, error, raw);
                }
                None => {
                    script.follow(text);
                    lines.reject_other(NAME, sink);
                }
            }
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// What is known of the rules above.
struct Rules<'a> {
    table: &'a [u8],
    /// The chains that only packets of this host pass.
    outbound: HashSet<&'a [u8]>,
    /// The chains that only packets of some interfaces pass.
    bound: HashSet<&'a [u8]>,
    /// The chains that only some packets reach, by where they come from or what they belong to.
    narrow: HashSet<&'a [u8]>,
    /// The chains that let pass whatever comes to them.
    passing: HashSet<&'a [u8]>,
    /// Whether the file deletes or flushes anything, so that more has to be kept.
    has_deletions: bool,
    /// What was added and may be deleted.
    added: HashSet<(Vec<u8>, Entry)>,
    /// The chains with entries that were not flushed, of each family.
    filled: [HashSet<Vec<u8>>; 2],
    /// The chain of the last entry.
    chain: Vec<u8>,
}

impl<'a> Rules<'a> {
    fn of(text: &'a [u8]) -> Self {
        let has = |part: &[u8]| memchr::memmem::find(text, part).is_some();
        let deletes = [&b"-D "[..], b"-F", b"-R ", b"--delete", b"--flush", b"--replace"];
        Rules {
            table: b"filter",
            outbound: outbound_chains(text),
            narrow: narrow_chains(text),
            bound: bound_chains(text),
            passing: passing_chains(text),
            has_deletions: deletes.into_iter().any(has),
            added: HashSet::new(),
            filled: [HashSet::new(), HashSet::new()],
            chain: Vec::new(),
        }
    }

    fn read(
        &mut self,
        number: u64,
        line: &[u8],
        statement: Statement<'a>,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let (family, rule) = match statement {
            Statement::Rule(family, rule) => (family, rule),
            Statement::Table(table) => {
                self.table = table;
                return Ok(());
            }
            Statement::Nothing => return Ok(()),
        };
        let name = family.part(rule.chain);
        match rule.action {
            Action::Add => return self.add(number, line, family, &rule, sink),
            Action::Delete if rule.drops() => {
                for entry in rule.sources(line)? {
                    if self.added.remove(&(name.clone(), entry)) {
                        self.enter(number, &name, sink);
                        sink.event(number, Event::Removed(entry));
                    }
                }
            }
            Action::Delete => sink.event(number, Event::Skipped),
            Action::DeleteAt => {
                self.flush(number, name, sink);
                return Err(ParseError::at(skip_blanks(line, 0), Reason::UnknownBlock));
            }
            Action::Flush if rule.chain.is_empty() => self.flush_all(number, family, sink),
            Action::Flush => self.flush(number, name, sink),
            Action::Other => {}
        }
        Ok(())
    }

    fn add(
        &mut self,
        number: u64,
        line: &[u8],
        family: Family,
        rule: &Rule<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), ParseError> {
        let table = rule.table.unwrap_or(self.table);
        let leaves = is_outbound(rule.chain) || self.outbound.contains(rule.chain);
        if rule.lets_pass(&self.passing) && !leaves {
            for entry in rule.sources(line)? {
                sink.event(number, Event::Exception(entry));
            }
        } else if rule.drops() && !leaves && table != b"nat" && !self.narrow.contains(rule.chain) {
            let mut entries = rule.sources(line)?;
            if self.bound.contains(rule.chain) {
                let count = entries.len();
                entries.retain(|entry| !private::holds_some(*entry));
                if entries.len() < count {
                    sink.event(number, Event::Skipped);
                }
            }
            if entries.is_empty() {
                return Ok(());
            }
            let name = family.part(rule.chain);
            self.enter(number, &name, sink);
            for entry in entries {
                sink.entry(number, entry, None);
                if self.has_deletions {
                    self.added.insert((name.clone(), entry));
                }
            }
            if self.has_deletions && !self.filled[family as usize].contains(&name) {
                self.filled[family as usize].insert(name);
            }
        } else if !rule.only_jumps() {
            sink.event(number, Event::Skipped);
        }
        Ok(())
    }

    /// Acts on a line that is a command and cannot be read: whatever it deletes may be deleted.
    fn read_unknown(&mut self, number: u64, line: &[u8], sink: &mut dyn Sink) {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let deletes = |word: &[u8]| {
            matches!(word, b"-D" | b"-F" | b"-R" | b"--delete" | b"--flush" | b"--replace")
        };
        if words.any(deletes) {
            let chain = words.next().unwrap_or_default();
            for family in [Family::Any, Family::Six] {
                if chain.is_empty() || chain.starts_with(b"$") {
                    self.flush_all(number, family, sink);
                } else {
                    self.flush(number, family.part(chain), sink);
                }
            }
        }
    }

    fn flush_all(&mut self, number: u64, family: Family, sink: &mut dyn Sink) {
        let mut filled: Vec<_> = self.filled[family as usize].iter().cloned().collect();
        filled.sort();
        for name in filled {
            self.flush(number, name, sink);
        }
    }

    fn flush(&mut self, number: u64, name: Vec<u8>, sink: &mut dyn Sink) {
        if self.filled.iter_mut().any(|filled| filled.remove(&name)) {
            self.enter(number, &name, sink);
            sink.event(number, Event::Flushed);
        }
    }

    fn enter(&mut self, number: u64, name: &[u8], sink: &mut dyn Sink) {
        if self.chain != name {
            self.chain = name.to_vec();
            sink.event(number, Event::Part(name));
        }
    }
}
