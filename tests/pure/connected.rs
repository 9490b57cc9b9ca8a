//! Connected networks against a naive reading of the rule, address by address.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use kit::*;
use netfilterd::ip::{Families, Mask, RangeSets};
use netfilterd::list::{End, Selection, Source, Widest};
use netfilterd::policy::connected::{HostNetwork, Networks, Reach, is_private};
use netfilterd::policy::desired::{DesiredState, Request};
use netfilterd::policy::protect::{Facts, Protected};
use netfilterd::progress::Unseen;

/// The time for which lists are read, and later ones.
const NOW: i64 = 2_000_000_000;
const TIMES: [i64; 3] = [NOW, NOW + 10, NOW + 20];

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// An entry of the small universe, its first and last address, and the time at which it expires.
type Listed = (u64, u64, Option<i64>);

/// The universe has 256 addresses: of a private network, or of one that nobody may call private.
struct Universe {
    base: &'static str,
    is_private: bool,
}

const UNIVERSES: [Universe; 4] = [
    Universe { base: "10.9.8.0", is_private: true },
    Universe { base: "fd00:9::", is_private: true },
    Universe { base: "198.51.100.0", is_private: false },
    Universe { base: "2001:db8::", is_private: false },
];

impl Universe {
    fn ip(&self, at: u64) -> IpAddr {
        match self.base.parse().unwrap() {
            IpAddr::V4(base) => IpAddr::V4((u32::from(base) + at as u32).into()),
            IpAddr::V6(base) => IpAddr::V6((u128::from(base) + u128::from(at)).into()),
        }
    }

    fn bits(&self) -> u8 {
        if self.base.contains(':') { 128 } else { 32 }
    }

    /// The network of so many host bits that holds an address.
    fn connected(&self, at: u64, host_bits: u64) -> HostNetwork {
        let network = IpNet::new(self.ip(at), self.bits() - host_bits as u8).unwrap().trunc();
        HostNetwork { network, reach: Reach::Connected, interface: "eth0".into() }
    }

    /// First and last host of the network of so many host bits that holds an address.
    fn hosts(&self, at: u64, host_bits: u64) -> (u64, u64) {
        let first = at >> host_bits << host_bits;
        let last = first + (1 << host_bits) - 1;
        match (host_bits, self.bits()) {
            (0 | 1, _) => (first, last),
            (_, 32) => (first + 1, last - 1),
            _ => (first + 1, last),
        }
    }

    /// The rule, word by word: whether the lists have each address dropped, before exclusions.
    fn drops(&self, listed: &[Listed], networks: &[(u64, u64)], bits: u64, time: i64) -> Vec<bool> {
        let live: Vec<(u64, u64)> = listed
            .iter()
            .filter(|(_, _, end)| end.is_none_or(|end| end > time))
            .map(|&(a, b, _)| (a, b))
            .collect();
        let widened =
            |at: u64| live.iter().any(|&(a, b)| a >> bits <= at >> bits && at >> bits <= b >> bits);
        let mut drops: Vec<bool> = (0..256).map(widened).collect();
        // Of several networks the innermost decides, which comes last.
        let mut networks = networks.to_vec();
        networks.sort_by_key(|&(_, host)| std::cmp::Reverse(host));
        for &(net, host) in networks.iter().filter(|_| self.is_private) {
            let (first, last) = self.hosts(net, host);
            let (lowest, highest) = (net >> host << host, (net >> host << host) + (1 << host) - 1);
            let narrower: Vec<(u64, u64)> = live
                .iter()
                .map(|&(a, b)| (a.max(lowest), b.min(highest)))
                .filter(|&(a, b)| a <= b && !(a <= first && last <= b))
                .collect();
            let up_to = |size: u64| -> BTreeSet<u64> {
                let some = narrower.iter().filter(|(a, b)| b - a < size);
                some.flat_map(|&(a, b)| a..=b).collect()
            };
            let is_cover = |some: &BTreeSet<u64>| (first..=last).all(|at| some.contains(&at));
            // The widest are left out until what is left is no cover; single hosts always count.
            let dropped = (1..=256).rev().map(up_to).find(|some| !is_cover(some));
            let dropped = dropped.unwrap_or_else(|| up_to(1));
            for at in lowest..=highest {
                drops[at as usize] = dropped.contains(&at);
            }
        }
        drops
    }
}

fn folder_of(listed: &str, allowed: &str) -> (Folder, Request) {
    let folder = Folder::new();
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let source = |name: &str, text: &str| {
        let path = folder.file(name, text);
        std::fs::File::open(&path).unwrap().set_modified(past).unwrap();
        vec![Source::Path(path.into())]
    };
    let request = Request {
        sources: source("list", listed),
        skip_missing: false,
        allow: source("allow", allowed),
        selection: Selection { widest: Widest { v4: 8, v6: 7 }, newest: None },
        sets: Vec::new(),
        mask: Mask::default(),
        families: Families::BOTH,
    };
    (folder, request)
}

fn read(request: &Request, facts: Facts) -> DesiredState {
    DesiredState::read(request, Protected::new(&facts), End::at(NOW), &Unseen).ok().unwrap()
}

#[test]
fn in_a_private_connected_network_dropped_is_what_narrower_entries_name_and_nothing_else() {
    let (mut kept, mut inside, mut split) = (0, 0, 0);
    for (seed, universe) in (1..120u64).flat_map(|seed| UNIVERSES.iter().map(move |of| (seed, of)))
    {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let networks = |random: &mut Random| -> Vec<(u64, u64)> {
            (0..random.below(4)).map(|_| (random.below(256), 1 + random.below(7))).collect()
        };
        let (before, after) = (networks(&mut random), networks(&mut random));
        let mut listed: Vec<Listed> = Vec::new();
        for _ in 0..random.below(14) {
            let at = random.below(256);
            let (first, last) = match random.below(4) {
                0 => (at, at),
                1 => (at, 255.min(at + random.below(40))),
                // Networks, often of the size of a connected one, or half of it.
                _ => {
                    let host = random.below(9);
                    (at >> host << host, (at >> host << host) + (1 << host) - 1)
                }
            };
            let end = (random.below(3) == 0).then(|| NOW - 5 + random.below(5) as i64 * 10);
            listed.push((first, last, end));
        }
        // The halves of a connected network, as a list may split it.
        if let Some(&(at, host)) = before.first().filter(|_| random.below(3) == 0) {
            let (first, half) = (at >> host << host, 1 << (host - 1));
            listed.push((first, first + half - 1, None));
            listed.push((first + half, first + 2 * half - 1, None));
            split += 1;
        }
        let text: String = listed
            .iter()
            .map(|&(a, b, end)| {
                let end = end.map_or(String::new(), |end| format!(" until {}", End::at(end)));
                format!("{}-{}{end}\n", universe.ip(a), universe.ip(b))
            })
            .collect();
        let (allowed, own) = (random.below(256), random.below(256));
        let bits = random.below(6);
        let (_folder, request) = folder_of(&text, &format!("{}\n", universe.ip(allowed)));
        let mask = Mask { v4: Some(32 - bits as u8), v6: Some(128 - bits as u8) };
        let request = Request { mask, ..request };
        let of = |networks: &[(u64, u64)]| -> Vec<HostNetwork> {
            networks.iter().map(|&(at, host)| universe.connected(at, host)).collect()
        };
        let facts =
            Facts { own: vec![universe.ip(own)], networks: of(&before), ..Facts::default() };
        let desired = read(&request, facts);
        let case = format!("seed {seed}, {}, {text}{before:?}, {bits} bits", universe.base);
        let all_drops = universe.drops(&listed, &before, bits, NOW);
        let all_would = universe.drops(&listed, &[], bits, NOW);
        for at in 0..256 {
            let drops = all_drops[at as usize];
            let is = desired.sets.contains(universe.ip(at));
            assert_eq!(is, drops && at != allowed && at != own, "{case}: {}", universe.ip(at));
            let would = all_would[at as usize];
            let is_kept = desired.exclusions.connected.contains(universe.ip(at));
            assert_eq!(is_kept, would && !drops, "{case}: {}", universe.ip(at));
            kept += u32::from(is_kept);
            let is_inside = before.iter().any(|&(net, host)| net >> host == at >> host);
            inside += u32::from(drops && is_inside && universe.is_private);
        }
        let named = (0..256).filter(|&at| {
            let live = listed.iter().filter(|(_, _, end)| end.is_none_or(|end| end > NOW));
            live.into_iter().any(|&(a, b, _)| a <= at && at <= b)
                && !desired.exclusions.connected.contains(universe.ip(at))
        });
        let all = all_drops.iter().filter(|&&drops| drops).count();
        assert_eq!(desired.added_by_widening, (all - named.count()) as u128, "{case}");
        // Other networks at other times, without the lists.
        for (networks, time) in
            [&before, &after].into_iter().flat_map(|of| TIMES.map(|at| (of, at)))
        {
            let now = End::at(time);
            let merged = desired.timeline.at(now);
            let known = Networks::new(of(networks));
            let kept = desired.timeline.kept(Some(&known), now, &merged);
            let drops = universe.drops(&listed, networks, bits, time);
            for at in 0..256 {
                let address = universe.ip(at);
                let is = merged.contains(address) && !kept.contains(address);
                assert_eq!(is, drops[at as usize], "{case}, {networks:?}, {time}: {address}");
            }
        }
    }
    assert!(kept > 5_000 && inside > 2_000 && split > 100, "{kept} {inside} {split}");
}

/// What is dropped of `addresses` if the lists are `listed` and an interface has these networks.
fn dropped(listed: &str, networks: &[&str], mask: Mask, addresses: &[&str]) -> Vec<bool> {
    let (_folder, request) = folder_of(listed, "");
    let connected = |text: &&str| HostNetwork {
        network: text.parse().unwrap(),
        reach: Reach::Connected,
        interface: "eth0".into(),
    };
    let facts = Facts { networks: networks.iter().map(connected).collect(), ..Facts::default() };
    let desired = read(&Request { mask, ..request }, facts);
    addresses.iter().map(|address| desired.sets.contains(address.parse().unwrap())).collect()
}

#[test]
fn a_bogon_list_does_not_cut_off_the_local_network_however_it_is_written() {
    let lan = ["192.168.1.0/24", "172.17.0.0/16", "fd00:1::/64", "100.64.3.0/24"];
    let local = ["192.168.1.7", "172.17.0.2", "fd00:1::7", "100.64.3.1"];
    let other = ["192.168.2.7", "10.0.0.1", "172.18.0.2", "fd00:2::7", "100.64.4.1"];
    for list in [
        "10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/16\nfc00::/7\n100.64.0.0/10\n",
        // Halves, and halves of the connected networks themselves.
        "10.0.0.0/8\n172.16.0.0/13\n172.24.0.0/13\n192.168.0.0/17\n192.168.128.0/17\nfc00::/8\n\
         fd00::/8\n100.64.0.0/11\n100.96.0.0/11\n",
        "10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/24\n192.168.1.0/25\n192.168.1.128/25\n\
         192.168.2.0/24\nfd00:1::/65\nfd00:1::8000:0:0:0/65\nfd00:2::/16\n100.64.0.0/10\n",
        // Ranges, with and without the addresses that no host has.
        "10.0.0.0/8\n172.16.0.0-172.31.255.255\n192.168.0.0-192.168.255.255\nfc00::/7\n\
         192.168.1.1-192.168.1.254\n100.64.0.0/10\n",
    ] {
        let answers = dropped(list, &lan, Mask::default(), &local);
        assert_eq!(answers, [false; 4], "{list}");
        assert_eq!(dropped(list, &lan, Mask::default(), &other), [true; 5], "{list}");
        assert_eq!(dropped(list, &[], Mask::default(), &local), [true; 4], "{list}");
    }
    // A narrower entry drops what it names, also if a wider one stands beside it.
    let list = "192.168.0.0/16\n192.168.1.7\n192.168.1.64/26\n";
    let addresses = ["192.168.1.7", "192.168.1.8", "192.168.1.64", "192.168.1.128"];
    assert_eq!(dropped(list, &lan, Mask::default(), &addresses), [true, false, true, false]);
    // Widening stops at the network, and reaches over it.
    let mask = Mask { v4: Some(16), v6: Some(48) };
    let list = "192.168.1.7\n192.168.9.9\n";
    assert_eq!(dropped(list, &lan, mask, &["192.168.1.7", "192.168.1.8"]), [true, false]);
    assert_eq!(dropped(list, &lan, mask, &["192.168.2.7", "192.168.0.7"]), [true; 2]);
    // Each host of a network is listed by hand.
    let hosts: String = (1..255).map(|host| format!("192.168.1.{host}\n")).collect();
    assert_eq!(
        dropped(&hosts, &lan, Mask::default(), &["192.168.1.1", "192.168.1.254"]),
        [true; 2]
    );
    // A network that is public is dropped, and so is one of which a part is public.
    let public = ["203.0.113.0/24", "192.168.0.0/15"];
    let list = "203.0.113.0/24\n192.168.0.0/15\n";
    let addresses = ["203.0.113.7", "192.168.1.7"];
    assert_eq!(dropped(list, &public, Mask::default(), &addresses), [true; 2]);
}

#[test]
fn private_are_the_networks_that_nobody_routes_on_the_internet() {
    for (network, private) in [
        ("10.0.0.0/8", true),
        ("10.0.0.0/7", false),
        ("172.16.0.0/12", true),
        ("172.32.0.0/16", false),
        ("172.31.255.0/24", true),
        ("192.168.0.0/16", true),
        ("192.169.0.0/16", false),
        ("100.64.0.0/10", true),
        ("100.128.0.0/24", false),
        ("100.63.0.0/16", false),
        ("fc00::/7", true),
        ("fd12:3456::/48", true),
        ("fe00::/16", false),
        ("2001:db8::/32", false),
        ("0.0.0.0/0", false),
        ("::/0", false),
    ] {
        assert_eq!(is_private(network.parse().unwrap()), private, "{network}");
    }
}

/// A network of the host, with how it is reached.
fn network(text: &str, reach: Reach, interface: &str) -> HostNetwork {
    HostNetwork { network: text.parse().unwrap(), reach, interface: interface.into() }
}

#[test]
fn what_is_cut_off_is_named_with_its_interface_and_the_entry_that_does_so() {
    let listed = "# bogons\n10.0.0.0/9\n10.128.0.0/9\n192.168.0.0/16\n203.0.113.0/24\n\
                  198.51.100.0/25\n198.51.100.9 until 2001-01-01T00:00:00Z\n192.0.2.1\n\
                  2001:db8:5::/48\n";
    let (_folder, request) = folder_of(listed, "192.168.9.9\n");
    let facts = Facts {
        own: vec!["203.0.113.2".parse().unwrap()],
        networks: vec![
            network("192.168.1.0/24", Reach::Connected, "eth0"),
            network("10.0.0.0/8", Reach::Connected, "eth1"),
            network("203.0.113.0/24", Reach::Connected, "eth2"),
            // Half of it is listed.
            network("198.51.100.0/24", Reach::Connected, "eth2"),
            network("192.168.7.0/24", Reach::Routed, "eth3"),
            // Some of it is allowed, so somebody has thought of it.
            network("192.168.9.0/24", Reach::Routed, "eth3"),
            network("192.0.2.1/32", Reach::DhcpServer, "eth4"),
            network("2001:db8:5:1::/64", Reach::Connected, "eth5"),
        ],
        ..Facts::default()
    };
    let desired = read(&request, facts);
    let shown: Vec<String> = desired.cut_off().iter().map(ToString::to_string).collect();
    let prevented = "prevented while the network is private and connected";
    let expected = [
        ("10.0.0.0/8 (connected network of eth1)", ":2: 10.0.0.0/9 and others", prevented),
        ("192.0.2.1 (DHCP server of eth4)", ":8: 192.0.2.1/32", "dropped"),
        ("192.168.1.0/24 (connected network of eth0)", ":4: 192.168.0.0/16", prevented),
        ("192.168.7.0/24 (routed through eth3)", ":4: 192.168.0.0/16", "dropped"),
        ("203.0.113.0/24 (connected network of eth2)", ":5: 203.0.113.0/24", "dropped"),
        ("2001:db8:5:1::/64 (connected network of eth5)", ":9: 2001:db8:5::/48", "dropped"),
    ];
    assert_eq!(shown.len(), expected.len(), "{shown:#?}");
    for (shown, (network, entry, outcome)) in shown.iter().zip(expected) {
        assert!(shown.starts_with(&format!("cut off: {network}, by ")), "{shown}");
        assert_names(shown, &[&format!("{entry}: {outcome}"), "--allow"]);
    }
    let without = DesiredState::read(&request, Protected::default(), End::at(NOW), &Unseen);
    let without = without.ok().unwrap();
    assert!(without.cut_off().is_empty() && without.exclusions.connected == RangeSets::default());
    assert!(without.sets.contains("192.168.1.7".parse().unwrap()));
}

#[test]
fn a_network_costs_little_however_many_entries_and_networks_there_are() {
    // A host with the networks of many containers, and a list of hosts among them.
    let networks: Vec<HostNetwork> = (0..=255u32)
        .map(|number| network(&format!("10.{number}.0.0/16"), Reach::Connected, "br"))
        .collect();
    let listed: String = (0..50_000u32)
        .map(|number| format!("{}\n", std::net::Ipv4Addr::from(0x0a00_0000 + number * 331)))
        .collect();
    let (_folder, request) = folder_of(&format!("10.0.0.0/8\n{listed}"), "");
    let desired = read(&request, Facts { networks, ..Facts::default() });
    assert_eq!(desired.networks.v4, 50_000, "only the hosts");
    assert_eq!(desired.cut_off().len(), 256);
}
