//! What a message does, in words, for an error that the kernel ties to it.

#![cfg(feature = "nftables")]

use std::fmt;

use super::constants::*;
use crate::netlink::{ATTRIBUTE, Message, attributes, find, find_str};
use crate::nftables::name::Family;

/// What the kernel was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// To what kind of object it was to do what, as in `creating set`.
    pub what: &'static str,
    /// The name of the object.
    pub name: Option<String>,
    /// The table that the object is in, by family and name.
    pub table: Option<String>,
}

impl Operation {
    /// One whose object has no name, or is not known.
    pub fn unnamed(what: &'static str) -> Self {
        Operation { what, name: None, table: None }
    }

    /// What a message of a batch does.
    pub fn of(message: &Message<'_>) -> Operation {
        let kind = message.kind_in(libc::NFNL_SUBSYS_NFTABLES);
        let (what, named_by) = match kind {
            Some(libc::NFT_MSG_NEWTABLE) => ("creating table", NFTA_TABLE_NAME),
            Some(libc::NFT_MSG_DELTABLE) => ("deleting table", NFTA_TABLE_NAME),
            Some(libc::NFT_MSG_NEWCHAIN) => ("creating chain", NFTA_CHAIN_NAME),
            Some(libc::NFT_MSG_DELCHAIN) => ("deleting chain", NFTA_CHAIN_NAME),
            Some(libc::NFT_MSG_NEWRULE) => ("adding a rule to chain", NFTA_RULE_CHAIN),
            Some(libc::NFT_MSG_DELRULE) => ("emptying chain", NFTA_RULE_CHAIN),
            Some(libc::NFT_MSG_NEWSET) => ("creating set", NFTA_SET_NAME),
            Some(libc::NFT_MSG_DELSET) => ("deleting set", NFTA_SET_NAME),
            Some(libc::NFT_MSG_NEWSETELEM) => ("adding to set", NFTA_SET_ELEM_LIST_SET),
            Some(libc::NFT_MSG_DELSETELEM) => {
                // One that names no element empties the set.
                let some = find(message.attributes(), NFTA_SET_ELEM_LIST_ELEMENTS).is_some();
                (if some { "deleting from set" } else { "emptying set" }, NFTA_SET_ELEM_LIST_SET)
            }
            Some(libc::NFT_MSG_NEWOBJ) => ("creating counter", NFTA_OBJ_NAME),
            _ => return Operation::unnamed("beginning a transaction"),
        };
        // The first attribute of every object is its table, or its name if it is one.
        let family = message.family().and_then(Family::numbered);
        let table = find_str(message.attributes(), NFTA_TABLE_NAME);
        let table = table.map(|table| match family {
            Some(family) => format!("{family} {table}"),
            None => table,
        });
        match named_by {
            NFTA_TABLE_NAME => Operation { what, name: table, table: None },
            _ => Operation { what, name: find_str(message.attributes(), named_by), table },
        }
    }
}

/// The expressions that name other objects. ENOENT for one of them is about that object, which another
/// program has deleted, and not about the expression.
const NAME_OTHERS: [&[u8]; 2] = [b"lookup", b"immediate"];

/// The part of nf_tables that a kernel lacks which answers a message of a batch with ENOENT at `offset`:
/// an expression, or a kind of object. `None` if the error is about something that is named there.
///
/// The counters that `objref` names are created in the same batch, so they are not what is missing.
pub fn part_of(message: &Message<'_>, offset: Option<u32>) -> Option<String> {
    match message.kind_in(libc::NFNL_SUBSYS_NFTABLES)? {
        libc::NFT_MSG_NEWOBJ => Some("counter".to_string()),
        libc::NFT_MSG_NEWRULE => {
            let at = (offset? as usize).checked_sub(Message::ATTRIBUTES_AT)?;
            let rule = message.attributes().find(|it| it.kind == NFTA_RULE_EXPRESSIONS)?;
            let at = at.checked_sub(rule.at + ATTRIBUTE)?;
            let expression = attributes(rule.value)
                .find(|it| (it.at..it.at + ATTRIBUTE + it.value.len()).contains(&at))?;
            let name = find_str(attributes(expression.value), NFTA_EXPR_NAME)?;
            (!NAME_OTHERS.contains(&name.as_bytes())).then_some(name)
        }
        _ => None,
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        self.table.as_ref().map_or(Ok(()), |table| write!(f, " of table {table}"))
    }
}
