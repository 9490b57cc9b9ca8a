//! Messages as they are sent. Lengths are checked where they are written: an attribute's length is 16
//! bits, and one that wraps makes a message say something else.

use std::ffi::CStr;

use super::header::{ALIGNMENT, ATTRIBUTE, GENERIC};

/// Marks an attribute that holds attributes.
const NESTED: u16 = libc::NLA_F_NESTED as u16;

/// Writes attributes behind each other.
pub struct Attributes<'a> {
    bytes: &'a mut Vec<u8>,
    too_long: &'a mut bool,
}

impl<'a> Attributes<'a> {
    /// Writes at the end of `bytes`; `too_long` is set if a length does not fit.
    pub fn new(bytes: &'a mut Vec<u8>, too_long: &'a mut bool) -> Self {
        Attributes { bytes, too_long }
    }

    /// An attribute of bytes as they are.
    pub fn put(&mut self, kind: u16, value: &[u8]) {
        let length = self.checked(ATTRIBUTE + value.len());
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// A string with its NUL.
    pub fn put_str(&mut self, kind: u16, value: &CStr) {
        self.put(kind, value.to_bytes_with_nul());
    }

    /// A number in network byte order, as nf_tables wants all of them.
    pub fn put_u32(&mut self, kind: u16, value: u32) {
        self.put(kind, &value.to_be_bytes());
    }

    /// An attribute that holds the attributes that `fill` writes.
    pub fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Attributes<'_>)) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 2]);
        self.bytes.extend_from_slice(&(kind | NESTED).to_ne_bytes());
        fill(&mut Attributes { bytes: self.bytes, too_long: self.too_long });
        let length = self.checked(self.bytes.len() - start);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// The bytes written so far, to append whole attributes that were encoded elsewhere.
    pub fn raw(&mut self) -> &mut Vec<u8> {
        self.bytes
    }

    fn checked(&mut self, length: usize) -> u16 {
        u16::try_from(length).unwrap_or_else(|_| {
            *self.too_long = true;
            0
        })
    }
}

/// Appends a message: netlink's header, the subsystem's (such as [`generic`]), attributes. `too_long` is set if a length does not fit.
pub fn append(
    bytes: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    header: &[u8],
    sequence: u32,
    too_long: &mut bool,
    fill: impl FnOnce(&mut Attributes<'_>),
) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&(flags | libc::NLM_F_REQUEST as u16).to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(header);
    fill(&mut Attributes { bytes, too_long });
    let length = u32::try_from(bytes.len() - start).unwrap_or_else(|_| {
        *too_long = true;
        0
    });
    bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}

/// The `nfgenmsg`: family, `NFNETLINK_V0`, and the resource that the message is about, such as the
/// number of a queue; 0 for none.
pub fn generic(family: u8, resource: u16) -> [u8; GENERIC] {
    let [high, low] = resource.to_be_bytes();
    [family, libc::NFNETLINK_V0 as u8, high, low]
}
