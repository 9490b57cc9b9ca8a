//! A whole list: nothing ends the program, the sets hold what its entries do and nothing of its
//! exceptions, however they are widened, and what is printed reads back.

#![no_main]

mod library;

use kit::reader::Pair;
use libfuzzer_sys::fuzz_target;
use library::{number, pair};
use netfilterd::ip::{Address, Mask, RangeSet, RangeSets};
use netfilterd::list::{self, End, Entry, List, Selection, Widest};
use netfilterd::nftables::name::Tables;
use netfilterd::output::print::{self, Format, Names, Printed};
use netfilterd::policy::timeline::Timeline;
use netfilterd::progress::Unseen;

fuzz_target!(|text: &[u8]| {
    let read = scan(text);
    assert_eq!(read, scan(text), "it reads the same twice");
    lines_are_in_order_and_in_the_text(text, &read);
    if let Ok(contents) = list::parse(&[List::new("list", text.to_vec())]) {
        holds(&contents.sets, &read.entries, &read.exceptions);
        assert_eq!(contents.report.rejected_lines(), read.rejected.len() as u64);
        the_newest_are_the_last(text, &read);
        no_exception_is_dropped(text, &read);
        what_is_printed_reads_back(&contents.sets);
    }
});

#[derive(Debug, PartialEq)]
struct Read {
    lines: u64,
    entries: Vec<(u64, Entry, bool)>,
    exceptions: Vec<(u64, Entry)>,
    /// Line and offset.
    rejected: Vec<(u64, usize)>,
}

/// What a list says; of an entry, whether it has an end.
fn scan(text: &[u8]) -> Read {
    let list = List::new("list", text.to_vec());
    let (mut entries, mut exceptions, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    let lines = list.scan(
        |line, entry, end| entries.push((line, entry, end.is_some())),
        |line, error, _| rejected.push((line, error.at)),
    );
    list.scan_exceptions(|line, entry| exceptions.push((line, entry)));
    Read { lines, entries, exceptions, rejected }
}

fn lines_are_in_order_and_in_the_text(text: &[u8], read: &Read) {
    let numbers = || read.entries.iter().map(|(line, ..)| *line);
    let exceptions = || read.exceptions.iter().map(|(line, _)| *line);
    let rejected = || read.rejected.iter().map(|(line, _)| *line);
    assert!(numbers().is_sorted());
    let all = || numbers().chain(exceptions()).chain(rejected());
    assert!(all().all(|line| (1..=read.lines).contains(&line)));
    assert!(read.rejected.iter().all(|(_, at)| *at <= text.len()));
}

/// The sets hold exactly what the entries without an end do, without the exceptions.
fn holds(sets: &RangeSets, entries: &[(u64, Entry, bool)], exceptions: &[(u64, Entry)]) {
    let entries = || entries.iter().filter(|(.., ends)| !ends).map(|(_, entry, _)| pair(*entry));
    let exceptions = || exceptions.iter().map(|(_, entry)| pair(*entry));
    holds_family(&sets.v4, entries(), exceptions());
    holds_family(&sets.v6, entries(), exceptions());
}

fn holds_family<A: Address>(
    set: &RangeSet<A>,
    entries: impl Iterator<Item = Pair>,
    exceptions: impl Iterator<Item = Pair>,
) {
    let joined = |entries: &mut dyn Iterator<Item = Pair>| {
        let mut joined: Vec<(u128, u128)> = Vec::new();
        let mut entries: Vec<(u128, u128)> = entries
            .filter(|(first, _)| first.is_ipv4() == (A::BITS == 32))
            .map(|(first, last)| (number(first), number(last)))
            .collect();
        entries.sort_unstable();
        for (first, last) in entries {
            match joined.last_mut() {
                Some(kept) if first <= kept.1.saturating_add(1) => kept.1 = kept.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        joined
    };
    let mut wanted = joined(&mut { entries });
    for (first, last) in joined(&mut { exceptions }) {
        let without = |(begin, end): (u128, u128)| {
            let before = (begin < first).then(|| (begin, end.min(first.saturating_sub(1))));
            let behind = (end > last).then(|| (begin.max(last.saturating_add(1)), end));
            [before, behind].into_iter().flatten()
        };
        wanted = wanted.into_iter().flat_map(without).collect();
    }
    let ranges: Vec<(u128, u128)> = set
        .ranges()
        .iter()
        .map(|range| (number(range.first().to_ip()), number(range.last().to_ip())))
        .collect();
    assert_eq!(ranges, wanted);
}

fn the_newest_are_the_last(text: &[u8], read: &Read) {
    let all = read.entries.len() as u64;
    let newest = 1 + all / 2;
    let selection = Selection { widest: Widest::ANY, newest: Some(newest) };
    let contents = list::parse_selected(&[List::new("list", text.to_vec())], selection)
        .expect("it was read a moment ago");
    let older = all.saturating_sub(newest);
    assert_eq!(contents.report.summaries[0].older, older);
    holds(&contents.sets, &read.entries[older as usize..], &read.exceptions);
}

/// Whatever the entries are widened to, at any time.
fn no_exception_is_dropped(text: &[u8], read: &Read) {
    if read.exceptions.is_empty() {
        return;
    }
    for widest in [Widest::ANY, Widest { v4: 8, v6: 32 }, Widest { v4: 32, v6: 128 }] {
        let selection = Selection { widest, ..Selection::ALL };
        let lists = [List::new("list", text.to_vec())];
        for mask in [
            Mask::default(),
            Mask { v4: Some(24), v6: Some(64) },
            Mask { v4: Some(0), v6: Some(0) },
        ] {
            let contents = list::parse_observed(&lists, selection, &mut (), &Unseen)
                .expect("it was read a moment ago");
            let timeline = Timeline::new(contents.sets, contents.expiring, mask)
                .with_excepted(contents.excepted);
            for now in [End::at(0), End::NEVER] {
                let sets = timeline.at(now);
                for (line, entry) in
                    read.exceptions.iter().filter(|(_, entry)| widest.admits(*entry))
                {
                    let is_dropped = match entry {
                        Entry::V4(range) => sets.v4.meets(*range),
                        Entry::V6(range) => sets.v6.meets(*range),
                    };
                    assert!(!is_dropped, "{entry} in line {line} is an exception");
                }
            }
        }
    }
}

fn what_is_printed_reads_back(sets: &RangeSets) {
    let (set4, set6) = ("drop4".parse().unwrap(), "drop6".parse().unwrap());
    let none = RangeSets::default();
    let what = Printed {
        sets,
        allowed: &none,
        protected: &none,
        names: Names { tables: &Tables::Managed, set4: &set4, set6: &set6 },
    };
    // All but the picture.
    for format in [Format::Cidr, Format::Range, Format::Nft, Format::Ipset, Format::Json] {
        let mut printed = Vec::new();
        print::write(format, &what, &mut printed).expect("memory can be written to");
        let shown = String::from_utf8_lossy(&printed).into_owned();
        let contents = list::parse(&[List::new("printed", printed)]);
        let contents = contents.unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert_eq!((&contents.sets, contents.report.rejected_lines()), (sets, 0), "{shown}");
    }
}
