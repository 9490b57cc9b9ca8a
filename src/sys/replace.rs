//! Files that a reader finds as they were or as they are, never in part.
//!
//! Only a file that netfilterd has written is replaced. Options name these files, and a slip of the pen
//! must not cost anybody a list.

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
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
    /// Looking at the file to be replaced.
    Look,
    /// Recognising it as a file of netfilterd's.
    Recognise,
    /// Writing the new file beside the one that it is for.
    Write,
    /// Giving it the name of the old one.
    Rename,
    /// Removing it.
    Remove,
}

impl Step {
    fn of(self, path: &Path) -> impl FnOnce(io::Error) -> ReplaceError {
        move |source| ReplaceError { step: self, path: path.to_path_buf(), source }
    }
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            Step::Recognise => {
                return write!(f, "{} {}", self.path.display(), self.source);
            }
            Step::MakeFolder => "cannot make folder",
            Step::Look => "cannot look at",
            Step::Write => "cannot write",
            Step::Rename => "cannot replace",
            Step::Remove => "cannot remove",
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
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(Step::MakeFolder.of(folder))?;
    Ok(folder.to_path_buf())
}

/// A file that netfilterd writes and replaces.
#[derive(Clone, Copy, Debug)]
pub struct OwnFile<'a> {
    /// Its path.
    pub path: &'a Path,
    /// Its permissions, of which the process's umask may take some away.
    pub mode: u32,
    /// Whether a file that begins with these bytes, at most [`HEAD`], is one that netfilterd wrote.
    pub is_ours: fn(&[u8]) -> bool,
}

/// How much of a file is looked at to recognise it, in bytes.
pub const HEAD: u64 = 256;

impl OwnFile<'_> {
    /// Puts a new file with `content` in its place. The new one is written beside it, under a hidden
    /// name of its own; on a failure nothing of it is left.
    ///
    /// Fails if something is there that netfilterd did not write, and leaves it as it is. An empty file
    /// is one that somebody made for netfilterd to write to.
    pub fn replace(&self, content: &[u8]) -> Result<(), ReplaceError> {
        let OwnFile { path, mode, .. } = *self;
        self.recognise()?;
        let aside = aside(path);
        // What is there was left by a process that was killed, or is a link of another user's, which
        // must not be followed. If it is neither and stays, the new file cannot be created, which is an
        // error.
        let _ = fs::remove_file(&aside);
        let created = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&aside);
        let replaced = created
            .and_then(|mut file| file.write_all(content))
            .map_err(Step::Write.of(&aside))
            .and_then(|()| fs::rename(&aside, path).map_err(Step::Rename.of(path)));
        if replaced.is_err() {
            // That it could not be written is the error; that there is nothing to remove is none.
            let _ = fs::remove_file(&aside);
        }
        replaced
    }

    /// Removes the file, unless something is there that netfilterd did not write.
    pub fn remove(&self) -> Result<(), ReplaceError> {
        self.recognise()?;
        fs::remove_file(self.path).map_err(Step::Remove.of(self.path))
    }

    fn recognise(&self) -> Result<(), ReplaceError> {
        let other = |what| Err(Step::Recognise.of(self.path)(io::Error::other(what)));
        let looked_at = match self.path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            looked_at => looked_at.map_err(Step::Look.of(self.path))?,
        };
        if looked_at.is_symlink() {
            return other("is a link, which is not replaced");
        }
        if !looked_at.is_file() {
            return other("is not a regular file");
        }
        let mut head = Vec::new();
        // Nothing that came there since can hold up the process, or be followed.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(self.path)
            .and_then(|file| file.take(HEAD).read_to_end(&mut head))
            .map_err(Step::Look.of(self.path))?;
        // A file that was written just before a power failure may have its length and only zeros.
        if head.iter().all(|byte| *byte == 0) || (self.is_ours)(&head) {
            return Ok(());
        }
        other("was not written by netfilterd, and is not replaced")
    }
}

/// The name under which a new file is written: beside the old one, hidden, and of no other program.
fn aside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".netfilterd-new");
    path.with_file_name(name)
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

    fn own(path: &Path) -> OwnFile<'_> {
        OwnFile { path, mode: 0o644, is_ours: |head| head.starts_with(b"ours") }
    }

    #[test]
    fn what_netfilterd_did_not_write_is_not_replaced() {
        let folder = Folder::new("replace-other");
        let (path, link) = (folder.0.join("file"), folder.0.join("link"));
        std::os::unix::fs::symlink("file", &link).unwrap();
        for (before, replaced) in
            [("", true), ("\0\0", true), ("ours, of before", true), ("192.0.2.1\n", false)]
        {
            fs::write(&path, before).unwrap();
            let error = own(&link).replace(b"ours").unwrap_err();
            assert_eq!((error.step, &error.path), (Step::Recognise, &link));
            match own(&path).replace(b"ours") {
                Ok(()) => assert!(replaced, "{before}"),
                Err(error) => assert!(!replaced && error.step == Step::Recognise, "{error}"),
            }
            let after = if replaced { "ours" } else { before };
            assert_eq!(fs::read_to_string(&path).unwrap(), after);
        }
        let error = own(Path::new("/dev/null")).replace(b"ours").unwrap_err();
        assert_eq!(error.to_string(), "/dev/null is not a regular file");
    }

    #[test]
    fn the_new_file_takes_the_name_of_no_file_of_another_program() {
        let folder = Folder::new("replace-name");
        fs::write(folder.0.join("file.new"), "theirs").unwrap();
        own(&folder.0.join("file")).replace(b"ours").unwrap();
        assert_eq!(fs::read_to_string(folder.0.join("file.new")).unwrap(), "theirs");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 2);
    }

    #[test]
    fn a_link_in_the_place_of_the_new_file_is_not_followed() {
        let folder = Folder::new("replace-link");
        let (path, other) = (folder.0.join("file"), folder.0.join("other"));
        fs::write(&other, "theirs").unwrap();
        std::os::unix::fs::symlink(&other, aside(&path)).unwrap();
        own(&path).replace(b"ours").unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "theirs");
        assert_eq!(fs::read_to_string(&path).unwrap(), "ours");
        assert!(!aside(&path).exists());
    }

    #[test]
    fn a_failure_says_what_failed_and_leaves_nothing_behind() {
        let folder = Folder::new("replace-failure");
        let path = folder.0.join("file");
        // Neither a file nor a link, so it stays.
        fs::create_dir(aside(&path)).unwrap();
        let error = own(&path).replace(b"new").unwrap_err();
        assert_eq!((error.step, error.path), (Step::Write, aside(&path)));
        fs::remove_dir(aside(&path)).unwrap();

        fs::create_dir(&path).unwrap();
        let error = own(&path).replace(b"new").unwrap_err();
        assert_eq!((error.step, &error.path), (Step::Recognise, &path));
        assert!(!aside(&path).exists());

        fs::write(folder.0.join("taken"), "").unwrap();
        let below = folder.0.join("taken/below");
        let error = folder_of(&below.join("file")).unwrap_err();
        assert_eq!((error.step, &error.path), (Step::MakeFolder, &below));
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotADirectory);
    }
}
