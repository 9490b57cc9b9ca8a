//! Files that a reader finds as they were or as they are, never in part.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The folder of a file, which is made if it is not there.
pub fn folder_of(path: &Path) -> io::Result<PathBuf> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    Ok(folder.to_path_buf())
}

/// Puts a new file with `content` in place of `path`. The new one is written beside it, under its
/// name with `.new` behind; on a failure nothing of it is left.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    // What is there was left by a process that was killed, or is a link of somebody's, which must not
    // be followed. If it is neither and stays, it cannot be created, which is told.
    let _ = fs::remove_file(&aside);
    let replaced = fs::File::create_new(&aside)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&aside, path));
    if replaced.is_err() {
        // That it could not be written is told; that there is nothing to remove is not.
        let _ = fs::remove_file(&aside);
    }
    replaced
}
