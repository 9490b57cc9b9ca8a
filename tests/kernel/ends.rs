//! Entries that end, and lists that are loaded again when they change, while a daemon runs.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::time::{Duration, SystemTime};

use kit::queue::{BOTH, Queues};
use kit::*;
use netfilterd::list::End;

fn now() -> i64 {
    End::now().seconds()
}

/// Seconds until an entry ends: for a daemon to be looked at before, which has other work to wait
/// for.
const SOON: i64 = 6;

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_leaves_when_its_end_has_come_and_the_list_is_not_read_for_that() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let end = now() + SOON;
    let list = folder.file(
        "list",
        format!("192.0.2.0/24 until {end}\n192.0.2.7\n198.51.100.1 until 1000000000\n"),
    );
    let daemon = Daemon::start(&inside, &["-f", &list, "--layout", "interval"]);
    assert_eq!(daemon.status()["loaded"]["next_end"], End::at(end).to_string());
    assert_eq!(inside.managed("drop4"), ["192.0.2.0/24"]);
    fs::remove_file(&list).unwrap();
    let status = daemon.wait_for_status(|status| status["loaded"]["removed"] == 8);
    assert!(now() >= end, "it left too early");
    assert_eq!(status["loaded"]["networks4"], 1);
    assert_eq!(status["totals"]["loads"], 1, "the list was not read again");
    assert_eq!(inside.managed("drop4"), ["192.0.2.7/32"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_whose_removal_fails_is_tried_again_with_a_pause_in_between() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let table = "add table inet t; add set inet t a { type ipv4_addr; flags interval; }; \
                 add set inet t b { type ipv6_addr; flags interval; }";
    inside.nft(table);
    let list = folder.file("list", format!("192.0.2.7\n192.0.2.9 until {}\n", now() + SOON));
    let options = ["--table", "inet t", "--set4", "a", "--set6", "b", "--no-repair"];
    let daemon = Daemon::start(&inside, &[&["-f", &list], &options[..]].concat());
    inside.nft("delete table inet t");
    // The table is named, and so is the time until the next attempt.
    let failed = ["error: ", "inet t", " 5 s"];
    daemon.wait_for_line(&failed, 1);
    let status = daemon.wait_for_status(|status| !status["not_applied"].is_null());
    assert_names(status["not_applied"]["line"].as_str().unwrap(), &["inet t"]);
    daemon.signal("USR1");
    daemon.wait_for_line(&["not applied", "expired entries", "inet t", "next attempt at"], 1);
    daemon.wait_for_status(|status| status["not_applied"]["times"] == 2);
    inside.nft(table);
    daemon.wait_for_status(|status| status["loaded"]["networks4"] == 1);
    daemon.wait_for_status(|status| status["not_applied"].is_null());
    assert!(inside.nft("list set inet t a").contains("192.0.2.7"));
    assert!(!inside.nft("list set inet t a").contains("192.0.2.9"));
    assert_eq!(daemon.lines(&failed).len(), 1, "the same failure is logged once");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_that_ends_while_the_list_is_loaded_leaves_too() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7\n");
    let daemon = Daemon::start(&inside, &["-f", &list]);
    let end = now() + 2;
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(end as u64);
    let wait = |time: SystemTime| {
        std::thread::sleep(time.duration_since(SystemTime::now()).unwrap_or_default());
    };
    wait(at - Duration::from_millis(250));
    folder.file("list", format!("192.0.2.7\n198.51.100.1 until {end}\n"));
    daemon.signal("HUP");
    // A list that is still being written is waited for, here until the end has passed.
    while SystemTime::now() < at + Duration::from_millis(50) {
        let file = File::options().write(true).open(&list).unwrap();
        file.set_modified(SystemTime::now()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    daemon.wait_for_loads(2);
    eventually("it leaves", || inside.managed("drop4") == ["192.0.2.7/32"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn entries_end_in_queue_mode_too() {
    needs(&["iptables-legacy"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", format!("{FOE4} until {}\n{FOE6}\n", now() + SOON));
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j NFQUEUE --queue-num 0");
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    queues.daemon.wait_for_status(|status| status["loaded"]["networks4"] == 0);
    assert!(wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_that_has_ended_is_not_loaded_and_said_to_have_ended() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7 until 1000000000\n192.0.2.8 until 4000000000\n");
    assert_names(&inside.load(&["-f", &list]).stderr(), &["2096-10-02T07:06:40Z"]);
    assert_eq!(inside.managed("drop4"), ["192.0.2.8/32"]);
    let asked = inside.netfilterd(&["test", "-f", &list, "192.0.2.7", "192.0.2.8"]);
    assert_eq!(asked.status(), 1);
    let said = asked.stdout();
    let (ended, dropped) = said.split_once('\n').unwrap();
    assert_names(ended, &["192.0.2.7/32", "list:1", "until 2001-09-09T01:46:40Z"]);
    assert_names(dropped, &["192.0.2.8/32", "list:2", "until 2096-10-02T07:06:40Z"]);
    let json = inside.netfilterd(&["test", "--json", "-f", &list, "192.0.2.7", "192.0.2.8"]).json();
    assert_eq!([&json[0]["dropped"], &json[1]["dropped"]], [false, true], "{json}");
    // What is never dropped is so without end.
    let allow = folder.file("allow", "192.0.2.8 until 4000000000\n");
    let refused = inside.netfilterd(&["load", "-f", &list, "--allow", &allow]);
    refused.expect(3, &["until"]);
}

/// Waits longer than a daemon waits for a burst of changes to end, and then until it has done what
/// there was to be done.
fn a_burst_is_over(daemon: &Daemon) {
    std::thread::sleep(Duration::from_millis(500));
    // What a signal has to say comes behind that.
    let before = daemon.log().len();
    daemon.signal("USR1");
    eventually("an answer", || daemon.log()[before..].contains(&format!("{}", daemon.pid())));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_watch_a_list_that_changes_is_loaded_at_once_and_a_burst_once() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.7\n");
    let daemon = Daemon::start(&inside, &["-f", &list, "--watch"]);
    for octet in 8..28 {
        let mut file = OpenOptions::new().append(true).open(&list).unwrap();
        writeln!(file, "192.0.2.{octet}").unwrap();
    }
    daemon.wait_for_loads(2);
    assert_eq!(inside.managed("drop4"), ["192.0.2.7-192.0.2.27"], "{}", daemon.log());
    assert_eq!(daemon.loads(), 2, "one load for the burst: {}", daemon.log());

    // While somebody writes nothing is read.
    let mut file = OpenOptions::new().append(true).open(&list).unwrap();
    file.write_all(b"198.51.100.").unwrap();
    a_burst_is_over(&daemon);
    assert_eq!(daemon.loads(), 2, "{}", daemon.log());
    file.write_all(b"77\n").unwrap();
    drop(file);
    daemon.wait_for_loads(3);
    assert_eq!(inside.managed("drop4"), ["192.0.2.7-192.0.2.27", "198.51.100.77/32"]);

    // A list that is gone is an error, told once, and what is loaded stays.
    fs::remove_file(&list).unwrap();
    assert_names(daemon.wait_for_failures(1)["line"].as_str().unwrap(), &[&list, "No such file"]);
    assert_eq!(inside.managed("drop4"), ["192.0.2.7-192.0.2.27", "198.51.100.77/32"]);
    folder.file("list", "192.0.2.7\n");
    daemon.wait_for_loads(4);
    assert_eq!(daemon.lines(&["No such file"]).len(), 1, "{}", daemon.log());
    assert_eq!(inside.managed("drop4"), ["192.0.2.7/32"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_watch_an_allowlist_counts_as_well_and_without_it_nothing_does() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    let allow = folder.file("allow", "203.0.113.1\n");
    let daemon = Daemon::start(&inside, &["-f", &list, "--allow", &allow, "--watch"]);
    folder.file("allow", "192.0.2.128/25\n");
    daemon.wait_for_loads(2);
    assert_eq!(inside.managed("drop4"), ["192.0.2.0/25"]);
    assert_eq!(daemon.end("TERM"), 0);

    let daemon = Daemon::start(&inside, &["-f", &list]);
    folder.file("list", "198.51.100.0/24\n");
    a_burst_is_over(&daemon);
    assert_eq!(daemon.loads(), 1, "{}", daemon.log());
    assert_eq!(inside.managed("drop4"), ["192.0.2.0/24"]);
}
