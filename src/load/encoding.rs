//! What is remembered of loads, as bytes.
//!
//! A file is a line that names it, and a section for each target: its key, the time, a checksum, and a
//! body, which is what is remembered. Numbers are little-endian, of fixed size; a range is its first and its last address. What is read is
//! never trusted: bytes that make no sense are an error, and range sets are sorted and merged again.

use std::mem::{size_of, size_of_val};

use crate::ip::{Address, Mask, PerFamily, Range, RangeSet, RangeSets};
use crate::list::{End, Ends, Entry, ExceptedEntries, ExpiringEntries};
use crate::policy::connected::PrivateEntries;
use crate::policy::remembered::{ListSize, Remembered};
use crate::policy::timeline::Timeline;

/// The shortest prefix lengths to which netfilterd widens.
const WIDEST_MASK: PerFamily<u8> = PerFamily { v4: 8, v6: 16 };

/// What stands for no prefix length.
const NO_MASK: u8 = u8::MAX;

/// The first line of a file. The number is the version of all that follows.
const MAGIC: &[u8] = b"netfilterd ranges 1\n";

/// The latest and, negative, the earliest end in seconds: lists cannot name any beyond the year 9999.
const MOST_SECONDS: i64 = 1 << 40;

/// The part of a file that belongs to one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<'a> {
    /// The key of the target.
    pub key: &'a [u8],
    /// The time of the load.
    pub at: End,
    /// What [`encode`] has made.
    pub body: &'a [u8],
}

impl Section<'_> {
    fn checksum(&self) -> u32 {
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(self.key);
        checksum.update(&self.at.seconds().to_le_bytes());
        checksum.update(self.body);
        checksum.finalize()
    }
}

/// The file of these sections.
pub fn file_of(sections: &[Section<'_>]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for section in sections {
        put_count(&mut out, section.key.len());
        out.extend(section.key);
        out.extend(section.at.seconds().to_le_bytes());
        out.extend(section.checksum().to_le_bytes());
        put_count(&mut out, section.body.len());
        out.extend(section.body);
    }
    out
}

/// Whether a file that begins with these bytes was written by [`file_of`].
pub fn is_begin(head: &[u8]) -> bool {
    head.starts_with(MAGIC)
}

/// The sections of a file; `None` if the file was not written by [`file_of`], or is damaged.
pub fn sections(file: &[u8]) -> Option<Vec<Section<'_>>> {
    let mut rest = Rest(file.strip_prefix(MAGIC)?);
    let mut sections = Vec::new();
    while !rest.0.is_empty() {
        let key = rest.bytes()?;
        let at = rest.end()?;
        let checksum = rest.take().map(u32::from_le_bytes)?;
        let section = Section { key, at, body: rest.bytes()? };
        if section.checksum() != checksum {
            return None;
        }
        sections.push(section);
    }
    Some(sections)
}

/// The bytes of `remembered`, but for its time.
pub fn encode(remembered: &Remembered) -> Vec<u8> {
    let timeline = &remembered.timeline;
    let (permanent, mask, private) = (timeline.permanent(), timeline.mask(), timeline.private());
    let mut out = Vec::new();
    out.extend(remembered.networks.to_le_bytes());
    out.extend([mask.v4.unwrap_or(NO_MASK), mask.v6.unwrap_or(NO_MASK)]);
    put_count(&mut out, remembered.lists.len());
    for list in &remembered.lists {
        put_count(&mut out, list.name.len());
        out.extend(list.name.as_bytes());
        for number in [list.permanent, list.expiring4, list.expiring6] {
            out.extend(number.to_le_bytes());
        }
    }
    for sets in [&permanent[0], &permanent[1], &remembered.allowed] {
        put_set(&mut out, &sets.v4);
        put_set(&mut out, &sets.v6);
    }
    put_entries(&mut out, timeline.expiring());
    put_ranges(&mut out, private.v4());
    put_ranges(&mut out, private.v6());
    // Files without these are read, too: they were written when lists had no exceptions.
    for list in timeline.excepted() {
        put_count(&mut out, list.list);
        put_set(&mut out, &list.exceptions.v4);
        put_set(&mut out, &list.exceptions.v6);
        put_entries(&mut out, &list.expiring);
    }
    out
}

/// What [`encode`] has made bytes of; `None` if it has not made these.
pub fn decode(section: &Section<'_>) -> Option<Remembered> {
    let mut rest = Rest(section.body);
    let networks = rest.number()?;
    let [mask4, mask6] = rest.take()?;
    let mask =
        Mask { v4: length(mask4, WIDEST_MASK.v4, 32)?, v6: length(mask6, WIDEST_MASK.v6, 128)? };
    let count = rest.count(size_of::<u64>() * 4)?;
    let lists = (0..count).map(|_| rest.list()).collect::<Option<_>>()?;
    let mut sets = || Some(RangeSets { v4: rest.set()?, v6: rest.set()? });
    let (most, others, allowed) = (sets()?, sets()?, sets()?);
    let expiring = rest.entries()?;
    let mut private = PrivateEntries::default();
    rest.ranges()?.into_iter().for_each(|range| private.add(Entry::V4(range)));
    rest.ranges()?.into_iter().for_each(|range| private.add(Entry::V6(range)));
    let mut excepted = Vec::new();
    while !rest.0.is_empty() {
        excepted.push(ExceptedEntries {
            list: usize::try_from(rest.number()?).ok()?,
            exceptions: RangeSets { v4: rest.set()?, v6: rest.set()? },
            expiring: rest.entries()?,
            ..ExceptedEntries::default()
        });
    }
    let timeline = Timeline::from_parts([most, others], expiring, excepted, mask, private);
    Some(Remembered { timeline, allowed, lists, networks, at: section.at })
}

fn length(byte: u8, least: u8, most: u8) -> Option<Option<u8>> {
    match byte {
        NO_MASK => Some(None),
        length => (least..=most).contains(&length).then_some(Some(length)),
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend((count as u64).to_le_bytes());
}

fn put_set<A: Number>(out: &mut Vec<u8>, set: &RangeSet<A>) {
    put_ranges(out, set.ranges());
}

fn put_ranges<A: Number>(out: &mut Vec<u8>, ranges: &[Range<A>]) {
    put_count(out, ranges.len());
    out.reserve(size_of_val(ranges));
    for range in ranges {
        range.first().put(out);
        range.last().put(out);
    }
}

fn put_entries(out: &mut Vec<u8>, entries: &ExpiringEntries) {
    let entries = entries.entries();
    put_expiring(out, entries.v4);
    put_expiring(out, entries.v6);
}

fn put_expiring<A: Number>(out: &mut Vec<u8>, entries: Ends<'_, A>) {
    put_count(out, entries.len());
    for (end, range) in entries {
        out.extend(end.seconds().to_le_bytes());
        range.first().put(out);
        range.last().put(out);
    }
}

/// An address as bytes.
trait Number: Address {
    fn put(self, out: &mut Vec<u8>);
    fn take(rest: &mut Rest<'_>) -> Option<Self>;
}

impl Number for u32 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        rest.take().map(u32::from_le_bytes)
    }
}

impl Number for u128 {
    fn put(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
    fn take(rest: &mut Rest<'_>) -> Option<Self> {
        rest.take().map(u128::from_le_bytes)
    }
}

/// The bytes that were not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// The number of items that follow, each of which takes at least `size` bytes. So nobody can have
    /// more memory reserved than the file is long.
    fn count(&mut self, size: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count <= self.0.len() / size).then_some(count)
    }

    /// The bytes that follow their number.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.count(1)?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn end(&mut self) -> Option<End> {
        let seconds = i64::from_le_bytes(self.take()?);
        (-MOST_SECONDS..=MOST_SECONDS).contains(&seconds).then(|| End::at(seconds))
    }

    fn list(&mut self) -> Option<ListSize> {
        let name = String::from_utf8(self.bytes()?.to_vec()).ok()?;
        let (permanent, expiring4) = (self.number()?, self.number()?);
        Some(ListSize { name, permanent, expiring4, expiring6: self.number()? })
    }

    fn range<A: Number>(&mut self) -> Option<Range<A>> {
        Range::new(A::take(self)?, A::take(self)?)
    }

    fn set<A: Number>(&mut self) -> Option<RangeSet<A>> {
        self.ranges().map(RangeSet::from_ranges)
    }

    fn ranges<A: Number>(&mut self) -> Option<Vec<Range<A>>> {
        let count = self.count(2 * size_of::<A>())?;
        let mut ranges = Vec::new();
        ranges.try_reserve_exact(count).ok()?;
        for _ in 0..count {
            ranges.push(self.range()?);
        }
        Some(ranges)
    }

    fn entries(&mut self) -> Option<ExpiringEntries> {
        let mut entries = ExpiringEntries::default();
        self.expiring(|end, range| entries.push(Entry::V4(range), end).ok())?;
        self.expiring(|end, range| entries.push(Entry::V6(range), end).ok())?;
        Some(entries)
    }

    fn expiring<A: Number>(
        &mut self,
        mut push: impl FnMut(End, Range<A>) -> Option<()>,
    ) -> Option<()> {
        for _ in 0..self.count(size_of::<End>() + 2 * size_of::<A>())? {
            push(self.end()?, self.range()?)?;
        }
        Some(())
    }
}
