//! In which format a list is read, and as what: the same by either way of deciding, and whatever the
//! line ends are, with a byte order mark, and with a comment or an empty line below.

#![no_main]

mod kept;

use kept::{Whole, read, read_if_plain};
use libfuzzer_sys::fuzz_target;
use netfilterd::list::format::{FORMATS, Format, Sign};
use netfilterd::list::{List, NotAList};

fuzz_target!(|text: &[u8]| {
    let first = read(text);
    assert_eq!(first, read(text), "it is decided the same twice");
    if let Some(plain) = read_if_plain(text) {
        assert_eq!(first, plain, "a plain beginning makes no difference");
    }
    a_byte_order_mark_makes_no_difference(text);
    if !text.contains(&b'\r') {
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        same(&first, &read(&lines.join(&b"\r\n"[..])), "CR LF");
    }
    let end: &[u8] = if matches!(text.last(), None | Some(b'\n')) { b"" } else { b"\n" };
    // A document has no comments, and where its end is missing, it is missing further below.
    let is_document =
        |format: &&Format| matches!(format.sign, Sign::Document(is_one) if is_one(text));
    if !FORMATS.iter().any(is_document) {
        same(&first, &read(&[text, end, b"\n"].concat()), "an empty line");
        same(&first, &read(&[text, end, b"# comment\n"].concat()), "a comment");
    }
});

/// The same format, sets, entries, exceptions and rejected lines; or nothing both times.
fn same(first: &Result<Whole, NotAList>, second: &Result<Whole, NotAList>, what: &str) {
    let of = |read: &Result<Whole, NotAList>| {
        read.as_ref().ok().map(|whole| {
            let rejected: Vec<_> = whole.kept.rejected.iter().map(|(line, _)| *line).collect();
            let sets = (whole.format.clone(), whole.sets.clone());
            (sets, whole.kept.entries.clone(), whole.kept.exceptions.clone(), rejected)
        })
    };
    assert_eq!(of(first), of(second), "{what} makes no difference: {first:?} {second:?}");
}

fn a_byte_order_mark_makes_no_difference(text: &[u8]) {
    let mark = b"\xef\xbb\xbf";
    if text.starts_with(mark) {
        return;
    }
    let read = |text: Vec<u8>| {
        let list = List::new("list", text);
        let (mut entries, mut rejected) = (Vec::new(), Vec::new());
        list.scan(
            |line, entry, _| entries.push((line, entry)),
            |line, error, _| rejected.push((line, error)),
        );
        let format = list.decision().map(|decision| decision.name().to_string());
        (entries, rejected, format.map_err(NotAList::clone))
    };
    assert_eq!(read(text.to_vec()), read([mark, text].concat()), "a byte order mark");
}
