//! What other threads of the daemon send to the loop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Receives values of other threads; its descriptor wakes the loop.
pub struct Mailbox<T> {
    values: mpsc::Receiver<T>,
    wake: Arc<EventFd>,
}

/// Sends values to a [`Mailbox`], from any thread, without waiting.
pub struct Sender<T> {
    values: mpsc::Sender<T>,
    wake: Arc<EventFd>,
}

impl<T> Mailbox<T> {
    /// An empty mailbox, and what sends to it. Fails if the process has no descriptor left.
    pub fn new() -> io::Result<(Sender<T>, Self)> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags)?);
        let (sender, values) = mpsc::channel();
        Ok((Sender { values: sender, wake: wake.clone() }, Mailbox { values, wake }))
    }

    /// All values that have arrived.
    pub fn receive(&self) -> impl Iterator<Item = T> {
        // Before the values are taken: one that arrives later makes it readable again. An error means
        // that it was not readable.
        let _ = self.wake.read();
        self.values.try_iter()
    }
}

impl<T> AsFd for Mailbox<T> {
    /// Readable when a value has arrived.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { values: self.values.clone(), wake: self.wake.clone() }
    }
}

impl<T> Sender<T> {
    /// Sends a value. Does nothing if the mailbox is gone.
    pub fn send(&self, value: T) {
        if self.values.send(value).is_ok() {
            // Fails only if the counter would overflow; then it is readable already.
            let _ = self.wake.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::sys;

    #[test]
    fn each_value_of_another_thread_arrives_once_and_wakes_the_loop() {
        let (sender, mailbox) = Mailbox::new().unwrap();
        let is_readable = |time| sys::wait_readable([mailbox.as_fd()], time).unwrap() == [true];
        assert!(!is_readable(Some(Duration::ZERO)));
        for round in 0..3 {
            let senders = [sender.clone(), sender.clone()];
            let threads = senders.map(|sender| thread::spawn(move || sender.send(round)));
            let mut received = Vec::new();
            while received.len() < threads.len() {
                assert!(is_readable(None));
                received.extend(mailbox.receive());
            }
            assert_eq!(received, [round; 2]);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            // The second one may have woken the loop after its value was taken.
            assert_eq!(mailbox.receive().count(), 0);
            assert!(!is_readable(Some(Duration::ZERO)));
        }
    }
}
