//! What is protected while it is in force: addresses that come and go, sessions, resolvers, guards
//! across restarts, and queue mode.

use std::fs;
use std::thread;
use std::time::{Duration, SystemTime};

use kit::*;
use netfilterd::nftables::Connection;
use netfilterd::policy::protect::Why;
use serde_json::Value;

/// A part of the networks of both ends of the wire, in which both are, and the network of somebody else.
const WIDE: &str = "10.77.0.0/25\nfd77::/65\n198.51.100.0/24\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn the_host_and_its_gateway_stay_reachable_and_their_neighbours_do_not() {
    let (wire, folder) = (Wire::new(), Folder::new());
    wire.outside.ip("addr add 10.77.0.9/24 dev wire0");
    let list = folder.file("list", WIDE);
    let ran = wire.inside.load(&["-f", &list]);
    let stderr = ran.stderr();
    for (entry, held, why) in [
        ("list:1: 10.77.0.0/25", "10.77.0.2", Why::Own),
        ("list:1: 10.77.0.0/25", "10.77.0.1", Why::Gateway),
        ("list:2: fd77::/65", "fd77::1", Why::Gateway),
    ] {
        assert_line_names(&stderr, &[entry, &format!("{held} ({why})")]);
    }
    assert!(!wire.inside.managed("drop4").contains(&"10.77.0.0/25".to_string()));
    assert!(wire.comes_in("10.77.0.1", INSIDE4) && wire.goes_out(INSIDE4, "10.77.0.1"));
    assert!(wire.comes_in("fd77::1", INSIDE6) && wire.goes_out(INSIDE6, "fd77::1"));
    assert!(!wire.comes_in("10.77.0.9", INSIDE4), "a neighbour is not protected");
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
    let ran = wire.inside.load(&["-f", &list, "--no-protect"]);
    assert_names(&ran.stderr(), &["warning: ", "--no-protect"]);
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
    let label = format!(" ({})", Why::Gateway);
    let mut gateways: Vec<&str> = stdout
        .lines()
        .filter_map(|line| line.split_once(&label)?.0.split_whitespace().last())
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
    let list = folder.file("list", "10.88.0.0/25\n2001:db8:88::/64\n198.51.100.0/24\n");
    let daemon = Daemon::start(&wire.inside, &["-f", &list]);
    let before = wire.inside.managed("drop4");
    assert_eq!(before, ["10.88.0.0/25", "198.51.100.0/24"]);
    fs::remove_file(&list).unwrap();
    wire.inside.ip(&format!("addr add 10.88.0.2/24 dev {WIRE}"));
    wire.inside.ip(&format!("addr add 2001:db8:88::2/64 dev {WIRE} nodad"));
    daemon.wait_for(&format!("10.88.0.2 ({})", Why::Own), 1);
    daemon.wait_for(&format!("2001:db8:88::2 ({})", Why::Own), 1);
    eventually("the sets without the addresses", || {
        wire.inside.managed("drop4") == ["10.88.0.0/31", "10.88.0.3-10.88.0.127", "198.51.100.0/24"]
            && wire.inside.managed("drop6").len() == 2
    });
    let protected = |status: &Value| status["loaded"]["protected"] == 2;
    assert_eq!(daemon.wait_for_status(protected)["totals"]["loads"], 1, "without the lists");
    // A gateway is no address of the host, and comes with a route.
    wire.inside.ip("route add default via 10.88.0.1 metric 7");
    daemon.wait_for(&format!("10.88.0.1 ({})", Why::Gateway), 1);
    wire.inside.ip("route del default via 10.88.0.1 metric 7");
    wire.inside.ip(&format!("addr del 10.88.0.2/24 dev {WIRE}"));
    wire.inside.ip(&format!("addr del 2001:db8:88::2/64 dev {WIRE}"));
    daemon.wait_for(&format!("10.88.0.2 ({})", Why::Own), 2);
    eventually("what was listed", || {
        wire.inside.managed("drop4") == before
            && wire.inside.managed("drop6") == ["2001:db8:88::/64"]
    });
    // An address that nobody lists, and a route that is no default route, are none of its business.
    let before = daemon.log().len();
    wire.inside.ip(&format!("addr add 10.99.0.2/24 dev {WIRE}"));
    wire.inside.ip("route add 10.66.0.0/16 via 10.77.0.1");
    // They are heard of in their order.
    wire.inside.ip(&format!("addr add 10.88.0.3/24 dev {WIRE}"));
    daemon.wait_for_status(|status| status["loaded"]["protected"] == 1);
    let log = daemon.log();
    assert_eq!(log[before..].lines().count(), 2, "the address, and what became of it: {log}");
    assert!(!log.contains("10.99.0") && !log.contains("10.66.0"), "{log}");
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
    let generation = || wire.inside.within(|| Connection::open().unwrap().generation().unwrap());
    let before = generation();
    // All of them have come before the daemon looks, however slow the machine is.
    daemon.signal("STOP");
    wire.inside.ip(&format!("-batch {batch}"));
    daemon.signal("CONT");
    daemon.wait_for_status(|status| status["loaded"]["protected"] == 120);
    assert_eq!(generation() - before, 2, "one to fill and one to switch: {}", daemon.log());
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
        run(&mut command).expect(0, &[]);
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
    let list = folder.file("list", "10.88.0.0/25\nx\n0.0.0.0/0\n");
    let past = netfilterd::list::End::now().seconds() - (3 * 86_400 + 5);
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(past as u64);
    fs::File::open(&list).unwrap().set_modified(time).unwrap();
    let status = folder.path().join("status.json").to_str().unwrap().to_string();
    let daemon = Daemon::start(&wire.inside, &["-f", &list, "--status-file", &status]);
    let asked = || netfilterd(&["status", "--json", "--status-file", &status]).json();
    let source = &asked()["loaded"]["sources"][0];
    let figures = ["entries", "rejected", "set_aside"].map(|figure| source[figure].as_u64());
    assert_eq!(figures, [Some(1); 3]);
    assert_eq!(source["modified"], netfilterd::list::End::at(past).to_string());
    let said = netfilterd(&["status", "--status-file", &status]).stdout();
    assert!(
        said.lines().any(|line| line.contains("/list: ") && line.contains(" 3 days")),
        "{said}"
    );
    wire.inside.ip(&format!("addr add 10.88.0.2/24 dev {WIRE}"));
    eventually("a new status", || asked()["loaded"]["protected"] == 1);
    folder.file("list", "<html>\n");
    daemon.signal("HUP");
    daemon.wait_for_failures(1);
    wire.inside.ip(&format!("addr add 10.88.0.9/24 dev {WIRE}"));
    eventually("both", || asked()["loaded"]["protected"] == 2 && asked()["failed"]["times"] == 1);
    wire.inside.ip(&format!("addr del 10.88.0.9/24 dev {WIRE}"));
    eventually("as before", || asked()["loaded"]["protected"] == 1);
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
    let label = format!("({})", Why::LoggedIn);
    let peer = format!("203.0.113.5 {label}");
    let session = Some("203.0.113.5 51234 192.0.2.10 22");
    assert!(check(session, &[]).contains(&peer));
    assert!(check(session, &["-u", "SSH_CONNECTION"]).contains(&peer), "as under sudo");
    assert!(check(Some("::ffff:203.0.113.5 1 ::ffff:192.0.2.10 22"), &[]).contains(&peer));
    assert!(!check(session, &["SSH_CONNECTION="]).contains(&label), "nobody, explicitly");
    assert!(!check(None, &[]).contains(&label));
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
    let resolver = |address: &str| format!("{address} ({})", Why::Resolver);
    daemon.wait_for_line(&["list:1: 203.0.113.0/24", &resolver("203.0.113.53")], 1);
    assert_eq!(daemon.wait_for_loads(1)["networks4"], 8);
    // The same file, since it is mounted: written, not replaced.
    fs::write(&resolvers, "nameserver 203.0.113.54\n").unwrap();
    daemon.signal("HUP");
    daemon.wait_for_line(&["list:1: 203.0.113.0/24", &resolver("203.0.113.54")], 1);
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
    let said = ["list: ", "12", "1,000", "-98%", "--max-shrink 50"];
    for command in ["load", "check"] {
        namespace.netfilterd(&[&[command], &options[..]].concat()).expect(3, &said);
    }
    assert_eq!(namespace.ruleset(), before);
    let daemon = Daemon::start_anyhow(&namespace, &options);
    assert_names(daemon.wait_for_failures(1)["line"].as_str().unwrap(), &said);
    assert_eq!(daemon.end("TERM"), 0);
    assert_eq!(namespace.managed("drop4").len(), 1000);
    // Other sets are other targets, and know nothing of these; the managed table is one.
    namespace.nft("table ip t { set a { type ipv4_addr; flags interval; }\n }");
    namespace.load(&[&options[..], &["-t", "ip t", "--set4", "a"]].concat());
    let renamed = [&["load"], &options[..], &["--set4", "other"]].concat();
    namespace.netfilterd(&renamed).expect(3, &said);
    namespace.load(&[&options[..], &["--max-shrink", "99"]].concat());
    assert_eq!(namespace.managed("drop4").len(), 12);
    let text = fs::read_to_string(&state).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["targets"]["inet netfilterd"]["networks"], 12);
    assert_eq!(json["targets"]["ip t a drop6"]["networks"], 12);
    let files = fs::read_dir(folder.path().join("var/lib")).unwrap();
    assert_eq!(
        files.count(),
        3,
        "the state file, its ranges, what is locked, and nothing that is left"
    );
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
    let overridden = ["warning: ", "--max-shrink 50", "--force"];
    assert_names(&namespace.load(&options).stderr(), &overridden);
    folder.file("list", hosts(20));
    let daemon = Daemon::start(&namespace, &options);
    daemon.wait_for_line(&overridden, 1);
    // The first load of a daemon, and no later one.
    folder.file("list", "");
    daemon.signal("HUP");
    assert_names(daemon.wait_for_failures(1)["line"].as_str().unwrap(), &["--min-entries"]);
    assert_eq!(namespace.managed("drop4").len(), 20);
    folder.file("list", hosts(500));
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for_loads(2)["networks4"], 500);
    folder.file("list", hosts(20));
    daemon.signal("HUP");
    assert_names(daemon.wait_for_failures(2)["line"].as_str().unwrap(), &["20", "500", "-96%"]);
    assert_eq!(namespace.managed("drop4").len(), 500);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_state_file_that_is_of_no_use_is_a_warning_and_never_a_failure() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let warnings = |stderr: &str, state: &str| {
        let of_it = |line: &&str| line.contains("warning: ") && line.contains(state);
        stderr.lines().filter(of_it).count()
    };
    // What does not begin as netfilterd's does is another program's file.
    for text in ["", "{\"targets\":", "{\"targets\":1}", "\u{0}\u{0}"] {
        let state = folder.file("state", text);
        let ran = namespace.load(&["-f", &list, "--state-file", &state]);
        ran.expect(0, &["--max-shrink"]);
        assert_eq!(warnings(&ran.stderr(), &state), 1, "{}", ran.stderr());
        let written: Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
        assert_eq!(written["targets"]["inet netfilterd"]["networks"], 1, "{text:?} is repaired");
        let again = namespace.load(&["-f", &list, "--state-file", &state]);
        assert_eq!(warnings(&again.stderr(), &state), 0, "{}", again.stderr());
    }
    let under = format!("{}/state", folder.file("no-folder", ""));
    let ran = namespace.load(&["-f", &list, "--state-file", &under]);
    assert_eq!(warnings(&ran.stderr(), &under), 2, "read and written: {}", ran.stderr());
    let read_only = "/proc/netfilterd/state";
    let daemon = Daemon::start(&namespace, &["-f", &list, "--state-file", read_only]);
    for loads in 2..4 {
        folder.file("list", hosts(loads));
        daemon.signal("HUP");
        daemon.wait_for_loads(u64::from(loads));
    }
    assert_eq!(daemon.lines(&["warning: ", read_only]).len(), 1, "told once: {}", daemon.log());
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
    let list = folder.file("list", format!("{WIDE}10.88.0.0/25\n"));
    let allow = folder.file("allow", "198.51.100.7\n");
    let daemon = Daemon::start(&wire.inside, &["--queue", "7", "-f", &list, "-a", &allow]);
    let gateway = |address: &str| format!("{address} ({})", Why::Gateway);
    daemon.wait_for_line(&["list:1: 10.77.0.0/25", &gateway("10.77.0.1")], 1);
    let loaded = &daemon.status()["loaded"];
    assert_eq!([&loaded["allowed"], &loaded["protected"]], [1, 4], "{loaded}");
    assert!(wire.comes_in("10.77.0.1", INSIDE4) && wire.comes_in(FOE4, INSIDE4));
    assert!(!wire.comes_in("10.77.0.9", INSIDE4) && !wire.comes_in("10.88.0.9", INSIDE4));
    // A gateway that comes later.
    wire.inside.ip(&format!("addr add 10.88.0.2/24 dev {WIRE}"));
    wire.inside.ip("route add default via 10.88.0.9 metric 9");
    daemon.wait_for(&gateway("10.88.0.9"), 1);
    daemon.wait_for_status(|status| status["loaded"]["protected"] == 6);
    assert!(wire.comes_in("10.88.0.9", INSIDE4) && !wire.comes_in("10.77.0.9", INSIDE4));
    folder.file("list", format!("{WIDE}{}", hosts(400)));
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    folder.file("list", WIDE);
    daemon.signal("HUP");
    assert_names(daemon.wait_for_failures(1)["line"].as_str().unwrap(), &["--max-shrink 50"]);
    assert!(!wire.comes_in("10.77.0.9", INSIDE4));
    assert_eq!(daemon.end("TERM"), 0);
}
