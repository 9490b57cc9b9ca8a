//! One load, from lists to the line in the log.
//!
//! In reading order: [`host`] (facts about the host, by which addresses are protected), [`state`]
//! (how many networks are in force, for the next process), [`read`] (lists are read), [`pipeline`]
//! (they are judged and put in force), [`remarks`] (messages about single lines of lists), [`protection`]
//! (messages when protected addresses change) and [`report`] (what a load did).

pub mod host;
pub mod pipeline;
pub mod protection;
pub mod read;
pub mod remarks;
pub mod report;
pub mod state;

pub use host::Host;
pub use pipeline::Pipeline;
pub use read::{ReadLists, ReadRequest};
pub use report::Loaded;
