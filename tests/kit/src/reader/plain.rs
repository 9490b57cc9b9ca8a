//! Plain lists, the shapes in which a line may name its entry, host and count, and sections.

use super::address::{Kind, Pair, ended, entry, host, is_comment, is_number};
use super::address::{dotted, network, without_comment};
use super::{Found, Line, Meaning, What, by_line, words};

pub const PLAIN: &str = "plain";
const BLANKS: [char; 2] = [' ', '\t'];

pub(super) fn list(lines: &[Line], now: i64) -> Found {
    by_line(PLAIN, lines, true, |text| line(text, now))
}

/// The entries of a line of a plain list, none if it is blank or a comment, or `None` if it is
/// rejected. That an entry expires makes no difference.
pub fn plain_line(line: &str) -> Option<Vec<Pair>> {
    let text = line.trim_matches(BLANKS);
    if is_comment(text) {
        return Some(vec![]);
    }
    match self::line(text, i64::MIN) {
        Meaning::Says(all) => Some(
            all.into_iter()
                .filter_map(|what| if let What::Entry(pair) = what { Some(pair) } else { None })
                .collect(),
        ),
        Meaning::Ignored => Some(vec![]),
        Meaning::Rejected => None,
    }
}

fn line(text: &str, now: i64) -> Meaning {
    if let Some(exception) = text.strip_prefix('!') {
        return match single(exception.trim_start_matches(BLANKS)) {
            Some(pair) => Meaning::Says(vec![What::Exception(pair)]),
            None => Meaning::Rejected,
        };
    }
    if let Some(pair) = single(text).or_else(|| quoted(text)).or_else(|| noted(text)) {
        return Meaning::Says(vec![What::Entry(pair)]);
    }
    if let Some((pair, end)) = without_comment(text).find_map(ended) {
        let behind = without_comment(text).find(|front| ended(front).is_some()).map_or(0, str::len);
        return match (is_tail(&text[behind..]), end.is_none_or(|end| end > now)) {
            (false, _) => Meaning::Rejected,
            (true, true) => Meaning::Says(vec![What::Entry(pair)]),
            (true, false) => Meaning::Ignored,
        };
    }
    match several(text).or_else(|| free_text(text).map(|pair| vec![pair])) {
        Some(pairs) => Meaning::Says(pairs.into_iter().map(What::Entry).collect()),
        None => Meaning::Rejected,
    }
}

/// One entry and perhaps a comment, which may follow right behind if it begins with `#`.
pub(super) fn single(text: &str) -> Option<Pair> {
    let (pair, _, rest) = front(text)?;
    (rest.is_empty() || rest.starts_with('#') && is_comment_fit(rest) || is_tail(rest))
        .then_some(pair)
}

/// Whether nothing stands behind an entry but a comment that does not contradict it.
pub(super) fn is_tail(rest: &str) -> bool {
    let comment = rest.trim_start_matches(BLANKS);
    comment.is_empty()
        || comment.len() < rest.len() && is_comment(comment) && is_comment_fit(comment)
}

/// The first entry of a text, as long as may be, how it is written, and what follows.
fn front(text: &str) -> Option<(Pair, Kind, &str)> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    let mut best = None;
    for end in ends {
        let rest = &text[end..];
        let is_end = rest.is_empty() || rest.starts_with(BLANKS) || rest.starts_with('#');
        if let Some((kind, pair)) = is_end.then(|| form(&text[..end])).flatten() {
            best = Some((pair, kind, rest));
        }
    }
    best
}

/// An entry, or one of the forms `1.2.3.*`, `1.2.3.4-9` and `first-last/32`.
pub(super) fn form(text: &str) -> Option<(Kind, Pair)> {
    if let Some(found) = entry(text) {
        return Some(found);
    }
    if text.ends_with(".*") {
        let front = text.trim_end_matches(".*");
        let all = |octet: &str| front.to_string() + &text[front.len()..].replace('*', octet);
        let pair = (host(&all("0"))?, host(&all("255"))?);
        return pair.0.is_ipv4().then_some((Kind::Network, pair));
    }
    let (first, rest) = text.split_once('-')?;
    if let Some((last, mask)) = rest.split_once('/') {
        let pair = (host(first)?, host(last)?);
        let fit = mask == "32" && pair.0.is_ipv4() && pair.1.is_ipv4() && pair.0 <= pair.1;
        return fit.then_some((Kind::Range, pair));
    }
    let last = rest.parse::<u8>().ok().filter(|last| last.to_string() == rest)?;
    let (three, _) = first.rsplit_once('.')?;
    let pair = (host(first)?, host(&format!("{three}.{last}"))?);
    (pair.0.is_ipv4() && pair.0 <= pair.1).then_some((Kind::Range, pair))
}

/// Whether a comment may stand behind an entry: it neither says that the entry is good nor begins with
/// an address, which may be the end of a range.
fn is_comment_fit(comment: &str) -> bool {
    let text = comment.trim_start_matches(['#', ';', '/', ' ', '\t', '(', '[', '"', '\'', '-']);
    let word = text.split([' ', '\t', ';', ',', '#']).next().unwrap_or_default();
    let word = word.trim_end_matches([')', ']', '"', '\'', ':', '.']);
    !words::comment_denies(text) && form(word).is_none()
}

/// An entry in quotes, or before a comma, or both.
fn quoted(text: &str) -> Option<Pair> {
    let (inside, rest) = match text.chars().next()? {
        quote @ ('"' | '\'') => text[1..].split_once(quote)?,
        _ => text.split_once(',').map(|(front, _)| (front, &text[front.len()..]))?,
    };
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let (_, pair) = form(inside)?;
    (rest.is_empty() || is_tail(rest)).then_some(pair)
}

/// Three entries or more with commas between them.
fn several(text: &str) -> Option<Vec<Pair>> {
    let front = without_comment(text).next()?;
    if !is_tail(&text[front.len()..]) {
        return None;
    }
    let front = front.trim_end_matches(',');
    let unquoted = |part: &str| {
        let part = part.trim_matches(BLANKS);
        let inside = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
        form(inside.unwrap_or(part)).map(|(_, pair)| pair)
    };
    let pairs: Vec<Option<Pair>> = front.split(',').map(unquoted).collect();
    pairs.into_iter().collect::<Option<Vec<_>>>().filter(|pairs| pairs.len() >= 3)
}

/// `net - note`.
fn noted(text: &str) -> Option<Pair> {
    let (pair, kind, rest) = front(text)?;
    let note = rest.trim_start_matches(BLANKS).strip_prefix('-')?;
    let note = note.strip_prefix(BLANKS)?.trim_matches(BLANKS);
    let fit = kind != Kind::Range
        && note.starts_with(char::is_alphabetic)
        && is_harmless(note)
        && !note.contains(['[', '"']);
    fit.then_some(pair)
}

/// A network and a text.
fn free_text(text: &str) -> Option<Pair> {
    let front = without_comment(text).next()?;
    if !is_tail(&text[front.len()..]) {
        return None;
    }
    let (network, text) = front.split_at(front.find(BLANKS)?);
    let (kind, pair) = entry(network)?;
    let text = text.trim_matches(BLANKS);
    let letter = text.strip_prefix(['-', '(', '[', '"', '\'', '_']).unwrap_or(text);
    let fit = kind == Kind::Network
        && letter.starts_with(|c: char| c.is_alphabetic() && c != char::REPLACEMENT_CHARACTER)
        && is_harmless(text)
        && !text.contains(char::REPLACEMENT_CHARACTER)
        && !text.split(BLANKS).next().is_some_and(|word| word.eq_ignore_ascii_case("until"));
    fit.then_some(pair)
}

/// A text that holds no second address, no end of a line of another format, and no word against the
/// entry.
fn is_harmless(text: &str) -> bool {
    let hexadecimal = |run: &str| run.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let colons = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != ':')
        .any(|run| run.contains("::") || run.len() > 1 && run.contains(':') && hexadecimal(run));
    let sign = |c: char| c.is_ascii_control() && c != '\t' || c == '{' || c == '}';
    dotted(text) < 3
        && !colons
        && !text.contains(sign)
        && !text.ends_with([';', ','])
        && !words::denies(text)
}

/// Host, TAB, count; refused if the numbers may be lengths or sizes of networks.
pub(super) fn counts(lines: &[Line]) -> Option<Found> {
    let mut all = Vec::new();
    let mut found = by_line("host and count", lines, true, |text| {
        let Some((address, rest)) = text.split_once('\t') else { return Meaning::Rejected };
        let count = without_comment(rest).find(|count| is_number(count, 9));
        match (host(address), count) {
            (Some(host), Some(count)) if is_tail(&rest[count.len()..]) => {
                all.push((host, count.parse::<u64>().unwrap_or(u64::MAX)));
                Meaning::Says(vec![What::Entry((host.to_canonical(), host.to_canonical()))])
            }
            _ => Meaning::Rejected,
        }
    });
    if all.iter().any(|(host, _)| host.to_canonical().is_ipv6()) {
        found.refused = Some("IPv6 addresses and numbers");
    }
    let is_network = |(host, count): &(std::net::IpAddr, u64)| {
        let number = super::number(host.to_canonical());
        // A network of this length or size begins at the host.
        let size = if *count <= 32 { 1 << (32 - *count) } else { u128::from(*count) };
        (*count <= 32 || count.is_power_of_two()) && number % size == 0
    };
    if all.iter().any(|(_, count)| *count == 0) {
        found.refused = Some("a value and no count");
    }
    if all.iter().all(is_network) {
        found.refused = Some("numbers that may be lengths or sizes");
    }
    (!all.is_empty()).then_some(found)
}

/// Network and netmask in two columns, if every second column is a netmask.
pub(super) fn netmasks(lines: &[Line]) -> Option<Found> {
    let mut other = false;
    let found = by_line("network and netmask", lines, true, |text| {
        let words: Vec<&str> = text.split(BLANKS).filter(|word| !word.is_empty()).collect();
        let [address, mask, rest @ ..] = &words[..] else { return Meaning::Rejected };
        let is_mask = mask.contains('.') && host(mask).is_some();
        let pair = host(address).filter(|_| is_mask).and_then(|address| network(address, mask));
        other |= host(address).is_some() && host(mask).is_some() && pair.is_none();
        match (pair, rest.first().is_none_or(|word| is_comment(word))) {
            (Some(pair), true) => Meaning::Says(vec![What::Entry(pair)]),
            _ => Meaning::Rejected,
        }
    });
    (!other).then_some(found)
}

/// A plain list under headings: `[name]`, `Name:` or `NAME=(`.
pub(super) fn sections(lines: &[Line], now: i64) -> Option<Found> {
    let (mut names, mut name) = (vec![String::new()], String::new());
    let mut found = Found::new("sections");
    for line in lines {
        let Some(text) = line.text.as_ref().map(|text| text.trim_matches(BLANKS)) else {
            found.reject(line.number);
            continue;
        };
        if let Some(heading) = heading(text) {
            name = heading.to_string();
            names.push(name.clone());
        } else if text == ")" || is_comment(text) {
        } else {
            match self::line(text, now) {
                Meaning::Says(all) => {
                    all.into_iter().for_each(|what| found.add(line.number, &name, what));
                }
                Meaning::Ignored => {}
                Meaning::Rejected => found.reject(line.number),
            }
        }
    }
    (names.len() > 1).then_some(found)
}

fn heading(text: &str) -> Option<&str> {
    let name = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => text.strip_suffix(':').or_else(|| text.strip_suffix("=("))?,
    };
    let signs = |c: char| c.is_alphanumeric() || " _-".contains(c);
    let is_name = name.chars().all(signs) && name.starts_with(char::is_alphabetic);
    (is_name && entry(name).is_none()).then_some(name)
}
