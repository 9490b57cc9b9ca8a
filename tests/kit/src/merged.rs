//! What a list comes to, without the library: its entries merged, and written as the kernel's sets
//! are to hold them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::reader::{Pair, plain_line};

/// Networks and ranges that are disjoint and not adjacent, in order: `192.0.2.0/24`, or first and
/// last address of what is no network.
#[derive(Debug, PartialEq, Eq)]
pub struct Merged {
    pub v4: Vec<String>,
    pub v6: Vec<String>,
}

/// What the lines of a text hold together, each of which must be an entry or a comment. That an
/// entry may have an end makes no difference.
#[track_caller]
pub fn merged(text: &str) -> Merged {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for line in text.lines() {
        for pair in plain_line(line).unwrap_or_else(|| panic!("no entry: {line}")) {
            match pair {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    v4.push((u32::from(first).into(), u32::from(last).into()));
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => v6.push((first.into(), last.into())),
                _ => unreachable!("both ends of an entry are of one family"),
            }
        }
    }
    let of_v4 = |(first, last): (u128, u128)| -> Pair {
        (Ipv4Addr::from(first as u32).into(), Ipv4Addr::from(last as u32).into())
    };
    let of_v6 = |(first, last): (u128, u128)| -> Pair {
        (Ipv6Addr::from(first).into(), Ipv6Addr::from(last).into())
    };
    let write = |ranges, of: &dyn Fn((u128, u128)) -> Pair, bits| {
        joined(ranges).into_iter().map(|range| written(range, of(range), bits)).collect()
    };
    Merged { v4: write(v4, &of_v4, 32), v6: write(v6, &of_v6, 128) }
}

fn joined(mut ranges: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    ranges.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (first, last) in ranges {
        match joined.last_mut() {
            // Behind the very last address there is nothing that could be adjacent.
            Some((_, end)) if end.checked_add(1).is_none_or(|next| first <= next) => {
                *end = last.max(*end);
            }
            _ => joined.push((first, last)),
        }
    }
    joined
}

fn written((first, last): (u128, u128), ends: Pair, bits: u32) -> String {
    // The bits that differ, which are zeros in the first address of a network and ones in its last.
    let rest = first ^ last;
    let is_network = rest & rest.wrapping_add(1) == 0 && first & rest == 0;
    match is_network {
        true => format!("{}/{}", ends.0, bits - rest.count_ones()),
        false => format!("{}-{}", ends.0, ends.1),
    }
}
