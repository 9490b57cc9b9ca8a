//! A file with the daemon's process id, locked as long as the daemon lives.
//!
//! The lock, not the number, shows whether a daemon runs: a number may be left from a crash, or belong
//! to another process by now.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::sys;

/// Its permissions. Whoever may open the file may lock it, and so keep a daemon from starting.
const MODE: u32 = 0o600;

/// The most bytes that a process id and its line end have.
const MOST: u64 = 11;

/// The process id in a file, empty if nothing has been written yet; `None` if the file holds something
/// else.
fn read(file: &mut File) -> std::io::Result<Option<String>> {
    let mut content = Vec::new();
    file.take(MOST + 1).read_to_end(&mut content)?;
    let number = content.trim_ascii_end();
    let is_number = content.len() as u64 <= MOST && number.iter().all(u8::is_ascii_digit);
    Ok(is_number.then(|| number.iter().map(|digit| char::from(*digit)).collect()))
}

/// A locked pid file. The file is removed when this value is dropped.
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Creates and locks the file and writes the process id to it. Fails if another daemon holds the lock,
    /// or if the file holds anything but a process id.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::PidFile { path: path.to_path_buf(), source };
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                // Whoever can open a file can lock it.
                .mode(MODE)
                // Does not follow a link, which another user may have made, nor wait for the reader of a
                // FIFO.
                .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
                .open(path)
                .map_err(failed)?;
            let opened = file.metadata().map_err(failed)?;
            let content = if opened.is_file() { read(&mut file).map_err(failed)? } else { None };
            let Some(pid) = content else {
                return Err(Error::NoPidFile { path: path.to_path_buf() });
            };
            if !sys::try_lock(&file).map_err(failed)? {
                if opened.mode() & 0o777 == MODE || sys::is_netfilterd(&pid) {
                    return Err(Error::AnotherDaemon { path: path.to_path_buf(), pid });
                }
                // An older netfilterd left a file that every user can open, and one of them locked it.
                log::warn!(
                    "pid file {} was locked by a process that is no netfilterd; replacing the file",
                    path.display()
                );
                std::fs::remove_file(path).map_err(failed)?;
                continue;
            }
            // A daemon that is stopping may have removed the file between opening and locking.
            match path.metadata() {
                Ok(now) if now.dev() == opened.dev() && now.ino() == opened.ino() => {}
                _ => continue,
            }
            file.set_permissions(Permissions::from_mode(MODE)).map_err(failed)?;
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
