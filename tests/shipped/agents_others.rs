//! The agents that read no log: the collector, the actions for fail2ban, the summary of conntrack.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use kit::agents::*;
use kit::*;

#[test]
#[ignore = "needs root: network namespaces"]
fn collect_moves_the_elements_of_dynamic_sets_and_tells_of_each() {
    needs(&["python3"]);
    let (wire, list) = (Wire::new(), List::new());
    // As rulesets/rate.nft has them.
    wire.inside.nft(
        "table inet rates {
            set offenders4 { type ipv4_addr; flags dynamic, timeout; timeout 10m; }
            set offenders6 { type ipv6_addr; flags dynamic, timeout; timeout 10m; }
            set plain { type ipv4_addr; flags dynamic; }
            set pairs { type ipv4_addr . inet_service; flags dynamic, timeout; timeout 10m; }
            chain in {
                type filter hook prerouting priority raw;
                udp dport 9 update @offenders4 { ip saddr }
                udp dport 9 update @offenders6 { ip6 saddr }
                udp dport 9 add @pairs { ip saddr . udp dport }
            }
        }
        add element inet rates plain { 192.0.2.5, 10.0.0.1 }",
    );
    for (from, to) in [(FOE4, INSIDE4), (FOE6, INSIDE6), (INSIDE4, INSIDE4)] {
        let at = if from == INSIDE4 { &wire.inside } else { &wire.outside };
        at.within(|| UdpSocket::bind((from, 0)).unwrap().send_to(b"?", (to, 9)).unwrap());
    }
    let collect = |arguments: &[&str]| {
        let mut command = wire.inside.command(&format!("{AGENTS}/collect"));
        run(command.args(["--list", &list.path, "--until", "1h", "inet", "rates"]).args(arguments))
    };
    let elements = |set: &str| -> Vec<String> {
        let listing = wire.inside.nft_json(&format!("list set inet rates {set}"));
        let object = listing["nftables"].as_array().unwrap()[1]["set"].clone();
        let elements = object["elem"].as_array().cloned().unwrap_or_default();
        let one = |element: &serde_json::Value| match element.get("elem") {
            Some(timed) => timed["val"].as_str().unwrap().to_string(),
            None => element.as_str().unwrap().to_string(),
        };
        elements.iter().map(one).collect()
    };
    let ran = collect(&["--keep", "offenders4", "offenders6"]);
    assert_eq!(ran.status(), 0, "{}", ran.stderr());
    assert_eq!(elements("offenders4").len(), 2, "kept");
    let events: Vec<serde_json::Value> =
        ran.stdout().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["address"], FOE4);
    assert_eq!(events[0]["set"], "inet rates offenders4");
    assert_eq!(
        list.text().lines().next().unwrap(),
        format!("{FOE4} until {}", events[0]["until"].as_str().unwrap())
    );
    assert_eq!(list.entries(), [FOE4, FOE6], "and not {INSIDE4}, which is private");

    let ran = collect(&["offenders4", "offenders6", "plain", "pairs"]);
    assert_eq!(ran.status(), 0, "{}", ran.stderr());
    assert_eq!(ran.stdout().lines().count(), 1, "only what is new: {}", ran.stdout());
    assert_eq!(list.entries(), [FOE4, FOE6, "192.0.2.5"]);
    list.is_in_order();
    assert_eq!(elements("offenders4"), [INSIDE4]);
    assert!(elements("offenders6").is_empty());
    assert_eq!(elements("plain"), ["10.0.0.1"]);
    assert!(wire.inside.ruleset().contains(&format!("{FOE4} . 9")), "pairs are no addresses");

    collect(&["nonesuch", "plain"]).expect(1, &["nonesuch", "inet rates", "No such file"]);
    collect(&["plain ; flush ruleset"]).expect(2, &["plain ; flush ruleset: "]);
    // Who is allowed stays in the set, and so does what cannot be listed.
    let allow = list.folder.file("allow", "192.0.2.5\n");
    wire.inside.nft("add element inet rates plain { 192.0.2.5 }");
    list.append(&["--remove", "192.0.2.5"]).expect(0, &[]);
    let mut command = wire.inside.command(&format!("{AGENTS}/collect"));
    command.args(["--list", &list.path, "--allow", &allow, "inet", "rates", "plain"]);
    run(&mut command).expect(0, &[]);
    assert!(!list.entries().contains(&"192.0.2.5".to_string()));
    assert_eq!(elements("plain").len(), 2);
    wire.inside.nft("delete element inet rates plain { 192.0.2.5 }");
    wire.inside.nft("add element inet rates plain { 192.0.2.6 }");
    fs::remove_file(&list.path).unwrap();
    fs::create_dir(&list.path).unwrap();
    collect(&["plain"]).expect(1, &["Is a directory"]);
    assert_eq!(elements("plain").len(), 2);
}

/// A command of a fail2ban action, with its tags filled in.
fn action(name: &str, key: &str, tags: &[(&str, &str)]) -> Command {
    let script = "import configparser, sys
parser = configparser.RawConfigParser(interpolation=None)
parser.read(sys.argv[1])
tags = dict(parser['Init']) | dict(parser['Definition']) | dict(pair.split('=', 1) for pair in sys.argv[3:])
text = parser['Definition'][sys.argv[2]]
for _ in range(3):
    for tag, value in tags.items():
        text = text.replace(f'<{tag}>', value)
print(text)";
    let file = format!("{AGENTS}/fail2ban/action.d/{name}.conf");
    let mut command = Command::new("python3");
    command.args(["-c", script, &file, key]);
    command.args(tags.iter().map(|(tag, value)| format!("{tag}={value}")));
    let ran = run(&mut command);
    assert_eq!(ran.status(), 0, "{}", ran.stderr());
    let text = ran.stdout();
    assert!(!text.contains('<'), "a tag is left over: {text}");
    let mut command = Command::new("sh");
    command.args(["-c", &text]);
    command
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_actions_of_fail2ban_list_take_out_and_hang_up() {
    needs(&["python3"]);
    let list = List::new();
    let run_action = |key, bantime, ip| {
        let tags = [("agents", AGENTS), ("list", &list.path), ("bantime", bantime), ("ip", ip)];
        run(&mut action("netfilterd", key, &tags)).expect(0, &[]);
    };
    run_action("actionban", "600", "192.0.2.1");
    run_action("actionban", "600", "192.0.2.1");
    run_action("actionban", "-1", "2001:db8::1");
    run_action("actionban", "3600", "10.0.0.1");
    assert_eq!(list.entries(), ["192.0.2.1", "2001:db8::1", "10.0.0.1"]);
    assert!(list.text().contains("192.0.2.1 until 2") && list.text().contains("\n2001:db8::1\n"));
    list.is_in_order();
    run_action("actionunban", "600", "192.0.2.1");
    assert_eq!(list.entries(), ["2001:db8::1", "10.0.0.1"]);

    let namespace = Namespace::new();
    let pid = list.folder.path().join("pid").to_str().unwrap().to_string();
    let daemon = Daemon::start(&namespace, &["--pid-file", &pid, "--file", &list.path]);
    for (key, times) in [("actionban", 2), ("actionunban", 3)] {
        run(&mut action("netfilterd-hup", key, &[("pidfile", &pid)])).expect(0, &[]);
        daemon.wait_for_loads(times);
    }
    // Another process by the same number is left alone.
    let mut other = Background(Command::new("sleep").arg("60").spawn().unwrap());
    fs::write(&pid, other.0.id().to_string()).unwrap();
    let ran = run(&mut action("netfilterd-hup", "actionban", &[("pidfile", &pid)]));
    assert_eq!(
        (ran.status(), ran.stderr().as_str()),
        (1, ""),
        "the file and the process are there"
    );
    assert!(other.0.try_wait().unwrap().is_none());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn conntrack_summary_counts_protocols_states_and_sources() {
    needs(&["conntrack"]);
    let expected = [
        "6 connections from 4 addresses, 2 without an answer",
        "by protocol",
        "4  tcp",
        "1  icmp",
        "1  udp",
        "by state",
        "2  tcp ESTABLISHED",
        "2  tcp SYN_SENT",
        "by source",
        "3  192.0.2.10",
        "1  198.51.100.80",
        "without an answer, by source, which may be forged",
        "2  192.0.2.10",
    ];
    let of = |arguments: &[&str], text: &str| {
        let ran = given(&mut agent("conntrack-summary", arguments), text);
        assert_eq!(ran.status(), 0, "{}", ran.stderr());
        ran.stdout()
            .lines()
            .map(|line| line.trim().to_string())
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
    };
    let file = format!("{}/tests/logs/nf_conntrack", env!("CARGO_MANIFEST_DIR"));
    let all = of(&[&file], "");
    for line in expected {
        assert!(all.contains(&line.to_string()), "no {line:?} in {all:#?}");
    }
    // conntrack -L has no family in front.
    let without = |line: &str| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ") + "\n";
    let short: String = excerpt("nf_conntrack").lines().map(without).collect();
    assert_eq!(of(&["-n", "10", "-"], &short)[..5], all[..5]);
    assert_eq!(
        of(&["-n", "1", "-"], "nonsense\n\n")[0],
        "0 connections from 0 addresses, 0 without an answer"
    );
    run(&mut agent("conntrack-summary", &["-n", "x"])).expect(2, &["[-n COUNT]"]);
    run(&mut agent("conntrack-summary", &["/nonexistent"])).expect(1, &["/nonexistent"]);

    // The kernel's own.
    let wire = Wire::new();
    wire.inside.nft(
        "table inet t {
            chain in {
                type filter hook input priority 0
                ct state new counter
            }
        }",
    );
    assert!(wire.comes_in(FRIEND4, INSIDE4) && wire.comes_in(FOE6, INSIDE6));
    let script = format!(
        "conntrack -L 2>/dev/null | {AGENTS}/conntrack-summary -; {AGENTS}/conntrack-summary"
    );
    let said = run(wire.inside.command("sh").args(["-c", &script])).stdout();
    assert_eq!(said.matches(FRIEND4).count(), 4, "both as a source and without an answer: {said}");
}

/// make check skips it where fail2ban is not installed: its Debian package starts it, and no test may
/// do that to a machine.
#[test]
#[ignore = "needs root and fail2ban: network namespaces"]
fn fail2ban_itself_bans_and_unbans_by_the_action() {
    needs(&["python3", "fail2ban-server"]);
    let (list, folder, namespace) = (List::new(), Folder::new(), Namespace::new());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    run(Command::new("cp").args(["-r", "/etc/fail2ban", &path("conf")])).expect(0, &[]);
    run(Command::new("rm").args(["-rf", &path("conf/jail.d")])).expect(0, &[]);
    let ours = format!("{AGENTS}/fail2ban/action.d/netfilterd.conf");
    fs::copy(ours, path("conf/action.d/netfilterd.conf")).unwrap();
    folder.file("conf/fail2ban.local", "[Definition]\ndbfile = None\n");
    folder.file(
        "conf/jail.local",
        format!(
            "[DEFAULT]\nusedns = no\nbackend = polling\nbantime = 600\n[sshd]\nenabled = true\n\
             logpath = {}\naction = netfilterd[agents={AGENTS}, list={}]\n",
            folder.file("log", ""),
            list.path
        ),
    );
    let (conf, socket, pid, log) = (path("conf"), path("sock"), path("pid"), path("said"));
    let options = ["-c", &conf, "-s", &socket, "-p", &pid, "--logtarget", &log];
    let tell = |words: &[&str]| {
        run(namespace.command("fail2ban-client").args(options).args(words)).status() == 0
    };
    let mut command = namespace.command("fail2ban-server");
    let command = command.args(options).args(["-f", "start"]);
    let mut server =
        Background(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    eventually("there", || tell(&["status", "sshd"]));
    for address in ["192.0.2.1", "2001:db8::1"] {
        assert!(tell(&["set", "sshd", "banip", address]));
        eventually("banned", || {
            fs::read_to_string(&list.path).unwrap_or_default().contains(address)
        });
    }
    assert!(list.text().starts_with("192.0.2.1 until 2"), "{}", list.text());
    list.is_in_order();
    assert!(tell(&["set", "sshd", "unbanip", "192.0.2.1"]));
    eventually("unbanned", || list.entries() == ["2001:db8::1"]);
    assert!(tell(&["stop"]));
    server.0.wait().unwrap();
    assert_eq!(list.text(), "", "it takes everything out when it stops");
}
