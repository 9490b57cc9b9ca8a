//! A text of which is kept what is not known.
//!
//! The text of a large list is memory that the kernel has to clear, and most of it is recognised while it
//! passes through a small buffer. What is kept says the same as the whole text, as long as the list is read
//! by chunks; for all else it is read again as a whole.

use std::sync::{Arc, OnceLock};

use super::chunk::{Chunk, Id};

/// A text that was cut into chunks, of which those are left out that are known.
#[derive(Default)]
pub struct Parts {
    /// The beginning of the text.
    pub head: Vec<u8>,
    /// The number of bytes of the text.
    pub bytes: usize,
    /// All chunks.
    pub parts: Vec<Part>,
    /// What their lines gave, once they were read.
    pub read: OnceLock<Vec<Arc<Chunk>>>,
}

/// A chunk of a text.
pub struct Part {
    /// By what it is recognised.
    pub id: Id,
    /// Its bytes, if it is not known, or if lines of it are read each time.
    pub text: Option<Box<[u8]>>,
}
