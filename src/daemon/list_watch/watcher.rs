//! Watches lists on a thread of its own, which may wait for a file system for ever.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::{Duration, Instant};

use super::watch::{self, Watch, WatchRequest};
use crate::daemon::backoff::Backoff;
use crate::daemon::mailbox::{Mailbox, Sender};
use crate::progress::{Progress, Unseen};
use crate::status::Watching;
use crate::sys;

/// The name of the thread, for `ps -L`.
const NAME: &str = "watch";

/// The pause after an error in waiting for events.
const PAUSE: Duration = Duration::from_secs(1);

/// What the thread reports.
pub enum News {
    /// The lists are watched from now on. The thread has to be started.
    Opened(Box<Watch>),
    /// A list has changed.
    Changed,
    /// The lists are watched in this way from now on.
    Status(Watching),
}

/// The thread that watches lists.
pub struct Watcher {
    request: WatchRequest,
    sender: Sender<News>,
    news: Mailbox<News>,
    /// When to start the thread again, if that failed.
    retry: Backoff,
    status: Option<Watching>,
}

impl Watcher {
    /// Watches nothing yet. Fails if the process has no descriptor left.
    pub fn new(request: WatchRequest) -> io::Result<Self> {
        let (sender, news) = Mailbox::new()?;
        Ok(Watcher { request, sender, news, retry: watch::RETRY, status: None })
    }

    /// What begins to watch. It is to be called on a thread before that reads the lists for the first
    /// time, so that no change is missed.
    pub fn opening(&self) -> impl FnOnce(&dyn Progress) + Send + use<> {
        let (request, sender) = (self.request.clone(), self.sender.clone());
        move |progress| sender.send(News::Opened(Box::new(Watch::open(request, progress))))
    }

    /// Whether a list has changed since the last call. Starts the thread when it is time to.
    pub fn changed(&mut self, now: Instant) -> bool {
        let mut changed = false;
        for news in self.news.receive().collect::<Vec<_>>() {
            match news {
                News::Opened(watch) => self.start(Some(watch), now),
                News::Changed => changed = true,
                News::Status(status) => self.is_now(status),
            }
        }
        if self.retry.is_due(now) {
            self.start(None, now);
        }
        changed
    }

    /// The time at which [`Watcher::changed`] must be called; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry.due()
    }

    /// How the lists are watched; `None` if they are not watched yet.
    pub fn status(&self) -> Option<&Watching> {
        self.status.as_ref()
    }

    /// Starts the thread, with a watch, or with one to be opened.
    fn start(&mut self, watch: Option<Box<Watch>>, now: Instant) {
        let (request, sender) = (self.request.clone(), self.sender.clone());
        if let Some(watch) = &watch {
            self.is_now(watch.status());
        }
        let run = move || {
            let watch = watch.unwrap_or_else(|| {
                let watch = Box::new(Watch::open(request, &Unseen));
                // What has changed before was not seen.
                sender.send(News::Changed);
                watch
            });
            follow(*watch, &sender);
        };
        match thread::Builder::new().name(NAME.to_string()).spawn(run) {
            Ok(_) => self.retry.succeeded(),
            Err(error) => {
                let pause = self.retry.failed(now).as_secs();
                let because =
                    format!("cannot start a thread: {error}; raise the limit of processes");
                log::warn!("cannot watch the lists: {because}; retrying in {pause} s");
                self.status =
                    Some(Watching { events: false, seconds: None, because: Some(because) });
            }
        }
    }

    fn is_now(&mut self, status: Watching) {
        match (&status.because, self.status.as_ref().and_then(|before| before.because.as_ref())) {
            (Some(because), before) if Some(because) != before => {
                let seconds = status.seconds.unwrap_or_default();
                log::warn!(
                    "cannot watch the lists by events: {because}; looking at them every {seconds} s"
                );
            }
            (None, Some(_)) => log::info!("watching the lists by events again"),
            _ => {}
        }
        self.status = Some(status);
    }
}

impl AsFd for Watcher {
    /// Readable when [`Watcher::changed`] must be called.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.news.as_fd()
    }
}

/// Reports changes for as long as the process runs.
fn follow(mut watch: Watch, sender: &Sender<News>) {
    let mut status = watch.status();
    loop {
        let time = watch.deadline().map(|at| at.saturating_duration_since(Instant::now()));
        let waited = match watch.descriptor() {
            Some(events) => sys::wait_readable([events], time).map(drop),
            None => {
                // There is always a deadline then: the next attempt to receive events.
                thread::sleep(time.unwrap_or(PAUSE));
                Ok(())
            }
        };
        if let Err(error) = waited {
            log::debug!("cannot wait for changes of lists: {error}; retrying");
            thread::sleep(PAUSE);
        }
        if watch.changed(Instant::now()) {
            sender.send(News::Changed);
        }
        if status != watch.status() {
            status = watch.status();
            sender.send(News::Status(status.clone()));
        }
    }
}
