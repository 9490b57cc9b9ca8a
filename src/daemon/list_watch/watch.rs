//! A watch of lists: by events, and by time where events are missing.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::by_event::EventWatch;
use super::by_time::{Look, TimeWatch};
use super::error::WatchError;
use crate::daemon::backoff::Backoff;
use crate::progress::Progress;
use crate::status::Watching;

/// How often the lists are looked at while inotify need not report all changes of them.
const EVERY: Duration = Duration::from_secs(5);

/// The pause before a changed list is looked at again, to see whether it is still written to.
const SETTLE: Duration = Duration::from_secs(1);

/// The pauses between attempts to watch by inotify.
pub const RETRY: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(300));

/// Which lists are watched, and how.
#[derive(Clone, Debug)]
pub struct WatchRequest {
    /// Lists or folders of lists, which need not exist.
    pub paths: Vec<PathBuf>,
    /// How often they are looked at besides; `None` for not as long as inotify reports all changes.
    pub every: Option<Duration>,
    /// Whether it is usual that some are missing. Else one that is missing is looked for by time, too,
    /// because a file system that is mounted causes no event.
    pub are_optional: bool,
}

/// A watch of lists.
pub struct Watch {
    request: WatchRequest,
    events: Option<EventWatch>,
    /// Why `events` are missing, or do not cover all folders.
    error: Option<WatchError>,
    retry: Backoff,
    looks: Option<TimeWatch>,
    /// The time of the next look, if there is one.
    look_at: Option<Instant>,
}

impl Watch {
    /// Watches from now on: no later change is missed. `progress` gets the paths before the file system
    /// is asked for them.
    pub fn open(request: WatchRequest, progress: &dyn Progress) -> Self {
        request.paths.iter().for_each(|path| progress.list(path));
        let (events, error, looks, look_at) = (None, None, None, None);
        let mut watch = Watch { request, events, error, retry: RETRY, looks, look_at };
        watch.watch_events(Instant::now());
        watch
    }

    /// Readable when [`Watch::changed`] must be called.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.events.as_ref().map(AsFd::as_fd)
    }

    /// The time at which [`Watch::changed`] must be called; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        [self.look_at, self.retry.due()].into_iter().flatten().min()
    }

    /// Whether a list has changed since the last call.
    pub fn changed(&mut self, now: Instant) -> bool {
        let mut changed = match self.events.as_mut().map(EventWatch::changed) {
            None => false,
            Some(Ok(changed)) => changed,
            Some(Err(error)) => {
                self.events = None;
                self.failed(WatchError::of_events(&error), now);
                // Events may be lost.
                true
            }
        };
        if changed {
            // The same change is no news at the next look.
            self.looks = self.looks.take().map(|_| TimeWatch::new(&self.request.paths));
        }
        if self.retry.is_due(now) || changed {
            // The paths of the lists may have changed, too. The new watches begin before the lists are
            // read, so that no later change is missed.
            self.watch_events(now);
        }
        if self.look_at.is_some_and(|at| at <= now) {
            changed |= self.look(now);
        }
        changed
    }

    /// How the lists are watched.
    pub fn status(&self) -> Watching {
        Watching {
            events: self.events.is_some(),
            seconds: self.every().map(|every| every.as_secs()),
            because: self.error.as_ref().map(WatchError::to_string),
        }
    }

    fn every(&self) -> Option<Duration> {
        let is_missing = !self.request.are_optional
            && self.events.as_ref().is_some_and(|events| !events.finds_all());
        let needed = (self.error.is_some() || is_missing).then_some(EVERY);
        [needed, self.request.every].into_iter().flatten().min()
    }

    /// Begins to watch by inotify, or begins anew.
    fn watch_events(&mut self, now: Instant) {
        match EventWatch::open(&self.request.paths) {
            Ok((events, error)) => {
                self.events = Some(events);
                match error {
                    Some(error) => self.failed(error, now),
                    None => self.error = None,
                }
                if self.error.is_none() {
                    self.retry.succeeded();
                }
            }
            Err(error) => {
                self.events = None;
                self.failed(error, now);
            }
        }
        match self.every() {
            // What has changed since the last look has caused no event.
            None if self.looks.is_some() => self.look_at = Some(now),
            None => {}
            Some(every) => {
                self.looks.get_or_insert_with(|| TimeWatch::new(&self.request.paths));
                self.look_at.get_or_insert(now + every);
            }
        }
    }

    fn failed(&mut self, error: WatchError, now: Instant) {
        self.retry.failed(now);
        self.error = Some(error);
    }

    /// Looks at the lists. Returns whether they have changed.
    fn look(&mut self, now: Instant) -> bool {
        let Some(looks) = &mut self.looks else { return false };
        let found = looks.look(&self.request.paths);
        let every = self.every();
        self.look_at = match found {
            Look::Unsettled => Some(now + every.map_or(SETTLE, |every| every.min(SETTLE))),
            Look::Same | Look::Changed => every.map(|every| now + every),
        };
        if self.look_at.is_none() {
            self.looks = None;
        }
        found == Look::Changed
    }
}
