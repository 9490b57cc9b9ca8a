//! What is kept of a plain list, so that the next reading parses only what changed.
//!
//! A text is cut into chunks of whole lines, at places that its content decides ([`Cut`]): so where lines
//! were inserted or removed, only the chunks around them are others. A chunk is recognised by a digest of
//! its bytes ([`Digests`]), and a [`Chunk`] has all that its lines gave, in compact form.
//!
//! Knows nothing of formats and files: who reads the lines records here what they gave.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ip::Range;

mod cut;
mod digest;
mod ranges;
mod record;

pub use cut::Cut;
pub use digest::{Digest, Digests};
pub use ranges::Ranges;
pub use record::{Chunk, Entries, Line, Recorder};

/// By what a chunk is recognised: its digest, its size, and whether values in quotes are entries, which the
/// beginning of its list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    digest: Digest,
    bytes: usize,
    quoted: bool,
}

/// What is kept of a chunk.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What its lines gave.
    pub chunk: Arc<Chunk>,
    /// What was found of that by an observer; `None` if nearly all of it has to be looked at again.
    pub observed: Option<Arc<Observed>>,
}

/// What an observer found of the entries of a chunk.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// How many entries count, and are near to nothing.
    pub usual: u64,
    /// All other lines that say something, with their numbers, from 0.
    pub unusual: Vec<(u32, Unusual)>,
}

/// A line that has to be looked at each time.
#[derive(Clone, Copy, Debug)]
pub enum Unusual {
    /// An entry without an end.
    V4(Range<u32>),
    /// An odd line, which begins at this offset.
    Odd(usize),
}

/// The chunks of an earlier reading.
#[derive(Clone)]
pub struct Known {
    cut: Cut,
    digests: Digests,
    chunks: HashMap<Id, Kept>,
    /// The chunk that stood below each. It is probably there again, and need not be looked for.
    below: HashMap<Id, Id>,
    /// The [`nearness`](super::EntryObserver::nearness) of the observer at that time.
    nearness: Vec<u64>,
}

/// A chunk of a list that was read.
pub type Identified = (Id, Kept);

impl Known {
    /// Knows no chunk.
    pub fn new(cut: Cut) -> Self {
        Known {
            cut,
            digests: Digests::random(),
            chunks: HashMap::new(),
            below: HashMap::new(),
            nearness: Vec::new(),
        }
    }

    /// Knows these chunks instead, after a reading with an observer of this nearness.
    pub fn with(&self, chunks: Vec<Identified>, nearness: &[u64]) -> Self {
        let pairs = chunks.windows(2).map(|pair| (pair[0].0, pair[1].0));
        Known {
            cut: self.cut,
            digests: self.digests.clone(),
            below: pairs.collect(),
            chunks: chunks.into_iter().collect(),
            nearness: nearness.to_vec(),
        }
    }

    /// Whether what was observed holds for an observer of this nearness.
    pub fn is_of(&self, nearness: &[u64]) -> bool {
        self.nearness == nearness
    }

    /// The first chunk of a text that stands below another chunk, and by what it is recognised.
    pub fn first<'a>(&self, text: &'a [u8], quoted: bool, above: Option<Id>) -> (&'a [u8], Id) {
        let id = |chunk: &[u8]| Id { digest: self.digests.of(chunk), bytes: chunk.len(), quoted };
        if let Some(expected) = above.and_then(|above| self.below.get(&above)) {
            // The last one of a text may have grown.
            let is_last = !self.below.contains_key(expected);
            if let Some(chunk) = text.get(..expected.bytes) {
                if (!is_last || chunk.len() == text.len()) && id(chunk) == *expected {
                    return (chunk, *expected);
                }
            }
        }
        let chunk = self.cut.first(text);
        (chunk, id(chunk))
    }

    /// What is kept of a chunk, if it is known.
    pub fn get(&self, id: Id) -> Option<&Kept> {
        self.chunks.get(&id)
    }

    /// All that are known, in no order.
    pub fn all(&self) -> impl Iterator<Item = (Id, &Chunk)> {
        self.chunks.iter().map(|(id, kept)| (*id, Arc::as_ref(&kept.chunk)))
    }
}
