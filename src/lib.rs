//! netfilterd keeps the kernel's packet filter in step with a list of bad networks.
//!
//! The folders are the stages that data passes:
//!
//! ```text
//! bytes -> entries -> desired sets -> layout -> plan -> batch -> kernel
//!                          |
//!                          +-> queue mode: the same sets answer per packet
//! ```
//!
//! In reading order:
//!
//! * [`sys`]: system calls, the only module with `unsafe`; privileges; atomic replacement of files.
//! * [`ip`]: addresses, ranges, range sets, widening.
//! * [`list`]: bytes to entries.
//! * [`policy`]: entries to the range sets that may be put in force.
//! * [`netlink`]: messages to and from the kernel; its interfaces, addresses and routes.
//! * [`nftables`]: range sets into kernel sets.
//! * [`nfqueue`]: range sets into verdicts.
//! * [`output`]: range sets as text, as a map.
//! * [`load`]: one load: facts about the host, the desired sets, the report.
//! * [`status`]: the status of a daemon: text, JSON, Prometheus.
//! * [`daemon`]: the loop, and the back ends that put range sets in force.
//! * [`cli`]: arguments, and one file a command.
//!
//! All of them may use [`words`] (numbers and paths in the form of messages) and [`progress`] (the progress of a
//! load).
//!
//! `ip`, `list` and `policy` know only what stands before them here. `nftables` and `nfqueue` know
//! `sys`, `ip` and `netlink`, and nothing of lists, loads or the daemon. Only `daemon` and `cli` know
//! both sides.

pub mod cli;
pub mod daemon;
pub mod error;
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
