//! A row of CSV: its lines, and its fields without their quotes.
//!
//! A row without a quote is divided at the delimiters, which is all that there is to it; what RFC 4180
//! says of quotes is left to csv-core.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// The longest row with quotes, in bytes: a quote that nothing closes must not swallow the rest of the file.
const LONGEST: usize = 64 << 10;

/// Divides rows into fields.
pub struct Splitter {
    delimiter: u8,
    /// Made for the first row with quotes: to make one costs more than to divide a row without.
    reader: Option<Box<Reader>>,
    /// The fields of a row with quotes, one behind the other.
    text: Vec<u8>,
    ends: Vec<usize>,
    bounds: Vec<(usize, usize)>,
}

/// The fields of a row.
pub struct Fields<'r> {
    text: &'r [u8],
    bounds: &'r [(usize, usize)],
    /// Whether the text is that of the row, so that a field is where it stands in the first line.
    in_place: bool,
    /// How many lines the row has beside its first.
    pub more_lines: usize,
}

impl<'r> Fields<'r> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.bounds.len()
    }

    /// A field without blanks and quotes around it. There is no field behind the last one.
    pub fn get(&self, index: usize) -> &'r [u8] {
        let (start, end) = self.bounds.get(index).copied().unwrap_or_default();
        clean(&self.text[start..end])
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &'r [u8]> {
        (0..self.count()).map(|index| self.get(index))
    }

    /// Where a field begins in the line, as far as that can be said.
    pub fn at(&self, index: usize) -> usize {
        let (start, end) = self.bounds.get(index).copied().unwrap_or_default();
        match self.in_place {
            true => start + self.text[start..end].iter().take_while(|byte| **byte == b' ').count(),
            false => 0,
        }
    }
}

/// A field without what is around it. Quotes are still there if blanks stand before them.
fn clean(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii();
    let inner = field.strip_prefix(b"\"").and_then(|field| field.strip_suffix(b"\""));
    inner.unwrap_or(field).trim_ascii()
}

impl Splitter {
    /// For rows with this sign between their fields.
    pub fn new(delimiter: u8) -> Self {
        let (text, ends, bounds) = (Vec::new(), Vec::new(), Vec::new());
        Splitter { delimiter, reader: None, text, ends, bounds }
    }

    /// The fields of the row whose first line, without its LF, is so long, at the beginning of a text.
    /// `None` is a row with a quote that nothing closes.
    pub fn split<'r>(&'r mut self, text: &'r [u8], line: usize) -> Option<Fields<'r>> {
        let row = &text[..line];
        self.bounds.clear();
        if memchr::memchr(b'"', row).is_none() {
            let mut start = 0;
            for end in memchr::memchr_iter(self.delimiter, row) {
                self.bounds.push((start, end));
                start = end + 1;
            }
            self.bounds.push((start, line));
            return Some(Fields { text: row, bounds: &self.bounds, in_place: true, more_lines: 0 });
        }
        let (read, count) = self.record(&text[..extent(text, line, self.delimiter)])?;
        let row = &text[..read];
        let more_lines = memchr::memchr_iter(b'\n', row.strip_suffix(b"\n").unwrap_or(row)).count();
        let mut start = 0;
        for end in &self.ends[..count] {
            self.bounds.push((start, *end));
            start = *end;
        }
        Some(Fields { text: &self.text, bounds: &self.bounds, in_place: false, more_lines })
    }

    /// Reads the first row of a text. Returns its length with its end, and how many fields it has.
    fn record(&mut self, text: &[u8]) -> Option<(usize, usize)> {
        let reader = self.reader.get_or_insert_with(|| {
            self.text.resize(1024, 0);
            self.ends.resize(64, 0);
            let mut builder = ReaderBuilder::new();
            builder.delimiter(self.delimiter).terminator(Terminator::Any(b'\n'));
            Box::new(builder.build())
        });
        reader.reset();
        let (mut read, mut written, mut count) = (0, 0, 0);
        let mut is_ended = true;
        loop {
            let (result, bytes, out, fields) = reader.read_record(
                &text[read..],
                &mut self.text[written..],
                &mut self.ends[count..],
            );
            read += bytes;
            written += out;
            count += fields;
            match result {
                ReadRecordResult::Record => break,
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty => is_ended = false,
                ReadRecordResult::End => return None,
            }
        }
        // The last row may have no line end. A quote may still be open at the end of it, as of any text.
        let is_last = || !text.ends_with(b"\n") && memchr::memchr_iter(b'"', text).count() % 2 == 0;
        (is_ended || is_last()).then_some((read, count))
    }
}

/// How many bytes of a text its first row has at most. It has more lines than its first, which is so long,
/// only if each quote of it is where RFC 4180 has one: a quote too many would swallow the rows below. The
/// first quote that is elsewhere ends the search, so that no line is looked at for many rows.
fn extent(text: &[u8], line: usize, delimiter: u8) -> usize {
    let one_line = text.len().min(line + 1);
    let text = &text[..text.len().min(LONGEST.max(one_line))];
    let mut bytes = text.iter().enumerate().peekable();
    let (mut is_begin, mut is_quoted) = (true, false);
    while let Some((at, &byte)) = bytes.next() {
        if byte == b'\n' && !is_quoted {
            return at + 1;
        } else if byte != b'"' {
            is_begin = !is_quoted && byte == delimiter;
        } else if !is_quoted {
            if !is_begin {
                return one_line;
            }
            is_quoted = true;
        } else if bytes.next_if(|(_, next)| **next == b'"').is_none() {
            is_quoted = false;
            let next = bytes.peek().map(|(_, next)| **next);
            if next.is_some_and(|next| next != delimiter && !b"\r\n".contains(&next)) {
                return one_line;
            }
        }
    }
    if is_quoted { one_line } else { text.len() }
}
