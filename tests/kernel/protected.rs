//! What is protected while it is in force: addresses that come and go, sessions, resolvers, guards
//! across restarts, and queue mode.

use std::fs;
use std::thread;
use std::time::Duration;

use kit::*;

/// The networks of both ends of the wire, and of somebody else.
const WIDE: &str = "10.77.0.0/24\nfd77::/64\n198.51.100.0/24\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn the_host_and_its_gateway_stay_reachable_and_their_neighbours_do_not() {
    let (wire, folder) = (Wire::new(), Folder::new());
    wire.outside.ip("addr add 10.77.0.9/24 dev wire0");
    let list = folder.file("list", WIDE);
    let ran = wire.inside.load(&["-f", &list]);
    for said in [
        "list:1: 10.77.0.0/24 holds 10.77.0.2 (own address), which is protected",
        "list:1: 10.77.0.0/24 holds 10.77.0.1 (default gateway), which is protected",
        "list:2: fd77::/64 holds fd77::1 (default gateway), which is protected",
        ", 4 protected, ",
    ] {
        assert!(ran.stderr().contains(said), "no {said} in {}", ran.stderr());
    }
    assert!(wire.comes_in("10.77.0.1", INSIDE4) && wire.goes_out(INSIDE4, "10.77.0.1"));
    assert!(wire.comes_in("fd77::1", INSIDE6) && wire.goes_out(INSIDE6, "fd77::1"));
    assert!(!wire.comes_in("10.77.0.9", INSIDE4), "a neighbour is not protected");
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
    let ran = wire.inside.load(&["-f", &list, "--no-protect"]);
    assert!(ran.stderr().contains("--no-protect: a list can lock you out"), "{}", ran.stderr());
    assert!(!wire.comes_in("10.77.0.1", INSIDE4));
    // By hand, as everything else, but the reverse of the rule.
    wire.inside.load(&["-f", &list, "-a", &folder.file("allow", "10.77.0.9\n")]);
    assert!(wire.comes_in("10.77.0.9", INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn gateways_are_found_on_all_kinds_of_default_routes_and_on_no_other() {
    let namespace = Namespace::new();
    namespace.ip("link add d0 type veth peer name d1");
    namespace.ip("addr add 10.77.0.2/24 dev d0");
    namespace.ip("addr add fd77::2/64 dev d0 nodad");
    namespace.ip("addr add 10.99.0.1 peer 10.99.0.2 dev d1");
    namespace.ip("link set d0 up");
    namespace.ip("link set d1 up");
    for route in [
        "route add default via 10.77.0.11",
        "route add default table 77 via 10.77.0.12",
        "route add default metric 9 nexthop via 10.77.0.13 nexthop via 10.77.0.14",
        "route add 0.0.0.0/1 via 10.77.0.15",
        "route add default metric 11 via inet6 fd77::16 dev d0",
        "-6 route add 2000::/3 via fd77::17",
        "-6 route add default nexthop via fd77::18 dev d0 nexthop via fd77::19 dev d0",
        "route add 10.1.0.0/16 via 10.77.0.30",
        "-6 route add 2001:db8::/32 via fd77::30",
        "route add blackhole 128.0.0.0/1",
    ] {
        namespace.ip(route);
    }
    let stdout = namespace.netfilterd(&["check", "-f", "/dev/null"]).stdout();
    let mut gateways: Vec<&str> = stdout
        .lines()
        .filter_map(|line| line.strip_prefix("protected: ")?.split_once(" (default gateway)"))
        .map(|(address, _)| address)
        .collect();
    gateways.sort();
    assert_eq!(
        gateways,
        [
            "10.77.0.11",
            "10.77.0.12",
            "10.77.0.13",
            "10.77.0.14",
            "10.77.0.15",
            "10.99.0.2",
            "fd77::16",
            "fd77::17",
            "fd77::18",
            "fd77::19",
        ]
    );
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_that_comes_while_the_daemon_runs_is_protected_at_once_without_the_lists() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", "10.88.0.0/24\n2001:db8:88::/64\n198.51.100.0/24\n");
    let daemon = Daemon::start(&wire.inside, &["-f", &list]);
    let before = wire.inside.managed("drop4");
    assert_eq!(before, ["10.88.0.0/24", "198.51.100.0/24"]);
    fs::remove_file(&list).unwrap();
    wire.inside.ip(&format!("addr add 10.88.0.2/24 dev {WIRE}"));
    wire.inside.ip(&format!("addr add 2001:db8:88::2/64 dev {WIRE} nodad"));
    daemon.wait_for("10.88.0.2 (own address) is listed, and protected from here on", 1);
    daemon.wait_for("2001:db8:88::2 (own address) is listed, and protected from here on", 1);
    eventually("the sets without the addresses", || {
        wire.inside.managed("drop4") == ["10.88.0.0/31", "10.88.0.3-10.88.0.255", "198.51.100.0/24"]
            && wire.inside.managed("drop6").len() == 2
    });
    assert!(daemon.log().contains(", 2 protected, ") || daemon.log().contains(", 1 protected, "));
    // A gateway is no address of the host, and comes with a route.
    wire.inside.ip("route add default via 10.88.0.1 metric 7");
    daemon.wait_for("10.88.0.1 (default gateway) is listed, and protected from here on", 1);
    wire.inside.ip("route del default via 10.88.0.1 metric 7");
    wire.inside.ip(&format!("addr del 10.88.0.2/24 dev {WIRE}"));
    wire.inside.ip(&format!("addr del 2001:db8:88::2/64 dev {WIRE}"));
    daemon.wait_for("10.88.0.2 (own address) is listed, and no longer protected", 1);
    eventually("what was listed", || {
        wire.inside.managed("drop4") == before
            && wire.inside.managed("drop6") == ["2001:db8:88::/64"]
    });
    // An address that nobody lists, and a route that is no default route, are none of its business.
    let loads = || daemon.log().matches(" from 1 list").count();
    let before = loads();
    wire.inside.ip(&format!("addr add 10.99.0.2/24 dev {WIRE}"));
    wire.inside.ip("route add 10.66.0.0/16 via 10.77.0.1");
    // They are heard of in their order.
    wire.inside.ip(&format!("addr add 10.88.0.3/24 dev {WIRE}"));
    eventually("the one that is listed", || loads() > before);
    assert_eq!(loads(), before + 1, "{}", daemon.log());
    assert!(!daemon.log().contains("10.99.0") && !daemon.log().contains("10.66.0"));
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn addresses_that_come_at_once_are_one_change() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", "10.88.0.0/24\n198.51.100.0/24\n");
    let daemon = Daemon::start(&wire.inside, &["-f", &list]);
    let many: String =
        (0..120).map(|host| format!("addr add 10.88.0.{}/32 dev {WIRE}\n", 2 * host + 1)).collect();
    let batch = folder.file("batch", many);
    wire.inside.ip(&format!("-batch {batch}"));
    eventually("all protected", || daemon.log().contains(", 120 protected, "));
    let changes = daemon.log().matches("netfilterd: loaded").count() - 1;
    assert!(changes <= 4, "{changes} changes: {}", daemon.log());
    assert_eq!(wire.inside.managed("drop4").len(), 121 + 1);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_session_that_loads_is_not_cut_off_and_its_network_is() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", "203.0.113.0/24\n198.51.100.0/24\n2001:db8:1::/48\n");
    for peer in [FRIEND4, "::ffff:203.0.113.9", FRIEND6, ""] {
        let mut command = wire.inside.command(program());
        command.env("SSH_CONNECTION", format!("{peer} 51234 {INSIDE4} 22"));
        command.args(["load", "-f", &list]).args(wire.inside.state());
        run(&mut command).expect(0, &["loaded"]);
        let (v4, v6) = (peer.ends_with(FRIEND4), peer == FRIEND6);
        assert_eq!(wire.comes_in(FRIEND4, INSIDE4), v4, "{peer}");
        assert_eq!(wire.comes_in(FRIEND6, INSIDE6), v6, "{peer}");
        assert!(!wire.comes_in(FOE4, INSIDE4));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_status_says_what_is_protected_now_and_how_old_the_lists_are() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", "10.88.0.0/24\nx\n0.0.0.0/0\n");
    let past = std::time::SystemTime::now() - Duration::from_secs(3 * 86_400 + 5);
    fs::File::open(&list).unwrap().set_modified(past).unwrap();
    let status = folder.path().join("status.json").to_str().unwrap().to_string();
    let daemon = Daemon::start(&wire.inside, &["-f", &list, "--status-file", &status]);
    let asked = || netfilterd(&["status", "--status-file", &status]).stdout();
    eventually("a status", || {
        asked().contains("list: 1 entry, 1 line rejected, 1 entry set aside, 3 days old")
    });
    wire.inside.ip(&format!("addr add 10.88.0.2/24 dev {WIRE}"));
    eventually("a new status", || asked().contains(", 1 protected, "));
    folder.file("list", "<html>\n");
    daemon.signal("HUP");
    daemon.wait_for("keeping what is loaded", 1);
    wire.inside.ip(&format!("addr add 10.88.0.9/24 dev {WIRE}"));
    eventually("both", || {
        asked().contains(", 2 protected, ")
            && asked().contains(", what was loaded stays in force: ")
    });
    wire.inside.ip(&format!("addr del 10.88.0.9/24 dev {WIRE}"));
    eventually("as before", || asked().contains(", 1 protected, "));
    let json = netfilterd(&["status", "--json", "--status-file", &status]).stdout();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["loaded"]["protected"], 1);
    assert_eq!(json["loaded"]["sources"][0]["rejected"], 1);
    assert!(json["loaded"]["sources"][0]["modified"].is_string(), "{json}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_peer_of_an_ssh_session_is_protected_whether_sudo_is_in_between_or_not() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "203.0.113.0/24\n");
    let check = |session: Option<&str>, environment: &[&str]| {
        let mut command = namespace.command("env");
        // The program's parent is a shell, which is what has the session.
        if let Some(session) = session {
            command.env("SSH_CONNECTION", session);
        }
        let shell = "\"$@\"; exit $?";
        command.args(["sh", "-c", shell, "sh", "env"]).args(environment);
        command.args([program(), "check", "-f", &list]).args(namespace.state());
        run(&mut command).stdout()
    };
    let line = "protected: 203.0.113.5 (SSH peer): 1 network cut\n";
    let session = Some("203.0.113.5 51234 192.0.2.10 22");
    assert!(check(session, &[]).contains(line));
    assert!(check(session, &["-u", "SSH_CONNECTION"]).contains(line), "as under sudo");
    assert!(check(Some("::ffff:203.0.113.5 1 ::ffff:192.0.2.10 22"), &[]).contains(line));
    assert!(!check(session, &["SSH_CONNECTION="]).contains("SSH peer"), "nobody, explicitly");
    assert!(!check(None, &[]).contains("SSH peer"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_resolvers_are_protected_as_they_are_at_each_load() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "203.0.113.0/24\n");
    let resolvers = folder.file("resolv.conf", "nameserver 203.0.113.53\n");
    let mut command = namespace.command("sh");
    command.args(["-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"", &resolvers]);
    command.args([program(), "-f", &list]).args(namespace.files());
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for("list:1: 203.0.113.0/24 holds 203.0.113.53 (resolver), which is protected", 1);
    daemon.wait_for("loaded 8 networks", 1);
    // The same file, since it is mounted: written, not replaced.
    fs::write(&resolvers, "nameserver 203.0.113.54\n").unwrap();
    daemon.signal("HUP");
    daemon.wait_for("holds 203.0.113.54 (resolver), which is protected", 1);
    eventually("the other one", || {
        namespace.managed("drop4") == ["203.0.113.0-203.0.113.53", "203.0.113.55-203.0.113.255"]
    });
}

fn hosts(count: u32) -> String {
    (0..count)
        .map(|host| format!("{}\n", std::net::Ipv4Addr::from(0xc633_0000 + 2 * host)))
        .collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_shrinks_is_refused_also_by_the_next_process_and_what_is_in_force_stays() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", hosts(1000));
    // Its folder does not exist yet.
    let state = folder.path().join("var/lib/state.json").to_str().unwrap().to_string();
    let options = ["-f", &list, "--state-file", &state];
    namespace.load(&options);
    let before = namespace.ruleset();
    folder.file("list", hosts(12));
    let said = "list: 12 networks where 1,000 are in force (-98%); refused by --max-shrink 50";
    namespace
        .netfilterd(&[&["load"], &options[..]].concat())
        .expect(3, &[said, ", keeping what is loaded"]);
    namespace.netfilterd(&[&["run"], &options[..]].concat()).expect(3, &[said]);
    let ran = namespace.netfilterd(&[&["check"], &options[..]].concat());
    ran.expect(3, &[said]);
    assert!(
        ran.stdout()
            .contains("guard --max-shrink 50: 12 networks where 1,000 are in force: refused")
    );
    assert_eq!(namespace.ruleset(), before);
    // Other sets are other targets, and know nothing of these; the managed table is one.
    namespace.nft("table ip t { set a { type ipv4_addr; flags interval; }\n }");
    namespace.load(&[&options[..], &["-t", "ip t", "--set4", "a"]].concat());
    let renamed = [&["load"], &options[..], &["--set4", "other"]].concat();
    namespace.netfilterd(&renamed).expect(3, &[said]);
    namespace.load(&[&options[..], &["--max-shrink", "99"]].concat());
    assert_eq!(namespace.managed("drop4").len(), 12);
    let text = fs::read_to_string(&state).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["targets"]["inet netfilterd"]["networks"], 12);
    assert_eq!(json["targets"]["ip t a drop6"]["networks"], 12);
    assert_eq!(fs::read_dir(folder.path().join("var/lib")).unwrap().count(), 1, "nothing is left");
    folder.file("list", "");
    namespace.load(&[&options[..], &["--min-entries", "0"]].concat());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn force_overrides_the_guards_once_and_says_so() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", hosts(1000));
    let state = folder.path().join("state.json").to_str().unwrap().to_string();
    let options = ["-f", &list, "--state-file", &state, "--force"];
    let ran = namespace.load(&options);
    assert!(!ran.stderr().contains("--force"), "nothing to override: {}", ran.stderr());
    folder.file("list", hosts(200));
    let overridden = "refused by --max-shrink 50; overridden by --force";
    assert!(namespace.load(&options).stderr().contains(overridden));
    folder.file("list", hosts(20));
    let daemon = Daemon::start(&namespace, &options);
    assert!(daemon.log().contains(overridden), "{}", daemon.log());
    // The first load of a daemon, and no later one.
    folder.file("list", "");
    daemon.signal("HUP");
    daemon.wait_for("the lists hold no network; refused", 1);
    assert!(daemon.log().lines().last().unwrap().ends_with(", keeping what is loaded"));
    assert_eq!(namespace.managed("drop4").len(), 20);
    folder.file("list", hosts(500));
    daemon.signal("HUP");
    daemon.wait_for("loaded 500 networks", 1);
    folder.file("list", hosts(20));
    daemon.signal("HUP");
    daemon.wait_for("20 networks where 500 are in force (-96%)", 1);
    assert_eq!(namespace.managed("drop4").len(), 500);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_state_file_that_is_of_no_use_is_a_warning_and_never_a_failure() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let read = "--max-shrink does not know what is in force";
    let written = "the next start will not know what is in force";
    for text in ["", "{", "[]", "{\"targets\": 1}", "\u{0}\u{0}"] {
        let state = folder.file("state", text);
        let ran = namespace.load(&["-f", &list, "--state-file", &state]);
        ran.expect(0, &[read]);
        assert!(
            fs::read_to_string(&state).unwrap().contains("\"networks\":1"),
            "{text:?} is mended"
        );
        assert!(
            !namespace.load(&["-f", &list, "--state-file", &state]).stderr().contains("state file")
        );
    }
    let under = format!("{list}/state");
    namespace.load(&["-f", &list, "--state-file", &under]).expect(0, &[read, written]);
    let read_only = "/proc/netfilterd/state";
    let daemon = Daemon::start(&namespace, &["-f", &list, "--state-file", read_only]);
    daemon.wait_for(written, 1);
    for loads in 2..4 {
        folder.file("list", hosts(loads));
        daemon.signal("HUP");
        daemon.wait_for("loaded", loads as usize);
    }
    assert_eq!(daemon.log().matches(written).count(), 1, "told once: {}", daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn processes_that_share_a_state_file_do_not_lose_each_others_part() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let state = folder.path().join("state.json").to_str().unwrap().to_string();
    namespace.nft(
        &(0..8)
            .map(|n| format!("table ip t{n} {{ set a {{ type ipv4_addr; flags interval; }}\n }}\n"))
            .collect::<String>(),
    );
    thread::scope(|scope| {
        for number in 0..8 {
            let (namespace, list, state) = (&namespace, &list, &state);
            scope.spawn(move || {
                let table = format!("ip t{number}");
                namespace.load(&["-f", list, "--state-file", state, "-t", &table, "--set4", "a"]);
            });
        }
    });
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&state).unwrap()).unwrap();
    assert_eq!(json["targets"].as_object().unwrap().len(), 8, "{json}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn queue_mode_has_the_same_allowlists_protection_and_guards() {
    needs(&["iptables"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    wire.outside.ip("addr add 10.77.0.9/24 dev wire0");
    wire.outside.ip("addr add 10.88.0.9/24 dev wire0");
    let rule = ["-A", "INPUT", "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass"];
    run(wire.inside.command("iptables").args(rule)).expect(0, &[]);
    let list = folder.file("list", format!("{WIDE}10.88.0.0/24\n"));
    let allow = folder.file("allow", "198.51.100.7\n");
    let daemon = Daemon::start(&wire.inside, &["--queue", "7", "-f", &list, "-a", &allow]);
    daemon
        .wait_for("list:1: 10.77.0.0/24 holds 10.77.0.1 (default gateway), which is protected", 1);
    assert!(daemon.log().contains(", 1 allowed, 4 protected, "), "{}", daemon.log());
    assert!(wire.comes_in("10.77.0.1", INSIDE4) && wire.comes_in(FOE4, INSIDE4));
    assert!(!wire.comes_in("10.77.0.9", INSIDE4) && !wire.comes_in("10.88.0.9", INSIDE4));
    // A gateway that comes later.
    wire.inside.ip(&format!("addr add 10.88.0.2/24 dev {WIRE}"));
    wire.inside.ip("route add default via 10.88.0.9 metric 9");
    daemon.wait_for("10.88.0.9 (default gateway) is listed, and protected from here on", 1);
    assert!(wire.comes_in("10.88.0.9", INSIDE4) && !wire.comes_in("10.77.0.9", INSIDE4));
    folder.file("list", format!("{WIDE}{}", hosts(400)));
    daemon.signal("HUP");
    daemon.wait_for("loaded", 3);
    folder.file("list", WIDE);
    daemon.signal("HUP");
    daemon.wait_for("refused by --max-shrink 50, keeping what is loaded", 1);
    assert!(!wire.comes_in("10.77.0.9", INSIDE4));
    assert_eq!(daemon.end("TERM"), 0);
}
