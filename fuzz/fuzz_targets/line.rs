//! One line of a list: read as a second reader reads it, whatever is in it.

#![no_main]

mod library;

use kit::reader::{Pair, ended_entry, second_reader};
use libfuzzer_sys::fuzz_target;
use library::pair;
use netfilterd::list::format::plain;
use netfilterd::list::{Entry, List};

/// What follows the line when it is looked ahead of.
const NEXT_LINES: &[u8] = b"198.51.100.113/32\n203.0.113.129/32\n";

fuzz_target!(|data: &[u8]| {
    let line: Vec<u8> = data.iter().copied().filter(|&byte| byte != b'\n').collect();
    the_fast_path_agrees(&line);
    an_end_is_read_as_its_digits_say(&line);
    let start = line.trim_ascii_start();
    if is_of_a_script(&line) {
        // Without a brace it opens nothing, and names no element.
        let names_some = |entries: Vec<Pair>| !entries.is_empty();
        assert!(line.contains(&b'{') || !entries_of(&line).is_some_and(names_some));
    } else if start.starts_with(b"{") || !line.contains(&b'{') {
        // Another brace opens a block of a program of which the second reader knows nothing.
        assert_eq!(entries_of(&line), second_reader(&line), "\"{}\"", line.escape_ascii());
    }
});

/// Whether two words of nft begin the line. A set of ipset may be called like the second.
fn is_of_a_script(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut words = line.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty());
    match (words.next(), words.next()) {
        (Some(b"table" | b"define" | b"redefine"), Some(_)) => true,
        (
            Some(b"create" | b"delete" | b"destroy" | b"flush" | b"insert" | b"replace"),
            Some(b"table" | b"set" | b"element" | b"chain" | b"rule" | b"map" | b"ruleset"),
        ) => true,
        (
            Some(b"add"),
            Some(b"table" | b"set" | b"element" | b"chain" | b"rule" | b"map" | b"ruleset"),
        ) => {
            let network = words.next().unwrap_or_default();
            kit::reader::entry(&String::from_utf8_lossy(network)).is_none()
        }
        _ => false,
    }
}

fn the_fast_path_agrees(line: &[u8]) {
    let text = [line, b"\n", NEXT_LINES].concat();
    if let Some((range, used)) = plain::parse_v4(&text) {
        assert_eq!(used, line.len() + 1);
        assert_eq!(plain::parse(line), Ok(Some((Entry::V4(range), None))));
    }
}

fn an_end_is_read_as_its_digits_say(line: &[u8]) {
    if let Ok(Some((entry, end))) = plain::parse(line) {
        let wanted = ended_entry(line).expect("the second reader has it, too");
        assert_eq!((pair(entry), end.map(|end| end.seconds())), wanted);
    }
}

/// What a list holds of the line, or `None` if it is rejected. It stands behind another, where it
/// cannot be a document.
fn entries_of(line: &[u8]) -> Option<Vec<Pair>> {
    let (mut entries, mut rejected) = (Vec::new(), false);
    List::new("line", [b"192.0.2.200\n", line].concat()).scan(
        |number, entry, _| entries.extend((number == 2).then(|| pair(entry))),
        |_, _, _| rejected = true,
    );
    (!rejected).then_some(entries)
}
