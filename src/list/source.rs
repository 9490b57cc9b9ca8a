//! Sources to lists: which files are read, and under which names.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::end::End;
use super::entry::Entry;
use super::error::ListError;
use super::file::{self, Content};
use super::format::{self, Sink};
use super::parse_error::ParseError;
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
    text: Vec<u8>,
    modified: Option<SystemTime>,
    public: bool,
}

impl List {
    /// A list of `text`, called `name` in messages.
    pub fn new(name: impl Into<String>, text: Vec<u8>) -> Self {
        List { name: name.into(), text, modified: None, public: true }
    }

    /// The name in messages: the path as given, with unprintable characters escaped.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All bytes of it.
    pub fn text(&self) -> &[u8] {
        &self.text
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

    /// Whether its last line has no end, as that of a file has which was cut off. A JSON document
    /// has no lines, and shows by itself whether it is whole.
    pub fn is_unfinished(&self) -> bool {
        !matches!(self.text.last(), None | Some(b'\n')) && !format::is_document(&self.text)
    }

    /// Whether there is nothing in it, not even a comment.
    pub fn is_blank(&self) -> bool {
        self.text.is_empty()
    }

    /// Reads the list into a sink. Returns the number of its lines.
    ///
    /// Allocates nothing, but for strings with escapes in JSON.
    pub fn read_into(&self, sink: &mut impl Sink) -> u64 {
        format::read(self.text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.text), sink)
    }

    /// The same, where two functions are the sink: `entry` is called with the line (from 1) of each
    /// entry, the entry and its end; `reject` with each rejected line, its error and its text.
    pub fn scan(
        &self,
        entry: impl FnMut(u64, Entry, Option<End>),
        reject: impl FnMut(u64, ParseError, &[u8]),
    ) -> u64 {
        self.read_into(&mut Functions { entry, reject })
    }
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
    mut missing: Option<&mut Vec<ListError>>,
    progress: &dyn Progress,
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
                read_file(&path, &mut report)
            }
            Item::Stdin => read_stdin(&mut report),
            Item::Unreadable(error) => Err(error),
        };
        match (list, &mut missing) {
            (Err(error), Some(missing)) if error.missing_list().is_some() => missing.push(error),
            (list, _) => lists.push(list?),
        }
        before = lists.iter().map(|list| list.text.len() as u64).sum();
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

fn read_file(path: &Path, progress: &mut dyn FnMut(u64)) -> Result<List, ListError> {
    let name = printable(path);
    match file::read(path, progress) {
        Ok(Content { bytes: text, public }) => {
            let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
            Ok(List { name, text, modified, public })
        }
        Err(error) => Err(ListError::Read { list: name, error }),
    }
}
