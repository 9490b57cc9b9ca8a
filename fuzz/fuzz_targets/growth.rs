//! To decide what a list is and to read it takes no time that grows faster than the text: a part of the
//! text is repeated until it is long.

#![no_main]

mod kept;

use std::ops::Range;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use nix::time::ClockId;

/// How long the text is made, and how many times as long then.
const LENGTH: usize = 32 << 10;
const TIMES: u32 = 8;
/// What is not counted: everything takes so long.
const SLACK: Duration = Duration::from_millis(20);

fuzz_target!(|text: &[u8]| {
    if text.is_empty() {
        return;
    }
    // Where the part begins and ends, by numbers that change with the text.
    let sum =
        text.iter().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let begin = sum % text.len();
    let end = begin + 1 + (sum >> 16) % (text.len() - begin);
    let (short, long) =
        (time(text, begin..end, LENGTH), time(text, begin..end, LENGTH * TIMES as usize));
    // The square is TIMES times as much as that.
    let most = (short + SLACK) * TIMES * 2;
    assert!(long < most, "{short:?}, {long:?}: {}", text[begin..end].escape_ascii());
});

/// What it takes to read a text of which a part is repeated until it has a length.
fn time(text: &[u8], part: Range<usize>, length: usize) -> Duration {
    let repeated = text[part.clone()].repeat(length / part.len() + 1);
    let long = [&text[..part.start], &repeated, &text[part.end..]].concat();
    let before = processor_time();
    let _ = kept::read(&long);
    processor_time() - before
}

/// Of this thread, whatever else the machine does.
fn processor_time() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("a clock of Linux").into()
}
