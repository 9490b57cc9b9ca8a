//! What the kernel's networking is made of: interfaces, by route netlink (rtnetlink(7)).
//!
//! Knows nothing of what the answers are for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mnl::{Bus, Socket};

use crate::netlink::{Message, Reply, append, attributes, find};
use crate::sys;

/// Attribute of linux/if_link.h.
const IFLA_IFNAME: u16 = 3;
/// Bytes of a `struct ifinfomsg`, linux/rtnetlink.h.
const LINK_HEADER: usize = 16;

/// The largest piece of an answer.
const PIECE: usize = 64 << 10;

/// How long an answer may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its number, which is never 0.
    pub index: u32,
    /// Its name, which need not be text.
    pub name: Vec<u8>,
}

/// The interfaces of this process's network namespace.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut found = Vec::new();
    dump(libc::RTM_GETLINK, &[0; LINK_HEADER], |message| found.extend(interface(message)))?;
    Ok(found)
}

fn interface(message: &Message<'_>) -> Option<Interface> {
    if message.kind != libc::RTM_NEWLINK {
        return None;
    }
    let header = message.payload().get(..LINK_HEADER)?;
    let index = u32::from_ne_bytes(header[4..8].try_into().ok()?);
    let name = find(attributes(&message.payload()[LINK_HEADER..]), IFLA_IFNAME)?;
    Some(Interface { index, name: name.strip_suffix(b"\0").unwrap_or(name).to_vec() })
}

/// Asks for all objects of a kind and hands the messages to `each`.
fn dump(kind: u16, header: &[u8], mut each: impl FnMut(&Message<'_>)) -> io::Result<()> {
    const SEQUENCE: u32 = 1;
    let socket = Socket::open(Bus::Route)?;
    let fd = sys::netlink_fd(&socket);
    sys::set_close_on_exec(fd)?;
    socket.bind(0, 0)?;
    let (mut request, mut too_long) = (Vec::new(), false);
    append(&mut request, kind, libc::NLM_F_DUMP as u16, header, SEQUENCE, &mut too_long, |_| {});
    socket.send(&request)?;
    let mut piece = vec![0; PIECE];
    loop {
        if sys::wait_readable([fd], Some(PATIENCE))? != [true] {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let length = socket.recv_raw(&mut piece)?;
        let mut rest = &piece[..length];
        while let Some((message, behind)) = Message::parse(rest) {
            rest = behind;
            match i32::from(message.kind) {
                libc::NLMSG_DONE => return Ok(()),
                libc::NLMSG_ERROR => {
                    let errno = Reply::parse(&message).map_or(libc::EPROTO, |reply| reply.errno);
                    return Err(io::Error::from_raw_os_error(errno));
                }
                _ => each(&message),
            }
        }
    }
}

/// Hears that something was changed.
pub struct Watch {
    socket: Socket,
}

impl Watch {
    /// Listens to groups of notifications (`RTNLGRP_*`) from here on.
    pub fn open(groups: &[libc::c_uint]) -> io::Result<Self> {
        let socket = Socket::open(Bus::Route)?;
        let fd = sys::netlink_fd(&socket);
        sys::set_close_on_exec(fd)?;
        socket.bind(0, 0)?;
        for &group in groups {
            let option = libc::NETLINK_ADD_MEMBERSHIP;
            sys::set_socket_option(fd, libc::SOL_NETLINK, option, group as libc::c_int)?;
        }
        Ok(Watch { socket })
    }

    /// Takes all notifications that wait. What they say is better asked for anew: some may have
    /// been lost.
    pub fn drain(&mut self) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        while sys::wait_readable([self.as_fd()], Some(Duration::ZERO))? == [true] {
            match self.socket.recv_raw(&mut piece) {
                Err(error) if error.raw_os_error() != Some(libc::ENOBUFS) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        sys::netlink_fd(&self.socket)
    }
}
