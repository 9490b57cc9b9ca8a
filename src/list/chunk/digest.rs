//! By which a chunk is recognised.
//!
//! Lists come from strangers, and one who could make two chunks with the same digest could hide a line. So
//! the digest is HighwayHash, which is made for inputs of an adversary, with 128 bits and a key that is
//! random in each process and that no output shows.

use std::hash::{BuildHasher, RandomState};

use highway::{HighwayHash, HighwayHasher, Key};

/// The digest of a chunk.
pub type Digest = [u64; 2];

/// Makes digests, with one key.
#[derive(Clone)]
pub struct Digests {
    key: Key,
}

impl Digests {
    /// With a random key, from the random numbers by which the standard library keeps its hash tables.
    pub fn random() -> Self {
        let random = RandomState::new();
        Digests { key: Key([0, 1, 2, 3].map(|number: u64| random.hash_one(number))) }
    }

    /// The digest of a chunk.
    pub fn of(&self, chunk: &[u8]) -> Digest {
        HighwayHasher::new(self.key).hash128(chunk)
    }
}
