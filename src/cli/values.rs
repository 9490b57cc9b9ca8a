//! The values of options: text to what it means, or why it means nothing. What has no meaning cannot be
//! expressed past this point.

use std::ffi::{CString, OsString};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use crate::list::Source;
use crate::netlink::link::{MAX_ALTERNATIVE_NAME, MAX_NAME};

/// Why the value of an option is not one. The option is named by whoever parses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidValue {
    /// A path without a byte.
    EmptyPath,
    /// Not a prefix length within the limits.
    Length {
        /// The shortest that is permitted.
        least: u8,
        /// The longest that is permitted.
        most: u8,
    },
    /// Not a percentage.
    Percentage,
    /// Not an address.
    Address,
    /// Not the number of a queue, or two of them.
    Queue,
    /// Two numbers of queues in the wrong order.
    QueueOrder {
        /// The number that was given first.
        first: u16,
        /// The number that was given last.
        last: u16,
    },
    /// More queues than threads are of use.
    TooManyQueues {
        /// How many.
        count: usize,
    },
    /// Not a mark of 32 bits.
    Mark,
    /// The mark that all unmarked packets have.
    MarkOfAll,
    /// Not the name of an interface.
    Interface,
    /// Several names of interfaces in one.
    SeveralInterfaces,
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidValue::EmptyPath => {
                f.write_str("the path is empty; give a file, a directory, or - for standard input")
            }
            InvalidValue::Length { least, most } => {
                write!(f, "a prefix length is a number from {least} to {most}, without a slash")
            }
            InvalidValue::Percentage => {
                f.write_str("a percentage is a number from 0 to 100, without a sign")
            }
            InvalidValue::Address => {
                f.write_str("not an IP address; networks and host names cannot be tested")
            }
            InvalidValue::Queue => {
                f.write_str("a queue is a number from 0 to 65535, or two of them as in 0:3")
            }
            InvalidValue::QueueOrder { first, last } => {
                write!(f, "the last queue comes before the first; write {last}:{first}")
            }
            InvalidValue::TooManyQueues { count } => {
                write!(f, "{count} queues need a thread each; give {MOST_QUEUES} at most")
            }
            InvalidValue::Mark => f.write_str("a mark is a number of 32 bits, such as 16 or 0x10"),
            InvalidValue::MarkOfAll => {
                f.write_str("unmarked packets have the mark 0; give another number")
            }
            InvalidValue::Interface => write!(
                f,
                "an interface has a name of 1 to {MAX_NAME} bytes without spaces, / and :, like eth0 or \
                 ppp*; an alternative name has up to {MAX_ALTERNATIVE_NAME}"
            ),
            InvalidValue::SeveralInterfaces => {
                f.write_str("one name is expected; to name several, repeat the option")
            }
        }
    }
}

impl std::error::Error for InvalidValue {}

/// A path is bytes, and need not be text.
pub fn source(text: OsString) -> Result<Source, InvalidValue> {
    if text.is_empty() {
        return Err(InvalidValue::EmptyPath);
    }
    Ok(if text == "-" { Source::Stdin } else { Source::Path(text.into()) })
}

pub fn length<const LEAST: u8, const MOST: u8>(text: &str) -> Result<u8, InvalidValue> {
    match text.parse() {
        Ok(length) if (LEAST..=MOST).contains(&length) => Ok(length),
        _ => Err(InvalidValue::Length { least: LEAST, most: MOST }),
    }
}

pub fn percent(text: &str) -> Result<u8, InvalidValue> {
    match text.parse() {
        Ok(percent @ 0..=100) => Ok(percent),
        _ => Err(InvalidValue::Percentage),
    }
}

pub fn address(text: &str) -> Result<IpAddr, InvalidValue> {
    text.parse().map_err(|_| InvalidValue::Address)
}

/// Each queue needs a thread. More threads than processors are of no use.
const MOST_QUEUES: usize = 256;

pub fn queues(text: &str) -> Result<RangeInclusive<u16>, InvalidValue> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.ok_or(InvalidValue::Queue)
    };
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    match (first..=last).len() {
        0 => Err(InvalidValue::QueueOrder { first, last }),
        1..=MOST_QUEUES => Ok(first..=last),
        count => Err(InvalidValue::TooManyQueues { count }),
    }
}

pub fn mark(text: &str) -> Result<NonZeroU32, InvalidValue> {
    let number = match text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16),
        Some(_) => return Err(InvalidValue::Mark),
        None => text.parse(),
    };
    let number = number.map_err(|_| InvalidValue::Mark)?;
    NonZeroU32::new(number).ok_or(InvalidValue::MarkOfAll)
}

pub fn interface(text: &str) -> Result<CString, InvalidValue> {
    if text.contains(',') {
        return Err(InvalidValue::SeveralInterfaces);
    }
    // The beginning of names is that of names of the kernel's.
    let (name, most) = match text.strip_suffix('*') {
        Some(beginning) => (beginning, MAX_NAME),
        None => (text, MAX_ALTERNATIVE_NAME),
    };
    let valid = !["", ".", ".."].contains(&name)
        && name.len() <= most
        && !name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control());
    match CString::new(text) {
        Ok(name) if valid => Ok(name),
        _ => Err(InvalidValue::Interface),
    }
}
