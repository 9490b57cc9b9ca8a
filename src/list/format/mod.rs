//! The other formats that feeds come in, recognised line by line.
//!
//! Asked only where the grammar of [`mod@line`] gives up, so that a plain list pays nothing for
//! them. A line is taken as a whole, or rejected for what is wrong with it in the format that it
//! begins like; what no format explains keeps the grammar's own fault. The formats:
//!
//! * `columns`: text behind or before an entry (ipsum, DShield, eMule, P2P, free text).
//! * `commands`: one command a line (nginx, ipset).
//! * `script`: nft, the one format in which a line depends on those above it.
//! * `json`: records, one a line, and documents, which have no lines at all.

mod columns;
mod commands;
pub mod json;
mod script;

use super::line::{self, Entry, LeadingEntry};
use super::parse_error::{ParseError, Reason};
use script::Script;

/// What lines say of the lines below them: the blocks that are open.
#[derive(Default)]
pub struct Feeds {
    script: Script,
}

impl Feeds {
    /// Whether a block is open, in which no line is to be read by the grammar alone.
    pub fn is_open(&self) -> bool {
        self.script.is_open()
    }

    /// Whether the open block is one of those that are read.
    pub fn is_known(&self) -> bool {
        self.script.is_known()
    }

    /// Reads a line that the grammar takes for no entry, or for one with text behind it, being
    /// outside of all blocks. Calls
    /// `entry` with each entry, or with none at all if the line is rejected.
    pub(super) fn line(
        &mut self,
        text: &[u8],
        plain: Result<LeadingEntry, ParseError>,
        entry: impl FnMut(Entry),
    ) -> Result<(), ParseError> {
        self.read(text, plain, entry).inspect_err(|_| {
            // Whatever opens a block of some other program opens one here, of which nothing is
            // known; but a record that was cut short opens nothing.
            let text = text.trim_ascii();
            let is_record = text.starts_with(b"{") && text.len() > 1;
            if !self.is_open() && !is_record {
                self.script.skip(text);
            }
        })
    }

    fn read(
        &mut self,
        text: &[u8],
        plain: Result<LeadingEntry, ParseError>,
        entry: impl FnMut(Entry),
    ) -> Result<(), ParseError> {
        let fault = match plain {
            Ok(front) => {
                columns::behind(line::trim(text)?, &front)?.into_iter().for_each(entry);
                return Ok(());
            }
            Err(fault) if matches!(fault.reason, Reason::TooLong | Reason::Nul) => {
                return Err(fault);
            }
            Err(fault) => fault,
        };
        let line = line::trim(text)?;
        let start = line::skip_blanks(line, 0);
        if line[start..].starts_with(b"{") {
            json::record(line)?.into_iter().for_each(entry);
        } else if script::begins(line) {
            self.script.line(line, entry)?;
        } else if let Some(found) = commands::read(line, start) {
            found?.into_iter().for_each(entry);
        } else if let Some(found) = columns::before(line, start) {
            found?.into_iter().for_each(entry);
        } else {
            return Err(fault);
        }
        Ok(())
    }

    /// Reads a line within a block.
    pub(super) fn line_of_block(
        &mut self,
        text: &[u8],
        entry: impl FnMut(Entry),
    ) -> Result<(), ParseError> {
        match line::trim(text) {
            Ok(line) => self.script.line(line, entry),
            Err(fault) => {
                self.script.skip(text);
                Err(fault)
            }
        }
    }
}

/// A blank-separated word at `at`, which is no blank, and the offset behind it.
fn word(line: &[u8], at: usize) -> (&[u8], usize) {
    let length = line[at..].iter().take_while(|&&byte| byte != b' ' && byte != b'\t').count();
    (&line[at..at + length], at + length)
}
