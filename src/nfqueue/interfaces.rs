//! The interfaces of `--interface`: names to numbers, while interfaces appear and disappear.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};

use super::error::QueueError;
use crate::netlink::link::{FoundLinks, NamedLinks};
use crate::netlink::route;

/// The interfaces with these names, kept up to date by notifications.
pub struct NamedInterfaces {
    names: NamedLinks,
    /// Receives a notification when an interface appears or disappears.
    links: route::Monitor,
}

impl NamedInterfaces {
    /// Receives changes of interfaces from now on.
    pub fn follow(names: Vec<CString>) -> Result<Self, QueueError> {
        Ok(NamedInterfaces { names: NamedLinks::new(names), links: monitor()? })
    }

    /// Readable when an interface has appeared or disappeared.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.links.as_fd()
    }

    /// The interfaces that have these names now. Discards the notifications that wait, and warns about
    /// names that no packet has.
    pub fn find(&mut self) -> Result<FoundLinks, QueueError> {
        if let Err(error) = self.links.drain() {
            log::debug!("receiving changes of interfaces again, after an error: {error}");
            self.links = monitor()?;
        }
        self.names.find().map_err(|source| QueueError::Interfaces { source })
    }
}

fn monitor() -> Result<route::Monitor, QueueError> {
    let opened = route::Monitor::open(&[libc::RTNLGRP_LINK]);
    opened.map_err(|source| QueueError::Interfaces { source })
}
