//! What is to become of a packet.
//!
//! A packet that comes in is judged by its source, one that goes out by its destination, one that
//! is forwarded by both. Knows range sets and interfaces, not whence they come.

use std::sync::Arc;

use super::Options;
use super::index::Index;
use super::message::{Packet, Verdict};
use super::packet::Addresses;
use crate::ip::range::Address;

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

/// What is to become of several packets, and the room that finding out takes.
#[derive(Debug, Default)]
pub struct Judgements {
    judgements: Vec<Judgement>,
    v4: Asked<u32>,
    v6: Asked<u128>,
}

/// Addresses that are to be looked up, and for which packet each.
#[derive(Debug)]
struct Asked<A> {
    addresses: Vec<A>,
    packets: Vec<usize>,
}

impl<A> Default for Asked<A> {
    fn default() -> Self {
        Asked { addresses: Vec::new(), packets: Vec::new() }
    }
}

impl<A: Address> Asked<A> {
    #[inline]
    fn ask(&mut self, address: A, packet: usize) {
        self.addresses.push(address);
        self.packets.push(packet);
    }

    /// Has the packets dropped of which an address is in the list, and forgets all of them.
    fn answer(&mut self, list: &Index<A>, judgements: &mut [Judgement]) {
        list.find_each(&self.addresses, |found| {
            judgements[self.packets[found]] = Judgement::Drop;
        });
        self.addresses.clear();
        self.packets.clear();
    }
}

impl Judge {
    /// Judges packets; the judgements are in their order. Most of what a judgement takes is waiting
    /// for memory, which is done for all of them at once.
    pub fn judge<'a>(
        &self,
        packets: &[Packet<'_>],
        judgements: &'a mut Judgements,
    ) -> &'a [Judgement] {
        let Judgements { judgements, v4, v6 } = judgements;
        judgements.clear();
        for (number, packet) in packets.iter().enumerate() {
            judgements.push(self.ask(packet, number, v4, v6));
        }
        v4.answer(&self.lists.v4, judgements);
        v6.answer(&self.lists.v6, judgements);
        judgements
    }

    /// What is to become of a packet if the addresses that it asks about are not listed.
    #[inline]
    fn ask(
        &self,
        packet: &Packet<'_>,
        number: usize,
        v4: &mut Asked<u32>,
        v6: &mut Asked<u128>,
    ) -> Judgement {
        let comes_in = self.interfaces.include(packet.interface_in);
        let goes_out = self.interfaces.include(packet.interface_out);
        if !comes_in && !goes_out {
            return Judgement::Accept;
        }
        match Addresses::parse(packet.family, packet.header) {
            None => return Judgement::Unreadable,
            Some(Addresses::V4 { source, destination }) => {
                let ends = [(comes_in, source), (goes_out, destination)];
                ends.iter().filter(|end| end.0).for_each(|end| v4.ask(end.1, number));
            }
            Some(Addresses::V6 { source, destination }) => {
                let ends = [(comes_in, source), (goes_out, destination)];
                ends.iter().filter(|end| end.0).for_each(|end| v6.ask(end.1, number));
            }
        }
        Judgement::Accept
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
