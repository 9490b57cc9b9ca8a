//! How a list is to be read: what it is for, and which of its sets are taken.

use std::time::SystemTime;

/// How a list is to be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// What the list is for.
    pub purpose: Purpose,
    /// The names of the sets that are taken, where a file has sets with names. If there are none, a file
    /// with several sets is refused, and so is one whose set says by its name that it is to be let pass.
    pub sets: Vec<String>,
    /// When the file was last written to; `None` is now. What is said of an end in a span of time counts
    /// from then.
    pub written: Option<SystemTime>,
}

/// What a list is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// What it names is dropped. What it says is not bad is rejected.
    #[default]
    Drop,
    /// What it names is let pass.
    Allow,
}
