//! A rejected line, as it is reported.

use std::fmt;

use super::parse_error::{ParseError, Reason};

/// How much of a rejected line is shown, in bytes.
const EXCERPT: usize = 40;

/// A line that was rejected, or a string of a JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The name of the list.
    pub list: String,
    /// The line, counted from 1.
    pub line: u64,
    /// The column in bytes, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub reason: Reason,
    /// The line's beginning, escaped.
    pub excerpt: String,
}

impl Rejection {
    pub(super) fn new(list: &str, line: u64, error: ParseError, text: &[u8]) -> Self {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let shown = &text[..text.len().min(EXCERPT)];
        let more = if shown.len() < text.len() { "..." } else { "" };
        Rejection {
            list: list.to_string(),
            line,
            column: error.at + 1,
            reason: error.reason,
            excerpt: format!("{}{more}", shown.escape_ascii()),
        }
    }
}

impl fmt::Display for Rejection {
    /// `FILE:LINE:COLUMN: reason: "text"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejection { list, line, column, reason, excerpt } = self;
        write!(f, "{list}:{line}:{column}: {reason}: \"{excerpt}\"")
    }
}

impl std::error::Error for Rejection {}
