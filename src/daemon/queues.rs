//! The queues of a daemon: workers that judge, and what they judge by.
//!
//! A reload builds the new lists aside and swaps one pointer: no worker waits for it, and each
//! batch of packets is judged by the old lists or by the new ones.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::daemon;
use crate::ip::change::{Applied, Change};
use crate::ip::range::RangeSets;
use crate::list::End;
use crate::load::pipeline::Pipeline;
use crate::load::report::{Failure, Loaded};
use crate::netlink::route;
use crate::nfqueue::Options;
use crate::nfqueue::index::Index;
use crate::nfqueue::judge::{Interfaces, Judge, Lists};
use crate::nfqueue::kernel;
use crate::nfqueue::shared::Shared;
use crate::nfqueue::worker;
use crate::status::{Mode, QueueStatus, Status};

/// Keeps the verdicts of queues as the lists want them.
pub struct Service {
    reading: Pipeline,
    options: Options,
    /// By name, with a `*` at the end for any ending; all if empty.
    interfaces: Vec<CString>,
    /// Hears of interfaces that come and go.
    links: Option<route::Monitor>,
    judge: Arc<ArcSwap<Judge>>,
    workers: Vec<Worker>,
}

struct Worker {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Service {
    /// A service that has loaded nothing and serves nothing yet. Only packets of the `interfaces`
    /// are judged, those of all if there are none.
    pub fn new(reading: Pipeline, interfaces: Vec<CString>, options: Options) -> Self {
        let judge = Judge { lists: Arc::default(), interfaces: Interfaces::All };
        let judge = Arc::new(ArcSwap::from_pointee(judge));
        Service { reading, options, interfaces, links: None, judge, workers: Vec::new() }
    }

    /// Listens for changes of interfaces, and finds out their numbers.
    fn find_interfaces(&mut self) -> Result<(), Failure> {
        if self.interfaces.is_empty() {
            return Ok(());
        }
        let failed = |error: io::Error| Failure::Failed(format!("list of interfaces: {error}"));
        // Before they are listed, for none to be missed.
        self.links = Some(route::Monitor::open(&[libc::RTNLGRP_LINK]).map_err(failed)?);
        for pattern in &self.interfaces {
            let known = route::interfaces().map_err(failed)?;
            if !known.iter().any(|interface| matches(pattern, &interface.name)) {
                log::warn!(
                    "there is no interface {} yet; its packets are judged when it comes",
                    pattern.to_string_lossy().escape_debug()
                );
            }
        }
        self.judge_interfaces().map_err(failed)
    }

    /// From here on packets of the interfaces are judged that have the names by now.
    fn judge_interfaces(&mut self) -> io::Result<()> {
        let mut indices = route::interfaces()?;
        indices.retain(|known| self.interfaces.iter().any(|name| matches(name, &known.name)));
        let interfaces = Interfaces::Only(indices.iter().map(|known| known.index).collect());
        let judge = self.judge.load_full();
        if judge.interfaces != interfaces {
            let names: Vec<_> =
                indices.iter().map(|known| known.name.escape_ascii().to_string()).collect();
            log::debug!("judging packets of: {}", names.join(" "));
            self.judge.store(Arc::new(Judge { lists: judge.lists.clone(), interfaces }));
        }
        Ok(())
    }

    /// From here on packets are judged by these sets.
    fn swap(&mut self, sets: RangeSets) -> Applied {
        let lists = Lists { v4: Index::new(sets.v4), v6: Index::new(sets.v6) };
        let old = self.judge.load_full();
        let change = if self.workers.is_empty() {
            let added = lists.v4.set().network_count() + lists.v6.set().network_count();
            Change { added, removed: 0 }
        } else {
            Change::in_family(old.lists.v4.set(), lists.v4.set())
                + Change::in_family(old.lists.v6.set(), lists.v6.set())
        };
        let interfaces = old.interfaces.clone();
        drop(old);
        // A worker may be judging by the old ones right now, and frees them when it is done with
        // its batch, unless that was before.
        self.judge.store(Arc::new(Judge { lists: Arc::new(lists), interfaces }));
        if change == Change::default() { Applied::Unchanged } else { Applied::Changed(change) }
    }

    /// Starts a worker for each queue; none if one of them cannot have its queue.
    fn start(&mut self) -> Result<(), Failure> {
        self.find_interfaces()?;
        let (began, answers) = mpsc::channel();
        for queue in self.options.queues.clone() {
            let shared = Arc::new(Shared::new(queue, self.judge.clone()));
            let (of_worker, options, began) = (shared.clone(), self.options.clone(), began.clone());
            let thread = thread::Builder::new()
                .name(format!("queue {queue}"))
                .spawn(move || worker::serve(&of_worker, &options, &began));
            let started = match thread {
                Ok(thread) => {
                    self.workers.push(Worker { shared, thread });
                    // A worker says something before it ends.
                    answers.recv().unwrap_or_else(|error| Err(error.to_string()))
                }
                Err(error) => Err(format!("queue {queue}: no thread for it: {error}")),
            };
            if let Err(reason) = started {
                self.end_workers();
                return Err(Failure::Failed(reason));
            }
        }
        Ok(())
    }

    fn end_workers(&mut self) {
        for worker in &self.workers {
            worker.shared.stop();
            // It may be waiting after an error.
            worker.thread.thread().unpark();
        }
        for worker in self.workers.drain(..) {
            if worker.thread.join().is_err() {
                log::error!("queue {}: its thread ended badly", worker.shared.queue);
            }
        }
    }
}

impl daemon::Service for Service {
    const MODE: Mode = Mode::Queue;

    fn load(&mut self) -> Result<Loaded, Failure> {
        let begin = Instant::now();
        let mut wanted = self.reading.read()?;
        let done = self.swap(std::mem::take(&mut wanted.sets));
        if self.workers.is_empty() {
            self.start()?;
        }
        Ok(self.reading.loaded(done, wanted, begin.elapsed()))
    }

    fn protects(&self) -> bool {
        self.reading.protects()
    }

    fn next_end(&self) -> Option<End> {
        self.reading.next_end()
    }

    fn load_again(&mut self) -> Result<Option<Loaded>, Failure> {
        let begin = Instant::now();
        let held = || {
            let lists = self.judge.load_full().lists.clone();
            RangeSets { v4: lists.v4.set().clone(), v6: lists.v6.set().clone() }
        };
        let Some(mut again) = self.reading.again(held)? else { return Ok(None) };
        let sets = std::mem::take(&mut again.sets);
        let networks = sets.network_counts();
        let addresses = sets.addresses();
        let done = self.swap(sets);
        Ok(self.reading.loaded_again(done, again, networks, addresses, begin.elapsed()))
    }

    fn listens(&self) -> Option<BorrowedFd<'_>> {
        self.links.as_ref().map(AsFd::as_fd)
    }

    fn on_readable(&mut self) {
        let result = match &mut self.links {
            Some(links) => links.drain().and_then(|()| self.judge_interfaces()),
            None => Ok(()),
        };
        if let Err(error) = result {
            log::error!("list of interfaces: {error}; those known so far are judged");
        }
    }

    fn wait(&self, _: Instant) -> Option<Duration> {
        None
    }

    fn due(&mut self) {}

    fn describe(&self, status: &mut Status) {
        let kernel = kernel::queues();
        let queues = self
            .workers
            .iter()
            .map(|worker| {
                let status = worker.shared.status();
                let known = kernel.iter().find(|known| known.queue == status.queue);
                // What it accepts because the queue is full it does not count.
                let queue_full = known.filter(|_| !self.options.fail_open);
                QueueStatus { queue_full: queue_full.map(|known| known.queue_full), ..status }
            })
            .collect();
        status.queues = queues;
    }

    fn stop(&mut self) -> &'static str {
        self.end_workers();
        "packets are now accepted by rules with --queue-bypass, and dropped by others"
    }
}

/// Whether an interface has the name, or one that begins with what is before the `*`.
fn matches(pattern: &CString, name: &[u8]) -> bool {
    match pattern.as_bytes().strip_suffix(b"*") {
        Some(beginning) => name.starts_with(beginning),
        None => pattern.as_bytes() == name,
    }
}
