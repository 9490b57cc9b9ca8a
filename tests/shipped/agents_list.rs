//! How the agents write to a list that others write to as well.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use kit::agents::*;
use kit::*;

#[test]
#[ignore = "needs python3"]
fn entries_get_an_end_and_are_not_written_twice() {
    needs(&["python3"]);
    let list = List::new();
    let ran = list.append(&[
        "--until",
        "2h",
        "192.0.2.1",
        "2001:DB8:BAD::1",
        "192.0.2.1",
        "198.51.100.9/24",
    ]);
    ran.expect(0, &["append: ", "192.0.2.1 until 2"]);
    assert_eq!(list.entries(), ["192.0.2.1", "2001:db8:bad::1", "198.51.100.0/24"]);
    assert_eq!(list.lasts(), [7200; 3]);
    list.is_in_order();
    let before = list.text();
    for until in ["2h", "1h", "90m", "3h"] {
        assert_eq!(list.append(&["--until", until, "192.0.2.1"]).stderr(), "", "{until}");
    }
    assert_eq!(list.text(), before);
    // What ends in two hours is no reason not to write what ends in a month, or never.
    list.append(&["--until", "30d", "192.0.2.1"]).expect(0, &["192.0.2.1 until "]);
    list.append(&["--until", "never", "192.0.2.1"]).expect(0, &["192.0.2.1"]);
    assert_eq!(list.text().lines().last(), Some("192.0.2.1"));
    assert_eq!(list.append(&["--until", "never", "192.0.2.1"]).stderr(), "");
    assert_eq!(list.append(&["--until", "2099-01-01T00:00:00+01:00", "192.0.2.1"]).stderr(), "");
    list.is_in_order();
}

#[test]
#[ignore = "needs python3"]
fn a_time_is_taken_as_it_is_and_a_wrong_one_not_at_all() {
    needs(&["python3"]);
    let list = List::new();
    list.append(&["--until", "2099-01-01T00:00:00+02:00", "192.0.2.1"]).expect(0, &[]);
    list.append(&["--until", "4070908800", "192.0.2.2"]).expect(0, &[]);
    // fail2ban's ban without end.
    list.append(&["--until=-1s", "192.0.2.3"]).expect(0, &[]);
    let expected =
        "192.0.2.1 until 2098-12-31T22:00:00Z\n192.0.2.2 until 2099-01-01T00:00:00Z\n192.0.2.3\n";
    assert_eq!(list.text(), expected);
    for wrong in [
        "tomorrow",
        "0s",
        "1.5h",
        "1y",
        "30",
        "2020-01-01T00:00:00Z",
        "2099-01-01",
        "2099-01-01T00:00:00",
        "999999999w",
        "",
    ] {
        let ran = list.append(&["--until", wrong, "192.0.2.9"]);
        ran.expect(2, &["--until", &format!(" {wrong}")]);
    }
    assert_eq!(list.text(), expected);
}

#[test]
#[ignore = "needs python3"]
fn lines_of_others_are_understood_as_netfilterd_understands_them() {
    needs(&["python3"]);
    let list = List::holding(
        "192.0.2.1 # a comment\r\n  192.0.2.2\t; another\n192.0.2.3 until 2020-01-01T00:00:00Z\n\
         192.0.2.4 until 4070908800 // later\n192.0.2.5 until tomorrow\n192.0.2.6 evil host\n\
         #192.0.2.7\n2001:DB8::8\n192.0.2.9\r\n192.0.2.10 until 4070908800\r\n192.0.2.99",
    );
    let hosts: Vec<String> = (1..=10).map(|n| format!("192.0.2.{n}")).collect();
    let mut arguments: Vec<&str> = hosts.iter().map(String::as_str).collect();
    arguments.extend(["2001:db8::8", "--until", "1h"]);
    list.append(&arguments).expect(0, &[]);
    let text = list.text();
    let added: Vec<&str> =
        text.lines().skip(11).map(|line| line.split(' ').next().unwrap()).collect();
    // What has ended, and what netfilterd rejects, is not there.
    assert_eq!(added, ["192.0.2.3", "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8"]);
    assert!(text.contains("\n192.0.2.99\n192.0.2.3 until "), "the last line got its end");
}

#[test]
#[ignore = "needs python3"]
fn nothing_is_written_that_a_list_cannot_hold_or_no_stranger_sends_from() {
    needs(&["python3"]);
    let list = List::new();
    let odd = "\
        192.0.2\n010.0.0.1\n192.0.2.256\n0x7f.1\n3221225994\nexample.org\n192.0.2.1 until never\n\
        192.0.2.1#\n192.0.2.0/33\n192.0.2.0/255.255.255.0\n2001:db8:::1\n2001:db8::1%eth0\n\
        ::ffff:192.0.2.0/120\n-\n/\n192.0.2.1,192.0.2.2\n\u{0661}92.0.2.1\n127.0.0.1\n0.0.0.0\n::\n\
        ::1\nfe80::1\nff02::1\n224.0.0.1\n255.255.255.255\n169.254.1.1\n0.0.0.0/0\n128.0.0.0/1\n\
        ::/0\n2001::/15\n192.0.2.0/7\n";
    let ran = given(&mut agent("append", &["--list", &list.path]), odd);
    assert_eq!(ran.status(), 1);
    let said = ran.stderr();
    assert_eq!(said.lines().count(), odd.lines().count(), "{said}");
    assert!(
        said.lines().zip(odd.lines()).all(|(said, odd)| said.contains(odd) || !odd.is_ascii()),
        "{said}"
    );
    assert!(!Path::new(&list.path).exists());
    // One's own, perhaps a proxy with all the others behind it.
    let private = "10.0.0.1\n172.16.0.1\n192.168.1.1\n100.64.0.1\nfd00::1\n::ffff:10.0.0.2\n";
    given(&mut agent("append", &["--list", &list.path]), private).expect(1, &["--private"]);
    assert!(!Path::new(&list.path).exists());
    given(&mut agent("append", &["--list", &list.path, "--private"]), private).expect(0, &[]);
    // What goes wrong with one does not keep the others out; the last line may be cut off.
    let mixed = "nonsense\n::ffff:192.0.2.1\n\n 192.0.2.2 \r\n2001:db8::2\n192.0.2.17";
    given(&mut agent("append", &["--list", &list.path]), mixed).expect(1, &["'nonsense'"]);
    assert_eq!(
        list.entries(),
        [
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "fd00::1",
            "10.0.0.2",
            "192.0.2.1",
            "192.0.2.2",
            "2001:db8::2"
        ]
    );
    list.is_in_order();
}

#[test]
#[ignore = "needs python3"]
fn many_at_once_write_whole_lines_and_none_twice() {
    needs(&["python3"]);
    let list = List::new();
    thread::scope(|scope| {
        for writer in 0..8 {
            let list = &list;
            scope.spawn(move || {
                for round in 0..4 {
                    let own = format!("192.0.2.{}", writer * 10 + round);
                    let shared = format!("198.51.100.{round}");
                    list.append(&[&own, &shared]).expect(0, &[]);
                }
            });
        }
        // Somebody without the lock.
        scope.spawn(|| {
            for number in 0..50 {
                let mut file =
                    OpenOptions::new().append(true).create(true).open(&list.path).unwrap();
                writeln!(file, "203.0.113.{number}").unwrap();
            }
        });
    });
    let mut entries = list.entries();
    assert_eq!(entries.len(), 8 * 4 + 4 + 50, "{}", list.text());
    entries.sort();
    entries.dedup();
    assert_eq!(entries.len(), 8 * 4 + 4 + 50);
    list.is_in_order();
}

#[test]
#[ignore = "needs python3"]
fn who_holds_the_lock_is_waited_for() {
    needs(&["python3"]);
    let list = List::holding("198.51.100.1\n");
    let lock = list.folder.path().join(".drop_ips.lock");
    // As a shell script takes part; it lets go at the end of its input.
    let mut command = Command::new("flock");
    command.arg(&lock).args(["sh", "-c", "echo held; cat"]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = Background(command.spawn().unwrap());
    holder.0.stdout.as_mut().unwrap().read_exact(&mut [0; 5]).unwrap();
    let mut command = agent("append", &["--list", &list.path, "192.0.2.1"]);
    let mut waiting = Background(command.stderr(Stdio::null()).spawn().unwrap());
    // It opens the lock when it is about to write.
    let opened = || {
        let files = fs::read_dir(format!("/proc/{}/fd", waiting.0.id())).into_iter().flatten();
        let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        targets.into_iter().any(|target| target.ends_with(".drop_ips.lock"))
    };
    eventually("at the lock", opened);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(list.text(), "198.51.100.1\n");
    drop(holder.0.stdin.take());
    assert!(waiting.0.wait().unwrap().success());
    assert_eq!(list.entries(), ["198.51.100.1", "192.0.2.1"]);
}

#[test]
#[ignore = "needs root: a file system of its own"]
fn a_full_disk_leaves_no_half_of_a_line() {
    needs_root();
    needs(&["python3", "unshare"]);
    let script = "set -e; mount -t tmpfs -o size=8k none \"$1\"; cd \"$1\"
        dd if=/dev/zero bs=4080 count=1 2>/dev/null | tr '\\0' '#' >drop_ips; echo >>drop_ips
        cp drop_ips before; status=0
        \"$0\" --list drop_ips --until 30d 192.0.2.1 2>/dev/null || status=$?
        cmp drop_ips before || exit 9; exit 4$status";
    let folder = Folder::new();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, &format!("{AGENTS}/append")]);
    let ran = run(command.arg(folder.path()));
    assert_eq!(ran.status(), 41, "{}", ran.stderr());
}

#[test]
#[ignore = "needs python3"]
fn a_list_that_cannot_be_written_is_named_and_the_cure_with_it() {
    needs(&["python3"]);
    let folder = Folder::new();
    let missing = folder.path().join("no/drop_ips").to_str().unwrap().to_string();
    let ran = run(&mut agent("append", &["--list", &missing, "192.0.2.1"]));
    ran.expect(1, &[folder.path().join("no").to_str().unwrap()]);
    let pipe = folder.path().join("pipe");
    run(Command::new("mkfifo").arg(&pipe)).expect(0, &[]);
    let pipe = pipe.to_str().unwrap();
    run(&mut agent("append", &["--list", pipe, "192.0.2.1"])).expect(1, &[pipe]);
}

#[test]
#[ignore = "needs python3"]
fn entries_are_taken_out_by_name_and_when_they_have_ended() {
    needs(&["python3"]);
    let list = List::holding(
        "# kept\n192.0.2.1\n192.0.2.1 until 4070908800 # later\n192.0.2.10\n\
         192.0.2.3 until 2020-01-01T00:00:00Z\n192.0.2.4 until 4070908800\nnonsense\n",
    );
    fs::set_permissions(&list.path, fs::Permissions::from_mode(0o640)).unwrap();
    list.append(&["--prune"]).expect(0, &["1 lines"]);
    list.append(&["--remove", "192.0.2.1"]).expect(0, &["2 lines"]);
    assert_eq!(list.text(), "# kept\n192.0.2.10\n192.0.2.4 until 4070908800\nnonsense\n");
    let mode = fs::metadata(&list.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    list.append(&["--remove", "192.0.2.1"]).expect(0, &["0 lines"]);
    let left: Vec<_> = fs::read_dir(list.folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "the list and its lock: {left:?}");
}

const DAY: i64 = 86_400;

/// Runs `append` under a clock that is so many seconds ahead.
fn append_under_a_clock(list: &List, ahead: i64, arguments: &[&str]) -> Ran {
    let script = "import runpy, sys, time
ahead, real = int(sys.argv.pop(1)), time.time
time.time = lambda: real() + ahead
sys.argv.pop(0)
sys.path.insert(0, sys.argv[0].rpartition('/')[0])
runpy.run_path(sys.argv[0], run_name='__main__')";
    let mut command = Command::new("python3");
    command.args(["-c", script, &ahead.to_string(), &format!("{AGENTS}/append")]);
    run(command.args(["--list", &list.path]).args(arguments))
}

#[test]
#[ignore = "needs python3"]
fn under_a_clock_that_is_a_year_ahead_nothing_is_pruned() {
    needs(&["python3"]);
    let year = 365 * DAY;
    let list = List::new();
    list.append(&["--until", "30d", "192.0.2.1", "192.0.2.2"]).expect(0, &[]);
    let before = list.text();
    let refused = |ahead| {
        let ran = append_under_a_clock(&list, ahead, &["--prune"]);
        ran.expect(1, &[&list.path, "clock", "--force"]);
    };
    refused(year);
    assert_eq!(list.text(), before);
    // The agents go on under that clock, and it stays a clock that has jumped.
    append_under_a_clock(&list, year, &["--until", "30d", "192.0.2.3"]).expect(0, &[]);
    append_under_a_clock(&list, year + 60, &["--remove", "192.0.2.9"]).expect(0, &[]);
    refused(year + DAY);
    assert_eq!(list.entries(), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    // Set right, it is believed, and then day by day.
    for days in [0, 6, 12, 18, 24] {
        let ran = append_under_a_clock(&list, days * DAY, &["--prune"]);
        ran.expect(0, &["0 lines"]);
    }
    append_under_a_clock(&list, 30 * DAY + 100, &["--prune"]).expect(0, &["2 lines"]);
    refused(2 * year);
    append_under_a_clock(&list, 2 * year, &["--prune", "--force"]).expect(0, &["1 lines"]);
    assert_eq!(list.text(), "");
    append_under_a_clock(&list, 2 * year + DAY, &["--prune"]).expect(0, &["0 lines"]);
}

#[test]
#[ignore = "needs python3"]
fn a_list_that_no_agent_has_used_was_last_used_when_it_was_written() {
    needs(&["python3"]);
    let list = List::holding("192.0.2.1 until 2020-01-01T00:00:00Z\n192.0.2.2\n");
    append_under_a_clock(&list, 365 * DAY, &["--prune"]).expect(1, &["--force"]);
    // A first agent changes the list's own time.
    append_under_a_clock(&list, 365 * DAY, &["192.0.2.3"]).expect(0, &[]);
    append_under_a_clock(&list, 365 * DAY, &["--prune"]).expect(1, &["--force"]);
    // A lock of a shell says nothing.
    fs::write(list.folder.path().join(".drop_ips.lock"), "").unwrap();
    list.append(&["--prune"]).expect(0, &["1 lines"]);
    assert_eq!(list.entries(), ["192.0.2.2", "192.0.2.3"]);
}

#[test]
#[ignore = "needs root: users"]
fn an_agent_of_root_writes_nowhere_that_another_user_could_lead_it_to() {
    needs_root();
    needs(&["python3"]);
    let list = List::new();
    let victim = list.folder.file("victim", "192.0.2.1 until 2020-01-01T00:00:00Z\n");
    let before = fs::read_to_string(&victim).unwrap();
    let theirs = list.folder.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(65534), Some(65534)).unwrap();
    let at = |name: &str| theirs.join(name).to_str().unwrap().to_string();
    let each = |path: &str, names: &[&str]| {
        for arguments in [&["192.0.2.7"][..], &["--prune"], &["--remove", "192.0.2.1"]] {
            let ran = run(&mut agent("append", &[&["--list", path], arguments].concat()));
            ran.expect(1, names);
            assert_eq!(fs::read_to_string(&victim).unwrap(), before);
        }
    };
    // A link as the list, as a directory on the way, and as the lock.
    symlink(&victim, at("list")).unwrap();
    symlink(list.folder.path(), at("way")).unwrap();
    for name in ["list", "way"] {
        lchown(at(name), Some(65534), Some(65534)).unwrap();
    }
    each(&at("list"), &["'list'", "65534"]);
    each(&at("way/victim"), &["'way'", "65534"]);
    symlink(&victim, at(".other.lock")).unwrap();
    fs::write(at("other"), &before).unwrap();
    each(&at("other"), &[]);
    // Another name of the file.
    fs::remove_file(at("list")).unwrap();
    fs::hard_link(&victim, at("list")).unwrap();
    each(&at("list"), &[&at("list"), "hard link"]);
    fs::remove_file(at(".other.lock")).unwrap();
    fs::hard_link(&victim, at(".other.lock")).unwrap();
    each(&at("other"), &["hard link"]);
    // Root's own links are followed.
    symlink(&victim, list.folder.path().join("drop_ips")).unwrap();
    list.append(&["192.0.2.7"]).expect(0, &[]);
    assert!(fs::read_to_string(&victim).unwrap().contains("192.0.2.7 until "));
}

#[test]
#[ignore = "needs python3"]
fn a_line_that_somebody_appends_while_entries_are_taken_out_is_kept() {
    needs(&["python3"]);
    let list = List::holding("192.0.2.1\n192.0.2.2\n");
    // What becomes of each line is asked between reading the list and replacing it.
    let script = "import sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
from droplist import DropList
asked = []
def unwanted(line):
    if not asked:
        with open(sys.argv[2], 'a') as file:
            file.write('192.0.2.3\\n')
    asked.append(line)
    return line == b'192.0.2.1'
print(DropList(sys.argv[2]).rewrite(unwanted))";
    // What an earlier one that was killed has left.
    list.folder.file(".drop_ips.rewritten", "203.0.113.1\n");
    let ran = run(Command::new("python3").args(["-c", script, AGENTS, &list.path]));
    assert_eq!((ran.stdout().as_str(), ran.stderr().as_str()), ("1\n", ""));
    assert_eq!(list.text(), "192.0.2.2\n192.0.2.3\n");
}
