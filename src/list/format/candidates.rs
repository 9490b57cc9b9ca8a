//! Which formats a list could be of, from one pass over its lines.
//!
//! Lines that are plain say nothing, and are passed over as fast as they are read. The others are shown
//! to the formats: the first ones to all, later ones to the format that knew the line before, because a
//! list of millions of lines that no format knows should not cost a question to each. What a single line
//! changes, a heading, is asked for each line.

use super::reader::{Event, Format, Lines, Sign, Sink};
use super::{FORMATS, plain};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::parse_error::ParseError;
use crate::list::reading::Reading;

/// How many lines that are not plain are shown to every format, and of the others one in how many.
const SHOWN: u64 = 1_000;
const ONE_IN: u64 = 16;

/// Of a list of which fewer lines than one in so many are not plain, only lines decide the format: what it
/// looks like as a whole is a plain list.
const ODD: u64 = 5;

/// The formats that a list could be of.
pub struct Candidates {
    /// In the order in which they count if two reject equally many lines.
    pub formats: Vec<&'static Format>,
    /// Whether a line begins with an entry, as those of a plain list do.
    pub has_plain_entry: bool,
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
    let mut asked = Asked::new();
    let mut plain = Entries(0);
    let mut lines = Lines::of(text, reading);
    loop {
        plain::read_plain(&mut lines, &mut plain);
        let Some(line) = lines.line() else { break };
        asked.show(line);
        lines.advance();
    }
    let is_odd = asked.lines.saturating_mul(ODD) >= asked.lines + plain.0;
    let is_candidate = |(format, claimed): (&&'static Format, bool)| {
        let is_one = match format.sign {
            Sign::None => true,
            Sign::Text(is_one) => is_odd && is_one(text),
            Sign::Line(_) | Sign::Heading(_) | Sign::Document(_) => claimed,
        };
        is_one.then_some(*format)
    };
    let formats = FORMATS.iter().zip(asked.claimed).filter_map(is_candidate).collect();
    Candidates { formats, has_plain_entry: plain.0 > 0 || asked.has_leading_entry }
}

/// The formats that were asked for lines that are not plain.
struct Asked {
    /// How many lines there are.
    lines: u64,
    /// For each format whether a line is of it.
    claimed: Vec<bool>,
    /// Whether a line begins with an entry.
    has_leading_entry: bool,
    /// The format of the line before.
    last: Option<&'static Format>,
}

impl Asked {
    fn new() -> Self {
        let claimed = vec![false; FORMATS.len()];
        Asked { lines: 0, claimed, has_leading_entry: false, last: None }
    }

    fn show(&mut self, line: &super::reader::Line<'_>) {
        self.lines += 1;
        self.has_leading_entry |= line.leading().is_some();
        let claims = |format: &Format| matches!(format.sign, Sign::Line(is_one) if is_one(line));
        let to_all =
            self.lines <= SHOWN || self.lines % ONE_IN == 0 && !self.last.is_some_and(claims);
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
        }
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
