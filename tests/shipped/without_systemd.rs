//! The script for OpenRC and the file for cron. The init script has tests/init_script.rs.

use std::fs;
use std::process::{Command, Stdio};

use kit::*;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/openrc/netfilterd");

/// What openrc-run defines before it reads a script, as far as this one uses it, and how it then
/// calls a function of the script.
const OPENRC_RUN: &str = "ebegin() { echo \" * $* ...\"; }
    eend() { [ \"$1\" = 0 ] || echo \" * ERROR: $2\"; return \"$1\"; }
    need() { echo \"need $*\"; }; use() { echo \"use $*\"; }
    ewarn() { echo \" * $*\"; }
    after() { echo \"after $*\"; }; before() { echo \"before $*\"; }
    . \"$CONF\"; . \"$SCRIPT\"; \"$1\"";

struct OpenRc {
    namespace: Namespace,
    folder: Folder,
}

impl OpenRc {
    fn new(options: &str) -> Self {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        let conf = format!(
            "NETFILTERD={}\nOPTIONS='-f {} --state-file {} {options}'\nPIDFILE={}\nSTATUS={}\n",
            program(),
            path("list"),
            path("state"),
            path("pid"),
            path("status")
        );
        folder.file("conf", conf);
        OpenRc { namespace, folder }
    }

    /// Calls a function of the script, to its status and what it said.
    fn call(&self, function: &str) -> (i32, String) {
        let mut command = self.namespace.command("sh");
        command.args(["-c", OPENRC_RUN, "openrc-run", function]);
        command.env("CONF", self.folder.path().join("conf")).env("SCRIPT", SCRIPT);
        // To a file: a daemon that had inherited a pipe would keep it open.
        let said = self.folder.path().join("said");
        let file = fs::File::create(&said).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.status().unwrap().code().unwrap();
        (status, fs::read_to_string(said).unwrap())
    }
}

impl Drop for OpenRc {
    fn drop(&mut self) {
        if let Ok(pid) = fs::read_to_string(self.folder.path().join("pid")) {
            let _ = Command::new("kill").args(["-KILL", pid.trim()]).status();
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn openrc_starts_reloads_shows_and_stops_a_daemon() {
    needs(&["logger"]);
    for options in ["--queue 0:1", "--mask 24 --watch"] {
        let openrc = OpenRc::new(options);
        assert_eq!(openrc.call("status").0, 3, "not running");
        assert_eq!(openrc.call("stop").0, 0, "stopping what is stopped is no error");
        let (status, said) = openrc.call("start");
        assert_eq!(status, 1, "without a list: {said}");
        assert_names(&said, &["ERROR", "netfilterd"]);

        openrc.folder.file("list", FOES);
        let (status, said) = openrc.call("start");
        assert_eq!(status, 0, "{said}");
        assert_names(&openrc.call("status").1, &["v4 1, v6 1"]);
        openrc.folder.file("list", "192.0.2.7\n");
        assert_eq!(openrc.call("reload").0, 0);
        let status = openrc.folder.path().join("status");
        eventually("reloaded", || {
            let loaded = &status_in(&status)["loaded"];
            loaded["networks4"] == 1 && loaded["networks6"] == 0
        });
        assert_eq!(openrc.call("stop").0, 0);
        assert_eq!(openrc.call("status").0, 3);
        assert_eq!(openrc.call("reload").0, 1, "not running");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn openrc_does_not_wait_for_ever_for_a_daemon_that_hangs() {
    needs(&["logger"]);
    let openrc = OpenRc::new("");
    openrc.folder.file("list", FOES);
    let (status, said) = openrc.call("start");
    assert_eq!(status, 0, "{said}");
    let conf = openrc.folder.path().join("conf");
    fs::write(&conf, fs::read_to_string(&conf).unwrap() + "PATIENCE=0\n").unwrap();
    let pid = fs::read_to_string(openrc.folder.path().join("pid")).unwrap();
    run(Command::new("kill").args(["-STOP", pid.trim()])).expect(0, &[]);
    let (status, said) = openrc.call("stop");
    assert_eq!(status, 0, "{said}");
    assert_names(&said, &["0 seconds", "killed"]);
    assert_eq!(openrc.call("status").0, 3);
    assert_eq!(openrc.namespace.managed("drop4").len(), 1, "what was in force stays");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn openrc_starts_it_before_the_network_and_after_what_empties_the_ruleset() {
    let (status, said) = OpenRc::new("").call("depend");
    assert_eq!(status, 0);
    assert!(said.contains("before net\n"), "{said}");
    assert!(said.lines().any(|line| line.starts_with("after ") && line.contains("nftables")));
}

#[test]
fn the_settings_for_openrc_that_are_shipped_are_those_that_it_has_without_them() {
    let shipped = include_str!("../../contrib/openrc/netfilterd.confd");
    assert!(shipped.ends_with("\nOPTIONS=\"--watch\"\n"));
    assert!(include_str!("../../contrib/openrc/netfilterd").contains("\"${OPTIONS=--watch}\""));
}

/// An entry of a table in /etc/cron.d: when, as whom, what.
fn entry(line: &str) -> Option<(&str, &str, &str)> {
    let fields = if line.starts_with('@') { 1 } else { 5 };
    let mut rest = line;
    for _ in 0..fields {
        rest = rest.split_once(char::is_whitespace)?.1.trim_start();
    }
    let when = line[..line.len() - rest.len()].trim();
    let (user, command) = rest.split_once(' ')?;
    Some((when, user, command))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_cron_runs_loads_the_list_and_says_nothing_unless_it_fails() {
    needs(&["mount"]);
    let mut settings = String::new();
    let mut entries = Vec::new();
    for line in include_str!("../../contrib/netfilterd.cron").lines() {
        match line.split_once('=') {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some((name, value)) => settings += &format!("export {name}='{value}'\n"),
            None => entries.extend(entry(line)),
        }
    }
    let times: Vec<&str> = entries.iter().map(|(when, ..)| *when).collect();
    assert_eq!(times, ["@reboot", "*/10 * * * *"]);
    for (_, user, command) in entries {
        assert_eq!(user, "root");
        let namespace = Namespace::new();
        let bin = std::path::Path::new(program()).parent().unwrap().display();
        for (list, status, says) in [("192.0.2.7", 0, false), ("<html>", 1, true)] {
            let script = format!(
                "for folder in /var/lib /var/cache; do mount -t tmpfs none $folder || exit; done
                mkdir /var/cache/netfilterd && echo '{list}' >/var/cache/netfilterd/drop_ips
                mount -t tmpfs none /run || exit
                {settings}\nPATH={bin}:$PATH\nsh -c '{command}'; status=$?
                # Another one is still loading.
                echo 198.51.100.7 >/var/cache/netfilterd/drop_ips
                flock /run/netfilterd-load.lock sh -c '{command}' || exit 9
                test $(stat -c %a /run/netfilterd-load.lock) = 600 || exit 8
                exit $status"
            );
            let ran = run(namespace.command("sh").args(["-c", &script]));
            assert_eq!((ran.status(), ran.stdout().as_str()), (status, ""));
            assert_eq!(!ran.stderr().is_empty(), says, "{}", ran.stderr());
            assert_eq!(namespace.managed("drop4"), ["192.0.2.7/32"]);
        }
    }
}
