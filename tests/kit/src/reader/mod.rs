//! A second reader of lists: it takes the bytes of a file, decides the one format that it is in, and
//! says which ranges it holds, as drop_ips(5) describes the formats. It is written to be obviously
//! right, without a thought for speed. The tests and the fuzz targets hold netfilterd's own reader
//! against it, so it knows nothing of that one.

mod address;
mod csv;
mod feeds;
mod firewall;
mod ipset;
mod json;
mod nft;
mod plain;
mod server;
mod words;
mod xml;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

pub use address::{Kind, Pair, ended_entry, entry, seconds};
pub use plain::plain_line;

/// What is asked of the reader, as by the options of netfilterd.
#[derive(Clone, Debug)]
pub struct Asked {
    pub from_set: Vec<String>,
    pub widest: [u32; 2],
    pub mask: [Option<u32>; 2],
    /// Seconds since 1970.
    pub now: i64,
}

impl Default for Asked {
    fn default() -> Self {
        Asked { from_set: vec![], widest: [0, 0], mask: [None, None], now: 1_795_000_000 }
    }
}

/// First and last address, as numbers.
pub type Span = (u128, u128);

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub format: &'static str,
    /// In order, neither overlapping nor touching: IPv4 and IPv6.
    pub spans: [Vec<Span>; 2],
    pub rejected: Vec<usize>,
    /// Those that are subtracted, and those that are too wide for that.
    pub exceptions: Vec<Pair>,
    pub too_wide: Vec<Pair>,
}

/// What a line says of a set. A list without names is the set with the empty name.
#[derive(Clone, Debug, PartialEq)]
enum What {
    Entry(Pair),
    Exception(Pair),
    Remove(Pair),
    Empty,
    Swap(String),
}

#[derive(Clone, Debug)]
struct Item {
    line: usize,
    set: String,
    what: What,
}

/// What a file is if it is read in one format.
#[derive(Clone, Debug, Default)]
struct Found {
    format: &'static str,
    items: Vec<Item>,
    rejected: BTreeSet<usize>,
    /// Names of sets that a rule of the file lets through.
    accepted: BTreeSet<String>,
    /// The names of sets say nothing: all are read.
    whole: bool,
    /// Why the file is refused if this is its format.
    refused: Option<&'static str>,
}

impl Found {
    fn new(format: &'static str) -> Self {
        Found { format, ..Found::default() }
    }

    fn add(&mut self, line: usize, set: &str, what: What) {
        self.items.push(Item { line, set: set.to_string(), what });
    }

    fn reject(&mut self, line: usize) {
        self.rejected.insert(line);
    }
}

/// A line of the file by its number; no text if it is too long or no text at all.
struct Line {
    number: usize,
    text: Option<String>,
}

/// What one line is in a format that reads line by line.
enum Meaning {
    Says(Vec<What>),
    Ignored,
    Rejected,
}

/// Reads line by line: blank lines and, if `comments` says so, comments are ignored.
fn by_line(
    format: &'static str,
    lines: &[Line],
    comments: bool,
    mut meaning: impl FnMut(&str) -> Meaning,
) -> Found {
    let mut found = Found::new(format);
    for line in lines {
        let Some(text) = &line.text else {
            found.reject(line.number);
            continue;
        };
        let text = text.trim_matches([' ', '\t']);
        if text.is_empty() || comments && address::is_comment(text) {
            continue;
        }
        match meaning(text) {
            Meaning::Says(all) => all.into_iter().for_each(|what| found.add(line.number, "", what)),
            Meaning::Ignored => {}
            Meaning::Rejected => found.reject(line.number),
        }
    }
    found
}

/// Reads a file. `Err` says why it is refused.
pub fn read(bytes: &[u8], asked: &Asked) -> Result<Read, String> {
    let mut readings = readings(bytes, asked);
    readings.swap_remove(0)
}

/// The ways in which a file may be read, the best first: in the format that rejects the fewest lines,
/// in each other that rejects no more, and as a plain list if half of its lines are plain.
pub fn readings(bytes: &[u8], asked: &Asked) -> Vec<Result<Read, String>> {
    if let Some(binary) = binary(bytes) {
        return vec![Err(format!("{binary}, not a list"))];
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let start = text.trim_start();
    let is_apache = start.get(..8).is_some_and(|tag| tag.eq_ignore_ascii_case("<require"));
    if start.starts_with('<') && !is_apache {
        return vec![xml::read(start).and_then(|found| taken(found, asked))];
    }
    if let Some(document) = json::document(start, asked.now) {
        return vec![document.and_then(|found| taken(found, asked))];
    }
    let lines = lines(bytes);
    if lines.iter().filter_map(|line| line.text.as_deref()).any(is_route) {
        return vec![Err("a table of routes".into())];
    }
    let mut candidates = candidates(&lines, asked.now);
    // A sort that keeps the order of those that are alike.
    candidates.sort_by_key(|found| found.rejected.len());
    let fewest = candidates.first().map_or(0, |found| found.rejected.len());
    let is_blank_line = |line: &&Line| line.text.as_deref().is_some_and(is_blank);
    let content = lines.len() - lines.iter().filter(is_blank_line).count();
    let readings: Vec<Result<Read, String>> = candidates
        .into_iter()
        .filter(|found| {
            let is_half = found.format == plain::PLAIN && found.rejected.len() * 2 <= content;
            found.rejected.len() == fewest || is_half
        })
        .map(|found| match found.refused {
            Some(why) => Err(why.into()),
            None if found.items.is_empty() && content > 0 => Err("no entry".into()),
            None => taken(found, asked),
        })
        .collect();
    if readings.is_empty() { vec![Err("no format".into())] } else { readings }
}

/// What the file is in each format of lines.
fn candidates(lines: &[Line], now: i64) -> Vec<Found> {
    let all = [
        plain::counts(lines),
        Some(plain::list(lines, now)),
        plain::netmasks(lines),
        json::lines(lines, now),
        csv::read(lines),
        feeds::dshield(lines),
        feeds::peerguardian(lines),
        feeds::emule(lines),
        feeds::sshguard(lines),
        feeds::tor(lines),
        feeds::alienvault(lines),
        feeds::dataplane(lines),
        feeds::geofeed(lines),
        feeds::zeek(lines),
        feeds::surge(lines),
        feeds::fail2ban(lines),
        firewall::iptables(lines),
        firewall::mikrotik(lines),
        firewall::pf(lines),
        ipset::commands(lines),
        ipset::listing(lines),
        nft::script(lines),
        server::nginx(lines),
        server::geo(lines),
        server::apache(lines),
        server::postfix(lines),
        server::hosts_deny(lines),
        server::rbldnsd(lines),
        plain::sections(lines, now),
    ];
    let has_some = |found: &Found| found.format == plain::PLAIN || !found.items.is_empty();
    all.into_iter().flatten().filter(has_some).collect()
}

/// A line of a table of routes, in which an address that stands alone is where a route leads.
fn is_route(text: &str) -> bool {
    text.starts_with("*>") || text.starts_with("BGP table")
}

fn is_blank(text: &str) -> bool {
    address::is_comment(text.trim_matches([' ', '\t']))
}

fn binary(bytes: &[u8]) -> Option<&'static str> {
    let signs: [(&[u8], &str); 5] = [
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
        (b"\x1f\x8b", "compressed"),
        (b"%PDF", "PDF"),
        (b"\xff\xff\xff\xffP2B", "P2B"),
    ];
    signs.iter().find(|(sign, _)| bytes.starts_with(sign)).map(|(_, name)| *name)
}

fn lines(bytes: &[u8]) -> Vec<Line> {
    let mut all: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    if all.last().is_some_and(|line| line.is_empty()) {
        all.pop();
    }
    let text = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_text = line.len() <= 4096 && !line.contains(&0);
        is_text.then(|| String::from_utf8_lossy(line).into_owned())
    };
    (1..).zip(all).map(|(number, line)| Line { number, text: text(line) }).collect()
}

/// The sets of a file, of which one is taken, or those that are asked for.
fn taken(found: Found, asked: &Asked) -> Result<Read, String> {
    let mut sets: BTreeMap<String, (Vec<Pair>, Vec<Pair>)> = BTreeMap::new();
    for item in &found.items {
        if found.rejected.contains(&item.line) {
            continue;
        }
        match &item.what {
            What::Entry(pair) => sets.entry(item.set.clone()).or_default().0.push(*pair),
            What::Exception(pair) => sets.entry(item.set.clone()).or_default().1.push(*pair),
            What::Remove(pair) => {
                let set = sets.entry(item.set.clone()).or_default();
                set.0 = set.0.iter().flat_map(|entry| without(*entry, *pair)).collect();
            }
            What::Empty if item.set.is_empty() => sets.values_mut().for_each(|set| set.0.clear()),
            What::Empty => sets.entry(item.set.clone()).or_default().0.clear(),
            What::Swap(other) => {
                let one = sets.remove(&item.set).unwrap_or_default();
                let two = sets.remove(other).unwrap_or_default();
                sets.extend([(item.set.clone(), two), (other.clone(), one)]);
            }
        }
    }
    if !found.whole {
        sets = chosen(sets, &found.accepted, &asked.from_set)?;
    }
    let entries: Vec<Pair> = sets.values().flat_map(|set| set.0.clone()).collect();
    let is_emptied = found.rejected.is_empty()
        && found.items.iter().all(|item| matches!(item.what, What::Entry(_) | What::Empty))
        && found.items.iter().any(|item| item.what == What::Empty);
    let is_blank = found.items.is_empty() && found.rejected.is_empty();
    if entries.is_empty() && !is_emptied && !is_blank {
        return Err("no entry".into());
    }
    let wide = |pair: &Pair| size(*pair) > 1 << 127 || is_wider(*pair, asked.widest);
    let exceptions: Vec<Pair> = sets.values().flat_map(|set| set.1.clone()).collect();
    let (too_wide, exceptions): (Vec<Pair>, Vec<Pair>) = exceptions.into_iter().partition(wide);
    let spans = [true, false].map(|is_v4| {
        let of_family = |pair: &&Pair| pair.0.is_ipv4() == is_v4;
        let mask = asked.mask[usize::from(!is_v4)];
        let spans = (entries.iter().filter(of_family))
            .filter(|pair| !is_wider(**pair, asked.widest))
            .map(|pair| widened(*pair, mask))
            .collect();
        let mut spans = joined(spans);
        for exception in exceptions.iter().filter(of_family) {
            let (first, last) = span(*exception);
            spans = spans
                .into_iter()
                .flat_map(|(begin, end)| {
                    let before = (begin < first).then(|| (begin, end.min(first.wrapping_sub(1))));
                    let behind = (end > last).then(|| (begin.max(last.wrapping_add(1)), end));
                    before.into_iter().chain(behind)
                })
                .collect();
        }
        spans
    });
    let rejected = found.rejected.into_iter().collect();
    Ok(Read { format: found.format, spans, rejected, exceptions, too_wide })
}

type Sets = BTreeMap<String, (Vec<Pair>, Vec<Pair>)>;

fn chosen(sets: Sets, accepted: &BTreeSet<String>, asked: &[String]) -> Result<Sets, String> {
    if !asked.is_empty() {
        if let Some(absent) = asked.iter().find(|name| !sets.contains_key(*name)) {
            return Err(format!("no set {absent}"));
        }
        return Ok(sets.into_iter().filter(|(name, _)| asked.contains(name)).collect());
    }
    let filled: Sets =
        sets.into_iter().filter(|(_, set)| !set.0.is_empty() || !set.1.is_empty()).collect();
    if filled.len() > 1 && !is_pair(&filled) {
        return Err("several names".into());
    }
    let is_bad = |name: &&String| words::names_good(name) || accepted.contains(*name);
    match filled.keys().find(is_bad) {
        Some(name) if words::names_good(name) => Err(format!("{name} is not bad by its name")),
        Some(name) if accepted.contains(name) => Err(format!("a rule accepts {name}")),
        _ => Ok(filled),
    }
}

/// Whether two sets are one list, with a set for each family, and names that differ in a 4 and a 6.
fn is_pair(sets: &Sets) -> bool {
    let sets: Vec<_> = sets.iter().collect();
    let [(four, (entries4, _)), (six, (entries6, _))] = sets[..] else { return false };
    let places = four.match_indices('4').map(|(at, _)| at);
    let named = places.into_iter().any(|at| four[..at].to_string() + "6" + &four[at + 1..] == *six);
    named
        && entries4.iter().all(|pair| pair.0.is_ipv4())
        && entries6.iter().all(|pair| pair.0.is_ipv6())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn span(pair: Pair) -> Span {
    (number(pair.0), number(pair.1))
}

fn address(number: u128, is_v4: bool) -> IpAddr {
    match is_v4 {
        true => IpAddr::V4((number as u32).into()),
        false => IpAddr::V6(number.into()),
    }
}

/// One less than the number of addresses.
fn size(pair: Pair) -> u128 {
    span(pair).1 - span(pair).0
}

fn is_wider(pair: Pair, widest: [u32; 2]) -> bool {
    let (bits, length) = if pair.0.is_ipv4() { (32, widest[0]) } else { (128, widest[1]) };
    let most = u128::MAX.checked_shr(128 - (bits - length)).unwrap_or(0);
    size(pair) > most
}

/// What remains of a range without another.
fn without(pair: Pair, removed: Pair) -> Vec<Pair> {
    let is_v4 = pair.0.is_ipv4();
    if is_v4 != removed.0.is_ipv4() || removed.1 < pair.0 || removed.0 > pair.1 {
        return vec![pair];
    }
    let (first, last) = span(removed);
    let before = (pair.0 < removed.0).then(|| (pair.0, address(first.wrapping_sub(1), is_v4)));
    let behind = (pair.1 > removed.1).then(|| (address(last.wrapping_add(1), is_v4), pair.1));
    before.into_iter().chain(behind).collect()
}

/// Widened to the networks of a length that hold both ends. Loopback, mapped and link-local addresses
/// of IPv6 are not widened.
fn widened(pair: Pair, mask: Option<u32>) -> Span {
    let (first, last) = span(pair);
    let is_v4 = pair.0.is_ipv4();
    let Some(length) = mask else { return (first, last) };
    if !is_v4 && (first >> 120 == 0 || first >> 118 == 0xfe80 >> 6) {
        return (first, last);
    }
    let bits = if is_v4 { 32 } else { 128 };
    let rest = u128::MAX.checked_shr(128 - (bits - length)).unwrap_or(0);
    (first & !rest, last | rest)
}

fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for (first, last) in spans {
        match joined.last_mut() {
            Some((_, end)) if end.checked_add(1).is_none_or(|next| first <= next) => {
                *end = last.max(*end);
            }
            _ => joined.push((first, last)),
        }
    }
    joined
}
