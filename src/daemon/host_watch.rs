//! Changes of the files that show who is logged in and which resolvers the host has.
//!
//! They are watched by inotify(7), as lists are. If that is not possible, it is time to look at them
//! again and again. A change only says that it is time to look.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::list_watch::Watch;

/// How long to gather changes: a login writes several files in turn.
const GATHER: Duration = Duration::from_millis(100);

/// The time between two looks without a watch.
const EVERY: Duration = Duration::from_secs(10);

/// When to look at the files of the host.
pub struct HostWatch {
    paths: Vec<PathBuf>,
    /// `None` after a failure.
    watch: Option<Watch>,
    /// When to read the events that wait. They wait, since reading them renews all watches.
    read_at: Option<Instant>,
    look_at: Option<Instant>,
    /// Whether the failure is in the log.
    is_logged: bool,
}

impl HostWatch {
    /// Watches files and folders, which need not exist, from now on. The first look is due at once,
    /// since it may find more files; it is due never if there are no paths.
    pub fn open(paths: Vec<PathBuf>, now: Instant) -> Self {
        let look_at = (!paths.is_empty()).then_some(now);
        let mut host = HostWatch { paths, watch: None, read_at: None, look_at, is_logged: false };
        host.watch_again();
        host
    }

    /// Readable when [`HostWatch::on_readable`] must be called; `None` while events are gathered.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().filter(|_| self.read_at.is_none()).map(AsFd::as_fd)
    }

    /// Records that events wait.
    pub fn on_readable(&mut self, now: Instant) {
        self.read_at = Some(now + GATHER);
    }

    /// The time until [`HostWatch::is_due`] must be called; `None` for never.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let at = [self.read_at, self.look_at].into_iter().flatten().min()?;
        Some(at.saturating_duration_since(now))
    }

    /// Whether it is time to look at the files. Returns `true` once for each look.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let events = self.read_at.take_if(|at| *at <= now).is_some();
        // New watches begin before the look, so that no later change is missed.
        let changed = events && self.has_changed();
        let look = self.look_at.take_if(|at| *at <= now).is_some();
        changed || look
    }

    fn has_changed(&mut self) -> bool {
        match self.watch.as_mut().map(Watch::changed) {
            None => false,
            Some(Ok(changed)) => changed,
            Some(Err(error)) => {
                self.failed(&error);
                true
            }
        }
    }

    /// After a look: which paths it found, and whether all could be read. Without a watch, or if some
    /// could not be read, another look follows.
    pub fn looked(&mut self, paths: Vec<PathBuf>, complete: bool, now: Instant) {
        let others = paths != self.paths;
        if others || self.watch.is_none() {
            self.paths = paths;
            self.watch_again();
        }
        if self.watch.is_none() || !complete {
            self.look_within(now, EVERY);
        } else if others {
            // They may have changed before they were watched.
            self.look_within(now, GATHER);
        }
    }

    fn look_within(&mut self, now: Instant, time: Duration) {
        let at = self.look_at.map_or(now + time, |at| at.min(now + time));
        self.look_at = Some(at);
    }

    fn watch_again(&mut self) {
        if self.paths.is_empty() {
            return;
        }
        match Watch::open(self.paths.clone()) {
            Ok(watch) => {
                self.watch = Some(watch);
                self.is_logged = false;
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &io::Error) {
        (self.watch, self.read_at) = (None, None);
        if !self.is_logged {
            log::warn!(
                "cannot watch logins and resolvers: {error}; looking at them every {} s: raise \
                 fs.inotify.max_user_instances or fs.inotify.max_user_watches",
                EVERY.as_secs()
            );
            self.is_logged = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_watch_looks_follow_each_other_and_the_watch_is_tried_again() {
        let begin = Instant::now();
        let paths = vec![PathBuf::from("/etc/resolv.conf")];
        let mut host = HostWatch::open(paths.clone(), begin);
        assert!(host.is_due(begin), "the first look");
        host.looked(paths.clone(), true, begin);
        assert_eq!(host.wait(begin), None, "watched");
        host.failed(&io::ErrorKind::Other.into());
        assert!(host.descriptor().is_none());
        host.look_within(begin, EVERY);
        assert_eq!(host.wait(begin), Some(EVERY));
        assert!(!host.is_due(begin) && host.is_due(begin + EVERY));
        host.looked(paths, true, begin + EVERY);
        assert!(host.descriptor().is_some() && host.wait(begin).is_none(), "watched again");
    }

    #[test]
    fn a_look_that_failed_or_found_other_files_is_followed_by_another() {
        let begin = Instant::now();
        let paths = vec![PathBuf::from("/etc/resolv.conf")];
        let mut host = HostWatch::open(paths.clone(), begin);
        assert!(host.is_due(begin));
        host.looked(paths.clone(), false, begin);
        assert_eq!(host.wait(begin), Some(EVERY));
        assert!(host.is_due(begin + EVERY));
        host.looked(vec![PathBuf::from("/etc/resolver")], true, begin);
        assert_eq!(host.wait(begin), Some(GATHER));
    }

    #[test]
    fn without_paths_there_is_nothing_to_look_at() {
        let mut host = HostWatch::open(Vec::new(), Instant::now());
        assert!(host.descriptor().is_none() && !host.is_due(Instant::now()));
        assert_eq!(host.wait(Instant::now()), None);
    }
}
