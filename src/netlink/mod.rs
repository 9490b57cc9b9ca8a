//! Messages to and from the kernel: the headers of linux/netlink.h and linux/netfilter/nfnetlink.h,
//! attributes, errors; the socket that they pass through; which other programs have one; and the
//! host's interfaces, addresses and routes. Nothing of what netfilter's messages say.

mod error;
mod program;
mod read;
pub mod route;
mod socket;
mod write;

pub use error::RequestError;
pub use program::Program;
pub use read::{
    Attribute, AttributeIter, Message, Messages, Reply, attributes, find, find_str, find_u32,
    find_u64, messages,
};
pub use socket::{Protocol, Received, Socket};
pub use write::{Attributes, append, generic};

/// Bytes of a `struct nlmsghdr`.
pub const HEADER: usize = 16;
/// Bytes of a `struct nfgenmsg`.
pub const GENERIC: usize = 4;
/// Bytes of a `struct nlattr`.
pub const ATTRIBUTE: usize = 4;
/// What netlink aligns everything to.
pub const ALIGNMENT: usize = 4;

/// The type of a netfilter message: the subsystem (`NFNL_SUBSYS_*`) in the upper half.
pub const fn message_kind(subsystem: libc::c_int, kind: libc::c_int) -> u16 {
    (subsystem as u16) << 8 | kind as u16
}
