//! Which formats a list could be of, from one pass over its lines.
//!
//! Lines that are plain say nothing, and are passed over as fast as they are read. The others are shown
//! to the formats: the first ones to all, later ones to the format that knew the line before, because a
//! list of millions of lines that no format knows should not cost a question to each. What a single line
//! changes, a heading, is asked for each line.

use super::reader::{Event, Format, Line, Lines, Sign, Sink};
use super::{FORMATS, plain};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::parse_error::ParseError;
use crate::list::reading::Reading;

/// How many lines that are not plain are shown to every format, and of the others one in how many.
pub(super) const SHOWN: u64 = 1_000;
const ONE_IN: u64 = 16;

/// Of a list of which fewer lines than one in so many are not plain, only lines decide the format: what it
/// looks like as a whole is a plain list.
const ODD: u64 = 5;

/// The formats that a list could be of.
pub struct Candidates {
    /// In the order in which they count if two reject equally many lines.
    pub formats: Vec<&'static Format>,
    /// Whether a line begins with an entry, as those of a plain list do.
    has_plain_entry: bool,
}

impl Candidates {
    /// Whether the list is plain, and needs no reading to decide it.
    pub fn are_plain(&self) -> bool {
        self.has_plain_entry && matches!(self.formats[..], [format] if format.name == plain::NAME)
    }
}

/// Finds the formats that a list could be of. A text that begins as a document is one: its lines say
/// nothing, however many stand below it.
pub fn candidates(text: &[u8], reading: &Reading) -> Candidates {
    let is_document =
        |format: &&Format| matches!(format.sign, Sign::Document(is_one) if is_one(text));
    let documents: Vec<&'static Format> = FORMATS.iter().copied().filter(is_document).collect();
    if !documents.is_empty() {
        return Candidates { formats: documents, has_plain_entry: false };
    }
    let mut asked = Asked::default();
    let mut plain = Entries(0);
    let mut lines = Lines::of(text, reading);
    loop {
        plain::read_plain(&mut lines, &mut plain);
        let Some(line) = lines.line() else { break };
        asked.show(line);
        lines.advance();
    }
    let is_candidate = |(index, format): (usize, &&'static Format)| {
        let is_one = match format.sign {
            Sign::None => true,
            Sign::Text(is_one) => asked.is_odd(plain.0) && is_one(text),
            Sign::Line(_) | Sign::Heading(_) | Sign::Document(_) => asked.has_claimed(index),
        };
        is_one.then_some(*format)
    };
    let formats = FORMATS.iter().enumerate().filter_map(is_candidate).collect();
    // Of a script not even the plain lines are certain.
    let is_script = text.starts_with(b"#!");
    let has_plain_entry = !is_script && (plain.0 > 0 || asked.has_leading_entry);
    Candidates { formats, has_plain_entry }
}

/// The formats that were asked for lines that are not plain.
#[derive(Default)]
pub struct Asked {
    /// How many lines there are.
    lines: u64,
    /// For each format whether a line is of it; nothing before the first line.
    claimed: Vec<bool>,
    /// Whether a line begins with an entry.
    has_leading_entry: bool,
    /// The format of the line before.
    last: Option<&'static Format>,
}

impl Asked {
    /// Shows a line to the formats. Returns whether one that has known no line before knows this one.
    pub fn show(&mut self, line: &Line<'_>) -> bool {
        self.lines += 1;
        self.has_leading_entry |= line.leading().is_some();
        self.claimed.resize(FORMATS.len(), false);
        let claims = |format: &Format| matches!(format.sign, Sign::Line(is_one) if is_one(line));
        let to_all =
            self.lines <= SHOWN || self.lines % ONE_IN == 0 && !self.last.is_some_and(claims);
        let mut is_new = false;
        for (format, claimed) in FORMATS.iter().copied().zip(&mut self.claimed) {
            if *claimed {
                continue;
            }
            *claimed = match format.sign {
                Sign::Heading(is_one) => is_one(line),
                Sign::Line(is_one) if to_all && is_one(line) => {
                    self.last = Some(format);
                    true
                }
                _ => false,
            };
            is_new |= *claimed;
        }
        is_new
    }

    /// Whether the list with so many plain entries besides is certainly plain: no format knows a line of it,
    /// nor the whole.
    pub fn is_certain(&self, text: &[u8], plain: u64) -> bool {
        let is_text = |format: &&Format| matches!(format.sign, Sign::Text(is_one) if is_one(text));
        let is_known =
            self.claimed.contains(&true) || self.is_odd(plain) && FORMATS.iter().any(is_text);
        !is_known
    }

    /// The same without a look at the whole, so that some lists that are plain are not certain to be.
    pub fn is_certain_by_lines(&self, plain: u64) -> bool {
        !self.claimed.contains(&true) && !self.is_odd(plain)
    }

    fn has_claimed(&self, index: usize) -> bool {
        self.claimed.get(index).copied().unwrap_or(false)
    }

    /// Whether so many lines are not plain that the list as a whole may be something else.
    fn is_odd(&self, plain: u64) -> bool {
        self.lines.saturating_mul(ODD) >= self.lines + plain
    }
}

/// Counts entries.
struct Entries(u64);

impl Sink for Entries {
    #[inline(always)]
    fn entry(&mut self, _: u64, _: Entry, _: Option<End>) {
        self.0 += 1;
    }

    fn reject(&mut self, _: u64, _: ParseError, _: &[u8]) {}

    fn event(&mut self, _: u64, _: Event<'_>) {}
}
