//! Files that a reader finds as they were or as they are, never in part.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why a file was not replaced. What was there before still is.
#[derive(Debug)]
pub struct ReplaceError {
    /// What failed.
    pub step: Step,
    /// What it failed for: the folder, the new file, or the one to be replaced.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A step of replacing a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Making the folder, which is not there.
    MakeFolder,
    /// Writing the new file beside the one that it is for.
    Write,
    /// Giving it the name of the old one.
    Rename,
}

impl Step {
    fn of(self, path: &Path) -> impl FnOnce(io::Error) -> ReplaceError {
        move |source| ReplaceError { step: self, path: path.to_path_buf(), source }
    }
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            Step::MakeFolder => "cannot make folder",
            Step::Write => "cannot write",
            Step::Rename => "cannot replace",
        };
        write!(f, "{what} {}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for ReplaceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<ReplaceError> for io::Error {
    /// Of the same kind, with the whole error inside.
    fn from(error: ReplaceError) -> Self {
        io::Error::new(error.source.kind(), error)
    }
}

/// The folder of a file, which is made if it is not there.
pub fn folder_of(path: &Path) -> Result<PathBuf, ReplaceError> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Step::MakeFolder.of(folder))?;
    Ok(folder.to_path_buf())
}

/// Puts a new file with `content` in place of `path`. The new one is written beside it, under its
/// name with `.new` behind; on a failure nothing of it is left.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), ReplaceError> {
    replace_by(fs::OpenOptions::new().mode(0o666), path, content)
}

/// The same, with a file that only its owner can read.
pub fn replace_private(path: &Path, content: &[u8]) -> Result<(), ReplaceError> {
    replace_by(fs::OpenOptions::new().mode(0o600), path, content)
}

fn replace_by(
    options: &mut fs::OpenOptions,
    path: &Path,
    content: &[u8],
) -> Result<(), ReplaceError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    // What is there was left by a process that was killed, or is a link of another user's, which
    // must not be followed. If it is neither and stays, the new file cannot be created, which is an
    // error.
    let _ = fs::remove_file(&aside);
    let replaced = options
        .write(true)
        .create_new(true)
        .open(&aside)
        .and_then(|mut file| file.write_all(content))
        .map_err(Step::Write.of(&aside))
        .and_then(|()| fs::rename(&aside, path).map_err(Step::Rename.of(path)));
    if replaced.is_err() {
        // That it could not be written is the error; that there is nothing to remove is none.
        let _ = fs::remove_file(&aside);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is removed with everything in it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_link_in_the_place_of_the_new_file_is_not_followed() {
        let folder = Folder::new("replace-link");
        let (path, other) = (folder.0.join("file"), folder.0.join("other"));
        fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, folder.0.join("file.new")).unwrap();
        replace(&path, b"ours").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
        assert!(!folder.0.join("file.new").exists());
    }

    #[test]
    fn a_failure_says_what_failed_and_leaves_nothing_behind() {
        let folder = Folder::new("replace-failure");
        let path = folder.0.join("file");
        // Neither a file nor a link, so it stays.
        fs::create_dir(folder.0.join("file.new")).unwrap();
        let error = replace(&path, b"new").unwrap_err();
        assert_eq!((error.step, error.path), (Step::Write, folder.0.join("file.new")));
        fs::remove_dir(folder.0.join("file.new")).unwrap();

        fs::create_dir_all(path.join("in it")).unwrap();
        let error = replace(&path, b"new").unwrap_err();
        assert_eq!((error.step, error.path), (Step::Rename, path));
        assert!(!folder.0.join("file.new").exists());

        fs::write(folder.0.join("taken"), "").unwrap();
        let below = folder.0.join("taken/below");
        let error = folder_of(&below.join("file")).unwrap_err();
        assert_eq!((error.step, &error.path), (Step::MakeFolder, &below));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotADirectory);
    }
}
