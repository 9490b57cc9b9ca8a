//! Messages to and from the kernel: the headers of linux/netlink.h and linux/netfilter/nfnetlink.h,
//! attributes, errors; the socket that they pass through; which other programs have one; and the
//! host's interfaces, addresses and routes. Nothing of what netfilter's messages say.

mod error;
mod header;
pub mod link;
mod program;
mod read;
pub mod route;
mod socket;
mod write;

pub use error::{OpenError, RequestError};
pub use header::{ALIGNMENT, ATTRIBUTE, GENERIC, HEADER, message_kind};
pub use program::Program;
pub use read::{
    Attribute, AttributeIter, Message, Messages, Reply, attributes, find, find_str, find_u32,
    find_u64, messages,
};
pub use socket::{Protocol, Received, Socket};
pub use write::{Attributes, append, generic};
