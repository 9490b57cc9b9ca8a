//! Notifications of nf_tables: which transactions changed the ruleset, and which program sent them.
//!
//! A listener makes commits dear: for each element the kernel makes a notification, in whatever
//! network namespace the listener is. So a monitor leaves the group while netfilterd itself commits,
//! and the generation of the ruleset tells whether it missed anything.

#![cfg(feature = "nftables")]

use std::os::fd::{AsFd, BorrowedFd};

use super::constants::*;
use super::error::Error;
use crate::netlink::{Message, Program, Protocol, Socket, find, find_str, find_u32};
use crate::nftables::name::{SetNames, TableName};

/// Room for the notifications of a large transaction, in bytes. If it is too little, some are lost,
/// which the monitor notices.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Receives notifications of changes to the ruleset.
pub struct Monitor {
    socket: Socket,
    notifications: Notifications,
}

/// Gathers notifications into transactions.
pub struct Notifications {
    tables: Vec<TableName>,
    /// The sets that netfilterd fills in a foreign table; what else changes there does not concern
    /// it.
    sets: Option<SetNames>,
    /// Those of our tables that the transaction concerns whose notifications are being read.
    touched: Vec<TableName>,
}

/// A transaction of another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The generation of the ruleset that it made; `None` if notifications were lost.
    pub generation: Option<u32>,
    /// Those of our tables in which it changed something, or may have.
    pub touched: Vec<TableName>,
    /// The program that sent it.
    pub by: Program,
}

impl Transaction {
    /// Whether it stands for notifications that were lost.
    pub fn is_loss(&self) -> bool {
        self.generation.is_none() && self.by == Program::Unknown
    }
}

impl Monitor {
    /// A monitor of `tables`, or of `sets` in them, that has not joined yet.
    pub fn open(tables: Vec<TableName>, sets: Option<SetNames>) -> Result<Self, Error> {
        let socket = Socket::open(Protocol::Netfilter)?;
        socket.size_receive_buffer(RECEIVE_BUFFER)?;
        Ok(Monitor { socket, notifications: Notifications::new(tables, sets) })
    }

    /// From here on notifications are received.
    pub fn join(&mut self) -> Result<(), Error> {
        Ok(self.socket.join(NFNLGRP_NFTABLES)?)
    }

    /// From here on no notifications are received. Those that wait are dropped.
    pub fn leave(&mut self) -> Result<(), Error> {
        self.socket.leave(NFNLGRP_NFTABLES)?;
        self.transactions()?;
        self.notifications.touched.clear();
        Ok(())
    }

    /// The transactions whose notifications wait, without waiting for more.
    pub fn transactions(&mut self) -> Result<Vec<Transaction>, Error> {
        let Monitor { socket, notifications } = self;
        let mut transactions = Vec::new();
        socket.receive_waiting(|message| match message {
            Some(message) => transactions.extend(notifications.read(message)),
            // Anything may have been among what is lost.
            None => transactions.push(Transaction {
                generation: None,
                touched: notifications.tables.clone(),
                by: Program::Unknown,
            }),
        })?;
        Ok(transactions)
    }
}

/// Readable when notifications wait.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Notifications {
    /// Those about `tables`, or about `sets` in them.
    pub fn new(tables: Vec<TableName>, sets: Option<SetNames>) -> Self {
        Notifications { tables, sets, touched: Vec::new() }
    }

    /// Reads a message. Returns the transaction that ends with it, if one does.
    pub fn read(&mut self, message: &Message<'_>) -> Option<Transaction> {
        let kind = message.kind_in(libc::NFNL_SUBSYS_NFTABLES)?;
        // The end of a transaction's messages.
        if kind != libc::NFT_MSG_NEWGEN {
            let table = self.table_of(kind, message).filter(|table| !self.touched.contains(table));
            self.touched.extend(table.cloned());
            return None;
        }
        let pid = find_u32(message.attributes(), NFTA_GEN_PROC_PID);
        let name = find_str(message.attributes(), NFTA_GEN_PROC_NAME);
        Some(Transaction {
            generation: find_u32(message.attributes(), NFTA_GEN_ID),
            touched: std::mem::take(&mut self.touched),
            by: name
                .zip(pid)
                .map_or(Program::Unknown, |(name, pid)| Program::Process { name, pid }),
        })
    }

    /// The table of ours that a message is about, if it concerns us.
    fn table_of(&self, kind: libc::c_int, message: &Message<'_>) -> Option<&TableName> {
        // The first attribute of every message that is about something in a table is the table.
        let name = find(message.attributes(), NFTA_TABLE_NAME)?;
        let table = self.tables.iter().find(|table| {
            message.family() == Some(table.family() as u8)
                && name == table.name().to_bytes_with_nul()
        })?;
        let Some(sets) = &self.sets else { return Some(table) };
        let concerns_us = match kind {
            libc::NFT_MSG_NEWTABLE | libc::NFT_MSG_DELTABLE => true,
            libc::NFT_MSG_NEWSET
            | libc::NFT_MSG_DELSET
            | libc::NFT_MSG_NEWSETELEM
            | libc::NFT_MSG_DELSETELEM => {
                // Also that of the list of elements.
                let name = find_str(message.attributes(), NFTA_SET_NAME).unwrap_or_default();
                [&sets.v4, &sets.v6].iter().any(|set| set.as_str() == name)
            }
            _ => false,
        };
        concerns_us.then_some(table)
    }
}
