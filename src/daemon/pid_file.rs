//! A file with the daemon's process id, locked as long as the daemon lives.
//!
//! The lock, not the number, shows whether a daemon runs: a number may be left from a crash, or belong
//! to another process by now.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::sys;

/// A locked pid file. The file is removed when this value is dropped.
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Creates and locks the file and writes the process id to it. Fails if another daemon holds the lock.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::PidFile { path: path.to_path_buf(), source };
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o644)
                // Does not follow a link, which another user may have made.
                .custom_flags(libc::O_NOFOLLOW)
                .open(path)
                .map_err(failed)?;
            if !file.metadata().map_err(failed)?.is_file() {
                return Err(Error::NoPidFile { path: path.to_path_buf() });
            }
            if !sys::try_lock(&file).map_err(failed)? {
                let mut pid = String::new();
                // Only the message needs it.
                let _ = file.read_to_string(&mut pid);
                return Err(Error::AnotherDaemon { path: path.to_path_buf(), pid });
            }
            // A daemon that is stopping may have removed the file between opening and locking.
            let locked = file.metadata().map_err(failed)?;
            match path.metadata() {
                Ok(now) if now.dev() == locked.dev() && now.ino() == locked.ino() => {}
                _ => continue,
            }
            let pid_file = PidFile { path: path.to_path_buf(), file };
            pid_file.write().map_err(failed)?;
            return Ok(pid_file);
        }
    }

    fn write(&self) -> std::io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            log::debug!("pid file {}: {error}", self.path.display());
        }
    }
}
