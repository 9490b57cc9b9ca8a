//! The files of the host, below one root.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// How much is read of a file, in bytes. No resolv.conf is as long, and no utmp with 2,000 logins.
const MOST: u64 = 1 << 20;

/// The files of a host.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// The files below a folder that stands for `/`.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Files { root: root.into() }
    }

    /// Where a file of the host lies.
    pub fn path(&self, file: &Path) -> PathBuf {
        self.root.join(file.strip_prefix("/").unwrap_or(file))
    }

    /// The content of a file; `None` if it does not exist.
    pub fn read(&self, file: &Path) -> io::Result<Option<Vec<u8>>> {
        // A pipe in its place must not have a load wait.
        let opened =
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(self.path(file));
        let mut content = Vec::new();
        let read = opened.and_then(|opened| opened.take(MOST).read_to_end(&mut content));
        found(read.map(|_| content))
    }

    /// The regular files of a folder, and links in it; none if it does not exist. Hidden files are left
    /// out, because programs give such names to files that they are writing.
    pub fn within(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let Some(items) = found(fs::read_dir(self.path(folder)))? else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        for item in items {
            let item = item?;
            let kind = item.file_type()?;
            let is_hidden = item.file_name().as_encoded_bytes().starts_with(b".");
            if !is_hidden && (kind.is_file() || kind.is_symlink()) {
                files.push(folder.join(item.file_name()));
            }
        }
        files.sort();
        Ok(files)
    }
}

/// `None` for what does not exist.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}
