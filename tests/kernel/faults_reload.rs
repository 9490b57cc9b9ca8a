//! Reloads that cannot go on, or fail: what the daemon does meanwhile, and that it tries again.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use kit::*;

const ONE: &str = "192.0.2.0/24\n10.77.0.9\n";
const TWO: &str = "198.51.100.0/24\n";

/// Has the link `list` lead somewhere else.
fn point(list: &Path, to: impl AsRef<Path>) {
    let next = list.with_extension("next");
    symlink(to, &next).unwrap();
    fs::rename(&next, list).unwrap();
}

/// The threads of a daemon by their names.
fn threads(daemon: &Daemon) -> Vec<String> {
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let name = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("comm")).unwrap();
    threads.map(|thread| name(thread.unwrap()).trim_end().to_string()).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_a_list_cannot_be_read_the_daemon_repairs_protects_and_answers() {
    let (namespace, folder, mut hanging) = (Namespace::new(), Folder::new(), Hanging::new());
    let list = folder.path().join("list");
    point(&list, folder.file("one", ONE));
    let daemon = Daemon::start(&namespace, &["-f", list.to_str().unwrap()]);
    point(&list, hanging.file());
    daemon.signal("HUP");
    eventually("a reload begins", || threads(&daemon).contains(&"lists".to_string()));

    // What another program takes away is put back.
    namespace.nft("flush ruleset");
    daemon.wait_for_repairs(1);
    assert_eq!(namespace.managed("drop4"), ["10.77.0.9/32", "192.0.2.0/24"]);
    // A new address of the host is protected.
    namespace.ip("address add 10.77.0.9/24 dev lo");
    daemon.wait_for_status(|status| status["loaded"]["networks4"] == 1);
    assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"]);
    // The status says for what it waits, in the log too.
    daemon.signal("USR1");
    daemon.wait_for_line(&["reading", list.to_str().unwrap()], 1);
    // Further signals start no further threads.
    for _ in 0..10 {
        daemon.signal("HUP");
    }
    let late = daemon.wait_for_status(|status| status["reading"]["late"] == true);
    assert_eq!(late["reading"]["list"], list.to_str().unwrap());
    let said = daemon.wait_for_line(&["error: ", list.to_str().unwrap(), "still being read"], 1);
    assert_names(&said, &["keeping what is loaded", "file system"]);
    assert_eq!(threads(&daemon).iter().filter(|name| *name == "lists").count(), 1);
    assert_eq!(daemon.loads(), 1);

    // The file system fails, and later the list is somewhere else. That is found without a signal.
    hanging.fail();
    let failed = daemon.wait_for_failures(1);
    assert_names(failed["line"].as_str().unwrap(), &[list.to_str().unwrap()]);
    point(&list, folder.file("two", TWO));
    daemon.wait_for_loads(2);
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
    assert!(daemon.status()["failed"].is_null());
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_waits_for_a_list_exits_at_once_when_it_is_asked_to() {
    let (namespace, folder, hanging) = (Namespace::new(), Folder::new(), Hanging::new());
    let list = folder.path().join("list");
    point(&list, folder.file("one", ONE));
    let (list_path, pid_file) = (list.to_str().unwrap(), folder.path().join("pid"));
    let options = ["-f", list_path, "--pid-file", pid_file.to_str().unwrap()];
    let reads = |daemon: &Daemon| threads(daemon).contains(&"lists".to_string());

    // During a reload.
    let daemon = Daemon::start(&namespace, &options);
    point(&list, hanging.file());
    daemon.signal("HUP");
    eventually("a reload begins", || reads(&daemon));
    assert_eq!(daemon.end("TERM"), 0);
    assert!(!pid_file.exists());
    assert_eq!(namespace.managed("drop4"), ["10.77.0.9/32", "192.0.2.0/24"]);

    // During the first load.
    let mut command = namespace.command(program());
    let daemon = Daemon::spawn(command.args(options).args(namespace.files()));
    eventually("the load begins", || reads(&daemon));
    assert_eq!(daemon.end("TERM"), 0);
    assert!(!pid_file.exists());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_that_is_added_while_a_list_is_read_is_not_dropped_by_that_list() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let mut command = namespace.command("strace");
    // Opening the list takes three seconds. -D: the daemon is our child, and not that of strace.
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-P", &list]);
    command.args(["-e", "inject=openat:delay_enter=3s", program(), "-f", &list]);
    let daemon = Daemon::spawn(command.args(namespace.files()));
    eventually("the load begins", || threads(&daemon).contains(&"lists".to_string()));
    namespace.ip("address add 10.77.0.9/24 dev lo");
    assert_eq!(namespace.ruleset(), "", "it is being read");
    assert_eq!(daemon.wait_for_loads(1)["protected"], 1);
    assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"]);
    daemon.wait_for_line(&["10.77.0.9 (own address)", "protected from now on"], 1);
    assert!(daemon.lines(&["loaded "]).iter().all(|line| line.contains("1 protected")));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_reload_that_fails_is_attempted_again_until_it_succeeds_and_reported_once() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    fs::remove_file(&list).unwrap();
    daemon.signal("HUP");
    let failed = daemon.wait_for_failures(1);
    assert!(failed["next"].is_string(), "{failed}");
    daemon.wait_for_line(&["error: ", &list, "keeping what is loaded; retrying in 5 s"], 1);
    daemon.wait_for_failures(2);
    assert_eq!(daemon.lines(&["error: "]).len(), 1, "{}", daemon.log());
    // Another error is news, and what a guard refuses is not attempted again.
    folder.file("list", "");
    let refused = daemon.wait_for_failures(3);
    assert!(refused["next"].is_null(), "{refused}");
    assert_eq!(daemon.lines(&["error: ", "--min-entries"]).len(), 1, "{}", daemon.log());
    // One who asks gets an answer each time.
    fs::remove_file(&list).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_line(&["error: ", "retrying in 5 s"], 2);
    folder.file("list", TWO);
    daemon.wait_for_loads(2);
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_whose_descriptors_run_out_waits_and_goes_on_when_there_are_some_again() {
    needs(&["prlimit"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    let limit = |limit: &str| {
        let (pid, limit) = (format!("--pid={}", daemon.pid()), format!("--nofile={limit}"));
        assert!(Command::new("prlimit").args([pid, limit]).status().unwrap().success());
    };
    // Fewer than it waits for.
    limit("3:1024");
    folder.file("list", TWO);
    daemon.signal("HUP");
    daemon.wait_for_line(&["error: ", "Too many open files", "retrying in 5 s"], 1);
    limit("1024:1024");
    daemon.wait_for_loads(2);
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_changes_of_addresses_cannot_be_received_it_is_attempted_again() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let mut command = namespace.command("strace");
    // The first socket that gets an address is the one for these changes.
    command.args(["-D", "-qq", "-o", "/dev/null", "-e", "inject=bind:error=ENOMEM:when=1"]);
    command.args([program(), "-f", &list]);
    let daemon = Daemon::spawn(command.args(namespace.files()));
    daemon.wait_for_line(&["cannot receive changes of addresses", "retrying in 5 s"], 1);
    daemon.wait_for_loads(1);
    namespace.ip("address add 10.77.0.9/24 dev lo");
    daemon.wait_for_status(|status| status["loaded"]["networks4"] == 1);
    assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"]);
    // And from then on at once.
    namespace.ip("address del 10.77.0.9/24 dev lo");
    daemon.wait_for_status(|status| status["loaded"]["networks4"] == 2);
    assert_eq!(daemon.loads(), 1);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_watch_that_fails_looks_at_the_lists_by_time_and_is_attempted_again() {
    needs(&["strace"]);
    // At the start or after a change; each with what the log names. Calls are counted for each thread: one
    // watches before it reads the list, the other one from then on.
    let faults = [
        ("inotify_init1:error=EMFILE:when=1..2", "raise fs.inotify.max_user_instances"),
        ("inotify_init1:error=EMFILE:when=2..3", "raise fs.inotify.max_user_instances"),
        ("inotify_add_watch:error=ENOSPC:when=1..6", "raise fs.inotify.max_user_watches"),
        ("inotify_add_watch:error=EIO:when=2", "inotify cannot watch /"),
    ];
    std::thread::scope(|scope| {
        for (fault, names) in faults {
            scope.spawn(move || watch_with(fault, names));
        }
    });
}

/// Runs a daemon that watches its list, while system calls fail for which the log names the cure.
fn watch_with(fault: &str, names: &str) {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let mut command = namespace.command("strace");
    command.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={fault}")]);
    command.args([program(), "-f", &list, "--watch"]);
    let daemon = Daemon::spawn(command.args(namespace.files()));
    daemon.wait_for_loads(1);
    let mut loads = 1;
    let mut change = || {
        folder.file("list", format!("198.51.100.{loads}\n"));
        loads += 1;
        daemon.wait_for_loads(loads);
        let loaded = format!("198.51.100.{}/32", loads - 1);
        assert_eq!(namespace.managed("drop4"), [loaded], "{fault}");
    };
    let said = ["warning: cannot watch the lists by events", names, "every 5 s"];
    while daemon.lines(&said).is_empty() {
        change();
    }
    change();
    daemon.wait_for("watching the lists by events again", 1);
    daemon.wait_for_status(|status| {
        status["watch"]["because"].is_null() && status["watch"]["events"] == true
    });
    change();
    assert_eq!(daemon.lines(&["cannot watch the lists"]).len(), 1, "{}", daemon.log());
    // The files of the host are watched in the same way, by the loop.
    let logins = daemon.lines(&["warning: cannot watch logins and resolvers by events", names]);
    assert!(logins.len() == 1 || fault.ends_with("when=2..3"), "{}", daemon.log());
}
