//! One load, from lists to the line in the log.
//!
//! In reading order: [`host`] (facts about the host, by which addresses are protected), [`state`]
//! (what was in force, for the next process) and [`encoding`] (the same as bytes), [`read`] (lists are
//! read), [`pipeline`] (they are judged and put in force), `restore` (what was in force is put in force
//! again), [`remarks`] (messages about single lines of lists), [`protection`] (messages when protected
//! addresses change) and [`report`] (what a load did).

pub mod encoding;
pub mod host;
pub mod pipeline;
pub mod protection;
pub mod read;
pub mod remarks;
pub mod report;
mod restore;
pub mod state;

pub use host::Host;
pub use pipeline::Pipeline;
pub use read::{ReadLists, ReadRequest};
pub use report::Loaded;
