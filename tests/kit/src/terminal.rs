//! Programs at a terminal of their own, and what they show there.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Background, Folder, awaited, needs, program};

/// What clears the line that the cursor is in.
pub const CLEAR: &str = "\x1b[2K";

/// A shell command at a terminal; killed when this is dropped.
pub struct AtTerminal {
    script: Background,
    screen: PathBuf,
    pid: PathBuf,
    _folder: Folder,
}

impl AtTerminal {
    /// Starts it by a command of `script`, which may be that of a namespace.
    #[track_caller]
    pub fn start(mut script: Command, command: &str) -> Self {
        needs(&["script"]);
        let folder = Folder::new();
        let screen = folder.path().join("screen");
        let pid = folder.path().join("pid");
        let command = format!("echo $$ >{}; {command}", pid.display());
        script.env("TERM", "xterm").env("SSH_CONNECTION", "");
        script.args(["-qefc", &command]).arg(&screen).stdin(Stdio::null()).stdout(Stdio::null());
        let script = Background(script.spawn().unwrap());
        AtTerminal { script, screen, pid, _folder: folder }
    }

    /// Starts netfilterd, which is then held at a system call, as these options of strace say, until
    /// it is [released](Self::release).
    #[track_caller]
    pub fn start_held(script: Command, at: &str, arguments: &str) -> Self {
        needs(&["strace"]);
        let program = program();
        // -D: the shell becomes netfilterd, and not strace.
        Self::start(script, &format!("exec strace -D -qq -o /dev/null {at} {program} {arguments}"))
    }

    /// Lets a program go on that is held.
    #[track_caller]
    pub fn release(&self) {
        let tracer = awaited(|| "nothing holds it".into(), || self.tracer());
        kill(tracer, Signal::SIGKILL).unwrap();
    }

    /// The strace that holds it.
    fn tracer(&self) -> Option<Pid> {
        let pid = fs::read_to_string(&self.pid).ok()?;
        let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).ok()?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
        tracer.trim().parse().ok().filter(|tracer| *tracer != 0).map(Pid::from_raw)
    }

    /// All that was written to the terminal until now.
    pub fn written(&self) -> String {
        let written = fs::read(&self.screen).unwrap_or_default();
        let written = String::from_utf8_lossy(&written);
        // The first line is of `script` itself, and so is the last one.
        let (_, written) = written.split_once('\n').unwrap_or_default();
        let written = written.split("\nScript done on ").next().unwrap();
        written.replace("\r\n", "\n")
    }

    /// Waits until something is shown.
    #[track_caller]
    pub fn wait_for(&self, shown: &str) {
        // As long as it waits, it shows the same again and again.
        let last = || self.written().rsplit(CLEAR).next().unwrap().to_string();
        let missed = || format!("no {shown:?}; the last is {:?}", last());
        awaited(missed, || self.written().contains(shown).then_some(()));
    }

    /// Waits for the end, to the exit status and to all that was written.
    pub fn end(mut self) -> (i32, String) {
        let status = self.script.0.wait().unwrap();
        (status.code().expect("not ended by a signal"), self.written())
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        // The program ends with its terminal as soon as nothing holds it.
        if let Some(tracer) = self.tracer() {
            let _ = kill(tracer, Signal::SIGKILL);
        }
    }
}

/// What stays on the screen of all that was written there.
#[track_caller]
pub fn left_on_screen(written: &str) -> String {
    let mut left = Vec::new();
    for line in written.split('\n') {
        let line = line.rsplit(CLEAR).next().unwrap();
        assert!(!line.contains(['\r', '\x1b']), "{line:?} of {written:?}");
        left.push(line);
    }
    left.join("\n")
}
