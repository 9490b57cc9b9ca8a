//! Whether the rules of the managed table are seen to be as they were written, where nothing but the
//! rules themselves can tell.

use std::ffi::CStr;

use kit::*;
use netfilterd::list::{self, List};
use netfilterd::nftables::layout::Layout;
use netfilterd::nftables::name::{SetNames, Tables};
use netfilterd::nftables::{Look, Options, Target};
use netfilterd::progress::Unseen;

/// Networks that are in a hash set and an interval set of each family with `--layout hash`.
const WIDE: &str = "192.0.2.0/24\n10.0.0.0/8\n2001:db8:1::/64\n2001:db9::/32\n";

/// Lists that are put into sets of all kinds, with what is in the rows then.
fn lists() -> [(Layout, String, &'static [&'static str]); 5] {
    let many = |lengths: [u8; 2]| -> String {
        let networks = |i: u32| {
            // In more networks of /16 than a registry gives out, and of as many of /32.
            format!("198.{i}.0.0/{}\n{:x}:1000:100::/56\n", lengths[i as usize % 2], 0x2400 + i)
        };
        (0..200).map(networks).collect()
    };
    // Nearly all that is in use begins as something that is listed, so no prefilter is of use.
    let wide4 = (16..223).filter(|it| it % 8 > 0 && *it != 127).map(|it| format!("{it}.0.0.0/8\n"));
    let wide6 = (0x2400..0x2480).map(|first| format!("{first:x}::/17\n"));
    let hosts = (0..200).map(|i| format!("{}.{i}.7.7\n{:x}::7\n", 16 + 8 * (i % 25), 0x2500 + i));
    let wide = wide4.chain(wide6).chain(hosts).collect();
    [
        (Layout::Interval, WIDE.into(), &["interval"]),
        (Layout::Hash, WIDE.into(), &["hash /24, interval", "hash /64, interval"]),
        (Layout::Hash, "192.0.2.7\n2001:db8::1\n".into(), &["hash /32", "hash /128"]),
        (Layout::Auto, many([24, 32]), &["prefilter /16, hash", "prefilter /32", "hash /56"]),
        (Layout::Auto, wide, &["hash /32, hash /8; hash /128, hash /17"]),
    ]
}

const INTERFACES: [&[&CStr]; 2] = [&[], &[c"wan0", c"ppp*", c"fifteen-letters"]];

fn target(layout: Layout, interfaces: &[&CStr]) -> Target {
    Target::new(Options {
        tables: Tables::Managed,
        sets: SetNames { v4: "drop4".parse().unwrap(), v6: "drop6".parse().unwrap() },
        interfaces: interfaces.iter().map(|&name| name.to_owned()).collect(),
        layout,
    })
}

fn apply(namespace: &Namespace, target: &mut Target, list: &str) {
    let sets = list::parse(&[List::new("list", list.into())]).unwrap().sets;
    namespace.within(|| drop(target.apply(&sets, &Unseen).unwrap()));
}

fn is_in_place(namespace: &Namespace, target: &mut Target) -> bool {
    // A transaction about something else, so that the generation of the ruleset does not tell.
    namespace.nft("add table inet other; delete table inet other");
    namespace.within(|| target.is_in_place(Look::Elements).unwrap())
}

/// The rules of the managed tables: table and chain, text and handle.
fn rules(namespace: &Namespace) -> Vec<(String, String, String)> {
    let output = namespace.command("nft").args(["-a", "-t", "list", "ruleset"]).output().unwrap();
    let (mut table, mut chain, mut rules) = (String::new(), String::new(), Vec::new());
    for line in String::from_utf8(output.stdout).unwrap().lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("table ") {
            table = name.split(" {").next().unwrap().to_string();
            continue;
        }
        if let Some(name) = line.strip_prefix("chain ") {
            chain = format!("{table} {}", name.split(' ').next().unwrap());
            continue;
        }
        let Some((rule, handle)) = line.split_once(" # handle ") else { continue };
        if !chain.is_empty() && !line.contains('{') {
            rules.push((chain.clone(), rule.to_string(), handle.to_string()));
        }
    }
    rules
}

#[test]
#[ignore = "needs root: network namespaces"]
fn rules_that_nobody_touched_are_seen_to_be_in_place_in_every_layout() {
    for (layout, list, kinds) in lists() {
        for interfaces in INTERFACES {
            let (namespace, mut target) = (Namespace::new(), target(layout, interfaces));
            apply(&namespace, &mut target, &list);
            let rows = target.rows().unwrap();
            let rows = format!("{}; {}", rows.v4, rows.v6);
            assert!(
                kinds.iter().all(|kind| rows.contains(kind)),
                "{layout:?}: {rows}, not {kinds:?}"
            );
            assert!(is_in_place(&namespace, &mut target), "{rows} {interfaces:?}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_rule_that_does_something_else_than_it_did_is_noticed() {
    for (layout, list, _) in lists() {
        let (namespace, mut target) = (Namespace::new(), target(layout, INTERFACES[1]));
        apply(&namespace, &mut target, &list);
        for number in 0..rules(&namespace).len() {
            // What it matches stays, and what becomes of that does not.
            let (chain, rule, handle) = rules(&namespace)[number].clone();
            let changed = match rule.rsplit_once(' ').unwrap() {
                (matched, "accept") => format!("{matched} drop"),
                (matched, "drop") => format!("{matched} accept"),
                (matched, chain) => {
                    format!("{} jump {chain}", matched.strip_suffix(" goto").unwrap())
                }
            };
            namespace.nft(&format!("replace rule {chain} handle {handle} {changed}"));
            assert!(!is_in_place(&namespace, &mut target), "{changed} in place of {rule}");
            apply(&namespace, &mut target, &list);
            assert!(is_in_place(&namespace, &mut target), "{rule}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_chain_that_became_one_of_another_kind_is_made_anew() {
    for (chain, before) in [
        ("ip netfilterd inbound", "flush chain ip netfilterd inbound"),
        ("ip6 netfilterd from_listed6", "flush chain ip6 netfilterd from_suspect6"),
    ] {
        let (namespace, mut target) = (Namespace::new(), target(Layout::Auto, &[]));
        apply(&namespace, &mut target, WIDE);
        let expected: Vec<_> = rules(&namespace).into_iter().map(|rule| (rule.0, rule.1)).collect();
        let other = match chain {
            "ip netfilterd inbound" => "",
            _ => "type filter hook input priority 0;",
        };
        namespace.nft(&format!("{before}; delete chain {chain}; add chain {chain} {{ {other} }}"));
        assert!(!is_in_place(&namespace, &mut target), "{chain}");
        apply(&namespace, &mut target, WIDE);
        let mut found: Vec<_> =
            rules(&namespace).into_iter().map(|rule| (rule.0, rule.1)).collect();
        // The generation in the names, and the order of the chains, are others.
        found.iter_mut().for_each(|rule| rule.1 = rule.1.replace("_g2", "_g1"));
        let sorted = |mut rules: Vec<(String, String)>| {
            rules.sort_by(|a, b| a.0.cmp(&b.0));
            rules
        };
        assert_eq!(sorted(found), sorted(expected), "{chain}");
        assert!(is_in_place(&namespace, &mut target), "{chain}");
    }
}
