//! Sets in somebody else's table, and the shipped rulesets and scripts that use them.

use kit::*;

#[test]
#[ignore = "needs root: network namespaces"]
fn elements_are_replaced_and_nothing_else_is_touched() {
    let (wire, folder) = (Wire::new(), Folder::new());
    wire.inside.nft(
        "table ip filter {
            set badguys { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 }; }
            set friends { type ipv4_addr; flags interval; elements = { 203.0.113.0/24 }; }
            chain input { type filter hook input priority 0; ip saddr @badguys drop; }
        }",
    );
    let before = wire.inside.terse_ruleset();
    let list = folder.file("list", "198.51.100.0/24\n0.0.0.1\n255.255.255.254\n");
    let options = ["-f", &list, "--table", "ip filter", "--set4", "badguys"];
    let ran = wire.inside.load(&options);
    assert!(!ran.stderr().contains("warning: "), "{}", ran.stderr());
    assert_eq!(
        wire.inside.elements("ip filter", "badguys"),
        ["0.0.0.1/32", "198.51.100.0/24", "255.255.255.254/32"]
    );
    assert_eq!(wire.inside.elements("ip filter", "friends"), ["203.0.113.0/24"]);
    assert_eq!(wire.inside.terse_ruleset(), before);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    assert!(wire.comes_in(FRIEND4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_cannot_be_filled_is_refused_with_the_command_that_mends_it() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "198.51.100.0/24\n");
    for (set, names) in [
        ("", "nft add set ip filter bad"),
        ("set bad { type inet_service; flags interval; }", "IPv4"),
        ("set bad { type ipv6_addr; flags interval; }", "IPv4"),
        ("set bad { type ipv4_addr . inet_service; }", "IPv4"),
        ("set bad { type ipv4_addr; }", "interval"),
        ("map bad { type ipv4_addr : mark; flags interval; }", "map"),
        ("set bad { type ipv4_addr; flags interval, constant; }", "constant"),
        ("set bad { type ipv4_addr; flags interval, timeout; }", "timeout"),
    ] {
        namespace.nft(&format!("flush ruleset; table ip filter {{ {set}\n}}"));
        let before = namespace.ruleset();
        let ran = namespace.netfilterd(&["load", "-f", &list, "-t", "ip filter", "--set4", "bad"]);
        ran.expect(1, &["ip filter", "bad", names, "'{ type ipv4_addr; flags interval; }'"]);
        assert_eq!(namespace.ruleset(), before, "{set}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_cure_that_a_message_gives_is_a_cure() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    let options = ["load", "-f", &list, "-t", "inet t", "--set4", "a", "--set6", "b"];
    for step in ["table inet t", "set inet t a", "set inet t b"] {
        let ran = namespace.netfilterd(&options);
        ran.expect(1, &[&format!("nft add {step}")]);
        let stderr = ran.stderr();
        let (_, cure) = stderr.trim_end().split_once(": nft ").unwrap();
        namespace.nft(&cure.replace('\'', ""));
    }
    namespace.load(&options[1..]);
    assert_eq!(namespace.elements("inet t", "b"), ["2001:db8:bad::/48"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_set_that_no_rule_uses_is_filled_with_a_warning() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    namespace.nft(
        "table inet t {
            set a { type ipv4_addr; flags interval; }
            set b { type ipv6_addr; flags interval; }
            chain c { ip6 saddr @b drop; }
        }",
    );
    let ran = namespace.load(&["-f", &list, "-t", "inet t", "--set4", "a", "--set6", "b"]);
    let stderr = ran.stderr();
    let warned = |set: &str| {
        let names = ["warning: ", "inet t", set];
        stderr.lines().any(|line| names.iter().all(|name| line.contains(name)))
    };
    assert!(warned("set a") && !warned("set b"), "{stderr}");
    assert_eq!(namespace.elements("inet t", "a"), ["198.51.100.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_dormant_table_is_filled_with_a_warning() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft(
        "table ip t {
            flags dormant
            set a { type ipv4_addr; flags interval; }
            chain c { type filter hook input priority 0; ip saddr @a drop; }
        }",
    );
    let list = folder.file("list", FOES);
    let ran = namespace.load(&["-f", &list, "-t", "ip t", "--set4", "a"]);
    assert_names(&ran.stderr(), &["warning: ", "ip t", "dormant"]);
    assert!(namespace.ruleset().contains("flags dormant"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_table_of_one_family_takes_that_family_and_says_what_is_left_out() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft(
        "add table ip t; add set ip t a { type ipv4_addr; flags interval; }; \
         add table ip6 t; add set ip6 t b { type ipv6_addr; flags interval; }",
    );
    let both = folder.file("both", FOES);
    let ran = namespace.load(&["-f", &both, "-t", "ip t", "--set4", "a"]);
    assert_names(&ran.stderr(), &["warning: ", "IPv6: 1 network"]);
    let ran = namespace.load(&["-f", &both, "-t", "ip6 t", "--set6", "b"]);
    assert_names(&ran.stderr(), &["warning: ", "IPv4: 1 network", "v4 0, v6 1"]);
    assert_eq!(namespace.elements("ip t", "a"), ["198.51.100.0/24"]);
    assert_eq!(namespace.elements("ip6 t", "b"), ["2001:db8:bad::/48"]);
    // Nothing of the family at all would flush the set, and is more likely a mistake.
    let six = folder.file("six", "2001:db8::/32\n");
    namespace
        .netfilterd(&["load", "-f", &six, "-t", "ip t", "--set4", "a"])
        .expect(3, &["IPv6: 1 network", "--min-entries"]);
    assert_eq!(namespace.elements("ip t", "a"), ["198.51.100.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_family_without_entries_needs_no_set() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft("add table inet t; add set inet t a { type ipv4_addr; flags interval; }");
    let list = folder.file("list", "192.0.2.0/24\n");
    namespace.load(&["-f", &list, "-t", "inet t", "--set4", "a"]);
    assert_eq!(namespace.elements("inet t", "a"), ["192.0.2.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_element_that_the_kernel_refuses_is_traced_to_its_line() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    // Older kernels count both ends of an interval against the size, newer ones the interval;
    // three networks are too many for either.
    namespace.nft(
        "table ip t { set a { type ipv4_addr; flags interval; size 2; \
         elements = { 203.0.113.0/24 }; }\n }",
    );
    let list = folder.file("list", "# three\n192.0.2.0/24\n198.51.100.77\n10.0.0.0/8\n");
    let before = namespace.ruleset();
    let ran = namespace.netfilterd(&["load", "-f", &list, "-t", "ip t", "--set4", "a", "-m24"]);
    ran.expect(1, &["set a", "table ip t"]);
    // Which of them the kernel finds to be one too many is its own affair; the line must be right.
    let stderr = ran.stderr();
    let traced = [("10.0.0.0", 4), ("10.255.255.255", 4), ("192.0.2.0", 2), ("192.0.2.255", 2)]
        .into_iter()
        .chain([("198.51.100.0", 3), ("198.51.100.255", 3)])
        .any(|(address, line)| {
            stderr.contains(address) && stderr.contains(&format!("list:{line})"))
        });
    assert!(traced, "{stderr}");
    assert_eq!(namespace.ruleset(), before);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_set_too_large_to_be_dumped_is_flushed_and_refilled() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft(
        "table ip t { set a { type ipv4_addr; flags interval; }\n \
                   chain c { ip saddr @a drop; }\n }",
    );
    // Every other address, so that nothing merges; 200,000 are the most that are dumped.
    let hosts = |from: u32, count: u32| -> String {
        (0..count).map(|i| format!("{}\n", std::net::Ipv4Addr::from(from + i * 2))).collect()
    };
    let list = folder.file("list", hosts(0x0a00_0000, 210_000));
    let options = ["-f", &list, "-t", "ip t", "--set4", "a"];
    namespace.load(&options);
    // What is loaded now is not known to this process, and not asked for.
    folder.file("list", hosts(0x0b00_0000, 3));
    let ran = namespace.load(&options);
    assert_names(&ran.stderr(), &["v4 3", "+3 -0"]);
    assert_eq!(namespace.elements("ip t", "a"), ["11.0.0.0/32", "11.0.0.2/32", "11.0.0.4/32"]);
    // And what is small enough is.
    let before = namespace.ruleset();
    let ran = namespace.load(&options);
    assert!(!ran.stderr().contains('+'), "no changes: {}", ran.stderr());
    assert_eq!(namespace.ruleset(), before);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_shipped_rulesets_load_and_are_filled() {
    for (file, table, set4, set6) in [
        ("drop.nft", "inet blocklist", "drop4", "drop6"),
        ("foreign.nft", "inet filter", "badguys4", "badguys6"),
    ] {
        let (wire, folder) = (Wire::new(), Folder::new());
        let path = format!("{}/rulesets/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        wire.inside.nft(&text);
        // The command that the file's own comment gives.
        let command = text
            .lines()
            .find_map(|line| line.strip_prefix("#\tnetfilterd "))
            .expect("the file says how it is filled");
        assert!(command.starts_with(&format!("--table '{table}'")), "{command}");
        let list = folder.file("list", FOES);
        let options = ["-f", &list, "-t", table, "--set4", set4, "--set6", set6];
        let ran = wire.inside.load(&options);
        assert!(!ran.stderr().contains("warning: "), "{file}: {}", ran.stderr());
        assert_eq!(wire.inside.elements(table, set4), ["198.51.100.0/24"], "{file}");
        assert_eq!(wire.inside.elements(table, set6), ["2001:db8:bad::/48"], "{file}");
        let rule = format!("ip saddr @{set4} ");
        assert!(wire.inside.nft("list ruleset").contains(&rule), "{file}");
        assert!(!wire.comes_in(FOE4, INSIDE4), "{file}");
        assert!(!wire.comes_in(FOE6, INSIDE6), "{file}");
        if file == "drop.nft" {
            assert!(!wire.goes_out(INSIDE4, FOE4));
            assert!(wire.comes_in(FRIEND4, INSIDE4));
            assert!(wire.comes_in(FRIEND6, INSIDE6));
        } else {
            // That firewall drops by policy; what it permits is let through to a friend only.
            assert!(connects(&wire, FRIEND4, INSIDE4));
            assert!(!connects(&wire, FOE4, INSIDE4));
        }
    }
}

/// Whether a TCP connection to port 25 comes about.
fn connects(wire: &Wire, from: &str, to: &str) -> bool {
    use std::net::TcpListener;
    let listener = wire.inside.within(|| bind_again(|| TcpListener::bind((to, 25))));
    // The standard library cannot bind a TCP client to a source; a route of its own does it.
    wire.outside.ip(&format!("route replace {to}/32 dev wire0 src {from}"));
    let address = listener.local_addr().unwrap();
    let connected = wire.outside.within(|| {
        std::net::TcpStream::connect_timeout(&address, patience(400))
            .map(|stream| stream.local_addr().unwrap().ip().to_string())
    });
    wire.outside.ip(&format!("route del {to}/32"));
    connected.is_ok_and(|source| source == from)
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_print_writes_for_nft_and_ipset_loads_as_it_is() {
    needs(&["ipset"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let odd = "0.0.0.0/0\n::/0\n";
    let text = "192.0.2.0-192.0.2.6\n198.51.100.7\n2001:db8::/32\n255.255.255.255\n";
    for (text, more) in [(text, false), (odd, false), ("10.0.0.0/8\n", false), (text, true)] {
        let list = folder.file("list", text);
        let shipped = format!("{}/tests/lists/ipsum_level3.txt", env!("CARGO_MANIFEST_DIR"));
        let mut options = vec!["print", "-f", &list, "--set4", "s4", "--set6", "s6"];
        if more {
            options.extend(["-f", &shipped]);
        }
        let wanted = merged(&netfilterd(&options).stdout());

        let script = netfilterd(&[&options[..], &["--format", "nft", "-t", "ip6 t"]].concat());
        namespace.nft(&script.stdout());
        assert_eq!(namespace.elements("ip6 t", "s4"), wanted.v4);
        assert_eq!(namespace.elements("ip6 t", "s6"), wanted.v6);

        let script = netfilterd(&[&options[..], &["--format", "ipset"]].concat());
        let script = folder.file("script", script.stdout());
        // Twice: the second time the sets exist already, as with cron.
        for _ in 0..2 {
            let mut restore = namespace.command("ipset");
            run(restore.args(["restore", "-file", &script])).expect(0, &[]);
        }
        let saved = run(namespace.command("ipset").arg("save")).stdout();
        let networks = |set: &str| {
            let members: String = saved
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("add {set} ")))
                .map(|network| format!("{network}\n"))
                .collect();
            merged(&members)
        };
        assert_eq!(networks("s4").v4, wanted.v4);
        assert_eq!(networks("s6").v6, wanted.v6);
        assert_eq!(saved.lines().filter(|line| line.starts_with("create ")).count(), 2);
    }
}
