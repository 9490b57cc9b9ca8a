//! What a worker shares with the thread of the daemon: the sets to judge by, its counters, and the
//! request to stop.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::counters::QueueCounters;
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

    /// Adds the counts of a batch of packets.
    pub fn count(&self, counted: &QueueCounters) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) += counted;
    }

    /// A copy of the counters of all batches so far.
    pub fn counters(&self) -> QueueCounters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
