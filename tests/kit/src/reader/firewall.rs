//! Rules and lists of firewalls: iptables, MikroTik, pf.

use std::collections::BTreeMap;

use super::address::{Pair, entry, is_comment};
use super::{Found, Line, What, plain};

const BLANKS: [char; 2] = [' ', '\t'];

/// The words of a line, of which one in quotes may hold blanks; `None` if a quote is not closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (vec![], None::<String>, None);
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        match (sign, quote) {
            ('\\', Some('"')) => word.get_or_insert_default().extend(signs.next()),
            (_, Some(open)) if sign == open => quote = None,
            ('"' | '\'', None) => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            (' ' | '\t', None) => words.extend(word.take()),
            _ => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// A command's words behind its name: one of `names`, perhaps with a path or behind `sudo`.
pub(super) fn command<'a>(words: &'a [String], names: &[&str]) -> Option<&'a [String]> {
    let words = if words.first()? == "sudo" { &words[1..] } else { words };
    let name = words.first()?.rsplit('/').next()?;
    names.contains(&name).then(|| &words[1..])
}

struct Rule {
    command: char,
    chain: String,
    /// Sources, if they can be read.
    sources: Option<Vec<Pair>>,
    target: String,
    only_source: bool,
    negated: bool,
}

const TABLES: [&str; 6] = [
    "iptables",
    "ip6tables",
    "iptables-legacy",
    "ip6tables-legacy",
    "iptables-nft",
    "ip6tables-nft",
];

/// What iptables-save writes, and commands of iptables.
pub(super) fn iptables(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("iptables rules");
    found.whole = true;
    let mut rules = 0;
    for line in lines {
        let Some(text) = line.text.as_ref().map(|text| text.trim_matches(BLANKS)) else {
            found.reject(line.number);
            continue;
        };
        if is_comment(text) || text.starts_with(['*', ':']) || text == "COMMIT" {
            continue;
        }
        let Some(all) = words(text) else {
            found.reject(line.number);
            continue;
        };
        let is_counter = all[0].starts_with('[') && all[0].ends_with(']');
        let all = if is_counter { &all[1..] } else { &all[..] };
        let all = command(all, &TABLES)
            .unwrap_or(if all.first().is_some_and(|w| w.starts_with('-')) { all } else { &[] });
        match rule(all) {
            Some(rule) => {
                rules += usize::from("AI".contains(rule.command));
                apply(&rule, line.number, &mut found);
            }
            None => found.reject(line.number),
        }
    }
    (rules > 0).then_some(found)
}

fn rule(words: &[String]) -> Option<Rule> {
    let mut rule = Rule {
        command: ' ',
        chain: String::new(),
        sources: None,
        target: String::new(),
        only_source: true,
        negated: false,
    };
    // A value may stand right behind a short option.
    let words: Vec<String> = (words.iter())
        .flat_map(|word| match word.get(..2) {
            Some("-j" | "-s") if word.len() > 2 && !word.contains(BLANKS) => {
                vec![word[..2].into(), word[2..].into()]
            }
            _ => vec![word.clone()],
        })
        .collect();
    let words = &words[..];
    let (mut at, mut negation) = (0, false);
    while at < words.len() {
        let value = words.get(at + 1).cloned().unwrap_or_default();
        let mut used = 2;
        match words[at].as_str() {
            "-A" | "--append" => (rule.command, rule.chain) = ('A', value),
            "-I" | "--insert" => {
                (rule.command, rule.chain) = ('I', value);
                used += usize::from(words.get(at + 2).is_some_and(|w| w.parse::<u32>().is_ok()));
            }
            "-D" | "--delete" => (rule.command, rule.chain) = ('D', value),
            "-F" | "--flush" => (rule.command, rule.chain) = ('F', value),
            "-N" | "-P" | "-X" | "-Z" | "-L" | "-S" | "-E" => {
                return Some(Rule { command: 'x', ..rule });
            }
            "-s" | "--source" | "--src" => {
                rule.negated |= negation;
                let sources = value.split(',').map(|source| entry(source).map(|(_, pair)| pair));
                rule.sources = Some(sources.collect::<Option<Vec<_>>>()?);
            }
            "-j" | "--jump" if rule.target.is_empty() => rule.target = value,
            "-j" | "--jump" => return None,
            "-g" | "--goto" => rule.target = "goto".into(),
            "--reject-with" | "--comment" | "-t" | "--table" => {}
            "-m" | "--match" if value == "comment" => {}
            "-w" | "--wait" => used = 1 + usize::from(value.parse::<u32>().is_ok()),
            "!" => used = 1,
            word if is_comment(word) => used = words.len(),
            _ => {
                rule.only_source = false;
                used = 1;
            }
        }
        negation = words[at] == "!";
        at += used;
    }
    (rule.command != ' ').then_some(rule)
}

fn apply(rule: &Rule, line: usize, found: &mut Found) {
    let drops = ["DROP", "REJECT"].contains(&rule.target.as_str());
    let accepts = ["ACCEPT", "RETURN"].contains(&rule.target.as_str());
    let sources = rule.sources.iter().flatten().filter(|_| !rule.negated);
    for source in sources {
        let adds = "AI".contains(rule.command);
        let is_drop = drops && rule.only_source && rule.chain != "OUTPUT";
        let what = match (adds, is_drop, accepts) {
            (true, true, _) => What::Entry(*source),
            (true, _, true) => What::Exception(*source),
            (false, true, _) if rule.command == 'D' => What::Remove(*source),
            _ => continue,
        };
        // Exceptions hold for all chains.
        let set = if accepts { "" } else { &rule.chain };
        found.add(line, set, what);
    }
    if rule.command == 'F' {
        found.add(line, &rule.chain, What::Empty);
    }
}

/// `add list=NAME address=NET`, below the path of address lists or behind it.
pub(super) fn mikrotik(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("MikroTik address list");
    // Commands may stand without the path: they are for whoever knows where.
    let mut here = true;
    let mut at = 0;
    while at < lines.len() {
        let number = lines[at].number;
        let mut text = lines[at].text.clone().unwrap_or_default();
        let mut last = at;
        while let (Some(front), Some(next)) = (text.strip_suffix('\\'), lines.get(last + 1)) {
            text = format!("{front}{}", next.text.clone().unwrap_or_default().trim_start());
            last += 1;
        }
        let range = at..=last;
        let is_text = lines[range.clone()].iter().all(|line| line.text.is_some());
        at = last + 1;
        let text = text.trim_matches(BLANKS);
        if is_text && is_comment(text) {
            continue;
        }
        let understood = is_text && mikrotik_line(text, number, &mut here, &mut found);
        if !understood {
            range.for_each(|at| found.reject(lines[at].number));
        }
    }
    (!found.items.is_empty()).then_some(found)
}

fn mikrotik_line(text: &str, line: usize, here: &mut bool, found: &mut Found) -> bool {
    let Some(mut words) = words(text) else { return false };
    if words.first().is_some_and(|word| word.starts_with('/')) {
        let end = words.iter().position(|word| word == "add").unwrap_or(words.len());
        let path: Vec<String> = words.drain(..end).collect();
        let path = path.join("/");
        let path = path.trim_matches('/').trim_end_matches("/add");
        *here = ["ip/firewall/address-list", "ipv6/firewall/address-list"].contains(&path);
        if words.is_empty() {
            return *here;
        }
    }
    if !*here || words.first().is_none_or(|word| word != "add") {
        return false;
    }
    let members: Option<BTreeMap<&str, &str>> =
        words[1..].iter().map(|word| word.split_once('=')).collect();
    let Some(members) = members else { return false };
    if members.get("disabled").is_some_and(|value| *value == "yes" || *value == "true") {
        return true;
    }
    let address = members.get("address").and_then(|address| entry(address));
    match (address, members.get("list")) {
        (Some((_, pair)), Some(list)) => {
            found.add(line, list, What::Entry(pair));
            true
        }
        _ => false,
    }
}

/// Tables of pf.conf: `table <name> { net, !net }`.
pub(super) fn pf(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("pf tables");
    // The table whose brace is open.
    let mut open: Option<String> = None;
    let mut tables = 0;
    for line in lines {
        let Some(text) = line.text.as_ref() else {
            found.reject(line.number);
            continue;
        };
        let text = text.split('#').next().unwrap_or_default().trim().trim_end_matches('\\').trim();
        let mut elements = text;
        if open.is_none() {
            if let Some((name, rest)) = text.strip_prefix("table <").and_then(|t| t.split_once('>'))
            {
                tables += 1;
                let Some((_, rest)) = rest.split_once('{') else { continue };
                open = Some(name.to_string());
                elements = rest;
            } else {
                let verb = text.split_whitespace().next().unwrap_or_default();
                if verb == "pass" {
                    let names = text.split('<').skip(1).filter_map(|part| part.split_once('>'));
                    found.accepted.extend(names.map(|(name, _)| name.to_string()));
                }
                if !text.is_empty() && !["pass", "block", "set", "match", "scrub"].contains(&verb) {
                    found.reject(line.number);
                }
                continue;
            }
        }
        let Some(name) = open.clone() else { continue };
        let (elements, closed) = match elements.split_once('}') {
            Some((front, _)) => (front, true),
            None => (elements, false),
        };
        for element in elements.split([' ', '\t', ',']).filter(|element| !element.is_empty()) {
            let (bare, is_exception) =
                element.strip_prefix('!').map_or((element, false), |bare| (bare, true));
            match plain::form(bare) {
                Some((_, pair)) if is_exception => {
                    found.add(line.number, &name, What::Exception(pair))
                }
                Some((_, pair)) => found.add(line.number, &name, What::Entry(pair)),
                None => found.reject(line.number),
            }
        }
        if closed {
            open = None;
        }
    }
    (tables > 0).then_some(found)
}
