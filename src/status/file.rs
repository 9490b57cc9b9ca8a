//! The file of a status: the daemon replaces it, and `netfilterd status` reads it.

use std::fs;
use std::io;
use std::path::Path;

use super::Status;
use crate::error::Error;
use crate::sys;
use crate::sys::replace::{OwnFile, folder_of};

/// What every status file begins with: [`Status::version`] is its first key.
const BEGINNING: &[u8] = b"{\"version\":\"";

/// The file of a daemon's status. The file is removed when this value is dropped.
pub struct File<'a> {
    path: &'a Path,
    /// The status in the file. An equal status is not written again.
    written: Option<Status>,
    /// Whether the last write failed. Only the first of several failures is logged.
    failing: bool,
}

impl<'a> File<'a> {
    /// A file that has not been written yet.
    pub fn new(path: &'a Path) -> Self {
        File { path, written: None, failing: false }
    }

    fn own(&self) -> OwnFile<'a> {
        // `status` is for every user.
        OwnFile { path: self.path, mode: 0o644, is_ours: |head| head.starts_with(BEGINNING) }
    }

    /// Whether the last write failed, so that the file may hold an old status.
    pub fn is_failing(&self) -> bool {
        self.failing
    }

    /// Replaces the file, so that a reader finds the old status or the new one. Returns whether the
    /// status has changed. A failure is logged, and the daemon goes on without the file.
    pub fn write(&mut self, status: &Status) -> bool {
        if self.written.as_ref() == Some(status) {
            return false;
        }
        let written = folder_of(self.path)
            .map_err(io::Error::from)
            .and_then(|_| Ok(self.own().replace(&serde_json::to_vec(status)?)?));
        match written {
            Ok(()) => {
                self.written = Some(status.clone());
                self.failing = false;
            }
            Err(error) if !self.failing => {
                log::warn!(
                    "cannot write status file {}: {error}; netfilterd status does not find this \
                     daemon: give --status-file a path that netfilterd can write to",
                    self.path.display()
                );
                self.failing = true;
            }
            Err(_) => {}
        }
        true
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        if self.written.is_some() {
            if let Err(error) = self.own().remove() {
                log::debug!("status file: {error}");
            }
        }
    }
}

/// The status in a status file, and whether its daemon still runs.
pub struct Found {
    /// The status as the daemon wrote it last.
    pub status: Status,
    /// Whether the daemon runs. One that was killed leaves its file.
    pub is_running: bool,
}

/// Reads the status file `path`; `None` if there is none, because no daemon runs.
pub fn find(path: &Path) -> Result<Option<Found>, Error> {
    let failed = |source| Error::StatusFile { path: path.to_path_buf(), source };
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(failed)?,
    };
    let status: Status = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
    let is_running = match status.start {
        Some(start) => sys::start_of(status.pid) == Some(start),
        None => sys::is_netfilterd(&status.pid.to_string()),
    };
    Ok(Some(Found { status, is_running }))
}

/// Reads the status of the daemon whose status file is `path`; `None` if no such daemon runs.
pub fn read(path: &Path) -> Result<Option<Status>, Error> {
    Ok(find(path)?.filter(|found| found.is_running).map(|found| found.status))
}
