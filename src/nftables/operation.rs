//! What a message does, in words, for an error that the kernel ties to it.

#![cfg(feature = "nftables")]

use std::fmt;

use super::constants::*;
use crate::netlink::{Message, find, find_str};

/// What the kernel was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// To what kind of object it was to do what, as in `creating set`.
    pub what: &'static str,
    /// The name of the object.
    pub name: Option<String>,
    /// The table that the object is in.
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
        let name = find_str(message.attributes(), named_by);
        // The first attribute of every other object is its table.
        let in_table = kind != Some(libc::NFT_MSG_NEWTABLE);
        let table = find_str(message.attributes(), NFTA_TABLE_NAME).filter(|_| in_table);
        Operation { what, name, table }
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
