//! A daemon that reads a long list again parses only what has changed. What it then puts in force and
//! reports is what a process does that has never read the list before.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use kit::*;
use serde_json::{Value, json};

/// Of so many hosts something is kept, in more than ten chunks.
const HOSTS: usize = 30_000;

/// What the status says of the lists and of what is in force.
fn reported(daemon: &Daemon) -> Value {
    let mut loaded = daemon.status()["loaded"].take();
    let keys = ["networks4", "networks6", "rejected", "protected", "next_end", "sources"];
    Value::Object(keys.iter().map(|key| (key.to_string(), loaded[*key].take())).collect())
}

/// Asserts that a daemon has in force and reports what one does that reads the list for the first time.
fn assert_as_new(inside: &Namespace, daemon: &Daemon, list: &str, step: &str) {
    let elsewhere = Namespace::new();
    let new = Daemon::start(&elsewhere, &["-f", list]);
    assert_eq!(reported(daemon), reported(&new), "{step}");
    for set in ["drop4", "drop6"] {
        assert!(inside.managed(set) == elsewhere.managed(set), "{step}: {set} differs");
    }
    // The lines that it names are those of the list as it is now.
    for line in new.lines(&["warning: ", list]) {
        assert!(daemon.log().contains(&line), "{step}: {line} is not in {}", daemon.log());
    }
    assert_eq!(new.end("TERM"), 0);
}

/// Writes a list beside, and renames it into place.
fn replace(list: &str, lines: &[String]) {
    let next = Path::new(list).with_extension("next");
    fs::write(&next, lines.join("\n") + "\n").unwrap();
    fs::rename(next, list).unwrap();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_long_list_that_changes_a_little_is_in_force_and_reported_as_if_it_were_new() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let mut lines: Vec<String> =
        (0..HOSTS).map(|n| format!("{}.{}.{}.1", 11 + n % 89, n / 89 % 256, n % 251)).collect();
    lines[20_000] = "no address".into();
    lines[20_001] = "2001:db8::/32".into();
    lines[20_002] = "127.0.0.1".into();
    let list = folder.file("list", lines.join("\n") + "\n");
    let daemon = Daemon::start(&inside, &["-f", &list, "--watch"]);
    assert_as_new(&inside, &daemon, &list, "the first reading");

    let mut file = OpenOptions::new().append(true).open(&list).unwrap();
    file.write_all(b"198.51.100.7\n198.51.100.9 until 2099-01-01T00:00:00Z\n").unwrap();
    drop(file);
    daemon.wait_for_loads(2);
    assert_eq!(daemon.change(), (2, 0));
    assert_as_new(&inside, &daemon, &list, "lines appended");

    // The line of the one that is rejected changes as well.
    lines.insert(100, "203.0.113.0/25".into());
    lines.remove(9_000);
    lines[15_000] = "203.0.113.200".into();
    replace(&list, &lines);
    daemon.wait_for_loads(3);
    assert_as_new(&inside, &daemon, &list, "lines inserted, removed and replaced");

    lines.truncate(25_000);
    let bytes = lines.iter().map(|line| line.len() as u64 + 1).sum();
    OpenOptions::new().write(true).open(&list).unwrap().set_len(bytes).unwrap();
    daemon.wait_for_loads(4);
    assert_as_new(&inside, &daemon, &list, "lines removed at the end");

    // An exception counts for all lines, and without it they are in force again.
    for (loads, first) in [(5, "!11.0.0.0/16"), (6, "203.0.113.129")] {
        lines[0] = first.into();
        replace(&list, &lines);
        daemon.wait_for_loads(loads);
        assert_as_new(&inside, &daemon, &list, first);
    }

    // What is no list changes nothing, neither what is in force nor what is read then.
    folder.file("list", "<html>not found</html>\n");
    daemon.wait_for_failures(1);
    replace(&list, &lines[..24_000]);
    daemon.wait_for_loads(7);
    assert_as_new(&inside, &daemon, &list, "after a failure");
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_signal_has_a_long_list_read_again_in_the_same_way() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let mut lines: Vec<String> =
        (0..HOSTS).map(|n| format!("{}.{}.{}.0/24", 11 + n % 89, n / 89 % 256, n % 251)).collect();
    let list = folder.file("list", lines.join("\n") + "\n");
    // What is excluded is none of what is kept of the list.
    let allow = folder.file("allow", "11.0.0.0/24\n");
    let options = ["-f", &list, "--allow", &allow, "--mask", "24"];
    let daemon = Daemon::start(&inside, &options);
    let count = daemon.status()["loaded"]["networks4"].clone();
    for (step, line) in ["198.51.100.7", "198.51.103.9", "no address"].into_iter().enumerate() {
        lines.push(line.into());
        replace(&list, &lines);
        daemon.signal("HUP");
        daemon.wait_for_loads(2 + step as u64);
    }
    let loaded = daemon.status()["loaded"].take();
    assert_eq!(loaded["networks4"], json!(count.as_u64().unwrap() + 2));
    assert_eq!(loaded["rejected"], 1);
    daemon.wait_for_line(&[&format!("{list}:{}:1: not an address", HOSTS + 3)], 1);
    // The allowlist alone changes, and all lines of the list count as before.
    folder.file("allow", "11.0.0.0/8\n");
    daemon.signal("HUP");
    daemon.wait_for_loads(5);
    let elsewhere = Namespace::new();
    let new = Daemon::start(&elsewhere, &options);
    assert_eq!(reported(&daemon), reported(&new));
    assert!(inside.managed("drop4") == elsewhere.managed("drop4"));
    assert_eq!((new.end("TERM"), daemon.end("TERM")), (0, 0));
}
