//! A second reader of lists, which takes each line apart as the manual page describes it, with the
//! standard library's parsers and without a thought for speed. The tests and the fuzz targets hold
//! netfilterd's own against it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// First and last address. An IPv4-mapped host is the IPv4 one.
pub type Pair = (IpAddr, IpAddr);

/// How an entry is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Host,
    Network,
    Range,
}

fn host(text: &str) -> Option<IpAddr> {
    let octets: Vec<&str> = text.split('.').collect();
    let digits = |octet: &&str| octet.len() == 3 && octet.bytes().all(|b| b.is_ascii_digit());
    if octets.len() == 4 && octets.iter().all(digits) {
        let octets: Vec<u8> = octets.iter().filter_map(|octet| octet.parse().ok()).collect();
        return <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into());
    }
    text.parse().ok()
}

/// The entry that a text is as a whole.
pub fn entry(text: &str) -> Option<(Kind, Pair)> {
    if let Some(host) = host(text) {
        return Some((Kind::Host, (host.to_canonical(), host.to_canonical())));
    }
    if let Some((address, length)) = text.split_once('/') {
        return network(host(address)?, length).map(|pair| (Kind::Network, pair));
    }
    let (first, last) = text.split_once('-')?;
    let blanks = [' ', '\t'];
    let pair = (host(first.trim_end_matches(blanks))?, host(last.trim_start_matches(blanks))?);
    let families = pair.0.is_ipv4() == pair.1.is_ipv4();
    (families && pair.0 <= pair.1 && !holds_a_piece_of_mapped(pair)).then_some((Kind::Range, pair))
}

fn network(address: IpAddr, length: &str) -> Option<Pair> {
    let length = match (address, length.parse::<Ipv4Addr>()) {
        (IpAddr::V4(_), Ok(mask)) => {
            let mask = u32::from(mask);
            let contiguous = mask != 0 && mask.leading_ones() == mask.count_ones();
            contiguous.then_some(mask.count_ones() as u8)?
        }
        _ => {
            let plain = length == "0" || !length.starts_with(['0', '+']);
            length.parse::<u8>().ok().filter(|_| plain)?
        }
    };
    if address.to_canonical() != address {
        return (length == 128).then_some((address.to_canonical(), address.to_canonical()));
    }
    match ipnet::IpNet::new(address, length).ok()? {
        ipnet::IpNet::V4(net) => Some((net.network().into(), net.broadcast().into())),
        ipnet::IpNet::V6(net) => Some((net.network().into(), net.broadcast().into())),
    }
}

fn holds_a_piece_of_mapped((first, last): Pair) -> bool {
    let (IpAddr::V6(first), IpAddr::V6(last)) = (first, last) else { return false };
    let mapped: Ipv6Addr = "::ffff:0:0".parse().expect("an address");
    let (begin, end) = (u128::from(mapped), u128::from(mapped) + u128::from(u32::MAX));
    let (first, last) = (u128::from(first), u128::from(last));
    let around = begin & !(1 << 32);
    first <= end && last >= begin && (first > around || last < end)
}

fn is_comment(text: &str) -> bool {
    text.is_empty() || text.starts_with(['#', ';']) || text.starts_with("//")
}

/// What stands before a comment: all ways of cutting one off.
fn without_comment(text: &str) -> impl Iterator<Item = &str> {
    let cuts = text
        .char_indices()
        .filter(|&(at, _)| text[..at].ends_with([' ', '\t']) && is_comment(&text[at..]));
    cuts.map(|(at, _)| at).chain([text.len()]).map(|at| text[..at].trim_end_matches([' ', '\t']))
}

fn plain(text: &str) -> Option<Vec<Pair>> {
    without_comment(text).find_map(ended).map(|(pair, _)| vec![pair])
}

/// An entry, perhaps with its end in seconds since 1970.
fn ended(text: &str) -> Option<(Pair, Option<i64>)> {
    if let Some((_, pair)) = entry(text) {
        return Some((pair, None));
    }
    let blanks = [' ', '\t'];
    let (rest, time) = text.rsplit_once(blanks)?;
    let front = rest.trim_end_matches(blanks).strip_suffix("until")?;
    let (_, pair) = entry(front.trim_end_matches(blanks)).filter(|_| front.ends_with(blanks))?;
    Some((pair, Some(seconds(time)?)))
}

/// The seconds since 1970 that a time says, by ten digits or by RFC 3339, section 5.6.
pub fn seconds(text: &str) -> Option<i64> {
    if text.len() == 10 && is_number(text, 10) {
        return text.parse().ok();
    }
    let text = text.to_ascii_uppercase();
    let (date, rest) = text.split_once('T')?;
    let (time, offset) = match rest.strip_suffix('Z') {
        Some(time) => (time, 0),
        None => {
            let (time, offset) = rest.split_at(rest.rfind(['+', '-'])?);
            let [hours, minutes] = numbers(&offset[1..], ':', [2, 2])?;
            let sign = if offset.starts_with('-') { -1 } else { 1 };
            (time, (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60)?)
        }
    };
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_time = hour <= 23 && minute <= 59 && second <= 60 && is_number(fraction, 9);
    let is_date = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if !is_time || !is_date {
        return None;
    }
    let years: i64 = if year < 1970 {
        -(year..1970)
            .map(|year| (1..=12).map(|month| days_of(year, month)).sum::<i64>())
            .sum::<i64>()
    } else {
        (1970..year).map(|year| (1..=12).map(|month| days_of(year, month)).sum::<i64>()).sum()
    };
    let days = years + (1..month).map(|month| days_of(year, month)).sum::<i64>() + day - 1;
    // What is called second 60 has no number of its own, and a part of a second is rounded up.
    let late = i64::from(fraction.contains(|digit| digit != '0'));
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second.min(59) - offset + late;
    // From the first second of the year 0 to the last of the year 9999, in UTC.
    (-62_167_219_200..=253_402_300_799).contains(&seconds).then_some(seconds)
}

fn numbers<const N: usize>(text: &str, sign: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let parts: Vec<&str> = text.split(sign).collect();
    let fits = |(part, length): (&&str, &usize)| part.len() == *length && is_number(part, *length);
    let whole = parts.len() == N && parts.iter().zip(&lengths).all(fits);
    let numbers: Vec<i64> = parts.iter().filter_map(|part| part.parse().ok()).collect();
    numbers.try_into().ok().filter(|_| whole)
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A line that is an entry and nothing else, as the grammar alone reads it.
pub fn ended_entry(line: &[u8]) -> Option<(Pair, Option<i64>)> {
    let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
    without_comment(line.trim_start_matches([' ', '\t'])).find_map(ended)
}

fn is_number(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn ipsum(text: &str) -> Option<Vec<Pair>> {
    let (address, count) = text.split_once('\t')?;
    let counted = without_comment(count).any(|count| is_number(count, 9));
    let (kind, pair) = entry(address)?;
    (counted && kind == Kind::Host).then_some(vec![pair])
}

fn dshield(text: &str) -> Option<Vec<Pair>> {
    if text.starts_with("Start\tEnd\tNetblock\t") {
        return Some(vec![]);
    }
    let columns: Vec<&str> = text.splitn(4, '\t').collect();
    let [first, last, length, rest @ ..] = &columns[..] else { return None };
    let (IpAddr::V4(first), IpAddr::V4(last)) =
        (host(first)?.to_canonical(), host(last)?.to_canonical())
    else {
        return None;
    };
    let pair = network(first.into(), length).filter(|_| is_number(length, 2))?;
    (pair == (first.into(), last.into()) && rest.iter().all(|rest| is_name(rest)))
        .then_some(vec![pair])
}

/// The most numbers that stand in a row with single dots between them.
fn dotted(text: &str) -> usize {
    let runs = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let longest = |run: &str| {
        let parts: Vec<&str> = run.split('.').collect();
        parts.split(|part| part.is_empty()).map(<[_]>::len).max()
    };
    runs.filter_map(longest).max().unwrap_or(0)
}

fn is_name(text: &str) -> bool {
    dotted(text) < 4 && !text.contains(|c: char| c.is_ascii_control() && c != '\t')
}

const RESERVED: &str = "accept allow dunno except nomatch not ok pass permit relay return until \
                        whitelist";

fn is_reserved(word: &str) -> bool {
    RESERVED.split_whitespace().any(|reserved| reserved == word.to_lowercase())
}

fn p2p(text: &str) -> Option<Vec<Pair>> {
    let (name, range) = text.rsplit_once(':')?;
    let (kind, pair) = entry(range.trim_end_matches([' ', '\t']))?;
    let first = name.split([' ', '\t']).next().unwrap_or_default();
    let address = name.chars().all(|c| c.is_ascii_hexdigit() || ":. ".contains(c));
    let command = ["add", "allow", "del", "deny"].contains(&first);
    let cut = name.split(':').skip(1).any(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        || name.contains("::");
    (kind == Kind::Range && !address && !command && !cut && is_name(name))
        .then_some(vec![pair])
        .filter(|_| !is_reserved(name) && !begins_with_an_entry(first))
}

/// Whether an entry is the front of a word, with a sign behind it that no entry has.
fn begins_with_an_entry(word: &str) -> bool {
    let run = |text: &str, signs: &str| {
        text.find(|c: char| !c.is_ascii_hexdigit() && !signs.contains(c)).unwrap_or(text.len())
    };
    let end = run(word, ".:");
    let end = match word[end..].chars().next() {
        Some('%') => return false,
        Some('/') => {
            let length = &word[end + 1..];
            let is_length = |c: char| c.is_ascii_digit() || c == '.';
            end + 1 + length.find(|c| !is_length(c)).unwrap_or(length.len())
        }
        Some('-') => end + 1 + run(&word[end + 1..], ".:"),
        _ => end,
    };
    entry(&word[..end]).is_some()
}

fn emule(text: &str) -> Option<Vec<Pair>> {
    let mut parts = text.splitn(3, ',');
    let (kind, pair) = entry(parts.next()?.trim_end_matches([' ', '\t']))?;
    let level = parts.next()?.trim_matches([' ', '\t']);
    let level = level.parse::<u8>().ok().filter(|_| is_number(level, 3))?;
    (kind == Kind::Range && parts.next().is_none_or(is_name)).then_some(if level <= 127 {
        vec![pair]
    } else {
        vec![]
    })
}

fn free_text(line: &[u8]) -> Option<Vec<Pair>> {
    // A comment may hold anything, the text UTF-8 only. What stands for other bytes has their place.
    let places: Vec<u8> =
        line.iter().map(|byte| if byte.is_ascii() { *byte } else { b'x' }).collect();
    let end = without_comment(std::str::from_utf8(&places).ok()?).next()?.len();
    let line = std::str::from_utf8(&line[..end]).ok()?;
    let (network, text) = line.split_at(line.find([' ', '\t'])?);
    let (kind, pair) = entry(network)?;
    let text = text.trim_matches([' ', '\t']);
    let first = text.split([' ', '\t']).next()?;
    let letter = text.strip_prefix(['-', '(', '[', '"', '\'', '_']).unwrap_or(text);
    let hexadecimal = |run: &str| run.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let colons = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
        .any(|run| run.contains("::") || run.len() > 1 && run.contains(':') && hexadecimal(run));
    let sign = |c: char| c.is_ascii_control() && c != '\t' || c == '{' || c == '}';
    (kind == Kind::Network
        && letter.starts_with(char::is_alphabetic)
        && dotted(text) < 3
        && !colons
        && !text.contains(sign)
        && !text.ends_with([';', ','])
        && !is_reserved(first))
    .then_some(vec![pair])
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

fn record(text: &str) -> Option<Vec<Pair>> {
    let value: Value = serde_json::from_str(&without_exponents(text)).ok()?;
    match (&value["cidr"], &value["type"]) {
        (Value::Null, Value::String(kind)) if kind == "metadata" => Some(vec![]),
        (Value::String(network), _) => entry(network).map(|(_, pair)| vec![pair]),
        _ => None,
    }
}

fn nginx(text: &str) -> Option<Vec<Pair>> {
    let rest = text.strip_prefix("deny")?;
    let (network, rest) = rest.strip_prefix([' ', '\t'])?.split_once(';')?;
    let (kind, pair) = entry(network.trim_matches([' ', '\t']))?;
    let rest = rest.trim_matches([' ', '\t']);
    (kind != Kind::Range && (rest.is_empty() || rest.starts_with('#'))).then_some(vec![pair])
}

fn ipset(text: &str) -> Option<Vec<Pair>> {
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        ["create", _, kind, ..] => return kind.contains(':').then_some(vec![]),
        ["flush" | "destroy", set] => return (!set.contains(':')).then_some(vec![]),
        ["swap", _, _] => return Some(vec![]),
        ["add", _, _, ..] => {}
        _ => return None,
    }
    let rest = text.strip_prefix("add")?.trim_start_matches([' ', '\t']);
    let rest = rest[words[1].len()..].trim_matches([' ', '\t']);
    let (_, pair) = entry(words[2])?;
    are_options(&rest[words[2].len()..]).then_some(vec![pair])
}

fn are_options(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    if is_comment(rest) {
        return true;
    }
    let end = rest.find([' ', '\t']).unwrap_or(rest.len());
    let behind = rest[end..].trim_start_matches([' ', '\t']);
    match &rest[..end] {
        "-exist" | "-!" => are_options(behind),
        "timeout" | "packets" | "bytes" | "skbprio" | "skbqueue" | "skbmark" => {
            let end = behind.find([' ', '\t']).unwrap_or(behind.len());
            behind.starts_with(|c: char| c.is_ascii_digit()) && are_options(&behind[end..])
        }
        "comment" => behind
            .strip_prefix('"')
            .and_then(|text| text.split_once('"'))
            .is_some_and(|(_, behind)| are_options(behind)),
        _ => false,
    }
}

/// The entries of a line outside of blocks, or `None` if it is rejected.
pub fn second_reader(line: &[u8]) -> Option<Vec<Pair>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() > 4096 || line.contains(&0) {
        return None;
    }
    let start = line.iter().position(|b| *b != b' ' && *b != b'\t').unwrap_or(line.len());
    let line = &line[start..];
    // Bytes that are no UTF-8 may stand in names. What takes their place is no letter.
    let text = String::from_utf8_lossy(line);
    if is_comment(&text) {
        return Some(vec![]);
    }
    if text.starts_with('{') {
        return std::str::from_utf8(line).ok().and_then(record);
    }
    [plain, ipsum, dshield, nginx, ipset, p2p, emule]
        .iter()
        .find_map(|format| format(&text))
        .or_else(|| free_text(line))
}
