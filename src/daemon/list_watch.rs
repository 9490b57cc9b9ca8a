//! Receives changes of lists, by inotify(7).
//!
//! A list has changed when a file was renamed into its place, when a program that wrote to it has
//! closed it, or when it was removed; not while a program writes to it. Every name of its path is
//! watched, symbolic links included, so that a replaced folder counts as well.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

/// The most symbolic links that are followed in a path; the kernel has the same limit.
const MOST_LINKS: usize = 40;

/// The watches of some lists. They are renewed after each change, because paths may lead elsewhere then.
pub struct Watch {
    paths: Vec<PathBuf>,
    inotify: Inotify,
    folders: Vec<Folder>,
}

/// A watched folder, and the names in it that matter; or a watched file, without names.
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
}

impl Watch {
    /// Receives changes from now on. `paths` are lists or folders of lists, which need not exist.
    pub fn open(paths: Vec<PathBuf>) -> io::Result<Self> {
        let (inotify, folders) = watch(&paths)?;
        Ok(Watch { paths, inotify, folders })
    }

    /// Reads the events that wait. Returns whether a list has changed.
    pub fn changed(&mut self) -> io::Result<bool> {
        let mut changed = false;
        loop {
            match self.inotify.read_events() {
                Ok(events) => changed |= events.iter().any(|event| self.matters(event)),
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if changed {
            // The paths of the lists may have changed, too. The new watches begin before the lists are
            // read, so that no later change is missed.
            (self.inotify, self.folders) = watch(&self.paths)?;
        }
        Ok(changed)
    }

    fn matters(&self, event: &InotifyEvent) -> bool {
        // Events were lost.
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            return true;
        }
        let Some(folder) = self.folders.iter().find(|folder| folder.watch == event.wd) else {
            return false;
        };
        // The folder itself was moved or removed, or the file was written.
        let Some(name) = &event.name else { return true };
        let in_source = folder.names.all && !is_hidden(name);
        if !in_source && !folder.names.named.contains(name) {
            return false;
        }
        if event.mask.contains(AddWatchFlags::IN_CREATE) {
            // A new file will be written and closed. A new link or folder is complete.
            return match folder.path.join(name).symlink_metadata() {
                Ok(new) => !new.is_file() || new.nlink() > 1,
                Err(_) => false,
            };
        }
        true
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

fn watch(paths: &[PathBuf]) -> io::Result<(Inotify, Vec<Folder>)> {
    let mut folders: BTreeMap<PathBuf, Names> = BTreeMap::new();
    let mut files = Vec::new();
    for path in paths {
        let Some(place) = follow(path, &mut folders)? else { continue };
        let Ok(items) = place.read_dir() else {
            files.push(place);
            continue;
        };
        for item in items.flatten() {
            if item.file_type().is_ok_and(|kind| kind.is_symlink()) && !is_hidden(&item.file_name())
            {
                follow(&item.path(), &mut folders)?;
            }
        }
        folders.entry(place).or_default().all = true;
    }
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    let mut watched = Vec::new();
    let mut add = |path: PathBuf, names, flags| match inotify.add_watch(&path, flags) {
        Ok(watch) => {
            watched.push(Folder { watch, path, names });
            Ok(())
        }
        // Removed since it was found, or not readable. The folder above it is watched.
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) => Ok(()),
        Err(error) => Err(io::Error::from(error)),
    };
    for (path, names) in folders {
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_MOVE_SELF
            | AddWatchFlags::IN_DELETE_SELF
            | AddWatchFlags::IN_ONLYDIR;
        add(path, names, flags)?;
    }
    // The folder receives nothing if a file is written by another of its names, or if it is mounted
    // there: container engines mount single files, /etc/resolv.conf among them.
    for path in files {
        add(path, Names::default(), AddWatchFlags::IN_CLOSE_WRITE)?;
    }
    Ok((inotify, watched))
}

/// Follows `path` and records every name in it. Returns the file that it leads to, if that exists.
fn follow(path: &Path, folders: &mut BTreeMap<PathBuf, Names>) -> io::Result<Option<PathBuf>> {
    let mut at = PathBuf::from("/");
    let mut links = 0;
    let mut rest: VecDeque<OsString> = steps(&std::path::absolute(path)?);
    while let Some(step) = rest.pop_front() {
        if step == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&step);
        let found = next.symlink_metadata();
        folders.entry(at.clone()).or_default().named.push(step);
        match found {
            Err(_) => return Ok(None),
            Ok(found) if found.is_symlink() => {
                links += 1;
                let Ok(target) = next.read_link() else { return Ok(None) };
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
            Ok(_) => at = next,
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

/// How long to wait for further changes after a change.
const QUIET: Duration = Duration::from_millis(100);

/// How long to wait in all if changes never pause.
const AT_MOST: Duration = Duration::from_secs(1);

/// Changes in quick succession, which cause one reload.
#[derive(Debug, Default)]
pub struct Burst {
    /// The times of the first and of the last change.
    times: Option<(Instant, Instant)>,
}

impl Burst {
    /// Records a change at `now`.
    pub fn change(&mut self, now: Instant) {
        let begin = self.times.map_or(now, |(begin, _)| begin);
        self.times = Some((begin, now));
    }

    /// The time until the burst is over; `None` if there is no burst.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let (begin, last) = self.times?;
        Some((last + QUIET).min(begin + AT_MOST).saturating_duration_since(now))
    }

    /// Whether a burst is over at `now`. Returns `true` once for each burst.
    pub fn is_over(&mut self, now: Instant) -> bool {
        let over = self.wait(now).is_some_and(|left| left.is_zero());
        if over {
            self.times = None;
        }
        over
    }
}
