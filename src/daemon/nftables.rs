//! What the daemon does with nftables: loads, listens for what other programs do to the table, and
//! puts it right.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::daemon;
use crate::daemon::repair::{Answer, Schedule};
use crate::list::End;
use crate::load::loader::Loader;
use crate::load::report::{Failure, Loaded};
use crate::nftables::Connection;
use crate::nftables::counters;
use crate::nftables::monitor::Watch;
use crate::status::{Dropped, Mode, Repairs, Status};
use crate::sys;

/// Keeps a [`crate::nftables::Target`] as the lists want it.
pub struct Service {
    loader: Loader,
    /// Whether to listen, and to put right what others change.
    repair: bool,
    watch: Option<Watch>,
    schedule: Schedule,
    repairs: Repairs,
    /// Who changed what is to be put right, as far as it is known.
    culprit: Option<String>,
}

impl daemon::Service for Service {
    const MODE: Mode = Mode::Tables;

    fn load(&mut self) -> Result<Loaded, Failure> {
        let result = self.without_listening(Loader::load);
        if result.is_ok() && self.repair && self.watch.is_none() {
            self.listen();
        }
        result
    }

    fn protects(&self) -> bool {
        self.loader.protects()
    }

    fn next_end(&self) -> Option<End> {
        self.loader.next_end()
    }

    fn load_again(&mut self) -> Result<Option<Loaded>, Failure> {
        match self.loader.find_again()? {
            Some(again) => self.without_listening(|loader| loader.load_again(again)),
            None => Ok(None),
        }
    }

    fn listens(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(Watch::fd)
    }

    fn on_readable(&mut self) {
        self.look();
    }

    fn wait(&self, now: Instant) -> Option<Duration> {
        self.schedule.wait(now)
    }

    fn due(&mut self) {
        if self.schedule.is_due(Instant::now()) {
            self.repair();
        }
    }

    fn describe(&self, status: &mut Status) {
        let target = self.loader.target();
        status.table = Some(target.table().to_string());
        status.repairs = self.repairs.clone();
        if let Some((loaded, shapes)) = status.loaded.as_mut().zip(target.shapes()) {
            (loaded.layout4, loaded.layout6) = (shapes.v4.to_string(), shapes.v6.to_string());
        }
    }

    fn dropped(&self) -> Vec<Dropped> {
        let table = self.loader.target().table();
        if !table.is_managed() {
            return Vec::new();
        }
        Connection::open()
            .and_then(|mut connection| counters::dropped(&mut connection, table))
            .unwrap_or_else(|error| {
                log::debug!("counters of table {table}: {error}");
                Vec::new()
            })
    }

    fn stop(&mut self) -> &'static str {
        "what is loaded stays in force"
    }
}

impl Service {
    /// A service that has loaded nothing yet. With `repair` it puts back what other programs take
    /// out of the kernel's tables.
    pub fn new(loader: Loader, repair: bool) -> Self {
        Service {
            loader,
            repair,
            watch: None,
            schedule: Schedule::default(),
            repairs: Repairs::default(),
            culprit: None,
        }
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
        let target = self.loader.target_mut();
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
            let target = self.loader.target_mut();
            match transaction.generation {
                Some(generation) if !transaction.touched => target.untouched_by(generation),
                _ => {
                    target.touched();
                    let (table, by) = (target.table().clone(), &transaction.by);
                    self.culprit = by.is_known().then(|| by.to_string());
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

    /// Puts back what others have taken away.
    fn repair(&mut self) {
        let result = self.without_listening(Loader::repair);
        let now = Instant::now();
        self.schedule.repaired(now);
        match result {
            Ok(()) => {
                log::info!("put right: table {}", self.loader.target().table());
                self.repairs.record(self.culprit.take());
            }
            Err(error) => log::error!("not put right, waiting for the next change: {error}"),
        }
        // Something may have been changed again since.
        self.catch_up();
    }
}
