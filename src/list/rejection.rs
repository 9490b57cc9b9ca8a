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
    /// The line's beginning, escaped; `None` if not every user may read the list.
    pub excerpt: Option<String>,
}

impl Rejection {
    /// A rejection that quotes `text`, the line, if it may be quoted.
    pub(super) fn new(list: &str, line: u64, error: ParseError, text: Option<&[u8]>) -> Self {
        Rejection {
            list: list.to_string(),
            line,
            column: error.at + 1,
            reason: error.reason,
            excerpt: text.map(excerpt),
        }
    }
}

/// The beginning of a line, escaped.
pub(super) fn excerpt(text: &[u8]) -> String {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let shown = &text[..text.len().min(EXCERPT)];
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("{}{more}", shown.escape_ascii())
}

impl fmt::Display for Rejection {
    /// `FILE:LINE:COLUMN: reason: "text"`; with `{:#}` without the text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rejection { list, line, column, reason, excerpt } = self;
        match excerpt.as_ref().filter(|_| !f.alternate()) {
            Some(excerpt) => write!(f, "{list}:{line}:{column}: {reason}: \"{excerpt}\""),
            None => write!(f, "{list}:{line}:{column}: {reason:#}"),
        }
    }
}

impl std::error::Error for Rejection {}
