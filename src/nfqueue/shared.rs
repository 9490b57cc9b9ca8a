//! What a worker shares with those who look after it: what it judges by, what it has counted, and
//! that it is to stop.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::counters::QueueCounters;
use super::judge::Judge;
use super::message;
use crate::sys;

/// What a worker and those who look after it share.
pub struct Shared {
    /// The queue.
    pub queue: u16,
    /// What packets are judged by.
    pub judge: Arc<ArcSwap<Judge>>,
    /// Locked by the worker once for all packets that it receives together, and by others to read.
    counters: Mutex<QueueCounters>,
    stop: AtomicBool,
    /// A second descriptor of the worker's socket, to wake it by.
    waker: Mutex<Option<OwnedFd>>,
}

impl Shared {
    /// For a worker that is to be started.
    pub fn new(queue: u16, judge: Arc<ArcSwap<Judge>>) -> Self {
        Shared {
            queue,
            judge,
            counters: Mutex::new(QueueCounters { queue, ..QueueCounters::default() }),
            stop: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// Tells the worker to end. It first gives the packets that wait their verdicts.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
        if let Some(socket) = self.waker().as_ref() {
            // If this fails the worker is not waiting: its socket is gone, or so full that the
            // answer does not fit.
            let _ = sys::send(socket.as_fd(), &message::ping(self.queue));
        }
    }

    /// Whether the worker is to end.
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Relaxed)
    }

    /// The worker can be woken by this from here on, or no more.
    pub fn wake_by(&self, socket: Option<OwnedFd>) {
        *self.waker() = socket;
    }

    fn waker(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what the worker has counted.
    pub fn count(&self, counted: &QueueCounters) {
        *self.counters.lock().unwrap_or_else(PoisonError::into_inner) += counted;
    }

    /// What the worker has counted so far.
    pub fn counters(&self) -> QueueCounters {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
