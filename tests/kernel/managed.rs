//! The managed table, judged by nft and by packets.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use kit::*;
use netfilterd::nftables::batch::Batch;
use netfilterd::nftables::name::TableName;
use netfilterd::nftables::transaction::Sending;
use netfilterd::nftables::{Connection, objects};
use netfilterd::progress::{Progress, Step};

const FOES: &str = "198.51.100.0/24\n2001:db8:bad::/48\n127.0.0.0/8\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_in_force_is_what_print_prints() {
    let namespace = Namespace::new();
    for (list, mask) in [("ipsum_level3.txt", "24"), ("country_us_v6.cidr", "32")] {
        let list = format!("{}/tests/lists/{list}", env!("CARGO_MANIFEST_DIR"));
        for options in [
            &["-f", &list][..],
            &["-f", &list, "-m", mask, "--mask6", "48"],
            &["-f", &list, "--layout", "hash"],
            &["-f", &list, "--layout", "interval"],
        ] {
            namespace.load(options);
            let lists: Vec<&str> =
                options.iter().copied().take_while(|option| *option != "--layout").collect();
            let printed = namespace.netfilterd(&[&["print"], &lists[..]].concat()).stdout();
            let printed = merged(&printed);
            assert_eq!(namespace.managed("drop4"), printed.v4);
            assert_eq!(namespace.managed("drop6"), printed.v6);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_edges_of_the_address_spaces_are_what_nft_says_they_are() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    for text in [
        "0.0.0.0\n255.255.255.255\n::\nffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n",
        "0.0.0.0/1\n255.255.255.254/31\n::/1\nffff::/16\n",
        "128.0.0.0/1\n8000::/1\n",
        "0.0.0.0-255.255.255.254\n::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n",
        "0.0.0.0/0\n::/0\n",
        "192.0.2.1-192.0.2.6\n2001:db8::1-2001:db8::6\n",
    ] {
        for layout in ["auto", "interval", "hash"] {
            // The edges are about the kernel, and nothing that one wants to be without.
            let list = folder.file("list", text);
            namespace.load(&["-f", &list, "--layout", layout, "--no-protect", "--force"]);
            assert_eq!(namespace.managed("drop4"), merged(text).v4, "{text}");
            assert_eq!(namespace.managed("drop6"), merged(text).v6, "{text}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn more_ranges_than_fit_into_one_message_all_arrive() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    // 1,638 IPv4 and 1,023 IPv6 ranges fill a message to the last byte.
    // Of keys 4,095 and 2,339 do.
    for count in [1022u32, 1023, 1024, 1637, 1638, 1639, 2339, 2340, 3276, 3277, 4095, 4096] {
        let text: String = (0..count)
            .map(|i| format!("10.{}.{}.1\n2001:db8::{i:x}:1\n", i >> 8, i & 255))
            .collect();
        let list = folder.file("list", &text);
        for layout in ["auto", "interval", "hash"] {
            namespace.load(&["-f", &list, "--layout", layout]);
            assert_eq!(namespace.managed("drop4"), merged(&text).v4, "{count}");
            assert_eq!(namespace.managed("drop6"), merged(&text).v6, "{count}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_from_and_to_the_list_are_dropped_and_all_others_pass() {
    let (wire, folder) = (Wire::new(), Folder::new());
    assert!(wire.comes_in(FOE4, INSIDE4), "before anything is loaded, a foe passes");
    assert!(wire.goes_out(INSIDE6, FOE6));
    let list = folder.file("list", FOES);
    let mut seen = 0;
    for options in [
        &[][..],
        &["--layout", "interval"],
        &["--layout", "hash"],
        // Hosts, then networks, which are looked up by the masked address.
        &["--layout", "hash", "--mask", "32", "--mask6", "128"],
        &["--layout", "hash", "--mask", "24", "--mask6", "64"],
    ] {
        wire.inside.load(&[&["-f", &list], options].concat());
        for (friend, foe, inside, counters) in [
            (FRIEND4, FOE4, INSIDE4, ["inbound4", "outbound4"]),
            (FRIEND6, FOE6, INSIDE6, ["inbound6", "outbound6"]),
        ] {
            assert_eq!(wire.inside.counter(counters[0]), seen);
            assert!(!wire.comes_in(foe, inside), "{options:?}");
            assert_eq!(wire.inside.counter(counters[0]), seen + 2, "two tries, both counted");
            assert!(!wire.goes_out(inside, foe), "{options:?}");
            assert_eq!(wire.inside.counter(counters[1]), seen + 2);
            assert!(wire.comes_in(friend, inside), "{options:?}");
            assert!(wire.goes_out(inside, friend), "{options:?}");
            assert_eq!(wire.inside.counter(counters[0]), seen + 2, "a friend is not counted");
        }
        seen += 2;
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_hash_set_is_looked_up_by_the_masked_address_and_before_the_interval_set() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7\n10.0.0.0/8\n2001:db8::7\n2001:db9::/32\n");
    let options = ["-f", &list, "--layout", "hash", "--mask", "24", "--mask6", "72"];
    namespace.load(&options);
    let ruleset = namespace.terse_ruleset();
    for (direction, listed) in [("saddr", "from_listed"), ("daddr", "to_listed")] {
        // Some versions of nft write the comparison out.
        let lines: Vec<String> =
            ruleset.lines().map(|line| line.trim().replace(" == @", " @")).collect();
        for rules in [
            [
                format!("ip {direction} & 255.255.255.0 @drop4_24_g1 goto {listed}4"),
                format!("ip {direction} @drop4_g1 goto {listed}4"),
            ],
            [
                format!("ip6 {direction} & ffff:ffff:ffff:ffff:ff00:: @drop6_72_g1 goto {listed}6"),
                format!("ip6 {direction} @drop6_g1 goto {listed}6"),
            ],
        ] {
            let first = lines.iter().position(|line| *line == rules[0]).expect("the first rule");
            assert_eq!(lines[first..first + 2], rules, "{ruleset}");
        }
    }
    let listing = namespace.nft("list ruleset");
    namespace.nft(&format!("flush ruleset; {listing}"));
    // What goes out of the hash set leaves no set behind that nothing is in.
    namespace.load(&["-f", &folder.file("list", "192.0.2.7\n"), "--layout", "hash"]);
    let mut sets = namespace.managed_sets();
    sets.sort();
    assert_eq!(sets, ["drop4_32_g2"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn forwarded_packets_are_judged_by_both_addresses() {
    let (wire, folder) = (Wire::new(), Folder::new());
    // Behind the inside there is another network, for which it is the router.
    let behind = Namespace::new();
    wire.inside.ip(&format!("link add back0 type veth peer name back1 netns {}", behind.name()));
    wire.inside.ip("addr add 10.78.0.1/24 dev back0");
    wire.inside.ip("link set back0 up");
    behind.ip("addr add 10.78.0.2/24 dev back1");
    behind.ip("link set back1 up");
    behind.ip("route add default via 10.78.0.1");
    wire.outside.ip("route add 10.78.0.0/24 via 10.77.0.2");
    let forward = "/proc/sys/net/ipv4/ip_forward";
    wire.inside.within(|| fs::write(forward, "1").unwrap());
    let through = |from: &str| passes(&wire.outside, from, &behind, "10.78.0.2");
    let back = |to: &str| passes(&behind, "10.78.0.2", &wire.outside, to);
    assert!(through(FOE4) && back(FOE4) && through(FRIEND4) && back(FRIEND4));
    wire.inside.load(&["-f", &folder.file("list", FOES)]);
    assert!(!through(FOE4) && !back(FOE4));
    assert!(through(FRIEND4) && back(FRIEND4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn loopback_passes_even_if_it_is_listed() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "127.0.0.0/8\n::1\n");
    for options in [&["--layout", "hash", "--mask", "8"][..], &[], &["-i", "lo"]] {
        namespace.load(&[&["-f", &list, "--no-protect"], options].concat());
        assert!(passes(&namespace, "127.0.0.1", &namespace, "127.0.0.1"), "{options:?}");
        assert!(passes(&namespace, "::1", &namespace, "::1"), "{options:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn filtering_is_narrowed_to_the_named_interfaces() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    for (interfaces, passes) in [
        (&["-i", "eth0"][..], true),
        (&["-i", "eth0", "-i", WIRE], false),
        (&["-i", "wire*"], false),
        (&["-i", "wir"], true),
        (&[], false),
    ] {
        wire.inside.load(&[&["-f", &list], interfaces].concat());
        assert_eq!(wire.comes_in(FOE4, INSIDE4), passes, "{interfaces:?}");
        assert_eq!(wire.goes_out(INSIDE6, FOE6), passes, "{interfaces:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_reload_replaces_the_sets_and_keeps_the_counters() {
    let (wire, folder) = (Wire::new(), Folder::new());
    wire.inside.load(&["-f", &folder.file("list", FOES)]);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    wire.inside.load(&["-f", &folder.file("list", "192.0.2.0/24\n")]);
    assert_eq!(wire.inside.counter("inbound4"), 2);
    assert_eq!(wire.inside.generations(), ["drop4_g2"], "none for IPv6");
    assert!(wire.comes_in(FOE4, INSIDE4), "no longer listed");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn left_overs_of_a_killed_run_are_removed() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    namespace.load(&["-f", &list]);
    // What a run leaves that is killed between its two transactions.
    namespace.nft("add set ip netfilterd drop4_g41 { type ipv4_addr; flags interval; }");
    namespace.nft("add set ip6 netfilterd drop6_g41 { type ipv6_addr; flags interval; }");
    namespace.nft("add set ip netfilterd drop4_24_g41 { type ipv4_addr; size 64; }");
    namespace.nft("add set ip6 netfilterd drop6_first32_g40 { typeof @nh,64,32; size 64; }");
    namespace.load(&["-f", &list]);
    assert_eq!(namespace.generations(), ["drop4_g42", "drop6_g42"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whatever_was_done_to_the_table_a_load_puts_right() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    wire.inside.load(&["-f", &list]);
    let right = wire.inside.ruleset();
    for damage in [
        "flush chain ip netfilterd inbound",
        "flush chain ip netfilterd outbound; delete chain ip netfilterd outbound",
        "flush set ip netfilterd drop4_first16_gN",
        "flush set ip netfilterd drop4_24_gN",
        "flush set ip6 netfilterd drop6_48_gN",
        "insert rule ip netfilterd inbound accept",
        "add table ip netfilterd { flags dormant; }",
        "add chain ip netfilterd inbound { policy drop; }",
        "flush chain ip netfilterd inbound; delete chain ip netfilterd inbound; \
         add chain ip netfilterd inbound { type filter hook input priority 0; }",
        "add chain ip6 netfilterd outbound { policy drop; }",
        "add table ip6 netfilterd { flags dormant; }",
        "delete table ip netfilterd",
        "delete table ip6 netfilterd",
        "flush ruleset",
    ] {
        let sets = wire.inside.managed_sets();
        let (_, generation) = sets[0].rsplit_once("_g").unwrap();
        wire.inside.nft(&damage.replace("_gN", &format!("_g{generation}")));
        assert_ne!(plain(&wire.inside.ruleset()), plain(&right), "{damage}");
        wire.inside.load(&["-f", &list]);
        let mended = plain(&wire.inside.ruleset());
        assert_eq!(mended, plain(&right), "{damage}");
        assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6), "{damage}");
        assert!(wire.comes_in(FRIEND4, INSIDE4) && wire.comes_in(FRIEND6, INSIDE6), "{damage}");
    }
}

/// A ruleset with the generations taken out, in an order that does not depend on creation.
fn plain(ruleset: &str) -> Vec<String> {
    let without_generation = |word: &str| match word.split_once("_g") {
        Some((set, generation)) if generation.parse::<u64>().is_ok() => set.to_string(),
        _ => word.to_string(),
    };
    let mut blocks: Vec<String> = ruleset
        .split('}')
        .map(|block| block.split_whitespace().map(without_generation).collect::<Vec<_>>().join(" "))
        .collect();
    blocks.sort();
    blocks
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_table_of_somebody_else_is_left_alone() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    for theirs in ["chain mine { }", "set mine { type ipv4_addr; }"] {
        for family in ["ip", "ip6"] {
            namespace.nft(&format!("flush ruleset; table {family} netfilterd {{ {theirs}; }}"));
            let before = namespace.ruleset();
            let ran = namespace.netfilterd(&["load", "-f", &list]);
            ran.expect(1, &[&format!("{family} netfilterd"), "mine"]);
            assert_eq!(namespace.ruleset(), before);
        }
        // That netfilterd once had a table of this name does not concern whose this is.
        namespace.nft(&format!("flush ruleset; table inet netfilterd {{ {theirs}; }}"));
        let before = namespace.ruleset();
        namespace.load(&["-f", &list]);
        assert!(namespace.ruleset().starts_with(&before), "{}", namespace.ruleset());
        assert_eq!(namespace.generations(), ["drop4_g1", "drop6_g1"]);
    }
    // An empty table of that name is nobody's, and one from a script that print wrote is ours.
    let script = netfilterd(&["print", "--format", "nft", "-f", &list]).stdout();
    for nobodys in ["add table ip netfilterd; add table ip6 netfilterd", &script] {
        namespace.nft(&format!("flush ruleset; {nobodys}"));
        namespace.load(&["-f", &list]);
        namespace.load(&["-f", &list]);
        assert_eq!(namespace.generations(), ["drop4_g2", "drop6_g2"]);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_others_put_into_our_table_stays() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    namespace.load(&["-f", &list]);
    // A rule that uses a set of ours by its full name keeps that set from being deleted, and no other.
    let sets = namespace.managed_sets();
    let used = sets.iter().find(|set| set.starts_with("drop4_24_")).unwrap();
    let rule = format!("tcp dport 22 ip saddr @{used} accept");
    namespace.nft(&format!("table ip netfilterd {{ chain mine {{ {rule}; }}; }}"));
    let command = "nft delete rule ip netfilterd mine handle ";
    let ran = namespace.load(&["-f", &list]);
    assert_names(&ran.stderr(), &["warning: ", "chain mine", used, command]);
    let cure = ran.stderr().split(command).nth(1).unwrap().lines().next().unwrap().to_string();
    for generation in 3..=12 {
        let ran = namespace.load(&["-f", &list]);
        assert!(!ran.stderr().contains("chain mine"), "once is enough: {}", ran.stderr());
        let expected = ["drop4", "drop6"].map(|base| format!("{base}_g{generation}"));
        assert_eq!(namespace.generations(), [&["drop4_g1".to_string()][..], &expected].concat());
        let mut sets = namespace.managed_sets();
        sets.retain(|set| set.ends_with("_g1"));
        assert_eq!(sets, std::slice::from_ref(used), "no other of its row");
    }
    let [table, _] = &namespace.managed_tables()[..] else { panic!("two tables") };
    assert_eq!(table.looked_up("mine"), std::slice::from_ref(used));
    let looked_up = table.looked_up("inbound");
    assert!(!looked_up.is_empty() && looked_up.iter().all(|set| set.ends_with("_g12")));
    assert_eq!(namespace.looked_up("drop4"), ["198.51.100.0/24"]);
    // The kernel says what is in force, whatever is in the set of an old list.
    let other = folder.file("other", "192.0.2.0/24\n");
    namespace.load(&["-f", &other]);
    let ran = namespace.netfilterd(&["test", "-f", &list, "198.51.100.7"]);
    assert!(ran.stdout().contains("198.51.100.7: not in force"), "{}", ran.stdout());

    namespace.nft(&format!("delete rule ip netfilterd mine handle {cure}"));
    namespace.load(&["-f", &other]);
    assert_eq!(namespace.generations(), ["drop4_g14"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_rule_that_is_added_in_the_middle_of_a_load_does_not_make_it_fail() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    namespace.load(&["-f", &list]);
    namespace.nft("add chain ip netfilterd mine");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for set in namespace.managed_sets() {
                    // The set may be gone by now.
                    let key = if set.contains("first16") { "@nh,96,16" } else { "ip saddr" };
                    let rule = format!("add rule ip netfilterd mine meta mark 1 {key} @{set}");
                    let _ = namespace.command("nft").arg(rule).output();
                }
                namespace.nft("flush chain ip netfilterd mine");
            }
        });
        for _ in 0..60 {
            let ran = namespace.netfilterd(&["load", "-f", &list]);
            if ran.status() != 0 {
                done.store(true, Ordering::Relaxed);
            }
            assert_eq!(ran.status(), 0, "{}", ran.stderr());
        }
        done.store(true, Ordering::Relaxed);
    });
    namespace.load(&["-f", &list]);
    assert_eq!(namespace.generations().len(), 2, "{:?}", namespace.managed_sets());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_fails_changes_nothing() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.load(&["-f", &folder.file("list", FOES)]);
    let before = namespace.ruleset();
    let html = folder.file("page.html", "<html>\n<body>503</body>\n");
    let empty = folder.file("empty", "# nothing yet\n");
    let mixed = folder.file("mixed", "192.0.2.1\nexample.com\n");
    let gone = folder.path().join("gone");
    for (status, options, fragments) in [
        (1, &["-f", gone.to_str().unwrap()][..], &["gone: ", "No such file"][..]),
        (1, &["-f", &html], &["page.html: ", "HTML"]),
        (3, &["-f", &empty], &["--min-entries 0"]),
        (3, &["-f", &mixed, "--strict"], &["mixed:2:1: ", "--strict"]),
        (3, &["-f", &mixed, "--min-entries", "2"], &["1 network", "--min-entries 2"]),
        (2, &["-f", &mixed, "--set4", "drop"], &["--set4", "'drop'"]),
    ] {
        namespace.netfilterd(&[&["load"], options].concat()).expect(status, fragments);
        assert_eq!(namespace.ruleset(), before, "{options:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_sets_can_be_emptied_on_purpose() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.load(&["-f", &folder.file("list", FOES)]);
    namespace.load(&["--file", "/dev/null", "--min-entries", "0"]);
    assert_eq!(namespace.managed_sets(), [""; 0]);
    assert!(!namespace.ruleset().contains("goto"), "{}", namespace.ruleset());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_family_has_sets_from_its_first_network_on() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let (v4, v6) = FOES.lines().partition::<Vec<_>, _>(|line| line.contains('.'));
    let list = folder.file("list", v4.join("\n"));
    let daemon = Daemon::start(&wire.inside, &["-f", &list]);
    assert_eq!(wire.inside.generations(), ["drop4_g1"]);
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FOE6, INSIDE6));

    folder.file("list", FOES);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert_eq!(wire.inside.generations(), ["drop4_g2", "drop6_g2"]);
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    assert!(!wire.goes_out(INSIDE6, FOE6));

    // Without networks it has none again, and its packets pay nothing.
    folder.file("list", v6.join("\n"));
    daemon.signal("HUP");
    daemon.wait_for_loads(3);
    assert_eq!(wire.inside.generations(), ["drop6_g3"]);
    assert!(wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn without_the_capability_the_message_says_which() {
    needs(&["setpriv"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    let mut command = namespace.command("setpriv");
    command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", program(), "load"]);
    command.args(["-f", &list]).args(namespace.state());
    run(&mut command).expect(1, &["CAP_NET_ADMIN"]);
    assert_eq!(namespace.ruleset(), "");
}

/// A shell command in a user namespace and a network namespace of its own; `None` where there are
/// none.
fn unshared(script: &str) -> Option<Ran> {
    let mut command = Command::new("unshare");
    command.args(["-Urn", "sh", "-euc", script]).env("SSH_CONNECTION", "");
    let ran = run(&mut command);
    if ran.stderr().contains("unshare") {
        println!("skipped: no user namespaces here: {}", ran.stderr());
        return None;
    }
    Some(ran)
}

/// A list of networks, none of them adjacent, that makes a transaction half as large again as a
/// socket without privileges takes, which is twice `wmem_max`; and addresses from all over it.
fn more_than_fits_without_privileges(bytes_each: usize) -> (String, Vec<String>) {
    let limit = fs::read_to_string("/proc/sys/net/core/wmem_max").unwrap();
    let count = 3 * limit.trim().parse::<usize>().unwrap() / bytes_each;
    let start = |i: usize| format!("{}.{}.{}.0", 1 + (i >> 15), i >> 7 & 255, i << 1 & 255);
    let list = (0..count).map(|i| format!("{}/24\n", start(i))).collect();
    (list, (0..count).step_by(count / 99).chain([count - 1]).map(start).collect())
}

#[test]
#[ignore = "needs root: network namespaces"]
fn in_a_user_namespace_what_is_too_large_for_a_transaction_is_filled_in_several() {
    needs(&["unshare"]);
    let folder = Folder::new();
    let few = folder.file("few", FOES);
    // Of the few some have another length than the others, for which there is one set more.
    for (layout, bytes_each, sets) in
        [("auto", 16, None), ("interval", 40, Some(2)), ("hash", 16, Some(3))]
    {
        let (many, addresses) = more_than_fits_without_privileges(bytes_each);
        let many = folder.file("many", many);
        let state = folder.path().join("state.json");
        // The second rebuild finds the sets of the first, and takes them away.
        let program = program();
        let script = format!(
            "load() {{ {program} load -q --no-protect --max-shrink 100 --layout {layout} \
             --state-file {state} -f $1; }}; load {few}; load {many}
             {program} test --no-protect --json -f {many} {addresses}
             load {few}; nft list sets",
            state = state.display(),
            addresses = addresses.join(" ")
        );
        let Some(ran) = unshared(&script) else { return };
        ran.expect(0, &[]);
        let said = ran.stdout();
        let names = said.lines().filter_map(|line| line.trim().strip_prefix("set "));
        let names: Vec<&str> = names.map(|name| name.trim_end_matches(" {")).collect();
        let generations = names.iter().filter_map(|name| kit::listed::split_name(name));
        let generations: BTreeSet<u64> = generations.map(|(_, generation)| generation).collect();
        assert_eq!(generations.len(), 1, "{layout}: nothing is left over: {names:?}");
        assert_eq!(names.len(), sets.unwrap_or(names.len()), "{layout}: {names:?}");
        let in_force = said.matches("\"kernel\": \"in_force\"").count();
        assert_eq!(in_force, addresses.len(), "{layout}: all of it is there");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn in_a_user_namespace_a_change_that_is_too_large_is_refused_with_the_number_to_set() {
    needs(&["unshare"]);
    let folder = Folder::new();
    let (many, _) = more_than_fits_without_privileges(40);
    let many = folder.file("many", many);
    // In somebody else's table there is no other way than one transaction.
    let script = format!(
        "nft add table inet f; nft add set inet f drop4 '{{ type ipv4_addr; flags interval; }}'
         nft add set inet f drop6 '{{ type ipv6_addr; flags interval; }}'
         {} load --no-protect -t 'inet f' -f {many} --state-file {}",
        program(),
        folder.path().join("state.json").display()
    );
    let Some(ran) = unshared(&script) else { return };
    ran.expect(1, &["CAP_NET_ADMIN", "net.core.wmem_max to "]);
}

/// The sockets of the whole machine that have joined the seventh group of netfilter's,
/// NFNLGRP_NFTABLES: their ports and their inodes.
fn listening_sockets() -> Vec<[String; 2]> {
    let mut sockets = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let of_its_namespace = fs::read_to_string(process.path().join("net/netlink"));
        for line in of_its_namespace.unwrap_or_default().lines() {
            // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
            let columns: Vec<&str> = line.split_whitespace().collect();
            let groups = u32::from_str_radix(columns[3], 16).unwrap_or(0);
            if columns[1] == "12" && groups & 1 << 6 != 0 {
                sockets.push([columns[2].to_string(), columns[9].to_string()]);
            }
        }
    }
    sockets
}

/// Whether a number is the port of such a socket, or the id of a process that has one.
fn listens(number: &str) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{number}/fd")).into_iter().flatten().flatten();
    let open: Vec<_> = descriptors.filter_map(|it| fs::read_link(it.path()).ok()).collect();
    let is_open = |inode: &str| open.contains(&format!("socket:[{inode}]").into());
    listening_sockets().iter().any(|[port, inode]| port == number || is_open(inode))
}

/// The warnings of a load, besides that of `--no-protect`.
fn warnings(loaded: &Ran) -> Vec<String> {
    let of_it = |line: &&str| line.contains("warning: ") && !line.contains("--no-protect");
    loaded.stderr().lines().filter(of_it).map(str::to_string).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_somebody_listens_a_large_list_is_loaded_in_parts_and_they_are_named() {
    let (namespace, elsewhere, folder) = (Namespace::new(), Namespace::new(), Folder::new());
    // For each of these the kernel would keep a message of 8 KiB until the end of a transaction.
    let network = |i: u32| format!("{}.{}.{}.0/24\n", 1 + (i >> 15), i >> 7 & 255, i << 1 & 255);
    let large = folder.file("large", (0..40_000).map(network).collect::<String>());
    let generation = || namespace.within(|| Connection::open().unwrap().generation().unwrap());
    // It does not matter where somebody listens.
    for other in [&namespace, &elsewhere] {
        let monitor = other.command("nft").arg("monitor").stdout(Stdio::null()).spawn().unwrap();
        let monitor = Background(monitor);
        eventually("a listener", || listens(&monitor.0.id().to_string()));
        // One that listens is named, once. It may be another on this machine than the one just
        // started, and may have ended since: then the next load names another.
        eventually("a name of one that listens", || {
            let before = generation();
            let loaded = namespace.load(&["-f", &large, "--no-protect"]);
            // Each transaction makes the generation one higher: here 640 KB in parts of 256 KiB.
            assert_eq!(generation() - before, 4, "three to fill and one to switch");
            assert_eq!(namespace.managed("drop4").len(), 40_000);
            let [warning] = &warnings(&loaded)[..] else { panic!("{}", loaded.stderr()) };
            warning.split(|c: char| !c.is_ascii_digit()).any(listens)
        });

        // A small one is one transaction, whoever listens.
        let before = generation();
        let few = folder.file("few", FOES);
        let small = namespace.load(&["-f", &few, "--max-shrink", "100", "--no-protect"]);
        assert_eq!(warnings(&small), [""; 0]);
        assert_eq!(generation() - before, 2, "one to fill and one to switch");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn other_names_for_the_sets_are_kept_to() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    namespace.load(&["-f", &list, "--set4", "bad-guys.4", "--set6", "_six"]);
    namespace.load(&["-f", &list, "--set4", "bad-guys.4", "--set6", "_six"]);
    assert_eq!(namespace.generations(), ["bad-guys.4_g2", "_six_g2"]);
    // The listing loads again: no name in it is one that nft cannot type.
    let listing = namespace.nft("list ruleset");
    namespace.nft(&format!("flush ruleset; {listing}"));
}

/// The networks sent, of how many, as they were reported.
#[derive(Default)]
struct Reported(RefCell<Vec<(u64, u64)>>);

impl Progress for Reported {
    fn step(&self, step: Step) {
        if let Step::Sending { networks, of } = step {
            self.0.borrow_mut().push((networks, of));
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn networks_that_the_kernel_refused_are_not_reported_as_sent() {
    let table: TableName = "ip netfilterd".parse().unwrap();
    let commit = |fill: fn(&mut Batch, &TableName)| {
        Namespace::new().within(|| {
            let (mut batch, reported) = (Batch::new(), Reported::default());
            fill(&mut batch, &table);
            let mut connection = Connection::open().unwrap();
            let sending = Sending::new(&reported, 10);
            let (transactions, result) = connection.commit_in_parts(batch, &sending);
            (transactions, result.is_ok(), reported.0.into_inner())
        })
    };
    let added = commit(objects::add_table);
    assert_eq!(added, (1, true, vec![(0, 10), (10, 10)]));
    let refused = commit(|batch, table| objects::delete_set(batch, table, c"drop4"));
    assert_eq!(refused, (0, false, vec![(0, 10)]));
}
