//! A list beside the second reader: nothing is dropped that no reading of that one drops.

#![no_main]

mod library;

use kit::reader::{self, Asked, Span};
use libfuzzer_sys::fuzz_target;
use library::number;
use netfilterd::ip::{Address, RangeSet};
use netfilterd::list::{self, End, List};

fuzz_target!(|text: &[u8]| {
    // To the second reader a NUL byte says that a line is none, wherever it stands.
    if text.contains(&0) {
        return;
    }
    let list = [List::new("list", text.to_vec())];
    let Ok(contents) = list::parse(&list) else { return };
    if list[0].decision().is_ok_and(|decision| decision.name() == "plain") {
        // Which words behind an entry reject its line is compared by the tests of the formats.
        return;
    }
    // Spans of time count from now.
    let asked = Asked { now: End::now().seconds(), ..Asked::default() };
    let sets = contents.sets.union(&contents.expiring.at(End::at(asked.now)));
    let spans = [spans(&sets.v4), spans(&sets.v6)];
    let readings = reader::readings(text, &asked);
    let is_fine = readings.iter().any(|read| match read {
        Ok(read) => (0..2).all(|family| are_within(&spans[family], &read.spans[family])),
        // Of what the second reader refuses, the golden files say what is right.
        Err(_) => true,
    });
    assert!(is_fine, "{spans:x?} {readings:x?}");
});

fn spans<A: Address>(set: &RangeSet<A>) -> Vec<Span> {
    let number = |address: A| number(address.to_ip());
    set.ranges().iter().map(|range| (number(range.first()), number(range.last()))).collect()
}

fn are_within(inner: &[Span], outer: &[Span]) -> bool {
    inner.iter().all(|(first, last)| outer.iter().any(|(begin, end)| begin <= first && last <= end))
}
