//! The daemon: signals, failures that leave what is in force, one at a time, systemd's protocol.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use kit::*;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;

const ONE: &str = "192.0.2.0/24\n";
const TWO: &str = "198.51.100.0/24\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn sighup_loads_again_and_says_what_changed() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"]);
    folder.file("list", TWO);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert_eq!(daemon.change(), (1, 1));
    daemon.wait_for("+1 -1", 1);
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
    let before = namespace.ruleset();
    daemon.signal("HUP");
    daemon.wait_for_loads(3);
    assert_eq!(daemon.change(), (0, 0));
    assert_eq!(namespace.ruleset(), before, "no changes, no new generation");
    // Unless somebody else has changed something, whatever it was.
    namespace.nft("flush ruleset; add table ip unrelated");
    daemon.signal("HUP");
    daemon.wait_for_loads(4);
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
    let before = namespace.ruleset();
    daemon.signal("HUP");
    daemon.wait_for_loads(5);
    assert_eq!(namespace.ruleset(), before, "no changes");
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_in_force_stays_when_a_reload_fails_and_when_the_daemon_ends() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    for signal in ["TERM", "INT"] {
        folder.file("list", ONE);
        let daemon = Daemon::start(&namespace, &["-f", &list]);
        let before = namespace.ruleset();
        let bad = [(None, "No such file"), (Some(""), "--min-entries"), (Some("<html>\n"), "HTML")];
        for ((bad, names), times) in bad.into_iter().zip(1..) {
            match bad {
                None => fs::remove_file(&list).unwrap(),
                Some(text) => drop(folder.file("list", text)),
            }
            daemon.signal("HUP");
            let failed = daemon.wait_for_failures(times);
            assert_names(failed["line"].as_str().unwrap(), &["list", names]);
            daemon.wait_for_line(&["error: ", names], 1);
            assert_eq!(namespace.ruleset(), before, "{names}");
        }
        folder.file("list", TWO);
        daemon.signal("HUP");
        daemon.wait_for_loads(2);
        let before = namespace.ruleset();
        assert_eq!(daemon.end(signal), 0);
        assert_eq!(namespace.ruleset(), before);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_start_that_fails_touches_nothing() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let gone = folder.path().join("gone");
    let ran = namespace.netfilterd(&["-f", gone.to_str().unwrap()]);
    ran.expect(1, &[gone.to_str().unwrap(), "No such file"]);
    namespace.netfilterd(&["-f", &folder.file("empty", "")]).expect(3, &["--min-entries"]);
    namespace.netfilterd(&["run", "-f", "-"]).expect(2, &["standard input", "SIGHUP"]);
    assert_eq!(namespace.ruleset(), "");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_thousand_hups_are_a_few_reloads_and_the_last_content_wins() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let shipped = format!("{}/tests/lists/ipsum_level3.txt", env!("CARGO_MANIFEST_DIR"));
    let many = fs::read(shipped).unwrap();
    let list = folder.file("list", &many);
    let daemon = Daemon::start(&namespace, &["-f", &list, "--max-shrink", "100"]);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    let before = descriptors();
    for round in 0..1000 {
        if round == 999 {
            folder.file("list", TWO);
        }
        daemon.signal("HUP");
    }
    let status = daemon.wait_for_status(|status| status["loaded"]["networks4"] == 1);
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
    let reloads = status["totals"]["loads"].as_u64().unwrap();
    assert!(reloads < 1000, "{reloads} reloads");
    // What was loaded is remembered after it was reported, by a file that is closed again.
    eventually("no descriptor is lost", || descriptors() <= before);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_hup_during_a_reload_is_not_lost() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let many: String =
        (0..300_000u32).map(|i| format!("{}\n", std::net::Ipv4Addr::from(i * 4 + 1))).collect();
    let list = folder.file("list", ONE);
    let daemon = Daemon::start(&namespace, &["-v", "-f", &list, "--max-shrink", "100"]);
    folder.file("list", &many);
    daemon.signal("HUP");
    // The reload of the many has begun once they are read; what it commits takes far longer.
    daemon.wait_for_line(&["debug: ", "300,000"], 1);
    folder.file("list", TWO);
    daemon.signal("HUP");
    daemon.wait_for_loads(3);
    assert_eq!(daemon.change(), (1, 300_000));
    assert_eq!(namespace.managed("drop4"), ["198.51.100.0/24"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_pid_file_is_held_by_one_daemon() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    // Left over from a machine that lost power: the number is some living process.
    let pid_file = folder.file("pid", "1\n");
    let options = ["-f", &list, "--pid-file", &pid_file];
    let daemon = Daemon::start(&namespace, &options);
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{}\n", daemon.pid()));
    let before = namespace.ruleset();
    let second = namespace.netfilterd(&options);
    second.expect(1, &[&pid_file, &daemon.pid().to_string()]);
    assert_eq!(namespace.ruleset(), before);
    assert_eq!(daemon.end("TERM"), 0);
    assert!(!fs::exists(&pid_file).unwrap());
    // Killed, it leaves the file and not the lock.
    let daemon = Daemon::start(&namespace, &options);
    drop(daemon);
    assert!(fs::exists(&pid_file).unwrap());
    assert_eq!(Daemon::start(&namespace, &options).end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_pid_file_that_cannot_be_written_is_an_error_before_anything_is_loaded() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    for (path, message) in [
        (folder.path().join("no/pid"), "No such file or directory"),
        (folder.path().to_path_buf(), "Is a directory"),
        ("/dev/full".into(), "/dev/full"),
    ] {
        let path = path.to_str().unwrap();
        let ran = namespace.netfilterd(&["-f", &list, "--pid-file", path]);
        ran.expect(1, &[path, message]);
        assert_eq!(namespace.ruleset(), "");
    }
    assert!(fs::exists("/dev/full").unwrap());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn systemd_is_told_of_readiness_reloads_and_the_end() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(DEADLINE)).unwrap();
    let receive = || {
        let mut message = [0; 4096];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let mut command = namespace.command(program());
    command.env("NOTIFY_SOCKET", &socket).args(["-f", &list]).args(namespace.files());
    let daemon = Daemon::spawn(&mut command);
    let ready = receive();
    assert!(ready.starts_with("READY=1\nSTATUS="), "{ready}");
    assert_eq!(namespace.managed("drop4"), ["192.0.2.0/24"], "ready means in force");
    folder.file("list", "x\n");
    daemon.signal("HUP");
    let reloading = receive();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    let ready = receive();
    assert!(ready.starts_with("READY=1\nSTATUS="), "{ready}");
    assert_names(&ready, &["list"]);
    assert_eq!(daemon.end("TERM"), 0);
    assert_eq!(receive().trim_end(), "STOPPING=1");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_watchdog_hears_of_the_daemon_all_the_time_and_only_if_there_is_one() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let socket = folder.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(DEADLINE)).unwrap();
    let receive = || {
        let mut message = [0; 4096];
        let length = systemd.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).trim_end().to_string()
    };
    let start = |variables: &[(&str, &str)]| {
        let mut command = namespace.command(program());
        command.env("NOTIFY_SOCKET", &socket).envs(variables.iter().copied());
        let daemon = Daemon::spawn(command.args(["-f", &list]).args(namespace.files()));
        assert!(receive().starts_with("READY=1"));
        daemon
    };

    let daemon = start(&[("WATCHDOG_USEC", "100000")]);
    assert_eq!([receive(), receive()], ["WATCHDOG=1"; 2]);
    // It would drown a daemon that heard nothing else.
    daemon.signal("HUP");
    while receive() == "WATCHDOG=1" {}
    assert!(receive().starts_with("READY=1"));
    assert_eq!([receive(), receive()], ["WATCHDOG=1"; 2]);
    assert_eq!(daemon.end("TERM"), 0);
    while receive() == "WATCHDOG=1" {}

    // None, one that is somebody else's, and one that allows no time at all.
    let elsewhere = [("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")];
    for variables in [&[][..], &elsewhere, &[("WATCHDOG_USEC", "0")]] {
        let daemon = start(variables);
        // In the time of a reload it would have been heard of.
        daemon.signal("HUP");
        assert!(receive().starts_with("RELOADING=1"), "{variables:?}");
        assert!(receive().starts_with("READY=1"), "{variables:?}");
        assert_eq!(daemon.end("TERM"), 0);
        assert_eq!(receive(), "STOPPING=1", "{variables:?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_hup_at_any_moment_of_the_start_does_not_kill() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    for round in 0..500u64 {
        let mut command = namespace.command(program());
        // Until the program runs its own code a signal is not its own affair: whoever may send one
        // that early starts it with SIGHUP ignored, as here every second time.
        let ignored = round % 2 == 1;
        if ignored {
            command = namespace.command("sh");
            command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", program()]);
        }
        let daemon = Daemon::spawn(command.args(["-f", &list]).args(namespace.files()));
        let deadline = Instant::now() + DEADLINE;
        while !outlives_hup(daemon.pid()) {
            assert!(Instant::now() < deadline, "round {round}");
        }
        std::thread::sleep(Duration::from_micros(20 * (round / 2)));
        daemon.signal("HUP");
        daemon.wait_for_loads(1);
        assert_eq!(daemon.end("TERM"), 0);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_hup_before_the_daemon_can_act_on_it_waits_until_it_can() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let mut command = namespace.command("strace");
    // With the pair that the signal is to be sent through, when it comes. -D: the daemon is our
    // child, and not that of strace.
    command.args(["-D", "-qq", "-o", "/dev/null", "-e", "inject=socketpair:signal=HUP:when=1"]);
    let daemon = Daemon::spawn(command.args([program(), "-f", &list]).args(namespace.files()));
    daemon.wait_for_loads(2);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn signals_that_the_parent_had_blocked_or_ignored_are_handled() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let blocked = SigSet::from_iter([Signal::SIGHUP, Signal::SIGUSR1, signal]);
        // A process has the mask of the thread that starts it.
        let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
        let mut command = namespace.command("nohup");
        command.args([program(), "-f", &list]).args(namespace.files());
        let daemon = Daemon::spawn(command.stdout(Stdio::null()));
        before.thread_set_mask().unwrap();
        daemon.wait_for_loads(1);
        daemon.signal("HUP");
        daemon.wait_for_loads(2);
        daemon.signal("USR1");
        daemon.wait_for("loaded      ", 1);
        assert_eq!(daemon.end(&signal.as_str()["SIG".len()..]), 0);
    }
    // A command ends by them as well.
    let blocked = SigSet::from_iter([Signal::SIGTERM]);
    let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
    let mut command = namespace.command(program());
    let mut child = command.args(["print", "-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    before.thread_set_mask().unwrap();
    let name = || fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap();
    eventually("it is the program", || name() == "netfilterd\n");
    eventually("it has ended", || {
        kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::SIGTERM as i32));
}

/// Whether the process is the program by now, and SIGHUP (bit 0) is in one of the masks that keep it
/// from dying of it.
fn outlives_hup(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mut masks = status.lines().filter_map(|line| {
        let (name, mask) = line.split_once(':')?;
        ["SigIgn", "SigBlk", "SigCgt"].contains(&name).then_some(mask.trim())
    });
    status.starts_with("Name:\tnetfilterd\n")
        && masks.any(|mask| u64::from_str_radix(mask, 16).is_ok_and(|mask| mask & 1 != 0))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_reload_that_was_refused_is_no_base_to_compare_the_next_one_with() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let hosts = |count: u32| -> String { (0..count).map(|i| format!("10.0.{i}.1\n")).collect() };
    let list = folder.file("list", hosts(200));
    let daemon = Daemon::start(&inside, &["-f", &list]);
    // 90 are less than half of 200, but more than half of 90.
    for times in 1..=2 {
        folder.file("list", hosts(90));
        daemon.signal("HUP");
        let refused = daemon.wait_for_failures(times);
        assert_names(refused["line"].as_str().unwrap(), &["90", "200", "--max-shrink 50"]);
    }
    folder.file("list", hosts(201));
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for_loads(2)["networks4"], 201);
    assert_eq!(daemon.change(), (1, 0));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_in_whose_place_a_link_was_put_is_read_anew() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let daemon = Daemon::start(&inside, &["-f", &list]);
    let other = folder.file("other", "192.0.2.1\n192.0.2.3\n");
    fs::remove_file(&list).unwrap();
    fs::hard_link(other, &list).unwrap();
    daemon.signal("HUP");
    assert_eq!(daemon.wait_for_loads(2)["networks4"], 2);
    assert_eq!(daemon.change(), (1, 0));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_was_cut_off_drops_no_wider_network_and_says_that_its_last_line_has_no_end() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let whole = "192.0.2.1\n198.51.100.0/24\n";
    for cut in 1..whole.len() {
        let list = folder.file("list", &whole[..cut]);
        let ran = inside.netfilterd(&["print", "-f", &list]);
        let unfinished = !whole[..cut].ends_with('\n');
        // A warning of the list as a whole; those of lines name the line, and what holds no entry at
        // all is an error.
        let warns = |line: &str| line.contains("warning: ") && line.contains("/list: ");
        assert_eq!(ran.stderr().lines().any(warns), unfinished && cut > 8, "{}", ran.stderr());
        for line in ran.stdout().lines() {
            let length: u8 = line.split_once('/').unwrap().1.parse().unwrap();
            assert!(length >= 24, "{:?} gives {line}", &whole[..cut]);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_wrong_with_a_list_is_said_again_only_when_it_is_something_else() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\nx\n127.0.0.1\n0.0.0.0/0\n");
    let daemon = Daemon::start(&namespace, &["-f", &list]);
    let remarks = |log: String| {
        let of_list = |line: &&str| line.contains("/list:");
        log.lines().filter(of_list).count()
    };
    assert_eq!(remarks(daemon.log()), 3, "{}", daemon.log());
    for times in 2..=4 {
        daemon.signal("HUP");
        assert_eq!(daemon.wait_for_loads(times)["rejected"], 1, "the status has it each time");
    }
    assert_eq!(remarks(daemon.log()), 3, "{}", daemon.log());
    folder.file("list", "192.0.2.1\n\nx\n127.0.0.1\n0.0.0.0/0\n");
    daemon.signal("HUP");
    daemon.wait_for_loads(5);
    assert_eq!(remarks(daemon.log()), 6, "{}", daemon.log());
}
