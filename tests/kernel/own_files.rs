//! The files that a daemon writes: none that is somebody else's, and none that others can use against it.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use kit::*;

const ONE: &str = "192.0.2.0/24\n";

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_no_pid_file_is_not_made_one() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    for content in ["192.0.2.0/24\n", "12 34\n", "123456789012\n", "\u{ff}\n"] {
        let file = folder.file("other", content);
        namespace.netfilterd(&["-f", &list, "--pid-file", &file]).expect(1, &[&file, "--pid-file"]);
        assert_eq!(fs::read_to_string(&file).unwrap(), content);
        assert_eq!(namespace.ruleset(), "");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_other_user_can_keep_a_daemon_from_starting_by_locking_its_pid_file() {
    needs(&["setpriv", "flock"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let list = folder.file("list", ONE);
    let pid_file = folder.path().join("pid");
    let options = ["-f", &list, "--pid-file", pid_file.to_str().unwrap()];
    let nobody_locks = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups", "flock", "--nonblock"]);
        // cat ends when nobody writes to it any more.
        command.arg(&pid_file).args(["sh", "-c", "echo locked; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = Background(command.spawn().unwrap());
        let mut said = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        (said == "locked\n").then_some(child)
    };
    // As a daemon that was killed leaves it, and as an older one did.
    drop(Daemon::start(&namespace, &options));
    assert!(nobody_locks().is_none(), "the file is for root alone");
    fs::set_permissions(&pid_file, Permissions::from_mode(0o644)).unwrap();
    let lock = nobody_locks();
    assert!(lock.is_some());
    let daemon = Daemon::start(&namespace, &options);
    assert_eq!(fs::metadata(&pid_file).unwrap().mode() & 0o777, 0o600);
    // With the lock of an older daemon that runs, it is as ever.
    fs::set_permissions(&pid_file, Permissions::from_mode(0o644)).unwrap();
    namespace.netfilterd(&options).expect(1, &[&daemon.pid().to_string()]);
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_other_user_can_hold_up_a_load_by_locking_what_is_beside_its_files() {
    needs(&["setpriv", "flock", "strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let list = folder.file("list", ONE);
    let place = folder.path().join("state");
    fs::create_dir(&place).unwrap();
    let state = place.join("state.json").to_str().unwrap().to_string();
    namespace.load(&["-f", &list, "--state-file", &state]);
    // All that nobody can lock: of what is there, and the folder itself.
    let mut locks = Vec::new();
    let all = fs::read_dir(&place).unwrap().map(|item| item.unwrap().path());
    for path in all.chain([place.clone()]) {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups", "flock", "--nonblock"]).arg(path);
        command.args(["sh", "-c", "echo locked; exec cat"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut lock = Background(command.spawn().unwrap());
        BufReader::new(lock.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        locks.push(lock);
    }
    fs::write(&list, "198.51.100.0/24\n").unwrap();
    let mut command = namespace.command("strace");
    command.args(["-f", "-qq", "-e", "trace=flock", program(), "load", "--no-protect"]);
    let ran = run(command.args(["-f", &list, "--state-file", &state]));
    ran.expect(0, &["flock("]);
    assert!(!ran.stderr().contains("EAGAIN"), "{}", ran.stderr());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn its_files_can_be_written_to_by_nobody_else_whatever_the_umask() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let place = folder.path().join("made");
    let path = |name: &str| place.join(name).to_str().unwrap().to_string();
    let mut command = namespace.command("sh");
    command.args(["-c", "umask 0; exec \"$0\" \"$@\"", program(), "-f", &list]);
    command.args(["--state-file", &path("state"), "--status-file", &path("status")]);
    command.args(["--metrics", &path("metrics"), "--pid-file", &format!("{}.pid", path("x"))]);
    fs::create_dir(&place).unwrap();
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for_loads(1);
    eventually("all are written", || fs::read_dir(&place).unwrap().count() >= 4);
    for item in fs::read_dir(&place).unwrap() {
        let item = item.unwrap();
        let mode = item.metadata().unwrap().mode();
        assert_eq!(mode & 0o022, 0, "{:?}: {mode:o}", item.file_name());
    }
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_netfilterd_did_not_write_stays_and_protection_does_not_wait_for_it() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", ONE);
    let precious = ["state", "status", "metrics"]
        .map(|name| folder.file(name, format!("precious, not the {name}\n")));
    let [state, status, metrics] = &precious;
    let mut command = namespace.command(program());
    command.args(["-f", &list, "--state-file", state, "--status-file", status]);
    command.args(["--metrics", metrics]);
    let daemon = Daemon::spawn(&mut command);
    for path in &precious {
        daemon.wait_for_line(&[path, "was not written by netfilterd"], 1);
    }
    eventually("in force all the same", || namespace.managed("drop4") == ["192.0.2.0/24"]);
    assert_eq!(daemon.end("TERM"), 0);
    for (path, name) in precious.iter().zip(["state", "status", "metrics"]) {
        assert_eq!(fs::read_to_string(path).unwrap(), format!("precious, not the {name}\n"));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_is_remembered_of_others_is_kept_if_it_cannot_be_read_for_a_moment() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.1\n");
    let state = folder.path().join("state").to_str().unwrap().to_string();
    let ranges = format!("{state}.ranges");
    namespace.load(&["-f", &list, "--state-file", &state]).expect(0, &[]);
    let before = fs::read(&ranges).unwrap();
    namespace.nft("add table inet t; add set inet t a { type ipv4_addr; flags interval; }");
    let own = ["--table", "inet t", "--set4", "a", "-f", &list, "--state-file", &state];
    let mut command = namespace.command("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-P", &ranges]);
    command.args(["-e", "inject=openat:error=EIO:when=1", program(), "load"]).args(own);
    let ran = run(&mut command);
    ran.expect(0, &["warning: cannot write state file", "Input/output error"]);
    assert_eq!(fs::read(&ranges).unwrap(), before);
    namespace.load(&own).expect(0, &[]);
    let after = fs::read(&ranges).unwrap();
    for key in ["inet netfilterd", "inet t a drop6"] {
        assert!(after.windows(key.len()).any(|bytes| bytes == key.as_bytes()), "{key}");
    }
}
