//! What docs/THREATS.md says of the running process, seen from outside by strace; and that what a
//! list holds cannot forge a line of a daemon's log.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixDatagram;

use kit::harmless::{EVIL, assert_harmless};
use kit::queue::Queues;
use kit::*;

/// The lines that strace wrote of `calls` while a daemon started, loaded twice, was looked after and
/// ended; and what it may write to.
fn traced(calls: &str, queue: bool) -> (Vec<String>, [String; 5]) {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n2001:db8::/32\n");
    let allow = folder.file("allow", "192.0.2.1\n");
    let trace = folder.path().join("trace");
    let files = ["state", "status", "pid", "state.ranges", ".state.netfilterd-lock"].map(|name| {
        let path = folder.path().join("own").join(name);
        path.to_str().unwrap().to_string()
    });
    fs::create_dir(folder.path().join("own")).unwrap();
    let mut command = namespace.command("strace");
    // -D: the daemon is our child, and not that of strace.
    command.args(["-D", "-f", "-q", "-y", "-e", &format!("trace={calls}"), "-o"]).arg(&trace);
    command.args([program(), "-f", &list, "--allow", &allow, "--watch"]);
    command.args(["--state-file", &files[0], "--status-file", &files[1], "--pid-file", &files[2]]);
    if queue {
        command.args(["--queue", "0:1"]);
    }
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for_loads(1);
    folder.file("list", "x\x1b[31m\n192.0.2.0/24\n198.51.100.0/24\n");
    daemon.wait_for_loads(2);
    if !queue {
        namespace.nft("flush ruleset");
        daemon.wait_for_repairs(1);
    }
    daemon.signal("USR1");
    daemon.wait_for(env!("CARGO_PKG_VERSION"), 1);
    assert_eq!(daemon.end("TERM"), 0);
    // strace ends after what it traces.
    let text = || fs::read_to_string(&trace).unwrap();
    eventually("the end of the trace", || text().contains("+++ exited"));
    (text().lines().map(str::to_string).collect(), files)
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_other_program_is_run() {
    needs(&["strace"]);
    for queue in [false, true] {
        let (lines, _) = traced("execve,execveat,fork,vfork,clone,clone3", queue);
        let runs: Vec<_> = lines.iter().filter(|line| line.contains("exec")).collect();
        assert_eq!(runs.len(), 1, "its own: {runs:?}");
        let begun = lines.iter().filter(|line| line.contains("clone") || line.contains("fork"));
        // A call that another one interrupts is on two lines, of which the first has the flags.
        for line in begun.filter(|line| !line.contains("resumed>")) {
            assert!(line.contains("CLONE_THREAD"), "a thread, and no process: {line}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn only_its_own_files_are_written_to() {
    needs(&["strace"]);
    for queue in [false, true] {
        let calls = "openat,open,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,\
                     chmod,fchmodat,chown,fchownat,link,linkat,symlink,symlinkat,truncate,mknodat";
        let (lines, files) = traced(calls, queue);
        let mut written = BTreeSet::new();
        for line in &lines {
            let reads = line.contains("O_RDONLY")
                && !["O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR"].iter().any(|f| line.contains(f));
            let Some((_, path)) = line.split_once('"').filter(|_| !reads) else { continue };
            let path = path.split('"').next().unwrap();
            // `create_dir_all` asks for folders that are there.
            if line.contains("mkdir") && line.contains("EEXIST") {
                continue;
            }
            let (folder, name) = path.rsplit_once('/').unwrap();
            let aside =
                name.strip_suffix(".netfilterd-new").and_then(|name| name.strip_prefix('.'));
            let own = format!("{folder}/{}", aside.unwrap_or(name));
            assert!(files.contains(&own), "{line}");
            written.insert(own);
        }
        assert_eq!(written.len(), 5, "{written:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_socket_leads_out_of_the_host() {
    needs(&["strace"]);
    for queue in [false, true] {
        let (lines, _) = traced("socket,socketpair,connect,bind,listen,accept,accept4", queue);
        let mut families = BTreeSet::new();
        for line in lines.iter().filter(|line| line.contains("socket(")) {
            let family = line.split_once("socket(").unwrap().1.split(',').next().unwrap();
            families.insert(family.to_string());
            let protocol = ["NETLINK_NETFILTER", "NETLINK_ROUTE"];
            assert!(
                family == "AF_UNIX" || protocol.iter().any(|protocol| line.contains(protocol)),
                "{line}"
            );
        }
        assert!(families.contains("AF_NETLINK"), "{families:?}");
        assert!(!lines.iter().any(|line| line.contains("listen(") || line.contains("accept")));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_link_that_somebody_put_in_place_of_its_files_is_not_followed() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    let [state, status, pid] = ["state", "status", "pid"].map(|name| {
        let precious = folder.file(&format!("precious-{name}"), "precious");
        let path = folder.path().join(name);
        let place = if name == "pid" { path.clone() } else { path.with_extension("new") };
        // Of both kinds.
        match name {
            "state" => fs::hard_link(precious, place).unwrap(),
            _ => symlink(precious, place).unwrap(),
        }
        path.to_str().unwrap().to_string()
    });
    let files = ["-f", &list, "--state-file", &state, "--status-file", &status];
    // A daemon that followed the link would stay.
    let mut command = namespace.command("timeout");
    command
        .args([&DEADLINE.as_secs().to_string(), program()])
        .args(files)
        .args(["--pid-file", &pid]);
    run(&mut command).expect(1, &[&pid, "Too many levels of symbolic links"]);
    let daemon = Daemon::start(&namespace, &files);
    for name in ["state", "status"] {
        let file = folder.path().join(name);
        eventually(name, || file.exists());
    }
    for name in ["state", "status", "pid"] {
        let precious = folder.path().join(format!("precious-{name}"));
        assert_eq!(fs::read_to_string(precious).unwrap(), "precious", "{name}");
    }
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_leads_to_a_file_of_roots_shows_nobody_what_is_in_it() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let list = folder.file("drop_ips", "192.0.2.0/24\nrubbish\n");
    let secret = folder.file("shadow", "root:secret:19000\n");
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    let notified = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let mut command = namespace.command(program());
    command.args(["-f", &list, "--status-file"]).arg(folder.path().join("status"));
    command.arg("--state-file").arg(folder.path().join("state"));
    command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for("drop_ips:2:1: not an address: \"rubbish\"", 1);
    // A list of which no line can be read: its first line is quoted in the log alone.
    fs::write(&list, "rubbish\n").unwrap();
    daemon.signal("HUP");
    daemon.wait_for("the first: ", 1);
    daemon.wait_for("drop_ips:1:1: not an address: \"rubbish\"", 1);
    let failed = daemon.wait_for_failures(1);
    assert!(failed["line"].as_str().unwrap().ends_with("drop_ips:1:1: not an address"));
    fs::remove_file(&list).unwrap();
    symlink(&secret, &list).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_failures(2);
    daemon.wait_for_line(&["drop_ips:1:1: not an address;"], 1);
    let status = fs::read_to_string(folder.path().join("status")).unwrap();
    for text in [daemon.log(), status] {
        assert!(!text.contains("secret"), "{text}");
    }
    notified.set_nonblocking(true).unwrap();
    let mut message = [0; 4096];
    while let Ok(length) = notified.recv(&mut message) {
        let message = String::from_utf8_lossy(&message[..length]);
        assert!(!message.contains("secret") && !message.contains("rubbish"), "{message}");
    }
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn neither_the_log_of_a_daemon_nor_its_status_shows_it_unescaped() {
    needs(&["iptables-legacy"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let lists = folder.path().join("lists");
    fs::create_dir(&lists).unwrap();
    let evil = "\x1b[2J\nnetfilterd: loaded 9 networks\x07";
    fs::write(lists.join(evil), format!("192.0.2.1\n192.0.2.3\n{}\n", EVIL[0])).unwrap();
    let queues = Queues::serve(&namespace, lists.to_str().unwrap(), &["--queue", "0", "-v"]);
    queues.daemon.signal("USR1");
    queues.daemon.wait_for("queue 0: packets", 1);
    let log = queues.daemon.log();
    assert_harmless(&log);
    assert!(!log.contains("\nnetfilterd: loaded 9 networks"), "{log}");
    for json in [&[][..], &["--json"]] {
        let status = ["status", "--status-file", queues.status_file()];
        assert_harmless(&netfilterd(&[&status[..], json].concat()).stdout());
    }
}
