//! Neighbour discovery in the managed table: it passes from and to listed neighbours, and nothing else
//! of theirs does.

use kit::*;

/// Ways to lay the foes out, each of which has rules of its own.
const LAYOUTS: [&[&str]; 4] =
    [&[], &["--layout", "interval"], &["--layout", "hash"], &["--layout", "hash", "--mask6", "64"]];

#[test]
#[ignore = "needs root: network namespaces"]
fn a_network_that_is_not_listed_is_reached_by_a_gateway_that_is() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    wire.route_by_foe();
    for layout in LAYOUTS {
        wire.inside.load(&[&["-f", &list, "--no-protect"], layout].concat());
        wire.forget_neighbours();
        assert!(wire.goes_out(INSIDE6, BEYOND6), "{layout:?}");
        assert!(wire.comes_in(BEYOND6, INSIDE6), "{layout:?}");
        assert!(!wire.goes_out(INSIDE6, FOE6), "{layout:?}: the gateway itself is listed");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_router_that_asks_from_a_listed_address_is_answered() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    for layout in LAYOUTS {
        wire.inside.load(&[&["-f", &list, "--no-protect"], layout].concat());
        wire.forget_neighbours();
        assert!(!wire.outside_knows(INSIDE6));
        assert!(!wire.comes_in(FOE6, INSIDE6), "{layout:?}: other packets of a listed address");
        assert!(wire.outside_knows(INSIDE6), "{layout:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn only_the_four_types_pass_and_only_from_the_link() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    for layout in LAYOUTS {
        wire.inside.load(&[&["-f", &list, "--no-protect"], layout].concat());
        assert!(!wire.goes_out(INSIDE6, FOE6));
        for (from, source, destination, counter) in
            [(&wire.outside, FOE6, INSIDE6, "inbound6"), (&wire.inside, INSIDE6, FOE6, "outbound6")]
        {
            let mut dropped = wire.inside.counter(counter);
            for kind in 128..=140 {
                for hop_limit in [255, 254, 64, 1] {
                    send_icmpv6(from, source, destination, kind, hop_limit);
                    let passes = (133..=136).contains(&kind) && hop_limit == 255;
                    dropped += u64::from(!passes);
                }
            }
            let counted = || wire.inside.counter(counter) >= dropped;
            eventually(&format!("{layout:?}: all of them in {counter}"), counted);
            // The last of them was dropped, and packets arrive in the order in which they were sent.
            assert_eq!(wire.inside.counter(counter), dropped, "{layout:?}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_packet_that_is_not_listed_meets_the_look_ups_and_nothing_else() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    for (options, drops) in [
        (&[][..], &["counter name \"inbound6\" drop"][..]),
        (
            &["--interface", "wan0", "--interface", "ppp*"],
            &[
                "iifname \"wan0\" counter name \"inbound6\" drop",
                "iifname \"ppp*\" counter name \"inbound6\" drop",
            ],
        ),
    ] {
        for (layout, look_ups) in [
            (
                &[][..],
                [
                    ("ip", "@nh,96,16 @drop4_first16_gN goto from_suspect4"),
                    ("ip6", "@nh,64,16 @drop6_first16_gN goto from_suspect6"),
                ],
            ),
            (
                &["--layout", "interval"],
                [
                    ("ip", "ip saddr @drop4_gN goto from_listed4"),
                    ("ip6", "ip6 saddr @drop6_gN goto from_listed6"),
                ],
            ),
        ] {
            namespace.load(&[&["-f", &list], layout, options].concat());
            let ruleset = namespace.ruleset();
            let generation = namespace.managed_sets()[0].clone();
            let generation = generation.rsplit_once("_g").unwrap().1;
            for (family, rule) in look_ups {
                let rule = rule.replace("_gN", &format!("_g{generation}"));
                assert_eq!(rules_of(table_of(&ruleset, family), "inbound"), [rule]);
            }
            let exceptions = [
                "iif \"lo\" accept",
                "icmpv6 type 133-136 ip6 nexthdr ipv6-icmp ip6 hoplimit 255 accept",
            ];
            assert_eq!(rules_of(&ruleset, "from_listed6"), [&exceptions, drops].concat());
            // What nft shows is what nft takes.
            namespace.nft(&format!("flush ruleset; {ruleset}"));
            assert_eq!(namespace.ruleset(), ruleset);
        }
    }
}

/// The managed table of a family, as nft shows it.
fn table_of<'a>(ruleset: &'a str, family: &str) -> &'a str {
    let begin = format!("table {family} netfilterd {{\n");
    ruleset.split_once(&begin).unwrap().1.split("\n}\n").next().unwrap()
}

/// The rules of a chain of a managed table, as nft shows them.
fn rules_of(ruleset: &str, chain: &str) -> Vec<String> {
    let begin = format!("\tchain {chain} {{\n");
    let rest = ruleset.split_once(&begin).unwrap().1;
    let rules = rest.split_once("\t}\n").unwrap().0.lines().map(str::trim);
    rules.filter(|line| !line.starts_with("type ")).map(str::to_string).collect()
}

/// The table as it was before packets that are listed had chains of their own.
const OLDER: &str = r#"
table inet netfilterd {
	comment "kept by netfilterd(8); changes made here are lost"

	counter inbound6 {
		packets 7 bytes 700
	}

	counter outbound6 {
		packets 3 bytes 300
	}

	set drop6_g4 {
		type ipv6_addr
		flags interval
		elements = { 2001:db8:bad::/48 }
	}

	chain inbound {
		type filter hook prerouting priority raw; policy accept;
		ip6 saddr @drop6_g4 iif != "lo" counter name "inbound6" drop
	}

	chain outbound {
		type filter hook postrouting priority raw; policy accept;
		ip6 daddr @drop6_g4 oif != "lo" counter name "outbound6" drop
	}
}
"#;

#[test]
#[ignore = "needs root: network namespaces"]
fn the_rules_of_an_older_version_are_replaced_though_the_list_is_the_same() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", "2001:db8:bad::/48\n");
    wire.inside.nft(OLDER);
    wire.route_by_foe();
    wire.forget_neighbours();
    assert!(!wire.goes_out(INSIDE6, BEYOND6), "as it was");
    wire.inside.load(&["-f", &list, "--no-protect"]);
    // The kernel asks again a second after the question that was not answered.
    eventually("a packet by the gateway", || wire.goes_out(INSIDE6, BEYOND6));
    assert_eq!(wire.inside.generations(), ["drop6_g1"]);
    assert!(wire.inside.counter("inbound6") >= 7, "what was counted before");
}
