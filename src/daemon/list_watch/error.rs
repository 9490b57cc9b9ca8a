//! Why inotify does not report all changes of the lists.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::eventfd::EventFd;

use crate::words::printable;

/// What inotify lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchError {
    /// All instances of this user are in use. Its programs share them.
    Instances,
    /// All watches of this user are in use.
    Watches,
    /// This process may open no further file.
    Descriptors,
    /// Another error.
    Other {
        /// The folder; `None` if no folder is the cause.
        folder: Option<PathBuf>,
        /// The error of the system.
        errno: Errno,
    },
}

impl WatchError {
    /// The cause of an error of inotify_init1(2).
    pub fn of_instance(errno: Errno) -> Self {
        match errno {
            // The kernel has one error for both limits.
            Errno::EMFILE if EventFd::new().is_ok() => WatchError::Instances,
            Errno::EMFILE => WatchError::Descriptors,
            errno => WatchError::Other { folder: None, errno },
        }
    }

    /// The cause of an error of inotify_add_watch(2).
    pub fn of_folder(folder: &Path, errno: Errno) -> Self {
        match errno {
            Errno::ENOSPC => WatchError::Watches,
            errno => WatchError::Other { folder: Some(folder.to_path_buf()), errno },
        }
    }

    /// The cause of an error of reading events.
    pub fn of_events(error: &io::Error) -> Self {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
        WatchError::Other { folder: None, errno }
    }
}

impl fmt::Display for WatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WatchError::Instances => f.write_str(
                "all inotify instances of this user are in use; raise fs.inotify.max_user_instances",
            ),
            WatchError::Watches => f.write_str(
                "all inotify watches of this user are in use; raise fs.inotify.max_user_watches",
            ),
            WatchError::Descriptors => f.write_str(
                "the process may open no further file; raise the limit of open files",
            ),
            WatchError::Other { folder: Some(folder), errno } => {
                write!(f, "inotify cannot watch {}: {}", printable(folder), errno.desc())
            }
            WatchError::Other { folder: None, errno } => write!(f, "inotify: {}", errno.desc()),
        }
    }
}
