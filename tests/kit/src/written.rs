//! What is written in a text: every address, network and range that a part of it could mean, found by
//! trying every part. What a reader takes for an entry must be one of them.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::reader::{Pair, entry};

/// What is written in a text.
#[derive(Debug, Default)]
pub struct Written {
    hosts: BTreeSet<IpAddr>,
    pairs: BTreeSet<Pair>,
    short: BTreeSet<Pair>,
    lengths: BTreeSet<u8>,
}

impl Written {
    /// What is written in these bytes.
    pub fn of(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).into_owned();
        let mut written = Written::default();
        for (at, _) in text.char_indices() {
            let (before, rest) = text.split_at(at);
            if !before.ends_with(is_v4) {
                written.add_v4(rest);
            }
            if is_a_start_of_v6(before) {
                written.add_v6(rest);
            }
        }
        written
    }

    /// Whether an entry or its two ends are written, perhaps with a netmask in another column.
    pub fn names(&self, pair: Pair) -> bool {
        self.pairs.contains(&pair) || self.has_both_ends(pair) || self.has_netmask(pair)
    }

    /// Whether an entry is written with its last octets or groups left out.
    pub fn names_shortly(&self, pair: Pair) -> bool {
        self.short.contains(&pair)
    }

    /// Whether an address of the entry and its prefix length are written, each somewhere.
    pub fn has_length(&self, (first, last): Pair) -> bool {
        let (begin, end, bits) = numbers((first, last));
        let has = |length: &u8| {
            let rest = u128::MAX.checked_shr(128 - (bits - u32::from(*length))).unwrap_or(0);
            begin & rest == 0 && end == begin | rest
        };
        let within = self.hosts.range(first..=last).next().is_some();
        within && self.lengths.iter().filter(|length| u32::from(**length) <= bits).any(has)
    }

    fn has_both_ends(&self, (first, last): Pair) -> bool {
        self.hosts.contains(&first) && self.hosts.contains(&last)
    }

    fn has_netmask(&self, (first, last): Pair) -> bool {
        let (IpAddr::V4(begin), IpAddr::V4(end)) = (first, last) else { return false };
        let mask = !(u32::from(begin) ^ u32::from(end));
        let is_network = mask.leading_ones() == mask.count_ones() && u32::from(begin) & !mask == 0;
        is_network
            && self.hosts.contains(&Ipv4Addr::from(mask).into())
            && self.hosts.range(first..=last).next().is_some()
    }

    /// Adds what a text could mean as IPv4 by its first signs.
    fn add_v4(&mut self, text: &str) {
        self.lengths.extend(word(text, |c| c.is_ascii_digit()).parse::<u8>().ok());
        self.add_address(text, word(text, is_v4).trim_end_matches('.'));
        self.add_short4(text);
    }

    /// The same as IPv6.
    fn add_v6(&mut self, text: &str) {
        let word = word(text, is_v6).trim_end_matches('.');
        self.add_address(text, word);
        // A colon behind an address that is followed by something else.
        self.add_address(text, word.strip_suffix(':').unwrap_or(word));
        self.add_short6(text);
    }

    /// Adds an address at the beginning of a text, and the network that it may be of.
    fn add_address(&mut self, text: &str, host: &str) {
        let Some((_, (first, _))) = entry(host) else { return };
        self.hosts.insert(first);
        self.pairs.insert((first, first));
        let rest = text[host.len()..].trim_start_matches(']');
        if let Some(length) = rest.strip_prefix('/') {
            self.pairs.extend(network(host, length));
        }
        // Networks from one to another, of which squid has the mask behind the last one.
        if let Some(last) = rest.strip_prefix('-').map(|rest| word(rest, is_v6))
            && let Some(length) = rest[1 + last.len()..].strip_prefix('/')
            && let (Some((first, _)), Some((_, last))) =
                (network(host, length), network(last, length))
        {
            self.pairs.insert((first, last));
        }
    }

    /// `192.0.2`, `192.0.2.`, `192.0.2.*`, `192.0/16`, `192.0/255.255.0.0`, `192.0.2.1-9`, `192.0-192.1`.
    fn add_short4(&mut self, text: &str) {
        let Some((octets, rest)) = octets(text) else { return };
        let first = filled(&octets, 0);
        let (last, is_whole) =
            if let Some((last, _)) = rest.strip_prefix('-').and_then(self::octets) {
                match last[..] {
                    [last] => {
                        let mut all = octets.clone();
                        *all.last_mut().expect("an octet") = last;
                        (filled(&all, 255), octets.len() == 4)
                    }
                    _ => (filled(&last, 255), false),
                }
            } else if let Some(length) = rest.strip_prefix('/') {
                self.short.extend(network(&first.to_string(), length));
                return;
            } else {
                (filled(&octets, 255), rest.starts_with(".*"))
            };
        let pairs = if is_whole { &mut self.pairs } else { &mut self.short };
        pairs.insert((first.into(), last.into()));
    }

    /// `2001:db8`, `2001:db8:`, `2001:db8/32`.
    fn add_short6(&mut self, text: &str) {
        let groups = word(text, is_v6).trim_matches(['.', ':']);
        let rest = text[groups.len()..].trim_start_matches([':', ']']);
        let count = groups.split(':').count() as u8;
        let Ok(first) = format!("{groups}::").parse::<Ipv6Addr>() else { return };
        let length = rest.strip_prefix('/').map(|length| word(length, is_v4).to_string());
        let length = length.unwrap_or((16 * count).to_string());
        self.short.extend(entry(&format!("{first}/{length}")).map(|(_, pair)| pair));
    }
}

/// The network of an address whose length or netmask stands at the beginning of a text.
fn network(host: &str, length: &str) -> Option<Pair> {
    entry(&format!("{host}/{}", word(length, is_v4))).map(|(_, pair)| pair)
}

/// Whether an address of IPv6 may begin behind this text: no part of it belongs to the address. A name
/// with a colon, such as `src:`, may stand there.
fn is_a_start_of_v6(before: &str) -> bool {
    let mut last = before.chars().rev();
    match (last.next(), last.next()) {
        (Some(':'), Some(c)) => !c.is_ascii_hexdigit() && c != ':',
        (Some(c), _) => !c.is_ascii_digit() && c != '.' && c != ':',
        (None, _) => true,
    }
}

fn is_v4(c: char) -> bool {
    c.is_ascii_digit() || c == '.'
}

fn is_v6(c: char) -> bool {
    c.is_ascii_hexdigit() || c == '.' || c == ':'
}

/// The signs at the beginning of a text that are of a kind.
fn word(text: &str, is_sign: fn(char) -> bool) -> &str {
    &text[..text.find(|c| !is_sign(c)).unwrap_or(text.len())]
}

/// One to four octets at the beginning of a text, and what stands behind them.
fn octets(text: &str) -> Option<(Vec<u8>, &str)> {
    let word = word(text, is_v4).trim_end_matches('.');
    let octets: Result<Vec<u8>, _> = word.split('.').map(str::parse).collect();
    octets.ok().filter(|octets| octets.len() <= 4).map(|octets| (octets, &text[word.len()..]))
}

/// An address of some octets, of which the others are alike.
fn filled(octets: &[u8], others: u8) -> Ipv4Addr {
    let mut all = [others; 4];
    all[..octets.len()].copy_from_slice(octets);
    all.into()
}

/// First and last address as numbers, and how many bits they have.
fn numbers((first, last): Pair) -> (u128, u128, u32) {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (u32::from(first).into(), u32::from(last).into(), 32)
        }
        (first, last) => {
            let number = |address: IpAddr| match address {
                IpAddr::V4(address) => u32::from(address).into(),
                IpAddr::V6(address) => u128::from(address),
            };
            (number(first), number(last), 128)
        }
    }
}
