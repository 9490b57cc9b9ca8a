//! The thread of a queue: receives packets, has them judged, and sends the verdicts.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::counters::QueueCounters;
use super::error::QueueError;
use super::judge::{Judgement, Judgements};
use super::message::{self, Incoming, Verdicts, sequence};
use super::options::Options;
use super::shared::Shared;
use super::socket::{self, QueueSocket};
use crate::netlink::{Message, Reply};
use crate::sys::Datagrams;

/// Packets that are received in one call. With more, the first packet would wait longer for its verdict,
/// and little time would be saved.
const AT_ONCE: usize = 64;

/// Bytes for the message of a packet, whose headers and attributes take about 250.
const MESSAGE: usize = 512;

/// The pause after an error.
const PAUSE: Duration = Duration::from_secs(2);

/// The number that the kernel gives the first packet of a new queue.
const FIRST: u32 = 1;

/// Aborts the process if the thread panics: a queue without a worker would silently drop its packets or
/// let all of them pass, whereas the service manager restarts a process that aborted. Release builds
/// abort at any panic (`panic = "abort"`).
struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            std::process::abort();
        }
    }
}

/// Starts a thread that serves a queue until [`Shared::stop`]. It sends the result of binding the queue
/// to `began`.
pub fn start(
    shared: Arc<Shared>,
    options: Options,
    began: Sender<Result<(), QueueError>>,
) -> io::Result<JoinHandle<()>> {
    spawn(shared.queue, move || serve(&shared, &options, &began))
}

/// A thread for a queue, which ends the process if it panics.
fn spawn(queue: u16, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("queue {queue}")).spawn(|| {
        let _guard = AbortOnPanic;
        body();
    })
}

fn serve(shared: &Shared, options: &Options, began: &Sender<Result<(), QueueError>>) {
    let mut worker = Worker {
        shared,
        options,
        datagrams: Datagrams::new(AT_ONCE, MESSAGE),
        judgements: Judgements::default(),
        verdicts: Verdicts::new(shared.queue),
        next: FIRST,
        failing: false,
    };
    let mut socket = match worker.open() {
        Ok(socket) => Some(socket),
        Err(error) => {
            // The receiver may be gone, if another queue failed.
            let _ = began.send(Err(error));
            return;
        }
    };
    let _ = began.send(Ok(()));
    while !shared.is_stopped() {
        let served = match &socket {
            Some(serving) => worker.until_error(serving),
            None => worker.open().map(|opened| socket = Some(opened)),
        };
        if let Err(error) = served {
            if error.needs_new_socket() {
                worker.close(socket.take());
            }
            shared.failed(&error, socket.is_none());
            worker.pause(&error);
        }
    }
    if let Some(socket) = socket {
        worker.end(socket);
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    options: &'a Options,
    datagrams: Datagrams,
    judgements: Judgements,
    verdicts: Verdicts,
    /// The number of the next packet, if no packet is lost.
    next: u32,
    /// Whether the last attempt failed. Only the first of several failures is logged.
    failing: bool,
}

impl Worker<'_> {
    /// Binds the queue. Returns its socket.
    fn open(&mut self) -> Result<QueueSocket, QueueError> {
        let queue = self.shared.queue;
        let socket = QueueSocket::open(queue, self.options)?;
        self.next = FIRST;
        // The kernel replied while the request was sent, so the reply waits, perhaps after packets.
        let errno = loop {
            let received = self.datagrams.receive(socket.fd(), false);
            received.map_err(|error| QueueError::Socket { queue, source: error })?;
            match self.answer(&socket)? {
                Some(reply) if reply.sequence == sequence::BIND => break reply.errno,
                _ => {}
            }
        };
        if errno != 0 {
            return Err(socket::refused(queue, errno));
        }
        self.shared.wake_by(Some(socket.duplicate()?));
        self.shared.served_at(socket.port());
        Ok(socket)
    }

    /// Gives verdicts until an error, or until the worker must stop.
    fn until_error(&mut self, socket: &QueueSocket) -> Result<(), QueueError> {
        let queue = self.shared.queue;
        if self.failing {
            socket.send(&message::ping(queue))?;
        }
        while !self.shared.is_stopped() {
            match self.datagrams.receive(socket.fd(), true) {
                Ok(()) => {
                    if std::mem::take(&mut self.failing) {
                        log::info!("queue {queue}: served again");
                        self.shared.served_at(socket.port());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.shared.count(&QueueCounters { enobufs: 1, ..QueueCounters::default() });
                    continue;
                }
                Err(error) => return Err(QueueError::Socket { queue, source: error }),
            }
            if let Some(reply) = self.answer(socket)?.filter(|reply| reply.errno != 0) {
                return Err(socket::refused(queue, reply.errno));
            }
        }
        Ok(())
    }

    /// Sends the verdicts of the packets that were received last. Returns the reply to a configuration,
    /// if one was received with them.
    fn answer(&mut self, socket: &QueueSocket) -> Result<Option<Reply>, QueueError> {
        let begin = Instant::now();
        let mut answer = None;
        let mut packets = Vec::with_capacity(AT_ONCE);
        let mut malformed = 0;
        for datagram in self.datagrams.iter() {
            let mut rest = datagram;
            while !rest.is_empty() {
                let Some((message, behind)) = Message::parse(rest) else {
                    malformed += 1;
                    break;
                };
                rest = behind;
                match Incoming::parse(&message) {
                    Incoming::Packet(packet) => packets.push(packet),
                    Incoming::Reply(reply) if reply.sequence == sequence::VERDICT => {
                        socket::check_reply(self.shared.queue, &reply)?;
                    }
                    Incoming::Reply(reply) => answer = Some(reply),
                    Incoming::Malformed => malformed += 1,
                }
            }
        }
        // One value for the whole batch, although a reload may replace it meanwhile.
        let judge = self.shared.judge.load();
        let judgements = judge.judge(&packets, &mut self.judgements);
        let mut counted = QueueCounters { malformed, ..QueueCounters::default() };
        self.verdicts.clear();
        for (packet, &judgement) in packets.iter().zip(judgements) {
            let drop = self.options.drops(judgement);
            counted.packets += 1;
            *(if drop { &mut counted.dropped } else { &mut counted.accepted }) += 1;
            counted.unreadable += u64::from(judgement == Judgement::Unreadable);
            // The missing numbers are packets for which the receive buffer had no room.
            counted.buffer_full += u64::from(packet.id.wrapping_sub(self.next));
            self.next = packet.id.wrapping_add(1);
            self.verdicts.push(packet.id, self.options.verdict(drop, packet));
        }
        drop(judge);
        if !packets.is_empty() {
            socket.send_verdicts(self.verdicts.bytes())?;
            counted.longest_wait = begin.elapsed().as_secs_f64();
        }
        self.shared.count(&counted);
        Ok(answer)
    }

    /// Logs the error, if it is the first, and waits [`PAUSE`], or less if the worker must stop.
    fn pause(&mut self, error: &QueueError) {
        if self.failing {
            log::debug!("{error}");
        } else {
            log::error!("{error}; retrying every {} s", PAUSE.as_secs());
        }
        self.failing = true;
        let end = Instant::now() + PAUSE;
        while !self.shared.is_stopped() {
            match end.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => break,
            }
        }
    }

    /// Closes the socket. The kernel drops the packets that wait, and unbinds the queue.
    fn close(&mut self, socket: Option<QueueSocket>) {
        self.shared.wake_by(None);
        drop(socket);
    }

    /// Gives verdicts to the packets that wait, at most as many as the queue can hold, and then unbinds
    /// the queue.
    fn end(&mut self, socket: QueueSocket) {
        let mut left = i64::from(self.options.max_length);
        while left > 0 && self.datagrams.receive(socket.fd(), false).is_ok() {
            if self.answer(&socket).is_err() {
                break;
            }
            left -= AT_ONCE as i64;
        }
        // If this fails, closing the socket unbinds the queue.
        let _ = socket.send(&message::unbind(self.shared.queue));
        self.close(Some(socket));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Set in the process that is to panic.
    const PANICS: &str = "NETFILTERD_TEST_WORKER_PANICS";

    #[test]
    fn a_worker_that_panics_ends_the_process() {
        if std::env::var_os(PANICS).is_some() {
            let worker = spawn(0, || panic!("as a worker might")).unwrap();
            // Without the guard the process would go on from here, and end well.
            let _ = worker.join();
            return;
        }
        let name = "nfqueue::worker::tests::a_worker_that_panics_ends_the_process";
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", name]).env(PANICS, "1").output().unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:?}");
    }
}
