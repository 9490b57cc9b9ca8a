//! Published lists with columns of their own, one entry a line.

use super::address::{Kind, Pair, entry, host, is_comment, is_name, is_number, network};
use super::{Found, Line, Meaning, What, by_line, plain, words};

const BLANKS: [char; 2] = [' ', '\t'];

fn one(pair: Option<Pair>) -> Meaning {
    pair.map_or(Meaning::Rejected, |pair| Meaning::Says(vec![What::Entry(pair)]))
}

fn any(found: Found) -> Option<Found> {
    (!found.items.is_empty()).then_some(found)
}

/// First, last, length and further columns.
pub(super) fn dshield(lines: &[Line]) -> Option<Found> {
    any(by_line("DShield", lines, true, |text| {
        if text.starts_with("Start\tEnd\tNetblock") {
            return Meaning::Ignored;
        }
        one(dshield_line(text))
    }))
}

fn dshield_line(text: &str) -> Option<Pair> {
    let columns: Vec<&str> = text.splitn(4, '\t').collect();
    let [first, last, length, rest @ ..] = &columns[..] else { return None };
    let (first, last) = (host(first)?.to_canonical(), host(last)?.to_canonical());
    let (true, true) = (first.is_ipv4(), last.is_ipv4()) else { return None };
    let pair = network(first, length).filter(|_| is_number(length, 2))?;
    (pair == (first, last) && rest.iter().all(|rest| is_name(rest))).then_some(pair)
}

/// Name, colon, range.
pub(super) fn peerguardian(lines: &[Line]) -> Option<Found> {
    any(by_line("PeerGuardian", lines, true, |text| one(peerguardian_line(text))))
}

fn peerguardian_line(text: &str) -> Option<Pair> {
    let (name, range) = text.rsplit_once(':')?;
    let (kind, pair) = entry(range)?;
    let first = name.split(BLANKS).next().unwrap_or_default();
    let commands = ["add", "allow", "del", "deny", "accept", "drop", "reject"];
    let is_rule = commands.contains(&first.to_lowercase().as_str()) || name.contains('$');
    let digits = name.split(':').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let is_text = name.chars().any(|c| !c.is_ascii_digit() && !":. /-".contains(c))
        && !(name.contains(':')
            && name.chars().all(|c| c.is_ascii_hexdigit() || ":. ".contains(c)));
    (kind == Kind::Range
        && pair.0.is_ipv4()
        && is_text
        && !is_rule
        && !digits
        && !name.contains("::")
        && is_name(name)
        && !words::says_good(name)
        && plain::form(first).is_none())
    .then_some(pair)
}

/// Range, level, name.
pub(super) fn emule(lines: &[Line]) -> Option<Found> {
    any(by_line("ipfilter.dat", lines, true, |text| {
        let mut parts = text.splitn(3, ',');
        let range = parts.next().and_then(|range| entry(range.trim_end_matches(BLANKS)));
        let level = parts.next().map(|level| level.trim_matches(BLANKS));
        let level =
            level.filter(|level| is_number(level, 3)).and_then(|level| level.parse::<u8>().ok());
        let name = parts.next().unwrap_or_default();
        match (range, level) {
            (Some((Kind::Range, pair)), Some(level)) if is_name(name) => {
                if level > 127 {
                    Meaning::Ignored
                } else {
                    one(Some(pair))
                }
            }
            _ => Meaning::Rejected,
        }
    }))
}

/// `time|service|kind|address`.
pub(super) fn sshguard(lines: &[Line]) -> Option<Found> {
    any(by_line("sshguard blacklist", lines, true, |text| {
        let columns: Vec<&str> = text.split('|').collect();
        let [time, service, kind, address] = columns[..] else { return Meaning::Rejected };
        let pair = entry(address).map(|(_, pair)| pair);
        let fit = is_number(time, 19) && is_number(service, 5);
        let of_kind = pair.filter(|pair| kind == if pair.0.is_ipv4() { "4" } else { "6" });
        one(of_kind.filter(|_| fit))
    }))
}

pub(super) fn tor(lines: &[Line]) -> Option<Found> {
    let others = ["ExitNode", "Published", "LastStatus", "@type", "Downloaded"];
    any(by_line("Tor exit addresses", lines, true, |text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            ["ExitAddress", address, _, _] | ["ExitAddress", address] => {
                one(host(address).map(|host| (host, host)))
            }
            [first, ..] if others.contains(&first) => Meaning::Ignored,
            _ => Meaning::Rejected,
        }
    }))
}

/// `address#reliability#risk#kind#country#city#place#number`.
pub(super) fn alienvault(lines: &[Line]) -> Option<Found> {
    any(by_line("AlienVault reputation", lines, true, |text| {
        let columns: Vec<&str> = text.split('#').collect();
        let fit = columns.len() == 8 && columns[1..3].iter().all(|number| is_number(number, 3));
        one(host(columns[0]).filter(|_| fit).map(|host| (host, host)))
    }))
}

/// Five columns, of which the third is the address.
pub(super) fn dataplane(lines: &[Line]) -> Option<Found> {
    any(by_line("dataplane.org", lines, true, |text| {
        let columns: Vec<&str> = text.split('|').map(str::trim).collect();
        let [asn, _, address, _, _] = columns[..] else { return Meaning::Rejected };
        let fit = asn == "NA" || is_number(asn, 10);
        one(host(address).filter(|_| fit).map(|host| (host, host)))
    }))
}

/// Network, country, region, city, postal code.
pub(super) fn geofeed(lines: &[Line]) -> Option<Found> {
    any(by_line("geofeed", lines, true, |text| {
        let columns: Vec<&str> = text.split(',').collect();
        let [net, country, region, ..] = columns[..] else { return Meaning::Rejected };
        let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic());
        let is_country = country.is_empty() || country.len() == 2 && letters(country);
        let of_country = region.is_empty()
            || region.to_lowercase().starts_with(&format!("{}-", country.to_lowercase()));
        let fit = (4..=5).contains(&columns.len()) && is_country && of_country;
        let found = entry(net).filter(|(kind, _)| *kind != Kind::Range && fit);
        one(found.map(|(_, pair)| pair))
    }))
}

/// Columns that `#fields` names.
pub(super) fn zeek(lines: &[Line]) -> Option<Found> {
    let mut fields: Vec<String> = vec![];
    let found = by_line("Zeek intel", lines, false, |text| {
        if let Some(names) = text.strip_prefix("#fields\t") {
            fields = names.split('\t').map(str::to_string).collect();
        }
        if is_comment(text) {
            return Meaning::Ignored;
        }
        let columns: Vec<&str> = text.split('\t').collect();
        let of = |name: &str| {
            fields.iter().position(|field| field == name).and_then(|at| columns.get(at))
        };
        let pair = of("indicator").and_then(|indicator| entry(indicator));
        match (of("indicator_type"), pair) {
            (Some(&"Intel::ADDR"), Some((Kind::Host, pair)))
            | (Some(&"Intel::SUBNET"), Some((Kind::Network, pair))) => one(Some(pair)),
            (Some(&("Intel::ADDR" | "Intel::SUBNET")), _) | (None, _) => Meaning::Rejected,
            _ => Meaning::Ignored,
        }
    });
    any(found)
}

pub(super) fn surge(lines: &[Line]) -> Option<Found> {
    any(by_line("Surge rules", lines, true, |text| {
        let front = text.split(" //").next().unwrap_or(text);
        let columns: Vec<&str> = front.split(',').map(str::trim).collect();
        match columns[..] {
            ["IP-CIDR" | "IP-CIDR6", net, ref rest @ ..] => {
                let harmless = |word: &&str| ["no-resolve", "REJECT", "REJECT-DROP"].contains(word);
                one(entry(net).filter(|_| rest.iter().all(harmless)).map(|(_, pair)| pair))
            }
            [rule, _, ..] if rule.chars().all(|c| c.is_ascii_uppercase() || c == '-') => {
                Meaning::Ignored
            }
            _ => Meaning::Rejected,
        }
    }))
}

/// What `fail2ban-client banned` and `fail2ban-client status JAIL` write.
pub(super) fn fail2ban(lines: &[Line]) -> Option<Found> {
    let start = lines.iter().find_map(|line| line.text.as_ref().filter(|text| !text.is_empty()))?;
    if start.starts_with("[{'") {
        return banned(lines);
    }
    let found = by_line("fail2ban-client status", lines, false, |text| {
        let text = text.trim_start_matches(['|', '`', '-', ' ', '\t']);
        let known = [
            "Status for the jail:",
            "Filter",
            "Actions",
            "Currently",
            "Total",
            "File list:",
            "Journal",
        ];
        if let Some(addresses) = text.strip_prefix("Banned IP list:") {
            let pairs =
                addresses.split_whitespace().map(|address| entry(address).map(|found| found.1));
            return match pairs.collect::<Option<Vec<_>>>() {
                Some(pairs) => Meaning::Says(pairs.into_iter().map(What::Entry).collect()),
                None => Meaning::Rejected,
            };
        }
        let is_known = known.iter().any(|known| text.starts_with(known));
        if is_known { Meaning::Ignored } else { Meaning::Rejected }
    });
    any(found)
}

/// A list of Python: `[{'jail': ['address', ...]}, ...]`.
fn banned(lines: &[Line]) -> Option<Found> {
    let mut found = Found::new("fail2ban-client banned");
    found.whole = true;
    for line in lines {
        let text = line.text.as_deref().unwrap_or_default();
        let jails = serde_json::from_str::<serde_json::Value>(&text.replace('\'', "\"")).ok();
        let jails = jails.as_ref().and_then(|jails| jails.as_array()).cloned().unwrap_or_default();
        let mut addresses = vec![];
        for jail in &jails {
            addresses
                .extend(jail.as_object()?.values().filter_map(|list| list.as_array()).flatten());
        }
        if jails.is_empty() && !text.is_empty() {
            found.reject(line.number);
        }
        // A value that is no address is rejected alone, as in a document.
        for (_, pair) in addresses.iter().filter_map(|address| entry(address.as_str()?)) {
            found.add(line.number, "", What::Entry(pair));
        }
    }
    any(found)
}
