//! Sources to lists: which files are read, and under which names.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use super::chunk::{Identified, Known};
use super::cutter::Cutter;
use super::end::End;
use super::entry::Entry;
use super::error::ListError;
use super::file::{self, Content};
use super::format::again::{CountingSink, Reread, Uncertain};
use super::format::{self, Decision, Event, NotAList, Sink};
use super::parse_error::ParseError;
use super::parts::Parts;
use super::reading::{Purpose, Reading};
use super::verdict;
use crate::progress::{Progress, Step, Unseen};
use crate::words::printable;

/// Where a list is read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, or every regular file of a directory.
    Path(PathBuf),
    /// Standard input.
    Stdin,
}

/// One list: its name for messages, and its bytes.
///
/// The text of a list stays with it, so that an address can be traced back to its line without
/// keeping anything per entry.
pub struct List {
    name: String,
    text: Text,
    modified: Option<SystemTime>,
    public: bool,
    reading: Reading,
    /// In which format it is read, once that is known.
    decision: OnceLock<Result<Decision, NotAList>>,
}

/// The text of a list.
enum Text {
    Whole(Vec<u8>),
    /// Without what is known.
    Parts(Parts),
}

impl List {
    /// A list of `text`, called `name` in messages.
    pub fn new(name: impl Into<String>, text: Vec<u8>) -> Self {
        List::of(name.into(), Text::Whole(text))
    }

    fn of(name: String, text: Text) -> Self {
        List {
            name,
            text,
            modified: None,
            public: true,
            reading: Reading::default(),
            decision: OnceLock::new(),
        }
    }

    /// The same list, to be read for a purpose: one with names takes the `sets`, if there are any.
    pub fn to_read(mut self, purpose: Purpose, sets: &[String]) -> Self {
        self.reading = Reading { purpose, sets: sets.to_vec(), written: self.modified };
        let name = self.name.rsplit('/').next().unwrap_or_default();
        let is_allowlist = purpose == Purpose::Drop
            && sets.is_empty()
            && verdict::file_name_only_allows(name.as_bytes());
        self.decision = match is_allowlist {
            true => OnceLock::from(Err(NotAList::AllowFile { name: name.into() })),
            false => OnceLock::new(),
        };
        self
    }

    /// The name in messages: the path as given, with unprintable characters escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All bytes of it; of a text in parts the beginning.
    pub fn text(&self) -> &[u8] {
        match &self.text {
            Text::Whole(text) => text,
            Text::Parts(parts) => &parts.head,
        }
    }

    /// The number of its bytes.
    pub fn size(&self) -> usize {
        match &self.text {
            Text::Whole(text) => text.len(),
            Text::Parts(parts) => parts.bytes,
        }
    }

    /// Whether only parts of the text are there. Such a list is read by [`List::read_again`] or not at all.
    pub fn is_in_parts(&self) -> bool {
        matches!(self.text, Text::Parts(_))
    }

    /// When the file was last written to; what is no file has no such time.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Whether every user of the host may read it, so that messages may quote it. What is no file is
    /// known to the user who wrote it.
    pub fn is_public(&self) -> bool {
        self.public
    }

    /// Whether its last line has no end, as that of a file has which was cut off. A document has no lines,
    /// and shows by itself whether it is whole.
    pub fn is_unfinished(&self) -> bool {
        // A text in parts ends with a line end.
        !self.is_in_parts()
            && !matches!(self.text().last(), None | Some(b'\n'))
            && !self.decision().is_ok_and(Decision::is_document)
    }

    /// In which format it is read, or why it is not a list to read. Costs a reading, if it was not read
    /// before.
    pub fn decision(&self) -> Result<&Decision, &NotAList> {
        let decide = || format::decide::decide(self.bytes(), &self.reading);
        self.decision.get_or_init(decide).as_ref()
    }

    /// The text without a byte order mark.
    fn bytes(&self) -> &[u8] {
        let text = self.text();
        text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
    }

    /// Whether there is nothing in it, not even a comment.
    pub fn is_blank(&self) -> bool {
        self.size() == 0
    }

    /// Reads the list into a sink. Returns the number of its lines.
    pub fn read_into(&self, sink: &mut impl Sink) -> Result<u64, Unread<'_>> {
        if self.decision.get().is_none() {
            let text = self.bytes();
            match format::decide::read_if_plain(text, &self.reading, sink) {
                Some(Ok((decision, lines))) => {
                    self.decision.get_or_init(|| Ok(decision));
                    return Ok(lines);
                }
                Some(Err(late)) => {
                    self.decision.get_or_init(|| late.0);
                    return Err(Unread::Again);
                }
                None => {}
            }
        }
        let decision = self.decision().map_err(Unread::NotAList)?;
        Ok(format::decide::read(self.bytes(), decision, &self.reading, sink))
    }

    /// Reads a list that seems to be plain into a sink, where what is `known` is not parsed again. `None` if
    /// nothing was read; `Uncertain` if what was read is void. In both cases the list is to be read as a
    /// whole.
    pub fn read_again(
        &self,
        known: &Known,
        sink: &mut impl CountingSink,
    ) -> Option<Result<(u64, Vec<Identified>), Uncertain>> {
        if self.decision.get().is_some() || self.reading.purpose != Purpose::Drop {
            return None;
        }
        let read = match &self.text {
            Text::Whole(_) => format::again::read(self.bytes(), &self.reading, known, sink),
            Text::Parts(parts) => format::again::read_parts(parts, &self.reading, known, sink),
        }?;
        Some(read.map(|Reread { decision, lines, chunks }| {
            self.decision.get_or_init(|| Ok(decision));
            (lines, chunks)
        }))
    }

    /// The same as [`List::read_into`], where two functions are the sink: `entry` is called with the line (from 1) of each
    /// entry, the entry and its end; `reject` with each rejected line, its error and its text. A file that
    /// is not a list has neither.
    pub fn scan(
        &self,
        entry: impl FnMut(u64, Entry, Option<End>),
        reject: impl FnMut(u64, ParseError, &[u8]),
    ) -> u64 {
        let mut sink = Functions { entry, reject };
        match (&self.text, self.decision()) {
            (Text::Parts(parts), _) => format::again::replay(parts, &self.reading, &mut sink),
            (Text::Whole(_), Ok(decision)) => {
                format::decide::read(self.bytes(), decision, &self.reading, &mut sink)
            }
            (Text::Whole(_), Err(_)) => 0,
        }
    }

    /// Calls `exception` with the line (from 1) of each exception.
    pub fn scan_exceptions(&self, exception: impl FnMut(u64, Entry)) {
        // A list in parts has none.
        if let Some(decision) = self.decision().ok().filter(|_| !self.is_in_parts()) {
            let mut sink = Exceptions(exception);
            format::decide::read(self.bytes(), decision, &self.reading, &mut sink);
        }
    }
}

/// A sink of exceptions only.
struct Exceptions<F>(F);

impl<F: FnMut(u64, Entry)> Sink for Exceptions<F> {
    fn entry(&mut self, _: u64, _: Entry, _: Option<End>) {}

    fn reject(&mut self, _: u64, _: ParseError, _: &[u8]) {}

    fn event(&mut self, line: u64, event: Event<'_>) {
        if let Event::Exception(entry) = event {
            (self.0)(line, entry);
        }
    }
}

/// Why nothing was read of a list.
#[derive(Debug)]
pub enum Unread<'a> {
    /// It is not a list.
    NotAList(&'a NotAList),
    /// It is of another format than it seemed at first. What was received of it is void; the next reading
    /// knows the format.
    Again,
}

/// A sink of two functions.
struct Functions<E, R> {
    entry: E,
    reject: R,
}

impl<E, R> Sink for Functions<E, R>
where
    E: FnMut(u64, Entry, Option<End>),
    R: FnMut(u64, ParseError, &[u8]),
{
    #[inline(always)]
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        (self.entry)(line, entry, end);
    }

    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]) {
        (self.reject)(line, error, text);
    }

    fn event(&mut self, _: u64, _: Event<'_>) {}
}

/// What a source means.
enum Item {
    File(PathBuf),
    Stdin,
    Unreadable(ListError),
}

/// Reads every list that `sources` mean, in their order, the files of a directory by name.
///
/// One that does not exist is an error, unless `missing` is there to take note of it; but an error
/// it is if none exists.
pub fn read(
    sources: &[Source],
    missing: Option<&mut Vec<ListError>>,
    progress: &dyn Progress,
) -> Result<Vec<List>, ListError> {
    read_parts(sources, missing, progress, &|_| None)
}

/// The same, where nothing is kept of what is known. `known` is called with the name of each list; `None`
/// if all of its text is to be kept.
pub fn read_parts<'a>(
    sources: &[Source],
    mut missing: Option<&mut Vec<ListError>>,
    progress: &dyn Progress,
    known: &dyn Fn(&str) -> Option<&'a Known>,
) -> Result<Vec<List>, ListError> {
    let items: Vec<Item> = sources.iter().flat_map(|source| expand(source, progress)).collect();
    let of = items.iter().map(|item| size(item, progress)).sum();
    let mut lists: Vec<List> = Vec::new();
    let mut before = 0;
    for item in items {
        let mut report = |bytes| progress.step(Step::Reading { bytes: before + bytes, of });
        let list = match item {
            Item::File(path) => {
                progress.list(&path);
                read_parts_of(&path, &mut report, known)
            }
            Item::Stdin => read_stdin(&mut report),
            Item::Unreadable(error) => Err(error),
        };
        match (list, &mut missing) {
            (Err(error), Some(missing)) if error.missing_list().is_some() => missing.push(error),
            (list, _) => lists.push(list?),
        }
        before = lists.iter().map(|list| list.size() as u64).sum();
    }
    match missing {
        Some(missing) if lists.is_empty() && !missing.is_empty() => {
            let names = missing.iter().filter_map(ListError::missing_list);
            Err(ListError::AllMissing { lists: names.map(String::from).collect() })
        }
        _ => Ok(lists),
    }
}

/// Reads those of the lists that `sources` mean which can be read, and says why the others cannot.
pub fn readable(sources: &[Source]) -> (Vec<List>, Vec<ListError>) {
    let (mut lists, mut errors) = (Vec::new(), Vec::new());
    for item in sources.iter().flat_map(|source| expand(source, &Unseen)) {
        let list = match item {
            Item::File(path) => read_file(&path, &mut |_| {}),
            Item::Stdin => read_stdin(&mut |_| {}),
            Item::Unreadable(error) => Err(error),
        };
        match list {
            Ok(list) => lists.push(list),
            Err(error) => errors.push(error),
        }
    }
    (lists, errors)
}

fn expand(source: &Source, progress: &dyn Progress) -> Vec<Item> {
    let Source::Path(path) = source else { return vec![Item::Stdin] };
    progress.list(path);
    match file::expand(path) {
        Ok(files) => files.into_iter().map(Item::File).collect(),
        Err(error) => vec![Item::Unreadable(ListError::Read { list: printable(path), error })],
    }
}

/// How many bytes an item will have, if that is known. What cannot be read has none.
fn size(item: &Item, progress: &dyn Progress) -> Option<u64> {
    match item {
        Item::File(path) => {
            progress.list(path);
            Some(path.metadata().map_or(0, |metadata| metadata.len()))
        }
        Item::Stdin => None,
        Item::Unreadable(_) => Some(0),
    }
}

fn read_stdin(progress: &mut dyn FnMut(u64)) -> Result<List, ListError> {
    let list = "standard input";
    match file::read_stdin(progress) {
        Ok(text) => Ok(List::new(list, text)),
        Err(error) => Err(ListError::Read { list: list.into(), error }),
    }
}

fn read_parts_of<'a>(
    path: &Path,
    progress: &mut dyn FnMut(u64),
    known: &dyn Fn(&str) -> Option<&'a Known>,
) -> Result<List, ListError> {
    let name = printable(path);
    let Some(known) = known(&name) else { return read_file(path, progress) };
    let mut cutter = Cutter::new(known);
    match file::read_through(path, progress, &mut cutter) {
        Ok(Some(public)) => {
            let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
            Ok(List { modified, public, ..List::of(name, Text::Parts(cutter.finish())) })
        }
        Ok(None) => read_file(path, progress),
        Err(error) => Err(ListError::Read { list: name, error }),
    }
}

fn read_file(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<List, ListError> {
    let name = printable(path);
    match file::read(path, progress) {
        Ok(Content { bytes: text, public }) => {
            let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
            Ok(List { modified, public, ..List::new(name, text) })
        }
        Err(error) => Err(ListError::Read { list: name, error }),
    }
}
