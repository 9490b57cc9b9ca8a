//! What the program is to those who start it: the journal that takes its lines, and the signals.

use std::fs;
use std::os::unix::fs::MetadataExt;

use kit::*;

#[test]
fn under_the_journal_and_only_there_lines_carry_their_priority() {
    let folder = Folder::new();
    let list = folder.file("list", "192.0.2.1\nx\n");
    let journal = fs::File::create(folder.path().join("journal")).unwrap();
    let metadata = journal.metadata().unwrap();
    for (inode, prefix) in [(metadata.ino(), "<4>"), (metadata.ino() + 1, "netfilterd: warning: ")]
    {
        let stream = format!("{}:{inode}", metadata.dev());
        let mut command = std::process::Command::new(program());
        command.env("JOURNAL_STREAM", stream).args(["print", "--no-protect", "-f", &list]);
        command.stderr(journal.try_clone().unwrap()).output().unwrap();
        let log = fs::read_to_string(folder.path().join("journal")).unwrap();
        let line = log.lines().last().unwrap();
        assert_eq!(line, format!(r#"{prefix}{list}:2:1: not an address: "x""#));
    }
}

#[test]
fn a_hup_ends_what_is_no_daemon() {
    let folder = Folder::new();
    let mut command = std::process::Command::new(program());
    // Waits for its standard input to end.
    command.args(["print", "--no-protect", "-f", "-"]).stdin(std::process::Stdio::piped());
    let mut child = command.stderr(fs::File::create(folder.path().join("log")).unwrap()).spawn();
    let child = child.as_mut().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::SIGHUP)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "ended by the signal");
}
