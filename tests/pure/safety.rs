//! What is never dropped: allowlists, protected addresses, entries too wide; and what is not loaded:
//! the guards.

use std::fs;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kit::*;
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Families, PerFamily};
use netfilterd::ip::{Range, RangeSet, RangeSets};
use netfilterd::list::{End, Entry, EntryObserver, Selection, Source, Widest};
use netfilterd::policy::desired::{DesiredState, Request};
use netfilterd::policy::exclusions::Exclusions;
use netfilterd::policy::guard::{Before, Figures, Guards, ListFigures};
use netfilterd::policy::matches::MatchFinder;
use netfilterd::policy::protect::{Facts, Protected, Why};
use netfilterd::policy::refusal::{Refusal, Share};
use netfilterd::progress::Unseen;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn what_a_host_cannot_do_without_is_protected_whatever_else_is_known() {
    let protected = Protected::new(&Facts::default());
    for (address, why) in [
        ("127.0.0.1", Why::Loopback),
        ("127.255.255.255", Why::Loopback),
        ("0.0.0.0", Why::Unspecified),
        ("255.255.255.255", Why::Broadcast),
        ("169.254.0.0", Why::LinkLocal),
        ("169.254.169.254", Why::LinkLocal),
        ("224.0.0.1", Why::Multicast),
        ("224.0.0.251", Why::Multicast),
        ("::", Why::Unspecified),
        ("::1", Why::Loopback),
        ("fe80::1", Why::LinkLocal),
        ("febf:ffff::", Why::LinkLocal),
        ("ff02::1:ff00:1", Why::Multicast),
    ] {
        assert_eq!(protected.of(ip(address)).map(|item| item.why), Some(why), "{address}");
        assert!(protected.sets().contains(ip(address)), "{address}");
    }
    for address in [
        "126.255.255.255",
        "128.0.0.0",
        "0.0.0.1",
        "169.253.255.255",
        "169.255.0.0",
        "223.255.255.255",
        "224.0.1.0",
        "255.255.255.254",
        "::2",
        "fec0::",
        "ff03::",
    ] {
        assert_eq!(protected.of(ip(address)), None, "{address}");
        assert!(!protected.sets().contains(ip(address)), "{address}");
    }
}

#[test]
fn facts_protect_hosts_and_not_their_networks() {
    let facts = Facts {
        own: vec![ip("192.0.2.10"), ip("2001:db8::10"), ip("127.0.0.1"), ip("fe80::1")],
        broadcasts: vec![ip("192.0.2.255"), ip("169.254.255.255")],
        gateways: vec![ip("192.0.2.1")],
        next_hops: vec![ip("2001:db8::1"), ip("fe80::2")],
        resolvers: vec![ip("192.0.2.1"), ip("::ffff:198.51.100.53")],
        logged_in: vec![ip("203.0.113.5"), ip("192.0.2.10")],
        networks: Vec::new(),
    };
    let protected = Protected::new(&facts);
    let always = Protected::new(&Facts::default()).items().len();
    let items: Vec<String> = protected.items()[always..].iter().map(ToString::to_string).collect();
    assert_eq!(
        items,
        [
            "192.0.2.10 (own address)",
            "2001:db8::10 (own address)",
            "192.0.2.255 (broadcast)",
            "192.0.2.1 (default gateway)",
            "2001:db8::1 (next hop)",
            "192.0.2.1 (resolver)",
            "198.51.100.53 (resolver)",
            "203.0.113.5 (logged-in host)",
            "192.0.2.10 (logged-in host)",
        ]
    );
    assert!(!protected.sets().contains(ip("192.0.2.11")));
    assert!(Protected::default().sets().is_empty(), "without protection nothing is");
}

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn range(&mut self, longest: u64) -> (u64, u64) {
        let first = self.below(256);
        (first, 255.min(first + self.below(longest)))
    }
}

/// Addresses of a family in which all takes place: 256 of them.
fn v4(at: u64) -> IpAddr {
    IpAddr::from([198, 51, 100, at as u8])
}

fn v6(at: u64) -> IpAddr {
    IpAddr::from(((0x2001_0db8u128 << 96) + u128::from(at)).to_be_bytes())
}

#[test]
fn dropped_is_what_an_entry_names_and_neither_an_allowlist_nor_protection_does() {
    let folder = Folder::new();
    // Long ago, or each list would be waited for until nobody writes to it any more.
    let settled = |name: &str, text: String| {
        let path = folder.file(name, text);
        let past = SystemTime::now() - Duration::from_secs(3600);
        fs::File::open(&path).unwrap().set_modified(past).unwrap();
        vec![Source::Path(path.into())]
    };
    let mut spared = 0;
    for (seed, family) in (1..300u64).flat_map(|seed| [(seed, v4 as fn(u64) -> IpAddr), (seed, v6)])
    {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut ranges = |most: u64, longest: u64| -> Vec<(u64, u64)> {
            (0..random.below(most + 1)).map(|_| random.range(longest)).collect()
        };
        let (listed, allowed, hosts) = (ranges(24, 12), ranges(4, 12), ranges(5, 1));
        let text = |ranges: &[(u64, u64)]| -> String {
            ranges.iter().map(|&(a, b)| format!("{}-{}\n", family(a), family(b))).collect()
        };
        let bits = random.below(5);
        let request = Request {
            sources: settled("list", text(&listed)),
            skip_missing: false,
            allow: settled("allow", text(&allowed)),
            selection: Selection { widest: Widest { v4: 8, v6: 16 }, newest: None },
            sets: Vec::new(),
            mask: Mask { v4: Some(32 - bits as u8), v6: Some(128 - bits as u8) },
            families: Families::BOTH,
        };
        let own = hosts.iter().map(|&(at, _)| family(at)).collect();
        let protected = Protected::new(&Facts { own, ..Facts::default() });
        let desired = DesiredState::read(&request, protected, End::now(), &Unseen).ok().unwrap();
        let within = |ranges: &[(u64, u64)], at| ranges.iter().any(|&(a, b)| a <= at && at <= b);
        let is_widened = |at: u64| {
            listed.iter().any(|&(a, b)| a >> bits <= at >> bits && at >> bits <= b >> bits)
        };
        let added = (0..256).filter(|&at| is_widened(at) && !within(&listed, at)).count();
        assert_eq!(desired.added_by_widening, added as u128, "seed {seed}");
        for at in 0..256 {
            let widened = is_widened(at);
            let kept = within(&allowed, at) || hosts.iter().any(|&(host, _)| host == at);
            let is = desired.sets.contains(family(at));
            assert_eq!(is, widened && !kept, "seed {seed}, {}", family(at));
            let allowed = widened && within(&allowed, at);
            assert_eq!(desired.exclusions.allowed.contains(family(at)), allowed);
            spared += u32::from(widened && kept);
        }
        // The first ten that would have hit something are named, each by its line.
        let named = |kept: &dyn Fn(u64) -> bool| -> Vec<u64> {
            let hits = (0..listed.len()).filter(|&index| {
                let (a, b) = listed[index];
                (a >> bits << bits..=(b >> bits << bits) + (1 << bits) - 1).any(kept)
            });
            hits.take(10).map(|index| index as u64 + 1).collect()
        };
        let lines: Vec<u64> = desired.naming_allowed().map(|origin| origin.line).collect();
        assert_eq!(lines, named(&|at| within(&allowed, at)), "seed {seed}");
        let lines: Vec<u64> = desired.naming_protected().map(|origin| origin.line).collect();
        assert_eq!(lines, named(&|at| hosts.iter().any(|&(host, _)| host == at)), "seed {seed}");
    }
    assert!(spared > 1000, "only {spared} addresses were spared");
}

#[test]
fn no_entry_that_is_widened_to_something_protected_is_overlooked() {
    let mut random = Random(77);
    let mut hit = 0;
    for _ in 0..20_000 {
        // Close to each other and to where networks of 16 bits begin, so that all cases are met.
        let mut address =
            || 0x0a00_0000 + (random.below(6) as u32) * 0x8000 + random.below(4) as u32;
        let (own, a, b) = (address(), address(), address());
        let mask = Mask { v4: Some(8 + random.below(25) as u8), v6: None };
        let range = Range::new(a.min(b), if b & 1 == 0 { a.min(b) } else { a.max(b) }).unwrap();
        let sets =
            RangeSets { v4: RangeSet::from_ranges(vec![Range::host(own)]), ..RangeSets::default() };
        let none = RangeSets::default();
        let mut finder = MatchFinder::new(mask, End::now(), &none, &sets);
        if finder.is_near(range) {
            finder.look(0, 1, Entry::V4(range), None);
        }
        let is_hit = mask.widen4(range).contains(own);
        hit += u32::from(is_hit);
        assert_eq!(
            finder.found().matches.protected.len(),
            usize::from(is_hit),
            "{range}, {mask:?}, {own:#x}"
        );
    }
    assert!((2000..18_000).contains(&hit), "{hit} were hit");
}

#[test]
fn what_is_cut_is_what_is_allowed_and_what_is_protected_in_the_merged_set() {
    fn set(ranges: &[(u32, u32)]) -> RangeSets {
        let range = |&(first, last): &(u32, u32)| Range::new(first, last).unwrap();
        let v4 = RangeSet::from_ranges(ranges.iter().map(range).collect());
        RangeSets { v4, ..RangeSets::default() }
    }
    let end = u32::MAX;
    let merged = set(&[(0, 9), (20, 29), (end - 9, end)]);
    let (allowed, protected) = (set(&[(5, 22)]), set(&[(8, 8), (end, end)]));
    let (left, cut) = Exclusions::out_of(merged.clone(), &allowed, &protected, &set(&[(21, 25)]));
    assert_eq!(left, set(&[(0, 4), (26, 29), (end - 9, end - 1)]));
    assert_eq!(cut.allowed, set(&[(5, 9), (20, 22)]));
    assert_eq!(cut.protected, set(&[(8, 8), (end, end)]));
    assert_eq!(cut.connected, set(&[(21, 25)]));
    assert_eq!(cut.all(), set(&[(5, 9), (20, 25), (end, end)]));
    assert_eq!(cut.protected_networks(), 1 + 3 + 1, "8, then 21, 22-23 and 24-25, then the last");
    let none = RangeSets::default();
    let (left, cut) = Exclusions::out_of(merged.clone(), &set(&[(10, 19)]), &none, &none);
    assert!(left == merged && cut.all().is_empty());
}

#[test]
fn an_entry_is_too_wide_by_its_number_of_addresses() {
    let widest = Widest { v4: 8, v6: 16 };
    for (text, ignored) in [
        ("10.0.0.0/8", false),
        ("10.0.0.0/7", true),
        ("0.0.0.0/0", true),
        ("224.0.0.0/3", true),
        ("9.128.0.0-10.127.255.255", false),
        ("9.128.0.0-10.128.0.0", true),
        ("2001::/16", false),
        ("2000::/15", true),
        ("::/0", true),
        ("2001::-2002::", true),
    ] {
        let list = netfilterd::list::List::new("list", format!("{text}\n192.0.2.1\n").into());
        let contents =
            netfilterd::list::parse_selected(&[list], Selection { widest, newest: None }).unwrap();
        let named: Vec<String> = contents.report.ignored.iter().map(ToString::to_string).collect();
        assert_eq!(named.len(), usize::from(ignored), "{text}: {named:?}");
        assert_eq!(contents.report.summaries[0].ignored, u64::from(ignored), "{text}");
        assert_eq!(contents.report.summaries[0].rejected, 0, "{text}");
        assert_eq!(contents.sets.network_count() == 1, ignored, "{text}");
    }
    // As written, not as merged: 256 networks that are each narrow enough are a matter for a guard.
    let all: String = (0..=255).map(|first| format!("{first}.0.0.0/8\n")).collect();
    let list = netfilterd::list::List::new("list", all.into());
    let contents =
        netfilterd::list::parse_selected(&[list], Selection { widest, newest: None }).unwrap();
    assert_eq!(contents.sets.v4.addresses(), 1 << 32);
}

const GUARDS: Guards = Guards { min_entries: 1, max_shrink: 50, strict: false };

fn figures(networks: u64, in_force: Option<u64>) -> Figures {
    let before = in_force.map(|networks| Before { networks, kept: None, entries: 0 });
    Figures { networks, before, ..Figures::default() }
}

#[test]
fn a_shrinkage_is_judged_once_a_hundred_networks_are_in_force() {
    for (networks, in_force, most, refused) in [
        (50, Some(100), 50, false),
        (49, Some(100), 50, true),
        (1, Some(99), 50, false),
        (1, None, 50, false),
        (99, Some(100), 0, true),
        (100, Some(100), 0, false),
        (1, Some(1 << 40), 100, false),
        (1, Some(u64::MAX), 99, true),
        (u64::MAX, Some(u64::MAX), 0, false),
        (12, Some(61_204), 50, true),
    ] {
        let guards = Guards { max_shrink: most, ..GUARDS };
        let refusals: Vec<_> = guards.refusals(&figures(networks, in_force)).collect();
        let expected =
            refused.then(|| Refusal::Shrunk { networks, in_force: in_force.unwrap(), most });
        assert_eq!(refusals, Vec::from_iter(expected), "{networks}, {in_force:?}, {most}");
    }
    let refusal = Refusal::Shrunk { networks: 12, in_force: 61_204, most: 50 };
    assert_eq!(
        refusal.about("drop_ips"),
        "drop_ips: 12 networks where 61,204 were in force (-99%); refused by --max-shrink 50"
    );
}

#[test]
fn an_empty_result_that_is_permitted_is_no_shrinkage() {
    let permits = Guards { min_entries: 0, ..GUARDS };
    assert_eq!(permits.refusals(&figures(0, Some(1000))).count(), 0);
    assert_eq!(permits.refusals(&figures(1, Some(1000))).count(), 1);
    assert_eq!(GUARDS.refusals(&figures(0, Some(1000))).count(), 2);
}

#[test]
fn more_than_half_of_a_family_is_refused_and_half_is_not() {
    for (covered4, covered6, refused) in [
        (1 << 31, 1 << 127, 0),
        ((1 << 31) + 1, 0, 1),
        (0, (1 << 127) + 1, 1),
        (1 << 32, u128::MAX, 2),
    ] {
        let covered = PerFamily { v4: covered4, v6: covered6 };
        let figures = Figures { covered, ..figures(1, None) };
        assert_eq!(GUARDS.refusals(&figures).count(), refused, "{covered4}, {covered6}");
    }
    for (addresses, bits, text) in [
        (0, 32, "0.00%"),
        (1, 32, "0.01%"),
        (1 << 31, 32, "50.00%"),
        ((1 << 31) + 1, 32, "50.01%"),
        (1 << 32, 32, "100.00%"),
        (1, 128, "0.01%"),
        ((1 << 127) + 1, 128, "50.01%"),
        (u128::MAX, 128, "100.00%"),
    ] {
        assert_eq!(Share::new(addresses, bits).to_string(), text);
    }
}

#[test]
fn a_list_of_which_most_is_rejected_is_refused_whatever_the_others_hold() {
    let of = |lists: &[(u64, u64)]| {
        let list = |&(rejected, lines): &(u64, u64)| ListFigures {
            name: "feed".to_string(),
            rejected,
            lines,
            ..ListFigures::default()
        };
        let figures = Figures { lists: lists.iter().map(list).collect(), ..figures(1, None) };
        GUARDS.refusals(&figures).collect::<Vec<_>>()
    };
    assert_eq!(of(&[(1, 2), (0, 0)]), []);
    let refusal = Refusal::MostlyRejected { list: "feed".into(), rejected: 3, lines: 5 };
    assert!(refusal.about("2 lists").starts_with("feed: 3 of 5 lines "), "it names the list");
    assert_eq!(of(&[(0, 1000), (3, 5)]), [refusal]);
}
