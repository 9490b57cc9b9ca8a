//! The messages of NFQUEUE: configurations and verdicts to the kernel, packets and replies from it.
//!
//! The format is that of linux/netfilter/nfnetlink_queue.h. No message from the kernel causes a panic.

use std::num::NonZeroU32;

use super::options::Options;
use super::packet;
use crate::netlink::{Attributes, Message, Reply, append, generic, message_kind};

/// The sequence numbers of requests, by which a reply is matched with its request.
pub mod sequence {
    /// Verdicts. The kernel replies only if it refuses them.
    pub const VERDICT: u32 = 0;
    /// The request to bind a queue.
    pub const BIND: u32 = 1;
    /// The request that changes nothing and only causes a reply.
    pub const PING: u32 = 2;
    /// The request to unbind a queue.
    pub const UNBIND: u32 = 3;
}

/// The kernel copies only this many bytes of a packet: the fixed IP header and one more.
const COPY_RANGE: u32 = packet::NEEDED as u32;

/// A packet that waits for a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The number that the verdict names. Packets of a queue are numbered in the order of arrival.
    pub id: u32,
    /// The family of the packet (`AF_*`), from its Ethernet type.
    pub family: u8,
    /// The mark of the packet, 0 if it has none.
    pub mark: u32,
    /// The number of the interface on which the packet came in, 0 for none.
    pub interface_in: u32,
    /// The number of the interface on which the packet goes out, 0 for none.
    pub interface_out: u32,
    /// The first bytes of the packet, at most [`packet::NEEDED`].
    pub header: &'a [u8],
}

/// A message from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A packet that waits for a verdict.
    Packet(Packet<'a>),
    /// The reply to a configuration, or the error of a verdict.
    Reply(Reply),
    /// Neither of these, or incomplete.
    Malformed,
}

impl<'a> Incoming<'a> {
    /// Parses the payload of a netlink message.
    #[inline]
    pub fn parse(message: &Message<'a>) -> Self {
        if message.kind == const { message_kind(libc::NFNL_SUBSYS_QUEUE, libc::NFQNL_MSG_PACKET) } {
            return parse_packet(message).map_or(Incoming::Malformed, Incoming::Packet);
        }
        if i32::from(message.kind) == libc::NLMSG_ERROR {
            return Reply::parse(message).map_or(Incoming::Malformed, Incoming::Reply);
        }
        Incoming::Malformed
    }
}

#[inline]
fn parse_packet<'a>(message: &Message<'a>) -> Option<Packet<'a>> {
    let mut packet = Packet {
        id: 0,
        family: libc::AF_UNSPEC as u8,
        mark: 0,
        interface_in: 0,
        interface_out: 0,
        header: &[],
    };
    let mut has_id = false;
    for attribute in message.attributes() {
        let value = attribute.value;
        match i32::from(attribute.kind) {
            libc::NFQA_PACKET_HDR => {
                // struct nfqnl_msg_packet_hdr: the number, the Ethernet type, the hook.
                packet.id = be32(value)?;
                packet.family = match value.get(4..6)? {
                    [0x08, 0x00] => libc::AF_INET as u8,
                    [0x86, 0xdd] => libc::AF_INET6 as u8,
                    _ => libc::AF_UNSPEC as u8,
                };
                has_id = true;
            }
            libc::NFQA_MARK => packet.mark = be32(value)?,
            libc::NFQA_IFINDEX_INDEV => packet.interface_in = be32(value)?,
            libc::NFQA_IFINDEX_OUTDEV => packet.interface_out = be32(value)?,
            libc::NFQA_PAYLOAD => packet.header = value,
            _ => {}
        }
    }
    has_id.then_some(packet)
}

fn be32(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// A request to bind a queue and to configure it. Both are in one message, because a packet that
/// arrived between two messages would be lost.
pub fn bind(queue: u16, options: &Options) -> Vec<u8> {
    configure(queue, sequence::BIND, |to| {
        command(to, libc::NFQNL_CFG_CMD_BIND);
        // struct nfqnl_msg_config_params, packed: how much is copied, and that it is the packet.
        let [a, b, c, d] = COPY_RANGE.to_be_bytes();
        to.put(libc::NFQA_CFG_PARAMS as u16, &[a, b, c, d, libc::NFQNL_COPY_PACKET as u8]);
        to.put_u32(libc::NFQA_CFG_QUEUE_MAXLEN as u16, options.max_length);
        let fail_open = if options.fail_open { libc::NFQA_CFG_F_FAIL_OPEN } else { 0 };
        // With GSO the kernel passes a packet before segmentation and without checksum. Without GSO it
        // would segment the packet and compute checksums, which nothing here reads.
        let flags = (libc::NFQA_CFG_F_GSO | fail_open) as u32;
        let known = (libc::NFQA_CFG_F_GSO | libc::NFQA_CFG_F_FAIL_OPEN) as u32;
        to.put_u32(libc::NFQA_CFG_MASK as u16, known);
        to.put_u32(libc::NFQA_CFG_FLAGS as u16, flags);
    })
}

/// A request to unbind a queue. The kernel drops packets that still wait in it.
pub fn unbind(queue: u16) -> Vec<u8> {
    configure(queue, sequence::UNBIND, |to| command(to, libc::NFQNL_CFG_CMD_UNBIND))
}

/// A request that changes nothing. Its reply shows whether the queue is still bound (ENODEV if not),
/// and wakes a thread that waits for packets.
pub fn ping(queue: u16) -> Vec<u8> {
    configure(queue, sequence::PING, |_| {})
}

fn configure(queue: u16, sequence: u32, fill: impl FnOnce(&mut Attributes<'_>)) -> Vec<u8> {
    let (mut bytes, mut too_long) = (Vec::new(), false);
    let kind = message_kind(libc::NFNL_SUBSYS_QUEUE, libc::NFQNL_MSG_CONFIG);
    let header = generic(libc::AF_UNSPEC as u8, queue);
    append(&mut bytes, kind, libc::NLM_F_ACK as u16, &header, sequence, &mut too_long, fill);
    bytes
}

/// `struct nfqnl_msg_config_cmd`: the command, and the protocol family, which the kernel ignores.
fn command(to: &mut Attributes<'_>, command: libc::c_int) {
    to.put(libc::NFQA_CFG_CMD as u16, &[command as u8, 0, 0, 0]);
}

/// A verdict: the code for the hook, and the new mark of the packet, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `NF_ACCEPT`, `NF_DROP` or `NF_REPEAT`.
    pub code: libc::c_int,
    /// The new mark; `None` leaves the mark of the packet.
    pub mark: Option<NonZeroU32>,
}

/// A buffer of verdict messages.
///
/// A batch verdict decides for every waiting packet up to a number, so one message serves a run of
/// packets with equal verdicts. Packets must therefore be pushed in the order of arrival, and none may
/// be omitted.
#[derive(Debug)]
pub struct Verdicts {
    queue: u16,
    bytes: Vec<u8>,
    run: Option<Run>,
}

/// Consecutive packets with equal verdicts.
#[derive(Clone, Copy, Debug)]
struct Run {
    verdict: Verdict,
    last: u32,
    is_long: bool,
}

impl Verdicts {
    /// An empty buffer for the verdicts of one queue.
    pub fn new(queue: u16) -> Self {
        Verdicts { queue, bytes: Vec::new(), run: None }
    }

    /// Adds the verdict of the next packet.
    #[inline]
    pub fn push(&mut self, id: u32, verdict: Verdict) {
        match &mut self.run {
            Some(run) if run.verdict == verdict => {
                run.last = id;
                run.is_long = true;
            }
            _ => {
                self.end_run();
                self.run = Some(Run { verdict, last: id, is_long: false });
            }
        }
    }

    /// The messages for all verdicts that were pushed. The kernel replies only to a verdict that it
    /// refuses.
    pub fn bytes(&mut self) -> &[u8] {
        self.end_run();
        &self.bytes
    }

    /// Empties the buffer.
    pub fn clear(&mut self) {
        self.run = None;
        self.bytes.clear();
    }

    fn end_run(&mut self) {
        let Some(Run { verdict, last, is_long }) = self.run.take() else { return };
        let kind = if is_long { libc::NFQNL_MSG_VERDICT_BATCH } else { libc::NFQNL_MSG_VERDICT };
        let kind = message_kind(libc::NFNL_SUBSYS_QUEUE, kind);
        let header = generic(libc::AF_UNSPEC as u8, self.queue);
        append(&mut self.bytes, kind, 0, &header, sequence::VERDICT, &mut false, |to| {
            // struct nfqnl_msg_verdict_hdr: the verdict, the packet's number.
            let mut value = [0; 8];
            value[..4].copy_from_slice(&(verdict.code as u32).to_be_bytes());
            value[4..].copy_from_slice(&last.to_be_bytes());
            to.put(libc::NFQA_VERDICT_HDR as u16, &value);
            if let Some(mark) = verdict.mark {
                to.put_u32(libc::NFQA_MARK as u16, mark.get());
            }
        });
    }
}
