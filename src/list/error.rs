//! Why a list cannot be used.

use std::error::Error;
use std::fmt;
use std::io;

use super::file::ReadError;
use super::format::NotAList;
use super::rejection::Rejection;

/// A list that could not be read, or holds nothing that could be.
#[derive(Debug)]
pub enum ListError {
    /// The bytes of a list could not be read.
    Read {
        /// The name of the list.
        list: String,
        /// Why not.
        error: ReadError,
    },
    /// A list has lines, of which none is an entry.
    NoEntry {
        /// The name of the list.
        list: String,
        /// The first of the lines.
        first: Box<Rejection>,
    },
    /// A list is not to be read, because of what it is.
    NotAList {
        /// The name of the list.
        list: String,
        /// Why not.
        reason: Box<NotAList>,
        /// The beginning of the line that decides it, escaped; `None` if there is none, or not every user
        /// may read the list.
        excerpt: Option<String>,
    },
    /// There is no memory for the entries of a list.
    NoMemory {
        /// The name of the list.
        list: String,
        /// Its size.
        bytes: usize,
    },
    /// Lists that do not exist may be missing, but not all of them.
    AllMissing {
        /// Their names.
        lists: Vec<String>,
    },
}

impl ListError {
    /// The name of a list that does not exist; one that exists and cannot be read is another matter.
    pub fn missing_list(&self) -> Option<&str> {
        match self {
            ListError::Read { list, error: ReadError::Io { error } }
                if error.kind() == io::ErrorKind::NotFound =>
            {
                Some(list)
            }
            _ => None,
        }
    }
}

impl fmt::Display for ListError {
    /// With `{:#}` without the text of lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListError::Read { list, error } => write!(f, "{list}: {error}"),
            ListError::NoMemory { list, bytes } => {
                write!(
                    f,
                    "{list}: there is not enough memory for a list of {bytes} bytes; raise the memory \
                     limit, or shorten the list"
                )
            }
            ListError::NotAList { list, reason, excerpt } => {
                let excerpt = excerpt.as_deref().filter(|_| !f.alternate());
                write!(f, "{list}: {}", reason.with_excerpt(excerpt))
            }
            ListError::AllMissing { lists } => {
                write!(f, "none of the lists exists; create one of {}", lists.join(", "))
            }
            ListError::NoEntry { list, first } => {
                write!(
                    f,
                    "{list}: is not a list of addresses, no line of it could be read; the first: "
                )?;
                first.fmt(f)
            }
        }
    }
}

impl Error for ListError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ListError::Read { error, .. } => Some(error),
            ListError::NoEntry { first, .. } => Some(first.as_ref()),
            _ => None,
        }
    }
}
