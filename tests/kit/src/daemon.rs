//! Daemons, and what they say of themselves.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::files::with_files;
use crate::{Folder, Namespace, awaited, program};

/// What is in a status file; null where there is none.
pub fn status_in(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_default();
    if text.is_empty() { Value::Null } else { serde_json::from_slice(&text).unwrap() }
}

/// A netfilterd that stays; killed when it is dropped.
///
/// What it did is waited for by its status file, which holds numbers: words of the log may change.
pub struct Daemon {
    pub(crate) child: Child,
    log: PathBuf,
    status: Option<PathBuf>,
    _folder: Folder,
}

impl Daemon {
    /// Starts a daemon and waits until it has loaded.
    #[track_caller]
    pub fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let daemon = Daemon::start_anyhow(namespace, arguments);
        daemon.wait_for_loads(1);
        daemon
    }

    /// Starts one, whose first load may fail.
    pub fn start_anyhow(namespace: &Namespace, arguments: &[&str]) -> Self {
        let arguments = with_files(arguments, namespace.folder.path());
        Daemon::spawn(namespace.command(program()).args(arguments))
    }

    /// Starts one by a command, of whose arguments `--status-file` is one.
    pub fn spawn(command: &mut Command) -> Self {
        let folder = Folder::new();
        let log = folder.path().join("log");
        let file = fs::File::create(&log).unwrap();
        let mut arguments = command.get_args().skip_while(|argument| *argument != "--status-file");
        let status = arguments.nth(1).map(PathBuf::from);
        let child = command.stdin(Stdio::null()).stderr(file).spawn().unwrap();
        Daemon { child, log, status, _folder: folder }
    }

    /// The process id: `ip netns exec` replaces itself by the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. After STOP no thread of the daemon runs any more.
    pub fn signal(&self, signal: &str) {
        let signal = format!("SIG{signal}").parse::<Signal>().unwrap();
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
        while signal == Signal::SIGSTOP && !self.is_stopped() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_stopped(&self) -> bool {
        fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().all(|thread| {
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            // Behind the name, which may hold anything, stands the state.
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        })
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until `fragment` stands in so many lines of the log.
    #[track_caller]
    pub fn wait_for(&self, fragment: &str, times: usize) {
        self.wait_for_line(&[fragment], times);
    }

    /// Waits until so many lines of the log name all of these, to the last of them.
    #[track_caller]
    pub fn wait_for_line(&self, names: &[&str], times: usize) -> String {
        let missed = || format!("no line with {names:?} ({times}) in {}", self.log());
        awaited(missed, || self.lines(names).into_iter().nth(times - 1))
    }

    /// The lines of the log that name all of these.
    pub fn lines(&self, names: &[&str]) -> Vec<String> {
        let log = self.log();
        let lines = log.lines().filter(|line| names.iter().all(|name| line.contains(name)));
        lines.map(str::to_string).collect()
    }

    /// What is in the status file; null where there is none.
    pub fn status(&self) -> Value {
        status_in(self.status.as_ref().expect("a daemon with a --status-file"))
    }

    /// Waits until the status is such, to that.
    #[track_caller]
    pub fn wait_for_status(&self, is_so: impl Fn(&Value) -> bool) -> Value {
        let missed = || format!("{:#}\n{}", self.status(), self.log());
        awaited(missed, || {
            let status = self.status();
            assert!(is_so(&status) || !self.has_ended(), "it has ended: {}", self.log());
            is_so(&status).then_some(status)
        })
    }

    /// Waits until so many loads went well, to what the status says is in force.
    #[track_caller]
    pub fn wait_for_loads(&self, times: u64) -> Value {
        let loads = |status: &Value| status["totals"]["loads"].as_u64().unwrap_or(0);
        self.wait_for_status(|status| loads(status) >= times)["loaded"].take()
    }

    /// Loads that went well until now.
    pub fn loads(&self) -> u64 {
        self.status()["totals"]["loads"].as_u64().unwrap_or(0)
    }

    /// Waits until so many loads have failed or were refused, which each left what was in force, to
    /// what the status says of the last of them.
    #[track_caller]
    pub fn wait_for_failures(&self, times: u64) -> Value {
        let failures = |status: &Value| {
            let of_kind = |kind: &str| status["totals"][kind].as_u64().unwrap_or(0);
            of_kind("failures") + of_kind("refusals")
        };
        self.wait_for_status(|status| failures(status) >= times)["failed"].take()
    }

    /// Waits until what others had changed was repaired so many times, to what the status says of it.
    #[track_caller]
    pub fn wait_for_repairs(&self, times: u64) -> Value {
        let repairs = |status: &Value| status["repairs"]["count"].as_u64().unwrap_or(0);
        self.wait_for_status(|status| repairs(status) >= times)["repairs"].take()
    }

    /// What the last load added and removed.
    pub fn change(&self) -> (u64, u64) {
        let loaded = &self.status()["loaded"];
        (loaded["added"].as_u64().unwrap(), loaded["removed"].as_u64().unwrap())
    }

    /// Whether it has ended, and nobody has asked for its status yet.
    pub fn has_ended(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        stat.contains(") Z ")
    }

    /// Ends the daemon by a signal, to its exit status.
    #[track_caller]
    pub fn end(mut self, signal: &str) -> i32 {
        self.signal(signal);
        self.wait()
    }

    /// Waits for the daemon to end by itself, to its exit status.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        self.ended().code().expect("not ended by a signal")
    }

    /// Waits for the daemon to be killed by somebody.
    #[track_caller]
    pub fn wait_until_killed(&mut self) {
        let status = self.ended();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}: {}", self.log());
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let log = self.log.clone();
        let missed = || format!("still running: {}", fs::read_to_string(&log).unwrap());
        awaited(missed, || self.child.try_wait().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
