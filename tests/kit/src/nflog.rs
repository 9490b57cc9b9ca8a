//! A listener for what rules log to a group: linux/netfilter/nfnetlink_log.h.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, OwnedFd};

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
        // struct nlmsghdr, struct nfgenmsg, struct nlattr and its value.
        let (attribute, length) = (attribute as u16, 4 + value.len() as u16);
        let mut bytes = vec![0; 4];
        bytes.extend(kind(libc::NFULNL_MSG_CONFIG).to_ne_bytes());
        bytes.extend(((libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16).to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend([libc::AF_UNSPEC as u8, libc::NFNETLINK_V0 as u8]);
        bytes.extend(group.to_be_bytes());
        bytes.extend(length.to_ne_bytes());
        bytes.extend(attribute.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        let whole = bytes.len() as u32;
        bytes[..4].copy_from_slice(&whole.to_ne_bytes());
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
            for message in blocks(&bytes[..length], |header| u32_at(header, 0) as usize) {
                if u16_at(message, 4) != kind(libc::NFULNL_MSG_PACKET) {
                    continue;
                }
                let attributes = || blocks(&message[20..], |header| u16_at(header, 0).into());
                let of = |kind: libc::c_int| {
                    let found = attributes().find(|block| u16_at(block, 2) == kind as u16);
                    found.map(|block| block[4..].to_vec()).unwrap_or_default()
                };
                let prefix = of(libc::NFULA_PREFIX);
                let prefix = CStr::from_bytes_until_nul(&prefix).unwrap();
                all.push(Logged {
                    prefix: prefix.to_str().unwrap().to_string(),
                    packet: of(libc::NFULA_PAYLOAD),
                });
            }
            wait = MsgFlags::MSG_DONTWAIT;
        }
        all
    }
}

fn kind(message: libc::c_int) -> u16 {
    (libc::NFNL_SUBSYS_ULOG << 8 | message) as u16
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Messages or attributes that follow each other, each of which says its length.
fn blocks(bytes: &[u8], length: impl Fn(&[u8]) -> usize) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = length(rest);
        let block = &rest[..length];
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        Some(block)
    })
}
