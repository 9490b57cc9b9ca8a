//! A span of time as crowdsec writes it: `3h59m12.5s`, with a minus if it is over.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::list::end::End;

/// The units, and how many nanoseconds each has.
const UNITS: [(&[u8], i128); 8] = [
    (b"h", 3_600_000_000_000),
    (b"ms", 1_000_000),
    (b"m", 60_000_000_000),
    (b"us", 1_000),
    (b"\xc2\xb5s", 1_000),
    (b"\xce\xbcs", 1_000),
    (b"ns", 1),
    (b"s", NANOSECONDS),
];

const NANOSECONDS: i128 = 1_000_000_000;

/// More digits than any span of time needs, and few enough for no sum to overflow.
const MOST_DIGITS: usize = 15;

/// When a span that counts from some time ends, a part of a second rounded up. `None` is no span.
pub fn end_after(text: &[u8], from: Option<SystemTime>) -> Option<End> {
    let span = parse(text)?;
    let from = match from.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_nanos()).ok()?,
        Err(before) => -i128::try_from(before.duration().as_nanos()).ok()?,
    };
    let end = (from + span + NANOSECONDS - 1).div_euclid(NANOSECONDS);
    let end = End::at(i64::try_from(end).ok()?);
    Some(end.min(End::NEVER))
}

/// Reads a span as nanoseconds.
fn parse(text: &[u8]) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix(b"-") {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    if rest == b"0" {
        return Some(0);
    }
    let mut sum = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let (whole, behind) = digits(rest)?;
        let (fraction, behind) = match behind.strip_prefix(b".") {
            Some(behind) => digits(behind)?,
            None => (&b""[..], behind),
        };
        let (unit, nanoseconds) = UNITS.iter().find(|(unit, _)| behind.starts_with(unit))?;
        sum += number(whole) * nanoseconds;
        sum += number(fraction) * nanoseconds / 10i128.pow(fraction.len() as u32);
        rest = &behind[unit.len()..];
        parts += 1;
        if parts > UNITS.len() {
            return None;
        }
    }
    (parts > 0).then_some(sign * sum)
}

/// The digits at the beginning, of which there is at least one, and what is behind them.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=MOST_DIGITS).contains(&count).then(|| text.split_at(count))
}

fn number(digits: &[u8]) -> i128 {
    digits.iter().fold(0, |number, digit| number * 10 + i128::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_hours_minutes_and_seconds() {
        for (text, seconds) in [
            ("3h59m", 14_340),
            ("3h59m12.5s", 14_353),
            ("59m12.123456s", 3_553),
            ("0s", 0),
            ("0", 0),
            ("1500ms", 2),
            ("1us", 1),
            ("1\u{b5}s", 1),
            ("87600h0m0s", 315_360_000),
            ("-1h", -3_600),
            ("-0.5s", 0),
        ] {
            let end = end_after(text.as_bytes(), Some(UNIX_EPOCH));
            assert_eq!(end, Some(End::at(seconds)), "{text}");
        }
        for text in ["", "-", "3", "h", "3h59", "3 h", "1.h", ".5s", "3d", "1h-1m", "+1h"] {
            assert_eq!(end_after(text.as_bytes(), Some(UNIX_EPOCH)), None, "{text}");
        }
        let most = "9".repeat(MOST_DIGITS) + "h";
        assert_eq!(
            end_after(most.as_bytes(), Some(UNIX_EPOCH)),
            Some(End::at(999_999_999_999_999 * 3600))
        );
    }
}
