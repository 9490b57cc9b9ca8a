//! Access rules of servers: nginx, Apache, Postfix, hosts.deny, rbldnsd.

use super::address::{Kind, Pair, entry, host};
use super::{Found, Line, Meaning, What, by_line, plain, words};

const BLANKS: [char; 2] = [' ', '\t'];

fn any(found: Found) -> Option<Found> {
    (!found.items.is_empty()).then_some(found)
}

/// `deny NET;` and `allow NET;`, perhaps several on a line.
pub(super) fn nginx(lines: &[Line]) -> Option<Found> {
    let mut depth = 0_usize;
    any(by_line("nginx", lines, true, |text| {
        // A block is one place of one site.
        depth += text.matches('{').count();
        let inside = depth > 0;
        depth = depth.saturating_sub(text.matches('}').count());
        if inside {
            return Meaning::Rejected;
        }
        let text = text.split('#').next().unwrap_or_default().trim_end_matches(BLANKS);
        let Some(text) = text.strip_suffix(';') else { return Meaning::Rejected };
        let mut all = vec![];
        for directive in text.split(';') {
            let words: Vec<&str> =
                directive.split(BLANKS).filter(|word| !word.is_empty()).collect();
            match words[..] {
                ["allow", "all"] => {}
                ["deny", net] => match entry(net) {
                    Some((kind, pair)) if kind != Kind::Range => all.push(What::Entry(pair)),
                    _ => return Meaning::Rejected,
                },
                ["allow", net] => match entry(net) {
                    Some((kind, pair)) if kind != Kind::Range => all.push(What::Exception(pair)),
                    _ => return Meaning::Rejected,
                },
                _ => return Meaning::Rejected,
            }
        }
        Meaning::Says(all)
    }))
}

/// `geo $name { NET 1; NET 0; }`.
pub(super) fn geo(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("nginx geo");
    let (mut name, mut blocks) = (None::<String>, 0);
    for line in lines {
        let Some(text) = line.text.as_ref() else {
            found.reject(line.number);
            continue;
        };
        let text = text.split('#').next().unwrap_or_default();
        for statement in text.split_inclusive(['{', ';', '}']).map(str::trim) {
            if statement.is_empty() {
                continue;
            }
            if !geo_statement(statement, line.number, &mut name, &mut found) {
                found.reject(line.number);
            }
            blocks += usize::from(statement.ends_with('{'));
        }
    }
    (blocks > 0).then_some(found)
}

/// Takes one statement of a file with geo blocks, and says whether it is understood.
fn geo_statement(text: &str, line: usize, block: &mut Option<String>, found: &mut Found) -> bool {
    let text = text.strip_suffix(';').unwrap_or(text);
    let words: Vec<&str> = text.split(BLANKS).filter(|word| !word.is_empty()).collect();
    match (block.clone(), &words[..]) {
        (None, ["geo", .., variable, "{"]) => {
            *block = Some(variable.trim_start_matches('$').to_string());
        }
        (Some(_), ["}"]) => *block = None,
        (Some(_), ["ranges"]) => {}
        (Some(_), ["default", value]) => {
            if value.trim_matches('"') == "1" {
                found.refused = Some("default 1");
            }
        }
        (Some(_), ["include" | "proxy" | "delete", _]) => {}
        (Some(name), [net, value]) => match (entry(net), value.trim_matches('"')) {
            (Some((_, pair)), "1") => found.add(line, &name, What::Entry(pair)),
            (Some((_, pair)), "0") => found.add(line, &name, What::Exception(pair)),
            _ => return false,
        },
        _ => return false,
    }
    true
}

/// `Deny from NET...` and `Require not ip NET...`, and what lets through.
pub(super) fn apache(lines: &[Line]) -> Option<Found> {
    any(by_line("Apache", lines, true, |text| {
        let words: Vec<&str> = text.split(BLANKS).filter(|word| !word.is_empty()).collect();
        let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
        let (used, is_exception) = match lower[..] {
            ["deny", "from", ..] => (2, false),
            ["allow", "from", "all"] | ["require", "all", "granted"] | ["order", ..] => {
                return Meaning::Ignored;
            }
            ["allow", "from", ..] => (2, true),
            ["require", "not", "ip", ..] => (3, false),
            ["require", "ip", ..] => (2, true),
            [word, ..] if word.starts_with("<require") || word.starts_with("</require") => {
                return Meaning::Ignored;
            }
            _ => return Meaning::Rejected,
        };
        let pairs = words[used..].iter().map(|word| short(word));
        match pairs.collect::<Option<Vec<_>>>() {
            Some(pairs) if !pairs.is_empty() => Meaning::Says(
                pairs
                    .into_iter()
                    .map(
                        |pair| if is_exception { What::Exception(pair) } else { What::Entry(pair) },
                    )
                    .collect(),
            ),
            _ => Meaning::Rejected,
        }
    }))
}

/// An address, a network, or the first one to three octets of a network.
fn short(text: &str) -> Option<Pair> {
    if let Some((kind, pair)) = entry(text) {
        return (kind != Kind::Range).then_some(pair);
    }
    let octets: Vec<&str> = text.strip_suffix('.').unwrap_or(text).split('.').collect();
    let filled = |octet: &str| {
        let all: Vec<&str> = octets.iter().copied().chain(vec![octet; 4 - octets.len()]).collect();
        host(&all.join("."))
    };
    let is_short = (1..=3).contains(&octets.len());
    is_short.then(|| Some((filled("0")?, filled("255")?))).flatten()
}

/// `NET ACTION`.
pub(super) fn postfix(lines: &[Line]) -> Option<Found> {
    let found = by_line("Postfix cidr", lines, true, |text| {
        let Some((net, action)) = text.split_once(BLANKS) else { return Meaning::Rejected };
        let action = action.trim_start_matches(BLANKS);
        let first = action.split([' ', '\t', ',']).next().unwrap_or_default().to_uppercase();
        let code = first.len() == 3
            && first.bytes().all(|byte| byte.is_ascii_digit())
            && action[3..].starts_with(BLANKS);
        let pair = entry(net).filter(|(kind, _)| *kind != Kind::Range).map(|(_, pair)| pair);
        let is_drop = ["REJECT", "DROP"].contains(&first.as_str())
            || code && (first.starts_with('4') || first.starts_with('5'));
        let is_exception =
            ["OK", "DUNNO", "PERMIT"].contains(&first.as_str()) || first.starts_with("PERMIT_");
        match pair {
            Some(pair) if is_drop => Meaning::Says(vec![What::Entry(pair)]),
            Some(pair) if is_exception => Meaning::Says(vec![What::Exception(pair)]),
            _ => Meaning::Rejected,
        }
    });
    any(found)
}

/// `ALL: addresses`.
pub(super) fn hosts_deny(lines: &[Line]) -> Option<Found> {
    any(by_line("hosts.deny", lines, true, |text| {
        let Some((daemon, clients)) = text.split_once(':') else { return Meaning::Rejected };
        if daemon.trim_matches(BLANKS) != "ALL" {
            return Meaning::Rejected;
        }
        let clients = clients.split([',', ' ', '\t']).filter(|client| !client.is_empty());
        match clients.map(client).collect::<Option<Vec<_>>>() {
            Some(pairs) if !pairs.is_empty() => {
                Meaning::Says(pairs.into_iter().map(What::Entry).collect())
            }
            _ => Meaning::Rejected,
        }
    }))
}

fn client(text: &str) -> Option<Pair> {
    if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        let pair = entry(&format!("{address}{rest}"))?.1;
        return (rest.is_empty() || rest.starts_with('/')).then_some(pair);
    }
    if text.ends_with('.') {
        return short(text);
    }
    let (kind, pair) = entry(text)?;
    (kind != Kind::Range && pair.0.is_ipv4()).then_some(pair)
}

/// Sets of rbldnsd: networks with short forms and exclusions, under `$` directives and a default text.
pub(super) fn rbldnsd(lines: &[Line]) -> Option<Found> {
    let mut is_it = false;
    let found = by_line("rbldnsd", lines, true, |text| {
        if text.starts_with(['$', ':']) {
            let is_answer =
                text.starts_with(':') && text[1..].starts_with(|c: char| c.is_ascii_digit());
            let is_known = ["$SOA", "$NS", "$TTL", "$ORIGIN", "$DATASET"];
            let is_known = is_known.iter().any(|known| text.starts_with(known));
            is_it |= is_answer && text[1..].contains(':') || is_known;
            return if is_answer || is_known { Meaning::Ignored } else { Meaning::Rejected };
        }
        let (text, is_exception) = match text.strip_prefix('!') {
            Some(rest) => (rest.trim_start_matches(BLANKS), true),
            None => (text, false),
        };
        let (net, rest) = text.split_at(text.find([' ', '\t', ':']).unwrap_or(text.len()));
        let (net, rest) = match entry(text.split(BLANKS).next().unwrap_or_default()) {
            Some(_) => text.split_at(text.find(BLANKS).unwrap_or(text.len())),
            None => (net, rest),
        };
        match plain::form(net).map(|(_, pair)| pair).or_else(|| short(net)) {
            Some(pair) if is_exception => Meaning::Says(vec![What::Exception(pair)]),
            Some(pair) if !words::says_good(rest) => Meaning::Says(vec![What::Entry(pair)]),
            _ => Meaning::Rejected,
        }
    });
    any(found).filter(|_| is_it)
}
