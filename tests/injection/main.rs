//! The injection matrix: netfilterd does what it does, and one of its system calls fails, each in each way
//! in which the kernel lets it fail, at each place where it occurs.
//!
//!     cargo test --test injection -- --include-ignored
//!     make injection
//!
//! A run without faults shows which system calls there are, and how often (`trace`). `calls` has what
//! each of them can fail with. strace(1) makes one of them fail, once or from then on, and does not
//! carry it out. Afterwards the old list or the new one is in force as a whole, the exit status and the
//! messages say which, nobody is ended by a signal, and the next load puts the new list in force; a
//! daemon goes on, repairs, and watches.
//!
//! Plainly run, each call fails in each way once or a few times, the places chosen by a seed that is
//! always the same. With NETFILTERD_INJECTIONS=all everything fails everywhere, which takes far longer.
//! NETFILTERD_INJECTIONS=CALL:ERROR:OCCURRENCE is one fault, as a report names it:
//! `sendto:ENOBUFS:3`, or `openat:EMFILE:12+` for one that lasts; CALL or CALL:ERROR are all of them.
//!
//! In reading order: `calls`; `trace`; `matrix` (which faults, and what became of them); `force` (what
//! the kernel has in force); `messages` (what a message must not be); `packets`; `site` (where lists are
//! put in force); `commands`; `host` (a daemon) and `daemons`.

mod calls;
mod commands;
mod daemons;
mod force;
mod host;
mod matrix;
mod messages;
mod packets;
mod site;
mod trace;
