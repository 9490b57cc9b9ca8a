//! The progress of a load: a trait whose implementation shows it, passed down to the work itself.

use std::path::Path;

/// A step of a load, and how much of the step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading the lists.
    Reading {
        /// Bytes that have been read.
        bytes: u64,
        /// Bytes of all lists; `None` for standard input.
        of: Option<u64>,
    },
    /// Parsing and merging the lists.
    Merging,
    /// Sending networks to the kernel.
    Sending {
        /// Networks that have been sent.
        networks: u64,
        /// Networks of the whole load.
        of: u64,
    },
}

/// Receives each step of a load, from the thread that loads.
pub trait Progress {
    /// Called when a step begins and while it goes on.
    fn step(&self, step: Step);

    /// Called with the path of a list before its file system is asked for it. Some file systems take
    /// minutes to answer, or never do.
    fn list(&self, _: &Path) {}

    /// Called after the last step, before the user is asked something.
    fn done(&self) {}
}

/// Passes on the paths of lists, and shows no steps: for lists beside those of which steps are shown.
pub struct PathsOnly<'a>(pub &'a dyn Progress);

impl Progress for PathsOnly<'_> {
    fn step(&self, _: Step) {}

    fn list(&self, path: &Path) {
        self.0.list(path);
    }
}

/// Shows nothing: for daemons, and for tests.
#[derive(Clone, Copy, Debug)]
pub struct Unseen;

impl Progress for Unseen {
    fn step(&self, _: Step) {}
}
