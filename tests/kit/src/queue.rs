//! Queue mode in a namespace: rules, a daemon, and what it says of itself.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use netfilterd::nfqueue::QueueCounters;
use netfilterd::status::Status;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Daemon, Folder, Namespace, program};

/// The two ways in which iptables reaches the kernel.
pub const WAYS: [&str; 2] = ["legacy", "nft"];

impl Namespace {
    /// `iptables RULE`, or `ip6tables RULE` for both families, by one of the [`WAYS`].
    #[track_caller]
    pub fn iptables(&self, way: &str, families: &[Family], rule: &str) {
        for family in families {
            let program = format!("{}-{way}", family.iptables());
            let mut command = self.command(&program);
            let output = command.arg("-w").args(rule.split_whitespace()).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {rule}: {stderr}");
        }
    }

    /// Gives a file of rules to one of the programs that restore them.
    #[track_caller]
    pub fn restore(&self, program: &str, path: &str) {
        let file = std::fs::File::open(path).unwrap();
        let mut command = self.command(program);
        let output = command.arg("--noflush").stdin(file).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {path}: {stderr}");
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

pub const BOTH: &[Family] = &[Family::V4, Family::V6];

impl Family {
    fn iptables(self) -> &'static str {
        match self {
            Family::V4 => "iptables",
            Family::V6 => "ip6tables",
        }
    }
}

/// A daemon in queue mode.
pub struct Queues {
    pub daemon: Daemon,
    status: String,
    _folder: Folder,
}

impl Queues {
    /// Starts a daemon with `--queue` and other `options`, and waits until it serves.
    #[track_caller]
    pub fn serve(namespace: &Namespace, list: &str, options: &[&str]) -> Self {
        let queues = Queues::spawn(namespace.command(program()), list, options);
        queues.daemon.wait_for("loaded", 1);
        queues
    }

    /// Starts one by `command`, to which the arguments are added.
    pub fn spawn(mut command: Command, list: &str, options: &[&str]) -> Self {
        let folder = Folder::new();
        let status = folder.path().join("status.json").to_str().unwrap().to_string();
        let state = folder.path().join("state.json");
        command.args(["-f", list, "--status-file", &status, "--state-file"]).arg(state);
        command.args(options);
        Queues { daemon: Daemon::spawn(&mut command), status, _folder: folder }
    }

    /// What the daemon is at, as `netfilterd status` has it.
    #[track_caller]
    pub fn status(&self) -> Status {
        let mut command = Command::new(program());
        let command = command.args(["status", "--json", "--status-file", &self.status]);
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The path of the status file.
    pub fn status_file(&self) -> &str {
        &self.status
    }

    /// The counters of all queues together, once `enough` says that all is counted.
    #[track_caller]
    pub fn counted(&self, enough: impl Fn(&QueueCounters) -> bool) -> QueueCounters {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let mut sum = QueueCounters::default();
            self.status().queues.iter().for_each(|queue| sum += queue);
            if enough(&sum) {
                return sum;
            }
            assert!(Instant::now() < deadline, "{sum:?}\n{}", self.daemon.log());
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Queues {
    /// A daemon that runs under another program does not end with that.
    fn drop(&mut self) {
        if let Ok(Some(status)) = netfilterd::status::read(std::path::Path::new(&self.status)) {
            let _ = kill(Pid::from_raw(status.pid as i32), Signal::SIGKILL);
        }
    }
}

/// What both foes of a [`super::Wire`] are in.
pub const FOES: &str = "198.51.100.0/24\n2001:db8:bad::/48\n";
