//! What was loaded is in force or it is not: what failed is tried again until it succeeds, and what is
//! said of it is what the kernel says.

use std::fs;
use std::process::Command;

use kit::crowd::{FOREIGN, TABLE};
use kit::*;

const LIST: &str = "192.0.2.0/24\n203.0.113.9\n";

/// A daemon that keeps [`LIST`] in force, in the managed table or in a foreign one.
struct Kept {
    namespace: Namespace,
    daemon: Daemon,
    options: Vec<&'static str>,
    folder: Folder,
    status: String,
}

impl Kept {
    fn new(options: &[&'static str]) -> Self {
        Kept::by(options, |namespace| namespace.command(program()))
    }

    /// One that is started by `command`, to which its arguments are added.
    fn by(options: &[&'static str], command: impl FnOnce(&Namespace) -> Command) -> Self {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        namespace.nft(TABLE);
        let list = folder.file("list", LIST);
        let mut command = command(&namespace);
        let status = folder.path().join("status").to_str().unwrap().to_string();
        let metrics = folder.path().join("metrics");
        command.args(["--no-protect", "-f", &list, "--status-file", &status, "--metrics"]);
        command.arg(metrics).args(options).args(namespace.state());
        let daemon = Daemon::spawn(&mut command);
        daemon.wait_for_loads(1);
        Kept { namespace, daemon, options: options.to_vec(), folder, status }
    }

    /// Takes away what the daemon keeps.
    fn take_away(&self) {
        self.namespace.nft(match self.is_foreign() {
            true => "flush set ip t a",
            false => "delete table ip netfilterd",
        });
    }

    fn is_foreign(&self) -> bool {
        self.options.contains(&"-t")
    }

    fn is_in_force(&self) -> bool {
        let held = match self.is_foreign() {
            true => self.namespace.elements("ip t", "a"),
            false => self.namespace.managed("drop4"),
        };
        held == merged(LIST).v4
    }

    fn status(&self, options: &[&str]) -> Ran {
        self.namespace.netfilterd(&[&["status", "--status-file", &self.status], options].concat())
    }

    /// `netfilterd status`, which must exit so and say that in its line about what is in force.
    #[track_caller]
    fn expect(&self, status: i32, names: &[&str]) {
        let asked = self.status(&[]);
        assert_eq!(asked.status(), status, "{}{}", asked.stdout(), asked.stderr());
        assert_line_names(&asked.stdout(), &[&["in force  "], names].concat());
    }

    fn limit_descriptors(&self, most: usize) {
        let limit = format!("--nofile={most}:1024");
        let pid = self.daemon.pid().to_string();
        assert!(Command::new("prlimit").args([&limit, "--pid", &pid]).status().unwrap().success());
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.daemon.pid())).unwrap().count()
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_repair_for_which_there_is_no_descriptor_is_tried_again_until_it_succeeds() {
    needs(&["prlimit"]);
    for options in [&[][..], FOREIGN] {
        let kept = Kept::new(options);
        kept.expect(0, &["yes"]);
        // None more than it has, and then so few that some stage has one and the next does not.
        for (spare, round) in (0..=2).zip(1..) {
            kept.limit_descriptors(if spare == 0 { 8 } else { kept.descriptors() + spare });
            kept.take_away();
            let of = kept.options.get(1).unwrap_or(&"ip netfilterd");
            let expected = format!("changed table {of}");
            kept.daemon.wait_for(&expected, round);
            if spare == 0 {
                let names = ["cannot repair", "Too many open files", "limit of open files"];
                kept.daemon.wait_for_line(&names, 2);
                kept.expect(1, &["no"]);
            }
            kept.limit_descriptors(1024);
            let repairs = kept.daemon.wait_for_repairs(round as u64);
            assert!(repairs["by"].as_str().unwrap().starts_with("nft (pid "), "{repairs}");
            assert!(kept.is_in_force());
            kept.daemon.wait_for_status(|status| status["condition"]["state"] == "in_force");
            kept.expect(0, &["yes"]);
        }
        assert_eq!(kept.daemon.end("TERM"), 0);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_foreign_table_that_exists_again_is_filled_soon_however_long_it_was_gone() {
    let kept = Kept::new(FOREIGN);
    kept.namespace.nft("flush ruleset");
    let names = ["cannot repair table ip t", "does not exist", "retrying in 4 s"];
    kept.daemon.wait_for_line(&names, 1);
    kept.expect(1, &["no", "table ip t does not exist", "nft (pid ", "next attempt at"]);
    kept.namespace.nft(TABLE);
    kept.daemon.wait_for_repairs(1);
    assert!(kept.is_in_force());
    assert!(!kept.daemon.log().contains("retrying in 8 s"), "{}", kept.daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_a_repair_waits_the_status_is_unhealthy_and_says_who_and_when() {
    let kept = Kept::new(&[]);
    let metrics = kept.folder.path().join("metrics");
    let metric = |line: &str| {
        let text = || fs::read_to_string(&metrics).unwrap_or_default();
        eventually(line, || text().contains(&format!("\nnetfilterd_{line}")));
    };
    metric("in_force 1");
    for (pause, times) in ["nft (pid ", "in 1 s", "in 2 s"].into_iter().zip(1..) {
        kept.namespace.nft("flush ruleset");
        kept.daemon.wait_for(pause, 1);
        if pause == "in 2 s" {
            kept.expect(1, &["no", "changed by nft (pid ", "does not exist", "next attempt at 2"]);
            let json = kept.status(&["--json"]).json();
            let condition = &json["condition"];
            assert_eq!(condition["state"], "not_in_force", "{json}");
            assert!(condition["by"].as_str().unwrap().starts_with("nft (pid "), "{json}");
            assert!(condition["since"].is_string() && condition["retry_at"].is_string(), "{json}");
            assert_eq!(json["kernel"]["state"], "not_in_force", "{json}");
            metric("in_force 0");
            metric("next_attempt_time_seconds ");
            metric("last_load_successful 1");
        }
        kept.daemon.wait_for_repairs(times);
    }
    kept.expect(0, &["yes"]);
    metric("in_force 1");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_program_that_flushes_now_and_then_is_met_at_once_each_time() {
    let kept = Kept::new(&[]);
    for times in 1..=4 {
        kept.namespace.nft("flush ruleset");
        kept.daemon.wait_for_repairs(times);
        // Longer than a repair must last: this is what the test is about.
        std::thread::sleep(std::time::Duration::from_millis(700));
        assert!(kept.is_in_force());
    }
    let log = kept.daemon.log();
    assert!(log.contains("--no-repair") && !log.contains("repairing it in "), "{log}");
    assert!(log.matches(" changed table").count() <= 2, "not one line each: {log}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_stops_restores_what_is_gone_and_claims_nothing_that_it_did_not_see() {
    needs(&["prlimit"]);
    for options in [&[][..], FOREIGN] {
        // While the repair waits for a second: it is made before the end.
        let kept = Kept::new(options);
        kept.take_away();
        kept.daemon.wait_for_repairs(1);
        kept.take_away();
        kept.daemon.wait_for("in 1 s", 1);
        kept.daemon.signal("TERM");
        kept.daemon.wait_for("stopping; what is loaded stays in force", 1);
        assert!(kept.is_in_force());

        let kept = Kept::new(options);
        kept.limit_descriptors(8);
        kept.take_away();
        kept.daemon.wait_for("cannot repair", 1);
        kept.daemon.signal("TERM");
        kept.daemon.wait_for_line(&["stopping; ", "is not in force", "nft (pid "], 1);

        let kept = Kept::new(&[options, &["--no-repair"]].concat());
        kept.take_away();
        kept.daemon.signal("TERM");
        kept.daemon.wait_for_line(&["stopping; ", "is not in force", "netfilterd load"], 1);
        assert!(!kept.daemon.log().contains("stays in force"), "{}", kept.daemon.log());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_no_notifications_can_be_received_the_table_is_looked_at_by_time() {
    needs(&["strace"]);
    // The first socket loads, the second one would receive notifications.
    let kept = Kept::by(&[], |namespace| {
        let mut command = namespace.command("strace");
        let fault = "inject=socket:error=EMFILE:when=2";
        command.args(["-f", "-D", "-qq", "-o", "/dev/null", "-e", fault, program()]);
        command
    });
    kept.daemon.wait_for_line(&["cannot receive changes of the ruleset", "until"], 1);
    kept.take_away();
    kept.daemon.wait_for_line(&["an unknown program changed table ip netfilterd"], 1);
    eventually("in force again", || {
        kept.daemon.status()["condition"]["state"] == "in_force" && kept.is_in_force()
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whichever_call_of_a_repair_fails_it_is_made_in_the_end() {
    needs(&["strace"]);
    let faults = [
        "socket:error=EMFILE",
        "setsockopt:error=ENOMEM",
        "recvmsg:error=ENOMEM",
        "sendto:error=ENOBUFS",
    ];
    for options in [&[][..], FOREIGN] {
        for fault in faults {
            let mut repaired = 0;
            for number in (1..60).step_by(3) {
                let kept = Kept::new(options);
                let attached = kept.folder.path().join("attached");
                // From here on, the call of the number fails.
                let inject = format!("inject={fault}:when={number}");
                let mut strace = Command::new("strace");
                strace.args(["-o", attached.to_str().unwrap(), "-e", &inject, "-p"]);
                strace.arg(kept.daemon.pid().to_string()).stderr(std::process::Stdio::null());
                let _strace = Background(strace.spawn().unwrap());
                eventually("strace is there", || {
                    let path = format!("/proc/{}/status", kept.daemon.pid());
                    let status = fs::read_to_string(path).unwrap();
                    status
                        .lines()
                        .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
                });
                kept.take_away();
                kept.daemon.wait_for(" changed table ", 1);
                eventually("in force again", || {
                    kept.daemon.status()["condition"]["state"] == "in_force" && kept.is_in_force()
                });
                repaired += 1;
                if !fs::read_to_string(&attached).unwrap().contains("(INJECTED)") {
                    break;
                }
            }
            assert!(repaired > 1, "{fault} was among the calls of a repair");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_status_asks_the_kernel_whether_or_not_the_daemon_knows() {
    // Each of them with what the status then says. Without repairs nothing else does.
    let managed = [
        (
            "flush ruleset",
            "table ip netfilterd does not exist, table ip6 netfilterd does not exist",
        ),
        ("delete table ip6 netfilterd", "no: table ip6 netfilterd does not exist"),
        ("add table ip6 netfilterd { flags dormant; }", "table ip6 netfilterd is dormant"),
        (
            "add chain ip6 netfilterd inbound { type filter hook prerouting priority raw; }",
            "another program changed the chains or rules of table ip6 netfilterd",
        ),
        ("flush set ip netfilterd drop4_first16_g1", "0 elements instead of 2"),
        ("flush set ip netfilterd drop4_32_g1", "0 elements instead of 257"),
        ("delete element ip netfilterd drop4_first16_g1 { 0xcb00 }", "1 elements instead of 2"),
        ("delete element ip netfilterd drop4_32_g1 { 203.0.113.9 }", "256 elements instead of 257"),
        (
            "delete element ip netfilterd drop4_first16_g1 { 0xcb00 }, then \
             add element ip netfilterd drop4_first16_g1 { 0xcb01 }",
            "other networks",
        ),
        (
            "delete element ip netfilterd drop4_32_g1 { 203.0.113.9 }, then \
             add element ip netfilterd drop4_32_g1 { 203.0.113.10 }",
            "other networks",
        ),
        (
            "flush chain ip netfilterd inbound",
            "another program changed the chains or rules of table ip netfilterd",
        ),
        ("insert rule ip netfilterd inbound accept", "another program changed the chains or rules"),
        ("add table ip netfilterd { flags dormant; }", "is dormant"),
    ];
    let interval = [
        ("flush set ip netfilterd drop4_g1", "0 elements instead of 2"),
        ("delete element ip netfilterd drop4_g1 { 203.0.113.9 }", "1 elements instead of 2"),
        (
            "delete element ip netfilterd drop4_g1 { 203.0.113.9 }, then \
             add element ip netfilterd drop4_g1 { 203.0.112.0/24 }",
            "other networks",
        ),
        (
            "delete element ip netfilterd drop4_g1 { 203.0.113.9 }, then \
             add element ip netfilterd drop4_g1 { 203.0.113.10 }",
            "other networks",
        ),
    ];
    let foreign = [
        ("flush ruleset", "table ip t does not exist"),
        ("flush set ip t a", "0 elements instead of 2"),
        (
            "delete element ip t a { 203.0.113.9 }, then add element ip t a { 8.8.8.0/25 }",
            "other networks",
        ),
        (
            "delete element ip t a { 203.0.113.9 }, then add element ip t a { 203.0.113.10 }",
            "other networks",
        ),
        ("flush chain ip t c", "no rule uses set a"),
        ("flush chain ip t c, then delete set ip t a", "set a does not exist"),
    ];
    for (options, interferences) in
        [(&[][..], &managed[..]), (&["--layout", "interval"], &interval), (FOREIGN, &foreign)]
    {
        for (interference, says) in interferences {
            let kept = Kept::new(&[options, &["--no-repair"]].concat());
            kept.expect(0, &["yes"]);
            kept.namespace.nft(&interference.replace(", then ", "\n"));
            kept.expect(1, &["no", says]);
            if interference.contains("ip t") || interference.contains("ruleset") {
                kept.namespace.nft(&format!("flush ruleset\n{TABLE}"));
            }
            kept.daemon.signal("HUP");
            kept.daemon.wait_for_loads(2);
            kept.expect(0, &["yes"]);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_load_that_the_status_overtakes_is_no_contradiction() {
    let kept = Kept::new(&["--max-shrink", "100"]);
    for round in 2..=30 {
        kept.folder.file("list", format!("192.0.{round}.0/24\n10.{round}.0.0/16\n"));
        kept.daemon.signal("HUP");
        kept.expect(0, &["yes"]);
        kept.daemon.wait_for_loads(round);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_cannot_be_asked_is_not_claimed() {
    needs(&["setpriv"]);
    let kept = Kept::new(&[]);
    let mut command = kept.namespace.command("setpriv");
    command.args(["--reuid=65534", "--clear-groups", "--bounding-set=-all", program(), "status"]);
    let asked = run(command.args(["--status-file", &kept.status]));
    assert_eq!(asked.status(), 4, "{}{}", asked.stdout(), asked.stderr());
    assert_line_names(&asked.stdout(), &["in force ", "not verified: needs CAP_NET_ADMIN"]);
    // In another namespace there may be a table of the same name.
    let asked = Namespace::new().netfilterd(&["status", "--status-file", &kept.status]);
    assert_eq!(asked.status(), 4, "{}{}", asked.stdout(), asked.stderr());
    assert_line_names(&asked.stdout(), &["in force ", "another network namespace"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn after_a_daemon_was_killed_it_is_said_what_it_left_in_force() {
    let mut kept = Kept::new(&[]);
    kept.daemon.signal("KILL");
    kept.daemon.wait_until_killed();
    kept.status(&[]).expect(3, &["no daemon found", "what it loaded is in force", "ip netfilterd"]);
    kept.namespace.nft("flush ruleset");
    kept.status(&[]).expect(3, &["no daemon found", "is not in force", "does not exist"]);
}
