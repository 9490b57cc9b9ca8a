//! The elements of sets, and what they are by the type of their set.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::document::member;
use crate::list::entry::Entry;
use crate::list::format::firewall::nft::names::Kind;
use crate::list::grammar::leading_entry;
use crate::list::parse_error::Reason;
use crate::list::reading::{Purpose, Reading};
use crate::list::verdict;

/// What the elements of a set are, by its type.
pub fn set_kind(of: &RawValue) -> Kind {
    let text = of.get();
    if let Ok(name) = serde_json::from_str::<&str>(text) {
        return Kind::of_type(&[name.as_bytes()]);
    }
    if let Ok(names) = serde_json::from_str::<Vec<&str>>(text) {
        let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
        return Kind::of_type(&names);
    }
    match member(of) {
        Some(("typeof", expression)) => match payload(expression) {
            Some((protocol, field)) => {
                Kind::of_expression(&[protocol.as_bytes(), field.as_bytes()])
            }
            None => Kind::Narrower,
        },
        _ => Kind::Narrower,
    }
}

/// The protocol and the field of a header that an expression names.
pub fn payload(expression: &RawValue) -> Option<(&str, &str)> {
    #[derive(Deserialize)]
    struct Payload<'a> {
        protocol: &'a str,
        field: &'a str,
    }
    let ("payload", payload) = member(expression)? else { return None };
    let payload: Payload = serde_json::from_str(payload.get()).ok()?;
    Some((payload.protocol, payload.field))
}

/// Reads an element of a set, with what nft has about it.
pub fn read_element(element: &RawValue, reading: &Reading) -> Result<Entry, Reason> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Elem<'a> {
        #[serde(borrow)]
        val: &'a RawValue,
        comment: Option<Cow<'a, str>>,
        #[serde(rename = "timeout")]
        _timeout: Option<IgnoredAny>,
        #[serde(rename = "expires")]
        _expires: Option<IgnoredAny>,
        #[serde(rename = "counter")]
        _counter: Option<IgnoredAny>,
        #[serde(rename = "last")]
        _last: Option<IgnoredAny>,
    }
    let Some(("elem", inner)) = member(element) else { return read_value(element) };
    let elem: Elem = serde_json::from_str(inner.get()).map_err(|_| Reason::UnknownBlock)?;
    let denies = |comment: &Cow<'_, str>| verdict::comment_denies(comment.as_bytes());
    if reading.purpose == Purpose::Drop && elem.comment.as_ref().is_some_and(denies) {
        return Err(Reason::Verdict);
    }
    read_value(elem.val)
}

/// Reads an address, a network or a range.
fn read_value(value: &RawValue) -> Result<Entry, Reason> {
    #[derive(Deserialize)]
    struct Prefix<'a> {
        addr: &'a str,
        len: u8,
    }
    if let Ok(text) = serde_json::from_str::<&str>(value.get()) {
        return whole(text);
    }
    match member(value) {
        Some(("prefix", prefix)) => {
            let prefix: Prefix =
                serde_json::from_str(prefix.get()).map_err(|_| Reason::NotAnAddress)?;
            whole(&format!("{}/{}", prefix.addr, prefix.len))
        }
        Some(("range", range)) => {
            let [first, last]: [&str; 2] =
                serde_json::from_str(range.get()).map_err(|_| Reason::NotAnAddress)?;
            whole(&format!("{first}-{last}"))
        }
        Some(("concat", _)) => Err(Reason::Narrower),
        _ => Err(Reason::NotAnAddress),
    }
}

fn whole(text: &str) -> Result<Entry, Reason> {
    let leading = leading_entry(text.as_bytes(), 0).map_err(|error| error.reason)?;
    if leading.end < text.len() { Err(Reason::TrailingText) } else { Ok(leading.entry) }
}
