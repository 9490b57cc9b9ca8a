//! Whole statements outside of elements, and what they do.

use super::{Block, Script};
use crate::list::format::firewall::nft::names::Kind;
use crate::list::format::firewall::nft::statement::{Said, said};
use crate::list::format::firewall::nft::{NAME, says_good};
use crate::list::format::reader::Event;
use crate::list::parse_error::Reason;

impl<'a> Script<'a> {
    /// Ends the statement at hand, or the rule.
    pub(super) fn end_statement(&mut self) {
        if self.rule.as_ref().is_some_and(|rule| rule.depth == 0) {
            self.end_rule();
        }
        if self.statement.is_empty() || matches!(self.blocks.last(), Some(Block::Elements(_))) {
            return;
        }
        let words = std::mem::take(&mut self.statement);
        match self.blocks.last_mut() {
            None => self.say(said(&words)),
            Some(Block::Table(_)) => match words[0] {
                b"comment" | b"flags" => {}
                b"define" | b"redefine" => self.say(said(&words)),
                _ => self.fail(self.statement_at, Reason::UnknownBlock),
            },
            Some(Block::Set(set)) => {
                let name = set.name;
                match (words[0], &words[1..]) {
                    (b"type" | b"typeof", value) => {
                        let key = value.split(|word| *word == b":").next().unwrap_or_default();
                        set.kind = match words[0] {
                            b"type" => Kind::of_type(key),
                            _ => Kind::of_expression(key),
                        };
                        let kind = if set.is_map { Kind::Narrower } else { set.kind };
                        self.is_skipped |= kind != Kind::Addresses;
                        self.names.set_kind(name, kind);
                    }
                    (b"comment", [comment]) if says_good(comment) => {
                        self.names.accept(name, self.here.number);
                    }
                    (b"elements", [b"=", value]) => match value.strip_prefix(b"$") {
                        Some(definition) if self.names.has_addresses(definition) => {
                            self.refer(name, definition, true);
                        }
                        _ => self.fail(self.statement_at, Reason::UnknownBlock),
                    },
                    (b"flags" | b"size" | b"timeout" | b"gc-interval" | b"policy", [_, ..])
                    | (b"comment", [_])
                    | (b"auto-merge" | b"counter" | b"last", _) => {}
                    _ => self.fail(self.statement_at, Reason::UnknownBlock),
                }
            }
            Some(_) => {}
        }
    }

    /// Notes what a statement outside of blocks says.
    fn say(&mut self, said: Said<'a>) {
        match said {
            Said::Nothing => {}
            Said::Skipped => self.is_skipped = true,
            Said::Flush(set) => {
                if self.names.is_declared(set) {
                    self.enter(set);
                    self.event(Event::Flushed);
                }
            }
            Said::Destroy(set) => {
                if self.names.destroy(set) {
                    self.destroy(set);
                }
            }
            Said::DestroyTable(table) => {
                for set in self.names.destroy_table(table) {
                    self.destroy(set);
                }
            }
            Said::DefineReference(name, definition) => {
                self.is_skipped = true;
                if self.names.has_addresses(definition) {
                    self.refer(name, definition, false);
                }
            }
            Said::DefineAddress(name, entry) => {
                self.names.define_address(name, entry);
                self.fail(self.statement_at, Reason::UnknownBlock);
            }
            Said::Unknown => self.fail(self.statement_at, Reason::UnknownBlock),
            Said::NotOurs => self.fail(self.statement_at, Reason::NotOfTheFormat(NAME)),
        }
    }

    fn destroy(&mut self, set: &'a [u8]) {
        self.enter(set);
        self.event(Event::Destroyed);
        self.current = None;
    }
}
