//! The queues of a process: one worker for each, and what they judge by.
//!
//! New range sets are indexed aside and one pointer is swapped: no worker waits for it, and each
//! batch of packets is judged by the old sets or by the new ones.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use arc_swap::ArcSwap;

use super::Options;
use super::counters::QueueCounters;
use super::error::QueueError;
use super::index::Index;
use super::interfaces::NamedInterfaces;
use super::judge::{Interfaces, Judge, Lists};
use super::kernel;
use super::shared::Shared;
use super::worker;
use crate::ip::change::{Applied, Change};
use crate::ip::range::RangeSets;

/// Queues and what their packets are judged by.
pub struct Queues {
    options: Options,
    /// All, if there are no names.
    names: Vec<CString>,
    interfaces: Option<NamedInterfaces>,
    judge: Arc<ArcSwap<Judge>>,
    workers: Vec<Worker>,
}

struct Worker {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl Queues {
    /// Queues that are not served yet. Only packets of the `interfaces` are judged, those of all if
    /// there are none.
    pub fn new(options: Options, interfaces: Vec<CString>) -> Self {
        let judge = Judge { lists: Arc::default(), interfaces: Interfaces::All };
        Queues {
            options,
            names: interfaces,
            interfaces: None,
            judge: Arc::new(ArcSwap::from_pointee(judge)),
            workers: Vec::new(),
        }
    }

    /// From here on packets are judged by these sets. The first time the queues are taken over: all
    /// of them, or none and an error.
    pub fn apply(&mut self, sets: &RangeSets) -> Result<Applied, QueueError> {
        let held = self.held();
        let change = Change::between(held.as_ref(), sets);
        let lists = Lists { v4: Index::new(sets.v4.clone()), v6: Index::new(sets.v6.clone()) };
        let interfaces = self.judge.load().interfaces.clone();
        // A worker may be judging by the old ones right now, and frees them when it is done with
        // its batch, unless that was before.
        self.judge.store(Arc::new(Judge { lists: Arc::new(lists), interfaces }));
        if held.is_none() {
            self.start()?;
        }
        Ok(if change == Change::default() { Applied::Unchanged } else { Applied::Changed(change) })
    }

    /// What packets are judged by, once the queues are served.
    pub fn held(&self) -> Option<RangeSets> {
        if self.workers.is_empty() {
            return None;
        }
        let judge = self.judge.load();
        Some(RangeSets { v4: judge.lists.v4.set().clone(), v6: judge.lists.v6.set().clone() })
    }

    /// Readable when [`Queues::find_interfaces`] is to be called.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.interfaces.as_ref().map(NamedInterfaces::descriptor)
    }

    /// From here on packets of those interfaces are judged that have the names by now. On an error
    /// those that were known before are.
    pub fn find_interfaces(&mut self) -> Result<(), QueueError> {
        let Some(interfaces) = &mut self.interfaces else { return Ok(()) };
        interfaces.drain()?;
        let existing = interfaces.existing()?;
        let only = Interfaces::Only(existing.iter().map(|known| known.index).collect());
        let judge = self.judge.load_full();
        if judge.interfaces != only {
            let names: Vec<_> =
                existing.iter().map(|known| known.name.escape_ascii().to_string()).collect();
            log::debug!("judging packets of: {}", names.join(" "));
            self.judge.store(Arc::new(Judge { lists: judge.lists.clone(), interfaces: only }));
        }
        Ok(())
    }

    /// What was counted of each queue, by its worker and by the kernel.
    pub fn counters(&self) -> Vec<QueueCounters> {
        let kernel = kernel::queues();
        let of_worker = |worker: &Worker| {
            let counters = worker.shared.counters();
            let known = kernel.iter().find(|known| known.queue == counters.queue);
            // What it accepts because the queue is full it does not count.
            let known = known.filter(|_| !self.options.fail_open);
            QueueCounters { queue_full: known.map(|known| known.queue_full), ..counters }
        };
        self.workers.iter().map(of_worker).collect()
    }

    /// Starts a worker for each queue; none if one of them cannot have its queue.
    fn start(&mut self) -> Result<(), QueueError> {
        if !self.names.is_empty() {
            self.interfaces = Some(NamedInterfaces::follow(self.names.clone())?);
            self.find_interfaces()?;
        }
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
                    // This end has a sender, too, so it waits for the worker, which says something
                    // before it ends.
                    answers.recv().unwrap_or(Ok(()))
                }
                Err(source) => Err(QueueError::Thread { queue, source }),
            };
            if let Err(error) = started {
                self.stop();
                return Err(error);
            }
        }
        Ok(())
    }

    /// Gives the packets that wait their verdicts, and gives the queues up.
    pub fn stop(&mut self) {
        for worker in &self.workers {
            worker.shared.stop();
            // It may be waiting after an error.
            worker.thread.thread().unpark();
        }
        for worker in self.workers.drain(..) {
            // It cannot have panicked: that would have ended the process.
            let _ = worker.thread.join();
        }
    }
}
