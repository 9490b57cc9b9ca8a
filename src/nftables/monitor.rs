//! Notifications of nf_tables: somebody changed the ruleset, and who it was.
//!
//! A listener costs whoever commits: the kernel makes a message for it of every element. So it
//! leaves the group while netfilterd itself commits, and the generation tells what it missed.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use mnl::{Bus, Socket};

use super::error::Error;
use crate::netlink::{Message, find, find_str, find_u32};
use crate::nftables::name::{SetName, TableName};
use crate::sys;

// linux/netfilter/nfnetlink.h and nf_tables.h.
/// The group of who listens for changes of the ruleset.
pub const NFNLGRP_NFTABLES: libc::c_int = 7;
const NFTA_GEN_ID: u16 = 1;
const NFTA_GEN_PROC_PID: u16 = 2;
const NFTA_GEN_PROC_NAME: u16 = 3;
/// The table's name is the first attribute of every message that is about something in a table.
const NFTA_TABLE: u16 = 1;
/// The set's name, in messages about a set or its elements.
const NFTA_SET: u16 = 2;

/// Room for the notifications of a large transaction. When it is too little some are lost, which
/// is noticed.
const RECEIVE_BUFFER: usize = 4 << 20;
const PIECE: usize = 64 << 10;

/// Listens for changes to the ruleset.
pub struct Watch {
    socket: Socket,
    notifications: Notifications,
}

/// Makes transactions of notifications, as they come in.
pub struct Notifications {
    table: TableName,
    /// In somebody else's table, the sets that we fill; what else is changed there is not ours to
    /// put right.
    sets: Option<[SetName; 2]>,
    /// Whether the transaction whose messages are coming in has to do with our table.
    touched: bool,
}

/// A transaction of somebody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The generation of the ruleset that it made; `None` if notifications were lost.
    pub generation: Option<u32>,
    /// Whether it changed something in our table, or may have.
    pub touched: bool,
    /// The program that sent it.
    pub by: Program,
}

/// A program by name and process id, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(Option<(String, u32)>);

impl Program {
    /// Whether the kernel has said which.
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some((name, pid)) => write!(f, "{} (pid {pid})", name.escape_debug()),
            None => f.write_str("an unknown program"),
        }
    }
}

impl Watch {
    /// A listener for `table`, or for some sets in it, that has not joined yet.
    pub fn open(table: TableName, sets: Option<[SetName; 2]>) -> Result<Self, Error> {
        let socket = Socket::open(Bus::Netfilter)?;
        let fd = sys::netlink_fd(&socket);
        sys::set_close_on_exec(fd)?;
        sys::force_receive_buffer(fd, RECEIVE_BUFFER)?;
        socket.bind(0, 0)?;
        Ok(Watch { socket, notifications: Notifications::new(table, sets) })
    }

    /// Readable when there are notifications.
    pub fn fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }

    /// From here on notifications come.
    pub fn join(&mut self) -> Result<(), Error> {
        self.membership(libc::NETLINK_ADD_MEMBERSHIP)
    }

    /// From here on none come, and those that waited are gone.
    pub fn leave(&mut self) -> Result<(), Error> {
        self.membership(libc::NETLINK_DROP_MEMBERSHIP)?;
        self.transactions()?;
        self.notifications.touched = false;
        Ok(())
    }

    fn membership(&self, option: libc::c_int) -> Result<(), Error> {
        let fd = sys::netlink_fd(&self.socket);
        Ok(sys::set_socket_option(fd, libc::SOL_NETLINK, option, NFNLGRP_NFTABLES)?)
    }

    /// The transactions whose notifications wait, without waiting for more.
    pub fn transactions(&mut self) -> Result<Vec<Transaction>, Error> {
        let mut piece = vec![0; PIECE];
        let mut transactions = Vec::new();
        while sys::wait_readable([self.fd()], Some(std::time::Duration::ZERO))? == [true] {
            match self.socket.recv_raw(&mut piece) {
                Ok(length) => self.notifications.read(&piece[..length], &mut transactions),
                // More came than there was room for: anything may have been among it.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    let by = Program(None);
                    transactions.push(Transaction { generation: None, touched: true, by });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(transactions)
    }
}

impl Notifications {
    /// About `table`, or about some sets in it.
    pub fn new(table: TableName, sets: Option<[SetName; 2]>) -> Self {
        Notifications { table, sets, touched: false }
    }

    /// Reads a datagram and appends the transactions that end in it.
    pub fn read(&mut self, bytes: &[u8], transactions: &mut Vec<Transaction>) {
        let mut rest = bytes;
        while let Some((message, behind)) = Message::parse(rest) {
            rest = behind;
            match message.kind_in(libc::NFNL_SUBSYS_NFTABLES) {
                // The end of a transaction's messages.
                Some(libc::NFT_MSG_NEWGEN) => {
                    let pid = find_u32(message.attributes(), NFTA_GEN_PROC_PID);
                    let name = find_str(message.attributes(), NFTA_GEN_PROC_NAME);
                    transactions.push(Transaction {
                        generation: find_u32(message.attributes(), NFTA_GEN_ID),
                        touched: std::mem::take(&mut self.touched),
                        by: Program(name.zip(pid)),
                    });
                }
                Some(kind) => self.touched |= self.is_ours(kind, &message),
                None => {}
            }
        }
    }

    fn is_ours(&self, kind: libc::c_int, message: &Message<'_>) -> bool {
        let family = message.family() == Some(self.table.family() as u8);
        let name = self.table.name().to_bytes_with_nul();
        if !family || find(message.attributes(), NFTA_TABLE) != Some(name) {
            return false;
        }
        let Some(sets) = &self.sets else { return true };
        match kind {
            libc::NFT_MSG_NEWTABLE | libc::NFT_MSG_DELTABLE => true,
            libc::NFT_MSG_NEWSET
            | libc::NFT_MSG_DELSET
            | libc::NFT_MSG_NEWSETELEM
            | libc::NFT_MSG_DELSETELEM => {
                let name = find_str(message.attributes(), NFTA_SET).unwrap_or_default();
                sets.iter().any(|set| set.as_str() == name)
            }
            _ => false,
        }
    }
}
