//! Another program changes what netfilterd keeps: it is repaired, and the log says who it was.

use kit::*;
use netfilterd::nftables::Connection;

/// The rules and elements of the managed table, with the generations taken out.
fn managed_state(namespace: &Namespace) -> Vec<String> {
    let listing = namespace.nft("list ruleset");
    let mut lines: Vec<String> = listing
        .split_whitespace()
        .map(|word| match word.split_once("_g") {
            Some((set, generation)) if generation.parse::<u64>().is_ok() => set.to_string(),
            _ => word.to_string(),
        })
        .collect();
    lines.sort();
    lines
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whatever_is_taken_from_the_managed_table_is_put_back() {
    for layout in ["auto", "interval", "hash"] {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let list = folder.file("list", FOES);
        let interferences = [
            "flush ruleset",
            "delete table ip netfilterd",
            "flush set ip netfilterd FIRST",
            "flush set ip netfilterd LAST",
            "delete element ip netfilterd LAST { ELEMENT }",
            "flush chain ip netfilterd inbound",
            "insert rule ip netfilterd inbound accept",
            "delete table ip6 netfilterd",
            "flush chain ip6 netfilterd outbound",
        ];
        for interference in interferences {
            // A daemon for each: to the same one they would be somebody who keeps at it.
            let daemon = Daemon::start(&namespace, &["-f", &list, "--layout", layout]);
            let before = managed_state(&namespace);
            let sets = namespace.sets("ip netfilterd");
            let [first, .., last] = &[sets.clone(), sets].concat()[..] else { panic!("no sets") };
            let element = if layout == "interval" { "198.51.100.0/24" } else { "198.51.100.0" };
            let command = interference.replace("FIRST", first).replace("LAST", last);
            let command = command.replace("ELEMENT", element);
            namespace.nft(&command);
            let repairs = daemon.wait_for_repairs(1);
            assert!(repairs["by"].as_str().unwrap().starts_with("nft (pid "), "{repairs}");
            let changed = match interference.contains("ip6") {
                true => "changed table ip6 netfilterd; repairing it",
                false if interference == "flush ruleset" => {
                    "changed tables ip netfilterd and ip6 netfilterd; repairing them"
                }
                false => "changed table ip netfilterd; repairing it",
            };
            daemon.wait_for_line(&["nft (pid ", changed], 1);
            assert_eq!(managed_state(&namespace), before, "{command}");
            assert_eq!(daemon.end("TERM"), 0);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_are_dropped_again_after_the_ruleset_was_flushed() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    let daemon = Daemon::start(&wire.inside, &["-f", &list]);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    wire.inside.nft("flush ruleset");
    daemon.wait_for_repairs(1);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    assert!(wire.comes_in(FRIEND4, INSIDE4));
}

/// Whether a process, alone with netlink in its namespace, has received all that was sent to it.
fn nothing_waits(pid: u32) -> bool {
    let sockets = std::fs::read_to_string(format!("/proc/{pid}/net/netlink")).unwrap();
    // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
    sockets.lines().skip(1).all(|line| line.split_whitespace().nth(4) == Some("0"))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_others_do_in_tables_of_their_own_is_nothing_to_repair() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    let daemon = Daemon::start(&namespace, &["-v", "-f", &list]);
    for number in 0..5 {
        namespace.nft(&format!("add table ip other{number}"));
    }
    // The daemon has heard all of it, and still knows that its own table is as it was.
    eventually("all of it heard", || nothing_waits(daemon.pid()));
    let before = namespace.ruleset();
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert_eq!(namespace.ruleset(), before, "no changes");
    folder.file("list", format!("{FOES}192.0.2.0/24\n"));
    daemon.signal("HUP");
    daemon.wait_for_loads(3);
    assert_eq!(daemon.change(), (1, 0));
    assert_eq!(daemon.status()["repairs"]["count"], 0);
    assert!(!daemon.log().contains("nft (pid"), "{}", daemon.log());
    let sets = namespace.managed_sets();
    assert!(sets.iter().all(|set| set.ends_with("_g1")), "changed in place: {sets:?}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_small_change_leaves_the_other_elements_and_the_sets_alone() {
    for layout in ["auto", "interval", "hash"] {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let networks = |from: u32, to: u32| -> String {
            (from..to).map(|i| format!("10.{}.{}.0/24\n", i >> 8, (i & 127) * 2)).collect()
        };
        let list = folder.file("list", networks(0, 100));
        let daemon = Daemon::start(&namespace, &["-f", &list, "--layout", layout]);
        folder.file("list", networks(3, 104));
        daemon.signal("HUP");
        assert_eq!(daemon.wait_for_loads(2)["networks4"], 101);
        assert_eq!(daemon.change(), (4, 3));
        assert_eq!(namespace.managed("drop4"), merged(&networks(3, 104)).v4);
        let sets = namespace.managed_sets();
        assert!(sets.iter().all(|set| set.ends_with("_g1")), "{sets:?}");
        // More than there is room for, or more than is worth it: everything anew.
        folder.file("list", networks(0, 126));
        daemon.signal("HUP");
        assert_eq!(daemon.wait_for_loads(3)["networks4"], 126);
        assert_eq!(namespace.managed("drop4"), merged(&networks(0, 126)).v4);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn without_repair_it_stays_as_it_was_left_until_the_next_load() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    let daemon = Daemon::start(&namespace, &["-f", &list, "--no-repair"]);
    // In the time in which another daemon repairs.
    let elsewhere = Namespace::new();
    let other = Daemon::start(&elsewhere, &["-f", &list]);
    namespace.nft("flush ruleset");
    elsewhere.nft("flush ruleset");
    other.wait_for_repairs(1);
    assert_eq!(namespace.ruleset(), "");
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert!(!namespace.managed("drop4").is_empty());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn one_who_removes_the_table_again_and_again_is_not_fought() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    for (pause, times) in ["nft (pid ", "in 1 s", "in 2 s"].into_iter().zip(1..) {
        namespace.nft("flush ruleset");
        daemon.wait_for(pause, 1);
        daemon.wait_for_repairs(times);
        assert!(!namespace.ruleset().is_empty());
    }
    assert_names(&daemon.log(), &["--no-repair"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn sets_in_a_foreign_table_are_filled_again_and_its_rules_are_nobodys_business() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "198.51.100.0/24\n192.0.2.0/24\n");
    let table = "table ip t { set a { type ipv4_addr; flags interval; }\n \
                 chain c { ip saddr @a drop; }\n }";
    for interference in [
        "flush set ip t a".to_string(),
        "delete element ip t a { 192.0.2.0/24 }".to_string(),
        "add element ip t a { 10.0.0.0/8 }".to_string(),
        format!("flush ruleset; {table}"),
    ] {
        namespace.nft(&format!("flush ruleset; {table}"));
        let daemon = Daemon::start(&namespace, &["-f", &list, "-t", "ip t", "--set4", "a"]);
        namespace.nft("add rule ip t c counter");
        namespace.nft(&interference);
        daemon.wait_for_repairs(1);
        assert_eq!(namespace.elements("ip t", "a"), ["192.0.2.0/24", "198.51.100.0/24"]);
        let named = daemon.lines(&["table ip t", "nft (pid "]).len();
        assert_eq!(named, 1, "{interference}: {}", daemon.log());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_foreign_set_that_is_emptied_before_the_daemon_listens_again_is_filled_again() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft(
        "table ip t { set a { type ipv4_addr; flags interval; }\n chain c { ip saddr @a drop; }\n }",
    );
    let list = folder.file("list", "192.0.2.0/24\n");
    // It leaves and joins the group by setsockopt, so it is deaf for a while after each commit.
    let mut command = namespace.command("strace");
    command.args(["-D", "-qq", "-o", "/dev/null", "-e", "inject=setsockopt:delay_enter=300000"]);
    command.args([program(), "-f", &list, "-t", "ip t", "--set4", "a"]);
    let daemon = Daemon::spawn(command.args(namespace.files()));
    daemon.wait_for_loads(1);
    folder.file("list", "192.0.2.0/24\n198.51.100.0/24\n");
    daemon.signal("HUP");
    let is_there = || namespace.elements("ip t", "a") == ["192.0.2.0/24", "198.51.100.0/24"];
    eventually("not loaded", is_there);
    namespace.nft("flush set ip t a");
    daemon.wait_for_repairs(1);
    assert!(is_there());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_foreign_set_is_changed_where_it_differs_from_what_is_in_it() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n198.51.100.0/24\n203.0.113.5\n");
    let options = ["-f", &list, "-t", "ip t", "--set4", "a"];
    let set = |elements: &str| {
        namespace.nft(&format!(
            "flush ruleset; table ip t {{ set a {{ type ipv4_addr; flags interval; {elements}; }}\n \
             chain c {{ ip saddr @a drop; }}\n }}"
        ));
    };
    for (elements, change) in [
        ("elements = { 192.0.2.0/24, 10.0.0.0/8 }", "+2 -1"),
        ("elements = { 192.0.2.0/24, 198.51.100.0/24, 203.0.113.5 }", ""),
        ("elements = { 0.0.0.0/0 }", "+0 -"),
        ("elements = { 240.0.0.0/4, 0.0.0.0/8, 203.0.113.0-203.0.113.7 }", "+2 -"),
        // Adjacent networks cannot be deleted as one; the set is filled anew.
        ("elements = { 192.0.2.0/25, 192.0.2.128/25 }", "+3 -0"),
    ] {
        set(elements);
        let (generation, ran) = (generation(&namespace), namespace.load(&options));
        assert_eq!(self::generation(&namespace) == generation, change.is_empty(), "{elements}");
        assert_names(&ran.stderr(), &[change]);
        assert_eq!(
            namespace.elements("ip t", "a"),
            ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.5/32"],
            "{elements}"
        );
        let before = self::generation(&namespace);
        namespace.load(&options);
        assert_eq!(self::generation(&namespace), before, "no changes");
    }
}

/// The number that each transaction makes higher.
fn generation(namespace: &Namespace) -> u32 {
    namespace.within(|| Connection::open().unwrap().generation().unwrap())
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_busy_second_writer_delays_nothing_and_spoils_nothing() {
    for target in [&[][..], &["-t", "ip t", "--set4", "a"]] {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        namespace.nft(
            "table ip t { set a { type ipv4_addr; flags interval; }\n \
                       chain c { ip saddr @a drop; }\n }",
        );
        let networks = |odd: u32| -> String {
            (0..300).map(|i| format!("10.{}.{}.0/24\n", i >> 6, (i & 63) * 4 + odd)).collect()
        };
        let list = folder.file("list", networks(0));
        let daemon = Daemon::start(&namespace, &[&["-f", &list][..], target].concat());
        // Every transaction of the other makes the generation another than was planned for.
        let script = "while :; do nft add table ip busy; nft delete table ip busy; done";
        let mut other = namespace.command("sh").args(["-c", script]).spawn().unwrap();
        for round in 1..=20 {
            // A few networks come and go: sometimes that is a change, sometimes all of it.
            let more = format!("{}192.0.2.{round}\n", networks(round / 10));
            folder.file("list", &more);
            daemon.signal("HUP");
            daemon.wait_for_loads(u64::from(round) + 1);
            let wanted = merged(&more).v4;
            let held = if target.is_empty() {
                namespace.managed("drop4")
            } else {
                namespace.elements("ip t", "a")
            };
            assert_eq!(held, wanted, "round {round}");
        }
        // Nor is what the other does taken for something to be repaired.
        let before = daemon.status()["repairs"]["count"].as_u64().unwrap();
        namespace.nft(
            "flush ruleset; table ip t { set a { type ipv4_addr; flags interval; }\n \
                       chain c { ip saddr @a drop; }\n }",
        );
        daemon.wait_for_repairs(before + 1);
        let _ = other.kill();
        let _ = other.wait();
        let log = daemon.log();
        assert!(!log.contains("error: "), "{log}");
        assert!(!log.contains("--no-repair"), "nobody keeps at it: {log}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn at_rest_a_daemon_takes_the_ranges_and_little_more() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let many: String =
        (0..400_000u32).map(|i| format!("{}\n", std::net::Ipv4Addr::from(i * 4 + 1))).collect();
    let list = folder.file("list", &many);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
    };
    for round in 1..=4 {
        // 8 bytes a range are 3.2 MB; text, elements and batch were four times that.
        eventually("memory is given back", || resident() < 400_000 * 8 + (8 << 20));
        folder.file("list", format!("{many}255.0.0.{round}\n"));
        daemon.signal("HUP");
        daemon.wait_for_loads(round + 1);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_lost_answer_is_no_lost_list() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let old = folder.file("old", "192.0.2.0/24\n");
    let new = folder.file("new", "198.51.100.0/24\n");
    namespace.nft(
        "table ip t { set a { type ipv4_addr; flags interval; }\n \
                   chain c { ip saddr @a drop; }\n }",
    );
    let contents = |options: &[&str]| {
        if options.is_empty() {
            namespace.managed("drop4")
        } else {
            namespace.elements("ip t", "a")
        }
    };
    for options in [&[][..], &["-t", "ip t", "--set4", "a"]] {
        let mut failed = 0;
        // Whichever of the answers does not come: the old list or the new one is in force, and the
        // exit status says which.
        for number in 1..=60 {
            namespace.load(&[&["-f", &old], options].concat());
            let mut command = namespace.command("strace");
            let fault = format!("inject=recvmsg:error=ENOBUFS:when={number}");
            command.args(["-qq", "-o", "/dev/null", "-e", &fault, program(), "load", "-f", &new]);
            let ran = run(command.args(options).args(namespace.state()));
            let expected = match ran.status() {
                0 => "198.51.100.0/24",
                _ => {
                    failed += 1;
                    "192.0.2.0/24"
                }
            };
            assert_eq!(contents(options), [expected], "answer {number}: {}", ran.stderr());
        }
        assert!(failed > 0, "some answer could not be done without");
        assert!(failed < 60, "a commit was found to have been made");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_too_large_for_the_memory_is_refused_and_the_daemon_lives() {
    needs(&["prlimit"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let many: String =
        (0..2_000_000u32).map(|i| format!("{}\n", std::net::Ipv4Addr::from(i * 4 + 1))).collect();
    let list = folder.file("list", FOES);
    let mut command = namespace.command("prlimit");
    command.args(["--as=60000000", program(), "-f", &list]).args(namespace.files());
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for_loads(1);
    let before = namespace.ruleset();
    folder.file("list", many);
    daemon.signal("HUP");
    assert_names(daemon.wait_for_failures(1)["line"].as_str().unwrap(), &["memory"]);
    assert_eq!(namespace.ruleset(), before);
    folder.file("list", "192.0.2.0/24\n");
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for_loads(2)["networks4"], 1);
    assert_eq!(daemon.end("TERM"), 0);
}
