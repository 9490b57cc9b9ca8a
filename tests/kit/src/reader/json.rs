//! JSON documents by the names of their members, and JSON lines.

use serde_json::{Map, Value};

use super::address::{entry, is_comment, seconds};
use super::{Found, Line, Meaning, What, by_line, words};

/// Members that hold one entry each, or an array of entries, in documents that are known.
const MEMBERS: [&str; 8] = [
    "ip_prefix",
    "ipv6_prefix",
    "ipv4Prefix",
    "ipv6Prefix",
    "ipAddress",
    "ip_address",
    "cidr",
    "addressPrefixes",
];
/// Arrays at the top of a document.
const ARRAYS: [&str; 5] = ["list", "v4", "v6", "addresses", "ipv6_addresses"];

/// A document, if the text is one, or begins like one and is not.
pub(super) fn document(text: &str, now: i64) -> Option<Result<Found, String>> {
    if text.starts_with("[{'") {
        return None;
    }
    let (text, below) = appended(text);
    let value = serde_json::from_str::<Value>(&without_exponents(text));
    let Ok(value) = value else {
        let begin = text.trim_start_matches(['[', '{', ' ', '\t', '\r', '\n']);
        let inside = begin.starts_with('"') && text.starts_with('[');
        let first = text.lines().next().unwrap_or_default();
        let is_record = serde_json::from_str::<Value>(&without_exponents(first)).is_ok();
        let cut = inside
            || text.starts_with('{')
                && text[1..].trim_start().starts_with('"')
                && !is_record
                && !text.starts_with("{\"");
        return cut.then(|| Err("JSON that is cut off, or followed by something".into()));
    };
    let (Value::Array(_) | Value::Object(_)) = &value else { return None };
    if is_record(&value) {
        return None;
    }
    let mut found = Found::new("JSON");
    found.whole = true;
    if let Some(items) = value.get("nftables").and_then(Value::as_array) {
        found.format = "nft -j";
        found.whole = false;
        super::nft::json(items, &mut found);
    } else if is_decisions(&value) {
        found.format = "crowdsec decisions";
        decisions(&value, now, &mut found);
    } else {
        known(&value, &mut found);
    }
    let nothing = found.items.is_empty() && value != Value::Array(vec![]);
    below.into_iter().for_each(|line| found.reject(line));
    Some(if nothing { Err("JSON without a known member".into()) } else { Ok(found) })
}

/// A document without the lines below it, if all of those are plain, and their numbers.
fn appended(text: &str) -> (&str, Vec<usize>) {
    let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
    let whole = (text, vec![]);
    let Some(Ok(Value::Array(_) | Value::Object(_))) = first else { return whole };
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let _ = values.next();
    let (document, rest) = text.split_at(values.byte_offset());
    let Some((behind, below)) = rest.split_once('\n') else { return whole };
    let is_plain = |line: &str| {
        let front = line.trim().split([' ', '\t', ',']).next().unwrap_or_default();
        is_comment(line.trim()) || entry(front).is_some()
    };
    // One object a line is a record.
    let is_record = document.starts_with('{') && !document.contains('\n');
    if is_record || !behind.trim().is_empty() || !below.lines().all(is_plain) {
        return whole;
    }
    let number = document.split('\n').count();
    let lines = below.lines().enumerate().filter(|(_, line)| !is_comment(line.trim()));
    (document, lines.map(|(at, _)| number + at + 1).collect())
}

/// A single JSON line.
fn is_record(value: &Value) -> bool {
    let text = |name: &str| value.get(name).is_some_and(Value::is_string);
    text("cidr") || text("ip") || text("network")
}

fn add(value: &Value, found: &mut Found) {
    // Lines mean nothing in a document: an element is rejected without a number.
    if let Some((_, pair)) = value.as_str().and_then(entry) {
        found.add(0, "", What::Entry(pair));
    }
}

fn known(value: &Value, found: &mut Found) {
    match value {
        Value::Array(all) if all.iter().all(Value::is_string) => {
            all.iter().for_each(|one| add(one, found));
        }
        Value::Array(all) => all.iter().for_each(|one| members(one, found)),
        Value::Object(map) if map.contains_key("verifiable_password_authentication") => {
            let arrays = map.values().filter_map(Value::as_array);
            arrays.flatten().for_each(|one| add(one, found));
        }
        Value::Object(map) if map.get("type").is_some_and(|kind| kind == "bundle") => {}
        Value::Object(map) => {
            if let Some(result) = map.get("result") {
                for name in ["ipv4_cidrs", "ipv6_cidrs"] {
                    let array = result.get(name).and_then(Value::as_array);
                    array.into_iter().flatten().for_each(|one| add(one, found));
                }
                return;
            }
            for name in ARRAYS {
                let array = map.get(name).and_then(Value::as_array);
                array.into_iter().flatten().for_each(|one| add(one, found));
            }
            members(value, found);
        }
        _ => {}
    }
}

/// The named members at any depth.
fn members(value: &Value, found: &mut Found) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| members(one, found)),
        Value::Object(map) if says_good(map) => {}
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::Array(all) if MEMBERS.contains(&name.as_str()) => {
                        all.iter().for_each(|one| add(one, found));
                        all.iter().for_each(|one| members(one, found));
                    }
                    Value::String(_) if MEMBERS.contains(&name.as_str()) => add(value, found),
                    _ => members(value, found),
                }
            }
        }
        _ => {}
    }
}

/// Whether a member says that what the object names is good.
fn says_good(map: &Map<String, Value>) -> bool {
    map.iter().any(|(name, value)| match value {
        Value::Bool(true) => {
            words::names_good(name)
                || words::says_good(name)
                || name.to_lowercase().contains("whitelist")
                || name == "expired"
        }
        Value::String(text) => words::says_good(text),
        _ => false,
    })
}

fn is_over(map: &Map<String, Value>, now: i64) -> bool {
    const ENDS: [&str; 7] =
        ["expires", "expires_at", "expiration", "expiry", "until", "valid_until", "end"];
    map.iter().any(|(name, value)| {
        let end = match value {
            Value::String(text) => seconds(text),
            Value::Number(number) => number.as_i64(),
            _ => None,
        };
        ENDS.contains(&name.to_lowercase().as_str()) && end.is_some_and(|end| end <= now)
    })
}

fn is_decisions(value: &Value) -> bool {
    let is_decision = |value: &Value| {
        ["scope", "type", "value"].iter().all(|name| value.get(*name).is_some_and(Value::is_string))
    };
    let is_alert = |value: &Value| value.get("decisions").is_some_and(Value::is_array);
    match value {
        Value::Array(all) => all.iter().any(|one| is_decision(one) || is_alert(one)),
        _ => false,
    }
}

fn decisions(value: &Value, now: i64, found: &mut Found) {
    let all: Vec<&Value> = match value {
        Value::Array(all) => all.iter().collect(),
        _ => vec![],
    };
    for one in all {
        let inner = one.get("decisions").and_then(Value::as_array);
        let each = inner.map_or_else(|| vec![one], |inner| inner.iter().collect());
        for decision in each.into_iter().filter_map(Value::as_object) {
            let text = |name: &str| decision.get(name).and_then(Value::as_str).unwrap_or_default();
            let scope = text("scope").to_lowercase();
            let is_ban = text("type") == "ban"
                && ["ip", "range"].contains(&scope.as_str())
                && decision.get("simulated") != Some(&Value::Bool(true))
                && !text("duration").starts_with('-')
                && !is_over(decision, now);
            if is_ban {
                add(&decision["value"], found);
            }
        }
    }
}

/// An object a line with one of the members `ip`, `cidr` and `network`.
pub(super) fn lines(lines: &[Line], now: i64) -> Option<Found> {
    let mut world = false;
    let mut found = by_line("JSON lines", lines, false, |text| {
        if is_comment(text) {
            return Meaning::Rejected;
        }
        let record = serde_json::from_str::<Value>(&without_exponents(text)).ok();
        let Some(Value::Object(map)) = record else { return Meaning::Rejected };
        world |= map.contains_key("continent_code") || map.contains_key("as_domain");
        if map.get("type").is_some_and(|kind| kind == "metadata") {
            return Meaning::Ignored;
        }
        let named: Vec<&Value> =
            ["ip", "cidr", "network"].iter().filter_map(|name| map.get(*name)).collect();
        let [Value::String(text)] = named[..] else { return Meaning::Rejected };
        let others: Map<String, Value> = map
            .iter()
            .filter(|(_, value)| *value != named[0])
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        match entry(text) {
            Some((_, pair)) if !says_good(&others) && !is_over(&map, now) => {
                Meaning::Says(vec![What::Entry(pair)])
            }
            _ => Meaning::Rejected,
        }
    });
    found.refused = world.then_some("a table of the whole internet");
    (!found.items.is_empty()).then_some(found)
}

/// JSON with the exponents of its numbers left out: a number may be larger than what it is read into
/// here, and nothing in a record depends on one. An exponent that is none stays, and is an error.
fn without_exponents(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut kept, mut at, mut in_string) = (Vec::new(), 0, false);
    while at < bytes.len() {
        let byte = bytes[at];
        if in_string && byte == b'\\' {
            kept.extend(&bytes[at..bytes.len().min(at + 2)]);
            at += 2;
            continue;
        }
        in_string ^= byte == b'"';
        let after_digit = at > 0 && bytes[at - 1].is_ascii_digit();
        if !in_string && after_digit && matches!(byte, b'e' | b'E') {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let rest = &bytes[at + 1 + sign..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits > 0 {
                at += 1 + sign + digits;
                continue;
            }
        }
        kept.push(byte);
        at += 1;
    }
    String::from_utf8_lossy(&kept).into_owned()
}
