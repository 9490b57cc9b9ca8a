//! One load, from lists to the line in the log.
//!
//! In reading order: [`host`] (facts about the host, by which addresses are protected), [`state`]
//! (what was in force, for the next process) and [`encoding`] (the same as bytes), [`pipeline`] (the
//! load itself), [`remarks`] (messages about single lines of lists) and [`report`] (what a load did).

pub mod encoding;
pub mod host;
pub mod pipeline;
pub mod remarks;
pub mod report;
pub mod state;

pub use host::Host;
pub use pipeline::Pipeline;
pub use report::Loaded;
