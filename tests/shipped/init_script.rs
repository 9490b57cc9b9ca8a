//! The init script for hosts without systemd.

use std::fs;
use std::process::{Command, Stdio};

use kit::*;

struct Script {
    namespace: Namespace,
    folder: Folder,
}

impl Script {
    /// The shipped script, with files in a folder of the test's own.
    fn new(options: &str) -> Self {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        let defaults = format!(
            "NETFILTERD={}\nOPTIONS='-f {} --state-file {} {options}'\nPIDFILE={}\nSTATUS={}\n",
            program(),
            path("list"),
            path("state"),
            path("pid"),
            path("status")
        );
        folder.file("defaults", defaults);
        Script { namespace, folder }
    }

    fn run(&self, action: &str) -> (i32, String) {
        let script = format!("{}/contrib/netfilterd.init", env!("CARGO_MANIFEST_DIR"));
        let mut command = self.namespace.command("sh");
        // To a file: a daemon that had inherited a pipe would keep it open.
        let said = self.folder.path().join("said");
        let file = fs::File::create(&said).unwrap();
        command.args([&script, action]).env("DEFAULTS", self.folder.path().join("defaults"));
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.status().unwrap().code().unwrap();
        (status, fs::read_to_string(said).unwrap())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if let Ok(pid) = fs::read_to_string(self.folder.path().join("pid")) {
            let _ = Command::new("kill").args(["-KILL", pid.trim()]).status();
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_init_script_starts_reloads_shows_and_stops_a_daemon() {
    needs(&["logger"]);
    for options in ["--queue 0:1", "--mask 24"] {
        let script = Script::new(options);
        assert_eq!(script.run("status").0, 3, "not running");
        assert_eq!(script.run("reload").0, 7, "not running");
        assert_eq!(script.run("stop").0, 0, "stopping what is stopped is no error");
        let (status, said) = script.run("start");
        assert_eq!(status, 1, "without a list: {said}");
        assert_names(&said, &["netfilterd"]);

        script.folder.file("list", FOES);
        let (status, said) = script.run("start");
        assert_eq!(status, 0, "{said}");
        let pid = || fs::read_to_string(script.folder.path().join("pid")).unwrap();
        let before = pid();
        script.run("start");
        assert_eq!(pid(), before, "it is running already");
        let (status, said) = script.run("status");
        assert_eq!(status, 0);
        assert_names(&said, &[before.trim(), "v4 1, v6 1"]);

        script.folder.file("list", "192.0.2.7\n");
        assert_eq!(script.run("reload").0, 0);
        let status = script.folder.path().join("status");
        eventually("reloaded", || status_in(&status)["loaded"]["networks6"] == 0);
        fs::remove_file(script.folder.path().join("list")).unwrap();
        assert_eq!(script.run("reload").0, 0);
        eventually("a reload that failed", || script.run("status").0 == 1);
        script.folder.file("list", FOES);

        let (status, said) = script.run("restart");
        assert_eq!(status, 0, "{said}");
        assert_eq!(script.run("status").0, 0);
        assert_eq!(script.run("stop").0, 0);
        assert_eq!(script.run("status").0, 3);
    }
    let (status, said) = Script::new("").run("dance");
    assert_eq!(status, 2);
    assert!(said.starts_with("usage:"), "{said}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_init_script_does_not_wait_for_ever_for_a_daemon_that_hangs() {
    needs(&["logger"]);
    let script = Script::new("");
    script.folder.file("list", FOES);
    let (status, said) = script.run("start");
    assert_eq!(status, 0, "{said}");
    let defaults = script.folder.path().join("defaults");
    fs::write(&defaults, fs::read_to_string(&defaults).unwrap() + "PATIENCE=0\n").unwrap();
    let pid = fs::read_to_string(script.folder.path().join("pid")).unwrap();
    run(Command::new("kill").args(["-STOP", pid.trim()])).expect(0, &[]);
    let (status, said) = script.run("stop");
    assert_eq!(status, 0, "{said}");
    assert_names(&said, &["0 seconds", "killed"]);
    assert_eq!(script.run("status").0, 3);
    assert_eq!(script.namespace.managed("drop4").len(), 1, "what was in force stays");
}

#[test]
fn the_init_script_says_by_the_lsb_what_it_is() {
    let script = include_str!("../../contrib/netfilterd.init");
    for key in ["Provides", "Required-Start", "Required-Stop", "Default-Start", "Default-Stop"] {
        assert!(script.contains(&format!("\n# {key}:")), "no {key}");
    }
    let block = script.find("### BEGIN INIT INFO").zip(script.find("### END INIT INFO"));
    assert!(block.is_some_and(|(begin, end)| begin < end));
}
