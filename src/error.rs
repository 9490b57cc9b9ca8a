//! What can go wrong, as one type: each error names its object, the cause and the cure, and knows
//! with which status the process exits and whether trying again may help.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::list::ListError;
use crate::nfqueue::QueueError;
#[cfg(feature = "nftables")]
use crate::nftables;
use crate::policy::allow::AllowError;
use crate::policy::desired::Unreadable;
use crate::policy::guard::Refusal;

/// The exit status of a failure: input, output, or the kernel. Usage errors exit with clap's 2.
pub const FAILED: u8 = 1;

/// The exit status of what a guard refuses.
pub const REFUSED: u8 = 3;

/// Why something was not done. What was in force before stays in force.
#[derive(Debug)]
pub enum Error {
    /// A list cannot be used.
    List {
        /// Which, and why.
        source: ListError,
    },
    /// An allowlist cannot be used.
    Allowlist {
        /// Which, and why.
        source: AllowError,
    },
    /// A guard refuses what the lists ask for.
    Refused {
        /// The list, or how many there are.
        subject: String,
        /// The guard's reason.
        refusal: Refusal,
    },
    /// What the host needs to be reachable is not known.
    Host {
        /// Why.
        source: io::Error,
    },
    /// nf_tables did not take the sets.
    #[cfg(feature = "nftables")]
    Nftables {
        /// What was refused, and why.
        source: Box<nftables::Error>,
        /// The entry at fault as `FILE:LINE`, if it was one.
        entry: Option<String>,
    },
    /// A queue cannot be served.
    Queue {
        /// Which, and why.
        source: QueueError,
    },
    /// Another daemon has the pid file.
    AnotherDaemon {
        /// The pid file.
        path: PathBuf,
        /// What it says.
        pid: String,
    },
    /// The pid file is a directory, a device, or another thing that cannot hold a number.
    NoPidFile {
        /// Its path.
        path: PathBuf,
    },
    /// The pid file cannot be written.
    PidFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The status file cannot be read.
    StatusFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The daemon cannot receive signals.
    Signals {
        /// Why.
        source: io::Error,
    },
    /// The daemon has no timer for entries that expire.
    Timer {
        /// Why.
        source: io::Error,
    },
    /// Changes of the lists cannot be noticed.
    Watch {
        /// Why.
        source: io::Error,
    },
    /// Standard output cannot be written.
    Stdout {
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// With which status a process exits that ends because of it.
    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Refused { .. } => REFUSED,
            Error::Allowlist { source } if !matches!(source, AllowError::List { .. }) => REFUSED,
            _ => FAILED,
        }
    }

    /// Whether it is the answer of a guard, and not a failure.
    pub fn is_refusal(&self) -> bool {
        self.exit_status() == REFUSED
    }

    /// Whether it may pass by itself, so that trying again helps before anybody changes the lists or
    /// the options.
    pub fn may_pass(&self) -> bool {
        !self.is_refusal() && !matches!(self, Error::AnotherDaemon { .. } | Error::NoPidFile { .. })
    }

    /// The error, and that what was in force before stays so.
    pub fn keeping(&self) -> String {
        let separator = if self.is_refusal() { ',' } else { ';' };
        format!("{self}{separator} keeping what is loaded")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::List { source } => source.fmt(f),
            Error::Allowlist { source } => source.fmt(f),
            Error::Refused { subject, refusal } => {
                write!(f, "{} ({})", refusal.about(subject), refusal.cure())
            }
            Error::Host { source } => write!(
                f,
                "cannot determine the host's addresses and gateways: {source}; allow netfilterd \
                 netlink sockets, or give --no-protect"
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
                write!(f, "pid file {path} is not a regular file; give another --pid-file")
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
            Error::Timer { source } => {
                write!(f, "cannot create a timer: {source}; raise the limit of open files")
            }
            Error::Watch { source } => write!(
                f,
                "cannot watch the lists: {source}; raise fs.inotify.max_user_watches or \
                 fs.inotify.max_user_instances, or omit --watch"
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
            | Error::Timer { source }
            | Error::Watch { source }
            | Error::Stdout { source } => Some(source),
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
