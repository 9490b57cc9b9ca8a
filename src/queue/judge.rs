//! What is to become of a packet.
//!
//! A packet that comes in is judged by its source, one that goes out by its destination, one that
//! is forwarded by both. Knows range sets and interfaces, not whence they come.

use std::sync::Arc;

use super::Options;
use super::index::Index;
use super::message::{Packet, Verdict};
use super::packet::Addresses;

/// The loopback interface, in every network namespace (`LOOPBACK_IFINDEX` of the kernel).
const LOOPBACK: u32 = 1;

/// What the lists ask for.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// Addresses of IPv4 to drop.
    pub v4: Index<u32>,
    /// Addresses of IPv6 to drop.
    pub v6: Index<u128>,
}

/// The interfaces whose packets are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interfaces {
    /// Every one but loopback.
    All,
    /// Those with these numbers, and never loopback.
    Only(Vec<u32>),
}

/// All that a verdict depends on, at one time.
#[derive(Clone, Debug)]
pub struct Judge {
    /// What is dropped.
    pub lists: Arc<Lists>,
    /// Where.
    pub interfaces: Interfaces,
}

/// What is to become of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It may pass.
    Accept,
    /// Its source or destination is listed.
    Drop,
    /// It has no addresses that could be read.
    Unreadable,
}

impl Judge {
    /// Judges a packet.
    #[inline]
    pub fn judge(&self, packet: &Packet<'_>) -> Judgement {
        let comes_in = self.interfaces.include(packet.interface_in);
        let goes_out = self.interfaces.include(packet.interface_out);
        if !comes_in && !goes_out {
            return Judgement::Accept;
        }
        let listed = match Addresses::parse(packet.family, packet.header) {
            None => return Judgement::Unreadable,
            Some(Addresses::V4 { source, destination }) => {
                let listed = &self.lists.v4;
                comes_in && listed.contains(source) || goes_out && listed.contains(destination)
            }
            Some(Addresses::V6 { source, destination }) => {
                let listed = &self.lists.v6;
                comes_in && listed.contains(source) || goes_out && listed.contains(destination)
            }
        };
        if listed { Judgement::Drop } else { Judgement::Accept }
    }
}

impl Interfaces {
    /// Whether packets are judged there; 0 stands for no interface.
    #[inline]
    fn include(&self, index: u32) -> bool {
        index > LOOPBACK
            && match self {
                Interfaces::All => true,
                Interfaces::Only(indices) => indices.contains(&index),
            }
    }
}

impl Options {
    /// Whether a judgement means that the packet is dropped.
    pub fn drops(&self, judgement: Judgement) -> bool {
        match judgement {
            Judgement::Accept => false,
            Judgement::Drop => true,
            Judgement::Unreadable => !self.fail_open,
        }
    }

    /// The verdict. A packet that comes back with the mark that it was to get has found no rule
    /// that looks at the mark; repeating it for ever would help nobody.
    pub fn verdict(&self, drop: bool, packet: &Packet<'_>) -> Verdict {
        let (mark, code) = if drop {
            (self.mark_drop, libc::NF_DROP)
        } else {
            (self.mark_accept, libc::NF_ACCEPT)
        };
        match mark {
            Some(mark) if mark.get() != packet.mark => {
                Verdict { code: libc::NF_REPEAT, mark: Some(mark) }
            }
            _ => Verdict { code, mark: None },
        }
    }
}
