//! Scripts and listings of nft, as text and as JSON.

use serde_json::Value;

use super::address::entry;
use super::{Found, Line, What};

/// A word, a string or a sign, and its line.
#[derive(Clone, Debug, PartialEq)]
struct Token {
    line: usize,
    text: String,
    is_string: bool,
}

/// What a brace has opened.
#[derive(Clone, Debug, PartialEq)]
enum Block {
    Table,
    Set(String),
    /// Of which nothing is taken: a chain, a map.
    Other,
}

fn tokens(lines: &[Line]) -> Vec<Token> {
    let mut tokens = vec![];
    for line in lines {
        let text = line.text.as_deref().unwrap_or_default();
        let continued = text.trim_end().strip_suffix('\\');
        let mut rest = continued.unwrap_or(text);
        let mut add = |text: &str, is_string| {
            tokens.push(Token { line: line.number, text: text.to_string(), is_string });
        };
        loop {
            rest = rest.trim_start_matches([' ', '\t']);
            let Some(first) = rest.chars().next().filter(|c| *c != '#') else { break };
            if first == '"' {
                let (inside, behind) = rest[1..].split_once('"').unwrap_or((&rest[1..], ""));
                add(inside, true);
                rest = behind;
            } else if "{},;=".contains(first) {
                add(&rest[..1], false);
                rest = &rest[1..];
            } else {
                let end = |c: char| c == ' ' || c == '\t' || "{},;=\"#".contains(c);
                let end = rest.find(end).unwrap_or(rest.len());
                add(&rest[..end], false);
                rest = &rest[end..];
            }
        }
        if continued.is_none() {
            add("\n", false);
        }
    }
    tokens
}

/// A script, or what `nft list` writes.
pub(super) fn script(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("nft");
    lines.iter().filter(|line| line.text.is_none()).for_each(|line| found.reject(line.number));
    let tokens = tokens(lines);
    let (mut at, mut blocks, mut known) = (0, Vec::<(Block, usize)>::new(), false);
    while at < tokens.len() {
        let end = at + tokens[at..].iter().position(ends_statement).unwrap_or(tokens.len() - at);
        let statement = &tokens[at..end];
        let sign = tokens.get(end).map_or("", |token| token.text.as_str());
        let words: Vec<&str> = statement.iter().map(|token| token.text.as_str()).collect();
        let line = statement.first().map_or(0, |token| token.line);
        at = end + 1;
        let block = blocks.last().map(|(block, _)| block.clone());
        accepts(&words, &mut found);
        match (block, sign, &words[..]) {
            (None, "{", ["define" | "redefine", name, "="]) => {
                known = true;
                at = elements(&tokens, at, name, false, &mut found);
            }
            (None, _, ["define" | "redefine", name, "=", value]) => {
                known = true;
                if let Some((_, pair)) = entry(value) {
                    found.add(line, name, What::Entry(pair));
                }
            }
            (None, "{", [verb, "element", .., name]) => {
                known = true;
                let removes = ["delete", "destroy"].contains(verb);
                at = elements(&tokens, at, name, removes, &mut found);
            }
            (None, "{", ["table", ..]) | (None, "{", ["add", "table", ..]) => {
                known = true;
                blocks.push((Block::Table, line));
            }
            (None, "{", ["add" | "create", "set", .., name])
            | (Some(Block::Table), "{", ["set", name]) => {
                known = true;
                blocks.push((Block::Set(name.to_string()), line));
            }
            (Some(Block::Set(name)), "{", ["elements", "="]) => {
                at = elements(&tokens, at, &name, false, &mut found);
            }
            (None, _, ["flush" | "delete" | "destroy", "set", .., name]) => {
                found.add(line, name, What::Empty);
            }
            (None, _, ["flush" | "delete" | "destroy", "table" | "ruleset", ..]) => {
                found.add(line, "", What::Empty);
            }
            (_, "{", _) => {
                if blocks.is_empty() {
                    found.reject(line);
                }
                blocks.push((Block::Other, line));
            }
            (Some(_), "}", _) => drop(blocks.pop()),
            (None, _, []) | (Some(_), _, _) => {}
            (None, _, ["add" | "create" | "flush" | "include" | "table", ..]) => {}
            (None, ..) => found.reject(line),
        }
    }
    if let Some((_, line)) = blocks.first() {
        found.reject(*line);
    }
    known.then_some(found)
}

fn ends_statement(token: &Token) -> bool {
    !token.is_string && ["\n", ";", "{", "}"].contains(&token.text.as_str())
}

/// Remembers the sets and definitions that a rule lets through.
fn accepts(words: &[&str], found: &mut Found) {
    if words.contains(&"accept") || words.contains(&"return") {
        let names = words.iter().filter_map(|word| word.strip_prefix(['@', '$']));
        found.accepted.extend(names.map(str::to_string));
    }
}

/// Takes the elements up to the closing brace, and says where it goes on.
fn elements(tokens: &[Token], from: usize, set: &str, removes: bool, found: &mut Found) -> usize {
    let mut at = from;
    let mut element: Vec<&Token> = vec![];
    let open = tokens.get(from.saturating_sub(1)).map_or(0, |token| token.line);
    loop {
        let Some(token) = tokens.get(at) else {
            found.reject(open);
            return at;
        };
        at += 1;
        let sign = if token.is_string { "" } else { token.text.as_str() };
        match sign {
            "\n" => {}
            "," | "}" => {
                if let Some(first) = element.first() {
                    let (line, pair) = (first.line, pair(&element));
                    match pair {
                        Some(pair) if removes => found.add(line, set, What::Remove(pair)),
                        Some(pair) => found.add(line, set, What::Entry(pair)),
                        None => found.reject(line),
                    }
                }
                element.clear();
                if sign == "}" {
                    return at;
                }
            }
            "{" | ";" => {
                found.reject(token.line);
                return at;
            }
            _ => element.push(token),
        }
    }
}

/// The entry of an element, whose attributes must be known.
fn pair(element: &[&Token]) -> Option<super::Pair> {
    let texts: Vec<&str> = element.iter().map(|token| token.text.as_str()).collect();
    let attributes =
        ["timeout", "expires", "counter", "packets", "bytes", "comment", "limit", "quota"];
    let end = texts.iter().position(|text| attributes.contains(text)).unwrap_or(texts.len());
    let mut rest = &texts[end..];
    while let Some(first) = rest.first() {
        let used = match *first {
            "counter" => 1,
            "timeout" | "expires" | "packets" | "bytes" | "comment" if rest.len() > 1 => 2,
            _ => return None,
        };
        rest = &rest[used..];
    }
    entry(&texts[..end].concat()).map(|(_, pair)| pair)
}

/// What `nft -j list` writes.
pub(super) fn json(items: &[Value], found: &mut Found) {
    for item in items {
        if let Some(set) = item.get("set") {
            let name = set["name"].as_str().unwrap_or_default();
            for element in set["elem"].as_array().into_iter().flatten() {
                if let Some(pair) = json_element(element) {
                    found.add(0, name, What::Entry(pair));
                }
            }
        }
        if let Some(rule) = item.get("rule") {
            let text = rule.to_string();
            if text.contains("\"accept\"") || text.contains("\"return\"") {
                let names = text.split("\"@").skip(1).filter_map(|part| part.split_once('"'));
                found.accepted.extend(names.map(|(name, _)| name.to_string()));
            }
        }
    }
}

fn json_element(element: &Value) -> Option<super::Pair> {
    let text = |value: &Value| value.as_str().map(str::to_string);
    let written = if let Some(prefix) = element.get("prefix") {
        format!("{}/{}", text(&prefix["addr"])?, prefix["len"].as_u64()?)
    } else if let Some(range) = element.get("range") {
        format!("{}-{}", text(&range[0])?, text(&range[1])?)
    } else if let Some(inner) = element.get("elem").and_then(|inner| inner.get("val")) {
        return json_element(inner);
    } else {
        text(element)?
    };
    entry(&written).map(|(_, pair)| pair)
}
