//! Files of each format, changed at random: what the library loads of them is what the second reader
//! reads, or less.

use kit::random::Random;

use super::{Compared, cases, compared};

/// The golden files, each once.
fn files() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> = cases()
        .into_iter()
        .filter(|case| case.bytes.len() < 3_000 && case.asked.from_set.is_empty())
        .map(|case| (case.file, case.bytes))
        .collect();
    files.dedup();
    files
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// A text with one change: a byte, a line, or a line of another file.
fn changed(text: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut text = text.to_vec();
    let mut lines = lines(&text);
    if text.is_empty() {
        return other.to_vec();
    }
    let at = random.below(text.len());
    let line = random.below(lines.len());
    let signs = b"0123456789./:-,;#! \t\"'{}[]<>|=abdfANE\n";
    match random.below(10) {
        0 => text[at] = *random.of(signs),
        1 => drop(text.remove(at)),
        2 => text.insert(at, *random.of(signs)),
        3 => text.truncate(at),
        4 => text[at] = random.below(128) as u8,
        what => {
            match what {
                5 => lines.push(lines[line].clone()),
                6 => drop(lines.remove(line)),
                7 => {
                    let to = random.below(lines.len());
                    lines.swap(line, to);
                }
                8 => {
                    let kept = lines[line].len() - usize::from(lines[line].ends_with(b"\n"));
                    lines[line].truncate(kept);
                }
                _ => {
                    let others = self::lines(other);
                    if !others.is_empty() {
                        lines.insert(line, random.of(&others).clone());
                    }
                }
            }
            text = lines.concat();
        }
    }
    text
}

/// Two readers of a broken file may take it for different things, where it is broken just there. That
/// is rare, and each such file is shown if it is not.
#[test]
fn of_a_changed_file_nothing_is_loaded_that_the_second_reader_does_not_read() {
    let files = files();
    let mut random = Random::new(0x6d75_7461_7469_6f6e);
    let (mut same, mut less, mut more) = (0, 0, Vec::new());
    for _ in 0..4_000 {
        let (name, text) = random.of(&files).clone();
        let mut text = text;
        for _ in 0..1 + random.below(3) {
            let other = random.of(&files).1.clone();
            text = changed(&text, &other, &mut random);
        }
        match compared(&text) {
            Compared::Same => same += 1,
            Compared::Less => less += 1,
            Compared::More(how) => more.push(format!("--- {name}\n{how}")),
        }
    }
    assert!(more.len() < 40, "{}{same} alike, {less} less", more.concat());
    assert!(same > 3_400, "{same} alike, {less} less");
}
