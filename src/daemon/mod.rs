//! The loop: waits for signals and other events, loads lists, and passes finished range sets to its
//! back end.
//!
//! In reading order: `signals` (the events of the loop), [`reader`] (the thread that reads lists),
//! `reload` (from a signal to the report of a load), `restore` (a first load that fails), `revise` (what
//! changes while the lists stay the same), [`back_end`] (what a back end does), [`nftables`] (with `table`) and
//! [`queues`] (the two back ends), [`repair`] (when to repair what another program has changed),
//! [`list_watch`] (changes of lists), [`host_watch`] (changes of logins and resolvers), [`backoff`] (when
//! to attempt again what has failed), [`mailbox`], [`alarm`], [`watchdog`] and [`pid_file`].
//!
//! After a reload that fails, the daemon keeps running and what was in force stays in force.

pub mod alarm;
pub mod back_end;
pub mod backoff;
pub mod host_watch;
pub mod list_watch;
pub mod mailbox;
#[cfg(feature = "nftables")]
pub mod nftables;
pub mod pid_file;
pub mod queues;
pub mod reader;
mod reload;
pub mod repair;
mod restore;
mod revise;
mod signals;
#[cfg(feature = "nftables")]
pub mod table;
pub mod watchdog;

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

pub use signals::{prepare as prepare_signals, release as release_signals};

use crate::daemon::alarm::Alarm;
use crate::daemon::backoff::Backoff;
use crate::daemon::host_watch::HostWatch;
use crate::daemon::list_watch::{Burst, WatchRequest, Watcher};
use crate::daemon::pid_file::PidFile;
use crate::daemon::reader::Reader;
use crate::daemon::watchdog::Watchdog;
use crate::error::Error;
use crate::load::{Host, Pipeline};
use crate::netlink::route;
use crate::status::metrics;
use crate::status::{self, Mode, Status};
use crate::sys;
use back_end::{BackEnd, Stopped};
use signals::{Event, Signals, Source};

/// The files that a daemon writes, and the lists that it watches.
#[derive(Clone, Debug)]
pub struct Files<'a> {
    /// The file of its process id, which only one daemon can lock.
    pub pid: Option<&'a Path>,
    /// The file that `netfilterd status` reads.
    pub status: &'a Path,
    /// The file of `--metrics`, for the textfile collector of Prometheus.
    pub metrics: Option<&'a Path>,
    /// Lists and folders of lists whose changes cause a reload.
    pub watch: Option<WatchRequest>,
}

/// Loads the lists, and reloads them at each SIGHUP, until SIGTERM or SIGINT.
///
/// Fails only if the first load fails, or if it can no longer wait for signals. Other errors are
/// logged.
pub fn run<B: BackEnd>(pipeline: Pipeline, back_end: B, files: Files<'_>) -> Result<(), Error> {
    sys::share_heap();
    // Before anything that takes time: an early SIGHUP must not kill.
    let mut signals = Signals::register().map_err(|source| Error::Signals { source })?;
    let pid_file = files.pid.map(PidFile::create).transpose()?;
    let no_thread = |source| Error::Reader { source };
    let lists = files.watch.map(Watcher::new).transpose().map_err(no_thread)?;
    // Before the host is looked at and the lists are read, so that no change is missed.
    let host =
        HostWatch::open(pipeline.host().map(Host::paths).unwrap_or_default(), Instant::now());
    let mut daemon = Daemon {
        pipeline,
        back_end,
        _pid_file: pid_file,
        status: Status::new(B::MODE),
        file: status::File::new(files.status),
        metrics: files.metrics.map(metrics::File::new),
        addresses: None,
        follow: revise::RETRY,
        host,
        lists,
        reader: Reader::new().map_err(no_thread)?,
        again: false,
        retry: reload::RETRY,
        failure: None,
        is_filtered: false,
        burst: Burst::default(),
        alarm: Alarm::new().map_err(|source| Error::Timer { source })?,
        revise_at: None,
        revise_again: revise::RETRY,
        rest_until: Instant::now(),
        watchdog: Watchdog::set_by_manager(Instant::now()),
    };
    // Before addresses are read, so that no change is missed.
    if daemon.pipeline.host().is_some() {
        daemon.follow_addresses();
    }
    daemon.begin_reload()?;
    while daemon.turn(&mut signals)? {}
    Ok(())
}

/// How often the status file is written if only counters of queues change.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// The pause before another attempt to write the status file.
const RETRY: Duration = Duration::from_secs(5);

struct Daemon<'a, B> {
    pipeline: Pipeline,
    back_end: B,
    /// Dropped after the back end and before the status file: when `status` finds no daemon, another one
    /// can start.
    _pid_file: Option<PidFile>,
    status: Status,
    file: status::File<'a>,
    metrics: Option<metrics::File<'a>>,
    /// `None` if nothing is protected, or if changes cannot be received.
    addresses: Option<route::Monitor>,
    /// When to attempt again to receive them.
    follow: Backoff,
    host: HostWatch,
    /// `None` without `--watch`.
    lists: Option<Watcher>,
    burst: Burst,
    reader: Reader,
    /// Whether a reload was asked for while lists were being read. One more follows.
    again: bool,
    /// When to attempt a reload again that has failed.
    retry: Backoff,
    /// The error of the last reload, if it failed. It is logged as an error once.
    failure: Option<String>,
    /// Whether what another process has loaded is in force, while this one has loaded nothing.
    is_filtered: bool,
    /// Fires when an entry expires.
    alarm: Alarm,
    /// The time at which to call [`Pipeline::revise`].
    revise_at: Option<Instant>,
    /// When to call it again, because what it found could not be put in force.
    revise_again: Backoff,
    /// Changes of addresses are not applied before this time.
    rest_until: Instant,
    watchdog: Option<Watchdog>,
}

impl<B: BackEnd> Daemon<'_, B> {
    /// Waits for an event and acts on it. Returns whether the daemon goes on.
    fn turn(&mut self, signals: &mut Signals) -> Result<bool, Error> {
        match self.event(signals)? {
            Event::Stop => {
                notify(&[NotifyState::Stopping]);
                match self.back_end.stop() {
                    Stopped::InForce(what) => log::info!("stopping; {what}"),
                    Stopped::NotInForce(what) => log::warn!("stopping; {what}"),
                }
                self.pipeline.remember();
                return Ok(false);
            }
            Event::Reload => self.ask_for_reload()?,
            Event::Status => self.log_status(),
            Event::Readable(Source::Addresses) => self.addresses_changed(),
            Event::Readable(Source::Lists) => self.lists_changed(Instant::now()),
            Event::Readable(Source::Reader) => self.finish_reload()?,
            Event::Readable(Source::Host) => self.host.on_readable(Instant::now()),
            Event::Readable(Source::Alarm) => self.alarm_fired(),
            Event::Readable(Source::BackEnd) => {
                self.back_end.on_readable();
                self.write_status_if_loaded();
            }
            Event::Time => self.write_status_if_loaded(),
        }
        // Whatever the event was, something else may be due.
        if self.back_end.deadline().is_some_and(|deadline| deadline <= Instant::now()) {
            self.back_end.on_deadline();
            sys::give_memory_back();
            self.write_status();
        }
        if self.lists.as_ref().and_then(Watcher::deadline).is_some_and(|at| at <= Instant::now()) {
            self.lists_changed(Instant::now());
        }
        self.write_metrics_if_due(Instant::now());
        self.follow_addresses_if_due(Instant::now());
        self.look_at_host_if_due(Instant::now());
        self.revise_if_due(Instant::now());
        if self.pipeline.remember_at().is_some_and(|at| at <= Instant::now()) {
            self.pipeline.remember();
            sys::give_memory_back();
        }
        self.reload_if_due(Instant::now())?;
        if self.watchdog.as_mut().is_some_and(|watchdog| watchdog.is_due(Instant::now())) {
            notify(&[NotifyState::Watchdog]);
        }
        Ok(true)
    }

    /// Waits for the next event.
    fn event(&self, signals: &mut Signals) -> Result<Event, Error> {
        let sources: [(Source, Option<BorrowedFd<'_>>); 6] = [
            (Source::Addresses, self.addresses.as_ref().map(AsFd::as_fd)),
            (Source::Lists, self.lists.as_ref().map(AsFd::as_fd)),
            (Source::Host, self.host.descriptor()),
            (Source::Reader, Some(self.reader.as_fd())),
            (Source::Alarm, Some(self.alarm.as_fd())),
            (Source::BackEnd, self.back_end.descriptor()),
        ];
        let sources = sources.into_iter().filter_map(|(source, fd)| Some((source, fd?)));
        let sources: Vec<_> = sources.collect();
        signals.wait_patiently(&sources, self.wait(Instant::now()))
    }

    fn lists_changed(&mut self, now: Instant) {
        let Some(lists) = &mut self.lists else { return };
        let before = lists.status().cloned();
        if lists.changed(now) {
            self.burst.change(now);
        }
        if before.as_ref() != lists.status() && self.status.loaded.is_some() {
            self.write_status();
        }
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        let counts = (B::MODE == Mode::Queue).then_some(STATUS_EVERY);
        let revise = self.revise_due().map(|at| at.saturating_duration_since(now));
        let metrics = self.metrics.as_ref().map(|metrics| metrics.wait(now));
        let watchdog = self.watchdog.as_ref().map(|watchdog| watchdog.wait(now));
        let back_end = self.back_end.deadline().map(|at| at.saturating_duration_since(now));
        let reload = self.reload_due().map(|at| at.saturating_duration_since(now));
        let remember = self.pipeline.remember_at().map(|at| at.saturating_duration_since(now));
        let lists = self.lists.as_ref().and_then(Watcher::deadline);
        let lists = lists.map(|at| at.saturating_duration_since(now));
        let follow = self.follow.due().map(|at| at.saturating_duration_since(now));
        let status = self.file.is_failing().then_some(RETRY);
        let (host, burst) = (self.host.wait(now), self.burst.wait(now));
        let waits = [
            host, back_end, counts, metrics, revise, follow, reload, lists, burst, watchdog,
            status, remember,
        ];
        waits.into_iter().flatten().min()
    }

    /// Before the first load there is nothing to show.
    fn write_status_if_loaded(&mut self) {
        if self.has_loaded() {
            self.write_status();
        }
    }

    fn write_status(&mut self) {
        self.back_end.describe(&mut self.status);
        self.status.reading = self.reader.status();
        self.status.watch = self.lists.as_ref().and_then(Watcher::status).cloned();
        if self.file.write(&self.status) {
            self.write_metrics(Instant::now());
        }
    }

    fn write_metrics_if_due(&mut self, now: Instant) {
        if self.metrics.as_ref().is_some_and(|metrics| metrics.wait(now).is_zero()) {
            self.back_end.describe(&mut self.status);
            self.write_metrics(now);
        }
    }

    fn write_metrics(&mut self, now: Instant) {
        if let Some(metrics) = &mut self.metrics {
            metrics.write(&self.status, &self.back_end.dropped(), now);
        }
    }

    fn log_status(&mut self) {
        self.write_status();
        for line in self.status.to_string().lines() {
            log::info!("{line}");
        }
    }
}

/// Notifies systemd, if it is the service manager.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("cannot notify systemd: {error}");
    }
}
