//! Queue mode in a namespace: rules, a daemon, and what it says of itself.

use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Daemon, Folder, Namespace, awaited, program};

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
        queues.daemon.wait_for_loads(1);
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

    /// The status of the daemon, as `netfilterd status --json` has it.
    #[track_caller]
    pub fn status(&self) -> Value {
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
    pub fn counted(&self, enough: impl Fn(&Counted) -> bool) -> Counted {
        let sum = || Counted::of(self.status()["queues"].as_array().unwrap());
        let missed = || format!("{:?}\n{}", sum(), self.daemon.log());
        awaited(missed, || Some(sum()).filter(&enough))
    }
}

/// The counters of queues, added up.
#[derive(Debug, Default)]
pub struct Counted {
    pub packets: u64,
    pub accepted: u64,
    pub dropped: u64,
    pub unreadable: u64,
    pub malformed: u64,
    pub enobufs: u64,
    /// Where the kernel tells it.
    pub queue_full: Option<u64>,
    pub buffer_full: u64,
    /// The longest of all, in seconds.
    pub longest_wait: f64,
}

impl Counted {
    fn of(queues: &[Value]) -> Self {
        let mut sum = Counted::default();
        for queue in queues {
            let count = |name: &str| queue[name].as_u64().unwrap();
            sum.packets += count("packets");
            sum.accepted += count("accepted");
            sum.dropped += count("dropped");
            sum.unreadable += count("unreadable");
            sum.malformed += count("malformed");
            sum.enobufs += count("enobufs");
            sum.buffer_full += count("buffer_full");
            if let Some(full) = queue["queue_full"].as_u64() {
                sum.queue_full = Some(sum.queue_full.unwrap_or(0) + full);
            }
            sum.longest_wait = sum.longest_wait.max(queue["longest_wait"].as_f64().unwrap());
        }
        sum
    }
}

impl Drop for Queues {
    /// A daemon that runs under another program does not end with that.
    fn drop(&mut self) {
        let status = std::fs::read(&self.status).unwrap_or_default();
        let status: Value = serde_json::from_slice(&status).unwrap_or_default();
        let Some(pid) = status["pid"].as_i64() else { return };
        // A number that is left over may be another program's by now.
        if std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|it| it == "netfilterd\n")
        {
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
        }
    }
}
