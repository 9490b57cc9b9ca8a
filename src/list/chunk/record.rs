//! All that the lines of a chunk gave.

use super::ranges::Ranges;
use crate::ip::PerFamily;
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::memory::try_push;

/// What lines of one kind say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: blanks, a comment.
    Nothing,
    /// An entry of IPv4 without an end.
    V4,
    /// An entry of IPv6 without an end.
    V6,
    /// An entry of IPv4 with an end.
    Expiring4,
    /// An entry of IPv6 with an end.
    Expiring6,
    /// Something that the grammar of entries does not know: it is read from the text again.
    Odd,
}

/// Lines of one kind that follow each other.
#[derive(Clone, Copy, Debug)]
struct Run {
    kind: Kind,
    lines: u16,
}

/// Entries of both families.
pub type Entries = PerFamily<Ranges<u32>, Ranges<u128>>;

/// Entries that have an end, with these ends.
#[derive(Debug, Default)]
struct Expiring {
    entries: Entries,
    ends: PerFamily<Vec<End>>,
}

/// All that the lines of a chunk gave, in their order.
#[derive(Debug, Default)]
pub struct Chunk {
    lines: u64,
    runs: Vec<Run>,
    permanent: Entries,
    expiring: Expiring,
    /// Where the odd lines begin.
    odd: Vec<usize>,
    /// The entries without an end of the odd lines.
    of_odd: Entries,
}

/// What a chunk gave, in the order of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// An entry, with its end.
    Entry(Entry, Option<End>),
    /// A line to be read again, which begins at this offset.
    Odd(usize),
}

impl Chunk {
    /// How many lines there are.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many lines are entries.
    pub fn entries(&self) -> u64 {
        let expiring = &self.expiring.entries;
        let numbers = [
            self.permanent.v4.count(),
            self.permanent.v6.count(),
            expiring.v4.count(),
            expiring.v6.count(),
        ];
        numbers.iter().sum::<usize>() as u64
    }

    /// How many lines are odd.
    pub fn odd_lines(&self) -> u64 {
        self.odd.len() as u64
    }

    /// Whether there are no other entries than those of IPv4 without an end, and of odd lines.
    pub fn is_v4(&self) -> bool {
        self.entries() == self.permanent.v4.count() as u64
    }

    /// All entries without an end: those of lines, and those of odd lines.
    pub fn permanent(&self) -> [&Entries; 2] {
        [&self.permanent, &self.of_odd]
    }

    /// Calls `each` with the number of each line that says something, from 0, and with what it says, until
    /// it fails.
    #[inline(always)]
    pub fn replay<E>(&self, mut each: impl FnMut(u64, Line) -> Result<(), E>) -> Result<(), E> {
        let Chunk { permanent, expiring: Expiring { entries, ends }, .. } = self;
        let (mut v4, mut v6) = (permanent.v4.all(), permanent.v6.all());
        let (mut expiring4, mut expiring6) = (entries.v4.all(), entries.v6.all());
        let (mut ends4, mut ends6) = (ends.v4.iter().copied(), ends.v6.iter().copied());
        let (mut number, mut odd) = (0, self.odd.iter());
        for &Run { kind, lines } in &self.runs {
            let (first, count) = (number, usize::from(lines));
            match kind {
                Kind::Nothing => {}
                Kind::V4 => v4.take(count, |at, range| {
                    each(first + at, Line::Entry(Entry::V4(range), None))
                })?,
                Kind::V6 => v6.take(count, |at, range| {
                    each(first + at, Line::Entry(Entry::V6(range), None))
                })?,
                Kind::Expiring4 => expiring4.take(count, |at, range| {
                    each(first + at, Line::Entry(Entry::V4(range), ends4.next()))
                })?,
                Kind::Expiring6 => expiring6.take(count, |at, range| {
                    each(first + at, Line::Entry(Entry::V6(range), ends6.next()))
                })?,
                Kind::Odd => {
                    for (line, offset) in (first..).zip(odd.by_ref().take(count)) {
                        each(line, Line::Odd(*offset))?;
                    }
                }
            }
            number += u64::from(lines);
        }
        Ok(())
    }
}

/// Records what the lines of a chunk give.
#[derive(Debug, Default)]
pub struct Recorder {
    chunk: Chunk,
    /// Whether there was no memory for something.
    lacks_memory: bool,
}

impl Recorder {
    /// Records the entry of a line, of which the number counts from 1.
    #[inline]
    pub fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        let Chunk { permanent, expiring, .. } = &mut self.chunk;
        let (kind, is_room) = match (entry, end) {
            (Entry::V4(range), None) => (Kind::V4, permanent.v4.push(range)),
            (Entry::V6(range), None) => (Kind::V6, permanent.v6.push(range)),
            (Entry::V4(range), Some(end)) => {
                let is_room = try_push(&mut expiring.ends.v4, end).is_ok();
                (Kind::Expiring4, is_room && expiring.entries.v4.push(range))
            }
            (Entry::V6(range), Some(end)) => {
                let is_room = try_push(&mut expiring.ends.v6, end).is_ok();
                (Kind::Expiring6, is_room && expiring.entries.v6.push(range))
            }
        };
        self.lacks_memory |= !is_room;
        self.line(line, kind);
    }

    /// Records that a line is odd, and where it begins.
    pub fn odd(&mut self, line: u64, offset: usize) {
        self.lacks_memory |= try_push(&mut self.chunk.odd, offset).is_err();
        self.line(line, Kind::Odd);
    }

    /// Records an entry of the odd line. One with an end is kept nowhere else than in the text.
    pub fn entry_of_odd(&mut self, entry: Entry, end: Option<End>) {
        let is_room = match (entry, end) {
            (Entry::V4(range), None) => self.chunk.of_odd.v4.push(range),
            (Entry::V6(range), None) => self.chunk.of_odd.v6.push(range),
            (_, Some(_)) => true,
        };
        self.lacks_memory |= !is_room;
    }

    /// The chunk, which has so many lines; `None` if there was no memory for it.
    pub fn finish(mut self, lines: u64) -> Option<Chunk> {
        self.skip_to(lines);
        let Recorder { mut chunk, lacks_memory } = self;
        chunk.runs.shrink_to_fit();
        chunk.odd.shrink_to_fit();
        for entries in [&mut chunk.permanent, &mut chunk.of_odd, &mut chunk.expiring.entries] {
            entries.v4.shrink();
            entries.v6.shrink();
        }
        chunk.expiring.ends.v4.shrink_to_fit();
        chunk.expiring.ends.v6.shrink_to_fit();
        (!lacks_memory).then_some(chunk)
    }

    #[inline]
    fn line(&mut self, number: u64, kind: Kind) {
        if self.chunk.lines + 1 != number {
            self.skip_to(number - 1);
        }
        self.chunk.lines = number;
        match self.chunk.runs.last_mut() {
            Some(run) if run.kind == kind && run.lines < u16::MAX => run.lines += 1,
            _ => self.push_run(kind, 1),
        }
    }

    #[cold]
    fn push_run(&mut self, kind: Kind, lines: u16) {
        self.lacks_memory |= try_push(&mut self.chunk.runs, Run { kind, lines }).is_err();
    }

    /// The lines up to this one say nothing.
    #[cold]
    fn skip_to(&mut self, line: u64) {
        while self.chunk.lines < line {
            let lines = u16::try_from(line - self.chunk.lines).unwrap_or(u16::MAX);
            self.push_run(Kind::Nothing, lines);
            self.chunk.lines += u64::from(lines);
        }
    }
}
