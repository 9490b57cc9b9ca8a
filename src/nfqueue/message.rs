//! NFQUEUE's messages: configuration and verdicts out, packets and answers in.
//!
//! The format is that of linux/netfilter/nfnetlink_queue.h. Whatever comes in, nothing here panics.

use std::num::NonZeroU32;

use super::Options;
use super::packet;
use crate::netlink::{Attributes, Message, Reply, append, generic, message_kind};

/// The sequence numbers of requests, which tell to what an answer belongs.
pub mod sequence {
    /// Verdicts, which are answered only if something is wrong with them.
    pub const VERDICT: u32 = 0;
    /// To take a queue over.
    pub const BIND: u32 = 1;
    /// To have an answer.
    pub const PING: u32 = 2;
    /// To give a queue up.
    pub const UNBIND: u32 = 3;
}

/// The fixed headers are all that is copied of a packet.
const COPY_RANGE: u32 = packet::NEEDED as u32;

/// A packet that waits for its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The number to give the verdict by. Packets of a queue are numbered as they come.
    pub id: u32,
    /// The packet's family (`AF_*`).
    pub family: u8,
    /// The packet's mark.
    pub mark: u32,
    /// The interface that it came in on, 0 if it did not.
    pub interface_in: u32,
    /// The interface that it goes out on, 0 if it does not.
    pub interface_out: u32,
    /// Its beginning.
    pub header: &'a [u8],
}

/// What the kernel sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// The answer to a configuration, or what was wrong with a verdict.
    Reply(Reply),
    /// Neither of these.
    Malformed,
}

impl<'a> Incoming<'a> {
    /// Reads a message.
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

/// A request to take over a queue and how to serve it, in one message: a packet that comes between
/// the one and the other would be lost.
pub fn bind(queue: u16, options: &Options) -> Vec<u8> {
    configure(queue, sequence::BIND, |to| {
        command(to, libc::NFQNL_CFG_CMD_BIND);
        // struct nfqnl_msg_config_params, packed: how much is copied, and that it is the packet.
        let [a, b, c, d] = COPY_RANGE.to_be_bytes();
        to.put(libc::NFQA_CFG_PARAMS as u16, &[a, b, c, d, libc::NFQNL_COPY_PACKET as u8]);
        to.put_u32(libc::NFQA_CFG_QUEUE_MAXLEN as u16, options.max_length);
        let fail_open = if options.fail_open { libc::NFQA_CFG_F_FAIL_OPEN } else { 0 };
        // With GSO a packet that is still to be cut into segments comes as it is, without its
        // checksum: nobody here looks at it, and the kernel would compute it for each.
        let flags = (libc::NFQA_CFG_F_GSO | fail_open) as u32;
        let known = (libc::NFQA_CFG_F_GSO | libc::NFQA_CFG_F_FAIL_OPEN) as u32;
        to.put_u32(libc::NFQA_CFG_MASK as u16, known);
        to.put_u32(libc::NFQA_CFG_FLAGS as u16, flags);
    })
}

/// A request to give a queue up. The kernel drops what still waits in it.
pub fn unbind(queue: u16) -> Vec<u8> {
    configure(queue, sequence::UNBIND, |to| command(to, libc::NFQNL_CFG_CMD_UNBIND))
}

/// A request that changes nothing, for the sake of its answer: that the queue is still ours, or
/// ENODEV; and that a thread which waits for packets wakes up.
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

/// `struct nfqnl_msg_config_cmd`: the command; the protocol family, of which it takes no notice.
fn command(to: &mut Attributes<'_>, command: libc::c_int) {
    to.put(libc::NFQA_CFG_CMD as u16, &[command as u8, 0, 0, 0]);
}

/// A verdict: what the hook is told, and the mark that the packet gets, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// `NF_ACCEPT`, `NF_DROP` or `NF_REPEAT`.
    pub code: libc::c_int,
    /// The mark.
    pub mark: Option<NonZeroU32>,
}

/// Verdicts on their way to the kernel.
///
/// One message decides for a run of packets with equal verdicts, since it decides for every packet
/// that waits up to a number. That is right only as long as all that came before has been decided,
/// so packets must be pushed in the order in which they came, without leaving one out.
#[derive(Debug)]
pub struct Verdicts {
    queue: u16,
    bytes: Vec<u8>,
    run: Option<Run>,
}

/// Packets with equal verdicts.
#[derive(Clone, Copy, Debug)]
struct Run {
    verdict: Verdict,
    last: u32,
    is_long: bool,
}

impl Verdicts {
    /// Of one queue.
    pub fn new(queue: u16) -> Self {
        Verdicts { queue, bytes: Vec::new(), run: None }
    }

    /// The verdict for the next packet.
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

    /// The messages for all that was pushed. They ask for no answer; one comes only if something
    /// is wrong.
    pub fn bytes(&mut self) -> &[u8] {
        self.end_run();
        &self.bytes
    }

    /// Forgets what was pushed.
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
