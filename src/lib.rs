//! netfilterd keeps the kernel's packet filter in step with a list of bad networks.
//!
//! The data takes one way, and the folders are its stages:
//!
//! ```text
//! bytes -> entries -> desired sets -> layout -> plan -> batch -> kernel
//!                          |
//!                          +-> queue mode: the same sets answer per packet
//! ```
//!
//! In reading order:
//!
//! * [`sys`]: system calls, the only module with `unsafe`; privileges; files that are never seen in
//!   part.
//! * [`ip`]: addresses, ranges, range sets, widening.
//! * [`list`]: bytes to entries.
//! * [`policy`]: entries to the range sets that may be put in force.
//! * [`netlink`]: messages to and from the kernel; its interfaces, addresses and routes.
//! * [`nftables`]: range sets into kernel sets.
//! * [`nfqueue`]: range sets into verdicts.
//! * [`output`]: range sets as text, as a map.
//! * [`load`]: one load: what the lists ask for, facts about the host, the report.
//! * [`status`]: what the daemon knows of itself: text, JSON, Prometheus.
//! * [`daemon`]: the loop, and the back ends that it hands range sets to.
//! * [`cli`]: arguments, and one file a command.
//!
//! Beside them [`words`] (numbers and paths as people read them) and [`progress`] (how far a load is).
//!
//! `ip`, `list` and `policy` know only what stands before them here. `nftables` and `nfqueue` know
//! `sys`, `ip` and `netlink`, and nothing of lists, loads or the daemon. Only `daemon` and `cli` see
//! both sides.

pub mod cli;
pub mod daemon;
pub mod ip;
pub mod list;
pub mod load;
pub mod netlink;
pub mod nfqueue;
pub mod nftables;
pub mod output;
pub mod policy;
pub mod progress;
pub mod status;
pub mod sys;
pub mod words;
