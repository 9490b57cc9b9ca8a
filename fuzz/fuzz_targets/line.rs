//! One line of a plain list: read as a second reader reads it, whatever is in it.

#![no_main]

mod library;

use kit::reader::ended_entry;
use libfuzzer_sys::fuzz_target;
use library::pair;
use netfilterd::list::Entry;
use netfilterd::list::format::plain;

/// What follows the line when it is looked ahead of.
const NEXT_LINES: &[u8] = b"198.51.100.113/32\n203.0.113.129/32\n";

fuzz_target!(|data: &[u8]| {
    let line: Vec<u8> = data.iter().copied().filter(|&byte| byte != b'\n').collect();
    the_fast_path_agrees(&line);
    an_end_is_read_as_its_digits_say(&line);
});

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
