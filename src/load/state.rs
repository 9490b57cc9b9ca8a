//! What was in force after the last load, for the next process.
//!
//! Two files serve all targets of the host, each under its own key. The state file has the number of
//! networks, for people and scripts. The ranges file beside it has what the lists asked for, for
//! `--max-shrink` alone and for a host that has just started. Who deletes the state file has both
//! forgotten. No load fails because of an error of these files: that is a warning.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::encoding::{self, Section};
use crate::policy::remembered::{Past, Remembered};
use crate::sys;
use crate::sys::replace::{OwnFile, folder_of};

/// How often, and with which pauses, to try the lock, which another process holds for a millisecond.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// What the name of the ranges file has behind that of the state file.
const RANGES: &str = ".ranges";

/// What the name of the file that is locked has behind that of the state file. The file is empty.
const LOCK: &str = ".netfilterd-lock";

/// The content of the state file.
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

/// What the files know of a target.
#[derive(Debug, Default)]
pub struct Recalled {
    /// How many networks were in force.
    pub networks: Option<u64>,
    /// What was loaded.
    pub load: Option<Box<Remembered>>,
}

impl Recalled {
    /// The same, as the guards compare with it.
    pub fn past(&self) -> Past<'_> {
        match (&self.load, self.networks) {
            (Some(remembered), _) => Past::Load(remembered),
            (None, Some(networks)) => Past::Networks(networks),
            (None, None) => Past::Unknown,
        }
    }
}

/// The parts of both files that belong to one target.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    ranges: PathBuf,
    key: String,
    /// The number in the state file, as far as this process knows. An equal number is not written again.
    written: Option<u64>,
    /// A digest of what this process has written to the ranges file. The same is not written again.
    saved: Option<u32>,
    /// Whether the last write failed. Only the first of several failures is logged.
    failing: bool,
}

impl File {
    /// The parts of the file at `path`, and of the ranges file beside it, of the target `key`.
    pub fn new(path: &Path, key: String) -> Self {
        let mut ranges = path.as_os_str().to_owned();
        ranges.push(RANGES);
        let (path, ranges) = (path.to_path_buf(), ranges.into());
        File { path, ranges, key, written: None, saved: None, failing: false }
    }

    /// Reads what was in force: how many networks, and what was loaded, if that `is_needed` for so many.
    /// To read it takes a hundredth of a second for a million networks. An error is logged.
    pub fn recall(&mut self, is_needed: impl FnOnce(u64) -> bool) -> Recalled {
        let state = self.read().unwrap_or_else(|error| {
            log::warn!(
                "cannot read state file {}: {error}; --max-shrink does not check this load, which \
                 replaces the file if netfilterd wrote it",
                self.path.display()
            );
            State::default()
        });
        self.written = state.targets.get(&self.key).map(|target| target.networks);
        let networks = self.written;
        if !networks.is_some_and(is_needed) {
            return Recalled { networks, load: None };
        }
        let load = self.read_ranges().unwrap_or_else(|error| {
            log::warn!(
                "cannot read {}: {error}; --max-shrink compares only the numbers of networks, and \
                 counts expired entries as a loss",
                self.ranges.display()
            );
            None
        });
        Recalled { networks, load: load.map(Box::new) }
    }

    /// What was loaded last; `None` if that is not known. An error is logged.
    pub fn remembered(&self) -> Option<Remembered> {
        // Who deletes the state file wants both forgotten.
        if !self.path.exists() {
            return None;
        }
        self.read_ranges().unwrap_or_else(|error| {
            log::warn!("cannot read {}: {error}; nothing is remembered", self.ranges.display());
            None
        })
    }

    /// Records that `remembered` is in force. An error is logged.
    pub fn remember(&mut self, remembered: &Remembered) {
        let body = encoding::encode(remembered);
        let digest = crc32fast::hash(&body);
        let is_saved = self.saved == Some(digest);
        if is_saved && self.written == Some(remembered.networks) {
            return;
        }
        let section = Section { key: self.key.as_bytes(), at: remembered.at, body: &body };
        match self.write(remembered.networks, (!is_saved).then_some(section)) {
            Ok(()) => {
                self.written = Some(remembered.networks);
                self.saved = Some(digest);
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

    fn read_ranges(&self) -> io::Result<Option<Remembered>> {
        let bytes = match fs::read(&self.ranges) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the file is damaged");
        let sections = encoding::sections(&bytes).ok_or_else(damaged)?;
        let ours = sections.iter().find(|section| section.key == self.key.as_bytes());
        let Some(section) = ours else { return Ok(None) };
        encoding::decode(section).ok_or_else(damaged).map(Some)
    }

    /// Replaces the files that differ, so that a reader sees the old state or the new one.
    fn write(&self, networks: u64, section: Option<Section<'_>>) -> io::Result<()> {
        let _lock = self.lock()?;
        if let Some(ours) = section {
            let old = content(&self.ranges)?;
            // A damaged file is replaced; one that cannot be read has what other targets need.
            let mut sections = encoding::sections(&old).unwrap_or_default();
            let has_ours =
                |section: &Section<'_>| (section.key, section.body) == (ours.key, ours.body);
            if !sections.iter().any(has_ours) {
                sections.retain(|section| section.key != ours.key);
                sections.push(ours);
                // Lists may be secret.
                let (mode, is_ours) = (0o600, encoding::is_begin as fn(&[u8]) -> bool);
                let file = OwnFile { path: &self.ranges, mode, is_ours };
                file.replace(&encoding::file_of(&sections))?;
            }
        }
        let mut state = State::parse(&content(&self.path)?).unwrap_or_default();
        let target = Target { networks };
        if state.targets.get(&self.key) == Some(&target) {
            return Ok(());
        }
        state.targets.insert(self.key.clone(), target);
        let is_ours = |head: &[u8]| head.starts_with(b"{\"targets\":");
        let file = OwnFile { path: &self.path, mode: 0o644, is_ours };
        Ok(file.replace(&serde_json::to_vec(&state)?)?)
    }

    /// Takes the lock of both files, which is released when the returned file is closed. Goes on without it
    /// if another process holds it for long: what that process writes for its own target may be lost then,
    /// but nothing waits.
    fn lock(&self) -> io::Result<fs::File> {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(LOCK);
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            // Whoever can open a file can lock it, and so keep others waiting.
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(folder_of(&self.path)?.join(name))?;
        for _ in 0..TRIES {
            if sys::try_lock(&lock)? {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Ok(lock)
    }
}

/// The content of a file; nothing if it does not exist.
fn content(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}
