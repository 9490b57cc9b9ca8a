//! Messages as they are received: lengths checked, attributes found, errors understood. Whatever
//! comes in, nothing here panics.

use super::header::{ALIGNMENT, ATTRIBUTE, GENERIC, HEADER};

// Attributes of an extended ACK, linux/netlink.h.
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLMSGERR_ATTR_OFFS: u16 = 2;

/// A message as received, with its lengths checked.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The whole type, subsystem included.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// The sequence number of the request that it answers.
    pub sequence: u32,
    /// The port it was sent to; of its own socket for an answer.
    pub port: u32,
    /// All bytes of the message, header included.
    pub bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// The first message in `bytes`, and what lies behind it. `None` at the end, and for bytes
    /// that are no message.
    pub fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = u32_at(bytes, 0)? as usize;
        if length < HEADER {
            return None;
        }
        let message = Message {
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            sequence: u32_at(bytes, 8)?,
            port: u32_at(bytes, 12)?,
            bytes: bytes.get(..length)?,
        };
        let rest = bytes.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        Some((message, rest))
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        &self.bytes[HEADER..]
    }

    /// The message's type within a subsystem of netfilter (`NFNL_SUBSYS_*`), if it is of that one.
    pub fn kind_in(&self, subsystem: libc::c_int) -> Option<libc::c_int> {
        let [subsystem_of, kind] = self.kind.to_be_bytes();
        (libc::c_int::from(subsystem_of) == subsystem).then_some(libc::c_int::from(kind))
    }

    /// The family in the `nfgenmsg`.
    pub fn family(&self) -> Option<u8> {
        self.payload().first().copied()
    }

    /// The resource id in the `nfgenmsg`: in a dump of nf_tables the lower half of the generation
    /// in which the message was made, of a queue's packet the queue.
    pub fn resource(&self) -> Option<u16> {
        let bytes = self.payload().get(2..4)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// The attributes behind the `nfgenmsg`.
    pub fn attributes(&self) -> AttributeIter<'a> {
        attributes(self.payload().get(GENERIC..).unwrap_or(&[]))
    }

    /// Offset of the first attribute from the message's start, as extended ACKs count.
    pub const ATTRIBUTES_AT: usize = HEADER + GENERIC;
}

/// Goes through the messages of a datagram; ends at the first bytes that are no message.
pub fn messages(bytes: &[u8]) -> Messages<'_> {
    Messages { rest: bytes }
}

/// Iterator over messages, from [`messages`].
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let (message, behind) = Message::parse(self.rest)?;
        self.rest = behind;
        Some(message)
    }
}

/// Goes through attributes; ends at the first that does not fit.
pub fn attributes(bytes: &[u8]) -> AttributeIter<'_> {
    AttributeIter { rest: bytes, at: 0 }
}

/// The first attribute of a kind.
pub fn find<'a>(mut attributes: AttributeIter<'a>, kind: u16) -> Option<&'a [u8]> {
    attributes.find(|attribute| attribute.kind == kind).map(|attribute| attribute.value)
}

/// The first attribute of a kind, as a number in network byte order.
pub fn find_u32(attributes: AttributeIter<'_>, kind: u16) -> Option<u32> {
    Some(u32::from_be_bytes(find(attributes, kind)?.try_into().ok()?))
}

/// The same of 64 bits.
pub fn find_u64(attributes: AttributeIter<'_>, kind: u16) -> Option<u64> {
    Some(u64::from_be_bytes(find(attributes, kind)?.try_into().ok()?))
}

/// The first attribute of a kind, as text without its NUL.
pub fn find_str(attributes: AttributeIter<'_>, kind: u16) -> Option<String> {
    let value = find(attributes, kind)?;
    Some(String::from_utf8_lossy(value.strip_suffix(b"\0").unwrap_or(value)).into_owned())
}

/// An attribute as received, with its length checked.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// The kind, without the flags of nesting and byte order.
    pub kind: u16,
    /// Whether it is marked as one that holds attributes; not every part of the kernel marks them.
    pub nested: bool,
    /// The value without padding.
    pub value: &'a [u8],
    /// Offset of the attribute in the bytes that were gone through.
    pub at: usize,
}

/// Iterator over attributes, from [`attributes`].
#[derive(Clone)]
pub struct AttributeIter<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Iterator for AttributeIter<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let length = usize::from(u16_at(self.rest, 0)?);
        let marked = u16_at(self.rest, 2)?;
        let (kind, nested) =
            (marked & libc::NLA_TYPE_MASK as u16, marked & libc::NLA_F_NESTED as u16 != 0);
        let value = self.rest.get(ATTRIBUTE..length)?;
        let attribute = Attribute { kind, nested, value, at: self.at };
        let step = length.next_multiple_of(ALIGNMENT);
        self.rest = self.rest.get(step..).unwrap_or(&[]);
        self.at += step;
        Some(attribute)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A reply of type `NLMSG_ERROR` or `NLMSG_DONE`: an acknowledgement, the end of a dump, or what went
/// wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The sequence number of the message that it answers.
    pub sequence: u32,
    /// 0 for an acknowledgement, else the positive error number.
    pub errno: i32,
    /// Where in that message the fault lies, from the message's start.
    pub offset: Option<u32>,
    /// The kernel's own words, seldom given.
    pub text: Option<String>,
}

impl Reply {
    /// Reads the payload and its extended ACK (`NLMSGERR_ATTR_*`).
    pub fn parse(message: &Message<'_>) -> Option<Self> {
        let payload = message.payload();
        let errno = (u32_at(payload, 0)? as i32).checked_neg()?;
        // A capped reply quotes the header of the faulty message, an uncapped one all of it; the
        // end of a dump quotes nothing.
        let capped = message.flags & libc::NLM_F_CAPPED as u16 != 0;
        let quoted = match i32::from(message.kind) {
            libc::NLMSG_DONE => 0,
            _ if capped || errno == 0 => HEADER,
            _ => (u32_at(payload, 4)? as usize).max(HEADER),
        };
        let extended = message.flags & libc::NLM_F_ACK_TLVS as u16 != 0;
        let rest = payload.get(4 + quoted.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        let rest = attributes(if extended { rest } else { &[] });
        let offset = find(rest.clone(), NLMSGERR_ATTR_OFFS)
            .and_then(|value| Some(u32::from_ne_bytes(value.try_into().ok()?)));
        let text = find_str(rest, NLMSGERR_ATTR_MSG);
        Some(Reply { sequence: message.sequence, errno, offset, text })
    }
}
