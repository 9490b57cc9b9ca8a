//! How far a load is, handed down from whoever shows it to whoever does the work.

/// What a load is doing, and how far it is with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Reading lists: so many bytes of them so far, of so many, where that is known.
    Reading {
        /// Read so far.
        bytes: u64,
        /// To be read in all; `None` for standard input.
        of: Option<u64>,
    },
    /// Parsing and merging what was read.
    Merging,
    /// Sending networks to the kernel: so many so far, of so many.
    Sending {
        /// Sent so far.
        networks: u64,
        /// To be sent in all.
        of: u64,
    },
}

/// Receives each step of a load, from the thread that loads.
pub trait Progress {
    /// The load is at this step.
    fn step(&self, step: Step);
}

/// Shows nobody anything.
#[derive(Clone, Copy, Debug)]
pub struct Unseen;

impl Progress for Unseen {
    fn step(&self, _: Step) {}
}
