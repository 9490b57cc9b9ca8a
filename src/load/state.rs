//! The state file: how many networks were in force after the last load, for the next process.
//!
//! One file serves all targets of the host, each under its own key. Only `--max-shrink` uses it, so
//! an error of the file is a warning and no load fails because of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sys;
use crate::sys::replace::{OwnFile, folder_of};

/// How often, and with which pauses, to try the lock, which another process holds for a millisecond.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// The content of the file.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The targets by their keys, such as `inet netfilterd` or `queue 0:3`.
    pub targets: BTreeMap<String, Target>,
}

/// What is known of one target.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The number of networks that were in force.
    pub networks: u64,
}

impl State {
    /// Parses the JSON that [`File`] writes.
    pub fn parse(text: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(text)?)
    }
}

/// The part of a state file that belongs to one target.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    key: String,
    /// The number in the file, as far as this process knows. An equal number is not written again.
    written: Option<u64>,
    /// Whether the last write failed. Only the first of several failures is logged.
    failing: bool,
}

impl File {
    /// The part of the file at `path` that belongs to the target `key`.
    pub fn new(path: &Path, key: String) -> Self {
        File { path: path.to_path_buf(), key, written: None, failing: false }
    }

    /// Reads the number of networks in force; `None` if it is not known. An error is logged.
    pub fn networks(&mut self) -> Option<u64> {
        let state = self.read().unwrap_or_else(|error| {
            log::warn!(
                "cannot read state file {}: {error}; --max-shrink does not check this load, after \
                 which the file is replaced",
                self.path.display()
            );
            State::default()
        });
        self.written = state.targets.get(&self.key).map(|target| target.networks);
        self.written
    }

    /// Records that this many networks are in force. An error is logged.
    pub fn remember(&mut self, networks: u64) {
        if self.written == Some(networks) {
            return;
        }
        match self.write(networks) {
            Ok(()) => {
                self.written = Some(networks);
                self.failing = false;
            }
            Err(error) if !self.failing => {
                log::warn!(
                    "cannot write state file {}: {error}; --max-shrink will not check the first load \
                     of the next process: give --state-file a path that netfilterd can write to",
                    self.path.display()
                );
                self.failing = true;
            }
            Err(_) => {}
        }
    }

    fn read(&self) -> io::Result<State> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            result => State::parse(&result?),
        }
    }

    /// Replaces the file, so that a reader sees the old state or the new one.
    fn write(&self, networks: u64) -> io::Result<()> {
        let folder = folder_of(&self.path)?;
        // Released when it is closed. Without the lock the number that another process writes for its
        // own target could be lost, which is why a lock that cannot be had is not an error.
        let lock = fs::File::open(folder)?;
        for _ in 0..TRIES {
            if sys::try_lock(&lock)? {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        // An unreadable file was logged when it was read. It is replaced.
        let mut state = self.read().unwrap_or_default();
        state.targets.insert(self.key.clone(), Target { networks });
        let is_ours = |head: &[u8]| head.starts_with(b"{\"targets\":");
        let file = OwnFile { path: &self.path, mode: 0o644, is_ours };
        Ok(file.replace(&serde_json::to_vec(&state)?)?)
    }
}
