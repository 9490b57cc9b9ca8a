//! A listener for what rules log to a group: linux/netfilter/nfnetlink_log.h.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

use netfilterd::netlink::{Message, append, find, generic, message_kind};
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
};
use nix::sys::time::TimeVal;

use super::Namespace;

/// A packet as it was logged.
pub struct Logged {
    pub prefix: String,
    pub packet: Vec<u8>,
}

/// A listener; the group is given up when it is dropped.
pub struct Nflog(OwnedFd);

impl Nflog {
    /// Listens to a group of a namespace.
    pub fn listen(namespace: &Namespace, group: u16) -> Self {
        namespace.within(|| {
            let socket = socket(
                AddressFamily::Netlink,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::NetlinkNetFilter,
            )
            .unwrap();
            setsockopt(&socket, ReceiveTimeout, &TimeVal::new(10, 0)).unwrap();
            let nflog = Nflog(socket);
            nflog.configure(group, libc::NFULA_CFG_CMD, &[libc::NFULNL_CFG_CMD_BIND as u8]);
            // As much of each packet as the rule says.
            let copy = libc::NFULNL_COPY_PACKET as u8;
            nflog.configure(group, libc::NFULA_CFG_MODE, &[0, 0, 0xff, 0xff, copy, 0]);
            nflog
        })
    }

    fn configure(&self, group: u16, attribute: libc::c_int, value: &[u8]) {
        let (mut bytes, mut too_long) = (Vec::new(), false);
        let kind = message_kind(libc::NFNL_SUBSYS_ULOG, libc::NFULNL_MSG_CONFIG);
        let (flags, header) = (libc::NLM_F_ACK as u16, generic(libc::AF_UNSPEC as u8, group));
        append(&mut bytes, kind, flags, &header, 0, &mut too_long, |to| {
            to.put(attribute as u16, value)
        });
        send(self.0.as_raw_fd(), &bytes, MsgFlags::empty()).unwrap();
        let mut answer = [0; 4096];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty()).unwrap();
        // struct nlmsgerr behind the header: 0 is a yes.
        assert_eq!(answer[16..20], [0; 4], "{:?}", &answer[..length]);
    }

    /// Waits until packets are logged, to all that are there then.
    pub fn logged(&self) -> Vec<Logged> {
        let (mut all, mut bytes) = (Vec::new(), vec![0; 1 << 17]);
        let mut wait = MsgFlags::empty();
        while let Ok(length) = recv(self.0.as_raw_fd(), &mut bytes, wait) {
            let mut rest = &bytes[..length];
            while let Some((message, after)) = Message::parse(rest) {
                rest = after;
                if message.kind_in(libc::NFNL_SUBSYS_ULOG) == Some(libc::NFULNL_MSG_PACKET) {
                    let of = |kind: libc::c_int| {
                        find(message.attributes(), kind as u16).unwrap_or_default()
                    };
                    let prefix = CStr::from_bytes_until_nul(of(libc::NFULA_PREFIX)).unwrap();
                    all.push(Logged {
                        prefix: prefix.to_str().unwrap().to_string(),
                        packet: of(libc::NFULA_PAYLOAD).to_vec(),
                    });
                }
            }
            wait = MsgFlags::MSG_DONTWAIT;
        }
        all
    }
}
