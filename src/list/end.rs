//! When an entry ends: the time behind `until`.

use std::fmt;
use std::str;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

/// From when on an entry no longer counts, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct End(i64);

/// Seconds since 1970 have had ten digits since 2001, and keep them until 2286. Fewer are a slip,
/// such as a year; more are milliseconds.
const DIGITS: usize = 10;

impl End {
    /// Later than any time that a list can name.
    pub const NEVER: End = End(i64::MAX / 2);

    /// The time by the system's clock.
    pub fn now() -> Self {
        End(Timestamp::now().as_second())
    }

    /// A time in seconds since 1970, in UTC.
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
        let Parts { time, fraction, offset } = Parts::of(text)?;
        // As a time of the calendar: a timestamp ends a day before the year 9999 does, for the sake
        // of time zones, and the last second of that year is how many write "never".
        let time: DateTime = time.parse().ok()?;
        // A part of a second is rounded up: it ends no sooner than it says.
        let late = i64::from(fraction.bytes().any(|digit| digit != b'0'));
        let end = End(time.duration_since(EPOCH).as_secs() - offset_seconds(offset)? + late);
        end.in_utc().map(|_| end)
    }

    /// The time of the calendar, if its year has four digits.
    fn in_utc(self) -> Option<DateTime> {
        let time = EPOCH.checked_add(SignedDuration::from_secs(self.0)).ok()?;
        (time.year() >= 0).then_some(time)
    }
}

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A time in the form of RFC 3339, section 5.6: there are parsers that take more than that.
struct Parts<'a> {
    /// Up to the second.
    time: &'a str,
    /// The digits of a part of a second, if there are any.
    fraction: &'a str,
    /// `Z`, or hours and minutes.
    offset: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        const TIME: &str = "0000-00-00T00:00:00";
        let (time, rest) = text.split_at_checked(TIME.len())?;
        let (fraction, offset) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                (1..=9).contains(&digits).then(|| rest.split_at(digits))?
            }
            None => ("", rest),
        };
        has_form(TIME, time).then_some(Parts { time, fraction, offset })
    }
}

/// Whether a text has digits where a form has zeros, and is the form else.
fn has_form(form: &str, text: &str) -> bool {
    form.len() == text.len()
        && form.bytes().zip(text.bytes()).all(|(form, byte)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => form == byte.to_ascii_uppercase(),
        })
}

/// By how much local time is ahead of UTC.
fn offset_seconds(text: &str) -> Option<i64> {
    if has_form("Z", text) {
        return Some(0);
    }
    if !has_form("+00:00", text) && !has_form("-00:00", text) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (text[1..3].parse().ok()?, text[4..6].parse().ok()?);
    let seconds = (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60)?;
    Some(if text.starts_with('-') { -seconds } else { seconds })
}

impl fmt::Display for End {
    /// By RFC 3339, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.in_utc() {
            Some(time) => write!(f, "{time}Z"),
            None => write!(f, "{} s after 1970", self.0),
        }
    }
}
