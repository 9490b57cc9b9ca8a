//! When an entry ends: the time behind `until`, and the entries that have one.

use std::fmt;
use std::str;

use jiff::Timestamp;

use super::contents::push;
use super::line::Entry;
use crate::range::{Range, RangeSet, RangeSets};

/// From when on an entry no longer counts, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End(i64);

/// Seconds since 1970 have had ten digits since 2001, and keep them until 2286. Fewer are a slip,
/// such as a year; more are milliseconds.
const DIGITS: usize = 10;

impl End {
    /// Later than any time that can be written.
    pub const NEVER: End = End(i64::MAX / 2);

    /// Now.
    pub fn now() -> Self {
        End(Timestamp::now().as_second())
    }

    /// So many seconds since 1970.
    pub fn at(seconds: i64) -> Self {
        End(seconds)
    }

    /// The same as seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// The same as a time stamp; `None` if it is later than any.
    pub fn timestamp(self) -> Option<Timestamp> {
        Timestamp::from_second(self.0).ok()
    }

    /// Reads a time by RFC 3339 (`2027-01-31T00:00:00Z`, or with an offset), or seconds since 1970.
    /// `None` is no time, or one that can be read in two ways.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return if text.len() == DIGITS { text.parse().ok().map(End) } else { None };
        }
        if !is_rfc_3339(text.as_bytes()) {
            return None;
        }
        let time: Timestamp = text.parse().ok()?;
        // A part of a second is rounded up: it ends no sooner than it says.
        let late = if time.subsec_nanosecond() > 0 { 1 } else { 0 };
        Some(End(time.as_second() + late))
    }
}

/// The form of RFC 3339, section 5.6: there are parsers that take more than that.
fn is_rfc_3339(text: &[u8]) -> bool {
    let is = |form: &[u8], text: &[u8]| {
        form.len() == text.len()
            && form.iter().zip(text).all(|(form, byte)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => form == &byte.to_ascii_uppercase(),
            })
    };
    const SECONDS: usize = "0000-00-00T00:00:00".len();
    let Some((time, rest)) = text.split_at_checked(SECONDS) else { return false };
    let rest = match rest.strip_prefix(b".") {
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !(1..=9).contains(&digits) {
                return false;
            }
            &fraction[digits..]
        }
        None => rest,
    };
    let offset = is(b"Z", rest) || is(b"+00:00", rest) || is(b"-00:00", rest);
    is(b"0000-00-00T00:00:00", time) && offset
}

impl fmt::Display for End {
    /// By RFC 3339, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_second(self.0) {
            Ok(time) => write!(f, "{time}"),
            Err(_) => write!(f, "{} s after 1970", self.0),
        }
    }
}

/// Entries that have an end. They are kept when it has passed, too, since a clock may be put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    v4: Vec<(End, Range<u32>)>,
    v6: Vec<(End, Range<u128>)>,
}

impl Ending {
    /// Adds an entry; `false` if there is no memory for it.
    pub fn push(&mut self, entry: Entry, end: End) -> bool {
        match entry {
            Entry::V4(range) => push(&mut self.v4, (end, range)),
            Entry::V6(range) => push(&mut self.v6, (end, range)),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// What those that have not ended hold: of an address in several of them, the last one counts.
    pub fn at(&self, now: End) -> RangeSets {
        fn lasting<A: Copy>(entries: &[(End, Range<A>)], now: End) -> Vec<Range<A>> {
            entries.iter().filter(|(end, _)| *end > now).map(|(_, range)| *range).collect()
        }
        RangeSets {
            v4: RangeSet::from_ranges(lasting(&self.v4, now)),
            v6: RangeSet::from_ranges(lasting(&self.v6, now)),
        }
    }

    fn ends(&self) -> impl Iterator<Item = End> + '_ {
        self.v4.iter().map(|(end, _)| *end).chain(self.v6.iter().map(|(end, _)| *end))
    }

    /// How many have ended.
    pub fn ended(&self, now: End) -> u64 {
        self.ends().filter(|end| *end <= now).count() as u64
    }

    /// When the next one ends.
    pub fn next(&self, now: End) -> Option<End> {
        self.ends().filter(|end| *end > now).min()
    }

    /// Forgets those of IPv4.
    pub fn clear_v4(&mut self) {
        self.v4.clear();
    }

    /// Forgets those of IPv6.
    pub fn clear_v6(&mut self) {
        self.v6.clear();
    }
}
