//! The one place that sends: a batch is sent in one system call, and the kernel's replies become
//! success or a named error.
//!
//! Knows how a transaction is carried out, not what is in it.

#![cfg(feature = "nftables")]

use std::io;
use std::ops::ControlFlow;
use std::time::Duration;

use super::batch::{Batch, FinishedBatch, request};
use super::constants::NFTA_GEN_ID;
use super::elements;
use super::error::Error;
use super::listeners;
use super::operation::{self, Operation};
use crate::netlink::{
    Attributes, Message, Messages, Protocol, Received, Reply, RequestError, Socket, find_u32,
};
use crate::nftables::name::Family;
use crate::progress::{Progress, Step};

/// Room for the replies, in bytes. The kernel carries a transaction out within the call that sends
/// it, and then every reply waits here: about 1 KiB for each message that failed.
const RECEIVE_BUFFER: usize = 8 << 20;

/// By how much the send buffer has to be larger than a transaction, for the kernel's own use.
const BUFFER_OVERHEAD: usize = 4096;

/// After how many errors in receiving the replies to a transaction no more of them are expected.
const MOST_ERRORS: u32 = 3;

/// Reports how many of the networks in a batch were sent.
pub struct Sending<'a> {
    progress: &'a dyn Progress,
    networks: u64,
}

impl<'a> Sending<'a> {
    /// Of so many networks.
    pub fn new(progress: &'a dyn Progress, networks: u64) -> Self {
        Sending { progress, networks }
    }

    /// So many of `all` equal pieces were sent.
    fn report(&self, sent: usize, all: usize) {
        let share = u128::from(self.networks) * sent.min(all) as u128 / all.max(1) as u128;
        self.progress.step(Step::Sending { networks: share as u64, of: self.networks });
    }
}

/// A netlink connection to nf_tables.
pub struct Connection {
    socket: Socket,
}

impl Connection {
    /// Opens a connection to the nf_tables of this process's network namespace.
    pub fn open() -> Result<Self, Error> {
        let socket = Socket::open(Protocol::Netfilter)?;
        socket.cap_replies()?;
        socket.extend_replies()?;
        socket.size_receive_buffer(RECEIVE_BUFFER)?;
        Ok(Connection { socket })
    }

    /// Carries a batch out, as one transaction: all of it or nothing.
    pub fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        self.carry_out(&batch.finish()?)
    }

    /// The same of a batch with networks in it, and reports that they were sent.
    pub fn commit_networks(&mut self, batch: Batch, sending: &Sending<'_>) -> Result<(), Error> {
        sending.report(0, 1);
        self.commit(batch)?;
        sending.report(1, 1);
        Ok(())
    }

    /// Carries out a batch that changes nothing which is in use: as one transaction if the kernel
    /// takes one of its size from this process, else as several. Reports after each how much was
    /// sent. Returns how many were carried out, and whether that was all.
    ///
    /// In a container with a user namespace of its own a transaction can have no more than twice
    /// `net.core.wmem_max`; and while a program listens for changes, a large one would take the
    /// kernel's memory.
    pub fn commit_in_parts(
        &mut self,
        batch: Batch,
        sending: &Sending<'_>,
    ) -> (u32, Result<(), Error>) {
        let mut transactions = 0;
        let result = self.try_in_parts(batch, sending, &mut transactions);
        (transactions, result)
    }

    fn try_in_parts(
        &mut self,
        batch: Batch,
        sending: &Sending<'_>,
        transactions: &mut u32,
    ) -> Result<(), Error> {
        let most = listeners::warn(&batch).then_some(listeners::MOST_BYTES);
        let batch = batch.finish()?;
        let all = batch.bytes().len();
        sending.report(0, all);
        let most = match most {
            Some(most) => most,
            None => match self.carry_out(&batch) {
                Err(Error::TooLarge { bytes }) => {
                    log::debug!(
                        "a transaction of {bytes} bytes is too large; making several of it"
                    );
                    self.socket.send_buffer()?.saturating_sub(BUFFER_OVERHEAD)
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    *transactions += 1;
                    sending.report(all, all);
                    return Ok(());
                }
            },
        };
        let mut sent = 0;
        for part in batch.parts(most) {
            sent += part.bytes().len();
            self.commit(part)?;
            *transactions += 1;
            sending.report(sent, all);
        }
        Ok(())
    }

    fn carry_out(&mut self, batch: &FinishedBatch) -> Result<(), Error> {
        let bytes = batch.bytes();
        let room = bytes.len() + BUFFER_OVERHEAD;
        if i32::try_from(room).is_err() {
            return Err(Error::TooLarge { bytes: bytes.len() });
        }
        self.socket.size_send_buffer(room)?;
        match self.socket.send(bytes) {
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                return Err(Error::TooLarge { bytes: bytes.len() });
            }
            result => result?,
        }
        let (replies, lost) = self.replies();
        let Some(source) = lost else { return outcome(batch, &replies) };
        // What is still on its way to this socket must not be taken for the answer to what follows.
        self.renew();
        match outcome(batch, &replies) {
            // An error is enough to know that nothing was done, whatever was lost besides.
            Err(error @ Error::Refused { .. }) => Err(error),
            _ => Err(Error::OutcomeUnknown { source }),
        }
    }

    /// All replies that wait, and the first error in receiving them: then some may be lost.
    fn replies(&mut self) -> (Vec<Reply>, Option<io::Error>) {
        let (mut replies, mut lost) = (Vec::new(), None);
        let mut errors = 0;
        while errors < MOST_ERRORS {
            let read = match self.socket.receive(Duration::ZERO) {
                Ok(Received::Messages(messages)) => read_replies(messages),
                Ok(Received::Overrun) => Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
                Ok(Received::Nothing) => break,
                Err(error) => Err(error),
            };
            match read {
                Ok(read) => replies.extend(read),
                Err(error) => {
                    errors += 1;
                    lost.get_or_insert(error);
                }
            }
        }
        (replies, lost)
    }

    /// Takes a new socket in place of one on which answers were lost. Without one, what waits at the
    /// old one is dropped.
    fn renew(&mut self) {
        match Connection::open() {
            Ok(fresh) => *self = fresh,
            Err(error) => {
                log::debug!("{error}; going on with the socket on which an answer was lost");
                let _ = self.socket.receive_waiting(|_| {});
            }
        }
    }

    /// The generation of the ruleset: every transaction of any program makes it one higher.
    pub fn generation(&mut self) -> Result<u32, Error> {
        let answer = self.get(
            libc::NFT_MSG_GETGEN,
            Family::Inet,
            |_| {},
            |message| {
                let kind = message.kind_in(libc::NFNL_SUBSYS_NFTABLES)? == libc::NFT_MSG_NEWGEN;
                kind.then(|| find_u32(message.attributes(), NFTA_GEN_ID)).flatten()
            },
        )?;
        answer.ok_or(Error::Malformed)
    }

    /// Asks for one object and hands its message to `read`; `None` if the kernel has no such object.
    pub fn get<T>(
        &mut self,
        kind: libc::c_int,
        family: Family,
        fill: impl FnOnce(&mut Attributes<'_>),
        read: impl Fn(&Message<'_>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        let mut found = None;
        let asked = self.socket.request(
            |sequence| request(kind, libc::NLM_F_ACK, family, sequence, fill),
            |message| {
                found = found.take().or_else(|| read(message));
                ControlFlow::Continue(())
            },
        );
        if_there(asked)?;
        Ok(found)
    }

    /// Asks for all objects of a kind and gathers what `read` makes of their messages.
    pub fn dump<T, I: IntoIterator<Item = T>>(
        &mut self,
        kind: libc::c_int,
        family: Family,
        fill: impl Fn(&mut Attributes<'_>),
        read: impl Fn(&Message<'_>) -> I,
    ) -> Result<Vec<T>, Error> {
        Ok(self.dump_most(kind, family, fill, read, usize::MAX)?.unwrap_or_default())
    }

    /// As [`Connection::dump`], but `None` if there is more than `most`. What is left of the answer
    /// then still comes, so the connection is of no further use.
    pub fn dump_most<T, I: IntoIterator<Item = T>>(
        &mut self,
        kind: libc::c_int,
        family: Family,
        fill: impl Fn(&mut Attributes<'_>),
        read: impl Fn(&Message<'_>) -> I,
        most: usize,
    ) -> Result<Option<Vec<T>>, Error> {
        let request = |sequence| request(kind, libc::NLM_F_DUMP, family, sequence, &fill);
        Ok(if_there(self.socket.dump(request, read, most))?.unwrap_or(Some(Vec::new())))
    }
}

/// What was asked for, if there is such an object.
fn if_there<T>(asked: Result<T, RequestError>) -> Result<Option<T>, Error> {
    match asked {
        Err(RequestError::Refused { reply }) if reply.errno == libc::ENOENT => Ok(None),
        result => Ok(Some(result?)),
    }
}

/// The replies among the messages of a datagram; an error if one is too short.
pub fn read_replies(messages: Messages<'_>) -> io::Result<Vec<Reply>> {
    messages
        .filter(|message| i32::from(message.kind) == libc::NLMSG_ERROR)
        .map(|message| Reply::parse(&message).ok_or(io::ErrorKind::InvalidData.into()))
        .collect()
}

/// What has become of a batch, by all the replies to it. Replies that are lost make that unknown: an
/// acknowledgement alone proves nothing, since messages of an aborted batch are acknowledged, too.
pub fn outcome(batch: &FinishedBatch, replies: &[Reply]) -> Result<(), Error> {
    // Answers come in the order of the messages, so the first error is the cause and what
    // follows it are its consequences.
    if let Some(reply) = replies.iter().find(|reply| reply.errno != 0) {
        return Err(refused(batch, reply));
    }
    // Kernels before 6.10 answer the last message, but never the end of a batch.
    if replies.iter().any(|reply| reply.sequence >= batch.last()) {
        return Ok(());
    }
    Err(Error::OutcomeUnknown { source: io::ErrorKind::UnexpectedEof.into() })
}

/// Ties an error to the message that caused it, and to the element in it.
fn refused(batch: &FinishedBatch, reply: &Reply) -> Error {
    let message = batch.message(reply.sequence);
    let operation =
        message.as_ref().map_or(Operation::unnamed("carrying out a transaction"), Operation::of);
    if reply.errno == libc::ENOENT {
        let part = message.as_ref().and_then(|message| operation::part_of(message, reply.offset));
        if let Some(part) = part {
            return Error::Lacks { operation: operation.into(), part };
        }
    }
    let address = message
        .zip(reply.offset)
        .and_then(|(message, offset)| elements::address_at(&message, offset));
    Error::Refused {
        operation: operation.into(),
        errno: reply.errno,
        text: reply.text.clone(),
        address,
    }
}
