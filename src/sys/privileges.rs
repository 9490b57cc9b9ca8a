//! What the process is still permitted once it has begun.
//!
//! Lists come from strangers. Whoever finds a way to make their reader do something else has the
//! reader's privileges, so it gives away all that it does not need: every capability but
//! CAP_NET_ADMIN, for good, for itself and for whatever would be started by it.

use caps::errors::CapsError;
use caps::{CapSet, Capability};
use nix::sys::prctl;

/// Gives away every capability but CAP_NET_ADMIN, and the way back to them.
///
/// To be called before there are threads, since each has capabilities of its own. A process that has
/// none keeps none. What cannot be given away is told and kept: a filter that is not kept up to date
/// would be worse.
pub fn keep_net_admin_only() {
    if let Err(error) = prctl::set_no_new_privs() {
        log::warn!("privileges can be gained again, by a program that is run: {error}");
    }
    if let Err(error) = give_away() {
        log::warn!("capabilities that are not needed are kept: {error}");
    }
}

fn give_away() -> Result<(), CapsError> {
    let net_admin = Capability::CAP_NET_ADMIN;
    // The bounding set goes first: it takes CAP_SETPCAP, which is given away next. A process that
    // does not have that has, with no new privileges, no use of the bounding set either.
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
