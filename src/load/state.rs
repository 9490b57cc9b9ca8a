//! What was in force when a load last succeeded, kept for the next process.
//!
//! One file for all targets of the host, each under its own key. It only serves a guard, so nothing
//! that is wrong with it is a failure.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sys;
use crate::sys::replace::{folder_of, replace};

/// For how long another process may hold the file; it needs a millisecond.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// What the file holds.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// By target.
    pub targets: BTreeMap<String, Target>,
}

/// One target.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// How many networks were in force.
    pub networks: u64,
}

impl State {
    /// Reads what [`File`] writes.
    pub fn parse(text: &[u8]) -> io::Result<Self> {
        Ok(serde_json::from_slice(text)?)
    }
}

/// The part of a state file that is about one target.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    key: String,
    /// What is in it, as far as this process knows; the file is not written to say the same again.
    written: Option<u64>,
    /// Whether the last attempt to write failed, which is told once.
    failing: bool,
}

impl File {
    /// The part of the file at `path` that is about the target `key`.
    pub fn new(path: &Path, key: String) -> Self {
        File { path: path.to_path_buf(), key, written: None, failing: false }
    }

    /// How many networks were in force, if that is known.
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

    /// Takes note that so many networks are in force.
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
        // Released when it is closed. What another process wrote meanwhile about its own target
        // would be lost without it; but nothing worse.
        let lock = fs::File::open(folder)?;
        for _ in 0..TRIES {
            if sys::try_lock(&lock)? {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        // What cannot be read was told when it was read, and is of no use to anybody.
        let mut state = self.read().unwrap_or_default();
        state.targets.insert(self.key.clone(), Target { networks });
        Ok(replace(&self.path, &serde_json::to_vec(&state)?)?)
    }
}
