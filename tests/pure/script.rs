//! A script with rules drops exactly the range set: its text is read and followed packet by packet, in a
//! naive way.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr};

use kit::flags::number as address_number;
use kit::random::Random;
use netfilterd::ip::{Address, Range, RangeSet, RangeSets};
use netfilterd::nftables::layout::{Hash, Row, Rows};
use netfilterd::nftables::name::TableName;
use netfilterd::output::script::{Script, TABLES};

/// Enough of a ruleset to follow a packet through the rules of a script.
#[derive(Default)]
struct Ruleset {
    sets: HashMap<String, HashSet<u128>>,
    chains: HashMap<String, Vec<String>>,
}

/// The script of some sets for a table.
fn script(sets: &RangeSets, tables: &[&str]) -> String {
    let tables: Vec<TableName> = tables.iter().map(|table| table.parse().unwrap()).collect();
    let (set4, set6) = ("drop4".parse().unwrap(), "drop6".parse().unwrap());
    let mut text = Vec::new();
    Script { sets, tables: &tables, set4: &set4, set6: &set6, interfaces: &[] }
        .write(&mut text)
        .unwrap();
    String::from_utf8(text).unwrap()
}

/// A number as nft writes it, or an address as a number.
fn number(text: &str) -> u128 {
    match text.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).unwrap(),
        None => address_number(text.parse().unwrap()),
    }
}

impl Ruleset {
    /// Reads the block of the only table.
    fn read(script: &str) -> Self {
        let mut ruleset = Ruleset::default();
        let mut inside = (String::new(), String::new());
        for line in script.lines().skip_while(|line| !line.starts_with("table ")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["set", name, "{"] => {
                    inside = ("set".into(), name.into());
                    assert!(ruleset.sets.insert(name.into(), HashSet::new()).is_none());
                }
                ["chain", name, "{"] => {
                    inside = ("chain".into(), name.into());
                    assert!(ruleset.chains.insert(name.into(), Vec::new()).is_none());
                }
                [] | ["}"] | ["table", ..] | ["type" | "typeof" | "size" | "elements", ..] => {}
                [element] if inside.0 == "set" => {
                    let element = number(element.trim_end_matches(','));
                    assert!(ruleset.sets.get_mut(&inside.1).unwrap().insert(element), "{line}");
                }
                _ => ruleset.chains.get_mut(&inside.1).unwrap().push(line.trim().into()),
            }
        }
        ruleset
    }

    /// Whether a packet is dropped that comes in from `from`, or goes out to `to`.
    fn drops(&self, chain: &str, header: &[u8]) -> bool {
        let is_v6 = header[0] >> 4 == 6;
        let mut chain = chain.to_string();
        'chain: loop {
            for rule in &self.chains[&chain] {
                let (family, rule) = match rule.strip_prefix("meta nfproto ipv") {
                    Some(rest) => (Some(&rest[..1]), &rest[2..]),
                    None => (None, rule.as_str()),
                };
                let is_of_family = family.is_none_or(|family| (family == "6") == is_v6);
                if rule.ends_with("drop") {
                    return true;
                }
                let Some((look_up, goto)) = rule.split_once(" goto ") else { continue };
                let (field, set) = look_up.rsplit_once(" @").unwrap();
                if is_of_family && field_of(field, header).is_some_and(|key| self.has(set, key)) {
                    chain = goto.into();
                    continue 'chain;
                }
            }
            return false;
        }
    }

    fn has(&self, set: &str, key: u128) -> bool {
        self.sets[set].contains(&key)
    }
}

/// What a rule reads of a header, masked; `None` if the header is of another family.
fn field_of(field: &str, header: &[u8]) -> Option<u128> {
    let (field, mask) =
        field.split_once(" & ").unwrap_or((field, "0xffffffffffffffffffffffffffffffff"));
    let is_v6 = header[0] >> 4 == 6;
    let (offset, bits) = match field {
        "ip saddr" | "ip daddr" if is_v6 => return None,
        "ip6 saddr" | "ip6 daddr" if !is_v6 => return None,
        "ip saddr" => (96, 32),
        "ip daddr" => (128, 32),
        "ip6 saddr" => (64, 128),
        "ip6 daddr" => (192, 128),
        _ => {
            let raw = field.strip_prefix("@nh,").unwrap_or_else(|| panic!("{field}"));
            let (offset, bits) = raw.split_once(',').unwrap();
            (offset.parse::<usize>().unwrap(), bits.parse::<usize>().unwrap())
        }
    };
    let bytes = &header[offset / 8..(offset + bits) / 8];
    Some(bytes.iter().fold(0, |key, &byte| key << 8 | u128::from(byte)) & number(mask))
}

/// The beginning of a packet. What stands behind the header of IPv4, where IPv6 has its addresses, and the
/// fields of IPv6 where IPv4 has its own, have values that could be listed.
fn header(source: IpAddr, destination: IpAddr, filler: u128) -> Vec<u8> {
    let mut header = filler.to_be_bytes().repeat(3);
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            put(0, &[0x45]);
            put(12, &source.octets());
            put(16, &destination.octets());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            put(0, &[0x60]);
            put(8, &source.octets());
            put(24, &destination.octets());
        }
        _ => panic!("of two families"),
    }
    header
}

/// A range set of networks of all lengths from `shortest`, of hosts and of odd ranges.
fn random_set<A: Address>(
    random: &mut Random,
    shortest: u8,
    address: impl Fn(u128) -> A,
) -> RangeSet<A> {
    let lengths = usize::from(A::BITS - shortest);
    let few = random.below(4);
    let chosen: Vec<u8> = (0..=few).map(|_| A::BITS - random.below(lengths) as u8).collect();
    let mut number = || u128::from(random.number()) << 64 | u128::from(random.number());
    let numbers: Vec<u128> = (0..60).map(|_| number()).collect();
    let ranges = numbers.iter().enumerate().map(|(index, &number)| {
        let first = address(number);
        match index % 7 {
            0 => Range::host(first),
            1 => Range::new(first, first.next().and_then(A::next).unwrap_or(first)).unwrap(),
            _ => Range::network(first, chosen[index % chosen.len()]),
        }
    });
    RangeSet::from_ranges(ranges.collect())
}

fn edges<A: Address>(set: &RangeSet<A>) -> Vec<A> {
    let of_range = |range: &Range<A>| {
        let (first, last) = (range.first(), range.last());
        [Some(first), Some(last), first.previous(), last.next()]
    };
    set.ranges().iter().flat_map(of_range).flatten().chain([A::MAX]).collect()
}

fn check(sets: &RangeSets, table: &str, seed: u64) {
    let text = script(sets, &[table]);
    let ruleset = Ruleset::read(&text);
    let v4 = edges(&sets.v4).into_iter().map(Address::to_ip);
    let v6 = edges(&sets.v6).into_iter().map(Address::to_ip);
    let (sees_v4, sees_v6) = (!table.starts_with("ip6"), !table.starts_with("ip "));
    let filler = sets.v6.ranges().first().map_or(0, |range| range.first());
    for address in v4.filter(|_| sees_v4).chain(v6.filter(|_| sees_v6)) {
        let friend: IpAddr = match address {
            IpAddr::V4(_) => "0.0.0.1".parse().unwrap(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let (listed, of_friend) = (sets.contains(address), sets.contains(friend));
        let inbound = header(address, friend, filler);
        let outbound = header(friend, address, filler);
        for (chain, packet, is_listed) in [
            ("inbound", &inbound, listed),
            ("outbound", &outbound, listed),
            ("inbound", &outbound, of_friend),
            ("outbound", &inbound, of_friend),
        ] {
            assert_eq!(
                ruleset.drops(chain, packet),
                is_listed,
                "seed {seed}, {table}, {chain}, {address}\n{text}"
            );
        }
    }
}

#[test]
fn a_script_drops_exactly_the_range_set_in_both_directions() {
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let shortest4 = [8, 12, 16, 24][random.below(4)];
        let shortest6 = [16, 24, 32, 44, 64, 100][random.below(6)];
        // The addresses are in a part of the space, so that networks of one length meet.
        let within = [0u128, 0x2001_0db8 << 96, u128::MAX << 108][random.below(3)];
        let sets = RangeSets {
            v4: random_set(&mut random, shortest4, |number| (number >> 64) as u32),
            v6: random_set(&mut random, shortest6, |number| within | number >> random_shift(seed)),
        };
        for table in ["inet t", "ip t", "ip6 t"] {
            check(&sets, table, seed);
        }
    }
}

fn random_shift(seed: u64) -> u32 {
    [0, 20, 40, 90][(seed % 4) as usize]
}

#[test]
fn the_ends_of_the_address_space_and_the_whole_of_it_are_dropped_as_listed() {
    for text in
        ["0.0.0.0/0\n::/0\n", "0.0.0.0\n255.255.255.255\n::2\n", "128.0.0.0/1\n8000::/1\n", ""]
    {
        let list = netfilterd::list::List::new("text", text.into());
        let sets = netfilterd::list::parse(&[list]).unwrap().sets;
        for table in ["inet t", "ip t", "ip6 t"] {
            check(&sets, table, 0);
        }
    }
}

#[test]
fn a_script_deletes_every_set_that_another_one_can_have_created() {
    let deleted: HashSet<String> = script(&RangeSets::default(), &TABLES)
        .lines()
        .filter_map(|line| line.rsplit_once("; delete set "))
        .map(|(_, deleted)| deleted.to_string())
        .collect();
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let sets = RangeSets {
            v4: random_set(&mut random, 1, |number| number as u32),
            v6: random_set(&mut random, 1, |number| number),
        };
        let text = script(&sets, &TABLES);
        let mut table = "";
        for line in text.lines() {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["table", ..] => table = line["table ".len()..].trim_end_matches(" {"),
                ["set", name, "{"] => {
                    assert!(deleted.contains(&format!("{table} {name}")), "{table} {name}");
                }
                _ => {}
            }
        }
    }
}

#[test]
fn a_table_is_written_as_a_person_would_write_it() {
    let text = "192.0.2.1\n198.51.100.0/31\n2001:db8::/47\n";
    let list = netfilterd::list::List::new("text", text.into());
    let sets = netfilterd::list::parse(&[list]).unwrap().sets;
    let hash = |length| Hash { length, size: 64 };
    let v4 = Row { prefilter: Some(hash(16)), hashes: vec![hash(32)], interval: false };
    let v6 = Row { prefilter: None, hashes: vec![hash(47)], interval: false };
    let tables = ["inet t".parse().unwrap()];
    let (set4, set6) = ("drop4".parse().unwrap(), "drop6".parse().unwrap());
    let interfaces = ["eth0".to_string(), "ppp*".to_string()];
    let script =
        Script { sets: &sets, tables: &tables, set4: &set4, set6: &set6, interfaces: &interfaces };
    let mut text = Vec::new();
    script.write_rows(&Rows { v4, v6 }, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (_, block) = text.split_once("\n\n").unwrap().1.split_once("\n\n").unwrap();
    assert_eq!(
        block,
        "table inet t {
\tset drop4_first16 {
\t\ttypeof @nh,96,16
\t\telements = {
\t\t\t0xc000,
\t\t\t0xc633,
\t\t}
\t}

\tset drop4_32 {
\t\ttype ipv4_addr
\t\tsize 64
\t\telements = {
\t\t\t192.0.2.1,
\t\t\t198.51.100.0,
\t\t\t198.51.100.1,
\t\t}
\t}

\tset drop6_47 {
\t\ttypeof @nh,64,48
\t\tsize 64
\t\telements = {
\t\t\t0x20010db80000,
\t\t}
\t}

\tchain inbound {
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tmeta nfproto ipv4 @nh,96,16 @drop4_first16 goto from_suspect4
\t\tmeta nfproto ipv6 @nh,64,48 & 0xfffffffffffe @drop6_47 goto from_listed6
\t}

\tchain from_suspect4 {
\t\tip saddr @drop4_32 goto from_listed4
\t}

\tchain from_listed4 {
\t\tiif \"lo\" accept
\t\tiifname \"eth0\" counter name \"inbound4\" drop
\t\tiifname \"ppp*\" counter name \"inbound4\" drop
\t}

\tchain from_listed6 {
\t\tiif \"lo\" accept
\t\tip6 nexthdr ipv6-icmp ip6 hoplimit 255 icmpv6 type 133-136 accept
\t\tiifname \"eth0\" counter name \"inbound6\" drop
\t\tiifname \"ppp*\" counter name \"inbound6\" drop
\t}

\tchain outbound {
\t\ttype filter hook postrouting priority raw; policy accept;
\t\tmeta nfproto ipv4 @nh,128,16 @drop4_first16 goto to_suspect4
\t\tmeta nfproto ipv6 @nh,192,48 & 0xfffffffffffe @drop6_47 goto to_listed6
\t}

\tchain to_suspect4 {
\t\tip daddr @drop4_32 goto to_listed4
\t}

\tchain to_listed4 {
\t\toif \"lo\" accept
\t\toifname \"eth0\" counter name \"outbound4\" drop
\t\toifname \"ppp*\" counter name \"outbound4\" drop
\t}

\tchain to_listed6 {
\t\toif \"lo\" accept
\t\tip6 nexthdr ipv6-icmp ip6 hoplimit 255 icmpv6 type 133-136 accept
\t\toifname \"eth0\" counter name \"outbound6\" drop
\t\toifname \"ppp*\" counter name \"outbound6\" drop
\t}
}
"
    );
}

#[test]
fn a_script_has_no_interval_set() {
    for seed in 1..=60 {
        let mut random = Random::new(seed);
        let sets = RangeSets {
            v4: random_set(&mut random, 1, |number| number as u32),
            v6: random_set(&mut random, 1, |number| number),
        };
        assert!(!script(&sets, &TABLES).contains("interval"), "seed {seed}");
    }
}
