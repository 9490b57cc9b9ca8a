//! Decides about packets.
//!
//! An incoming packet is judged by its source address, an outgoing packet by its destination address,
//! a forwarded packet by both. Neighbour discovery passes whatever the addresses are: without it no host of
//! the link is reached, a gateway included. Knows range sets and interfaces, and neither lists nor netlink.

use std::sync::Arc;

use super::index::Index;
use super::message::{Packet, Verdict};
use super::options::Options;
use super::packet::{self, Addresses};
use crate::ip::Address;

/// The loopback interface, in every network namespace (`LOOPBACK_IFINDEX` of the kernel).
const LOOPBACK: u32 = 1;

/// The range sets of both families with their indexes, shared by all workers.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The IPv4 addresses to drop.
    pub v4: Index<u32>,
    /// The IPv6 addresses to drop.
    pub v6: Index<u128>,
}

/// The interfaces whose packets are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interfaces {
    /// All interfaces but loopback, whose packets never count.
    All,
    /// The interfaces with these numbers (ifindex), but never loopback.
    Only(Vec<u32>),
}

/// Everything that a judgement depends on. A batch of packets is judged by one value.
#[derive(Clone, Debug)]
pub struct Judge {
    /// The addresses to drop. A reload replaces them as a whole.
    pub lists: Arc<Lists>,
    /// The interfaces on which packets are judged.
    pub interfaces: Interfaces,
}

/// The decision about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No address is listed, the interface does not count, or the packet is neighbour discovery.
    Accept,
    /// The source or destination address is listed.
    Drop,
    /// The IP header could not be read.
    Unreadable,
}

/// The judgements of a batch of packets, and buffers that are used again for the next batch.
#[derive(Debug, Default)]
pub struct Judgements {
    judgements: Vec<Judgement>,
    v4: Asked<u32>,
    v6: Asked<u128>,
}

/// Addresses to look up, and the index of the packet of each.
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

    /// Judges packets with a listed address as `Drop` unless they are neighbour discovery, and empties
    /// the buffers.
    fn answer(&mut self, list: &Index<A>, packets: &[Packet<'_>], judgements: &mut [Judgement]) {
        list.find_each(&self.addresses, |found| {
            let number = self.packets[found];
            if !packet::is_neighbour_discovery(packets[number].header) {
                judgements[number] = Judgement::Drop;
            }
        });
        self.addresses.clear();
        self.packets.clear();
    }
}

impl Judge {
    /// Judges packets; the judgements have the order of the packets. Most of the time of a judgement is
    /// waiting for memory, so all addresses are looked up together.
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
        v4.answer(&self.lists.v4, packets, judgements);
        v6.answer(&self.lists.v6, packets, judgements);
        judgements
    }

    /// The judgement of a packet if its addresses are not listed. Adds those to the addresses to look up.
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
    /// Whether packets on the interface `index` are judged; 0 means no interface.
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
    /// Whether a packet with this judgement is dropped.
    pub fn drops(&self, judgement: Judgement) -> bool {
        match judgement {
            Judgement::Accept => false,
            Judgement::Drop => true,
            Judgement::Unreadable => !self.fail_open,
        }
    }

    /// The verdict of a packet. A packet that returns with the mark that it would get has found no rule
    /// that matches the mark; it is accepted or dropped, because repeating it would never end.
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
