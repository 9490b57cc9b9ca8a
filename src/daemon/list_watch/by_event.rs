//! Changes of lists by inotify(7).
//!
//! A list has changed when a file was renamed into its place, when a program that wrote to it has
//! closed it, or when it was removed; not while a program writes to it. Every name of its path is
//! watched, symbolic links included, so that a replaced folder counts as well.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use super::by_time::is_hidden;
use super::error::WatchError;

/// The most symbolic links that are followed in a path; the kernel has the same limit.
const MOST_LINKS: usize = 40;

/// What leads to a list changes by these; what is written to other files of the folder matters to none.
const NAMES: AddWatchFlags = AddWatchFlags::IN_MOVED_TO
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_CREATE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

/// A list is watched itself, too: its folder receives nothing if it is written by another of its names,
/// or if a single file is mounted there, as in containers.
const WRITES: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE;

/// The watches of some lists. After each change they have to be made anew, because paths may lead
/// elsewhere then.
pub struct EventWatch {
    inotify: Inotify,
    folders: Vec<Folder>,
    finds_all: bool,
}

/// A watched folder, and the names in it that matter; or a watched list, without names.
struct Folder {
    watch: WatchDescriptor,
    path: PathBuf,
    names: Names,
}

/// The names of a folder that matter.
#[derive(Default)]
struct Names {
    /// The names that are, or lead to, a list.
    named: Vec<OsString>,
    /// Whether the folder is a folder of lists, in which all names matter but hidden ones.
    all: bool,
    /// Whether one of the names is a list itself, so that it matters what is written to it.
    has_list: bool,
    /// Whether it is no folder, but a list.
    is_file: bool,
}

impl EventWatch {
    /// Receives changes from now on. `paths` are lists or folders of lists, which need not exist. If
    /// some of their folders cannot be watched, returns the first reason, too.
    pub fn open(paths: &[PathBuf]) -> Result<(Self, Option<WatchError>), WatchError> {
        let Found { folders, mut failed, all: finds_all } = find(paths);
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        let inotify = Inotify::init(flags).map_err(WatchError::of_instance)?;
        let mut watched = Vec::new();
        for (path, names) in folders {
            let is_file = names.is_file;
            let flags = match names {
                _ if is_file => WRITES,
                Names { all: false, has_list: false, .. } => NAMES,
                _ => NAMES | WRITES,
            };
            match inotify.add_watch(&path, flags) {
                Ok(watch) => watched.push(Folder { watch, path, names }),
                // Removed since it was found. The folder above it is watched.
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                // A list that cannot be read is no matter of the watch.
                Err(Errno::EACCES) if is_file => {}
                Err(error) => drop(failed.get_or_insert(WatchError::of_folder(&path, error))),
            }
        }
        Ok((EventWatch { inotify, folders: watched, finds_all }, failed))
    }

    /// Whether each path led to something. A list that appears where none could be found need not cause an
    /// event: a file system is mounted, or a folder may be searched again.
    pub fn finds_all(&self) -> bool {
        self.finds_all
    }

    /// Reads the events that wait. Returns whether a list has changed.
    pub fn changed(&mut self) -> io::Result<bool> {
        let mut changed = false;
        loop {
            match self.inotify.read_events() {
                Ok(events) => changed |= events.iter().any(|event| self.matters(event)),
                Err(Errno::EAGAIN) => return Ok(changed),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn matters(&self, event: &InotifyEvent) -> bool {
        // Events were lost.
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return true;
        }
        let Some(folder) = self.folders.iter().find(|folder| folder.watch == event.wd) else {
            return false;
        };
        // The folder itself was moved or removed, or the list was written.
        let Some(name) = &event.name else { return true };
        let in_source = folder.names.all && !is_hidden(name);
        if !in_source && !folder.names.named.contains(name) {
            return false;
        }
        if event.mask.contains(AddWatchFlags::IN_CREATE) {
            // A new file will be written and closed. A new link or folder is complete.
            return match folder.path.join(name).symlink_metadata() {
                Ok(new) => !new.is_file() || new.nlink() > 1,
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
        }
        true
    }
}

impl AsFd for EventWatch {
    /// Readable when events wait.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// The ways to lists, as they are now.
struct Found {
    /// The folders on them.
    folders: BTreeMap<PathBuf, Names>,
    /// Why some of these may be missing.
    failed: Option<WatchError>,
    /// Whether each path leads to something.
    all: bool,
}

fn find(paths: &[PathBuf]) -> Found {
    let mut folders = BTreeMap::new();
    let (mut failed, mut all) = (None, true);
    for path in paths {
        let place = follow(path, &mut folders).unwrap_or_else(|error| {
            failed.get_or_insert(error);
            None
        });
        let Some(place) = place else {
            all = false;
            continue;
        };
        let items = match place.read_dir() {
            Ok(items) => items,
            Err(error) => {
                failed = failed.or(error_at(&place, &error));
                continue;
            }
        };
        for item in items.flatten() {
            if item.file_type().is_ok_and(|kind| kind.is_symlink()) && !is_hidden(&item.file_name())
            {
                if let Err(error) = follow(&item.path(), &mut folders) {
                    failed.get_or_insert(error);
                }
            }
        }
        folders.entry(place).or_default().all = true;
    }
    Found { folders, failed, all }
}

/// The error of a look at a path; `None` if the error says what is there: nothing, a file where a folder
/// was looked for, or something that netfilterd may not look at, which is no matter of the watch.
fn error_at(path: &Path, error: &io::Error) -> Option<WatchError> {
    match Errno::from_raw(error.raw_os_error()?) {
        Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ELOOP | Errno::ENAMETOOLONG => None,
        errno => Some(WatchError::of_folder(path, errno)),
    }
}

/// Follows `path` and records every name in it. Returns the file that it leads to, if that exists. An
/// error means that it is not known where the path leads.
fn follow(
    path: &Path,
    folders: &mut BTreeMap<PathBuf, Names>,
) -> Result<Option<PathBuf>, WatchError> {
    let failed = |path: &Path, error: io::Error| error_at(path, &error).map_or(Ok(None), Err);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    let path = match std::path::absolute(path) {
        Ok(path) => path,
        Err(error) => return failed(path, error),
    };
    let mut rest: VecDeque<OsString> = steps(&path);
    while let Some(step) = rest.pop_front() {
        if step == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&step);
        let found = next.symlink_metadata();
        let names = folders.entry(at.clone()).or_default();
        names.named.push(step);
        // Of a device, what is written to it does not change it.
        let is_list = found.as_ref().map_or(true, |found| found.is_file());
        names.has_list |= rest.is_empty() && is_list;
        match found {
            Err(error) => return failed(&next, error),
            Ok(found) if found.is_symlink() => {
                links += 1;
                let target = match next.read_link() {
                    Ok(target) => target,
                    Err(error) => return failed(&next, error),
                };
                if links > MOST_LINKS {
                    return Ok(None);
                }
                if target.is_absolute() {
                    at = PathBuf::from("/");
                }
                for step in steps(&target).into_iter().rev() {
                    rest.push_front(step);
                }
            }
            Ok(found) => {
                at = next;
                if rest.is_empty() && found.is_file() {
                    folders.entry(at.clone()).or_default().is_file = true;
                }
            }
        }
    }
    Ok(Some(at))
}

/// The names of a path, `..` among them.
fn steps(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_os_string()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}
