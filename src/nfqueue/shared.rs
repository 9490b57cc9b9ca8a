//! What a worker shares with those who look after it: what it judges by, what it has counted, and
//! that it is to stop.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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
    pub(super) counted: Counters,
    stop: AtomicBool,
    /// A second descriptor of the worker's socket, to wake it by.
    waker: Mutex<Option<OwnedFd>>,
}

/// Written by the worker alone, read by anyone.
#[derive(Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    dropped: AtomicU64,
    unreadable: AtomicU64,
    malformed: AtomicU64,
    pub enobufs: AtomicU64,
    missed: AtomicU64,
    longest_wait: AtomicU64,
}

/// What was counted of packets that were received together.
#[derive(Default)]
pub(super) struct Tally {
    pub accepted: u64,
    pub dropped: u64,
    /// Of these, those that could not be read.
    pub unreadable: u64,
    /// Messages that were none.
    pub malformed: u64,
    /// Packets whose numbers were left out.
    pub missed: u64,
    /// How long they were in the worker's hands, in nanoseconds.
    pub wait: u64,
}

impl Counters {
    /// Adds what was counted.
    pub fn add(&self, tally: &Tally) {
        let Tally { accepted, dropped, unreadable, malformed, missed, wait } = *tally;
        self.accepted.fetch_add(accepted, Relaxed);
        self.dropped.fetch_add(dropped, Relaxed);
        self.unreadable.fetch_add(unreadable, Relaxed);
        self.malformed.fetch_add(malformed, Relaxed);
        self.missed.fetch_add(missed, Relaxed);
        self.longest_wait.fetch_max(wait, Relaxed);
    }
}

impl Shared {
    /// For a worker that is to be started.
    pub fn new(queue: u16, judge: Arc<ArcSwap<Judge>>) -> Self {
        Shared {
            queue,
            judge,
            counted: Counters::default(),
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

    /// What the worker has counted, beside what the kernel has.
    pub fn counters(&self) -> QueueCounters {
        let Counters { accepted, dropped, unreadable, malformed, enobufs, missed, longest_wait } =
            &self.counted;
        let (accepted, dropped) = (accepted.load(Relaxed), dropped.load(Relaxed));
        QueueCounters {
            queue: self.queue,
            packets: accepted + dropped,
            accepted,
            dropped,
            unreadable: unreadable.load(Relaxed),
            malformed: malformed.load(Relaxed),
            enobufs: enobufs.load(Relaxed),
            queue_full: None,
            buffer_full: missed.load(Relaxed),
            longest_wait: Duration::from_nanos(longest_wait.load(Relaxed)).as_secs_f64(),
        }
    }
}
