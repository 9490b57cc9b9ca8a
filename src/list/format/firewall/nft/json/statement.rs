//! The statements of rules, as far as they are about addresses, sets and verdicts.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{each, member};
use super::element::{payload, read_element};
use crate::list::format::firewall::nft::rule::Rule;
use crate::list::reading::Reading;

/// Reads a statement of a rule.
pub fn read_statement<'a>(statement: &'a RawValue, rule: &mut Rule<'a>) {
    #[derive(Deserialize)]
    struct Match<'a> {
        #[serde(default)]
        op: &'a str,
        #[serde(borrow)]
        left: &'a RawValue,
        #[serde(borrow)]
        right: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Vmap<'a> {
        #[serde(borrow)]
        key: &'a RawValue,
        #[serde(borrow)]
        data: &'a RawValue,
    }
    match member(statement) {
        Some(("match", value)) => {
            if let Ok(Match { op, left, right }) = serde_json::from_str(value.get()) {
                read_left(left, rule);
                if op == "!=" {
                    rule.word(b"!=");
                }
                match member(right) {
                    Some(("set", elements)) => {
                        rule.open();
                        let _ = each(elements, &mut |element| {
                            read_operand(element, rule);
                            rule.end_element();
                        });
                        rule.close();
                    }
                    _ => read_operand(right, rule),
                }
            }
        }
        Some(("vmap", value)) => {
            if let Ok(Vmap { key, data }) = serde_json::from_str(value.get()) {
                read_left(key, rule);
                if let Some(("set", pairs)) = member(data) {
                    rule.open();
                    let _ = each(pairs, &mut |pair| read_pair(pair, rule));
                    rule.close();
                }
            }
        }
        _ => read_verdict(statement, rule),
    }
}

/// Reads what a condition is about.
fn read_left<'a>(left: &'a RawValue, rule: &mut Rule<'a>) {
    if let Some((protocol, field)) = payload(left) {
        rule.word(protocol.as_bytes());
        rule.word(field.as_bytes());
    }
}

/// Reads what a condition compares with.
fn read_operand<'a>(operand: &'a RawValue, rule: &mut Rule<'a>) {
    match serde_json::from_str::<&str>(operand.get()) {
        Ok(name) if name.starts_with(['@', '$']) => rule.word(name.as_bytes()),
        _ => match read_element(operand, &Reading::default()) {
            Ok(entry) => rule.address(entry),
            Err(_) => rule.word(b""),
        },
    }
}

/// Reads an element of a map.
pub fn read_pair<'a>(pair: &'a RawValue, rule: &mut Rule<'a>) {
    if let Ok([key, verdict]) = serde_json::from_str::<[&RawValue; 2]>(pair.get()) {
        read_operand(key, rule);
        read_verdict(verdict, rule);
    }
    rule.end_element();
}

fn read_verdict<'a>(verdict: &'a RawValue, rule: &mut Rule<'a>) {
    #[derive(Deserialize)]
    struct Jump<'a> {
        target: &'a str,
    }
    match member(verdict) {
        Some((word @ ("accept" | "return" | "drop" | "reject"), _)) => rule.word(word.as_bytes()),
        Some((word @ ("jump" | "goto"), value)) => {
            if let Ok(Jump { target }) = serde_json::from_str(value.get()) {
                rule.word(word.as_bytes());
                rule.word(target.as_bytes());
            }
        }
        _ => {}
    }
}
