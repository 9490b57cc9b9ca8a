//! The one place that sends: a batch goes out in one system call, the answers come back as success
//! or a named error.
//!
//! Knows how a transaction is carried out, not what is in it.

use std::io;
use std::time::Duration;

use mnl::{Bus, Socket};

use super::batch::{Batch, FinishedBatch, request};
use super::elements;
use super::error::{Error, Refusal};
use super::listeners;
use crate::netlink::{Attributes, Message, Reply, find_str, find_u32};
use crate::nftables::name::Family;
use crate::sys;

/// Attribute of linux/netfilter/nf_tables.h.
const NFTA_GEN_ID: u16 = 1;

/// Room for the answers. A transaction is carried out within the call that sends it, and by then
/// every answer waits here: about 1 KiB each, one for each message that failed.
const RECEIVE_BUFFER: usize = 8 << 20;

/// By how much the send buffer has to be larger than a transaction, for the kernel's own use.
const BUFFER_OVERHEAD: usize = 4096;

/// The largest piece that the kernel hands out at once is 32 KiB.
const PIECE: usize = 64 << 10;

/// How long a dump may pause. The kernel makes the next piece when the last is fetched, so a
/// pause means that no more is coming.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a dump is begun again because the ruleset changed under it.
const DUMPS: u32 = 20;

/// A netlink connection to nf_tables.
pub struct Connection {
    socket: Socket,
    sequence: u32,
}

impl Connection {
    /// Opens a connection to the nf_tables of this process's network namespace.
    pub fn open() -> Result<Self, Error> {
        let socket = Socket::open(Bus::Netfilter)?;
        let fd = sys::netlink_fd(&socket);
        sys::set_close_on_exec(fd)?;
        // Without these two an answer quotes the whole faulty message, and does not say where the
        // fault lies. Both are as old as Linux 4.12.
        sys::set_socket_option(fd, libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, 1)?;
        sys::set_socket_option(fd, libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, 1)?;
        sys::force_receive_buffer(fd, RECEIVE_BUFFER)?;
        socket.bind(0, 0)?;
        Ok(Connection { socket, sequence: 0 })
    }

    /// Carries a batch out, as one transaction: all of it or nothing.
    pub fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        self.carry_out(&batch.finish().map_err(Error::Unfit)?)
    }

    /// Carries a batch out that changes nothing which is in use: as one transaction if the kernel
    /// takes one of its size from this process, else as several. Returns how many were carried out,
    /// and whether that was all.
    ///
    /// In a container with a user namespace of its own a transaction can have no more than twice
    /// `net.core.wmem_max`; and where somebody listens, a large one would take the kernel's memory.
    pub fn commit_in_parts(&mut self, batch: Batch) -> (u32, Result<(), Error>) {
        let mut transactions = 0;
        let result = self.try_in_parts(batch, &mut transactions);
        (transactions, result)
    }

    fn try_in_parts(&mut self, batch: Batch, transactions: &mut u32) -> Result<(), Error> {
        let on_readable = listeners::warn(&batch);
        let batch = batch.finish().map_err(Error::Unfit)?;
        let most = if on_readable {
            listeners::MOST_HEARD
        } else {
            match self.carry_out(&batch) {
                Err(Error::TooLarge(bytes)) => {
                    log::debug!(
                        "a transaction of {bytes} bytes is too large; making several of it"
                    );
                    let room = sys::send_buffer(sys::netlink_fd(&self.socket))?;
                    room.saturating_sub(BUFFER_OVERHEAD)
                }
                result => {
                    *transactions += u32::from(result.is_ok());
                    return result;
                }
            }
        };
        for part in batch.parts(most) {
            self.commit(part)?;
            *transactions += 1;
        }
        Ok(())
    }

    fn carry_out(&mut self, batch: &FinishedBatch) -> Result<(), Error> {
        let bytes = batch.bytes();
        let fd = sys::netlink_fd(&self.socket);
        let room = bytes.len() + BUFFER_OVERHEAD;
        if i32::try_from(room).is_err() {
            return Err(Error::TooLarge(bytes.len()));
        }
        sys::force_send_buffer(fd, room)?;
        self.send(bytes)?;
        outcome(batch, &self.replies()?)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        loop {
            match self.socket.send(bytes) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                    return Err(Error::TooLarge(bytes.len()));
                }
                Err(error) => return Err(Error::Socket(error)),
            }
        }
    }

    /// All answers that wait.
    fn replies(&self) -> Result<Vec<Reply>, Error> {
        let mut piece = vec![0; PIECE];
        let mut replies = Vec::new();
        while self.wait(Duration::ZERO)? {
            let length = self.socket.recv_raw(&mut piece).map_err(Error::Unknown)?;
            read_replies(&piece[..length], &mut replies)?;
        }
        Ok(replies)
    }

    fn wait(&self, patience: Duration) -> Result<bool, Error> {
        let fd = sys::netlink_fd(&self.socket);
        Ok(sys::wait_readable([fd], Some(patience))? == [true])
    }

    /// The generation of the ruleset: every transaction, of whoever, makes it one higher.
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
        answer.ok_or(Error::Malformed("no generation in it"))
    }

    /// Asks for one object and hands its message to `read`; `None` if the kernel has no such.
    pub fn get<T>(
        &mut self,
        kind: libc::c_int,
        family: Family,
        fill: impl FnOnce(&mut Attributes<'_>),
        read: impl Fn(&Message<'_>) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.sequence += 1;
        let flags = libc::NLM_F_ACK;
        self.send(&request(kind, flags, family, self.sequence, fill))?;
        let mut found = None;
        self.receive(|message| {
            found = found.take().or_else(|| read(message));
            true
        })?;
        Ok(found)
    }

    /// Asks for all objects of a kind and gathers what `read` makes of their messages.
    ///
    /// A dump that was made while the ruleset changed is a mixture; it is made again.
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
        for _ in 0..DUMPS {
            self.sequence += 1;
            self.send(&request(kind, libc::NLM_F_DUMP, family, self.sequence, &fill))?;
            let mut found = Vec::new();
            let mut generation = None;
            let mut mixed = false;
            self.receive(|message| {
                mixed |= message.flags & libc::NLM_F_DUMP_INTR as u16 != 0;
                // The flag is not set on every kernel; the generation in the message tells.
                let now = message.resource();
                mixed |= *generation.get_or_insert(now) != now;
                found.extend(read(message));
                found.len() <= most
            })?;
            if found.len() > most {
                return Ok(None);
            }
            if !mixed {
                return Ok(Some(found));
            }
        }
        Err(Error::Changing)
    }

    /// Receives the answer to the last request, message by message, up to its end, or until `each`
    /// has seen enough.
    fn receive(&self, mut each: impl FnMut(&Message<'_>) -> bool) -> Result<(), Error> {
        let mut piece = vec![0; PIECE];
        loop {
            if !self.wait(PATIENCE)? {
                return Err(Error::Malformed("it ended too early"));
            }
            let length = self.socket.recv_raw(&mut piece)?;
            let mut rest = &piece[..length];
            while let Some((message, behind)) = Message::parse(rest) {
                rest = behind;
                if message.sequence != self.sequence {
                    continue;
                }
                match i32::from(message.kind) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => return asked(&message),
                    _ if each(&message) => {}
                    _ => return Ok(()),
                }
            }
        }
    }
}

/// Appends the replies in a datagram.
pub fn read_replies(mut bytes: &[u8], replies: &mut Vec<Reply>) -> Result<(), Error> {
    while let Some((message, behind)) = Message::parse(bytes) {
        bytes = behind;
        if message.kind == libc::NLMSG_ERROR as u16 {
            replies.push(Reply::parse(&message).ok_or(Error::Malformed("a short error"))?);
        }
    }
    Ok(())
}

/// What has become of a batch, by all the replies to it.
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
    Err(Error::Unknown(io::ErrorKind::UnexpectedEof.into()))
}

/// The end of an answer: an acknowledgement, or that there is no such object.
fn asked(message: &Message<'_>) -> Result<(), Error> {
    let reply = Reply::parse(message).ok_or(Error::Malformed("a short error"))?;
    match reply.errno {
        0 | libc::ENOENT => Ok(()),
        errno => {
            let doing = "reading the ruleset".into();
            Err(Error::Refused(Refusal { doing, errno, text: reply.text, address: None }))
        }
    }
}

/// Ties an error to the message that caused it, and to the element in it.
fn refused(batch: &FinishedBatch, reply: &Reply) -> Error {
    let message = batch.message(reply.sequence);
    let doing = message.as_ref().map_or("carrying out a transaction".into(), describe);
    let address = message
        .zip(reply.offset)
        .and_then(|(message, offset)| elements::address_at(&message, offset));
    Error::Refused(Refusal { doing, errno: reply.errno, text: reply.text.clone(), address })
}

/// What a message of a batch does, in words.
fn describe(message: &Message<'_>) -> String {
    // Attribute 1 is the table and 2 the object's name in all of these but a table's own.
    let table = find_str(message.attributes(), 1).unwrap_or_default();
    let name = find_str(message.attributes(), 2).unwrap_or_default();
    match message.kind_in(libc::NFNL_SUBSYS_NFTABLES) {
        Some(libc::NFT_MSG_NEWTABLE) => format!("creating table {table}"),
        Some(libc::NFT_MSG_NEWCHAIN) => {
            let name = find_str(message.attributes(), 3).unwrap_or_default();
            format!("creating chain {name} of table {table}")
        }
        Some(libc::NFT_MSG_DELCHAIN) => format!("deleting a chain of table {table}"),
        Some(libc::NFT_MSG_NEWRULE) => format!("adding a rule to chain {name} of table {table}"),
        Some(libc::NFT_MSG_DELRULE) => format!("emptying chain {name} of table {table}"),
        Some(libc::NFT_MSG_NEWSET) => format!("creating set {name} of table {table}"),
        Some(libc::NFT_MSG_DELSET) => format!("deleting set {name} of table {table}"),
        Some(libc::NFT_MSG_NEWSETELEM) => format!("adding to set {name} of table {table}"),
        Some(libc::NFT_MSG_DELSETELEM) => format!("emptying set {name} of table {table}"),
        Some(libc::NFT_MSG_NEWOBJ) => format!("creating counter {name} of table {table}"),
        _ => "beginning a transaction".into(),
    }
}
