//! The loop: waits for signals and loads again, and lets its service see to what else happens.
//!
//! A reload that fails leaves what is in force in force and the daemon running.

pub mod alarm;
pub mod list_watch;
#[cfg(feature = "nftables")]
pub mod nftables;
pub mod pid_file;
pub mod queues;
pub mod repair;
mod signals;
pub mod watchdog;

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

pub use signals::{hold_hup, release_hup};

use crate::daemon::alarm::Alarm;
use crate::daemon::list_watch::Burst;
use crate::daemon::pid_file::PidFile;
use crate::daemon::watchdog::Watchdog;
use crate::list::End;
use crate::load::report::{Failure, Loaded};
use crate::netlink::route;
use crate::status::metrics;
use crate::status::{self, Dropped, Mode, Status};
use crate::sys;
use signals::{Event, Signals, Source};

/// What a daemon keeps as the lists want it: sets in nftables, or the verdicts of queues.
pub trait Service {
    /// Which of them it is.
    const MODE: Mode;

    /// Reads the lists and puts what they ask for in force; on a failure what is in force stays.
    /// The first time it also starts what it needs for that.
    fn load(&mut self) -> Result<Loaded, Failure>;

    /// Whether it protects addresses of the host, and wants to know when these change.
    fn protects(&self) -> bool;

    /// When an entry ends, if any has an end.
    fn next_end(&self) -> Option<End>;

    /// Finds out anew what is protected and what has ended, without reading lists. Returns what was
    /// changed, if anything had to be.
    fn load_again(&mut self) -> Result<Option<Loaded>, Failure>;

    /// Readable when [`Service::on_readable`] is to be called.
    fn listens(&self) -> Option<BorrowedFd<'_>>;

    /// Looks at what came in where it listens.
    fn on_readable(&mut self);

    /// How long until [`Service::due`] is to be called; `None` if it need not be.
    fn wait(&self, now: Instant) -> Option<Duration>;

    /// Does what it is time for.
    fn due(&mut self);

    /// Adds to the status what the service knows and nobody else: its table and layouts, what it has
    /// put back, the counters of its queues.
    fn describe(&self, status: &mut Status);

    /// What the kernel has dropped, as far as the service has rules of its own for it.
    fn dropped(&self) -> Vec<Dropped> {
        Vec::new()
    }

    /// Ends what runs. Returns what becomes of packets from here on, in words.
    fn stop(&mut self) -> &'static str;
}

/// Files that a daemon has to do with, besides those that its service reads.
#[derive(Clone, Debug)]
pub struct Files<'a> {
    /// Its process id, to be one daemon at a time.
    pub pid: Option<&'a Path>,
    /// What `netfilterd status` shows.
    pub status: &'a Path,
    /// The same for Prometheus.
    pub metrics: Option<&'a Path>,
    /// Lists to load again when they change.
    pub watch: Vec<PathBuf>,
}

/// Loads, stays, and loads again at each SIGHUP, until SIGTERM or SIGINT.
///
/// Fails only if it cannot begin: what happens later is logged.
pub fn run<S: Service>(service: S, files: Files<'_>) -> Result<(), Failure> {
    // Before anything that takes time: a SIGHUP that comes early must not kill.
    let mut signals = Signals::register()
        .map_err(|error| Failure::Failed(format!("cannot receive signals: {error}")))?;
    let _pid_file = files.pid.map(PidFile::create).transpose().map_err(Failure::Failed)?;
    // These before anything is found out or read, for no change to be missed.
    let addresses = if service.protects() { listen_for_addresses() } else { None };
    let lists = if files.watch.is_empty() { None } else { Some(watch_lists(files.watch.clone())?) };
    let alarm =
        Alarm::new().map_err(|error| Failure::Failed(format!("cannot make a timer: {error}")))?;
    let mut daemon = Daemon {
        service,
        status: Status::new(S::MODE),
        file: status::File::new(files.status),
        metrics: files.metrics.map(metrics::File::new),
        addresses,
        lists,
        burst: Burst::default(),
        alarm,
        again_at: None,
        watchdog: Watchdog::set_by_manager(Instant::now()),
    };

    let loaded = daemon.service.load()?;
    sys::give_memory_back();
    log::info!("{loaded}");
    daemon.status.loaded(&loaded);
    daemon.write_status();
    daemon.set_alarm();
    notify(&[NotifyState::Ready, NotifyState::Status(&loaded.to_string())]);

    loop {
        let listens = [
            daemon.addresses.as_ref().map(AsFd::as_fd),
            daemon.lists.as_ref().map(AsFd::as_fd),
            Some(daemon.alarm.as_fd()),
            daemon.service.listens(),
        ];
        match signals.wait(listens, daemon.wait(Instant::now())) {
            Event::Stop => {
                notify(&[NotifyState::Stopping]);
                log::info!("stopping; {}", daemon.service.stop());
                return Ok(());
            }
            Event::Reload => daemon.reload(),
            Event::Status => daemon.log_status(),
            Event::Heard(Source::Addresses) => daemon.addresses_changed(),
            Event::Heard(Source::Lists) => daemon.lists_changed(),
            Event::Heard(Source::Alarm) => daemon.alarm_rang(),
            Event::Heard(Source::Service) => daemon.service.on_readable(),
            Event::Time => {
                daemon.service.due();
                daemon.write_status();
            }
        }
        daemon.write_metrics_if_due(Instant::now());
        // Also if something else happens all the time.
        daemon.load_again_if_due(Instant::now());
        if daemon.burst.is_over(Instant::now()) {
            daemon.reload();
        }
        if daemon.watchdog.as_mut().is_some_and(|watchdog| watchdog.is_due(Instant::now())) {
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// How often the status file follows counters that change by themselves.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// An interface that comes up has several addresses and routes, one after the other.
const GATHER: Duration = Duration::from_millis(100);

/// How long to wait when protecting a new address, or taking out what has ended, has failed.
const TRY_AGAIN: Duration = Duration::from_secs(5);

fn listen_for_addresses() -> Option<route::Monitor> {
    let watch = route::Monitor::open_for_addresses();
    watch
        .inspect_err(|error| {
            log::warn!("cannot listen for changes of addresses, protected at each reload: {error}");
        })
        .ok()
}

fn watch_lists(paths: Vec<PathBuf>) -> Result<list_watch::Watch, Failure> {
    list_watch::Watch::open(paths)
        .map_err(|error| Failure::Failed(format!("cannot watch the lists: {error}")))
}

struct Daemon<'a, S> {
    service: S,
    status: Status,
    file: status::File<'a>,
    metrics: Option<metrics::File<'a>>,
    /// Hears of changes of addresses.
    addresses: Option<route::Monitor>,
    /// Hears of changes of lists.
    lists: Option<list_watch::Watch>,
    burst: Burst,
    /// Rings when an entry ends.
    alarm: Alarm,
    /// When to find out anew what is protected and what has ended.
    again_at: Option<Instant>,
    watchdog: Option<Watchdog>,
}

impl<S: Service> Daemon<'_, S> {
    fn reload(&mut self) {
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        notify(&[NotifyState::Reloading, now]);
        let result = self.service.load();
        sys::give_memory_back();
        let status = match result {
            Ok(loaded) => {
                log::info!("{loaded}");
                self.status.loaded(&loaded);
                loaded.to_string()
            }
            Err(failure) => {
                let status = failure.keeping();
                log::error!("{status}");
                self.status.failed(&failure);
                status
            }
        };
        self.write_status();
        self.set_alarm();
        notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }

    fn lists_changed(&mut self) {
        match self.lists.as_mut().map(list_watch::Watch::changed) {
            None | Some(Ok(false)) => {}
            Some(Ok(true)) => self.burst.change(Instant::now()),
            Some(Err(error)) => {
                log::error!("cannot watch the lists any more, SIGHUP still loads them: {error}");
                self.lists = None;
            }
        }
    }

    fn set_alarm(&self) {
        let set = match self.service.next_end() {
            Some(end) => self.alarm.set(end),
            None => self.alarm.unset(),
        };
        if let Err(error) = set {
            log::error!("entries that end stay until the next load: {error}");
        }
    }

    fn alarm_rang(&mut self) {
        if matches!(self.alarm.has_rung(), Ok(false)) {
            return;
        }
        // Because of a clock that was put forward or back, too.
        self.again_at = Some(Instant::now());
    }

    fn addresses_changed(&mut self) {
        let Some(watch) = &mut self.addresses else { return };
        match watch.drain_addresses() {
            Ok(false) => {}
            Ok(true) => {
                self.again_at.get_or_insert(Instant::now() + GATHER);
            }
            Err(error) => {
                log::debug!("listening for addresses anew: {error}");
                self.addresses = listen_for_addresses();
                self.again_at.get_or_insert(Instant::now() + GATHER);
            }
        }
    }

    fn load_again_if_due(&mut self, now: Instant) {
        if self.again_at.take_if(|at| *at <= now).is_none() {
            return;
        }
        match self.service.load_again() {
            Ok(None) => self.set_alarm(),
            Ok(Some(loaded)) => {
                self.set_alarm();
                sys::give_memory_back();
                log::info!("{loaded}");
                self.status.loaded_again(&loaded);
                self.write_status();
                notify(&[NotifyState::Status(&loaded.to_string())]);
            }
            Err(failure) => {
                log::error!("what is in force is not what it should be by now: {failure}");
                self.again_at = Some(now + TRY_AGAIN);
            }
        }
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        let counts = (S::MODE == Mode::Queue).then_some(STATUS_EVERY);
        let again = self.again_at.map(|at| at.saturating_duration_since(now));
        let metrics = self.metrics.as_ref().map(|metrics| metrics.wait(now));
        let watchdog = self.watchdog.as_ref().map(|watchdog| watchdog.wait(now));
        let service = self.service.wait(now);
        let waits = [service, counts, metrics, again, self.burst.wait(now), watchdog];
        waits.into_iter().flatten().min()
    }

    fn write_status(&mut self) {
        self.service.describe(&mut self.status);
        if self.file.write(&self.status) {
            self.write_metrics(Instant::now());
        }
    }

    fn write_metrics_if_due(&mut self, now: Instant) {
        if self.metrics.as_ref().is_some_and(|metrics| metrics.wait(now).is_zero()) {
            self.service.describe(&mut self.status);
            self.write_metrics(now);
        }
    }

    fn write_metrics(&mut self, now: Instant) {
        if let Some(metrics) = &mut self.metrics {
            metrics.write(&self.status, &self.service.dropped(), now);
        }
    }

    fn log_status(&mut self) {
        self.write_status();
        for line in self.status.to_string().lines() {
            log::info!("{line}");
        }
    }
}

/// Tells systemd, if it is there.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd was not told: {error}");
    }
}
