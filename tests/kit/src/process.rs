//! Other programs than netfilterd, and what a daemon holds of the machine: memory, descriptors,
//! threads.

use std::fs;
use std::process::{Child, ExitStatus};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Daemon;

/// What a process holds at a moment; memory in KiB, as in smaps_rollup of proc(5).
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// `Rss`: what of its memory is in RAM.
    pub resident: u64,
    /// `Pss`: the same, in which what others map too counts in part.
    pub proportional: u64,
    /// `Anonymous`: what of it is in no file.
    pub anonymous: u64,
    /// Open descriptors.
    pub descriptors: u64,
    pub threads: u64,
}

impl Daemon {
    /// What it holds; `None` if it has ended.
    pub fn usage(&self) -> Option<Usage> {
        let process = format!("/proc/{}", self.pid());
        let rollup = fs::read_to_string(format!("{process}/smaps_rollup")).ok()?;
        let kibibytes = |name: &str| {
            let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let count = |folder: &str| {
            let files = fs::read_dir(format!("{process}/{folder}")).ok()?;
            Some(files.count() as u64)
        };
        Some(Usage {
            resident: kibibytes("Rss")?,
            proportional: kibibytes("Pss")?,
            anonymous: kibibytes("Anonymous")?,
            descriptors: count("fd")?,
            threads: count("task")?,
        })
    }

    /// How it has ended, if it has.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }
}

/// A program that is killed when this is dropped; with its group, if it has one of its own.
pub struct Background(pub Child);

impl Drop for Background {
    fn drop(&mut self) {
        // Its number is its own until somebody has waited for it.
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = killpg(Pid::from_raw(self.0.id() as i32), Signal::SIGKILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
