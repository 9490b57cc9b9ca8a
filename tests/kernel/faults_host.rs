//! What a host can lack or spoil: a reader of the log, room on a disk, descriptors, memory. What is
//! in force stays, and a daemon goes on wherever it can.

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use kit::*;

const ONE: &str = "192.0.2.0/24\n";
const TWO: &str = "198.51.100.0/24\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_does_not_wait_for_a_reader_of_its_log_that_has_stopped() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    // Each load says more than enough to fill the pipe in a few.
    let good: String = (0..20).map(|i| format!("10.1.{i}.1\n")).collect();
    // Something else each time, for it to be said again.
    let bad = |round: u32| format!("{good}{}", format!("{round}{}\n", "x".repeat(1000)).repeat(10));
    let list = folder.file("list", bad(200) + ONE);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = namespace.command(program());
    command.args(["-f", &list, "--status-file", &folder.file("status", "")]);
    command.args(namespace.state()).stdin(Stdio::null()).stderr(OwnedFd::from(writer));
    let mut daemon = Background(command.spawn().unwrap());
    drop(command);
    let pid = nix::unistd::Pid::from_raw(daemon.0.id() as i32);
    let tell = |signal| nix::sys::signal::kill(pid, signal).unwrap();
    let is_dropped = |network: &str| namespace.looked_up("drop4").iter().any(|it| it == network);
    eventually("the first list is in force", || is_dropped("192.0.2.0/24"));
    let blocked = || {
        let status = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        status.contains("pipe_write")
    };
    for round in 0..200 {
        folder.file("list", format!("{}{ONE}10.0.{round}.1\n", bad(round)));
        tell(nix::sys::signal::Signal::SIGHUP);
        let network = format!("10.0.{round}.1/32");
        eventually("the next is as well, though nobody reads", || {
            assert!(!blocked(), "waits for the log");
            is_dropped(&network)
        });
    }
    // It is told once somebody reads again, and how many lines are lost: a warning that is of no list.
    let told = |line: &str| line.contains("warning: ") && line.contains("lost");
    let mut log = vec![0; 4 << 20];
    let mut length = 0;
    let mut text = String::new();
    while !text.lines().any(told) {
        length += reader.read(&mut log[length..]).unwrap();
        text = String::from_utf8_lossy(&log[..length]).into_owned();
        tell(nix::sys::signal::Signal::SIGHUP);
    }
    tell(nix::sys::signal::Signal::SIGTERM);
    eventually("it ends when it is told to", || {
        fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    });
    assert!(daemon.0.wait().unwrap().success());
}

/// A file system of 64 KiB that is full, or that cannot be written to; gone when it is dropped.
struct Mounted(Folder);

impl Mounted {
    fn full() -> Self {
        let mounted = Mounted::with("size=64k");
        let _ = fs::write(mounted.0.path().join("filler"), [0; 128 << 10]).unwrap_err();
        mounted
    }

    fn with(options: &str) -> Self {
        let mounted = Mounted(Folder::new());
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(mounted.0.path());
        run(&mut mount).expect(0, &[]);
        mounted
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_string()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_nothing_can_be_written_the_list_is_in_force_all_the_same_and_nothing_is_left_half_written()
{
    let folder = Folder::new();
    let list = folder.file("list", ONE);
    for (place, reason) in [
        (Mounted::full(), "No space left on device"),
        (Mounted::with("ro"), "Read-only file system"),
    ] {
        let namespace = Namespace::new();
        let (state, status, pid) = (place.file("state"), place.file("status"), place.file("pid"));
        let files = ["-f", &list, "--state-file", &state, "--status-file", &status];
        let daemon = Daemon::spawn(namespace.command(program()).args(files));
        for file in [&state, &status] {
            daemon.wait_for_line(&[file, reason], 1);
        }
        assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"]);
        folder.file("list", TWO);
        daemon.signal("HUP");
        daemon.wait_for("+1 -1", 1);
        eventually("in force", || namespace.managed("drop4") == ["198.51.100.0/24"]);
        assert_eq!(daemon.lines(&[reason]).len(), 2, "told once: {}", daemon.log());
        assert_eq!(daemon.end("TERM"), 0);
        folder.file("list", ONE);
        // A pid file is what others rely on: without it there is no start.
        let before = namespace.ruleset();
        let ran = namespace.netfilterd(&[&files[..], &["--pid-file", &pid]].concat());
        ran.expect(1, &[&pid, reason]);
        assert_eq!(namespace.ruleset(), before);
        let left: Vec<_> =
            fs::read_dir(place.0.path()).unwrap().map(|item| item.unwrap()).collect();
        // What is locked while the state is written is empty.
        let is_whole = |item: &fs::DirEntry| {
            item.file_name() == "filler" || item.metadata().unwrap().len() == 0
        };
        assert!(left.iter().all(is_whole), "{left:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn too_few_descriptors_are_a_plain_error_or_enough() {
    needs(&["prlimit"]);
    let folder = Folder::new();
    let list = folder.file("list", ONE);
    let namespace = Namespace::new();
    namespace.load(&["-f", &folder.file("two", TWO)]);
    let mut enough = 0;
    // With three the loader of shared libraries itself gives up.
    for limit in 4..=20 {
        let before = namespace.ruleset();
        let mut command = namespace.command("prlimit");
        command.args([&format!("--nofile={limit}"), program(), "-f", &list, "-v"]);
        let mut daemon = Daemon::spawn(command.args(namespace.files()));
        let runs = || namespace.looked_up("drop4") == ["192.0.2.0/24"];
        // With what is in force, if it cannot read the list.
        let goes_on = || !daemon.lines(&["keeping what is loaded"]).is_empty();
        eventually("it runs or has ended", || runs() || goes_on() || daemon.has_ended());
        if runs() {
            enough += 1;
            assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"]);
            assert_eq!(daemon.end("TERM"), 0);
            namespace.load(&["-f", &folder.file("two", TWO)]);
        } else {
            if goes_on() {
                daemon.signal("TERM");
                assert_eq!(daemon.wait(), 0, "{}", daemon.log());
            } else {
                assert_eq!(daemon.wait(), 1, "{}", daemon.log());
            }
            assert_names(&daemon.log(), &["error: ", "Too many open files"]);
            assert_eq!(namespace.ruleset(), before, "with {limit}");
        }
    }
    assert!((1..17).contains(&enough), "{enough} of 17 limits were enough");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn too_little_memory_at_the_start_leaves_what_is_in_force() {
    needs(&["prlimit"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.load(&["-f", &folder.file("one", ONE)]);
    let before = namespace.ruleset();
    let many: String =
        (0..300_000u32).map(|i| format!("{}\n", std::net::Ipv4Addr::from((i + 11) << 8))).collect();
    let list = folder.file("list", many);
    let (mut failed, mut loaded) = (0, 0);
    // Wherever it is that memory ends: while a list is read, parsed, merged, laid out or sent.
    for megabytes in (8..60).step_by(4).chain([400]) {
        let mut command = namespace.command("prlimit");
        command.args([&format!("--as={}", megabytes * 1_000_000), program(), "load", "-f", &list]);
        command.args(["--layout", "interval"]).args(namespace.state());
        let output = command.output().unwrap();
        if output.status.success() {
            loaded += 1;
            namespace.load(&["-f", &folder.file("one", ONE), "--layout", "interval"]);
        } else {
            failed += 1;
        }
        assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"], "{megabytes} MB");
        if loaded == 0 {
            assert_eq!(namespace.ruleset(), before, "{megabytes} MB");
        }
    }
    assert!(failed > 3 && loaded > 0, "{failed} failed, {loaded} loaded");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn closed_or_broken_outputs_are_no_matter() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    for (number, how) in
        [">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>&1", "2>&1 | true"].iter().enumerate()
    {
        let list = folder.file("list", format!("x\n192.0.2.{number}\n10.0.0.1\n"));
        for command in ["load", "run"] {
            namespace.nft("flush ruleset");
            let mut shell = namespace.command("sh");
            let line = format!("\"$@\" {how}");
            shell.args(["-c", &line, "sh", program(), command, "-f", &list]);
            let files = if command == "run" { namespace.files() } else { namespace.state() };
            // A group of their own, which is ended together.
            let mut child = Background(shell.args(files).process_group(0).spawn().unwrap());
            let host = format!("192.0.2.{number}/32");
            eventually(&format!("{command} {how}"), || {
                namespace.ruleset().contains("@drop4") && namespace.managed("drop4").contains(&host)
            });
            let group = nix::unistd::Pid::from_raw(child.0.id() as i32);
            if command == "run" {
                nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGTERM).unwrap();
            }
            child.0.wait().unwrap();
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_becomes_something_else_is_refused_and_what_is_in_force_stays() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let many: String = (0..300).map(|i| format!("10.{}.{}.1\n", i >> 8, i & 255)).collect();
    let path = folder.path().join("list");
    let list = folder.file("list", &many);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    let before = namespace.ruleset();
    let fifo = || assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let half = &many[..many.len() / 3];
    let changes: [(&dyn Fn(), &str); 6] = [
        (&fifo, "FIFO"),
        (&|| fs::create_dir(&path).unwrap(), "directory"),
        (&|| drop(folder.file("list", "")), "--min-entries"),
        (&|| drop(folder.file("list", half)), "--max-shrink 50"),
        (&|| drop(folder.file("list", "192.0.2.1\n\0\0\0\n\0\n")), "2 of 3"),
        (&|| drop(folder.file("list", "\x1f\u{8b}\x08\0packed")), "binary"),
    ];
    for ((change, names), times) in changes.into_iter().zip(1..) {
        let _ = fs::remove_file(&path);
        let _ = fs::remove_dir(&path);
        change();
        daemon.signal("HUP");
        let failed = daemon.wait_for_failures(times);
        assert_names(failed["line"].as_str().unwrap(), &["list", names]);
        assert_eq!(namespace.ruleset(), before, "{names}");
        let _ = fs::remove_dir(&path);
    }
    let _ = fs::remove_file(&path);
    folder.file("list", format!("{many}192.0.2.1\n"));
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for_loads(2)["networks4"], 301);
    assert_eq!(daemon.change(), (1, 0));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_namespace_that_is_deleted_lives_on_with_its_daemon() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    // Not dropped: its folder has the files that the daemon keeps.
    run(Command::new("ip").args(["netns", "del", namespace.name()])).expect(0, &[]);
    folder.file("list", TWO);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    // By way of the process, which is still in it.
    let target = daemon.pid().to_string();
    let mut nft = Command::new("nsenter");
    nft.args(["--target", &target, "--net", "nft", "list", "ruleset"]);
    let ruleset = run(&mut nft).stdout();
    let tables = listed::tables(&ruleset);
    let table = tables.iter().find(|table| table.name == "ip netfilterd").expect(&ruleset);
    assert_eq!(listed::in_force(&table.of_base("drop4")), ["198.51.100.0/24"], "{ruleset}");
    assert_eq!(daemon.end("TERM"), 0);
}
