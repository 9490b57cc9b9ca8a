//! The formats of feeds, as a specification: what is read of each, what is rejected, and the wrong
//! readings that it tempts to.

use std::time::{Duration, Instant};

use netfilterd::list::parse_error::Reason;
use netfilterd::list::{self, List, ListError};

mod columns;
mod csv;
mod documents;
mod json;
mod p2p;
mod plain;
mod refused;
mod rules;
mod sections;
mod servers;
mod sets;

type Entries = Vec<(u64, String)>;
type Rejected = Vec<(u64, usize, Reason)>;

/// The entries with their lines, and the rejected lines with column and reason.
fn scan(text: impl AsRef<[u8]>) -> (Entries, Rejected) {
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    List::new("test", text.as_ref().to_vec()).scan(
        |line, entry, _| entries.push((line, entry.to_string())),
        |line, fault, _| rejected.push((line, fault.at + 1, fault.reason)),
    );
    (entries, rejected)
}

/// A list of one line is these entries, with either line end, and so is one that has the line again.
#[track_caller]
fn is(line: impl AsRef<[u8]>, wanted: &[&str]) {
    let line = line.as_ref();
    for end in [&b"\n"[..], b"\r\n", b""] {
        let (entries, rejected) = scan([line, end].concat());
        let entries: Vec<_> = entries.iter().map(|(_, entry)| entry.as_str()).collect();
        assert_eq!((entries, rejected), (wanted.to_vec(), vec![]), "{}", line.escape_ascii());
    }
    let (entries, rejected) = scan([line, b"\n", line, b"\n"].concat());
    let entries: Vec<_> = entries.iter().map(|(line, entry)| (*line, entry.as_str())).collect();
    let all: Vec<_> =
        [1, 2].iter().flat_map(|line| wanted.iter().map(|entry| (*line, *entry))).collect();
    assert_eq!((entries, rejected), (all, vec![]), "{}", line.escape_ascii());
}

/// A list of one line has no entry: the line is rejected at a column, counted from 1. If such a list is
/// refused as something else, the line is rejected in a plain list.
#[track_caller]
fn is_rejected(line: impl AsRef<[u8]>, column: usize, reason: Reason) {
    let line = line.as_ref();
    let alone = List::new("test", [line, b"\n"].concat());
    let (before, entries_before) = match alone.decision() {
        Ok(_) => (&b""[..], 0),
        Err(_) => (&b"192.0.2.201\n192.0.2.202\n"[..], 2),
    };
    let (entries, rejected) = scan([before, line, b"\n"].concat());
    let number = entries_before + 1;
    assert_eq!(rejected, [(number, column, reason)], "{}", line.escape_ascii());
    assert_eq!(entries.len() as u64, entries_before, "{}", line.escape_ascii());
}

/// The exceptions of a text.
fn exceptions(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    List::new("test", text.as_bytes().to_vec())
        .scan_exceptions(|_, entry| found.push(entry.to_string()));
    found
}

/// A line between plain ones is rejected at a column, counted from 1. Alone it is known to be no list.
#[track_caller]
fn is_rejected_in_a_list(line: impl AsRef<[u8]>, column: usize, reason: Reason) {
    let line = line.as_ref();
    assert!(List::new("test", line.to_vec()).decision().is_err(), "{}", line.escape_ascii());
    let (entries, rejected) = scan([b"203.0.113.1\n", line, b"\n203.0.113.3\n"].concat());
    assert_eq!(rejected, [(2, column, reason)], "{}", line.escape_ascii());
    assert_eq!(entries.len(), 2, "{}", line.escape_ascii());
}

/// A text has these entries and these rejections.
#[track_caller]
fn reads(text: &str, entries: &[(u64, &str)], rejected: &[(u64, usize, Reason)]) {
    let (found, not) = scan(text);
    let found: Vec<_> = found.iter().map(|(line, entry)| (*line, entry.as_str())).collect();
    assert_eq!((&found[..], &not[..]), (entries, rejected), "{text}");
}

/// What is dropped by a list, without its exceptions, as ranges.
#[track_caller]
fn drops(text: impl AsRef<[u8]>, ranges: &[&str]) {
    let text = text.as_ref();
    let read = list::parse(&[List::new("list", text.to_vec())]);
    let sets = read.unwrap_or_else(|error| panic!("{}: {error}", text.escape_ascii())).sets;
    let v4 = sets.v4.ranges().iter().map(|range| range.network_or_range().to_string());
    let v6 = sets.v6.ranges().iter().map(|range| range.network_or_range().to_string());
    assert_eq!(v4.chain(v6).collect::<Vec<_>>(), ranges, "{}", text.escape_ascii());
}

/// A text is refused as a whole. Returns the message.
#[track_caller]
fn refused(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    match list::parse(&[List::new("list", text.to_vec())]) {
        Err(error) => error.to_string(),
        Ok(read) => panic!("{}: {:?}", text.escape_ascii(), read.sets),
    }
}

/// A text has these entries and no rejections, if it is an allowlist.
#[track_caller]
fn allows(text: &str, entries: &[(u64, &str)]) {
    let (mut found, mut rejected) = (Vec::new(), 0);
    List::new("list", text.into())
        .to_read(list::Purpose::Allow, &[])
        .scan(|line, entry, _| found.push((line, entry.to_string())), |_, _, _| rejected += 1);
    let found: Vec<_> = found.iter().map(|(line, entry)| (*line, entry.as_str())).collect();
    assert_eq!((&found[..], rejected), (entries, 0), "{text}");
}

use Reason::{
    LeadingZero, MappedNetwork, NoNetworkInJson, NotALength, NotATime, NotAnAddress, NotFourOctets,
    NotJson, NotOfTheFormat, NotThatNetwork, Nul, OtherAction, ReversedRange, SecondAddress,
    TooLong, TrailingText, TwoNetworks, Unclosed, UnknownBlock,
};

// Limits

#[test]
fn no_input_takes_more_time_than_its_length_is_worth() {
    let many = 400_000;
    for piece in [
        "[",
        "{",
        "{\n",
        "<",
        "\"",
        "[\"",
        "{\"list\":[",
        "{\"cidr\":",
        "1.",
        "1.1.1.1.",
        ":",
        "a:",
        "a:1.1.1.1-1.1.1.1",
        "}",
        "},{",
        "\\",
        "[\"\\\\\",",
        "add element x y {\n",
        "table a {\n",
        "1.1.1.0/24 a",
        "1.1.1.1\t",
        "1.1.1.1,",
        "'1.1.1.1',",
        "1.1.1.1 - a",
        "1.1.1.1 255.0.0.0\n",
        "!1.1.1.1\n",
        "1.1.1.1 [\n",
        "\t",
        " ",
        "\n",
        "\r",
        "\0",
        "#",
        "- ",
        "deny ",
        "\u{e9}",
    ] {
        for text in
            [piece.repeat(many / piece.len()), format!("[\"{}", piece.repeat(many / piece.len()))]
        {
            let start = Instant::now();
            let _ = list::parse(&[List::new("list", text.into_bytes())]);
            assert!(start.elapsed() < Duration::from_secs(20), "{piece:?}");
        }
    }
}
