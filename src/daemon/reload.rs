//! Reloads: lists are read by the [`Reader`](super::reader::Reader), then the loop puts in force what
//! they ask for. The first load is one of them.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::back_end::BackEnd;
use super::{Daemon, notify};
use crate::daemon::backoff::Backoff;
use crate::daemon::list_watch::Watcher;
use crate::error::Error;
use crate::load::Loaded;
use crate::sys;

/// When a reload that failed is attempted again.
pub const RETRY: Backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(300));

impl<B: BackEnd> Daemon<'_, B> {
    /// Begins a reload because of a signal or a change of lists. If lists are being read already, one
    /// more reload follows, however often this is called.
    pub fn ask_for_reload(&mut self) -> Result<(), Error> {
        // It takes the place of the attempt that is scheduled, and its failure is reported.
        self.retry.succeeded();
        if self.reader.is_reading() {
            self.again = true;
            return Ok(());
        }
        self.begin_reload()
    }

    /// Has the lists read. Fails only if nothing has been loaded yet.
    pub fn begin_reload(&mut self) -> Result<(), Error> {
        if self.has_loaded() {
            match NotifyState::monotonic_usec_now() {
                Ok(now) => notify(&[NotifyState::Reloading, now]),
                Err(error) => log::debug!("cannot notify systemd of the reload: {error}"),
            }
        }
        // Lists are watched before they are read for the first time, so that no change is missed.
        let unwatched = self.lists.as_ref().filter(|lists| lists.status().is_none());
        let watch = unwatched.map(Watcher::opening);
        let begun = self.pipeline.request().and_then(|request| {
            self.reader.start(request, watch).map_err(|source| Error::Reader { source })
        });
        begun.or_else(|error| self.reload_failed(error))
    }

    /// Puts in force what the lists ask for, if they have been read.
    pub fn finish_reload(&mut self) -> Result<(), Error> {
        let Some(lists) = self.reader.result() else { return Ok(()) };
        let loaded =
            lists.and_then(|lists| self.pipeline.finish(lists, |sets| self.back_end.apply(sets)));
        sys::give_memory_back();
        match loaded {
            Ok(loaded) => self.reloaded(&loaded),
            Err(error) => self.reload_failed(error)?,
        }
        if std::mem::take(&mut self.again) { self.ask_for_reload() } else { Ok(()) }
    }

    /// Begins the reload that is due, if one is, and reports one that takes too long.
    pub fn reload_if_due(&mut self, now: Instant) -> Result<(), Error> {
        if let Some((list, time)) = self.reader.becomes_late(now) {
            let kept = if self.has_loaded() { "; keeping what is loaded" } else { "" };
            let line = format!(
                "{list}: still being read after {} s; check that its file system answers{kept}",
                time.as_secs()
            );
            log::error!("{line}");
            if !self.has_loaded() && self.restore(false) {
                self.set_alarm();
                notify(&[NotifyState::Ready]);
            }
            self.write_status();
            notify(&[NotifyState::Status(&line)]);
        }
        if self.burst.is_over(now) {
            return self.ask_for_reload();
        }
        if self.retry.is_due(now) {
            return self.begin_reload();
        }
        Ok(())
    }

    /// The time at which [`Daemon::reload_if_due`] must be called; `None` for never.
    pub fn reload_due(&self) -> Option<Instant> {
        [self.reader.deadline(), self.retry.due()].into_iter().flatten().min()
    }

    /// Whether this process, or one before it, has loaded what is in force.
    pub fn has_loaded(&self) -> bool {
        self.status.loaded.is_some() || self.is_filtered
    }

    fn reloaded(&mut self, loaded: &Loaded) {
        let line = loaded.to_string();
        log::info!("{line}");
        self.retry.succeeded();
        self.revise_again.succeeded();
        self.failure = None;
        // Changes of the host while the lists were read could not be applied to the first load.
        if self.status.loaded.is_none() {
            self.revise_at.get_or_insert(Instant::now());
        }
        self.status.loaded(loaded);
        self.write_status();
        self.set_alarm();
        notify(&[NotifyState::Ready, NotifyState::Status(&line)]);
        self.is_filtered = false;
        self.pipeline.remember_in_turn(Instant::now());
        // What was written has been in memory twice.
        sys::give_memory_back();
    }

    /// Records a failure. Returns it if nothing has been loaded yet, neither by an earlier process: the
    /// daemon then exits, and its service manager starts it again.
    fn reload_failed(&mut self, error: Error) -> Result<(), Error> {
        let goes_on = self.has_loaded() || error.is_of_lists() && self.restore(true);
        if !goes_on {
            return Err(error);
        }
        // What a guard refuses is refused again until the lists change.
        let pause = (!error.is_refusal()).then(|| self.retry.failed(Instant::now()));
        let retrying = pause.map(|pause| format!("; retrying in {} s", pause.as_secs()));
        let retrying = retrying.unwrap_or_default();
        let message = error.to_string();
        let is_news = !self.retry.is_repeated() || self.failure.as_ref() != Some(&message);
        let level = if is_news { log::Level::Error } else { log::Level::Debug };
        log::log!(level, "{}{retrying}", error.keeping());
        self.failure = Some(message);
        self.status.failed(&error, pause);
        self.write_status();
        self.set_alarm();
        // systemctl shows it to everybody.
        let status = format!("{:#}{retrying}", error.keeping());
        notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
        Ok(())
    }
}
