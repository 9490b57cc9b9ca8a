//! The first load after an upgrade from a version that kept one table, `inet netfilterd`.

use kit::*;

/// The table of that version without its chains: counters that have counted, and sets with these
/// elements.
pub fn older_sets(v4: &str, v6: &str) -> String {
    format!(
        r#"table inet netfilterd {{
	comment "kept by netfilterd(8); changes made here are lost"
	counter inbound4 {{
		packets 11 bytes 1100
	}}
	counter inbound6 {{
		packets 12 bytes 1200
	}}
	counter outbound4 {{
		packets 13 bytes 1300
	}}
	counter outbound6 {{
		packets 14 bytes 1400
	}}
	set drop4_g7 {{
		type ipv4_addr
		flags interval
		elements = {{ {v4} }}
	}}
	set drop6_g7 {{
		type ipv6_addr
		flags interval
		elements = {{ {v6} }}
	}}
}}
"#
    )
}

/// The chains of that version.
pub const OLDER_CHAINS: &str = r#"table inet netfilterd {
	chain from_listed4 {
		iif "lo" accept
		counter name "inbound4" drop
	}
	chain from_listed6 {
		iif "lo" accept
		ip6 nexthdr ipv6-icmp ip6 hoplimit 255 icmpv6 type 133-136 accept
		counter name "inbound6" drop
	}
	chain to_listed4 {
		oif "lo" accept
		counter name "outbound4" drop
	}
	chain to_listed6 {
		oif "lo" accept
		ip6 nexthdr ipv6-icmp ip6 hoplimit 255 icmpv6 type 133-136 accept
		counter name "outbound6" drop
	}
	chain inbound {
		type filter hook prerouting priority raw; policy accept;
		ip saddr @drop4_g7 goto from_listed4
		ip6 saddr @drop6_g7 goto from_listed6
	}
	chain outbound {
		type filter hook postrouting priority raw; policy accept;
		ip daddr @drop4_g7 goto to_listed4
		ip6 daddr @drop6_g7 goto to_listed6
	}
}
"#;

const LISTED: &str = "198.51.100.0/24\n2001:db8:bad::/48\n";

/// Puts the table of that version in force, with what [`LISTED`] has.
fn older(namespace: &Namespace) {
    namespace.nft(&(older_sets("198.51.100.0/24", "2001:db8:bad::/48") + OLDER_CHAINS));
}

fn has_older(namespace: &Namespace) -> bool {
    namespace.terse_ruleset().contains("table inet netfilterd")
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_first_load_replaces_the_table_and_its_counters_count_on() {
    let (wire, folder) = (Wire::new(), Folder::new());
    older(&wire.inside);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    wire.inside.load(&["-f", &folder.file("list", LISTED)]);
    assert!(!has_older(&wire.inside), "{}", wire.inside.ruleset());
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.goes_out(INSIDE6, FOE6));
    assert!(wire.comes_in(FRIEND4, INSIDE4) && wire.goes_out(INSIDE6, FRIEND6));
    // What each of them had, and two tries for each way that was tried.
    for (counter, packets) in
        [("inbound4", 11 + 4), ("inbound6", 12), ("outbound4", 13), ("outbound6", 14 + 2)]
    {
        assert_eq!(wire.inside.counter(counter), packets, "{counter}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn until_then_the_older_table_is_what_is_in_force() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", LISTED);
    older(&namespace);
    let ran = namespace.netfilterd(&["test", "-f", &list, "198.51.100.7"]);
    ran.expect(0, &[]);
    assert!(ran.stdout().contains("in force in table inet netfilterd"), "{}", ran.stdout());
    let check = namespace.netfilterd(&["check", "-f", &list]).stdout();
    assert!(check.ends_with(": +0 -0\n"), "{check}");
    // So a guard compares with what was loaded there.
    let networks: Vec<String> = (0..200).map(|i| format!("192.{i}.0.0/24")).collect();
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let many = folder.file("many", networks.join("\n"));
    namespace.load(&["-f", &many, "--state-file", &state]);
    namespace.nft("delete table ip netfilterd; delete table ip6 netfilterd");
    namespace.nft(&(older_sets(&networks.join(", "), "2001:db8:bad::/48") + OLDER_CHAINS));
    let ran = namespace.netfilterd(&["load", "-f", &list, "--state-file", &state]);
    ran.expect(3, &["--max-shrink"]);
    assert!(has_older(&namespace));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_is_not_confirmed_returns_to_the_older_table() {
    let (wire, folder) = (Wire::new(), Folder::new());
    older(&wire.inside);
    let before = wire.inside.ruleset();
    let list = folder.file("list", "192.0.2.0/24\n");
    let load = ["load", "--no-protect", "-f", &list, "--confirm", "86400"];
    for (answer, is_confirmed) in [("no\n", false), ("yes\n", true)] {
        let mut child = wire.inside.command(program());
        child.args(load).args(wire.inside.state());
        let folder = Folder::new();
        let (log, input) = (folder.file("log", ""), folder.path().join("input"));
        nix::unistd::mkfifo(&input, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let fifo = std::fs::File::options().read(true).write(true).open(&input).unwrap();
        child.stdin(fifo.try_clone().unwrap());
        child.stderr(std::fs::File::create(&log).unwrap());
        let mut child = Background(child.spawn().unwrap());
        let said = || std::fs::read_to_string(&log).unwrap();
        eventually("the question", || said().contains("Type yes within"));
        assert!(wire.comes_in(FOE4, INSIDE4), "the older list is out of force");
        assert!(has_older(&wire.inside), "it is kept to return to it");
        std::io::Write::write_all(&mut &fifo, answer.as_bytes()).unwrap();
        assert_eq!(child.0.wait().unwrap().success(), is_confirmed, "{}", said());
        assert_eq!(wire.comes_in(FOE4, INSIDE4), is_confirmed);
        match is_confirmed {
            false => assert_eq!(wire.inside.ruleset(), before),
            true => assert!(!has_older(&wire.inside), "{}", wire.inside.ruleset()),
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_run_that_was_killed_before_it_deleted_the_older_table_leaves_it_to_the_next() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", LISTED);
    wire.inside.load(&["-f", &list]);
    older(&wire.inside);
    wire.inside.nft("add table inet netfilterd { flags dormant; }");
    wire.inside.load(&["-f", &list]);
    assert!(!has_older(&wire.inside), "{}", wire.inside.ruleset());
    assert_eq!(wire.inside.counter("inbound4"), 0, "the counters that are there stay");
    assert!(!wire.comes_in(FOE4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_another_program_put_into_the_older_table_stays_and_is_named() {
    let (wire, folder) = (Wire::new(), Folder::new());
    older(&wire.inside);
    let theirs = "chain mine { type filter hook input priority 0; ip saddr @drop4_g7 accept; }";
    wire.inside.nft(&format!("table inet netfilterd {{ {theirs}; }}"));
    let list = folder.file("list", "192.0.2.0/24\n");
    let ran = wire.inside.load(&["-f", &list]);
    let cure = "nft delete table inet netfilterd";
    assert_names(&ran.stderr(), &["warning: ", "chain mine", cure]);
    assert!(wire.comes_in(FOE4, INSIDE4), "the older list is out of force");
    let ruleset = wire.inside.ruleset();
    assert!(ruleset.contains("ip saddr @drop4_g7 accept"), "{ruleset}");
    assert!(!ruleset.contains("drop6_g7"), "{ruleset}");
    let ran = wire.inside.load(&["-f", &list]);
    assert!(!ran.stderr().contains("chain mine"), "once is enough: {}", ran.stderr());
}
