//! The system calls that neither the standard library nor nix offers, and the few calls into
//! libnftnl that its wrapper lacks.
//!
//! In reading order: `wait` (until a descriptor is ready), `socket` (netlink sockets), `datagrams`
//! (many of them in one call), `memory` (huge pages, and free memory back to the system), `lock`
//! (of a file), `process` (a copy of this process, and other processes), `libnftnl`, [`replace`] (files
//! that are never seen in part) and [`privileges`].
//!
//! `unsafe` is permitted in six of these files and nowhere else. Everything that this module
//! offers is safe to call with any arguments.

mod check;
mod datagrams;
#[cfg(feature = "nftables")]
mod libnftnl;
mod lock;
mod memory;
pub mod privileges;
mod process;
pub mod replace;
mod socket;
mod wait;

pub use datagrams::Datagrams;
#[cfg(feature = "nftables")]
pub use libnftnl::{ObjectReference, append_message, set_flags, set_keys, set_size};
pub use lock::try_lock;
pub use memory::{give_memory_back, prefer_huge_pages, share_heap};
pub use process::{Forked, fork, is_netfilterd, start_of};
pub use socket::{
    force_receive_buffer, force_send_buffer, netlink_fd, receive_now, send, send_buffer,
    set_close_on_exec, set_netlink_option,
};
pub use wait::{wait_for_any, wait_readable, wait_writable};
