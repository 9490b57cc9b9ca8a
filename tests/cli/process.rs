//! What the program is to those who start it: the journal that takes its lines, and the signals.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use kit::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

#[test]
fn under_the_journal_and_only_there_lines_carry_their_priority() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\nx\n");
    let journal = fs::File::create(folder.path().join("journal")).unwrap();
    let metadata = journal.metadata().unwrap();
    for (inode, prefix) in [(metadata.ino(), "<4>"), (metadata.ino() + 1, "netfilterd: warning: ")]
    {
        let stream = format!("{}:{inode}", metadata.dev());
        let mut command = Command::new(program());
        command.env("JOURNAL_STREAM", stream).args(["print", "--no-protect", "-f", &list]);
        command.stderr(journal.try_clone().unwrap()).output().unwrap();
        let log = fs::read_to_string(folder.path().join("journal")).unwrap();
        let line = log.lines().last().unwrap();
        let reason = netfilterd::list::parse_error::Reason::NotAnAddress;
        assert_eq!(line, format!(r#"{prefix}{list}:2:1: {reason}: "x""#));
    }
}

#[test]
fn a_hup_ends_what_is_no_daemon() {
    let folder = Folder::new();
    // Under nohup SIGHUP is ignored, and a program that is started inherits that.
    let mut command = Command::new("env");
    command.args(["--default-signal=HUP", program(), "print", "--no-protect", "-f", "-"]);
    // Waits for its standard input to end.
    command.stdin(Stdio::piped());
    let mut child = command.stderr(fs::File::create(folder.path().join("log")).unwrap()).spawn();
    let child = child.as_mut().unwrap();
    let name = format!("/proc/{}/comm", child.id());
    eventually("the program", || fs::read_to_string(&name).unwrap() == "netfilterd\n");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGHUP).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGHUP as i32), "{status}");
}
