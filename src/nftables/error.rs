//! What can go wrong between us and nf_tables, each as a sentence with the object, the cause and
//! the cure.

#![cfg(feature = "nftables")]

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::cure::cure;
use super::key_type::KeyType;
use super::operation::Operation;
use super::set_fault::{Create, SetFault, Unsuitable};
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
    /// The kernel was built without a part of nf_tables; nothing of the transaction was carried out.
    Lacks {
        /// What was refused.
        operation: Box<Operation>,
        /// The part, as nf_tables calls it.
        part: String,
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
    /// The name of a managed table is taken by a table of another program.
    ForeignTable {
        /// The table.
        table: TableName,
        /// What is in it that is not netfilterd's: `set`, `chain`.
        kind: &'static str,
        /// The name of that.
        name: String,
    },
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

    /// How the kernel's answers were lost, if it is not known whether a change was made.
    pub fn lost_answer(self) -> Option<io::Error> {
        match self {
            Error::OutcomeUnknown { source } => Some(source),
            _ => None,
        }
    }

    /// Whether it says what the ruleset is like, and not that it could not be looked at.
    pub fn is_about_the_ruleset(&self) -> bool {
        matches!(
            self,
            Error::NoTable { .. }
                | Error::NoSet { .. }
                | Error::UnsuitableSet { .. }
                | Error::ForeignTable { .. }
        )
    }

    /// Whether a table, set or chain that the transaction needs is gone.
    pub fn is_gone(&self) -> bool {
        matches!(self, Error::Refused { errno: libc::ENOENT, .. })
    }

    /// Whether it may help to do the same again at once: another program changed something just
    /// then, or an answer was lost.
    pub fn retry_helps(&self) -> bool {
        matches!(
            self,
            Error::Refused { errno: libc::ERESTART | libc::ENOENT | libc::EEXIST, .. }
                | Error::OutcomeUnknown { .. }
        )
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
            Error::Socket { source } => fmt_socket(source, f),
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
                fmt_refused(operation, *errno, text.as_deref(), *address, f)
            }
            Error::Lacks { operation, part } => write!(
                f,
                "{operation}: this kernel has no {0} in nf_tables; load the module nft_{0}, or use \
                 another kernel",
                part.escape_debug()
            ),
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

/// A socket that cannot be used, with the cure; the reason why one cannot be opened has its own.
fn fmt_socket(source: &io::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "cannot use a netlink socket: {source}")?;
    f.write_str(match source.raw_os_error() {
        Some(libc::ENOPROTOOPT) => "; this kernel is too old: netfilterd needs Linux 4.12 or later",
        Some(libc::ENOMEM | libc::ENOBUFS) => "; raise the memory limit, or free memory",
        Some(_) => "; load again",
        None => "",
    })
}

/// What the kernel refused, where, in which words, and the cure.
fn fmt_refused(
    operation: &Operation,
    errno: i32,
    text: Option<&str>,
    address: Option<IpAddr>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{operation}")?;
    if let Some(address) = address {
        write!(f, " at {address}")?;
    }
    write!(f, ": {}", io::Error::from_raw_os_error(errno))?;
    if let Some(text) = text {
        write!(f, " ({})", text.escape_debug())?;
    }
    cure(errno, address.is_some()).map_or(Ok(()), |cure| write!(f, "; {cure}"))
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
            assert!(refused(errno, None).retry_helps(), "{errno}");
        }
        let lost = Error::OutcomeUnknown { source: io::ErrorKind::UnexpectedEof.into() };
        assert!(lost.retry_helps());
        assert!(lost.source().is_some());
    }

    #[test]
    fn what_takes_time_or_a_cure_is_not_tried_again_at_once() {
        for errno in [libc::ENOMEM, libc::EBUSY, libc::ENOBUFS, libc::EPERM] {
            assert!(!refused(errno, None).retry_helps(), "{errno}");
        }
        let table: TableName = "inet t".parse().unwrap();
        for error in [Error::Changing, Error::TooLarge { bytes: 1 }, Error::NoTable { table }] {
            assert!(!error.retry_helps(), "{error}");
        }
    }

    #[test]
    fn an_error_with_an_element_is_about_the_entry_that_it_came_from() {
        let address: IpAddr = "192.0.2.7".parse().unwrap();
        let error = refused(libc::EEXIST, Some(address));
        assert_eq!((error.address(), error.errno()), (Some(address), Some(libc::EEXIST)));
        assert!(error.to_string().contains(" at 192.0.2.7: "), "{error}");
        assert!(error.source().is_none());
    }
}
