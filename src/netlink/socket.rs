//! A netlink socket: the one place where sockets of the kernel are opened, sent to and received from.
//!
//! Built on libmnl's socket. Its function that sends several messages is not used: it makes a
//! datagram of each, and the kernel takes a transaction of nf_tables only as one.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::{Message, Messages, OpenError, Reply, RequestError};
use crate::sys;

/// Room for a datagram. The largest piece that the kernel hands out at once is 32 KiB.
const DATAGRAM: usize = 64 << 10;

/// How long an answer may pause. The kernel makes the next piece of a dump when the last one is
/// fetched, so a pause means that no more is coming.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a dump is begun again because what it shows changed under it.
const DUMPS: u32 = 20;

/// The same where what all of them show together is good enough: what was there all the time is in it.
const LISTS: u32 = 3;

/// The part of the kernel that a socket talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Interfaces, addresses and routes (`NETLINK_ROUTE`).
    Route,
    /// nf_tables, NFQUEUE and the other subsystems of netfilter (`NETLINK_NETFILTER`).
    Netfilter,
}

/// A netlink socket of this process's network namespace; no program that is run inherits it.
pub struct Socket {
    socket: mnl::Socket,
    protocol: Protocol,
    /// The sequence number of the last request.
    sequence: u32,
    /// The datagram that was received last; no room is made for it before one is to be received.
    datagram: Vec<u8>,
}

/// What there was to receive.
#[derive(Clone, Debug)]
pub enum Received<'a> {
    /// The messages of one datagram.
    Messages(Messages<'a>),
    /// More came than there was room for, and some of it is lost.
    Overrun,
    /// Nothing.
    Nothing,
}

impl Socket {
    /// Opens a socket and gives it an address, at which the kernel answers. The error is an
    /// [`OpenError`], which has the cure.
    pub fn open(protocol: Protocol) -> io::Result<Self> {
        Socket::try_open(protocol).map_err(|source| OpenError::new(protocol, source).into())
    }

    fn try_open(protocol: Protocol) -> io::Result<Self> {
        let socket = mnl::Socket::open(match protocol {
            Protocol::Route => mnl::Bus::Route,
            Protocol::Netfilter => mnl::Bus::Netfilter,
        })?;
        sys::set_close_on_exec(sys::netlink_fd(&socket))?;
        socket.bind(0, 0)?;
        Ok(Socket { socket, protocol, sequence: 0, datagram: Vec::new() })
    }

    /// The address that the kernel gave the socket.
    pub fn port(&self) -> u32 {
        self.socket.portid()
    }

    /// Makes room for `bytes` of what was received and not taken yet, in the kernel's own count:
    /// beyond the system's limit if the process may, else up to the limit.
    pub fn size_receive_buffer(&self, bytes: usize) -> io::Result<()> {
        sys::force_receive_buffer(self.as_fd(), bytes)
    }

    /// Makes room for a datagram of `bytes` to send, in the kernel's own count, in the same way.
    pub fn size_send_buffer(&self, bytes: usize) -> io::Result<()> {
        sys::force_send_buffer(self.as_fd(), bytes)
    }

    /// How large the send buffer is, in bytes.
    pub fn send_buffer(&self) -> io::Result<usize> {
        sys::send_buffer(self.as_fd())
    }

    /// Has replies not quote the whole request (Linux 4.3).
    pub fn cap_replies(&self) -> io::Result<()> {
        self.set(libc::NETLINK_CAP_ACK, 1)
    }

    /// Has replies say where in the request a fault lies (Linux 4.12).
    pub fn extend_replies(&self) -> io::Result<()> {
        self.set(libc::NETLINK_EXT_ACK, 1)
    }

    /// Has a full receive buffer cost the messages that do not fit, and no error.
    pub fn ignore_overruns(&self) -> io::Result<()> {
        self.set(libc::NETLINK_NO_ENOBUFS, 1)
    }

    /// From here on the notifications of a multicast group are received.
    pub fn join(&self, group: u32) -> io::Result<()> {
        self.set(libc::NETLINK_ADD_MEMBERSHIP, group as libc::c_int)
    }

    /// From here on they are not; those that wait stay.
    pub fn leave(&self, group: u32) -> io::Result<()> {
        self.set(libc::NETLINK_DROP_MEMBERSHIP, group as libc::c_int)
    }

    fn set(&self, option: libc::c_int, value: libc::c_int) -> io::Result<()> {
        sys::set_netlink_option(self.as_fd(), option, value)
    }

    /// Sends `bytes` to the kernel, as one datagram in one system call. When it returns, the kernel
    /// has carried out what they say.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            // libmnl's wrapper would log each datagram, which is each verdict of a queue.
            match sys::send(self.as_fd(), bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Receives one datagram, for which it waits up to `patience`, whatever signals come meanwhile.
    ///
    /// What waits already is received without a poll before it, so a poll that fails loses nothing.
    pub fn receive(&mut self, patience: Duration) -> io::Result<Received<'_>> {
        self.datagram.resize(DATAGRAM, 0);
        let begin = Instant::now();
        let length = loop {
            match sys::receive_now(sys::netlink_fd(&self.socket), &mut self.datagram) {
                Ok(Some(length)) => break length,
                Ok(None) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Ok(Received::Overrun);
                }
                Err(error) => return Err(error),
            }
            let left = patience.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(Received::Nothing);
            }
            sys::wait_readable([self.as_fd()], Some(left))?;
        };
        Ok(Received::Messages(super::messages(&self.datagram[..length])))
    }

    /// Receives all that waits, without waiting for more: hands `each` the messages, and `None`
    /// where some are lost.
    pub fn receive_waiting(
        &mut self,
        mut each: impl FnMut(Option<&Message<'_>>),
    ) -> io::Result<()> {
        loop {
            match self.receive(Duration::ZERO)? {
                Received::Messages(messages) => {
                    for message in messages {
                        each(Some(&message));
                    }
                }
                Received::Overrun => each(None),
                Received::Nothing => return Ok(()),
            }
        }
    }

    /// Sends the request that `request` makes with its sequence number, and hands `each` the
    /// messages of the answer, up to the end of it or until `each` breaks. What is left then still
    /// comes; until it has been received, the kernel refuses another dump with EBUSY.
    pub fn request(
        &mut self,
        request: impl FnOnce(u32) -> Vec<u8>,
        mut each: impl FnMut(&Message<'_>) -> ControlFlow<()>,
    ) -> Result<(), RequestError> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        self.send(&request(sequence))?;
        loop {
            let messages = match self.receive(PATIENCE)? {
                Received::Messages(messages) => messages,
                Received::Overrun => {
                    return Err(io::Error::from_raw_os_error(libc::ENOBUFS).into());
                }
                Received::Nothing => return Err(RequestError::NoAnswer { after: PATIENCE }),
            };
            for message in messages.filter(|message| message.sequence == sequence) {
                match i32::from(message.kind) {
                    libc::NLMSG_DONE | libc::NLMSG_ERROR => return end(&message),
                    _ if each(&message).is_break() => return Ok(()),
                    _ => {}
                }
            }
        }
    }

    /// Sends the request for a dump that `request` makes with its sequence number, and gathers what
    /// `read` makes of its messages; `None` if that is more than `most`.
    ///
    /// A dump that was made while what it shows changed is a mixture; it is made again.
    pub fn dump<T, I: IntoIterator<Item = T>>(
        &mut self,
        request: impl Fn(u32) -> Vec<u8>,
        read: impl Fn(&Message<'_>) -> I,
        most: usize,
    ) -> Result<Option<Vec<T>>, RequestError> {
        for _ in 0..DUMPS {
            let mut found = Vec::new();
            let mut mixed = false;
            let mut version = None;
            let protocol = self.protocol;
            self.request(&request, |message| {
                mixed |= message.flags & libc::NLM_F_DUMP_INTR as u16 != 0;
                if protocol == Protocol::Netfilter {
                    // nf_tables does not set the flag on every kernel; its generation tells.
                    let now = message.resource();
                    mixed |= *version.get_or_insert(now) != now;
                }
                found.extend(read(message));
                if found.len() > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if found.len() > most {
                return Ok(None);
            }
            if !mixed {
                return Ok(Some(found));
            }
        }
        Err(RequestError::Changing)
    }

    /// Sends the request for a dump and hands `each` its messages, none of which is kept: for dumps
    /// of a million objects. A dump that was made while what it shows changed may lack an object; it is
    /// made again, so `each` may see an object twice, or one that is gone by now.
    pub fn list(
        &mut self,
        request: impl Fn(u32) -> Vec<u8>,
        mut each: impl FnMut(&Message<'_>),
    ) -> Result<(), RequestError> {
        for _ in 0..LISTS {
            let mut mixed = false;
            self.request(&request, |message| {
                mixed |= message.flags & libc::NLM_F_DUMP_INTR as u16 != 0;
                each(message);
                ControlFlow::Continue(())
            })?;
            if !mixed {
                break;
            }
        }
        Ok(())
    }
}

/// Readable when there is something to receive.
impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }
}

/// What the last message of an answer says: that it is complete, or what went wrong.
fn end(message: &Message<'_>) -> Result<(), RequestError> {
    match Reply::parse(message) {
        Some(reply) if reply.errno > 0 => Err(RequestError::Refused { reply }),
        Some(_) => Ok(()),
        None => Err(RequestError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    use nix::sys::pthread::{pthread_kill, pthread_self};
    use nix::sys::signal::Signal;

    use super::*;
    use crate::netlink::{append, link};

    /// Bytes of a `struct ifinfomsg`.
    const LINK_HEADER: [u8; 16] = [0; 16];

    fn get(kind: u16, flags: libc::c_int, header: &[u8], sequence: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, kind, flags as u16, header, sequence, &mut false, |_| {});
        bytes
    }

    fn links(sequence: u32) -> Vec<u8> {
        get(libc::RTM_GETLINK, libc::NLM_F_DUMP, &LINK_HEADER, sequence)
    }

    #[test]
    fn no_program_that_is_run_inherits_a_socket() {
        for protocol in [Protocol::Route, Protocol::Netfilter] {
            let socket = Socket::open(protocol).unwrap();
            let flags = fcntl(&socket, FcntlArg::F_GETFD).unwrap();
            assert!(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC));
        }
    }

    #[test]
    fn a_dump_holds_what_there_is_and_ends() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        // Twice, for the second has to pass the first one's answer over if it was not ended.
        for _ in 0..2 {
            let found = socket.dump(links, link::link, usize::MAX).unwrap().unwrap();
            assert!(found.iter().any(|interface| interface.name == b"lo"), "{found:?}");
        }
        assert!(matches!(socket.receive(Duration::ZERO), Ok(Received::Nothing)));
    }

    #[test]
    fn a_dump_of_more_than_the_most_is_none() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        assert!(matches!(socket.dump(links, link::link, 0), Ok(None)));
    }

    #[test]
    fn an_answer_to_an_earlier_request_is_passed_over() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        // Its answer waits before that of the next one.
        socket.send(&get(libc::RTM_GETLINK, libc::NLM_F_ACK, &LINK_HEADER, 77)).unwrap();
        let found = socket.dump(links, |message| [message.sequence], usize::MAX).unwrap().unwrap();
        assert!(!found.is_empty() && found.iter().all(|&sequence| sequence == 1), "{found:?}");
    }

    #[test]
    fn what_the_kernel_refuses_is_an_error_with_its_number() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        // An interface by a number that none has.
        let mut header = LINK_HEADER;
        header[4..8].copy_from_slice(&i32::MAX.to_ne_bytes());
        let request = |sequence| get(libc::RTM_GETLINK, libc::NLM_F_ACK, &header, sequence);
        let error = socket.request(request, |_| ControlFlow::Continue(())).unwrap_err();
        let RequestError::Refused { reply } = &error else { panic!("{error}") };
        assert_eq!((reply.errno, reply.sequence), (libc::ENODEV, 1));
        assert!(error.to_string().starts_with("No such device"), "{error}");
    }

    #[test]
    fn patience_is_kept_whatever_signals_come() {
        const PATIENCE: Duration = Duration::from_millis(300);
        let flag = std::sync::Arc::default();
        // A handler, for the default of the signal is to end the process.
        let handler = signal_hook::flag::register(libc::SIGUSR2, flag).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let waits = thread::spawn(move || {
            sender.send(pthread_self()).unwrap();
            let mut socket = Socket::open(Protocol::Route).unwrap();
            let begin = Instant::now();
            assert!(matches!(socket.receive(PATIENCE), Ok(Received::Nothing)));
            begin.elapsed()
        });
        let waiting = receiver.recv().unwrap();
        while !waits.is_finished() {
            // It may be done just now.
            let _ = pthread_kill(waiting, Signal::SIGUSR2);
            thread::sleep(Duration::from_millis(10));
        }
        assert!(waits.join().unwrap() >= PATIENCE);
        signal_hook::low_level::unregister(handler);
    }

    #[test]
    fn an_overrun_is_noticed_and_what_comes_after_it_is_received() {
        let mut socket = Socket::open(Protocol::Route).unwrap();
        // The least that the kernel has room for.
        socket.size_receive_buffer(0).unwrap();
        let ask = get(libc::RTM_GETLINK, libc::NLM_F_ACK, &LINK_HEADER, 0);
        socket.send(&ask.repeat(500)).unwrap();
        let (mut messages, mut overruns) = (0, 0);
        let mut count = |message: Option<&Message<'_>>| match message {
            Some(_) => messages += 1,
            None => overruns += 1,
        };
        socket.receive_waiting(&mut count).unwrap();
        assert!((1..500).contains(&messages) && overruns == 1, "{messages} {overruns}");
        let found = socket.dump(links, link::link, usize::MAX).unwrap();
        assert!(found.is_some_and(|found| !found.is_empty()));
    }

    #[test]
    fn a_group_is_joined_and_left() {
        let socket = Socket::open(Protocol::Route).unwrap();
        let port = socket.socket.portid().to_string();
        let groups = || {
            let text = std::fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
            let columns = text.lines().map(|line| line.split_ascii_whitespace().collect());
            let mut ours = columns.filter(|columns: &Vec<&str>| {
                columns[1] == libc::NETLINK_ROUTE.to_string() && columns[2] == port
            });
            ours.next().map(|columns| u32::from_str_radix(columns[3], 16).unwrap())
        };
        assert_eq!(groups(), Some(0));
        socket.join(libc::RTNLGRP_IPV4_ROUTE).unwrap();
        assert_eq!(groups(), Some(1 << (libc::RTNLGRP_IPV4_ROUTE - 1)));
        socket.leave(libc::RTNLGRP_IPV4_ROUTE).unwrap();
        assert_eq!(groups(), Some(0));
    }

    #[test]
    fn an_error_at_the_end_of_a_dump_is_an_error() {
        // struct nlmsghdr, and behind it the error number.
        let message = |errno: i32| {
            let header = [20u32, libc::NLMSG_DONE as u32, 0, 0].map(u32::to_ne_bytes).concat();
            [header, errno.to_ne_bytes().to_vec()].concat()
        };
        let read = |bytes: &[u8]| end(&super::super::messages(bytes).next().unwrap());
        assert!(read(&message(0)).is_ok());
        let refused = read(&message(-libc::ENOMEM));
        assert!(
            matches!(refused, Err(RequestError::Refused { reply }) if reply.errno == libc::ENOMEM)
        );
    }
}
