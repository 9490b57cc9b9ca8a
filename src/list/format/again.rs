//! A plain list of which most is known from an earlier reading: only what is new is parsed.
//!
//! What a line of a plain list gives depends on no other line, with few exceptions. Where one of these is
//! possible the list is not read here, but as a whole: where a format knows a line, or where so many lines
//! are not plain that not all formats are asked for each. Everything else passes to the sink as in a
//! reading of the whole, from what is known of each chunk. Lines that are not plain by the grammar alone
//! are read from the text each time.

use std::convert::Infallible;
use std::sync::Arc;

use super::candidates::{Asked, SHOWN};
use super::decide::{Decision, EXPLAINED, Explained, opens_block, seems_plain};
use super::plain;
use super::reader::{Event, Lines, Sink};
use crate::ip::Range;
use crate::list::chunk::{Chunk, Id, Identified, Kept, Known, Line, Observed, Recorder, Unusual};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::memory::try_push;
use crate::list::parse_error::ParseError;
use crate::list::parts::{Part, Parts};
use crate::list::reading::Reading;

/// Up to how many lines that are not plain all formats are asked for each, and all rejected ones are
/// explained, so that it does not matter what stands above.
const MOST_ODD: u64 = if SHOWN < EXPLAINED { SHOWN } else { EXPLAINED };

/// A plain list that was read.
pub struct Reread {
    /// That it is plain.
    pub decision: Decision,
    /// How many lines it has.
    pub lines: u64,
    /// All of it.
    pub chunks: Vec<Identified>,
}

/// The list has to be read as a whole. What the sink received is void.
#[derive(Debug)]
pub struct Uncertain;

/// A sink that receives most entries of a list as a number.
pub trait CountingSink: Sink {
    /// Whether nothing else is done with an entry than to count it.
    fn is_usual(&self, range: Range<u32>) -> bool;

    /// Receives so many of these.
    fn usual(&mut self, entries: u64);

    /// Whether what was observed of `known` chunks holds for this sink.
    fn observes(&self, known: &Known) -> bool;
}

/// Reads a list that seems to be plain by its beginning, into `sink`: what is not known is parsed. `None` if
/// it seems to be of another format, and nothing was read.
pub fn read<S: CountingSink>(
    text: &[u8],
    reading: &Reading,
    known: &Known,
    sink: &mut S,
) -> Option<Result<Reread, Uncertain>> {
    seems_plain(text, reading).then(|| {
        let quoted = plain::has_quotes(text);
        let is_observed = sink.observes(known);
        let (sink, asked) = (Explained::new(sink), Asked::default());
        let reader = Reader { text: Text::Whole(text), reading, quoted, sink, asked, above: 0 };
        reader.read(known, is_observed)
    })
}

/// How much of the beginning of a text decides whether it seems to be plain.
pub const HEAD: usize = super::decide::HEAD;

/// Whether values in quotes are entries in a text that begins like this; `None` if it does not begin with a
/// whole line that says something, so that the text is to be read as a whole.
pub fn quoted_by_head(head: &[u8]) -> Option<bool> {
    let begins = head.first().is_some_and(u8::is_ascii_graphic) && head.contains(&b'\n');
    begins.then(|| plain::has_quotes(head))
}

/// As [`read()`], where the text was read by parts.
pub fn read_parts<S: CountingSink>(
    text: &Parts,
    reading: &Reading,
    known: &Known,
    sink: &mut S,
) -> Option<Result<Reread, Uncertain>> {
    let head = &text.head[..];
    seems_plain(head, reading).then(|| {
        let (quoted, is_observed) = (plain::has_quotes(head), sink.observes(known));
        let (sink, asked) = (Explained::new(sink), Asked::default());
        let reader =
            Reader { text: Text::Parts(&text.parts), reading, quoted, sink, asked, above: 0 };
        let read = reader.read(known, is_observed)?;
        text.read
            .get_or_init(|| read.chunks.iter().map(|(_, kept)| Arc::clone(&kept.chunk)).collect());
        Ok(read)
    })
}

/// Passes on all entries and rejections of a text that [`read_parts`] has read. Returns the number of lines.
pub fn replay(text: &Parts, reading: &Reading, sink: &mut impl Sink) -> u64 {
    let quoted = plain::has_quotes(&text.head);
    let chunks = text.read.get().map(Vec::as_slice).unwrap_or_default();
    let (mut above, mut sink) = (0, Explained::new(sink));
    for (part, chunk) in text.parts.iter().zip(chunks) {
        let text = part.text.as_deref().unwrap_or_default();
        let replayed = chunk.replay(|number, line| {
            match line {
                Line::Entry(entry, end) => sink.entry(above + number + 1, entry, end),
                Line::Odd(offset) => {
                    let text = text.get(offset..).unwrap_or_default();
                    let mut lines = Lines::below_others(text, reading, above + number);
                    plain::read_odd(&mut lines, quoted, &mut sink);
                }
            }
            Ok::<(), Infallible>(())
        });
        replayed.unwrap_or_else(|never| match never {});
        above += chunk.lines();
    }
    above
}

/// A text that is read.
enum Text<'a> {
    Whole(&'a [u8]),
    Parts(&'a [Part]),
}

impl<'a> Text<'a> {
    /// Takes the next chunk, which stands below another one: what is there of its bytes, and by what it is
    /// recognised.
    fn take(&mut self, known: &Known, quoted: bool, above: Option<Id>) -> Option<(&'a [u8], Id)> {
        match self {
            Text::Whole([]) => None,
            Text::Whole(below) => {
                let (part, id) = known.first(below, quoted, above);
                *below = &below[part.len()..];
                Some((part, id))
            }
            Text::Parts(parts) => {
                let (part, below) = parts.split_first()?;
                *parts = below;
                Some((part.text.as_deref().unwrap_or_default(), part.id))
            }
        }
    }
}

/// Reads one list.
struct Reader<'a, S> {
    text: Text<'a>,
    reading: &'a Reading,
    /// Whether values in quotes are entries.
    quoted: bool,
    sink: Explained<'a, S>,
    /// What the formats said of the odd lines.
    asked: Asked,
    /// How many lines stand above the chunk at hand.
    above: u64,
}

impl<S: CountingSink> Reader<'_, S> {
    fn read(mut self, known: &Known, is_observed: bool) -> Result<Reread, Uncertain> {
        let (mut odd, mut entries) = (0, 0);
        let mut chunks = Vec::new();
        let whole = match self.text {
            Text::Whole(text) => Some(text),
            Text::Parts(_) => None,
        };
        let mut last = None;
        while let Some((part, id)) = self.text.take(known, self.quoted, last) {
            last = Some(id);
            let kept = known.get(id);
            let chunk = match kept {
                Some(kept) => Arc::clone(&kept.chunk),
                // It was known when it was left out.
                None if part.is_empty() => return Err(Uncertain),
                None => Arc::new(record(part, self.reading, self.quoted).ok_or(Uncertain)?),
            };
            odd += chunk.odd_lines();
            if odd > MOST_ODD {
                return Err(Uncertain);
            }
            let observed = match kept.and_then(|kept| kept.observed.clone()).filter(|_| is_observed)
            {
                Some(observed) => {
                    self.look_again(part, &observed)?;
                    Some(observed)
                }
                None => self.look(part, &chunk)?.map(Arc::new),
            };
            self.above += chunk.lines();
            entries += chunk.entries();
            chunks.push((id, Kept { chunk, observed }));
        }
        let is_certain = match whole {
            Some(text) => self.asked.is_certain(text, entries),
            None => self.asked.is_certain_by_lines(entries),
        };
        match is_certain {
            true => Ok(Reread { decision: Decision::plain(), lines: self.above, chunks }),
            false => Err(Uncertain),
        }
    }

    /// Passes on what a chunk gave. Returns what has to be looked at the next time, if that is little.
    fn look(&mut self, part: &[u8], chunk: &Chunk) -> Result<Option<Observed>, Uncertain> {
        let mut observed = Observed::default();
        chunk.replay(|number, line| {
            let unusual = match line {
                Line::Entry(Entry::V4(range), None) if self.sink.sink.is_usual(range) => {
                    observed.usual += 1;
                    return Ok(());
                }
                Line::Entry(entry, end) => {
                    self.sink.entry(self.above + number + 1, entry, end);
                    let Entry::V4(range) = entry else { return Ok(()) };
                    Unusual::V4(range)
                }
                Line::Odd(offset) => {
                    self.read_odd(part, number, offset)?;
                    Unusual::Odd(offset)
                }
            };
            let number = u32::try_from(number).map_err(|_| Uncertain)?;
            try_push(&mut observed.unusual, (number, unusual)).map_err(|_| Uncertain)
        })?;
        self.sink.sink.usual(observed.usual);
        observed.unusual.shrink_to_fit();
        let is_little = (observed.unusual.len() as u64) < chunk.lines() / 8;
        Ok(Some(observed).filter(|_| chunk.is_v4() && is_little))
    }

    /// Passes on what a chunk gave, where it is known what has to be looked at.
    fn look_again(&mut self, part: &[u8], observed: &Observed) -> Result<(), Uncertain> {
        self.sink.sink.usual(observed.usual);
        for &(number, unusual) in &observed.unusual {
            let number = u64::from(number);
            match unusual {
                Unusual::V4(range) => {
                    self.sink.entry(self.above + number + 1, Entry::V4(range), None);
                }
                Unusual::Odd(offset) => self.read_odd(part, number, offset)?,
            }
        }
        Ok(())
    }

    /// Reads an odd line, which is the one of this number in the chunk, and begins at this offset.
    fn read_odd(&mut self, part: &[u8], number: u64, offset: usize) -> Result<(), Uncertain> {
        let text = part.get(offset..).unwrap_or_default();
        let mut lines = Lines::below_others(text, self.reading, self.above + number);
        let line = lines.line().ok_or(Uncertain)?;
        if self.asked.show(line) || opens_block(line) {
            return Err(Uncertain);
        }
        plain::read_odd(&mut lines, self.quoted, &mut self.sink);
        Ok(())
    }
}

/// Parses a chunk. `None` if a line may open a block, or if there is no memory.
fn record(part: &[u8], reading: &Reading, quoted: bool) -> Option<Chunk> {
    let mut recorder = Recorder::default();
    let mut lines = Lines::of(part, reading);
    loop {
        plain::read_plain(&mut lines, &mut Plain(&mut recorder));
        let Some(line) = lines.line() else { return recorder.finish(lines.taken()) };
        if opens_block(line) {
            return None;
        }
        let behind = part.len() - lines.below().len();
        let has_line_end = part[..behind].ends_with(b"\n");
        recorder.odd(line.number, behind - usize::from(has_line_end) - line.raw.len());
        plain::read_odd(&mut lines, quoted, &mut Odd(&mut recorder));
    }
}

/// Records lines that are plain.
struct Plain<'a>(&'a mut Recorder);

impl Sink for Plain<'_> {
    #[inline(always)]
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        self.0.entry(line, entry, end);
    }

    fn reject(&mut self, _: u64, _: ParseError, _: &[u8]) {}

    fn event(&mut self, _: u64, _: Event<'_>) {}
}

/// Records the entries of a line that is not.
struct Odd<'a>(&'a mut Recorder);

impl Sink for Odd<'_> {
    fn entry(&mut self, _: u64, entry: Entry, end: Option<End>) {
        self.0.entry_of_odd(entry, end);
    }

    fn reject(&mut self, _: u64, _: ParseError, _: &[u8]) {}

    fn event(&mut self, _: u64, _: Event<'_>) {}
}
