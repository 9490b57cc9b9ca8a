//! Questions to nf_tables: which tables, sets, chains and rules are there.
//!
//! Never asks for the elements of a set: a dump of a million takes a minute.

#![cfg(feature = "nftables")]

use std::ffi::{CStr, CString};

use super::constants::*;
use super::error::Error;
use super::key_type::KeyType;
use super::transaction::Connection;
use crate::netlink::{Message, attributes, find, find_str, find_u32, find_u64};
use crate::nftables::name::{Family, TableName};

/// A table that exists.
#[derive(Debug)]
pub struct Table {
    /// Whether it has the flag dormant: packets do not pass its chains.
    pub dormant: bool,
    /// Its comment, as nft keeps it.
    pub comment: Option<String>,
}

/// A set that exists.
#[derive(Debug)]
pub struct Set {
    /// Its name, which nft need not be able to type.
    pub name: CString,
    /// Its flags (`NFT_SET_*`).
    pub flags: u32,
    /// The type that nft knows the key by.
    pub key_type: u32,
    /// Bytes of a key.
    pub key_length: u32,
    /// How many elements it has, where the kernel says so.
    pub count: Option<u32>,
}

impl Set {
    /// Whether its keys are of that type.
    pub fn has_keys(&self, keys: KeyType) -> bool {
        (self.key_type, self.key_length) == keys.number_and_length()
    }
}

/// A chain that exists.
#[derive(Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its name, with a mark in place of bytes that are no text.
    pub name: String,
    /// Of a base chain, the number of its hook (`NF_INET_*`) and its priority.
    pub hook: Option<(u32, i32)>,
}

/// Asks for the table called `table`; `None` if there is none.
pub fn table(connection: &mut Connection, table: &TableName) -> Result<Option<Table>, Error> {
    connection.get(
        libc::NFT_MSG_GETTABLE,
        table.family(),
        |request| request.put_str(NFTA_TABLE_NAME, table.name()),
        read_table,
    )
}

/// The table that a message is about.
pub fn read_table(message: &Message<'_>) -> Option<Table> {
    let about_a_table = message.kind_in(libc::NFNL_SUBSYS_NFTABLES) == Some(libc::NFT_MSG_NEWTABLE);
    about_a_table.then(|| Table {
        dormant: find_u32(message.attributes(), NFTA_TABLE_FLAGS).unwrap_or(0)
            & NFT_TABLE_F_DORMANT
            != 0,
        comment: find(message.attributes(), NFTA_TABLE_USERDATA).and_then(comment),
    })
}

fn comment(mut userdata: &[u8]) -> Option<String> {
    while let [kind, length, rest @ ..] = userdata {
        let (value, behind) = rest.split_at_checked(usize::from(*length))?;
        if *kind == UDATA_TABLE_COMMENT {
            return Some(String::from_utf8_lossy(value.strip_suffix(b"\0")?).into_owned());
        }
        userdata = behind;
    }
    None
}

/// Asks for the sets of a table; none if there is no such table.
pub fn sets(connection: &mut Connection, table: &TableName) -> Result<Vec<Set>, Error> {
    connection.dump(
        libc::NFT_MSG_GETSET,
        table.family(),
        |request| request.put_str(NFTA_SET_TABLE, table.name()),
        |message| read_set(message, table),
    )
}

/// The set of a table that a message is about.
pub fn read_set(message: &Message<'_>, table: &TableName) -> Option<Set> {
    is_of(message, table, NFTA_SET_TABLE).then_some(())?;
    Some(Set {
        name: c_string(find(message.attributes(), NFTA_SET_NAME)?)?,
        flags: find_u32(message.attributes(), NFTA_SET_FLAGS).unwrap_or(0),
        key_type: find_u32(message.attributes(), NFTA_SET_KEY_TYPE).unwrap_or(0),
        key_length: find_u32(message.attributes(), NFTA_SET_KEY_LEN)?,
        count: find_u32(message.attributes(), NFTA_SET_COUNT),
    })
}

/// Asks for the chains of a table; none if there is no such table.
pub fn chains(connection: &mut Connection, table: &TableName) -> Result<Vec<Chain>, Error> {
    connection.dump(
        libc::NFT_MSG_GETCHAIN,
        table.family(),
        |request| request.put_str(NFTA_CHAIN_TABLE, table.name()),
        |message| read_chain(message, table),
    )
}

/// The chain of a table that a message is about.
pub fn read_chain(message: &Message<'_>, table: &TableName) -> Option<Chain> {
    is_of(message, table, NFTA_CHAIN_TABLE).then_some(())?;
    let hook = find(message.attributes(), NFTA_CHAIN_HOOK).and_then(|hook| {
        let number = find_u32(attributes(hook), NFTA_HOOK_HOOKNUM)?;
        Some((number, find_u32(attributes(hook), NFTA_HOOK_PRIORITY)? as i32))
    });
    Some(Chain { name: find_str(message.attributes(), NFTA_CHAIN_NAME)?, hook })
}

/// A rule that exists, or is to be added.
#[derive(Debug)]
pub struct Rule {
    /// The chain that it is in.
    pub chain: CString,
    /// Its number, by which `nft delete rule` finds it; one that is to be added has none yet.
    pub handle: Option<u64>,
    /// The names of the sets that it looks up.
    pub looks_up: Vec<Vec<u8>>,
    /// The names of all sets that it uses, those that it looks up among them. The kernel deletes none
    /// of them as long as the rule is there.
    pub uses: Vec<Vec<u8>>,
    /// The name of the interface that it matches packets by, with a `*` behind the beginning of names.
    pub interface: Option<Vec<u8>>,
    /// Whether it uses a named object of the table, such as a counter.
    pub has_object: bool,
    /// The chain to which it sends packets.
    pub leads_to: Option<CString>,
    /// Its expressions, as the kernel shows them.
    expressions: Vec<u8>,
}

impl Rule {
    /// Whether this rule, which exists, is `written`, which was to be added: each attribute that was
    /// written is shown. The kernel may show others besides, which were left to it.
    pub fn is(&self, written: &Rule) -> bool {
        self.chain == written.chain && shows(&self.expressions, &written.expressions)
    }
}

/// How the kernel calls chains without a name of their own, which are part of a rule: `jump { ... }`.
const PART_OF_A_RULE: &[u8] = b"__chain";

/// The rule that has to be deleted for `rule` to be gone: `rule` itself, unless that is part of another.
pub fn outermost<'a>(mut rule: &'a Rule, rules: &'a [Rule]) -> &'a Rule {
    // Each chain is part of one rule, so there are no more steps than rules.
    for _ in 0..rules.len() {
        if !rule.chain.to_bytes().starts_with(PART_OF_A_RULE) {
            break;
        }
        let leads_there = |other: &&Rule| other.leads_to.as_ref() == Some(&rule.chain);
        let Some(outer) = rules.iter().find(leads_there) else { break };
        rule = outer;
    }
    rule
}

/// Whether all that was written in a list of expressions is in what is shown.
fn shows(shown: &[u8], written: &[u8]) -> bool {
    let (shown, written) = (attributes(shown), attributes(written));
    shown.clone().count() == written.clone().count()
        && shown.zip(written).all(|(shown, written)| has_all(shown.value, written.value))
}

/// Whether each of the attributes in `written` is one of those in `shown`. A number that is zero need
/// not be shown, as that of a set which is named besides.
fn has_all(shown: &[u8], written: &[u8]) -> bool {
    attributes(written).all(|written| match find(attributes(shown), written.kind) {
        Some(value) if written.nested => has_all(value, written.value),
        // libnftnl writes some names without a NUL, and the kernel shows all of them with one.
        Some(value) => {
            value.strip_prefix(written.value).is_some_and(|rest| [&b""[..], b"\0"].contains(&rest))
        }
        None => written.value.iter().all(|&byte| byte == 0),
    })
}

/// Asks for the rules of a table; none if there is no such table.
pub fn rules(connection: &mut Connection, table: &TableName) -> Result<Vec<Rule>, Error> {
    connection.dump(
        libc::NFT_MSG_GETRULE,
        table.family(),
        |request| request.put_str(NFTA_RULE_TABLE, table.name()),
        |message| read_rule(message, table),
    )
}

/// The rule of a table that a message is about.
pub fn read_rule(message: &Message<'_>, table: &TableName) -> Option<Rule> {
    is_of(message, table, NFTA_RULE_TABLE).then_some(())?;
    let expressions = find(message.attributes(), NFTA_RULE_EXPRESSIONS).unwrap_or(&[]);
    Some(Rule {
        chain: find(message.attributes(), NFTA_RULE_CHAIN).and_then(c_string)?,
        handle: find_u64(message.attributes(), NFTA_RULE_HANDLE),
        looks_up: sets_in(expressions, &[(b"lookup", NFTA_LOOKUP_SET)]),
        uses: sets_in(expressions, &USES_OF_SETS),
        interface: interface(expressions),
        has_object: expressions_of(expressions).any(|(name, _)| name == b"objref"),
        leads_to: expressions_of(expressions).find_map(leads_to),
        expressions: expressions.to_vec(),
    })
}

/// The expressions that use a set, and their attribute with its name: a look-up, in a set or a map; an
/// addition to a set; a map from keys to counters and the like.
const USES_OF_SETS: [(&[u8], u16); 3] = [
    (b"lookup", NFTA_LOOKUP_SET),
    (b"dynset", NFTA_DYNSET_SET_NAME),
    (b"objref", NFTA_OBJREF_SET_NAME),
];

/// The sets that expressions of these kinds name.
fn sets_in(expressions: &[u8], kinds: &[(&[u8], u16)]) -> Vec<Vec<u8>> {
    let sets = expressions_of(expressions).filter_map(|(name, data)| {
        let (_, set) = kinds.iter().find(|(kind, _)| *kind == name)?;
        Some(without_nul(find(attributes(data), *set)?).to_vec())
    });
    sets.collect()
}

/// The name that is compared with that of the interface on which a packet came in or goes out.
fn interface(expressions: &[u8]) -> Option<Vec<u8>> {
    let mut expressions = expressions_of(expressions).skip_while(|(name, data)| {
        let key = find_u32(attributes(data), NFTA_META_KEY).map(|key| key as libc::c_int);
        *name != b"meta" || !matches!(key, Some(libc::NFT_META_IIFNAME | libc::NFT_META_OIFNAME))
    });
    let (_, compared) = expressions.nth(1).filter(|(name, _)| *name == b"cmp")?;
    let data = find(attributes(compared), NFTA_CMP_DATA)?;
    let value = find(attributes(data), NFTA_DATA_VALUE)?;
    // Without a NUL it is the beginning of a name.
    Some(match value.iter().position(|&byte| byte == 0) {
        Some(end) => value[..end].to_vec(),
        None => [value, b"*"].concat(),
    })
}

/// The chain to which an expression sends packets, if it is a verdict that does.
fn leads_to((name, data): (&[u8], &[u8])) -> Option<CString> {
    (name == b"immediate").then_some(())?;
    let data = find(attributes(data), NFTA_IMMEDIATE_DATA)?;
    let verdict = find(attributes(data), NFTA_DATA_VERDICT)?;
    find(attributes(verdict), NFTA_VERDICT_CHAIN).and_then(c_string)
}

/// The name of each expression and its attributes.
fn expressions_of(expressions: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    attributes(expressions).filter_map(|expression| {
        let name = without_nul(find(attributes(expression.value), NFTA_EXPR_NAME)?);
        Some((name, find(attributes(expression.value), NFTA_EXPR_DATA)?))
    })
}

fn without_nul(value: &[u8]) -> &[u8] {
    value.strip_suffix(b"\0").unwrap_or(value)
}

/// Whether a message is about something in `table`. Some kernels do not filter a dump by table, or
/// by family.
fn is_of(message: &Message<'_>, table: &TableName, table_attribute: u16) -> bool {
    let family = message.family() == Some(family_number(table.family()));
    let name = find(message.attributes(), table_attribute).and_then(c_string);
    family && name.as_deref() == Some(table.name())
}

fn family_number(family: Family) -> u8 {
    family as u8
}

fn c_string(value: &[u8]) -> Option<CString> {
    Some(CStr::from_bytes_until_nul(value).ok()?.to_owned())
}
