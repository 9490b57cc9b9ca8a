//! Why a question to the kernel has no answer.

use std::fmt;
use std::io;
use std::time::Duration;

use super::Reply;

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
