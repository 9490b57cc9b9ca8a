//! Requests, and the batch that makes a transaction.
//!
//! Knows the framing, not what the messages say. A length that does not fit makes elements vanish
//! without an error, or flushes a set, so a batch with such a length is never sent.

#![cfg(feature = "nftables")]

use nftnl::{MsgType, NlMsg};

use super::constants::NFNL_BATCH_GENID;
use super::error::Error;
use crate::netlink::{Attributes, GENERIC, Message, append, generic, message_kind};
use crate::nftables::name::Family;
use crate::sys;

/// The begin and end of a batch name the subsystem where other messages have a resource id.
fn batch_generic() -> [u8; GENERIC] {
    generic(libc::AF_UNSPEC as u8, libc::NFNL_SUBSYS_NFTABLES as u16)
}

/// A request outside a batch: one object, or with [`libc::NLM_F_DUMP`] all of a kind.
pub fn request(
    kind: libc::c_int,
    flags: libc::c_int,
    family: Family,
    sequence: u32,
    fill: impl FnOnce(&mut Attributes<'_>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut too_long = false;
    let kind = message_kind(libc::NFNL_SUBSYS_NFTABLES, kind);
    append(
        &mut bytes,
        kind,
        flags as u16,
        &generic(family as u8, 0),
        sequence,
        &mut too_long,
        fill,
    );
    debug_assert!(!too_long, "a request holds names only, which are short");
    bytes
}

/// The messages of one transaction, in one piece of memory, since the kernel takes a transaction
/// as one datagram. A message's sequence number is its place in the batch.
pub struct Batch {
    bytes: Vec<u8>,
    /// Where each message begins.
    starts: Vec<usize>,
    too_long: bool,
    no_memory: bool,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    fn empty() -> Self {
        Batch { bytes: Vec::new(), starts: Vec::new(), too_long: false, no_memory: false }
    }

    /// A batch that is carried out whatever the generation of the ruleset; empty but for its
    /// beginning.
    pub fn new() -> Self {
        let mut batch = Batch::empty();
        batch.frame(libc::NFNL_MSG_BATCH_BEGIN, |_| {});
        batch
    }

    /// A batch that is carried out only if the ruleset has this generation; the kernel refuses it
    /// with ERESTART if another program has changed anything.
    pub fn at_generation(generation: u32) -> Self {
        let mut batch = Batch::empty();
        batch
            .frame(libc::NFNL_MSG_BATCH_BEGIN, |begin| begin.put_u32(NFNL_BATCH_GENID, generation));
        batch
    }

    fn frame(&mut self, kind: libc::c_int, fill: impl FnOnce(&mut Attributes<'_>)) {
        let sequence = self.next_message();
        let Batch { bytes, too_long, .. } = self;
        append(bytes, kind as u16, 0, &batch_generic(), sequence, too_long, fill);
    }

    fn next_message(&mut self) -> u32 {
        self.starts.push(self.bytes.len());
        (self.starts.len() - 1) as u32
    }

    /// Makes room for `bytes` more bytes at once: a batch is large, and growing it by doubling
    /// would take up to twice its size. Returns `false` if there is no memory; the batch cannot be
    /// sent then.
    pub fn reserve(&mut self, bytes: usize) -> bool {
        if self.bytes.try_reserve_exact(bytes).is_err() {
            self.lacks_memory();
            return false;
        }
        sys::prefer_huge_pages(&mut self.bytes);
        true
    }

    /// There is no memory for what was to go into the batch; it cannot be sent.
    pub fn lacks_memory(&mut self) {
        self.no_memory = true;
    }

    /// Appends a message of ours, with the attributes that `fill` writes.
    pub fn message(
        &mut self,
        kind: libc::c_int,
        flags: libc::c_int,
        family: Family,
        fill: impl FnOnce(&mut Attributes<'_>),
    ) {
        let sequence = self.next_message();
        let kind = message_kind(libc::NFNL_SUBSYS_NFTABLES, kind);
        let Batch { bytes, too_long, .. } = self;
        append(bytes, kind, flags as u16, &generic(family as u8, 0), sequence, too_long, fill);
    }

    /// Appends the message of a libnftnl object.
    pub fn object(&mut self, object: &impl NlMsg, kind: MsgType) {
        let sequence = self.next_message();
        let start = self.bytes.len();
        sys::append_message(object, kind, sequence, &mut self.bytes);
        // Every object asks for an acknowledgement; a few hundred fill the receive buffer.
        self.set_flag(start, libc::NLM_F_ACK, false);
    }

    /// The messages so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends a message of another batch.
    fn copy(&mut self, message: &[u8]) {
        let sequence = self.next_message();
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
        self.set_flag(start, libc::NLM_F_ACK, false);
    }

    /// Appends the message that creates a libnftnl object, which must not be there yet.
    pub fn new_object(&mut self, object: &impl NlMsg) {
        let start = self.bytes.len();
        self.object(object, MsgType::Add);
        self.set_flag(start, libc::NLM_F_EXCL, true);
    }

    /// Ends the batch. The kernel is asked to acknowledge the last message and the end itself, and
    /// nothing else.
    ///
    /// A batch in which a length did not fit would do something else than it was meant to
    /// ([`Error::MessageTooLong`]); one that there was no memory for lacks something
    /// ([`Error::NoMemory`]). Neither can be sent.
    pub fn finish(mut self) -> Result<FinishedBatch, Error> {
        if let Some(&last) = self.starts.last() {
            self.set_flag(last, libc::NLM_F_ACK, true);
        }
        let last = self.starts.len() - 1;
        self.frame(libc::NFNL_MSG_BATCH_END, |_| {});
        if let Some(&end) = self.starts.last() {
            self.set_flag(end, libc::NLM_F_ACK, true);
        }
        let Batch { bytes, starts, too_long, no_memory } = self;
        match (too_long, no_memory) {
            (true, _) => Err(Error::MessageTooLong),
            (_, true) => Err(Error::NoMemory),
            (false, false) => Ok(FinishedBatch { bytes, starts, last: last as u32 }),
        }
    }

    fn set_flag(&mut self, start: usize, flag: libc::c_int, on: bool) {
        let flags = &mut self.bytes[start + 6..start + 8];
        let mut value = u16::from_ne_bytes([flags[0], flags[1]]);
        if on {
            value |= flag as u16;
        } else {
            value &= !(flag as u16);
        }
        flags.copy_from_slice(&value.to_ne_bytes());
    }
}

/// A batch that can be sent, from its beginning to its end.
pub struct FinishedBatch {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    last: u32,
}

impl FinishedBatch {
    /// The datagram.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The sequence number of the last message before the end, which every kernel acknowledges;
    /// that of the end itself is acknowledged by newer ones only.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// The message with a sequence number.
    pub fn message(&self, sequence: u32) -> Option<Message<'_>> {
        Message::parse(self.bytes_of(sequence as usize)?).map(|(message, _)| message)
    }

    fn bytes_of(&self, index: usize) -> Option<&[u8]> {
        let start = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).copied().unwrap_or(self.bytes.len());
        Some(&self.bytes[start..end])
    }

    /// The same messages in several batches of `most` bytes or less; in one of more than that, if a
    /// single message is.
    ///
    /// They are several transactions: only for what nobody sees before the last of them.
    pub fn parts(&self, most: usize) -> impl Iterator<Item = Batch> {
        // Between the beginning and the end, which each part has of its own.
        let messages = (1..=self.last as usize).filter_map(|index| self.bytes_of(index));
        let mut messages = messages.peekable();
        std::iter::from_fn(move || {
            let mut part = Batch::new();
            let frame = 2 * part.bytes.len();
            part.copy(messages.next()?);
            let room = most.saturating_sub(frame);
            while let Some(message) =
                messages.next_if(|message| part.bytes.len() + message.len() <= room)
            {
                part.copy(message);
            }
            Some(part)
        })
    }
}
