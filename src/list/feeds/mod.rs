//! The other formats that feeds come in, recognised line by line.
//!
//! Asked only where the grammar of [`mod@line`] gives up, so that a plain list pays nothing for
//! them. A line is taken as a whole, or rejected for what is wrong with it in the format that it
//! begins like; what no format explains keeps the grammar's own fault. The formats:
//!
//! * `columns`: text behind or before an entry (ipsum, DShield, eMule, P2P, free text).

mod columns;

use super::fault::{Fault, Reason};
use super::line::{self, Entry, Line};

/// Reads a line that the grammar takes for no entry.
pub(super) fn read(text: &[u8], plain: Result<Line, Fault>) -> Result<Option<Entry>, Fault> {
    let fault = match plain {
        Ok(Line::Nothing) => return Ok(None),
        Ok(Line::Entry(found)) => return Ok(Some(found)),
        Ok(Line::Front(front)) => return columns::behind(line::trim(text)?, &front),
        Err(fault) if matches!(fault.reason, Reason::TooLong | Reason::Nul) => return Err(fault),
        Err(fault) => fault,
    };
    let line = line::trim(text)?;
    columns::before(line, line::skip_blanks(line, 0)).unwrap_or(Err(fault))
}

/// A blank-separated word at `at`, which is no blank, and the offset behind it.
fn word(line: &[u8], at: usize) -> (&[u8], usize) {
    let length = line[at..].iter().take_while(|&&byte| byte != b' ' && byte != b'\t').count();
    (&line[at..at + length], at + length)
}
