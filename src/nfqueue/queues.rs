//! The queues of a process: one worker for each, and the sets by which they judge.
//!
//! New range sets are indexed while the old ones are in use; then one pointer is swapped. No worker
//! waits for the swap, and each batch of packets is judged by the old sets or by the new ones.

use std::ffi::CString;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;

use super::counters::QueueCounters;
use super::error::QueueError;
use super::index::Index;
use super::interfaces::NamedInterfaces;
use super::judge::{Interfaces, Judge, Lists};
use super::kernel;
use super::options::Options;
use super::shared::{Failure, Shared};
use super::worker;
use crate::ip::RangeSets;
use crate::ip::change::{Applied, Change};
use crate::netlink::link::FoundLinks;

/// The queues, and the sets by which their packets are judged.
pub struct Queues {
    options: Options,
    /// The names of `--interface`, and once the queues are served those that their packets have; if
    /// empty, packets of all interfaces are judged.
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
    /// Queues that are not served yet. Only packets of the `interfaces` are judged; if there are none,
    /// packets of all interfaces.
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

    /// Has packets judged by these sets from now on. The first call also binds the queues: all of them,
    /// or none and an error.
    pub fn apply(&mut self, sets: &RangeSets) -> Result<Applied, QueueError> {
        let held = self.held();
        let change = Change::between(held.as_ref(), sets);
        let lists = Lists { v4: Index::new(sets.v4.clone()), v6: Index::new(sets.v6.clone()) };
        let interfaces = self.judge.load().interfaces.clone();
        // A worker may be judging by the old sets. Then it frees them after its batch.
        self.judge.store(Arc::new(Judge { lists: Arc::new(lists), interfaces }));
        if held.is_none() {
            self.start()?;
        }
        Ok(if change == Change::default() { Applied::Unchanged } else { Applied::Changed(change) })
    }

    /// The sets by which packets are judged; `None` before the queues are served.
    pub fn held(&self) -> Option<RangeSets> {
        if self.workers.is_empty() {
            return None;
        }
        let judge = self.judge.load();
        Some(RangeSets { v4: judge.lists.v4.set().clone(), v6: judge.lists.v6.set().clone() })
    }

    /// Readable when [`Queues::find_interfaces`] must be called.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.interfaces.as_ref().map(NamedInterfaces::descriptor)
    }

    /// Has packets judged on the interfaces that have the names now. On error the interfaces that were
    /// known before stay.
    pub fn find_interfaces(&mut self) -> Result<(), QueueError> {
        let Some(interfaces) = &mut self.interfaces else { return Ok(()) };
        let FoundLinks { names, indices } = interfaces.find()?;
        self.names = names;
        let only = Interfaces::Only(indices);
        let judge = self.judge.load_full();
        if judge.interfaces != only {
            log::debug!("judging packets of the interfaces with these numbers: {only:?}");
            self.judge.store(Arc::new(Judge { lists: judge.lists.clone(), interfaces: only }));
        }
        Ok(())
    }

    /// The names of the interfaces whose packets are judged; `None` if that is all of them.
    pub fn interfaces(&self) -> Option<&[CString]> {
        self.interfaces.as_ref().map(|_| &self.names[..])
    }

    /// The counters of each queue, from its worker and from the kernel.
    pub fn counters(&self) -> Vec<QueueCounters> {
        let kernel = kernel::queues();
        let of_worker = |worker: &Worker| {
            let counters = worker.shared.counters();
            let known = kernel.iter().find(|known| known.queue == counters.queue);
            // The kernel does not count packets that it accepts because the queue is full.
            let known = known.filter(|_| !self.options.fail_open);
            QueueCounters { queue_full: known.map(|known| known.queue_full), ..counters }
        };
        self.workers.iter().map(of_worker).collect()
    }

    /// Why queues are not served, of each that is not.
    pub fn failures(&self) -> Vec<Failure> {
        self.workers.iter().filter_map(|worker| worker.shared.failure()).collect()
    }

    /// Starts a worker for each queue. If one of them cannot bind its queue, stops all.
    fn start(&mut self) -> Result<(), QueueError> {
        if !self.names.is_empty() {
            self.interfaces = Some(NamedInterfaces::follow(self.names.clone())?);
            self.find_interfaces()?;
        }
        let (began, answers) = mpsc::channel();
        for queue in self.options.queues.clone() {
            let shared = Arc::new(Shared::new(queue, self.judge.clone()));
            let thread = worker::start(shared.clone(), self.options.clone(), began.clone());
            let started = match thread {
                Ok(thread) => {
                    self.workers.push(Worker { shared, thread });
                    // This thread holds a sender, too, so it waits until the worker has sent its result.
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

    /// Gives verdicts to the packets that wait, and unbinds the queues.
    pub fn stop(&mut self) {
        for worker in &self.workers {
            worker.shared.stop();
            // The worker may be pausing after an error.
            worker.thread.thread().unpark();
        }
        for worker in self.workers.drain(..) {
            // The worker has not panicked: a panic aborts the process.
            let _ = worker.thread.join();
        }
    }
}
