//! What a layout is expected to cost, as a sentence: which row, at what cost, and why.

use std::fmt;

use super::census::Census;
use super::choose;
use super::cost::Cost;
use super::{Elements, FilledRow, Layout, Row};
use crate::ip::{Address, RangeSet};

/// The row for a list, and its cost by the model of [`super::cost`]. Shown, it is a text for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The row.
    pub row: Row,
    /// The layout that was asked for.
    pub asked: Layout,
    /// What a packet that is not listed pays, as a share of what it pays for an interval set alone.
    pub share: f64,
    /// Bytes of kernel memory.
    pub memory: u64,
}

impl Expected {
    /// What is expected for a list.
    pub fn of<A: Address>(set: &RangeSet<A>, asked: Layout) -> Self {
        let row = choose::row(&Census::of(set), asked);
        let elements = row.count(set);
        Expected::filled(&FilledRow::new(row, elements), set, asked)
    }

    /// What is expected of sets that hold a list already.
    pub fn filled<A: Address>(filled: &FilledRow, set: &RangeSet<A>, asked: Layout) -> Self {
        let FilledRow { row, elements, .. } = filled;
        let Cost { unlisted, memory, .. } = Cost::of(row, elements, A::BITS);
        let intervals = Elements { ranges: set.len() as u64, ..Elements::default() };
        let interval = Cost::of(&Row::INTERVAL, &intervals, A::BITS);
        Expected { row: row.clone(), asked, share: unlisted / interval.unlisted, memory }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expected { row, asked, share, memory } = self;
        write!(f, "{row}")?;
        if *row == Row::NONE {
            return Ok(());
        }
        match asked {
            Layout::Auto => {}
            Layout::Hash if *row == Row::INTERVAL => {
                f.write_str(", since no hash set would have a network")?;
            }
            Layout::Hash | Layout::Interval => f.write_str(", as asked for")?,
        }
        match (*row == Row::INTERVAL, asked) {
            (true, Layout::Auto) => f.write_str(": no other layout costs less (model)")?,
            (true, _) => {}
            (false, _) => {
                write!(f, ": an unlisted packet pays {share:.2} of an interval set (model)")?;
            }
        }
        match memory >> 20 {
            0 => write!(f, ", {} KiB of memory", memory.div_ceil(1 << 10)),
            _ => write!(f, ", {:.1} MiB of memory", *memory as f64 / f64::from(1 << 20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ip::Range;

    fn expected(ranges: Vec<Range<u32>>, asked: Layout) -> String {
        Expected::of(&RangeSet::from_ranges(ranges), asked).to_string()
    }

    fn hosts(count: u32) -> Vec<Range<u32>> {
        (0..count).map(|host| Range::host(0x1400_0000 + 2 * host)).collect()
    }

    #[test]
    fn an_empty_list_has_no_sets_and_no_cost() {
        assert_eq!(expected(Vec::new(), Layout::Auto), "no sets");
        assert_eq!(expected(Vec::new(), Layout::Interval), "no sets");
    }

    #[test]
    fn the_row_that_was_chosen_is_shown_with_what_it_saves() {
        let text = expected(hosts(20_000), Layout::Auto);
        let (row, rest) = text.split_once(": ").unwrap();
        assert_eq!(row, "prefilter /16, hash /32");
        let share = rest.strip_prefix("an unlisted packet pays ").unwrap();
        let (share, rest) = share.split_once(' ').unwrap();
        assert!(share.parse::<f64>().unwrap() < 0.5, "{text}");
        assert!(rest.starts_with("of an interval set (model), "), "{text}");
        assert!(rest.ends_with(" MiB of memory"), "{text}");
    }

    #[test]
    fn a_row_that_was_asked_for_is_not_shown_as_chosen() {
        let text = expected(hosts(10), Layout::Interval);
        assert!(text.starts_with("interval, as asked for, ") && text.ends_with(" KiB of memory"));
        let all = vec![Range::network(0, 0)];
        let text = expected(all, Layout::Hash);
        assert!(text.starts_with("interval, since no hash set would have a network, "), "{text}");
        let text = expected(hosts(20_000), Layout::Hash);
        assert!(text.starts_with("hash /32, as asked for: an unlisted packet pays 0."), "{text}");
    }

    #[test]
    fn an_interval_set_that_is_the_cheapest_is_shown_as_that() {
        let row = Expected { row: Row::INTERVAL, asked: Layout::Auto, share: 1.0, memory: 1 << 20 };
        assert_eq!(
            row.to_string(),
            "interval: no other layout costs less (model), 1.0 MiB of memory"
        );
    }
}
