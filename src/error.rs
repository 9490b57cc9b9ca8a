//! All errors of the program as one type. Each message names the object, the cause and the cure; each
//! error knows the exit status of the process and whether another attempt may succeed.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use crate::list::ListError;
use crate::nfqueue::QueueError;
#[cfg(feature = "nftables")]
use crate::nftables;
use crate::policy::allow::AllowError;
use crate::policy::desired::Unreadable;
use crate::policy::refusal::{Process, Refusal};

/// The exit status of a failure of input, output or the kernel. Usage errors exit with clap's 2.
pub const FAILED: u8 = 1;

/// The exit status of a load that a guard refuses.
pub const REFUSED: u8 = 3;

/// Why a command or a load failed. What was in force before stays in force.
#[derive(Debug)]
pub enum Error {
    /// A list cannot be used.
    List {
        /// The list and the cause.
        source: ListError,
    },
    /// An allowlist cannot be used.
    Allowlist {
        /// The allowlist and the cause.
        source: AllowError,
    },
    /// A guard refuses what the lists ask for.
    Refused {
        /// The name of the list, or the number of lists.
        subject: String,
        /// The limit, and the figure that exceeds it.
        refusal: Refusal,
        /// Whether another option can permit the load.
        process: Process,
    },
    /// The addresses and gateways to protect could not be read from the kernel.
    Host {
        /// The error of the netlink socket.
        source: io::Error,
    },
    /// nf_tables refused the sets, or could not be asked.
    #[cfg(feature = "nftables")]
    Nftables {
        /// The object that was refused and the cause.
        source: Box<nftables::Error>,
        /// `FILE:LINE` of the entry at fault, if one entry is.
        entry: Option<String>,
    },
    /// A queue cannot be served.
    Queue {
        /// The queue and the cause.
        source: QueueError,
    },
    /// Another daemon has locked the pid file.
    AnotherDaemon {
        /// The path of the pid file.
        path: PathBuf,
        /// The content of the file: the process id of that daemon.
        pid: String,
    },
    /// The pid file is not a regular file, or holds something else than a number.
    NoPidFile {
        /// The value of `--pid-file`.
        path: PathBuf,
    },
    /// The pid file cannot be written.
    PidFile {
        /// The value of `--pid-file`.
        path: PathBuf,
        /// The error of the file.
        source: io::Error,
    },
    /// The status file cannot be read.
    StatusFile {
        /// The value of `--status-file`.
        path: PathBuf,
        /// The error of the file, or of its JSON.
        source: io::Error,
    },
    /// The daemon cannot receive signals.
    Signals {
        /// The error of the pipe or of the handler.
        source: io::Error,
    },
    /// The daemon cannot wait for signals.
    Wait {
        /// The error of poll(2).
        source: io::Error,
    },
    /// The daemon has no thread to read the lists.
    Reader {
        /// The error of the thread, or of eventfd(2).
        source: io::Error,
    },
    /// The daemon has no timer for entries that expire.
    Timer {
        /// The error of timerfd_create(2).
        source: io::Error,
    },
    /// A load that has to be confirmed cannot be begun, because it could not be undone.
    Confirm {
        /// Why not.
        reason: String,
    },
    /// A load was not confirmed, and has been undone.
    NotConfirmed,
    /// Nobody has confirmed a load, and what was in force before is gone.
    NothingToReturnTo,
    /// The process that would undo a load has ended, and the load is in force.
    CannotReturn {
        /// How that was noticed.
        source: io::Error,
    },
    /// Standard output cannot be written.
    Stdout {
        /// The error of the write.
        source: io::Error,
    },
}

impl Error {
    /// The exit status of a process that stops because of this error.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Refused { .. } => REFUSED,
            Error::Allowlist { source } if !matches!(source, AllowError::List { .. }) => REFUSED,
            _ => FAILED,
        }
    }

    /// Whether a guard refused the load. Other errors are failures.
    pub fn is_refusal(&self) -> bool {
        self.exit_status() == REFUSED
    }

    /// Whether the load may have been put in force although it failed.
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            #[cfg(feature = "nftables")]
            Error::Nftables { source, .. } => {
                matches!(**source, nftables::Error::OutcomeUnknown { .. })
            }
            _ => false,
        }
    }

    /// Whether the lists are the cause, so that what was loaded before can still be put in force.
    pub fn is_of_lists(&self) -> bool {
        matches!(self, Error::List { .. } | Error::Allowlist { .. } | Error::Refused { .. })
    }

    /// The error together with the entry that caused it, if one entry did: `entry` returns the
    /// `FILE:LINE` of the entry that has an address dropped.
    pub fn with_entry(self, find: impl FnOnce(IpAddr) -> Option<String>) -> Self {
        match self {
            #[cfg(feature = "nftables")]
            Error::Nftables { source, entry: None } => {
                let entry = source.address().and_then(find);
                Error::Nftables { source, entry }
            }
            error => {
                drop(find);
                error
            }
        }
    }

    /// The message of the error, and that what was in force before stays in force, if that is known.
    pub fn keeping(&self) -> Keeping<'_> {
        Keeping(self)
    }

    /// The message of the error without the text of lists, for what every user of the host may read:
    /// the list may be a link to a file that is not for everybody.
    pub fn for_everybody(&self) -> String {
        format!("{self:#}")
    }
}

/// An error after which what was in force before stays in force, if that is known.
pub struct Keeping<'a>(&'a Error);

impl fmt::Display for Keeping<'_> {
    /// With `{:#}` without the text of lists.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        if self.0.is_outcome_unknown() {
            return Ok(());
        }
        let separator = if self.0.is_refusal() { ',' } else { ';' };
        write!(f, "{separator} keeping what is loaded")
    }
}

impl fmt::Display for Error {
    /// With `{:#}` without the text of lists.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::List { source } => source.fmt(f),
            Error::Allowlist { source } => source.fmt(f),
            Error::Refused { subject, refusal, process } => {
                f.write_str(&refusal.sentence(subject, *process))
            }
            Error::Host { source } => write!(
                f,
                "cannot determine the host's addresses and gateways: {source}; give --no-protect to \
                 load without them"
            ),
            #[cfg(feature = "nftables")]
            Error::Nftables { source, entry: None } => source.fmt(f),
            #[cfg(feature = "nftables")]
            Error::Nftables { source, entry: Some(entry) } => {
                write!(f, "{source} (the entry is {entry})")
            }
            Error::Queue { source } => source.fmt(f),
            Error::AnotherDaemon { path, pid } => write!(
                f,
                "another netfilterd is running (pid {}, pid file {}); stop that daemon, or give \
                 another --pid-file",
                pid.trim().escape_debug(),
                path.display()
            ),
            Error::NoPidFile { path } => {
                let path = path.display();
                write!(
                    f,
                    "pid file {path} is not a file with a process id, and is not replaced; give another \
                     --pid-file"
                )
            }
            Error::PidFile { path, source } => write!(
                f,
                "cannot write pid file {}: {source}; give --pid-file a path that netfilterd can \
                 write to",
                path.display()
            ),
            Error::StatusFile { path, source } => write!(
                f,
                "cannot read status file {}: {source}; give --status-file the file of a running \
                 daemon",
                path.display()
            ),
            Error::Signals { source } => {
                write!(f, "cannot receive signals: {source}; raise the limit of open files")
            }
            Error::Wait { source } => {
                write!(f, "cannot wait for signals: {source}; start the daemon again")
            }
            Error::Reader { source } => write!(
                f,
                "cannot start a thread to read the lists: {source}; raise the limits of processes and \
                 of open files"
            ),
            Error::Timer { source } => {
                write!(f, "cannot create a timer: {source}; raise the limit of open files")
            }
            Error::Confirm { reason } => write!(
                f,
                "cannot return to what is in force, so nothing was loaded: {reason}; load without \
                 --confirm"
            ),
            Error::NotConfirmed => f.write_str(
                "the load was not confirmed, so what was in force before is in force again; load again, \
                 and type yes",
            ),
            Error::NothingToReturnTo => f.write_str(
                "the load was not confirmed, and cannot be undone, because another load or program has \
                 replaced or deleted what was in force before; netfilterd check shows what is in force",
            ),
            Error::CannotReturn { source } => write!(
                f,
                "the process that would return to what was in force has stopped ({source}), so the new list \
                 stays in force; load the old list again if you need it"
            ),
            Error::Stdout { source } => write!(
                f,
                "cannot write to standard output: {source}; redirect it to a file that has room"
            ),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::List { source } => Some(source),
            Error::Allowlist { source } => Some(source),
            #[cfg(feature = "nftables")]
            Error::Nftables { source, .. } => Some(source.as_ref()),
            Error::Queue { source } => Some(source),
            Error::Host { source }
            | Error::PidFile { source, .. }
            | Error::StatusFile { source, .. }
            | Error::Signals { source }
            | Error::Wait { source }
            | Error::Reader { source }
            | Error::Timer { source }
            | Error::CannotReturn { source }
            | Error::Stdout { source } => Some(source),
            Error::Confirm { .. } | Error::NotConfirmed | Error::NothingToReturnTo => None,
            Error::Refused { .. } | Error::AnotherDaemon { .. } | Error::NoPidFile { .. } => None,
        }
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::List(source) => Error::List { source },
            Unreadable::Allow(source) => Error::Allowlist { source },
        }
    }
}

impl From<QueueError> for Error {
    fn from(source: QueueError) -> Self {
        Error::Queue { source }
    }
}

#[cfg(feature = "nftables")]
impl From<nftables::Error> for Error {
    fn from(source: nftables::Error) -> Self {
        Error::Nftables { source: Box::new(source), entry: None }
    }
}
