//! The hosts from which somebody is logged in, and resolvers, in the files of the host: as they are at
//! each load of each process, and as they change while a daemon runs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kit::*;
use netfilterd::policy::protect::Why;

/// Two hosts of the list's network outside, which is what `192.0.2.7` and `--mask 24` make of it.
const ADMIN: &str = "192.0.2.50";
const NEIGHBOUR: &str = "192.0.2.51";

/// A host with files of its own in /run, and the list of the README's first use.
struct Host {
    wire: Wire,
    folder: Folder,
    list: String,
}

impl Host {
    fn new() -> Self {
        let (wire, folder) = (Wire::new(), Folder::new());
        for address in [ADMIN, NEIGHBOUR] {
            wire.outside.ip(&format!("addr add {address}/32 dev wire0"));
        }
        fs::create_dir_all(folder.path().join("run/systemd")).unwrap();
        let list = folder.file("list", "192.0.2.7\n");
        Host { wire, folder, list }
    }

    /// A file below /run.
    fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join("run").join(name)
    }

    /// netfilterd with this /run and the environment that a service manager gives it.
    fn command(&self, arguments: &[&str]) -> Command {
        self.command_in("", arguments)
    }

    /// The same in an SSH session.
    fn command_in(&self, session: &str, arguments: &[&str]) -> Command {
        let mut command = self.wire.inside.command("sh");
        command.args(["-c", "mount --bind \"$0\" /run && exec env -i \"$@\""]);
        command.arg(self.run("")).arg(format!("SSH_CONNECTION={session}"));
        command.arg(program()).args(arguments);
        command.args(["-f", &self.list, "--mask", "24"]);
        command
    }

    /// A daemon that has loaded.
    fn daemon(&self, arguments: &[&str]) -> Daemon {
        let mut command = self.command(&[&["run"], arguments].concat());
        let daemon = Daemon::spawn(command.args(self.wire.inside.files()));
        daemon.wait_for_loads(1);
        daemon
    }

    /// Writes the file of a session as logind does: beside it, then in its place.
    fn session(&self, id: u32, host: &str, state: &str) {
        let sessions = self.run("systemd/sessions");
        fs::create_dir_all(&sessions).unwrap();
        let text = format!(
            "# This is private data. Do not parse.\nUID=0\nUSER=root\nACTIVE=1\nIS_DISPLAY=0\n\
             STATE={state}\nREMOTE=1\nTYPE=tty\nORIGINAL_TYPE=tty\nCLASS=user\nSCOPE=session-{id}.scope\n\
             FIFO=/run/systemd/sessions/{id}.ref\nTTY=pts/{id}\nREMOTE_HOST={host}\nSERVICE=sshd\n\
             LEADER=1\nAUDIT={id}\n"
        );
        let temporary = sessions.join(format!(".#{id}"));
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, sessions.join(id.to_string())).unwrap();
    }

    /// Whether packets pass in both directions.
    fn passes(&self, address: &str) -> bool {
        self.wire.comes_in(address, INSIDE4) && self.wire.goes_out(INSIDE4, address)
    }

    /// Whether packets pass in neither direction.
    fn is_cut_off(&self, address: &str) -> bool {
        !self.wire.comes_in(address, INSIDE4) && !self.wire.goes_out(INSIDE4, address)
    }
}

fn shown(address: &str) -> String {
    format!("{address} ({})", Why::LoggedIn)
}

/// The record of a login, as glibc on x86-64 writes it, or musl.
fn record(pid: u32, host: &str, address: [u8; 4]) -> Vec<u8> {
    let long = cfg!(target_arch = "aarch64");
    let mut record = vec![0; if long { 400 } else { 384 }];
    let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &7_i16.to_ne_bytes());
    put(4, &pid.to_ne_bytes());
    put(8, b"pts/0");
    put(40, b"ts/0");
    put(44, b"root");
    put(76, host.as_bytes());
    put(if long { 360 } else { 348 }, &address);
    record
}

/// What is the same in nftables and in queue mode, of a session that lasts, begins and ends.
fn sessions_are_followed(host: &Host, daemon: &Daemon) {
    daemon.wait_for_line(&["list:1: 192.0.2.7", &shown(ADMIN)], 1);
    assert!(host.passes(ADMIN) && host.is_cut_off(NEIGHBOUR) && host.passes(FRIEND4));

    host.session(4, NEIGHBOUR, "active");
    daemon.wait_for_line(&[&shown(NEIGHBOUR), "from now on"], 1);
    eventually("the new session", || host.passes(NEIGHBOUR));
    assert!(host.passes(ADMIN));

    host.session(3, ADMIN, "closing");
    daemon.wait_for_line(&[&shown(ADMIN), "no longer protected"], 1);
    eventually("the session is over", || host.is_cut_off(ADMIN));
    assert!(host.passes(NEIGHBOUR));
    fs::remove_file(host.run("systemd/sessions/4")).unwrap();
    daemon.wait_for_line(&[&shown(NEIGHBOUR), "no longer protected"], 1);
    eventually("nobody is logged in", || host.is_cut_off(NEIGHBOUR));
    assert_eq!(daemon.loads(), 1, "without the lists: {}", daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_of_the_service_manager_protects_the_sessions_of_logind_while_they_last() {
    let host = Host::new();
    host.session(3, ADMIN, "active");
    let daemon = host.daemon(&[]);
    sessions_are_followed(&host, &daemon);
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn queue_mode_protects_the_sessions_of_logind_while_they_last() {
    needs(&["iptables"]);
    let host = Host::new();
    for chain in ["INPUT", "OUTPUT"] {
        let rule = ["-A", chain, "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass"];
        run(host.wire.inside.command("iptables").args(rule)).expect(0, &[]);
    }
    host.session(3, ADMIN, "active");
    let daemon = host.daemon(&["--queue", "7"]);
    sessions_are_followed(&host, &daemon);
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_starts_before_logind_protects_its_sessions() {
    let host = Host::new();
    fs::remove_dir(host.run("systemd")).unwrap();
    let daemon = host.daemon(&[]);
    assert!(host.is_cut_off(ADMIN));
    host.session(1, ADMIN, "active");
    daemon.wait_for_line(&[&shown(ADMIN), "from now on"], 1);
    eventually("the session", || host.passes(ADMIN));
    // A login from a host that is not listed changes nothing, and nothing is sent to the kernel.
    host.session(2, "203.0.113.5", "active");
    host.session(3, NEIGHBOUR, "active");
    daemon.wait_for_status(|status| status["loaded"]["networks4"] == 7);
    // The line follows the status.
    daemon.wait_for("from 1 list", 3);
    assert!(!daemon.log().contains("203.0.113.5"), "{}", daemon.log());
    assert_eq!(daemon.lines(&["from 1 list"]).len(), 3, "{}", daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_command_protects_the_sessions_of_logind() {
    let host = Host::new();
    host.session(3, ADMIN, "active");
    let state = host.wire.inside.state();
    let ran = |command: &str, more: &[&str]| {
        let mut command = host.command(&[command]);
        run(command.args(more))
    };
    let state: Vec<&str> = state.iter().map(String::as_str).collect();
    ran("load", &state).expect(0, &[&shown(ADMIN)]);
    assert!(host.passes(ADMIN) && host.is_cut_off(NEIGHBOUR));
    let checked = ran("check", &state);
    assert_line_names(&checked.stdout(), &["protected: ", &shown(ADMIN), "1 network excluded"]);
    let tested = ran("test", &[ADMIN]);
    tested.expect(1, &[]);
    assert_line_names(&tested.stdout(), &["not dropped", &shown(ADMIN)]);
    ran("test", &[NEIGHBOUR]).expect(0, &[]);
    let printed = ran("print", &[]).stdout();
    assert!(!printed.lines().any(|line| line == "192.0.2.0/24"), "{printed}");
    // The next process of any of them looks again.
    fs::remove_file(host.run("systemd/sessions/3")).unwrap();
    ran("load", &state).expect(0, &[]);
    assert!(host.is_cut_off(ADMIN));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_variable_that_is_out_of_date_does_not_hide_the_session() {
    let host = Host::new();
    host.session(3, ADMIN, "active");
    // As in tmux, which was started in a session from another host.
    let mut command = host.command_in(&format!("{NEIGHBOUR} 51234 {INSIDE4} 22"), &["load"]);
    run(command.args(host.wire.inside.state())).expect(0, &[&shown(ADMIN), &shown(NEIGHBOUR)]);
    assert!(host.passes(ADMIN) && host.passes(NEIGHBOUR));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn logins_of_utmp_are_protected_while_their_process_lives() {
    let host = Host::new();
    let mut login = Background(Command::new("sleep").arg("600").spawn().unwrap());
    fs::write(host.run("utmp"), record(login.0.id(), "home.example", [192, 0, 2, 50])).unwrap();
    let daemon = host.daemon(&[]);
    daemon.wait_for_line(&["list:1: 192.0.2.7", &shown(ADMIN)], 1);
    assert!(host.passes(ADMIN) && host.is_cut_off(NEIGHBOUR));
    // mosh-server and others record text only.
    let mosh = record(login.0.id(), &format!("{NEIGHBOUR} via mosh [77]"), [0; 4]);
    let mut records = fs::read(host.run("utmp")).unwrap();
    records.extend(mosh);
    fs::write(host.run("utmp"), records).unwrap();
    daemon.wait_for_line(&[&shown(NEIGHBOUR), "from now on"], 1);
    eventually("the new login", || host.passes(NEIGHBOUR));
    // A process that was killed leaves its record.
    login.0.kill().unwrap();
    login.0.wait().unwrap();
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert!(host.is_cut_off(ADMIN) && host.is_cut_off(NEIGHBOUR));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_host_that_is_recorded_by_name_is_named_with_the_cure_and_only_once() {
    let host = Host::new();
    host.session(3, "home.example.org", "active");
    let daemon = host.daemon(&[]);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert_eq!(daemon.lines(&["home.example.org", "UseDNS", "allow"]).len(), 1, "{}", daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn resolvers_are_followed_and_an_empty_file_does_not_unprotect_them() {
    let host = Host::new();
    let resolver = |address: &str| format!("{address} ({})", Why::Resolver);
    let file = host.run("NetworkManager/no-stub-resolv.conf");
    let write = |text: &str| {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file.with_extension("new"), text).unwrap();
        fs::rename(file.with_extension("new"), &file).unwrap();
    };
    let daemon = host.daemon(&[]);
    assert!(host.is_cut_off(ADMIN) && host.is_cut_off(NEIGHBOUR));
    write(&format!("nameserver {ADMIN}\n"));
    daemon.wait_for_line(&[&resolver(ADMIN), "from now on"], 1);
    eventually("the resolver", || host.passes(ADMIN));

    write("# the network is down\n");
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert!(host.passes(ADMIN), "{}", daemon.log());
    fs::remove_file(&file).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_loads(3);
    assert!(host.passes(ADMIN), "{}", daemon.log());

    write(&format!("nameserver {NEIGHBOUR}\n"));
    daemon.wait_for_line(&[&resolver(NEIGHBOUR), "from now on"], 1);
    eventually("the other resolver", || host.passes(NEIGHBOUR) && host.is_cut_off(ADMIN));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_resolv_conf_that_is_mounted_as_in_a_container_is_watched() {
    let host = Host::new();
    let file = host.folder.file("resolv.conf", "");
    let mut command = host.wire.inside.command("sh");
    command.args(["-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"", &file]);
    command.args([program(), "-f", &host.list, "--mask", "24"]).args(host.wire.inside.files());
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for_loads(1);
    // The same file, since it is mounted: written, not replaced.
    fs::write(&file, format!("nameserver {ADMIN}\n")).unwrap();
    daemon.wait_for(&format!("{ADMIN} ({})", Why::Resolver), 1);
    eventually("the resolver", || host.passes(ADMIN));
}

#[test]
#[ignore = "needs root: user namespaces"]
fn without_a_watch_of_the_hosts_files_the_daemon_looks_at_them_by_time() {
    let (folder, list) = (Folder::new(), Folder::new());
    let run = folder.path().join("run");
    let sessions = run.join("systemd/sessions");
    fs::create_dir_all(&sessions).unwrap();
    let list = list.file("list", "192.0.2.0/24\n");
    let status = folder.path().join("status").to_str().unwrap().to_string();
    let state = folder.path().join("state").to_str().unwrap().to_string();
    // A limit that holds for this user namespace only.
    let script = "ip link set lo up; echo 0 >/proc/sys/user/max_inotify_instances
        mount --bind \"$0\" /run; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["-Urnm", "sh", "-euc", script]).arg(&run).env("SSH_CONNECTION", "");
    command.args([program(), "run", "-f", &list, "--status-file", &status, "--state-file", &state]);
    let daemon = Daemon::spawn(&mut command);
    daemon.wait_for_line(&["warning: ", "every 5 s", "fs.inotify.max_user_instances"], 1);
    daemon.wait_for_loads(1);
    fs::write(sessions.join("1"), format!("REMOTE=1\nSTATE=active\nREMOTE_HOST={ADMIN}\n"))
        .unwrap();
    daemon.wait_for_line(&[&shown(ADMIN), "from now on"], 1);
    assert_eq!(daemon.lines(&["max_user_instances"]).len(), 1, "{}", daemon.log());
}
