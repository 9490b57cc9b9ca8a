//! Cuts a file into parts while it is read through a small buffer, and keeps what is not known of it.

use super::chunk::Known;
use super::file::Through;
use super::format::again;
use super::parts::{Part, Parts};

/// How many bytes of the beginning of a text are kept, by which is decided whether it is plain.
const HEAD: usize = 2 * again::HEAD;

/// How many bytes are read at a time: so few that they stay in the processor's cache.
const BUFFER: usize = 512 << 10;

/// How long a line may become before the file is read as a whole.
const LONGEST: usize = 16 << 20;

/// Cuts a file into parts while it is read.
pub struct Cutter<'a> {
    known: &'a Known,
    buffer: Vec<u8>,
    /// Where in the buffer the bytes are that are not cut yet.
    start: usize,
    end: usize,
    /// Whether values in quotes are entries; `None` before the beginning was read.
    quoted: Option<bool>,
    parts: Parts,
}

impl<'a> Cutter<'a> {
    /// Leaves out what is known.
    pub fn new(known: &'a Known) -> Self {
        let (buffer, parts) = (Vec::new(), Parts::default());
        Cutter { known, buffer, start: 0, end: 0, quoted: None, parts }
    }

    /// All of the file, after it was read.
    pub fn finish(self) -> Parts {
        self.parts
    }

    /// Cuts off the chunks that are complete. Returns whether the text can be read by parts.
    fn cut(&mut self, is_end: bool) -> bool {
        let Some(quoted) = self.quoted.or_else(|| {
            let begin = &self.buffer[..self.end.min(HEAD)];
            self.parts.head = begin.to_vec();
            again::quoted_by_head(begin)
        }) else {
            return false;
        };
        self.quoted = Some(quoted);
        loop {
            let text = &self.buffer[self.start..self.end];
            if text.is_empty() {
                return true;
            }
            let above = self.parts.parts.last().map(|part| part.id);
            let Some((chunk, id)) = self.known.first_complete(text, is_end, quoted, above) else {
                return true;
            };
            let is_left_out = self.known.get(id).is_some_and(|kept| kept.chunk.odd_lines() == 0);
            let text = (!is_left_out).then(|| chunk.into());
            self.start += chunk.len();
            self.parts.bytes += chunk.len();
            self.parts.parts.push(Part { id, text });
        }
    }
}

impl Through for Cutter<'_> {
    fn restart(&mut self) {
        (self.start, self.end, self.quoted, self.parts) = (0, 0, None, Parts::default());
    }

    fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.end + BUFFER / 2 > self.buffer.len() {
            self.buffer.resize(BUFFER.max(2 * self.buffer.len()), 0);
        }
        &mut self.buffer[self.end..]
    }

    fn filled(&mut self, bytes: usize) -> bool {
        self.end += bytes;
        self.cut(false) && self.end - self.start < LONGEST
    }

    fn ended(&mut self) -> bool {
        // Of a last line without an end is reported what the text as a whole decides.
        let is_finished = self.buffer[..self.end].ends_with(b"\n");
        is_finished && self.cut(true)
    }
}
