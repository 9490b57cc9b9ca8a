//! One queue, one thread: receives packets, has them judged, and sends the verdicts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mnl::{Bus, Socket};

use super::Options;
use super::judge::{Judge, Judgement};
use super::kernel;
use super::message::{self, Incoming, Packet, Verdict, Verdicts};
use crate::netlink::{Message, Reply};
use crate::status::QueueStatus;
use crate::sys::{self, Datagrams};

/// Packets received at once. More would make the first of them wait longer for its verdict, and
/// spare little.
const AT_ONCE: usize = 64;

/// Room for a message about a packet: its headers and attributes are about 250 bytes.
const MESSAGE: usize = 512;

/// What a message takes of the receive buffer, in the kernel's own reckoning: memory comes in
/// powers of two, and the kernel doubles what is asked for.
const MESSAGE_IN_BUFFER: u64 = 640;

/// How long to wait after an error before going on.
const PAUSE: Duration = Duration::from_secs(2);

// The sequence numbers tell to what an answer belongs. Verdicts have none, and are answered only
// if something is wrong with them.
const VERDICT: u32 = 0;
const BIND: u32 = 1;
const PING: u32 = 2;
const UNBIND: u32 = 3;

/// The number of the first packet of a queue that was just bound.
const FIRST: u32 = 1;

/// What a worker and those who look after it share.
pub struct Shared {
    /// The queue.
    pub queue: u16,
    /// What packets are judged by.
    pub judge: Arc<ArcSwap<Judge>>,
    counters: Counters,
    stop: AtomicBool,
    /// A second descriptor of the worker's socket, to wake it by.
    waker: Mutex<Option<OwnedFd>>,
}

/// Written by the worker alone, read by anyone.
#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    dropped: AtomicU64,
    unreadable: AtomicU64,
    malformed: AtomicU64,
    enobufs: AtomicU64,
    /// Packets whose numbers were left out.
    missed: AtomicU64,
    /// In nanoseconds.
    longest_wait: AtomicU64,
}

impl Shared {
    /// For a worker that is to be started.
    pub fn new(queue: u16, judge: Arc<ArcSwap<Judge>>) -> Self {
        Shared {
            queue,
            judge,
            counters: Counters::default(),
            stop: AtomicBool::new(false),
            waker: Mutex::new(None),
        }
    }

    /// Tells the worker to end. It first gives the packets that wait their verdicts.
    pub fn stop(&self) {
        self.stop.store(true, Relaxed);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = waker.as_ref() {
            // If this fails the worker is not waiting: its socket is gone, or so full that the
            // answer does not fit.
            let _ = sys::send(socket.as_fd(), &message::ping(self.queue, PING));
        }
    }

    /// What the worker has counted, beside what the kernel has.
    pub fn status(&self) -> QueueStatus {
        let Counters { accepted, dropped, unreadable, malformed, enobufs, missed, longest_wait } =
            &self.counters;
        let (accepted, dropped) = (accepted.load(Relaxed), dropped.load(Relaxed));
        QueueStatus {
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

/// Why a queue cannot be served now.
enum Trouble {
    /// Reading or writing failed; the socket may still do.
    Io(io::Error),
    /// The socket is of no more use, or verdicts were lost. A new one has to be made.
    Gone(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EBADF | libc::ENOTSOCK) => Trouble::Gone(error.to_string()),
            _ => Trouble::Io(error),
        }
    }
}

/// Serves a queue until it is told to stop. Says once whether it could begin; if not, the reason as
/// a sentence.
pub fn serve(shared: &Shared, options: &Options, began: &Sender<Result<(), String>>) {
    let mut worker = Worker {
        shared,
        options,
        datagrams: Datagrams::new(AT_ONCE, MESSAGE),
        verdicts: Verdicts::new(shared.queue),
        next: FIRST,
        failing: false,
    };
    let mut socket = match worker.open() {
        Ok(socket) => Some(socket),
        Err(error) => {
            // Who waits for it may have given up.
            let _ = began.send(Err(error));
            return;
        }
    };
    let _ = began.send(Ok(()));
    loop {
        let trouble = match &socket {
            Some(serving) => match worker.until_trouble(serving) {
                Ok(()) => break,
                Err(Trouble::Io(error)) => error.to_string(),
                Err(Trouble::Gone(reason)) => {
                    worker.close(socket.take());
                    reason
                }
            },
            None if shared.stop.load(Relaxed) => break,
            None => match worker.open() {
                Ok(opened) => {
                    socket = Some(opened);
                    continue;
                }
                Err(reason) => reason,
            },
        };
        worker.tell(&trouble);
        worker.pause();
    }
    worker.end(socket);
}

struct Worker<'a> {
    shared: &'a Shared,
    options: &'a Options,
    datagrams: Datagrams,
    verdicts: Verdicts,
    /// The number that the next packet has, if the kernel can deliver it.
    next: u32,
    /// Whether what came last was an error, which is told once.
    failing: bool,
}

impl Worker<'_> {
    /// A socket that has the queue.
    fn open(&mut self) -> Result<Socket, String> {
        let queue = self.shared.queue;
        let failed = |error: io::Error| format!("queue {queue}: netlink socket: {error}");
        let socket = Socket::open(Bus::Netfilter).map_err(failed)?;
        let fd = sys::netlink_fd(&socket);
        prepare(fd, self.options.max_length).map_err(failed)?;
        socket.bind(0, 0).map_err(failed)?;
        sys::send(fd, &message::bind(queue, self.options, BIND)).map_err(failed)?;
        self.next = FIRST;
        // The answer was made within that call, so it waits here, behind packets if there are any.
        let errno = loop {
            self.datagrams.receive(fd, false).map_err(failed)?;
            match self.answer(fd) {
                Ok(Some(reply)) if reply.sequence == BIND => break reply.errno,
                Ok(_) => {}
                Err(Trouble::Io(error)) => return Err(failed(error)),
                Err(Trouble::Gone(reason)) => return Err(format!("queue {queue}: {reason}")),
            }
        };
        if errno != 0 {
            return Err(refused(queue, errno));
        }
        let waker = fd.try_clone_to_owned().map_err(failed)?;
        *self.waker() = Some(waker);
        Ok(socket)
    }

    fn waker(&self) -> std::sync::MutexGuard<'_, Option<OwnedFd>> {
        self.shared.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives verdicts until it is told to stop.
    fn until_trouble(&mut self, socket: &Socket) -> Result<(), Trouble> {
        let fd = sys::netlink_fd(socket);
        if self.failing {
            sys::send(fd, &message::ping(self.shared.queue, PING))?;
        }
        while !self.shared.stop.load(Relaxed) {
            match self.datagrams.receive(fd, true) {
                Ok(()) => {
                    if std::mem::take(&mut self.failing) {
                        log::info!("queue {}: served again", self.shared.queue);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    self.shared.counters.enobufs.fetch_add(1, Relaxed);
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            if let Some(reply) = self.answer(fd)?.filter(|reply| reply.errno != 0) {
                return Err(Trouble::Gone(refused(self.shared.queue, reply.errno)));
            }
        }
        Ok(())
    }

    /// Gives the packets that were received last their verdicts. Returns the answer to a
    /// configuration, if one was among them.
    fn answer(&mut self, socket: BorrowedFd<'_>) -> Result<Option<Reply>, Trouble> {
        let begin = Instant::now();
        // One for all of them: neither a reload nor the end of an interface comes in between.
        let judge = self.shared.judge.load();
        let (mut accepted, mut dropped, mut unreadable, mut malformed) = (0, 0, 0, 0);
        let mut missed = 0;
        let mut answer = None;
        self.verdicts.clear();
        for datagram in self.datagrams.iter() {
            let mut rest = datagram;
            while !rest.is_empty() {
                let Some((message, behind)) = Message::parse(rest) else {
                    malformed += 1;
                    break;
                };
                rest = behind;
                match Incoming::parse(&message) {
                    Incoming::Packet(packet) => {
                        let judgement = judge.judge(&packet);
                        let drop = self.options.drops(judgement);
                        *(if drop { &mut dropped } else { &mut accepted }) += 1;
                        unreadable += u64::from(judgement == Judgement::Unreadable);
                        missed += u64::from(packet.id.wrapping_sub(self.next));
                        self.next = packet.id.wrapping_add(1);
                        self.verdicts.push(packet.id, self.options.verdict(drop, &packet));
                    }
                    Incoming::Reply(reply) if reply.sequence != VERDICT => answer = Some(reply),
                    Incoming::Reply(reply) => late(&reply)?,
                    Incoming::Malformed => malformed += 1,
                }
            }
        }
        drop(judge);
        let counters = &self.shared.counters;
        counters.malformed.fetch_add(malformed, Relaxed);
        counters.missed.fetch_add(missed, Relaxed);
        if accepted + dropped > 0 {
            send(socket, self.verdicts.bytes())?;
            counters.accepted.fetch_add(accepted, Relaxed);
            counters.dropped.fetch_add(dropped, Relaxed);
            counters.unreadable.fetch_add(unreadable, Relaxed);
            let wait = begin.elapsed().as_nanos().try_into().unwrap_or(u64::MAX);
            counters.longest_wait.fetch_max(wait, Relaxed);
        }
        Ok(answer)
    }

    fn tell(&mut self, trouble: &str) {
        let queue = self.shared.queue;
        if self.failing {
            log::debug!("queue {queue}: {trouble}");
        } else {
            log::error!("queue {queue}: {trouble}; trying again every {} s", PAUSE.as_secs());
        }
        self.failing = true;
    }

    /// Waits before the next attempt, unless it is told to stop.
    fn pause(&self) {
        let end = Instant::now() + PAUSE;
        while !self.shared.stop.load(Relaxed) {
            match end.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => break,
            }
        }
    }

    /// Closes a socket, whereby the kernel drops what waits in the queue, and gives it up.
    fn close(&mut self, socket: Option<Socket>) {
        *self.waker() = None;
        drop(socket);
    }

    /// Gives the packets that wait their verdicts, as many as the queue can have held, and then
    /// gives the queue up.
    fn end(&mut self, socket: Option<Socket>) {
        if let Some(socket) = &socket {
            let fd = sys::netlink_fd(socket);
            let mut left = i64::from(self.options.max_length);
            while left > 0 && self.datagrams.receive(fd, false).is_ok() {
                if self.answer(fd).is_err() {
                    break;
                }
                left -= AT_ONCE as i64;
            }
            // Closing the socket does the same.
            let _ = sys::send(fd, &message::unbind(self.shared.queue, UNBIND));
        }
        self.close(socket);
    }
}

impl Options {
    /// Whether a judgement means that the packet is dropped.
    fn drops(&self, judgement: Judgement) -> bool {
        match judgement {
            Judgement::Accept => false,
            Judgement::Drop => true,
            Judgement::Unreadable => !self.fail_open,
        }
    }

    /// The verdict. A packet that comes back with the mark that it was to get has found no rule
    /// that looks at the mark; repeating it for ever would help nobody.
    fn verdict(&self, drop: bool, packet: &Packet<'_>) -> Verdict {
        let (mark, code) = if drop {
            (self.mark_drop, libc::NF_DROP)
        } else {
            (self.mark_accept, libc::NF_ACCEPT)
        };
        match mark {
            Some(mark) if mark.get() != packet.mark => {
                Verdict { code: libc::NF_REPEAT, mark: Some(mark) }
            }
            _ => Verdict { code, mark: None },
        }
    }
}

/// Makes a socket ready to receive `packets` that wait.
fn prepare(socket: BorrowedFd<'_>, packets: u32) -> io::Result<()> {
    sys::set_close_on_exec(socket)?;
    // With it a full buffer costs the packets that do not fit, which the kernel counts. Without it
    // the kernel refuses all others, too, until the buffer is empty.
    sys::set_socket_option(socket, libc::SOL_NETLINK, libc::NETLINK_NO_ENOBUFS, 1)?;
    // An answer that quotes the whole verdict is of no use.
    sys::set_socket_option(socket, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)?;
    let bytes = (u64::from(packets) * MESSAGE_IN_BUFFER).min(i32::MAX as u64 / 2) as i32;
    sys::force_buffer(socket, libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, bytes)
}

/// Sends verdicts. If they cannot be sent, what comes later must not be decided by later ones, so
/// the socket is of no more use.
fn send(socket: BorrowedFd<'_>, verdicts: &[u8]) -> Result<(), Trouble> {
    loop {
        match sys::send(socket, verdicts) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                return result
                    .map_err(|error| Trouble::Gone(format!("verdicts cannot be sent: {error}")));
            }
        }
    }
}

/// What the kernel says to a verdict: that the packet is gone by now, which does no harm, or that
/// the queue is.
fn late(reply: &Reply) -> Result<(), Trouble> {
    match reply.errno {
        0 | libc::ENOENT => Ok(()),
        errno => {
            let error = io::Error::from_raw_os_error(errno);
            Err(Trouble::Gone(format!("the kernel takes no verdicts: {error}")))
        }
    }
}

/// Why a queue cannot be had, with the cure.
fn refused(queue: u16, errno: i32) -> String {
    let other = kernel::queues().into_iter().find(|other| other.queue == queue);
    let error = io::Error::from_raw_os_error(errno);
    match (errno, other) {
        (libc::EPERM | libc::EBUSY, Some(other)) => format!(
            "queue {queue} is served by another program ({}); stop it, or choose another number",
            kernel::program(other.port)
        ),
        (libc::EPERM, None) => {
            format!("queue {queue}: {error}; netfilterd needs CAP_NET_ADMIN to serve it")
        }
        (libc::EINVAL | libc::ENOENT | libc::EPROTONOSUPPORT, _) => format!(
            "queue {queue}: {error}; this kernel has no NFQUEUE: module nfnetlink_queue \
             (CONFIG_NETFILTER_NETLINK_QUEUE)"
        ),
        (libc::EOPNOTSUPP, _) => format!(
            "queue {queue}: {error}; this kernel is too old: queue mode needs Linux 3.10 or later"
        ),
        (libc::ENODEV, _) => format!("queue {queue} was taken away"),
        _ => format!("queue {queue}: {error}"),
    }
}
