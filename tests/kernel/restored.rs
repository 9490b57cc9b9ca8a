//! A first load that fails after a reboot, which has taken the sets: what was loaded before is restored.

use std::fs;

use kit::*;
use netfilterd::list::End;

/// Every second address from 198.51.0.0 on, in a list.
fn hosts(range: std::ops::Range<u32>) -> String {
    range.map(|host| format!("{}\n", std::net::Ipv4Addr::from(0xc633_0000 + 2 * host))).collect()
}

/// A namespace and a list, which is loaded with a state file of its own.
struct Host {
    namespace: Namespace,
    folder: Folder,
    list: String,
    state: String,
}

impl Host {
    /// A host on which `text` was loaded with `options`, and that was rebooted.
    fn rebooted(text: &str, options: &[&str]) -> Self {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let list = folder.file("list", text);
        let state = folder.path().join("state").to_str().unwrap().to_string();
        let host = Host { namespace, folder, list, state };
        host.namespace.load(&host.options(options));
        host.reboot();
        host
    }

    fn options<'a>(&'a self, options: &[&'a str]) -> Vec<&'a str> {
        [&["-f", &self.list, "--state-file", &self.state], options].concat()
    }

    fn reboot(&self) {
        self.namespace.nft("flush ruleset");
    }

    fn load(&self, options: &[&str]) -> Ran {
        self.namespace.netfilterd(&[&["load"], &self.options(options)[..]].concat())
    }

    fn remembered(&self) -> Vec<Vec<u8>> {
        ["", ".ranges"].map(|end| fs::read(format!("{}{end}", self.state)).unwrap()).to_vec()
    }

    fn in_force(&self) -> usize {
        self.namespace.managed("drop4").len()
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_a_reboot_what_was_loaded_is_restored_if_the_list_is_of_no_use() {
    let host = Host::rebooted(&(hosts(0..200) + "2001:db8::/32\n"), &[]);
    let before = host.remembered();
    let of_no_use: [(&dyn Fn(), i32, &str); 5] = [
        (&|| drop(host.folder.file("list", hosts(0..20))), 3, "--max-shrink 50"),
        (&|| drop(host.folder.file("list", "")), 3, "the lists hold no network"),
        (&|| drop(host.folder.file("list", "<html>\n")), 1, "is not a list of addresses"),
        (&|| drop(host.folder.file("list", "1.2.3\n1.2.3\n192.0.2.1\n")), 3, "more than half"),
        (&|| fs::remove_file(&host.list).unwrap(), 1, "cannot be read"),
    ];
    for (spoil, status, said) in of_no_use {
        spoil();
        let ran = host.load(&[]);
        let line =
            "warning: nothing was in force; restored 201 networks (v4 200, v6 1) of the load at 2";
        ran.expect(status, &[said, line]);
        assert!(!ran.stderr().contains("nothing is in force"), "{}", ran.stderr());
        assert_eq!(host.in_force(), 200, "{said}");
        assert_eq!(host.namespace.managed("drop6"), ["2001:db8::/32"]);
        assert_eq!(host.remembered(), before, "the next load is compared with the same");
        // What is in force is left as it is.
        let ruleset = host.namespace.ruleset();
        let again = host.load(&[]);
        again.expect(status, &[said]);
        assert!(!again.stderr().contains("in force;"), "{}", again.stderr());
        assert_eq!(host.namespace.ruleset(), ruleset);
        host.reboot();
    }
    let (ranges, name) = (fs::read(format!("{}.ranges", host.state)).unwrap(), "state.ranges");
    host.folder.file(name, &ranges[..ranges.len() - 1]);
    host.load(&[]).expect(1, &[name, "the file is damaged; nothing is remembered"]);
    host.folder.file(name, ranges);
    fs::remove_file(&host.state).unwrap();
    host.load(&[]).expect(1, &["cannot be read", "; nothing is in force"]);
    assert!(!host.namespace.ruleset().contains("table"), "both are forgotten");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_restored_is_without_what_has_expired_or_is_allowed_or_protected_now() {
    let end = End::now().seconds() + 2;
    let text = format!("{}192.0.2.1 until {end}\n10.9.9.9\n203.0.113.8/31\n", hosts(0..200));
    let host = Host::rebooted(&text, &["-a", "/dev/null"]);
    host.folder.file("list", hosts(0..20));
    host.namespace.ip("addr add 10.9.9.9/32 dev lo");
    let allow = host.folder.file("allow", "203.0.113.9\n198.51.0.0/31\n");
    eventually("the end", || End::now().seconds() >= end);
    host.load(&["-a", &allow])
        .expect(3, &["restored 200 networks", ", 1 entry expired, 2 allowed, 1 protected"]);
    let is = host.namespace.managed("drop4");
    for (network, dropped) in [
        ("203.0.113.8/32", true),
        ("203.0.113.9/32", false),
        ("198.51.0.0/32", false),
        ("198.51.0.2/32", true),
        ("192.0.2.1/32", false),
        ("10.9.9.9/32", false),
    ] {
        assert_eq!(is.contains(&network.to_string()), dropped, "{network} in {is:?}");
    }
    // What was allowed when it was loaded stays allowed, if the allowlist is of no use.
    let allow = host.folder.file("allow", "203.0.113.8/31\n");
    host.folder.file("list", &text);
    host.load(&["-a", &allow]).expect(0, &[]);
    host.reboot();
    host.folder.file("allow", "203.0.113.8/31\nnonsense\n");
    host.load(&["-a", &allow])
        .expect(3, &["an allowlist must be readable as a whole", "restored 200"]);
    assert!(!host.namespace.managed("drop4").iter().any(|network| network.starts_with("203.0.")));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn of_an_allowlist_what_can_be_read_is_not_restored_and_a_warning_names_the_rest() {
    let host = Host::rebooted(&hosts(0..200), &["-a", "/dev/null"]);
    let folder = host.folder.path().join("allow");
    fs::create_dir(&folder).unwrap();
    let drops = |address: &str| host.namespace.managed("drop4").contains(&format!("{address}/32"));
    let options = ["-a", folder.to_str().unwrap()];
    let means = "what is restored drops addresses that nothing else";
    for (text, status, said) in [
        ("198.51.0.2\nnonsense\n", 3, "damaged:2:1"),
        ("<html>\n198.51.0.2\n", 1, "damaged: is not a list of addresses"),
        ("198.51.0.2 until 2099-01-01T00:00:00Z\n", 3, ""),
    ] {
        fs::write(folder.join("damaged"), text).unwrap();
        fs::write(folder.join("whole"), "198.51.0.4\n").unwrap();
        let ran = host.load(&options);
        ran.expect(status, &["restored 19"]);
        let warned: Vec<String> =
            ran.stderr().lines().filter(|line| line.contains(means)).map(String::from).collect();
        assert_eq!(warned.len(), usize::from(!said.is_empty()), "{}", ran.stderr());
        warned.iter().for_each(|line| assert_names(line, &["allow", said]));
        assert!(!drops("198.51.0.4") && drops("198.51.0.6"), "{said}");
        assert_eq!(drops("198.51.0.2"), said.contains("not a list"), "{said}");
        host.reboot();
    }
    // A file that is not there is no allowlist, and the next one is read.
    let missing = host.folder.path().join("missing");
    let ran = host.load(&[&["-a", missing.to_str().unwrap()][..], &options].concat());
    ran.expect(1, &["warning: ", "missing", means]);
    assert!(!drops("198.51.0.4"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn if_nothing_is_remembered_too_little_is_loaded_and_what_may_harm_is_not() {
    let host = Host::rebooted(&hosts(0..200), &[]);
    let ranges = format!("{}.ranges", host.state);
    fs::remove_file(&ranges).unwrap();
    host.folder.file("list", hosts(0..20));
    let loaded = "nothing was in force; loaded 20 networks";
    // Again and again: the next load is compared with the same.
    for _ in 0..2 {
        host.load(&[]).expect(3, &["20 networks where 200 were in force", loaded]);
        assert_eq!(host.in_force(), 20);
        host.load(&[]).expect(3, &["20 networks where 200 were in force"]);
        host.reboot();
    }
    fs::remove_file(&host.state).unwrap();
    host.load(&["--min-entries", "21"]).expect(3, &["refused by --min-entries 21", loaded]);
    assert_eq!(host.in_force(), 20);
    host.reboot();
    // All that is remembered has expired.
    let end = End::now().seconds() + 2;
    let host = Host::rebooted(&format!("192.0.2.1 until {end}\n"), &[]);
    host.folder.file("list", hosts(0..20));
    eventually("the end", || End::now().seconds() >= end);
    host.load(&["--min-entries", "21"]).expect(3, &["refused by --min-entries 21", loaded]);
    assert_eq!(host.in_force(), 20);
    host.reboot();
    let nothing = "; nothing is in force";
    for (text, options, said) in [
        ("1.2.3\n1.2.3\n192.0.2.1\n", &["--min-entries", "2"][..], "more than half"),
        ("0.0.0.0/1\n128.0.0.0/4\n", &["--widest", "0"], "more than half"),
        ("192.0.2.1\n1.2.3\n", &["--strict"], "--strict"),
        ("", &[], "no network"),
    ] {
        host.folder.file("list", text);
        host.load(options).expect(3, &[said, nothing]);
        assert!(!host.namespace.ruleset().contains("table"), "{text}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn sets_of_a_foreign_table_are_restored_if_they_are_empty() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let rules = "table inet t {
        set a { type ipv4_addr; flags interval; }
        chain c { type filter hook input priority 0; ip saddr @a drop; }
    }";
    namespace.nft(rules);
    let list = folder.file("list", hosts(0..200));
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let options = ["load", "-f", &list, "--state-file", &state, "-t", "inet t", "--set4", "a"];
    namespace.netfilterd(&options).expect(0, &[]);
    namespace.nft("flush set inet t a; add element inet t a { 192.0.2.7 }");
    folder.file("list", hosts(0..20));
    namespace.netfilterd(&options).expect(3, &["--max-shrink 50"]);
    assert_eq!(namespace.elements("inet t", "a"), ["192.0.2.7/32"], "something was in force");
    namespace.nft("flush set inet t a");
    namespace.netfilterd(&options).expect(3, &["--max-shrink 50", "restored 200 networks"]);
    assert_eq!(namespace.elements("inet t", "a").len(), 200);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_whose_first_load_is_refused_goes_on_with_what_was_loaded_before() {
    let end = End::now().seconds() + 4;
    let host = Host::rebooted(&format!("{}192.0.2.1 until {end}\n", hosts(0..200)), &[]);
    host.folder.file("list", hosts(0..20));
    for is_in_force in [false, true] {
        let daemon = Daemon::start_anyhow(&host.namespace, &host.options(&[]));
        let status = daemon.wait_for_failures(1);
        daemon.wait_for_line(&["warning: ", "restored 20", "of the load at "], 1);
        assert_eq!(daemon.lines(&["nothing was in force"]).len(), usize::from(!is_in_force));
        daemon.wait_for_line(&["error: ", "20 networks where 20", "keeping what is loaded"], 1);
        assert_names(status["line"].as_str().unwrap(), &["--max-shrink 50"]);
        let loaded = &daemon.status()["loaded"];
        let since = format!("of the load at {},", loaded["at"].as_str().unwrap());
        assert_names(loaded["line"].as_str().unwrap(), &["restored 20", &since]);
        // It is kept as what a daemon has loaded itself.
        daemon.wait_for_status(|status| status["loaded"]["networks4"] == 200);
        assert!(End::now().seconds() >= end);
        host.namespace.nft("delete table ip netfilterd; delete table ip6 netfilterd");
        daemon.wait_for_repairs(1);
        assert_eq!(host.in_force(), 200);
        daemon.signal("HUP");
        let again = daemon.wait_for_failures(2);
        assert_names(again["line"].as_str().unwrap(), &["200", "restart the daemon"]);
        if is_in_force {
            host.folder.file("list", hosts(0..150));
            daemon.signal("HUP");
            daemon.wait_for_status(|status| status["failed"].is_null());
            assert_eq!(host.in_force(), 150);
        }
        assert_eq!(daemon.end("TERM"), 0);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_remembers_nothing_leaves_what_is_in_force_and_waits_for_a_list() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", hosts(0..200));
    namespace.load(&["-f", &list]);
    let before = namespace.ruleset();
    folder.file("list", "");
    let daemon = Daemon::start_anyhow(&namespace, &["-f", &list]);
    daemon.wait_for_line(&["warning: ", "what another process has loaded stays in force"], 1);
    assert!(daemon.wait_for_failures(1)["line"].as_str().unwrap().contains("no network"));
    assert!(daemon.status()["loaded"].is_null());
    daemon.signal("HUP");
    daemon.wait_for_failures(2);
    assert_eq!(namespace.ruleset(), before);
    folder.file("list", hosts(0..10));
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for_loads(1)["networks4"], 10);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_queue_is_served_by_what_was_loaded_before_if_the_list_is_of_no_use() {
    needs(&["iptables"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let rule = ["-A", "INPUT", "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass"];
    run(wire.inside.command("iptables").args(rule)).expect(0, &[]);
    let list = folder.file("list", format!("{FOE4}\n"));
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let options = ["--queue", "7", "-f", &list, "--state-file", &state];
    let daemon = Daemon::start(&wire.inside, &options);
    daemon.wait_for_loads(1);
    assert_eq!(daemon.end("TERM"), 0);
    fs::remove_file(&list).unwrap();
    let daemon = Daemon::start_anyhow(&wire.inside, &options);
    daemon.wait_for_line(&["nothing was in force; restored 1 network"], 1);
    daemon.wait_for_failures(1);
    assert!(!wire.comes_in(FOE4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_the_file_system_of_a_list_does_not_answer_what_was_loaded_before_is_in_force() {
    needs(&["strace"]);
    let host = Host::rebooted(&hosts(0..200), &[]);
    let mut command = host.namespace.command("strace");
    // Longer than lists take to be called late. -D: the daemon is our child, and not that of strace.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-P", &host.list]);
    let allow = host.folder.file("allow", "192.0.2.1\n");
    let options = ["-a", &allow];
    command.args(["-e", "inject=openat:delay_enter=13s", program()]).args(host.options(&options));
    command.args(["--status-file", host.folder.path().join("status").to_str().unwrap()]);
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for_line(&["nothing was in force; restored 200 networks"], 1);
    daemon.wait_for_line(&["warning: ", "the allowlists were not read"], 1);
    assert_eq!(host.in_force(), 200);
    let status = daemon.wait_for_status(|status| !status["loaded"].is_null());
    assert_names(status["loaded"]["line"].as_str().unwrap(), &["restored 200 networks"]);
    assert_eq!(status["totals"]["loads"], 0);
    assert!(daemon.lines(&["loaded 200"]).is_empty());
    // It answers at last.
    let loaded = daemon.wait_for_loads(1);
    assert_names(loaded["line"].as_str().unwrap(), &["200 networks", "from 1 list"]);
    assert_eq!(daemon.end("TERM"), 0);
}
