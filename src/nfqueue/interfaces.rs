//! The interfaces whose packets are judged: names to numbers, as interfaces come and go.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use super::error::QueueError;
use crate::netlink::route::{self, Interface};

/// The interfaces of some names, followed.
pub struct NamedInterfaces {
    /// With a `*` at the end for any ending.
    names: Vec<CString>,
    /// Receives a notification when an interface comes or goes.
    links: route::Monitor,
}

impl NamedInterfaces {
    /// Begins to follow the interfaces of these names. A warning says which do not exist yet.
    pub fn follow(names: Vec<CString>) -> Result<Self, QueueError> {
        let failed = |source| QueueError::Interfaces { source };
        // Before they are listed, so that none is missed.
        let links = route::Monitor::open(&[libc::RTNLGRP_LINK]).map_err(failed)?;
        let known = route::interfaces().map_err(failed)?;
        for name in &names {
            if !known.iter().any(|interface| matches(name, &interface.name)) {
                log::warn!(
                    "interface {} does not exist yet; check its name; its packets are filtered as \
                     soon as it exists",
                    name.to_string_lossy().escape_debug()
                );
            }
        }
        Ok(NamedInterfaces { names, links })
    }

    /// Readable when an interface has come or gone.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.links.as_fd()
    }

    /// Takes the notifications that wait.
    pub fn drain(&mut self) -> Result<(), QueueError> {
        self.links.drain().map_err(|source| QueueError::Interfaces { source })
    }

    /// Those that exist by now.
    pub fn existing(&self) -> Result<Vec<Interface>, QueueError> {
        let mut existing =
            route::interfaces().map_err(|source| QueueError::Interfaces { source })?;
        existing.retain(|known| self.names.iter().any(|name| matches(name, &known.name)));
        Ok(existing)
    }
}

/// Whether an interface has the name, or one that begins with what is before the `*`.
fn matches(pattern: &CString, name: &[u8]) -> bool {
    match pattern.as_bytes().strip_suffix(b"*") {
        Some(beginning) => name.starts_with(beginning),
        None => pattern.as_bytes() == name,
    }
}
