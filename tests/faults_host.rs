//! What a host can lack or spoil: a reader of the log, room on a disk, descriptors, memory. What is
//! in force stays, and a daemon goes on wherever it can.

mod support;

use std::fs;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use support::*;

const ONE: &str = "192.0.2.0/24\n";
const TWO: &str = "198.51.100.0/24\n";

/// Waits until `check` holds.
#[track_caller]
fn eventually(what: &str, check: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !check() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_daemon_does_not_wait_for_a_reader_of_its_log_that_has_stopped() {
    require!();
    let (namespace, folder) = (Namespace::new(), Folder::new());
    // Each load says more than enough to fill the pipe in a few.
    let good: String = (0..20).map(|i| format!("10.1.{i}.1\n")).collect();
    let bad = good.clone() + &format!("{}\n", "x".repeat(1000)).repeat(10);
    let list = folder.file("list", format!("{bad}{ONE}"));
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = namespace.command(NETFILTERD);
    command.args(["-f", &list, "--status-file", &folder.file("status", "")]);
    command.args(namespace.state()).stdin(Stdio::null()).stderr(OwnedFd::from(writer));
    let mut daemon = KillAtEnd(command.spawn().unwrap());
    drop(command);
    let pid = nix::unistd::Pid::from_raw(daemon.0.id() as i32);
    let tell = |signal| nix::sys::signal::kill(pid, signal).unwrap();
    eventually("the first list is in force", || namespace.ruleset().contains("192.0.2.0/24"));
    let blocked = || {
        let status = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        status.contains("pipe_write")
    };
    for round in 0..200 {
        folder.file("list", format!("{bad}{ONE}10.0.{round}.1\n"));
        tell(nix::sys::signal::Signal::SIGHUP);
        let network = format!("10.0.{round}.1");
        eventually("the next is as well, though nobody reads", || {
            assert!(!blocked(), "waits for the log");
            namespace.ruleset().contains(&network)
        });
    }
    // It is told once somebody reads again.
    let mut log = vec![0; 4 << 20];
    let mut length = 0;
    let mut text = String::new();
    while !text.contains("nobody read the log, and ") {
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

struct KillAtEnd(std::process::Child);

impl Drop for KillAtEnd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
