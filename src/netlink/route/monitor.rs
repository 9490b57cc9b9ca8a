//! Notifications of changes of interfaces, addresses and routes.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use super::routes::{NextHop, RTM_NEWNEXTHOP, Route};
use crate::netlink::{Message, Protocol, Socket};

/// Receives a notification when something has changed.
pub struct Monitor {
    socket: Socket,
}

impl Monitor {
    /// Receives the notifications of groups (`RTNLGRP_*`) from here on.
    pub fn open(groups: &[u32]) -> io::Result<Self> {
        let socket = Socket::open(Protocol::Route)?;
        for &group in groups {
            socket.join(group)?;
        }
        Ok(Monitor { socket })
    }

    /// Receives a notification when [`addresses`](super::addresses), routes or nexthop objects change.
    pub fn open_for_addresses() -> io::Result<Self> {
        let monitor = Monitor::open(&[
            libc::RTNLGRP_IPV4_IFADDR,
            libc::RTNLGRP_IPV6_IFADDR,
            libc::RTNLGRP_IPV4_ROUTE,
            libc::RTNLGRP_IPV6_ROUTE,
        ])?;
        match monitor.socket.join(libc::RTNLGRP_NEXTHOP) {
            // A kernel without nexthop objects has no such group.
            Err(error) if error.raw_os_error() != Some(libc::EINVAL) => Err(error),
            _ => Ok(monitor),
        }
    }

    /// Takes all notifications that wait. What they say is better asked for anew: some may have
    /// been lost.
    pub fn drain(&mut self) -> io::Result<()> {
        self.socket.receive_waiting(|_| {})
    }

    /// The same, and whether one of these may have changed: an address, a default route, a network on
    /// a link, or a next hop that neighbour discovery resolves and that is not `known`. A router is
    /// notified of many other routes, and of many routes through the same next hops.
    pub fn drain_addresses(&mut self, known: impl Fn(IpAddr) -> bool) -> io::Result<bool> {
        let mut changed = false;
        self.socket.receive_waiting(|message| {
            changed |= message.is_none_or(|message| matters(message, &known));
        })?;
        Ok(changed)
    }
}

/// Whether a notification is about something that [`Monitor::drain_addresses`] names.
pub fn matters(message: &Message<'_>, known: impl Fn(IpAddr) -> bool) -> bool {
    if [libc::RTM_NEWADDR, libc::RTM_DELADDR].contains(&message.kind) {
        return true;
    }
    let is_new = |gateway: IpAddr| !known(gateway);
    if let Some(route) = Route::of(message) {
        let is_host =
            route.destination().is_none_or(|net| net.prefix_len() == net.max_prefix_len());
        return route.is_default()
            || route.is_on_link() && !is_host
            || message.kind == libc::RTM_NEWROUTE
                && route
                    .hops()
                    .filter_map(|hop| hop.gateway)
                    .any(|hop| hop.is_ipv6() && is_new(hop));
    }
    // The routes through a nexthop object that is deleted are deleted without a notification.
    NextHop::of(message).is_some_and(|object| match object.hop.gateway {
        Some(gateway) if message.kind == RTM_NEWNEXTHOP => is_new(gateway),
        _ => true,
    })
}

/// Readable when notifications wait.
impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
