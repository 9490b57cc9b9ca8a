//! What nft lists of the managed tables: sets of any kind, chains, and what both come to. Without the
//! library, and by the text, which says how many bits of an address a key has. In JSON nft 1.0.6 leaves that
//! out, and writes another number in place of a key of eight bytes whose first bit is set.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::merged;

/// A table, as nft lists it.
#[derive(Debug)]
pub struct ListedTable {
    /// Its family and name.
    pub name: String,
    pub sets: Vec<ListedSet>,
    pub chains: Vec<ListedChain>,
}

/// A set of a table.
#[derive(Debug)]
pub struct ListedSet {
    pub name: String,
    /// How many bits of the addresses of `bits` a key has.
    key_bits: u32,
    bits: u32,
    /// Its elements, as nft takes them again.
    pub elements: Vec<String>,
}

/// A chain of a table.
#[derive(Debug)]
pub struct ListedChain {
    pub name: String,
    /// Whether packets come to it by themselves.
    pub has_hook: bool,
    pub rules: Vec<String>,
}

/// What a set of a managed table holds, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Ranges: `drop4_g7`.
    Ranges,
    /// Networks of a length: `drop4_24_g7`.
    Networks(u32),
    /// The first bits of what other sets hold: `drop4_first16_g7`.
    First(u32),
}

/// The tables in `nft list ruleset`.
pub fn tables(ruleset: &str) -> Vec<ListedTable> {
    let mut tables: Vec<ListedTable> = Vec::new();
    // The kind of the block that a line is in, and whether it is among elements.
    let (mut block, mut is_in_elements) = (String::new(), false);
    for line in ruleset.lines().map(str::trim) {
        if let Some(head) = line.strip_suffix(" {").filter(|_| !is_in_elements) {
            let (kind, name) = head.split_once(' ').unwrap_or((head, ""));
            let name = name.to_string();
            match (kind, tables.last_mut()) {
                ("table", _) => tables.push(ListedTable { name, sets: vec![], chains: vec![] }),
                ("set", Some(table)) => {
                    let bits = if table.name.starts_with("ip ") { 32 } else { 128 };
                    table.sets.push(ListedSet { name, key_bits: bits, bits, elements: vec![] });
                }
                ("chain", Some(table)) => {
                    table.chains.push(ListedChain { name, has_hook: false, rules: vec![] });
                }
                _ => {}
            }
            block = kind.to_string();
            continue;
        }
        if line == "}" {
            block.clear();
            continue;
        }
        let Some(table) = tables.last_mut() else { continue };
        match &block[..] {
            "set" => {
                let set = table.sets.last_mut().unwrap();
                if line == "type ipv4_addr" {
                    (set.bits, set.key_bits) = (32, 32);
                }
                if let Some(field) = line.strip_prefix("typeof @nh,") {
                    set.key_bits = field.split_once(',').unwrap().1.parse().unwrap();
                }
                let begin = line.strip_prefix("elements = {");
                is_in_elements |= begin.is_some();
                if is_in_elements {
                    let words = begin.unwrap_or(line).trim_end_matches('}').split(',');
                    let words = words.map(str::trim).filter(|word| !word.is_empty());
                    set.elements.extend(words.map(str::to_string));
                    is_in_elements = !line.ends_with('}');
                }
            }
            "chain" => {
                let chain = table.chains.last_mut().unwrap();
                match line.starts_with("type ") {
                    true => chain.has_hook = true,
                    false if !line.is_empty() => chain.rules.push(line.to_string()),
                    false => {}
                }
            }
            _ => {}
        }
    }
    tables
}

impl ListedTable {
    /// The sets that hold a list for `base`, each with what it holds.
    pub fn of_base(&self, base: &str) -> Vec<(Content, &ListedSet)> {
        let of_base = |set: &'_ ListedSet| content(split_name(&set.name)?.0, base);
        self.sets.iter().filter_map(|set| Some((of_base(set)?, set))).collect()
    }

    /// The names of the sets in which packets that come to a chain are looked up, in their order, there and
    /// in the chains behind it.
    pub fn looked_up(&self, chain: &str) -> Vec<String> {
        let (mut chains, mut sets) = (vec![chain.to_string()], Vec::new());
        let mut at = 0;
        while let Some(name) = chains.get(at).cloned() {
            let of_name = self.chains.iter().filter(|chain| chain.name == name);
            for rule in of_name.flat_map(|chain| &chain.rules) {
                let words: Vec<&str> = rule.split(' ').collect();
                // Beside sets, a `@` stands before a part of a header.
                let names = words.iter().filter_map(|word| word.strip_prefix('@'));
                sets.extend(names.filter(|name| !name.contains(',')).map(str::to_string));
                let next = words.windows(2).filter(|pair| ["goto", "jump"].contains(&pair[0]));
                for target in next.map(|pair| pair[1].to_string()) {
                    if !chains.contains(&target) {
                        chains.push(target);
                    }
                }
            }
            at += 1;
        }
        sets
    }
}

/// What these sets of one family hold together, in the form of [`merged`]: networks and ranges, as far as
/// each prefilter has their first bits.
pub fn in_force(sets: &[(Content, &ListedSet)]) -> Vec<String> {
    let Some(bits) = sets.first().map(|(_, set)| set.bits) else { return Vec::new() };
    let of_kind = |prefilter: bool| {
        let sets = sets.iter().filter(move |(it, _)| matches!(it, Content::First(_)) == prefilter);
        sets.map(|(content, set)| set.ranges(*content))
    };
    let mut ranges: Vec<(u128, u128)> = of_kind(false).flatten().collect();
    ranges.sort_unstable();
    for mut prefixes in of_kind(true) {
        prefixes.sort_unstable();
        ranges = common(&ranges, &prefixes);
    }
    let address = |number: u128| -> IpAddr {
        match bits {
            32 => Ipv4Addr::from(u32::try_from(number).unwrap()).into(),
            _ => Ipv6Addr::from(number).into(),
        }
    };
    let line = |(first, last)| format!("{}-{}\n", address(first), address(last));
    let merged = merged(&ranges.into_iter().map(line).collect::<String>());
    if bits == 32 { merged.v4 } else { merged.v6 }
}

/// The parts of ranges that are in others, of which no two overlap; both ascending.
fn common(ranges: &[(u128, u128)], others: &[(u128, u128)]) -> Vec<(u128, u128)> {
    let mut common = Vec::new();
    for &(first, last) in ranges {
        let from = others.partition_point(|other| other.1 < first);
        let meeting = others[from..].iter().take_while(|other| other.0 <= last);
        common.extend(meeting.map(|other| (first.max(other.0), last.min(other.1))));
    }
    common
}

impl ListedSet {
    /// The addresses that each element stands for.
    #[track_caller]
    pub fn ranges(&self, content: Content) -> Vec<(u128, u128)> {
        let range = |element: &String| match content {
            Content::Ranges => match element.split_once('-') {
                Some((first, last)) => (number(first), number(last)),
                None => {
                    let (host, length) = element.split_once('/').unwrap_or((element, ""));
                    self.network(number(host), length.parse().unwrap_or(self.bits))
                }
            },
            Content::Networks(length) | Content::First(length) => {
                let key = number(element) << (self.bits - self.key_bits);
                self.network(key, length)
            }
        };
        self.elements.iter().map(range).collect()
    }

    /// Whether it is about addresses of IPv4.
    pub fn is_v4(&self) -> bool {
        self.bits == 32
    }

    #[track_caller]
    fn network(&self, first: u128, length: u32) -> (u128, u128) {
        let rest = u128::MAX.checked_shr(128 - (self.bits - length)).unwrap_or(0);
        assert_eq!(first & rest, 0, "{first:x} is no network of /{length} in {}", self.name);
        (first, first | rest)
    }
}

/// An address as a number, or a number.
fn number(text: &str) -> u128 {
    match text.parse() {
        Ok(IpAddr::V4(address)) => u32::from(address).into(),
        Ok(IpAddr::V6(address)) => address.into(),
        Err(_) => match text.strip_prefix("0x") {
            Some(digits) => u128::from_str_radix(digits, 16).unwrap(),
            None => text.parse().unwrap_or_else(|_| panic!("no number: {text}")),
        },
    }
}

/// The name of a set without its generation, and the generation.
pub fn split_name(name: &str) -> Option<(&str, u64)> {
    let (rest, generation) = name.rsplit_once("_g")?;
    Some((rest, generation.parse().ok()?))
}

/// What a set holds for the lists of `base`, by its name without the generation.
pub fn content(name: &str, base: &str) -> Option<Content> {
    let rest = name.strip_prefix(base)?;
    if rest.is_empty() {
        return Some(Content::Ranges);
    }
    let rest = rest.strip_prefix('_')?;
    match rest.strip_prefix("first") {
        Some(bits) => Some(Content::First(bits.parse().ok()?)),
        None => Some(Content::Networks(rest.parse().ok()?)),
    }
}

/// The name of a set without what tells it apart from others of the same row: `drop4_g7` for
/// `drop4_24_g7`.
pub fn without_content(name: &str) -> String {
    let (rest, generation) = split_name(name).unwrap_or_else(|| panic!("no generation: {name}"));
    let is_content = |word: &str| content(&format!("_{word}"), "").is_some();
    let base = rest.rsplit_once('_').filter(|(_, word)| is_content(word));
    format!("{}_g{generation}", base.map_or(rest, |(base, _)| base))
}
