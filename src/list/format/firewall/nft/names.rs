//! The names of a script: of sets, definitions and chains, and what is known of each.

use std::collections::{HashMap, HashSet};

use super::rule::{Fate, Operand, Rule};
use crate::list::entry::Entry;
use crate::list::format::reader::{Event, Sink};

/// What the elements of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Addresses of one family.
    Addresses,
    /// An address and something else.
    Narrower,
    /// No addresses.
    Other,
}

impl Kind {
    /// The kind of a set, by the words behind `type`.
    pub fn of_type(words: &[&[u8]]) -> Kind {
        let is_address = |word: &&[u8]| matches!(*word, b"ipv4_addr" | b"ipv6_addr");
        match words {
            [word] if is_address(word) => Kind::Addresses,
            _ if words.iter().any(is_address) => Kind::Narrower,
            _ => Kind::Other,
        }
    }

    /// The kind of a set, by the words behind `typeof`.
    pub fn of_expression(words: &[&[u8]]) -> Kind {
        match words {
            [b"ip" | b"ip6", b"saddr" | b"daddr"] => Kind::Addresses,
            _ if words.iter().any(|word| matches!(*word, b"ip" | b"ip6")) => Kind::Narrower,
            _ => Kind::Other,
        }
    }
}

/// What a chain does with some packets.
#[derive(Clone, Copy, Default)]
struct Chain {
    accepts: bool,
    drops: bool,
}

/// The names of a script.
#[derive(Default)]
pub struct Names<'a> {
    /// The sets whose elements are no addresses.
    kinds: HashMap<&'a [u8], Kind>,
    /// The definitions of several addresses, and of a single one.
    definitions: HashSet<&'a [u8]>,
    addresses: HashMap<&'a [u8], Entry>,
    /// For what has only the elements of definitions, the names of those.
    references: HashMap<&'a [u8], Vec<&'a [u8]>>,
    /// The sets that were declared, by their tables.
    tables: HashMap<&'a [u8], Vec<&'a [u8]>>,
    declared: HashSet<&'a [u8]>,
    chains: HashMap<&'a [u8], Chain>,
    /// What rules say, with the line.
    decided: Vec<(Operand<'a>, Fate<'a>, u64)>,
}

impl<'a> Names<'a> {
    /// Notes what a set holds.
    pub fn set_kind(&mut self, set: &'a [u8], kind: Kind) {
        if kind == Kind::Addresses {
            self.kinds.remove(set);
        } else {
            self.kinds.insert(set, kind);
        }
    }

    /// What a set holds.
    pub fn kind(&self, set: &[u8]) -> Kind {
        self.kinds.get(set).copied().unwrap_or(Kind::Addresses)
    }

    /// Notes a set of addresses.
    pub fn declare(&mut self, table: &'a [u8], set: &'a [u8]) {
        if self.declared.insert(set) {
            self.tables.entry(table).or_default().push(set);
        }
    }

    /// Whether a set was declared, and is still one.
    pub fn is_declared(&self, set: &[u8]) -> bool {
        self.declared.contains(set)
    }

    /// Forgets a set, if there is one.
    pub fn destroy(&mut self, set: &[u8]) -> bool {
        self.declared.remove(set)
    }

    /// Forgets the sets of a table, or of all tables, and returns their names.
    pub fn destroy_table(&mut self, table: Option<&[u8]>) -> Vec<&'a [u8]> {
        let mut sets: Vec<_> = match table {
            Some(table) => self.tables.remove(table).unwrap_or_default(),
            None => self.tables.drain().flat_map(|(_, sets)| sets).collect(),
        };
        sets.retain(|set| self.declared.remove(set));
        sets.sort_unstable();
        sets
    }

    /// Notes a definition with several addresses.
    pub fn define(&mut self, name: &'a [u8]) {
        self.definitions.insert(name);
    }

    /// Notes a definition that is one address.
    pub fn define_address(&mut self, name: &'a [u8], entry: Entry) {
        self.addresses.insert(name, entry);
    }

    /// Whether a definition has addresses.
    pub fn has_addresses(&self, name: &[u8]) -> bool {
        self.definitions.contains(name) || self.references.contains_key(name)
    }

    /// Notes that something has the elements of a definition.
    pub fn refer(&mut self, name: &'a [u8], definition: &'a [u8]) {
        self.references.entry(name).or_default().push(definition);
    }

    /// Notes that what a set holds passes.
    pub fn accept(&mut self, set: &'a [u8], line: u64) {
        self.decided.push((Operand::Name(set), Fate::Passes, line));
    }

    /// Notes what a rule says that ends, of a chain that is known by now or named in it.
    pub fn rule(&mut self, chain: Option<&'a [u8]>, rule: Rule<'a>, line: u64) {
        let (accepts, drops) = rule.verdicts();
        if accepts || drops {
            if let Some(name) = chain.or_else(|| rule.chain()) {
                let chain = self.chains.entry(name).or_default();
                chain.accepts |= accepts;
                chain.drops |= drops;
            }
        }
        self.decided.extend(rule.end().into_iter().map(|(operand, fate)| (operand, fate, line)));
    }

    /// Notifies a sink of what passes.
    pub fn end(self, sink: &mut dyn Sink) {
        let mut todo = Vec::new();
        for (operand, fate, line) in self.decided {
            let passes = match fate {
                Fate::Passes => true,
                Fate::Chain { name, is_other } => {
                    let chain = self.chains.get(name).copied().unwrap_or_default();
                    chain.accepts != chain.drops && chain.drops == is_other
                }
            };
            match operand {
                _ if !passes => {}
                Operand::Name(name) => todo.push((name, line)),
                Operand::Entry(entry) => except(entry, line, sink),
            }
        }
        todo.reverse();
        let mut seen = HashSet::new();
        while let Some((name, line)) = todo.pop() {
            if !seen.insert(name) {
                continue;
            }
            sink.event(line, Event::Accepted(name));
            if let Some(entry) = self.addresses.get(name) {
                except(*entry, line, sink);
            }
            let definitions = self.references.get(name).into_iter().flatten();
            todo.extend(definitions.map(|definition| (*definition, line)));
        }
    }
}

/// Notifies a sink of an address that passes, whatever set holds it.
fn except(entry: Entry, line: u64, sink: &mut dyn Sink) {
    sink.event(line, Event::Outside);
    sink.event(line, Event::Exception(entry));
}
