//! Receives changes of lists.
//!
//! In reading order: [`watch`] (which joins the next two), [`by_event`] (inotify), [`by_time`] (for what
//! inotify does not report), [`error`] (why inotify does not report all), [`watcher`] (watching on a
//! thread of its own), [`burst`] (changes in quick succession).
//!
//! No failure ends a watch: it is attempted again with growing pauses, and meanwhile the lists are
//! looked at from time to time. All of this may wait for a file system that does not answer, so the loop
//! leaves it to the thread.

pub mod burst;
pub mod by_event;
pub mod by_time;
pub mod error;
pub mod watch;
pub mod watcher;

pub use burst::Burst;
pub use watch::{Watch, WatchRequest};
pub use watcher::Watcher;
