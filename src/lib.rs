//! netfilterd keeps the kernel's packet filter in step with a list of bad networks.
//!
//! The data takes one way, and each module knows only those to its left:
//!
//! ```text
//! bytes -> entries -> range sets
//! ```
//!
//! The modules in reading order:
//!
//! * [`range`]: ranges of addresses and the canonical set of them.
//! * [`mask`]: widening to a prefix length.
//! * [`list`]: bytes to entries; files, and the grammar of drop_ips(5).
//! * [`guard`]: whether a result may be put in force.
//! * [`wanted`]: what the lists ask for, by the four above.

pub mod guard;
pub mod list;
pub mod mask;
pub mod range;
pub mod wanted;
