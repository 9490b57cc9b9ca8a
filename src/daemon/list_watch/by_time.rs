//! Changes of lists by looking at them from time to time.
//!
//! Needs no event, so it also sees what another host writes to a network file system.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How often a list that is different at each look is looked at before it counts as changed.
const LOOKS: u32 = 10;

/// The lists as they were at the last look.
pub struct TimeWatch {
    /// As they were when they last counted as changed.
    known: Versions,
    /// As they were at the last look, if that was different, and how many such looks there were.
    unsettled: Option<(Versions, u32)>,
}

/// What a look at the lists has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The same as before.
    Same,
    /// A change. The file may still be written to, so it has to be looked at again soon.
    Unsettled,
    /// A change that was there at the last look already.
    Changed,
}

/// Each file with what changes when it is written to or replaced; `None` if it cannot be found.
type Versions = Vec<(PathBuf, Option<Version>)>;

/// Device, inode, size, and the times of the last write and of the last change of the inode. Of what
/// is no regular file, only the first two.
type Version = (u64, u64, Option<(u64, (i64, i64), (i64, i64))>);

impl TimeWatch {
    /// Looks at these lists for the first time.
    pub fn new(paths: &[PathBuf]) -> Self {
        TimeWatch { known: versions(paths), unsettled: None }
    }

    /// Looks at the lists.
    pub fn look(&mut self, paths: &[PathBuf]) -> Look {
        let now = versions(paths);
        if now == self.known {
            self.unsettled = None;
            return Look::Same;
        }
        let (before, looks) = self.unsettled.take().unzip();
        let looks = looks.unwrap_or(0) + 1;
        if before.as_ref() == Some(&now) || looks > LOOKS {
            self.known = now;
            return Look::Changed;
        }
        self.unsettled = Some((now, looks));
        Look::Unsettled
    }
}

fn versions(paths: &[PathBuf]) -> Versions {
    let mut versions = Vec::new();
    for path in paths {
        let Ok(items) = path.read_dir() else {
            versions.push((path.clone(), version(path)));
            continue;
        };
        let items = items.flatten().filter(|item| !is_hidden(&item.file_name()));
        versions.extend(items.map(|item| (item.path(), version(&item.path()))));
    }
    // A folder has no order of its own.
    versions.sort();
    versions
}

fn version(path: &Path) -> Option<Version> {
    let found = path.metadata().ok()?;
    let content = |found: &Metadata| {
        let times = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
        (found.len(), times.0, times.1)
    };
    Some((found.dev(), found.ino(), found.is_file().then(|| content(&found))))
}

/// Whether a file of a folder of lists is none of the lists.
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}
