//! One load, time after time: what the lists ask for, and what was done.

pub mod host;
#[cfg(feature = "nftables")]
pub mod loader;
pub mod pipeline;
pub mod report;
pub mod state;
