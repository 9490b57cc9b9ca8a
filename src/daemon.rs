//! The loop: waits for signals and loads again, and puts back what others take away.
//!
//! A signal is a byte in a pipe; the loop acts on it. A reload that fails leaves what is in force
//! in force and the daemon running.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::load::{Failure, Loader};
use crate::nft::Connection;
use crate::nft::watch::Watch;
use crate::pidfile::PidFile;
use crate::repair::{Answer, Schedule};
use crate::sys;

/// Loads, stays, and loads again at each SIGHUP, until SIGTERM or SIGINT. With `repair` it also puts
/// back what other programs take out of the kernel's tables. The sets stay in force when it ends.
///
/// Fails only if it cannot begin: what happens later is logged.
pub fn run(loader: Loader, pid_file: Option<&Path>, repair: bool) -> Result<(), Failure> {
    // Before anything that takes time: a SIGHUP that comes early must not kill.
    let mut signals = Signals::register()
        .map_err(|error| Failure::Failed(format!("cannot receive signals: {error}")))?;
    let _pid_file = pid_file.map(PidFile::create).transpose().map_err(Failure::Failed)?;
    let mut daemon = Daemon { loader, watch: None, schedule: Schedule::default() };

    let loaded = daemon.loader.load()?;
    sys::give_memory_back();
    if repair {
        daemon.listen();
    }
    log::info!("{loaded}");
    notify(&[NotifyState::Ready, NotifyState::Status(&loaded.to_string())]);

    loop {
        match signals.wait(daemon.watch.as_ref(), daemon.schedule.wait(Instant::now())) {
            Event::Stop => {
                notify(&[NotifyState::Stopping]);
                log::info!("stopping; what is loaded stays in force");
                return Ok(());
            }
            Event::Reload => daemon.reload(),
            Event::Ruleset => daemon.look(),
            Event::Time => daemon.repair(),
        }
    }
}

struct Daemon {
    loader: Loader,
    watch: Option<Watch>,
    schedule: Schedule,
}

impl Daemon {
    fn reload(&mut self) {
        let Ok(now) = NotifyState::monotonic_usec_now() else { return };
        notify(&[NotifyState::Reloading, now]);
        let status = match self.without_listening(Loader::load) {
            Ok(loaded) => {
                log::info!("{loaded}");
                loaded.to_string()
            }
            Err(failure) => {
                let status = format!("{failure}; keeping what is loaded");
                log::error!("{status}");
                status
            }
        };
        notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }

    /// Begins to listen for changes by others.
    fn listen(&mut self) {
        let target = self.loader.target();
        let (table, sets) = (target.table().clone(), target.foreign_sets());
        let watch = Watch::open(table, sets).and_then(|mut watch| watch.join().map(|()| watch));
        match watch {
            Ok(watch) => self.watch = Some(watch),
            Err(error) => {
                log::warn!("cannot listen for changes of the ruleset, so none are mended: {error}");
            }
        }
        self.catch_up();
    }

    /// Does something that commits, and does not listen meanwhile.
    fn without_listening<T>(&mut self, action: impl FnOnce(&mut Loader) -> T) -> T {
        if let Some(Err(error)) = self.watch.as_mut().map(Watch::leave) {
            log::debug!("still listening: {error}");
        }
        let result = action(&mut self.loader);
        sys::give_memory_back();
        match self.watch.as_mut().map(Watch::join) {
            Some(Ok(())) => self.catch_up(),
            Some(Err(_)) => self.listen(),
            None => {}
        }
        result
    }

    /// Finds out whether anything was changed while nobody listened.
    fn catch_up(&mut self) {
        if self.watch.is_none() {
            return;
        }
        let target = self.loader.target();
        let in_place = Connection::open().and_then(|mut connection| {
            let now = connection.generation()?;
            if target.generation() == Some(now) {
                return Ok(true);
            }
            // Somebody has committed something. On a busy host that is mostly about something else.
            let in_place = target.is_in_place(&mut connection)?;
            if in_place {
                target.in_place_at(now);
            }
            Ok(in_place)
        });
        match in_place {
            Ok(true) => self.schedule.loaded(),
            Ok(false) => {
                let table = target.table().clone();
                if self.schedule.changed(Instant::now()) != Answer::Already {
                    log::warn!("table {table} is not as it was left; putting it right");
                }
            }
            Err(error) => log::debug!("the ruleset is not known: {error}"),
        }
    }

    /// Looks at what others have changed.
    fn look(&mut self) {
        let Some(watch) = self.watch.as_mut() else { return };
        let transactions = match watch.transactions() {
            Ok(transactions) => transactions,
            Err(error) => {
                log::debug!("listening anew: {error}");
                return self.listen();
            }
        };
        for transaction in transactions {
            let target = self.loader.target();
            match transaction.generation {
                Some(generation) if !transaction.touched => target.untouched_by(generation),
                _ => {
                    target.touched();
                    let (table, by) = (target.table().clone(), &transaction.by);
                    match self.schedule.changed(Instant::now()) {
                        Answer::Already => log::debug!("table {table} was changed by {by}, too"),
                        Answer::AtOnce => {
                            log::warn!("table {table} was changed by {by}; putting it right");
                        }
                        Answer::After(pause) => log::warn!(
                            "table {table} was changed again by {by}; putting it right in {} s: \
                             stop what does it, or run with --no-repair",
                            pause.as_secs()
                        ),
                    }
                }
            }
        }
    }

    /// Puts back what others have taken away, when it is time.
    fn repair(&mut self) {
        if !self.schedule.is_due(Instant::now()) {
            return;
        }
        let result = self.without_listening(Loader::repair);
        let now = Instant::now();
        self.schedule.repaired(now);
        match result {
            Ok(()) => log::info!("put right: table {}", self.loader.target().table()),
            Err(error) => log::error!("not put right, waiting for the next change: {error}"),
        }
        // Something may have been changed again since.
        self.catch_up();
    }
}

/// Tells systemd, if it is there.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd was not told: {error}");
    }
}

/// What the daemon waits for.
enum Event {
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
    /// Somebody has changed the ruleset.
    Ruleset,
    /// The time that was given has passed.
    Time,
}

/// The signals as pipes, one for each thing to do.
struct Signals {
    reload: UnixStream,
    stop: UnixStream,
}

impl Signals {
    fn register() -> std::io::Result<Self> {
        let (reload, reload_sender) = UnixStream::pair()?;
        let (stop, stop_sender) = UnixStream::pair()?;
        reload.set_nonblocking(true)?;
        pipe::register(SIGHUP, reload_sender)?;
        pipe::register(SIGTERM, stop_sender.try_clone()?)?;
        pipe::register(SIGINT, stop_sender)?;
        Ok(Signals { reload, stop })
    }

    /// Waits for a signal, for something to be heard, or until `time` has passed. All SIGHUPs that
    /// have come by now are one; one that comes later, also during the reload that follows, is
    /// another.
    fn wait(&mut self, watch: Option<&Watch>, time: Option<Duration>) -> Event {
        // Without a listener the first descriptor stands in for it, and is asked first.
        let heard = watch.map_or(self.stop.as_fd(), Watch::fd);
        match sys::wait_readable([self.stop.as_fd(), self.reload.as_fd(), heard], time) {
            Ok([true, ..]) => Event::Stop,
            Ok([_, true, _]) => {
                let mut bytes = [0; 1024];
                while matches!(self.reload.read(&mut bytes), Ok(count) if count > 0) {}
                Event::Reload
            }
            Ok([_, _, true]) => Event::Ruleset,
            Ok([false, false, false]) => Event::Time,
            // Cannot happen with open descriptors; a daemon that can no longer hear is better
            // ended, for its supervisor to start it again.
            Err(error) => {
                log::error!("cannot wait for signals: {error}");
                Event::Stop
            }
        }
    }
}
