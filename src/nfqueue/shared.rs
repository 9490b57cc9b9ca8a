//! What a worker shares with the thread of the daemon: the sets to judge by, its counters, and the
//! request to stop.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::counters::QueueCounters;
use super::error::QueueError;
use super::judge::Judge;
use super::message;
use crate::sys;

/// The state that a worker and the thread of the daemon share.
pub struct Shared {
    /// The number of the queue.
    pub queue: u16,
    /// The sets and interfaces by which packets are judged.
    pub judge: Arc<ArcSwap<Judge>>,
    /// The worker locks it once for each batch of packets, the daemon to read it.
    counters: Mutex<QueueCounters>,
    stop: AtomicBool,
    /// A second descriptor of the worker's socket. A message to it wakes the worker.
    waker: Mutex<Option<OwnedFd>>,
    /// The netlink port of the worker's socket; 0 while it has none.
    port: AtomicU32,
    /// Why the queue is not served, and since when.
    failure: Mutex<Option<Failure>>,
}

/// Why a queue is not served.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The number of the queue.
    pub queue: u16,
    /// Since when.
    pub since: SystemTime,
    /// The program that serves the queue instead, if one does and it is known.
    pub by: Option<String>,
    /// The error, as a sentence.
    pub error: String,
}

impl Shared {
    /// The state for a worker that has not been started.
    pub fn new(queue: u16, judge: Arc<ArcSwap<Judge>>) -> Self {
        Shared {
            queue,
            judge,
            counters: Mutex::new(QueueCounters { queue, ..QueueCounters::default() }),
            stop: AtomicBool::new(false),
            waker: Mutex::new(None),
            port: AtomicU32::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Requests the worker to stop. Before it stops it gives verdicts to the packets that wait.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
        if let Some(socket) = self.waker().as_ref() {
            // If this fails the worker is not waiting: its socket is closed, or has no room for the
            // reply.
            let _ = sys::send(socket.as_fd(), &message::ping(self.queue));
        }
    }

    /// Whether the worker must stop.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// Sets the descriptor that wakes the worker; `None` when the worker closes its socket.
    pub fn wake_by(&self, socket: Option<OwnedFd>) {
        *self.waker() = socket;
    }

    fn waker(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the queue is served, at a netlink port.
    pub fn served_at(&self, port: u32) {
        self.port.store(port, Relaxed);
        *self.locked_failure() = None;
    }

    /// Records why the queue is not served, or is served with errors. `is_closed` if its socket was
    /// closed.
    pub fn failed(&self, error: &QueueError, is_closed: bool) {
        if is_closed {
            self.port.store(0, Relaxed);
        }
        let by = match error {
            QueueError::Taken { by, .. } if by.is_known() => Some(by.to_string()),
            _ => None,
        };
        let mut failure = self.locked_failure();
        let since = failure.as_ref().map_or_else(SystemTime::now, |failure| failure.since);
        let error = error.to_string();
        *failure = Some(Failure { queue: self.queue, since, by, error });
    }

    /// Why the queue is not served now; `None` if it is.
    pub fn failure(&self) -> Option<Failure> {
        self.locked_failure().clone()
    }

    fn locked_failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds the counts of a batch of packets.
    pub fn count(&self, counted: &QueueCounters) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) += counted;
    }

    /// A copy of the counters of all batches so far.
    pub fn counters(&self) -> QueueCounters {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
        QueueCounters { port: self.port.load(Relaxed), ..counters }
    }
}
