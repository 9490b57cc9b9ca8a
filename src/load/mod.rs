//! One load, time after time.
//!
//! In reading order: [`host`] (facts about the host, by which addresses are protected), [`state`]
//! (what was in force, for the next process to know), [`pipeline`] (lists to what is put in force),
//! [`remarks`] (what the log says of lists line by line) and [`report`] (what a load did).

pub mod host;
pub mod pipeline;
pub mod remarks;
pub mod report;
pub mod state;

pub use host::Host;
pub use pipeline::Pipeline;
pub use report::Loaded;
