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

    /// Knows the chunks of these lists instead, after a reading with an observer of this nearness.
    pub fn with(&self, lists: Vec<Vec<Identified>>, nearness: &[u64]) -> Self {
        // Below the last chunk of a list there is none, whichever list was read next.
        let pairs = lists.iter().flat_map(|chunks| chunks.windows(2));
        Known {
            cut: self.cut,
            digests: self.digests.clone(),
            below: pairs.map(|pair| (pair[0].0, pair[1].0)).collect(),
            chunks: lists.into_iter().flatten().collect(),
            nearness: nearness.to_vec(),
        }
    }

    /// Whether what was observed holds for an observer of this nearness.
    pub fn is_of(&self, nearness: &[u64]) -> bool {
        self.nearness == nearness
    }

    /// The first chunk of a text that stands below another chunk, and by what it is recognised.
    pub fn first<'a>(&self, text: &'a [u8], quoted: bool, above: Option<Id>) -> (&'a [u8], Id) {
        match self.first_complete(text, true, quoted, above) {
            Some(first) => first,
            None => (text, self.id(text, quoted)),
        }
    }

    /// The same of the beginning of a text, or of all of it if `is_end`. `None` if it depends on what
    /// follows.
    pub fn first_complete<'a>(
        &self,
        text: &'a [u8],
        is_end: bool,
        quoted: bool,
        above: Option<Id>,
    ) -> Option<(&'a [u8], Id)> {
        if let Some(expected) = above.and_then(|above| self.below.get(&above)) {
            // The last one of a text may have grown.
            let is_last = !self.below.contains_key(expected);
            match text.get(..expected.bytes) {
                None if !is_end => return None,
                Some(chunk) if is_last && !is_end && chunk.len() == text.len() => return None,
                Some(chunk)
                    if (!is_last || chunk.len() == text.len())
                        && self.id(chunk, quoted) == *expected =>
                {
                    return Some((chunk, *expected));
                }
                _ => {}
            }
        }
        let chunk = self.cut.first_complete(text).or(is_end.then_some(text))?;
        Some((chunk, self.id(chunk, quoted)))
    }

    fn id(&self, chunk: &[u8], quoted: bool) -> Id {
        Id { digest: self.digests.of(chunk), bytes: chunk.len(), quoted }
    }

    /// Whether no chunk is known.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Cut = Cut { least: 64, most: 512, one_in: 2 };

    /// The chunks of a text, by what is known.
    fn chunks(known: &Known, mut text: &[u8]) -> Vec<Identified> {
        let mut chunks: Vec<Identified> = Vec::new();
        while !text.is_empty() {
            let (chunk, id) = known.first(text, false, chunks.last().map(|(id, _)| *id));
            text = &text[chunk.len()..];
            chunks.push((id, Kept { chunk: Arc::default(), observed: None }));
        }
        chunks
    }

    #[test]
    fn a_list_that_grows_in_front_of_another_one_has_no_more_chunks_than_when_it_is_cut_at_once() {
        let nothing = Known::new(CUT);
        let other = chunks(&nothing, b"203.0.113.7\n");
        let mut text = b"192.0.2.1\n".repeat(40);
        let mut known = nothing.with(vec![chunks(&nothing, &text), other.clone()], &[]);
        for octet in 0..200 {
            text.extend(format!("198.51.100.{octet}\n").into_bytes());
            let grown = chunks(&known, &text);
            assert_eq!(grown.len(), chunks(&nothing, &text).len());
            known = known.with(vec![grown, other.clone()], &[]);
        }
    }
}
