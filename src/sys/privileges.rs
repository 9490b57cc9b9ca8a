//! What the process is still permitted once it has begun.
//!
//! Lists come from strangers. Whoever finds a way to make their reader do something else has the
//! reader's privileges, so it drops all that it does not need: every capability but CAP_NET_ADMIN,
//! for good, for itself and for whatever would be started by it.

use std::fmt;

use caps::errors::CapsError;
use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::sys::prctl;

/// A privilege that could not be dropped.
#[derive(Debug)]
pub enum PrivilegeError {
    /// Privileges can be gained again, by a program that is run.
    Regainable {
        /// Why.
        source: Errno,
    },
    /// Capabilities that are not needed are kept.
    Capabilities {
        /// Why.
        source: CapsError,
    },
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivilegeError::Regainable { source } => {
                write!(f, "cannot forbid programs that are run to gain privileges: {source}")
            }
            PrivilegeError::Capabilities { source } => {
                write!(f, "cannot drop the capabilities that are not needed: {source}")
            }
        }
    }
}

impl std::error::Error for PrivilegeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PrivilegeError::Regainable { source } => Some(source),
            PrivilegeError::Capabilities { source } => Some(source),
        }
    }
}

/// Drops every capability but CAP_NET_ADMIN, and the way back to them. Returns what could not be
/// dropped: a warning, not a failure, since a filter that is not kept up to date would be worse.
///
/// To be called before there are threads, since each has capabilities of its own. A process that has
/// none keeps none.
pub fn keep_net_admin_only() -> Vec<PrivilegeError> {
    let regainable =
        prctl::set_no_new_privs().map_err(|source| PrivilegeError::Regainable { source });
    let kept = drop_capabilities().map_err(|source| PrivilegeError::Capabilities { source });
    [regainable, kept].into_iter().filter_map(Result::err).collect()
}

fn drop_capabilities() -> Result<(), CapsError> {
    let net_admin = Capability::CAP_NET_ADMIN;
    // The bounding set goes first: it takes CAP_SETPCAP, which is dropped next. A process that does
    // not have that has, with no new privileges, no use of the bounding set either.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::runtime::thread_all_supported() {
            if capability != net_admin {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    if caps::runtime::ambient_set_supported().is_ok() {
        caps::clear(None, CapSet::Ambient)?;
    }
    caps::clear(None, CapSet::Inheritable)?;
    let mut kept = caps::read(None, CapSet::Permitted)?;
    kept.retain(|&capability| capability == net_admin);
    // What is effective has to be permitted.
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)
}
