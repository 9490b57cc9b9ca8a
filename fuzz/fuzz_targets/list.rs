//! A whole list: nothing ends the program, each entry stands on the line that is named for it, and
//! what is printed reads back.

#![no_main]

mod library;

use std::net::IpAddr;

use kit::reader::{Pair, entry};
use libfuzzer_sys::fuzz_target;
use library::pair;
use netfilterd::ip::{Address, RangeSet, RangeSets};
use netfilterd::list::{self, End, Entry, List, Selection, Widest};
use netfilterd::nftables::name::MANAGED_TABLE;
use netfilterd::output::print::{self, Format, Names, Printed};

fuzz_target!(|text: &[u8]| {
    let read = scan(text);
    assert_eq!(read, scan(text), "it reads the same twice");
    lines_are_in_order_and_in_the_text(text, &read);
    each_entry_stands_on_its_line(text, &read);
    halves_read_as_the_whole(text, &read);
    if let Ok(contents) = list::parse(&[List::new("list", text.to_vec())]) {
        let lasting = || read.entries.iter().filter(|(.., end)| end.is_none());
        holds(&contents.sets.v4, lasting().map(|(_, entry, _)| pair(*entry)));
        holds(&contents.sets.v6, lasting().map(|(_, entry, _)| pair(*entry)));
        assert_eq!(contents.report.rejected_lines(), read.rejected.len() as u64);
        the_newest_are_the_last(text, &read);
        what_is_printed_reads_back(&contents.sets);
    }
});

#[derive(Debug, PartialEq)]
struct Read {
    lines: u64,
    entries: Vec<(u64, Entry, Option<End>)>,
    /// Line and offset.
    rejected: Vec<(u64, usize)>,
}

fn scan(text: &[u8]) -> Read {
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    let lines = List::new("list", text.to_vec()).scan(
        |line, entry, end| entries.push((line, entry, end)),
        |line, fault, _| rejected.push((line, fault.at)),
    );
    Read { lines, entries, rejected }
}

fn lines_are_in_order_and_in_the_text(text: &[u8], read: &Read) {
    let numbers = || read.entries.iter().map(|(line, ..)| *line);
    assert!(numbers().is_sorted());
    assert!(numbers().chain(read.rejected.iter().map(|(line, _)| *line)).all(|line| line >= 1));
    assert!(numbers().max() <= Some(read.lines));
    assert!(read.rejected.iter().all(|(line, at)| *line <= read.lines && *at <= text.len()));
}

/// Of whatever format it is: some part of the line is the entry, or names a network by its ends.
fn each_entry_stands_on_its_line(text: &[u8], read: &Read) {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    for (number, read, _) in &read.entries {
        let line = lines[*number as usize - 1];
        // Long ones would take long; a backslash may stand for any sign in JSON.
        if line.len() > 200 || line.contains(&b'\\') {
            continue;
        }
        let line = String::from_utf8_lossy(line);
        let found = [without_blanks_around_dashes(&line), line.to_string()]
            .iter()
            .any(|line| names(line, pair(*read)));
        assert!(found, "{read} in {line:?}");
    }
}

fn without_blanks_around_dashes(line: &str) -> String {
    let parts: Vec<&str> = line.split('-').map(|part| part.trim_matches([' ', '\t'])).collect();
    parts.join("-")
}

fn names(line: &str, wanted: Pair) -> bool {
    let is_sign = |c: char| c.is_ascii_hexdigit() || ".:/-".contains(c);
    let parts = || line.split(|c| !is_sign(c)).filter(|part| !part.is_empty());
    let whole = parts().any(|part| {
        (0..part.len()).any(|start| entry(&part[start..]).is_some_and(|(_, pair)| pair == wanted))
    });
    let has = |address: IpAddr| {
        parts().any(|part| entry(part).is_some_and(|(_, pair)| pair == (address, address)))
    };
    whole || has(wanted.0) && has(wanted.1)
}

/// Cut between two lines, where neither is a document or within a block.
fn halves_read_as_the_whole(text: &[u8], read: &Read) {
    let blocks = text.iter().any(|byte| b"{}[]\xef".contains(byte));
    let middle = memchr(&text[text.len() / 2..]).map(|at| text.len() / 2 + at + 1);
    let Some(middle) = middle.filter(|_| !blocks) else { return };
    let (first, second) = (scan(&text[..middle]), scan(&text[middle..]));
    let both = Read {
        lines: first.lines + second.lines,
        entries: (first.entries.into_iter())
            .chain(
                second
                    .entries
                    .into_iter()
                    .map(|(line, entry, end)| (first.lines + line, entry, end)),
            )
            .collect(),
        rejected: (first.rejected.into_iter())
            .chain(second.rejected.into_iter().map(|(line, at)| (first.lines + line, at)))
            .collect(),
    };
    assert_eq!(&both, read);
}

fn memchr(text: &[u8]) -> Option<usize> {
    text.iter().position(|&byte| byte == b'\n')
}

/// The set holds exactly what the entries of its family do.
fn holds<A: Address>(set: &RangeSet<A>, entries: impl Iterator<Item = Pair>) {
    let is_v4 = A::BITS == 32;
    let mut entries: Vec<(u128, u128)> = entries
        .filter(|(first, _)| first.is_ipv4() == is_v4)
        .map(|(first, last)| (number(first), number(last)))
        .collect();
    entries.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (first, last) in entries {
        match joined.last_mut() {
            Some(kept) if first <= kept.1.saturating_add(1) => kept.1 = kept.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    let ranges: Vec<(u128, u128)> = set
        .ranges()
        .iter()
        .map(|range| (number(range.first().to_ip()), number(range.last().to_ip())))
        .collect();
    assert_eq!(ranges, joined);
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn the_newest_are_the_last(text: &[u8], read: &Read) {
    let all = read.entries.len() as u64;
    let newest = 1 + all / 2;
    let selection = Selection { widest: Widest::ANY, newest: Some(newest) };
    let contents = list::parse_selected(&[List::new("list", text.to_vec())], selection)
        .expect("it was read a moment ago");
    let older = all.saturating_sub(newest);
    assert_eq!(contents.report.summaries[0].older, older);
    let last = &read.entries[older as usize..];
    let last = || last.iter().filter(|(.., end)| end.is_none()).map(|(_, entry, _)| pair(*entry));
    holds(&contents.sets.v4, last());
    holds(&contents.sets.v6, last());
}

fn what_is_printed_reads_back(sets: &RangeSets) {
    let (table, set4, set6) = (MANAGED_TABLE.parse(), "drop4".parse(), "drop6".parse());
    let (table, set4, set6) = (table.unwrap(), set4.unwrap(), set6.unwrap());
    let none = RangeSets::default();
    let what = Printed {
        sets,
        allowed: &none,
        protected: &none,
        names: Names { table: &table, set4: &set4, set6: &set6 },
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
