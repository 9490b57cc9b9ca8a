//! `ADDRESS<TAB>COUNT`, as ipsum has it.
//!
//! The number behind an address may as well be the length of a network, or how many addresses it has: a
//! list in which each number could be one of these is refused.

use crate::ip::Range;
use crate::list::entry::Entry;
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::grammar::{Form, LeadingEntry, is_end, skip_blanks};

const NAME: &str = "host and count";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

static LENGTHS: Kind = Kind {
    what: "a list of addresses with a number behind a tab, which may be a count or a prefix length",
    cure: "if it is a count, make a list of the addresses with awk '{print $1}' FILE; if it is a \
           length, make a list of the networks: awk '{print $1 \"/\" $2}' FILE",
};

static SIZES: Kind = Kind {
    what: "a list of addresses with a number behind a tab, which may be a count or the size of a network",
    cure: "if it is a count, make a list of the addresses with awk '{print $1}' FILE; if it is a size, \
           make a list of the networks: awk '{print $1 \"/\" 32 - log($2) / log(2)}' FILE",
};

static IPV6: Kind = Kind {
    what: "a list of IPv6 addresses with a number behind a tab, which no known feed has",
    cure: "if it is a count, make a list of the addresses with awk '{print $1}' FILE; if it is a \
           length, make a list of the networks: awk '{print $1 \"/\" $2}' FILE",
};

fn detect(line: &Line<'_>) -> bool {
    line.leading().is_some_and(|leading| count(line.text, leading).is_some())
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    // The first line with a count, the first with one that could be a size, and the first of IPv6.
    let (mut first, mut size, mut ipv6) = (0, 0, 0);
    let mut is_count = false;
    while let Some(line) = lines.line() {
        let counted =
            line.leading().and_then(|leading| Some((leading.entry, count(line.text, leading)?)));
        match counted {
            Some((entry, count)) => {
                if !is_count || matches!(entry, Entry::V6(_)) {
                    let keep = |kept: &mut u64| {
                        if *kept == 0 {
                            *kept = line.number;
                        }
                    };
                    keep(&mut first);
                    match (entry, could_be(entry, count)) {
                        (Entry::V6(_), _) => keep(&mut ipv6),
                        (_, Some(Number::Length)) => {}
                        (_, Some(Number::Size)) => keep(&mut size),
                        (_, None) => is_count = true,
                    }
                }
                sink.entry(line.number, entry, None);
            }
            None => lines.reject_other(NAME, sink),
        }
        lines.advance();
    }
    match (ipv6, size, first) {
        (1.., ..) => Err(NotAList::Kind { kind: &IPV6, line: ipv6 }),
        _ if is_count || first == 0 => Ok(NAME.into()),
        (_, 1.., _) => Err(NotAList::Kind { kind: &SIZES, line: size }),
        _ => Err(NotAList::Kind { kind: &LENGTHS, line: first }),
    }
}

/// What a number may be beside a count.
enum Number {
    Length,
    Size,
}

/// What the number behind a host may be beside a count: the prefix length or the size of a network that
/// begins at the host. A host in the middle of the network shows that it is neither.
fn could_be(host: Entry, number: u32) -> Option<Number> {
    let Entry::V4(host) = host else { return None };
    match u8::try_from(number) {
        Ok(length @ 0..=32) => {
            let begins = Range::network(host.first(), length).first() == host.first();
            begins.then_some(Number::Length)
        }
        _ => (number.is_power_of_two() && host.first() % number == 0).then_some(Number::Size),
    }
}

/// The count behind a tab, where a host is all that stands before it; nothing on any other line.
#[inline(always)]
pub fn count(line: &[u8], leading: &LeadingEntry) -> Option<u32> {
    if leading.form != Form::Host || line.get(leading.end) != Some(&b'\t') {
        return None;
    }
    let start = leading.end + 1;
    let digits = line[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = start + digits;
    let rest = skip_blanks(line, end);
    if !(1..=9).contains(&digits) || rest < line.len() && (rest == end || !is_end(line, rest)) {
        return None;
    }
    // Nine digits are less than four thousand millions.
    Some(line[start..end].iter().fold(0, |count, digit| count * 10 + u32::from(digit - b'0')))
}
