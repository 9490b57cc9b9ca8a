//! Bytes to entries: reading lists, and saying which lines could not be read.
//!
//! Knows files and the formats of drop_ips(5); knows nothing of masks, sets or kernels. In the
//! order in which the data passes:
//!
//! * [`mod@source`]: which files are read, under which names; [`mod@file`]: one version of a file,
//!   whole.
//! * [`mod@format`]: in which format a list is, and its text to entries, exceptions and rejected lines, one
//!   folder a family of formats. It is asked for a [`mod@reading`]. Beneath it `grammar` (how an entry is
//!   written), `address`, and `verdict` (which words say that an entry is not bad).
//! * `collect`: entries to ranges; it knows which count ([`mod@selection`], `newest`), which have exceptions
//!   ([`mod@excepted`]), who looks at them ([`mod@observer`]) and what is to be reported ([`mod@report`]).
//! * [`mod@contents`]: all of it for a number of lists; [`mod@cache`]: the same again, where most of it is
//!   known from the reading before, in `chunk`s.

mod address;
pub mod cache;
pub mod chunk;
mod collect;
pub mod contents;
mod cutter;
pub mod end;
pub mod entry;
pub mod error;
pub mod excepted;
pub mod expiring;
pub mod file;
pub mod format;
mod grammar;
mod memory;
mod newest;
pub mod observer;
pub mod parse_error;
mod parts;
pub mod reading;
pub mod rejection;
pub mod report;
pub mod selection;
pub mod source;
mod verdict;

pub use cache::{Cache, Parsed, Sizes, Unparsed};
pub use contents::{Contents, parse, parse_observed, parse_selected};
pub use end::End;
pub use entry::Entry;
pub use error::ListError;
pub use excepted::ExceptedEntries;
pub use expiring::{Ends, ExpiringEntries};
pub use file::ReadError;
pub use format::NotAList;
pub use observer::EntryObserver;
pub use reading::{Purpose, Reading};
pub use rejection::Rejection;
pub use report::{NAMED, Report, Summary};
pub use selection::{IgnoredEntry, Selection, Widest};
pub use source::{List, Source, read, read_parts, readable};
