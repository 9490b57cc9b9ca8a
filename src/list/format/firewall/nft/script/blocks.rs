//! Blocks: what opens one, and what its end makes of what stood in it.

use super::{Block, Elements, Role, Script, Set, set_name};
use crate::list::format::firewall::nft::names::Kind;
use crate::list::format::firewall::nft::rule::Rule;
use crate::list::format::firewall::nft::statement::{Opened, opened};
use crate::list::format::firewall::nft::{NAME, is_known};
use crate::list::format::reader::Sink;
use crate::list::parse_error::Reason;
use crate::list::verdict;

impl<'a> Script<'a> {
    /// Opens a block with the statement at hand in front of it.
    pub(super) fn open(&mut self, at: usize) {
        let table = match self.blocks.last() {
            None => None,
            Some(Block::Table(name)) => Some(*name),
            Some(Block::Set(set)) if matches!(self.statement[..], [b"elements", b"="]) => {
                if set.is_map {
                    self.rule = Some(Rule::map());
                } else {
                    let kind = self.names.kind(set.name);
                    let table = match self.blocks.first() {
                        Some(Block::Table(table)) => *table,
                        _ => b"",
                    };
                    self.open_elements(set_name(&self.blocks), table, Role::Added, Some(kind));
                }
                self.statement.clear();
                return;
            }
            Some(_) => return self.open_unknown(at),
        };
        let Some(block) = opened(table.is_some(), &self.statement) else {
            return self.open_unknown(at);
        };
        let table = table.unwrap_or_default();
        if self.blocks.is_empty() {
            self.opener = self.here;
        }
        self.statement.clear();
        match block {
            Opened::Table(name) => self.blocks.push(Block::Table(name)),
            Opened::Chain(name) => self.blocks.push(Block::Chain(name)),
            Opened::Object => {
                self.is_skipped = true;
                self.blocks.push(Block::Object(0));
            }
            Opened::Set { name, is_map } => self.blocks.push(Block::Set(Set {
                name,
                is_map,
                refers: false,
                kind: Kind::Addresses,
            })),
            Opened::Elements { table, set } => {
                let kind = self.names.kind(set);
                self.open_elements(set, table, Role::Added, Some(kind));
            }
            Opened::Removed { set } => {
                let kind = self.names.kind(set);
                self.open_elements(set, table, Role::Removed, Some(kind));
            }
            Opened::Definition(name) => self.open_elements(name, table, Role::Defined, None),
        }
    }

    fn open_elements(&mut self, name: &'a [u8], table: &'a [u8], role: Role, kind: Option<Kind>) {
        self.blocks.push(Block::Elements(Elements {
            name,
            table,
            role,
            kind,
            has_entry: false,
            references: Vec::new(),
            is_behind_one: false,
        }));
    }

    fn open_unknown(&mut self, at: usize) {
        let at = if self.statement.is_empty() { at } else { self.statement_at };
        let reason = if self.blocks.is_empty() && !is_known(&self.statement) {
            Reason::NotOfTheFormat(NAME)
        } else {
            Reason::UnknownBlock
        };
        self.fail(at, reason);
        self.statement.clear();
        self.unknown.open();
    }

    /// Closes the innermost block.
    pub(super) fn close(&mut self, at: usize, sink: &mut dyn Sink) {
        self.rule = None;
        match self.blocks.pop() {
            None => self.fail(at, Reason::UnknownBlock),
            Some(Block::Elements(elements)) => self.close_elements(elements, sink),
            Some(Block::Set(set)) => {
                // A set without elements is one, too.
                if !set.is_map && !set.refers && set.kind == Kind::Addresses {
                    let table = match self.blocks.last() {
                        Some(Block::Table(table)) => *table,
                        _ => b"",
                    };
                    self.names.declare(table, set.name);
                    self.enter(set.name);
                }
            }
            Some(Block::Table(_) | Block::Chain(_) | Block::Object(_)) => {}
        }
        self.is_closed = self.blocks.is_empty();
    }

    fn close_elements(&mut self, elements: Elements<'a>, sink: &mut dyn Sink) {
        let Elements { name, role, has_entry, references, .. } = elements;
        if has_entry {
            if role == Role::Defined {
                self.names.define(name);
            }
            return;
        }
        let is_set = role == Role::Added;
        for reference in references {
            if self.names.has_addresses(reference.name) {
                self.refer(name, reference.name, is_set);
            } else if role != Role::Defined {
                self.reject(reference, sink);
            }
        }
    }

    /// Notes that a set or a definition has the elements of a definition.
    pub(super) fn refer(&mut self, name: &'a [u8], definition: &'a [u8], is_set: bool) {
        self.names.refer(name, definition);
        self.is_skipped = true;
        if is_set {
            if let Some(Block::Set(set)) = self.blocks.last_mut() {
                set.refers = true;
            }
        }
        if verdict::name_allows(name) {
            self.names.accept(name, self.here.number);
        }
    }
}
