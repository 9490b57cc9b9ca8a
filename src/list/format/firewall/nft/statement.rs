//! A statement: what it says, or which block it opens.

use super::is_family;
use crate::list::entry::Entry;
use crate::list::format::text::unquoted;
use crate::list::grammar::leading_entry;

/// A block, by the statement in front of its brace.
pub enum Opened<'a> {
    /// A table.
    Table(&'a [u8]),
    /// A chain.
    Chain(&'a [u8]),
    /// A set or a map.
    Set {
        /// Its name.
        name: &'a [u8],
        /// Whether it is a map.
        is_map: bool,
    },
    /// Elements that are added to a set.
    Elements {
        /// Its table.
        table: &'a [u8],
        /// Its name.
        set: &'a [u8],
    },
    /// Elements that are taken out of a set.
    Removed {
        /// Its name.
        set: &'a [u8],
    },
    /// The elements of a definition.
    Definition(&'a [u8]),
    /// An object without addresses.
    Object,
}

/// What a statement outside of sets and chains says.
pub enum Said<'a> {
    /// Nothing about addresses, as all scripts do.
    Nothing,
    /// Something that is of no importance here.
    Skipped,
    /// A set is emptied.
    Flush(&'a [u8]),
    /// A set is removed.
    Destroy(&'a [u8]),
    /// A table is removed with its sets, or all tables.
    DestroyTable(Option<&'a [u8]>),
    /// A definition is another one.
    DefineReference(&'a [u8], &'a [u8]),
    /// A definition is one address.
    DefineAddress(&'a [u8], Entry),
    /// Something that is not read.
    Unknown,
    /// It is no statement of nft.
    NotOurs,
}

/// The objects that hold no addresses to drop, with which a statement in a table begins.
fn is_object(word: &[u8]) -> bool {
    matches!(
        word,
        b"flowtable"
            | b"counter"
            | b"quota"
            | b"limit"
            | b"ct"
            | b"secmark"
            | b"synproxy"
            | b"tunnel"
            | b"meter"
    )
}

/// The block that a statement opens, in a table or outside of all blocks.
pub fn opened<'a>(is_in_table: bool, words: &[&'a [u8]]) -> Option<Opened<'a>> {
    let (verb, rest) = words.split_first()?;
    if let ([name, b"="], b"define" | b"redefine") = (rest, *verb) {
        return is_word(name).then_some(Opened::Definition(name));
    }
    if is_in_table {
        return match (*verb, rest) {
            (b"set" | b"map", [name]) => is_word(name)
                .then_some(Opened::Set { name: unquoted(name), is_map: *verb == b"map" }),
            (b"chain", [name]) => is_word(name).then_some(Opened::Chain(unquoted(name))),
            (object, [_, ..]) if is_object(object) => Some(Opened::Object),
            _ => None,
        };
    }
    if *verb == b"table" {
        return names::<1>(rest).map(|[name]| Opened::Table(name));
    }
    let (object, rest) = rest.split_first()?;
    match (*verb, *object) {
        (b"add" | b"create", b"table") => names::<1>(rest).map(|[name]| Opened::Table(name)),
        (b"add" | b"create", b"set" | b"map") => {
            let is_map = *object == b"map";
            names::<2>(rest).map(|[_, name]| Opened::Set { name, is_map })
        }
        (b"add" | b"create", b"chain") => names::<2>(rest).map(|[_, name]| Opened::Chain(name)),
        (b"add" | b"create", b"element") => {
            names::<2>(rest).map(|[table, set]| Opened::Elements { table, set })
        }
        (b"delete" | b"destroy", b"element") => {
            names::<2>(rest).map(|[_, set]| Opened::Removed { set })
        }
        (b"add" | b"create", object) if is_object(object) => Some(Opened::Object),
        _ => None,
    }
}

/// What a statement says that opens no block.
pub fn said<'a>(words: &[&'a [u8]]) -> Said<'a> {
    let Some((verb, rest)) = words.split_first() else { return Said::Nothing };
    match (*verb, rest) {
        (b"define" | b"redefine", [name, b"=", value @ ..]) => defined(name, value),
        (b"undefine", [_]) => Said::Skipped,
        (b"table", rest) if names::<1>(rest).is_some() => Said::Nothing,
        (b"list", [_, ..]) => Said::Skipped,
        (b"flush", [b"ruleset", ..]) => Said::DestroyTable(None),
        (b"flush", [b"set" | b"map", rest @ ..]) => match names::<2>(rest) {
            Some([_, set]) => Said::Flush(set),
            None => Said::Unknown,
        },
        (b"flush", [b"table" | b"chain", _, ..]) => Said::Nothing,
        (b"delete" | b"destroy", [b"set" | b"map", rest @ ..]) => match names::<2>(rest) {
            Some([_, set]) => Said::Destroy(set),
            None => Said::Unknown,
        },
        (b"delete" | b"destroy", [b"table", rest @ ..]) => match names::<1>(rest) {
            Some([table]) => Said::DestroyTable(Some(table)),
            None => Said::Unknown,
        },
        (b"delete" | b"destroy", [b"chain" | b"rule" | b"flowtable", _, ..]) => Said::Skipped,
        (b"add" | b"create", [b"table", rest @ ..]) if names::<1>(rest).is_some() => Said::Nothing,
        (b"add" | b"create", [b"chain", _, ..]) => Said::Skipped,
        (b"add" | b"create", [object, _, ..]) if is_object(object) => Said::Skipped,
        _ if super::is_known(words) => Said::Unknown,
        _ => Said::NotOurs,
    }
}

fn defined<'a>(name: &'a [u8], value: &[&'a [u8]]) -> Said<'a> {
    if let [value] = value {
        if let Some(definition) = value.strip_prefix(b"$") {
            return Said::DefineReference(name, definition);
        }
        let leading = leading_entry(value, 0).ok();
        if let Some(leading) = leading.filter(|leading| leading.end == value.len()) {
            return Said::DefineAddress(name, leading.entry);
        }
    }
    // A list of addresses has braces.
    if value.iter().any(|word| leading_entry(word, 0).is_ok()) {
        return Said::Unknown;
    }
    Said::Skipped
}

/// So many names, perhaps with a family before them.
fn names<'a, const N: usize>(words: &[&'a [u8]]) -> Option<[&'a [u8]; N]> {
    let has_family = words.len() == N + 1 && is_family(words[0]);
    let words = if has_family { &words[1..] } else { words };
    let names: [&[u8]; N] = words.try_into().ok()?;
    names.iter().all(|name| is_word(name)).then(|| names.map(unquoted))
}

fn is_word(name: &[u8]) -> bool {
    name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-./\"".contains(byte))
}
