//! Changes of the files that show who is logged in and which resolvers the host has.
//!
//! They are watched as lists are. A change only says that it is time to look.

use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::list_watch::{Watch, WatchRequest};
use crate::progress::Unseen;

/// How long to gather changes: a login writes several files in turn.
const GATHER: Duration = Duration::from_millis(100);

/// The time until the next look if some files could not be read.
const EVERY: Duration = Duration::from_secs(10);

/// When to look at the files of the host.
pub struct HostWatch {
    paths: Vec<PathBuf>,
    /// `None` without paths.
    watch: Option<Watch>,
    /// When to read the events that wait. They wait, since reading them renews all watches.
    read_at: Option<Instant>,
    look_at: Option<Instant>,
    /// Why the kernel does not report all changes, as it was logged last.
    logged: Option<String>,
}

impl HostWatch {
    /// Watches files and folders, which need not exist, from now on. The first look is due at once,
    /// since it may find more files; it is due never if there are no paths.
    pub fn open(paths: Vec<PathBuf>, now: Instant) -> Self {
        let look_at = (!paths.is_empty()).then_some(now);
        let mut host = HostWatch { paths, watch: None, read_at: None, look_at, logged: None };
        host.watch_again();
        host
    }

    /// Readable when [`HostWatch::on_readable`] must be called; `None` while events are gathered.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().filter(|_| self.read_at.is_none())?.descriptor()
    }

    /// Records that events wait.
    pub fn on_readable(&mut self, now: Instant) {
        self.read_at = Some(now + GATHER);
    }

    /// The time until [`HostWatch::is_due`] must be called; `None` for never.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let watch = self.watch.as_ref().and_then(Watch::deadline);
        let at = [self.read_at, self.look_at, watch].into_iter().flatten().min()?;
        Some(at.saturating_duration_since(now))
    }

    /// Whether it is time to look at the files. Returns `true` once for each look.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let events = self.read_at.take_if(|at| *at <= now).is_some();
        // New watches begin before the look, so that no later change is missed.
        let changed = self.watch.as_mut().is_some_and(|watch| {
            let is_due = watch.deadline().is_some_and(|at| at <= now);
            (events || is_due) && watch.changed(now)
        });
        self.report();
        let look = self.look_at.take_if(|at| *at <= now).is_some();
        changed || look
    }

    /// After a look: which paths it found, and whether all could be read. If some could not be read,
    /// another look follows.
    pub fn looked(&mut self, paths: Vec<PathBuf>, complete: bool, now: Instant) {
        let others = paths != self.paths;
        if others {
            self.paths = paths;
            self.watch_again();
        }
        if !complete {
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
        if !self.paths.is_empty() {
            let request =
                WatchRequest { paths: self.paths.clone(), every: None, are_optional: true };
            self.watch = Some(Watch::open(request, &Unseen));
            self.report();
        }
    }

    /// Logs how the files are watched, if that has changed.
    fn report(&mut self) {
        let Some(status) = self.watch.as_ref().map(Watch::status) else { return };
        if status.because == self.logged {
            return;
        }
        match (&status.because, status.seconds) {
            (Some(because), seconds) => log::warn!(
                "cannot watch logins and resolvers by events: {because}; looking at them every {} s",
                seconds.unwrap_or_default()
            ),
            (None, _) => log::info!("watching logins and resolvers by events again"),
        }
        self.logged = status.because;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
