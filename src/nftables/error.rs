//! What can go wrong between us and nf_tables, each as a sentence with the object, the cause and
//! the cure.

use std::fmt;
use std::io;
use std::net::IpAddr;

use super::batch::Unfit;
use crate::netlink::RequestError;
use crate::nftables::name::{SetName, TableName};

/// A change that was not made, or a question that was not answered.
#[derive(Debug)]
pub enum Error {
    /// No netlink socket, or no use of it.
    Socket(io::Error),
    /// The transaction of this many bytes does not fit into the socket's send buffer.
    TooLarge(usize),
    /// The kernel did not take a message; nothing of its transaction was carried out.
    Refused(Refusal),
    /// The kernel's answers were lost, so that it is not known whether the change was made.
    Unknown(io::Error),
    /// The kernel answered something that cannot be read.
    Malformed(&'static str),
    /// The transaction could not be put together, and was not sent.
    Unfit(Unfit),
    /// The transaction is a large one, and a program listens.
    Heard,
    /// The ruleset kept changing while it was asked for.
    Changing,
    /// The table is not there.
    NoTable(TableName),
    /// The set is not there; of which type it should be.
    NoSet(TableName, SetName, &'static str),
    /// The set cannot hold what is to be put in: why, and of which type it should be.
    Unsuitable(TableName, SetName, String, &'static str),
    /// The managed table's name is taken by a table with this in it.
    NotOurs(TableName, String),
}

/// What the kernel said no to.
#[derive(Debug)]
pub struct Refusal {
    /// What was being done, as in "adding elements to set inet netfilterd drop4".
    pub doing: String,
    /// The error number.
    pub errno: i32,
    /// The kernel's words, if it had any.
    pub text: Option<String>,
    /// The address of the element that was refused.
    pub address: Option<IpAddr>,
}

impl Error {
    /// The address of the element at fault, to look its entry up by.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Error::Refused(refusal) => refusal.address,
            _ => None,
        }
    }

    /// The kernel's error number, if it refused something.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::Refused(refusal) => Some(refusal.errno),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Socket(error)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Socket { source } => Error::Socket(source),
            RequestError::Refused { reply } => Error::Refused(Refusal {
                doing: "reading the ruleset".into(),
                errno: reply.errno,
                text: reply.text,
                address: None,
            }),
            RequestError::NoAnswer { .. } => Error::Malformed("it ended too early"),
            RequestError::Malformed => Error::Malformed("a short error"),
            RequestError::Changing => Error::Changing,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Socket(error) => write!(f, "netlink socket: {error}"),
            Error::TooLarge(bytes) => write!(
                f,
                "a transaction of {bytes} bytes is more than the kernel takes from this process; \
                 run with CAP_NET_ADMIN in the initial user namespace, or set net.core.wmem_max \
                 to {bytes} or more"
            ),
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Unknown(error) => write!(
                f,
                "the kernel's answer was lost ({error}): it is not known whether the change was \
                 made; load again"
            ),
            Error::Malformed(what) => write!(f, "the kernel's answer cannot be read: {what}"),
            Error::Unfit(Unfit::TooLong) => {
                f.write_str("a netlink message came out too long; nothing was sent")
            }
            Error::Unfit(Unfit::NoMemory) => {
                f.write_str("there is not enough memory for the transaction; nothing was sent")
            }
            Error::Heard => f.write_str("too large a transaction while a program listens"),
            Error::Changing => f.write_str(
                "the ruleset kept changing while it was read; stop what changes it and load again",
            ),
            Error::NoTable(table) => {
                write!(f, "table {table} does not exist; create it first: nft add table {table}")
            }
            Error::NoSet(table, set, kind) => write!(
                f,
                "set {set} does not exist in table {table}; create it first: {}",
                Create(table, set, kind)
            ),
            Error::Unsuitable(table, set, why, kind) => {
                write!(
                    f,
                    "set {set} of table {table} {why}; it has to be: {}",
                    Create(table, set, kind)
                )
            }
            Error::NotOurs(table, what) => write!(
                f,
                "table {table} exists and is not netfilterd's: {what}; rename or delete that table"
            ),
        }
    }
}

/// The command that creates the set as it should be.
struct Create<'a>(&'a TableName, &'a SetName, &'static str);

impl fmt::Display for Create<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Create(table, set, kind) = self;
        write!(f, "nft add set {table} {set} '{{ type {kind}; flags interval; }}'")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.doing)?;
        if let Some(address) = self.address {
            write!(f, " at {address}")?;
        }
        write!(f, ": {}", io::Error::from_raw_os_error(self.errno))?;
        if let Some(text) = &self.text {
            write!(f, " ({})", text.escape_debug())?;
        }
        if let Some(cure) = cure(self.errno, self.address.is_some()) {
            write!(f, "; {cure}")?;
        }
        Ok(())
    }
}

/// What an error number means here, in the words of the one who has to mend it; `element` if it was
/// one that was refused.
fn cure(errno: i32, element: bool) -> Option<&'static str> {
    Some(match errno {
        libc::EPERM => "netfilterd needs CAP_NET_ADMIN, and a table may have another owner",
        libc::ENOENT => "a table, set or chain is gone that was there before; load again",
        libc::EEXIST if !element => "another netfilterd is loading at the same time; load again",
        libc::EEXIST => "something else put overlapping elements in; empty the set and load again",
        libc::ENFILE => "the set is full; create it without a size",
        libc::EBUSY => "a rule still uses it",
        libc::ENOMEM => "the kernel has no memory left for it, or the memory cgroup is too small",
        libc::EOPNOTSUPP | libc::EAFNOSUPPORT => {
            "this kernel lacks a part of nf_tables (module nf_tables, family inet)"
        }
        libc::EINVAL => "this kernel does not know some part of the request",
        _ => return None,
    })
}
