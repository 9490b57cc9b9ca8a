//! The program from outside, where it needs no root: what it reads, writes and answers. What is put
//! in force belongs to the tests named kernel and queue.

mod escapes;
mod feeds;
mod files;
mod golden_lists;
mod layout;
mod limits;
#[cfg(feature = "map")]
mod map;
mod newest;
mod options;
mod print;
mod process;
mod progress;
mod real_lists;
mod refused;
mod script;
mod status;
