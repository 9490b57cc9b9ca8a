//! What becomes of a line: an entry, nothing, or a rejection, with the block that it opens.
//!
//! In a block of a program of which nothing is known a line that looks like any other may be
//! something else, such as a network that is to be let through. So with a rejected line that opens a
//! block all lines of that are rejected, up to the brace that closes it.

use super::reader::{Event, Line, Lines, Outcome, Parsed, Sink};
use crate::list::grammar::{Found, leading_entry, skip_blanks, trim};
use crate::list::parse_error::{ParseError, Reason};

/// How many blocks are open of which nothing is known.
#[derive(Clone, Copy, Default)]
pub struct UnknownBlocks(u64);

impl UnknownBlocks {
    /// Whether one is open.
    pub fn is_open(self) -> bool {
        self.0 > 0
    }

    /// Opens one.
    pub fn open(&mut self) {
        self.0 = self.0.saturating_add(1);
    }

    /// Follows the braces of a line. Returns how many of them close blocks other than these.
    pub fn follow(&mut self, line: &[u8]) -> usize {
        let mut quoted = false;
        let mut others = 0;
        for &byte in line {
            match byte {
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'#' => break,
                b'{' => self.0 += 1,
                b'}' if self.0 > 0 => self.0 -= 1,
                b'}' => others += 1,
                _ => {}
            }
        }
        others
    }
}

/// What a line within a block says, without the sign that a statement goes on, which it does in
/// braces anyway.
pub fn statement(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    line.strip_suffix(b"\\").unwrap_or(line)
}

impl Lines<'_> {
    /// Reads all lines. `parse` says what a line is: an entry, nothing, an error, or that it is not of this
    /// format.
    #[inline(always)]
    pub fn read_all(
        &mut self,
        format: &'static str,
        sink: &mut dyn Sink,
        parse: impl Fn(&Line<'_>) -> Option<Parsed>,
    ) -> Outcome {
        while let Some(line) = self.line() {
            match parse(line) {
                Some(Ok(Some(entry))) => sink.entry(line.number, entry, None),
                Some(Ok(None)) => {}
                Some(Err(error)) => self.reject(error, sink),
                None => self.reject_other(format, sink),
            }
            self.advance();
        }
        Ok(format.into())
    }

    /// Rejects the line, unless it is blank or a comment, since it is not of the format of the list. If it
    /// is an exception of a plain list, it is kept as one all the same: somebody wrote into the list what is
    /// not to be dropped.
    pub fn reject_other(&mut self, format: &'static str, sink: &mut dyn Sink) {
        let Some(line) = self.line() else { return };
        let error = match line.found {
            Ok(Found::Nothing) => return,
            Err(error) if matches!(error.reason, Reason::TooLong | Reason::Nul) => error,
            _ => ParseError::at(skip_blanks(line.text, 0), Reason::NotOfTheFormat(format)),
        };
        let start = skip_blanks(line.text, 0);
        if line.text.get(start) == Some(&b'!') {
            let excepted = leading_entry(line.text, skip_blanks(line.text, start + 1));
            if let Ok(excepted) = excepted {
                sink.event(line.number, Event::Exception(excepted.entry));
            }
        }
        self.reject(error, sink);
    }

    /// Rejects the line for what the grammar says of it, since no format explains it.
    pub fn reject_unknown(&mut self, sink: &mut dyn Sink) {
        if let Some(error) = self.line().and_then(Line::error) {
            self.reject(error, sink);
        }
    }

    /// Rejects the line, and takes with it the block that it opens.
    pub fn reject(&mut self, error: ParseError, sink: &mut dyn Sink) {
        let Some(&Line { number, raw, .. }) = self.line() else { return };
        sink.reject(number, error, raw);
        // A record that was cut short opens nothing.
        let text = raw.trim_ascii();
        if text.starts_with(b"{") && text.len() > 1 {
            return;
        }
        let mut blocks = UnknownBlocks::default();
        blocks.follow(text);
        while blocks.is_open() {
            let Some((number, raw)) = self.take() else { return };
            match trim(raw).map(statement) {
                Ok(text) => {
                    let start = skip_blanks(text, 0);
                    if !matches!(text.get(start), None | Some(b'#')) {
                        let error = ParseError::at(start, Reason::UnknownBlock);
                        sink.reject(number, error, raw);
                        blocks.follow(text);
                    }
                }
                Err(error) => {
                    sink.reject(number, error, raw);
                    blocks.follow(raw);
                }
            }
        }
    }
}
