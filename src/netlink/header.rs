//! The sizes of netlink's headers, and the types of netfilter's messages.

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
