//! The reader of each format by itself, whatever the text is: nothing ends it, it says the same twice,
//! and what it takes for an entry or an exception is written in the text.

#![no_main]

mod kept;
mod library;

use std::collections::HashMap;

use kept::{Kept, reading};
use kit::written::Written;
use libfuzzer_sys::fuzz_target;
use library::pair;
use netfilterd::list::format::{FORMATS, Format, Lines};
use netfilterd::list::{Entry, Purpose};

/// The formats whose entries may be written in several lines, or in other signs.
const OF_SEVERAL_LINES: &[&str] = &["JSON", "nft", "CSV", "XML", "sections"];
/// Those that leave out what stands behind the first octets or groups.
const SHORT: &[&str] = &["Apache", "hosts.deny", "rbldnsd"];

fuzz_target!(|text: &[u8]| {
    let texts = Texts::of(text);
    for format in FORMATS {
        for purpose in [Purpose::Drop, Purpose::Allow] {
            let kept = read(format, text, purpose);
            assert_eq!(kept, read(format, text, purpose), "{format:?} reads the same twice");
            lines_are_in_the_text(format, &texts, &kept);
            let entries = kept.entries.iter().map(|(line, entry, _)| (*line, *entry));
            for (line, entry) in entries.chain(kept.exceptions).chain(kept.removed) {
                texts.has(format, line, entry);
            }
        }
    }
});

fn read(format: &Format, text: &[u8], purpose: Purpose) -> Kept {
    let mut kept = Kept::default();
    // What is no list is read to its end, too.
    let _ = (format.read)(&mut Lines::of(text, &reading(purpose)), &mut kept);
    kept
}

fn lines_are_in_the_text(format: &Format, texts: &Texts, kept: &Kept) {
    let last = texts.lines.len() as u64;
    assert!(kept.entries.is_sorted_by_key(|(line, ..)| *line), "{format:?}: {:?}", kept.entries);
    for (line, error) in &kept.rejected {
        assert!((1..=last).contains(line) && error.at <= texts.whole.len(), "{format:?}: {error}");
    }
}

struct Texts {
    lines: Vec<Vec<u8>>,
    whole: Vec<u8>,
    /// What is written, by the line, and by 0 of the whole. It is looked for when it is needed.
    written: std::cell::RefCell<HashMap<u64, Written>>,
}

impl Texts {
    fn of(text: &[u8]) -> Self {
        let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        Texts { lines, whole: text.to_vec(), written: HashMap::new().into() }
    }

    /// An entry or exception of a format is written in its line, or somewhere if it may take several.
    fn has(&self, format: &Format, line: u64, entry: Entry) {
        let is_one_of = |names: &[&str]| names.iter().any(|name| format.name.contains(name));
        let several = is_one_of(OF_SEVERAL_LINES);
        let (short, several_pass) = (is_one_of(SHORT), several);
        let names = |written: &Written| {
            let pair = pair(entry);
            written.names(pair)
                || short && written.names_shortly(pair)
                || several_pass && written.has_length(pair)
        };
        let mut written = self.written.borrow_mut();
        let on_line = written
            .entry(line)
            .or_insert_with(|| Written::of(&unescaped(&self.lines[line as usize - 1])));
        if names(on_line) {
            return;
        }
        let whole = written.entry(0).or_insert_with(|| Written::of(&unescaped(&self.whole)));
        let shown = String::from_utf8_lossy(&self.lines[line as usize - 1]);
        assert!(several && names(whole), "{format:?}: {entry} in line {line}: {shown}");
    }
}

/// A text without the escapes of JSON.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let code = behind.strip_prefix(b"u").and_then(|code| code.get(..4));
        let code = code.and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (first, code) {
            (b'\\', Some(byte)) => {
                plain.push(byte);
                rest = &behind[5..];
            }
            (b'\\', None) => rest = behind,
            _ => {
                plain.push(*first);
                rest = behind;
            }
        }
    }
    plain
}
