//! One address, network or range, and the time at which an entry expires, with the standard library's
//! parsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// First and last address. An IPv4-mapped host is the IPv4 one.
pub type Pair = (IpAddr, IpAddr);

/// How an entry is written.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Host,
    Network,
    Range,
}

pub(super) fn host(text: &str) -> Option<IpAddr> {
    let octets: Vec<&str> = text.split('.').collect();
    let digits = |octet: &&str| octet.len() == 3 && octet.bytes().all(|b| b.is_ascii_digit());
    if octets.len() == 4 && octets.iter().all(digits) {
        let octets: Vec<u8> = octets.iter().filter_map(|octet| octet.parse().ok()).collect();
        return <[u8; 4]>::try_from(octets).ok().map(|octets| Ipv4Addr::from(octets).into());
    }
    if is_hardware_address(text) { None } else { text.parse().ok() }
}

/// Eight groups of two hexadecimal digits are a hardware address, though they could be one of IPv6.
fn is_hardware_address(text: &str) -> bool {
    let groups: Vec<&str> = text.split(':').collect();
    groups.len() == 8
        && groups.iter().all(|group| group.len() == 2)
        && text.chars().all(|c| c.is_ascii_hexdigit() || c == ':')
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

pub(super) fn network(address: IpAddr, length: &str) -> Option<Pair> {
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

pub(super) fn is_comment(text: &str) -> bool {
    text.is_empty() || text.starts_with(['#', ';']) || text.starts_with("//")
}

/// What stands before a comment: all ways of cutting one off.
pub(super) fn without_comment(text: &str) -> impl Iterator<Item = &str> {
    let cuts = text
        .char_indices()
        .filter(|&(at, _)| text[..at].ends_with([' ', '\t']) && is_comment(&text[at..]));
    cuts.map(|(at, _)| at).chain([text.len()]).map(|at| text[..at].trim_end_matches([' ', '\t']))
}

/// An entry, perhaps with its end in seconds since 1970.
pub(super) fn ended(text: &str) -> Option<(Pair, Option<i64>)> {
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

pub(super) fn is_number(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

/// The most numbers that stand in a row with single dots between them.
pub(super) fn dotted(text: &str) -> usize {
    let runs = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let longest = |run: &str| {
        let parts: Vec<&str> = run.split('.').collect();
        parts.split(|part| part.is_empty()).map(<[_]>::len).max()
    };
    runs.filter_map(longest).max().unwrap_or(0)
}

pub(super) fn is_name(text: &str) -> bool {
    dotted(text) < 4 && !text.contains(|c: char| c.is_ascii_control() && c != '\t')
}
