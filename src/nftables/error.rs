//! What can go wrong between us and nf_tables, each as a sentence with the object, the cause and
//! the cure.

#![cfg(feature = "nftables")]

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::key_type::KeyType;
use super::operation::Operation;
use crate::netlink::RequestError;
use crate::nftables::name::{SetName, TableName};

/// A change that was not made, or a question that was not answered.
#[derive(Debug)]
pub enum Error {
    /// No netlink socket, or no use of it.
    Socket {
        /// Why.
        source: io::Error,
    },
    /// The kernel did not answer a question.
    NoAnswer {
        /// How long it was waited for.
        after: Duration,
    },
    /// The kernel answered something that cannot be read.
    Malformed,
    /// The kernel refused a message; nothing of its transaction was carried out.
    Refused {
        /// What was refused.
        operation: Box<Operation>,
        /// The error number.
        errno: i32,
        /// The kernel's words, if it had any.
        text: Option<String>,
        /// The address of the element that was refused.
        address: Option<IpAddr>,
    },
    /// The kernel's answers were lost, so that it is not known whether the change was made.
    OutcomeUnknown {
        /// How they were lost.
        source: io::Error,
    },
    /// The transaction does not fit into the socket's send buffer.
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A length in the transaction came out longer than netlink can say, so it was not sent.
    MessageTooLong,
    /// There was no memory to put the transaction together, so it was not sent.
    NoMemory,
    /// The ruleset kept changing while it was asked for.
    Changing,
    /// The table that is to be filled is not there.
    NoTable {
        /// Its name.
        table: TableName,
    },
    /// The set that is to be filled is not there.
    NoSet {
        /// Its table.
        table: TableName,
        /// Its name.
        set: SetName,
        /// What its keys have to be.
        keys: KeyType,
    },
    /// The set cannot hold what is to be put in.
    UnsuitableSet {
        /// Its table.
        table: TableName,
        /// Its name.
        set: SetName,
        /// What is wrong with it.
        fault: SetFault,
        /// What its keys have to be.
        keys: KeyType,
    },
    /// The managed table's name is taken by a table of another program.
    ForeignTable {
        /// The table.
        table: TableName,
        /// What is in it that is not netfilterd's: `set`, `chain`.
        kind: &'static str,
        /// The name of that.
        name: String,
    },
}

/// What is wrong with a set for networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFault {
    /// It is a map.
    Map,
    /// Its keys are something else: their type, as nft numbers them, and their bytes.
    Keys {
        /// The type.
        key_type: u32,
        /// The bytes.
        key_length: u32,
    },
    /// It has no flag interval.
    NoInterval,
    /// It has the flag constant.
    Constant,
    /// It has the flag timeout.
    Timeout,
}

/// When it may help to do the same again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// At once: another program changed something just then, or an answer was lost.
    Now,
    /// Later: it may pass by itself.
    Later,
    /// Once the cure that the error names has been done.
    AfterCure,
}

impl Error {
    /// The address of the element at fault, to look its entry up by.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Error::Refused { address, .. } => *address,
            _ => None,
        }
    }

    /// The kernel's error number, if it refused something.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Error::Refused { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// When it may help to do the same again.
    pub fn retry(&self) -> Retry {
        match self {
            Error::Refused { errno: libc::ERESTART | libc::ENOENT | libc::EEXIST, .. }
            | Error::OutcomeUnknown { .. } => Retry::Now,
            Error::Refused { errno: libc::ENOMEM | libc::EBUSY | libc::ENOBUFS, .. }
            | Error::Socket { .. }
            | Error::NoAnswer { .. }
            | Error::NoMemory
            | Error::Changing => Retry::Later,
            Error::Refused { .. }
            | Error::Malformed
            | Error::TooLarge { .. }
            | Error::MessageTooLong
            | Error::NoTable { .. }
            | Error::NoSet { .. }
            | Error::UnsuitableSet { .. }
            | Error::ForeignTable { .. } => Retry::AfterCure,
        }
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Error::Socket { source }
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Socket { source } => Error::Socket { source },
            RequestError::Refused { reply } => Error::Refused {
                operation: Operation::unnamed("reading the ruleset").into(),
                errno: reply.errno,
                text: reply.text,
                address: None,
            },
            RequestError::NoAnswer { after } => Error::NoAnswer { after },
            RequestError::Malformed => Error::Malformed,
            RequestError::Changing => Error::Changing,
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Socket { source } | Error::OutcomeUnknown { source } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Socket { source } => {
                write!(f, "cannot use a netlink socket: {source}")?;
                match source.raw_os_error() {
                    Some(libc::EAFNOSUPPORT | libc::EACCES | libc::EPERM) => {
                        f.write_str("; permit the process the address family AF_NETLINK")
                    }
                    _ => Ok(()),
                }
            }
            Error::NoAnswer { after } => write!(
                f,
                "the kernel did not answer a question about the ruleset within {} s; load again",
                after.as_secs()
            ),
            Error::Malformed => f.write_str(
                "the kernel's answer about the ruleset cannot be read; report it with the output \
                 of uname -r",
            ),
            Error::Refused { operation, errno, text, address } => {
                operation.fmt(f)?;
                if let Some(address) = address {
                    write!(f, " at {address}")?;
                }
                write!(f, ": {}", io::Error::from_raw_os_error(*errno))?;
                if let Some(text) = text {
                    write!(f, " ({})", text.escape_debug())?;
                }
                cure(*errno, address.is_some()).map_or(Ok(()), |cure| write!(f, "; {cure}"))
            }
            Error::OutcomeUnknown { source } => write!(
                f,
                "the kernel's answer was lost ({source}): it is not known whether the change was \
                 made; load again"
            ),
            Error::TooLarge { bytes } => write!(
                f,
                "a transaction of {bytes} bytes is more than the kernel takes from this process; \
                 run with CAP_NET_ADMIN in the initial user namespace, or set net.core.wmem_max \
                 to {bytes} or more"
            ),
            Error::MessageTooLong => {
                f.write_str("a netlink message is too long, so nothing was sent; report it")
            }
            Error::NoMemory => f.write_str(
                "there is not enough memory for the transaction, so nothing was sent; raise the \
                 memory limit or load fewer networks",
            ),
            Error::Changing => f.write_str(
                "the ruleset kept changing while it was read; stop the program that changes it and \
                 load again",
            ),
            Error::NoTable { table } => {
                write!(f, "table {table} does not exist; create it first: nft add table {table}")
            }
            Error::NoSet { table, set, keys } => write!(
                f,
                "set {set} does not exist in table {table}; create it first: {}",
                Create(table, set, *keys)
            ),
            Error::UnsuitableSet { table, set, fault, keys } => write!(
                f,
                "set {set} of table {table} {}; delete it and create it anew: {}",
                Unsuitable(*fault, *keys),
                Create(table, set, *keys)
            ),
            Error::ForeignTable { table, kind, name } => write!(
                f,
                "table {table} exists and is not netfilterd's: it holds a {kind} called {}; rename \
                 or delete that table",
                name.escape_debug()
            ),
        }
    }
}

/// What is wrong with a set that should have keys of a type.
struct Unsuitable(SetFault, KeyType);

impl fmt::Display for Unsuitable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unsuitable(fault, keys) = self;
        match fault {
            SetFault::Map => f.write_str("is a map, not a set"),
            SetFault::Keys { key_type, key_length } => write!(
                f,
                "does not hold {} (its key is type {key_type}, {key_length} bytes)",
                keys.what()
            ),
            SetFault::NoInterval => {
                f.write_str("lacks the flag interval, so it cannot hold networks")
            }
            SetFault::Constant => f.write_str("is constant, so it cannot be changed"),
            SetFault::Timeout => f.write_str("has timeouts, by which networks would leave it"),
        }
    }
}

/// The command that creates the set as it should be.
struct Create<'a>(&'a TableName, &'a SetName, KeyType);

impl fmt::Display for Create<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Create(table, set, keys) = self;
        write!(f, "nft add set {table} {set} '{{ type {}; flags interval; }}'", keys.name())
    }
}

/// What an error number means here, in the words of the one who has to cure it; `element` if it was
/// one that was refused.
fn cure(errno: i32, element: bool) -> Option<&'static str> {
    Some(match errno {
        libc::EPERM => {
            "netfilterd needs CAP_NET_ADMIN; if it has that, another program owns the table"
        }
        libc::ENOENT => "another program deleted a table, set or chain meanwhile; load again",
        libc::EEXIST if !element => "another netfilterd is loading at the same time; load again",
        libc::EEXIST => "another program added overlapping elements; empty the set and load again",
        libc::ENFILE => "the set is full; create it without a size",
        libc::EBUSY => "a rule of another program still uses it; delete that rule",
        libc::ENOMEM => {
            "the kernel has no memory for it, or the memory cgroup is too small; raise the limit or \
             load fewer networks"
        }
        libc::EOPNOTSUPP | libc::EAFNOSUPPORT => {
            "this kernel lacks a part of nf_tables (family inet); load the module nf_tables, or use \
             another kernel"
        }
        libc::EINVAL => "this kernel does not support a part of the request; use a newer one",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    fn refused(errno: i32, address: Option<IpAddr>) -> Error {
        let operation = Operation::unnamed("adding to a set").into();
        Error::Refused { operation, errno, text: None, address }
    }

    #[test]
    fn what_another_program_was_quicker_with_is_tried_again_at_once() {
        for errno in [libc::ERESTART, libc::ENOENT, libc::EEXIST] {
            assert_eq!(refused(errno, None).retry(), Retry::Now);
        }
        let lost = Error::OutcomeUnknown { source: io::ErrorKind::UnexpectedEof.into() };
        assert_eq!(lost.retry(), Retry::Now);
        assert!(lost.source().is_some());
    }

    #[test]
    fn what_may_pass_by_itself_is_worth_another_attempt_and_what_needs_a_cure_is_not() {
        for errno in [libc::ENOMEM, libc::EBUSY] {
            assert_eq!(refused(errno, None).retry(), Retry::Later);
        }
        let table: TableName = "inet t".parse().unwrap();
        for error in
            [refused(libc::EPERM, None), Error::TooLarge { bytes: 1 }, Error::NoTable { table }]
        {
            assert_eq!(error.retry(), Retry::AfterCure, "{error}");
        }
    }

    #[test]
    fn an_error_with_an_element_is_about_the_entry_that_it_came_from() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let error = refused(libc::EEXIST, Some(address));
        assert_eq!((error.address(), error.errno()), (Some(address), Some(libc::EEXIST)));
        assert!(error.source().is_none());
    }
}
