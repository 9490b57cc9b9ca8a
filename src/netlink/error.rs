//! Why a question to the kernel has no answer.

use std::fmt;
use std::io;
use std::time::Duration;

use super::{Protocol, Reply};

/// Why a netlink socket could not be opened, with the cure. An [`io::Error`] holds it, so each message
/// with the reason has the cure, too.
#[derive(Debug)]
pub struct OpenError {
    /// The part of the kernel that it was to talk to.
    protocol: Protocol,
    source: io::Error,
}

impl OpenError {
    /// The error of a system call on the way to a socket for `protocol`.
    pub fn new(protocol: Protocol, source: io::Error) -> Self {
        OpenError { protocol, source }
    }

    fn cure(&self) -> &'static str {
        match (self.source.raw_os_error(), self.protocol) {
            (Some(libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT), Protocol::Netfilter) => {
                "this kernel has no nfnetlink: load the module nfnetlink \
                 (CONFIG_NETFILTER_NETLINK), or use another kernel"
            }
            (Some(libc::EPROTONOSUPPORT | libc::ESOCKTNOSUPPORT), Protocol::Route) => {
                "this kernel has no route netlink: use another kernel (CONFIG_NET)"
            }
            (Some(libc::EAFNOSUPPORT | libc::EACCES | libc::EPERM | libc::ENOSYS), _) => {
                "permit the process the address family AF_NETLINK"
            }
            (Some(libc::EMFILE), _) => "raise the limit of open files of the process",
            (Some(libc::ENFILE), _) => "raise the limit of open files of the system, fs.file-max",
            (Some(libc::ENOMEM | libc::ENOBUFS), _) => "raise the memory limit, or free memory",
            _ => "report it with the output of uname -r",
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.source, self.cure())
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        io::Error::new(error.source.kind(), error)
    }
}

/// A request that was not answered as it should have been.
#[derive(Debug)]
pub enum RequestError {
    /// The socket could not be used.
    Socket {
        /// Why.
        source: io::Error,
    },
    /// The kernel said no.
    Refused {
        /// Its words.
        reply: Reply,
    },
    /// The kernel said nothing for so long.
    NoAnswer {
        /// How long that was.
        after: Duration,
    },
    /// The answer is too short to be read.
    Malformed,
    /// What was asked for changed each time that it was asked for.
    Changing,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestError::Socket { source } => source.fmt(f),
            RequestError::Refused { reply } => {
                io::Error::from_raw_os_error(reply.errno).fmt(f)?;
                reply.text.as_ref().map_or(Ok(()), |text| write!(f, " ({})", text.escape_debug()))
            }
            RequestError::NoAnswer { after } => {
                write!(f, "the kernel did not answer within {} s", after.as_secs())
            }
            RequestError::Malformed => f.write_str("the kernel's answer cannot be read"),
            RequestError::Changing => f.write_str("it changed each time that it was asked for"),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RequestError::Socket { source } => Some(source),
            _ => None,
        }
    }
}

impl From<io::Error> for RequestError {
    fn from(source: io::Error) -> Self {
        RequestError::Socket { source }
    }
}

impl From<RequestError> for io::Error {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Socket { source } => source,
            RequestError::Refused { ref reply } => {
                io::Error::new(io::Error::from_raw_os_error(reply.errno).kind(), error)
            }
            RequestError::NoAnswer { .. } => io::Error::new(io::ErrorKind::TimedOut, error),
            error => io::Error::other(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_for_which_there_is_no_socket_has_a_cure() {
        for (errno, protocol, cure) in [
            (libc::EPROTONOSUPPORT, Protocol::Netfilter, "load the module nfnetlink"),
            (libc::EPROTONOSUPPORT, Protocol::Route, "use another kernel"),
            (libc::EAFNOSUPPORT, Protocol::Route, "permit the process the address family"),
            (libc::EPERM, Protocol::Netfilter, "permit the process the address family"),
            (libc::EMFILE, Protocol::Netfilter, "raise the limit of open files of the process"),
            (libc::ENFILE, Protocol::Route, "fs.file-max"),
            (libc::ENOBUFS, Protocol::Route, "memory"),
            (libc::EDOM, Protocol::Route, "report it"),
        ] {
            let source = io::Error::from_raw_os_error(errno);
            let kind = source.kind();
            let said = source.to_string();
            let error: io::Error = OpenError::new(protocol, source).into();
            assert!(error.to_string().starts_with(&said), "{error}");
            assert!(error.to_string().contains(cure), "{error}");
            assert_eq!(error.kind(), kind);
        }
    }
}
