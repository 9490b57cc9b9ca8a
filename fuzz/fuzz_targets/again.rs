//! Lists that are read again with what is kept of the last reading: the same as a reading of all of it,
//! after whatever was changed in between.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netfilterd::ip::{Range, RangeSets};
use netfilterd::list::chunk::Cut;
use netfilterd::list::{
    self, Cache, Contents, End, Entry, EntryObserver, List, ListError, Parsed, Purpose, Selection,
    Sizes, Widest,
};
use netfilterd::progress::Unseen;

const SELECTION: Selection = Selection { widest: Widest { v4: 8, v6: 16 }, newest: None };

fuzz_target!(|input: &[u8]| {
    let Some((&[size, near], input)) = input.split_first_chunk() else { return };
    let cut = Cut { least: 1 + usize::from(size), most: 256, one_in: 1 };
    let mut cache = Cache::new(Sizes { from: 0, cut });
    // The part up to the first NUL byte is the text; each further one is an edit of it.
    let mut parts = input.split(|byte| *byte == 0);
    let mut text = parts.next().unwrap_or_default().to_vec();
    // Of what is read for the first time nothing is kept.
    is_the_same(&text, near, &mut cache);
    is_the_same(&text, near, &mut cache);
    for edit in parts.take(8) {
        apply(edit, &mut text);
        is_the_same(&text, near, &mut cache);
    }
});

/// Replaces a piece of a text: the first byte says what, the second and third where, the others are new.
fn apply(edit: &[u8], text: &mut Vec<u8>) {
    let Some((&[what, from, to], new)) = edit.split_first_chunk() else { return };
    let place = |at: u8| usize::from(at) * text.len() / 255;
    let (from, to) = (place(from.min(to)), place(from.max(to)));
    match what % 5 {
        0 => text.extend_from_slice(new),
        1 => text.truncate(to),
        2 => drop(text.splice(from..from, new.iter().copied())),
        3 => drop(text.splice(from..to, new.iter().copied())),
        _ => {
            // Lines that stand twice, of which one may be removed later.
            let copy = text[from..to].to_vec();
            text.extend_from_slice(&copy[..copy.len().min(1_000)]);
        }
    }
}

/// Keeps the entries that it has to look at.
struct Looking {
    near: [u64; 1],
    seen: Vec<(usize, u64, Entry, Option<End>)>,
}

impl EntryObserver for Looking {
    fn is_near(&self, range: Range<u32>) -> bool {
        u64::from(range.first() >> 24) >= self.near[0]
    }

    fn nearness(&self) -> &[u64] {
        &self.near
    }

    fn look(&mut self, list: usize, line: u64, entry: Entry, end: Option<End>) {
        self.seen.push((list, line, entry, end));
    }

    fn forget(&mut self) {
        self.seen.clear();
    }
}

fn is_the_same(text: &[u8], near: u8, cache: &mut Cache) {
    let lists = || [List::new("list", text.to_vec()).to_read(Purpose::Drop, &[])];
    let looking = || Looking { near: [near.into()], seen: Vec::new() };
    let (mut first, mut second) = (looking(), looking());
    let whole = list::parse_observed(&lists(), SELECTION, &mut first, &Unseen);
    let again = cache.parse(&lists(), SELECTION, &mut second, &Unseen);
    match (whole, again) {
        (Ok(whole), Ok(Parsed { contents, rest, cache: next })) => {
            *cache = next;
            assert_eq!(whole.sets, contents.sets.union(&rest));
            assert_eq!(others(&whole), others(&contents));
            assert_eq!(first.seen, second.seen);
            // As a load does that excludes something.
            let cut = RangeSets { v4: half(), v6: Default::default() };
            if whole.excepted.is_empty() {
                cache.share(&whole.sets.subtract(&cut), whole.sets.intersect(&cut));
            }
        }
        (Err(whole), Err(again)) => {
            assert_eq!(whole.to_string(), ListError::from(again).to_string());
        }
        (whole, again) => panic!("{:?} {:?}", whole.err(), again.err()),
    }
}

fn half() -> netfilterd::ip::RangeSet<u32> {
    netfilterd::ip::RangeSet::from_ranges(vec![Range::network(0, 1)])
}

fn others(contents: &Contents) -> impl PartialEq + std::fmt::Debug {
    (contents.expiring.clone(), contents.excepted.clone(), contents.report.clone())
}
