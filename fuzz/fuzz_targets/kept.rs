//! All that a format says of a list, kept for comparing.

// Each target uses a part.
#![allow(dead_code)]

use std::time::{Duration, SystemTime};

use netfilterd::list::format::decide::{self, Late};
use netfilterd::list::format::{Decision, Event, Sink};
use netfilterd::list::parse_error::ParseError;
use netfilterd::list::{End, Entry, NotAList, Purpose, Reading};

/// When a list was written, in seconds since 1970: spans of time count from then.
pub const WRITTEN: i64 = 1_795_000_000;

/// What a list is read for, always with the same result.
pub fn reading(purpose: Purpose) -> Reading {
    let written = SystemTime::UNIX_EPOCH + Duration::from_secs(WRITTEN as u64);
    Reading { purpose, sets: Vec::new(), written: Some(written) }
}

/// What was read of a list, each with its line.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    pub entries: Vec<(u64, Entry, Option<End>)>,
    pub exceptions: Vec<(u64, Entry)>,
    pub removed: Vec<(u64, Entry)>,
    pub rejected: Vec<(u64, ParseError)>,
    pub skipped: u64,
}

impl Sink for Kept {
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        self.entries.push((line, entry, end));
    }

    fn reject(&mut self, line: u64, error: ParseError, _: &[u8]) {
        self.rejected.push((line, error));
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        match event {
            Event::Exception(entry) => self.exceptions.push((line, entry)),
            Event::Removed(entry) => self.removed.push((line, entry)),
            Event::Skipped => self.skipped += 1,
            _ => {}
        }
    }
}

/// A list as it is read: the name of its format, its sets, and what it holds.
#[derive(Debug, PartialEq)]
pub struct Whole {
    pub format: String,
    pub sets: Vec<String>,
    pub kept: Kept,
}

/// What a text is decided to be, and then read as; or why it is not a list.
pub fn read(text: &[u8]) -> Result<Whole, NotAList> {
    let reading = reading(Purpose::Drop);
    decide::decide(text, &reading).map(|decision| {
        let mut kept = Kept::default();
        decide::read(text, &decision, &reading, &mut kept);
        whole(&decision, kept)
    })
}

/// The same by the way of a list that seems to be plain by its beginning; `None` if it does not.
pub fn read_if_plain(text: &[u8]) -> Option<Result<Whole, NotAList>> {
    let reading = reading(Purpose::Drop);
    let mut kept = Kept::default();
    Some(match decide::read_if_plain(text, &reading, &mut kept)? {
        Ok((decision, _)) => Ok(whole(&decision, kept)),
        Err(Late(decision)) => decision.map(|decision| {
            let mut kept = Kept::default();
            decide::read(text, &decision, &reading, &mut kept);
            whole(&decision, kept)
        }),
    })
}

fn whole(decision: &Decision, kept: Kept) -> Whole {
    Whole { format: decision.name().to_string(), sets: decision.sets().to_vec(), kept }
}
