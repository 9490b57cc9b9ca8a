//! Folders and files of a test's own.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::unique;

/// A folder that is removed with everything in it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique());
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file with this content, as an argument for `--file`.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The arguments, with files of the test's own in `folder` where netfilterd would otherwise use the
/// machine's. Each call has a new state file: nothing is known to be in force.
pub(crate) fn with_files(arguments: &[&str], folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
    let command = arguments.first().filter(|first| !first.starts_with('-')).unwrap_or(&"run");
    let mut add = |option: &str| {
        if !arguments.contains(&option) {
            let file = folder.join(format!("{}{option}", unique()));
            all.extend([option.to_string(), file.to_str().unwrap().to_string()]);
        }
    };
    if ["run", "load", "check"].contains(command) && !arguments.contains(&"--help") {
        add("--state-file");
    }
    if *command == "run" {
        add("--status-file");
    }
    all
}

/// A path with bytes that are no text.
pub fn odd_path(folder: &Folder, name: &[u8]) -> PathBuf {
    folder.path().join(std::ffi::OsStr::from_bytes(name))
}
