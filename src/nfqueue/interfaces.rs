//! The interfaces of `--interface`: names to numbers, while interfaces appear and disappear.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use super::error::QueueError;
use crate::netlink::route::{self, Interface};

/// The interfaces with these names, kept up to date by notifications.
pub struct NamedInterfaces {
    /// The names of `--interface`; a `*` at the end matches any ending.
    names: Vec<CString>,
    /// Receives a notification when an interface appears or disappears.
    links: route::Monitor,
}

impl NamedInterfaces {
    /// Receives changes of interfaces from now on. Warns about names that no interface has yet.
    pub fn follow(names: Vec<CString>) -> Result<Self, QueueError> {
        let failed = |source| QueueError::Interfaces { source };
        // Before the interfaces are listed, so that no change is missed.
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

    /// Readable when an interface has appeared or disappeared.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.links.as_fd()
    }

    /// Discards the notifications that wait.
    pub fn drain(&mut self) -> Result<(), QueueError> {
        self.links.drain().map_err(|source| QueueError::Interfaces { source })
    }

    /// The interfaces that have these names now.
    pub fn existing(&self) -> Result<Vec<Interface>, QueueError> {
        let mut existing =
            route::interfaces().map_err(|source| QueueError::Interfaces { source })?;
        existing.retain(|known| self.names.iter().any(|name| matches(name, &known.name)));
        Ok(existing)
    }
}

/// Whether an interface has the name, or a name that begins with the part before the `*`.
fn matches(pattern: &CString, name: &[u8]) -> bool {
    match pattern.as_bytes().strip_suffix(b"*") {
        Some(beginning) => name.starts_with(beginning),
        None => pattern.as_bytes() == name,
    }
}
