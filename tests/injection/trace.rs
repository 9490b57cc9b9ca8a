//! strace(1): which system calls there are, and one that fails.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kit::{Folder, awaited};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::matrix::Fault;

/// The first system call of `main`: what stands before it is the loader's and the language's, which end
/// the process or go on without us.
const BORDER: &str = "rt_sigprocmask(SIG_BLOCK, [HUP]";

/// The lines that strace wrote of each call, by thread, in order; how many stood before the border.
#[derive(Debug, Default)]
pub struct Calls(pub BTreeMap<String, Occurrences>);

/// Where a call occurs.
#[derive(Debug, Default)]
pub struct Occurrences {
    /// The number of the first that is netfilterd's own.
    pub first: usize,
    /// By number, from 1 on, the lines of all threads.
    pub lines: BTreeMap<usize, Vec<String>>,
}

impl Calls {
    /// What a file of `strace -f -y` has. With `from_main` what stands before the border is not counted
    /// among netfilterd's own.
    pub fn read(path: &Path, from_main: bool) -> Self {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let mut calls = Calls::default();
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut before = from_main;
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(' ') else { continue };
            let rest = rest.trim_start();
            before &= !rest.starts_with(BORDER);
            // Not: signals, exits, and the second halves of calls that were interrupted by another line.
            let Some((name, _)) = rest.split_once('(') else { continue };
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                continue;
            }
            let count = counts.entry((thread, name)).or_default();
            *count += 1;
            let occurrences = calls.0.entry(name.to_string()).or_default();
            if before {
                occurrences.first = *count + 1;
            } else {
                occurrences.lines.entry(*count).or_default().push(rest.to_string());
            }
        }
        calls
    }
}

/// The arguments of strace for a fault, or for a look at all calls; its lines go to `log`. The process
/// may outlive it if it `stays`.
pub fn arguments(fault: Option<&Fault>, log: &Path, stays: bool) -> Vec<String> {
    let mut all = vec!["-f".to_string(), "-o".to_string(), log.to_str().unwrap().to_string()];
    match fault {
        None => all.push("-y".to_string()),
        Some(fault) => {
            all.extend(["-e".to_string(), format!("trace={}", fault.call)]);
            all.extend(["-e".to_string(), fault.expression()]);
            if !stays {
                // Other calls are not stopped at; it cannot be detached from a process then.
                all.push("--seccomp-bpf".to_string());
            }
        }
    }
    all
}

/// Whether a fault was injected, by the lines of strace.
pub fn was_injected(log: &Path) -> bool {
    String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).contains("(INJECTED)")
}

/// A strace that is attached to a process, until it is dropped.
pub struct Attached {
    child: Child,
    log: PathBuf,
    _folder: Folder,
}

impl Attached {
    /// Attaches to all threads of a process.
    #[track_caller]
    pub fn to(pid: u32, fault: Option<&Fault>) -> Self {
        let folder = Folder::new();
        let log = folder.path().join("trace");
        let mut command = Command::new("strace");
        command.args(arguments(fault, &log, true)).args(["-p", &pid.to_string()]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // One line for each thread; with the first all that there were are attached.
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains(" attached"), "{line}");
        Attached { child, log, _folder: folder }
    }

    /// The file of its lines.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Detaches, and waits until it has.
    #[track_caller]
    pub fn detach(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT);
        awaited(|| "strace goes on".to_string(), || self.child.try_wait().unwrap());
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // Not KILL: the traced process would be killed in the middle of a call.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT);
            let _ = self.child.wait();
        }
    }
}
