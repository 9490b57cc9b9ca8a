//! One format a list: which it is, from the whole text.
//!
//! A list is of the format that rejects the fewest of its lines; of several the one with the most entries;
//! of these plain, if it has any, else the first in the table. What is known to be no list comes before
//! all that reject as many lines, if it recognises most of the lines. One that is refused only because
//! nothing names its columns comes behind a format that reads nearly all lines. Each format that some line speaks for
//! reads the whole list for that, into a sink that only counts. A plain list, which most are, is not
//! decided at all: it is read, and only the first line that is not plain has the rest looked at.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::candidates::{Asked, candidates};
use super::not_a_list::{Kind, NotAList};
use super::plain::{self, sections};
use super::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use super::sets::{Choice, Survey};
use super::{FORMATS, csv, refused};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};

/// In which format a list is read.
#[derive(Debug)]
pub struct Decision {
    format: &'static Format,
    /// The name for reports, perhaps with more than the format.
    name: Cow<'static, str>,
    choice: Choice,
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Decision {
    pub(super) fn plain() -> Self {
        Decision { format: &plain::FORMAT, name: plain::NAME.into(), choice: Choice::whole() }
    }

    /// The name of the format, perhaps with more than that, such as the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the sets that are taken; none if the file has no names.
    pub fn sets(&self) -> &[String] {
        &self.choice.names
    }

    /// Whether the list is one document, which has no lines and shows by itself whether it is whole.
    pub fn is_document(&self) -> bool {
        matches!(self.format.sign, Sign::Document(_))
    }

    fn is_plain(&self) -> bool {
        self.format.name == plain::NAME
    }
}

static SCRIPT: Kind = Kind {
    what: "a script",
    cure: "what it does with addresses cannot be read from it; write those that are to be dropped to a \
           list, one a line",
};

/// How much of a list is looked at before it is read as a plain one.
pub(super) const HEAD: usize = 64 << 10;

/// Reads a list that seems to be plain by its beginning, into `sink`. Returns in which format it is read,
/// and how many lines it has; or `None` if it seems to be of another format, and nothing was read.
pub fn read_if_plain<S: Sink>(
    text: &[u8],
    reading: &Reading,
    sink: &mut S,
) -> Option<Result<(Decision, u64), Late>> {
    if !seems_plain(text, reading) {
        return None;
    }
    let mut lines = Lines::of(text, reading);
    let mut sink = Explained::new(sink);
    let mut asked = Asked::default();
    let quoted = plain::has_quotes(text);
    let mut plain = 0;
    loop {
        let before = sink.entries;
        plain::read_plain(&mut lines, &mut sink);
        plain += sink.entries - before;
        let Some(line) = lines.line() else {
            if asked.is_certain(text, plain) {
                return Some(Ok((Decision::plain(), lines.taken())));
            }
            break;
        };
        if asked.show(line) || opens_block(line) {
            break;
        }
        plain::read_odd(&mut lines, quoted, &mut sink);
    }
    match decide(text, reading) {
        Ok(decision) if decision.is_plain() && decision.choice.is_whole() => {
            plain::read(&mut lines, &mut sink);
            Some(Ok((decision, lines.taken())))
        }
        decided => Some(Err(Late(decided))),
    }
}

/// Whether a list is plain by its beginning.
pub(super) fn seems_plain(text: &[u8], reading: &Reading) -> bool {
    !is_script(text)
        && refused::by_first_bytes(text).is_none()
        && candidates(head(text), reading).are_plain()
}

/// Whether a line that is not plain may open a block: that has lines below it that are not shown to the
/// formats.
pub(super) fn opens_block(line: &Line<'_>) -> bool {
    line.raw.contains(&b'{') || matches!(line.raw.trim_ascii_end(), [.., b'[' | b'('])
}

/// A list turned out not to be plain when entries of it were read already, with what it is.
#[derive(Debug)]
pub struct Late(pub Result<Decision, NotAList>);

/// Decides in which format a list is read.
pub fn decide(text: &[u8], reading: &Reading) -> Result<Decision, NotAList> {
    if let Some(reason) = refused::by_first_bytes(text) {
        return Err(reason);
    }
    let candidates = candidates(text, reading);
    if candidates.are_plain() && !is_script(text) {
        return Ok(Decision::plain());
    }
    let mut best: Option<Contender> = None;
    for format in candidates.formats {
        if best.as_ref().is_some_and(|best| best.certainly_beats(format, text, reading)) {
            continue;
        }
        let contender = Contender::of(format, text, reading);
        if best.as_ref().is_none_or(|best| contender.beats(best)) {
            best = Some(contender);
        }
    }
    let Some(Contender { format, survey, outcome }) = best else { return Ok(Decision::plain()) };
    let name = outcome?;
    // Only the shell knows what the addresses in a here-document are for.
    let is_of_lines = matches!(format.name, plain::NAME | sections::NAME);
    if is_of_lines && is_script(text) && survey.rejected_lines() > 0 {
        return Err(NotAList::Kind { kind: &SCRIPT, line: 1 });
    }
    // Of an allowlist the first exception is named, wherever it stands.
    if reading.purpose == Purpose::Drop && survey.drops_nothing() {
        return Err(NotAList::NothingToDrop { format: name.into_owned() });
    }
    Ok(Decision { format, name, choice: survey.choose(reading)? })
}

/// Whether the first line names a program for the file. All lines may be plain nevertheless.
fn is_script(text: &[u8]) -> bool {
    text.starts_with(b"#!")
}

/// A format that has read a list, to see how well it fits.
struct Contender {
    format: &'static Format,
    survey: Survey,
    outcome: Outcome,
}

impl Contender {
    fn of(format: &'static Format, text: &[u8], reading: &Reading) -> Self {
        let mut survey = Survey::default();
        let outcome = (format.read)(&mut Lines::of(text, reading), &mut survey);
        Contender { format, survey, outcome }
    }

    /// Whether it fits better than one that comes before it in the table.
    fn beats(&self, other: &Self) -> bool {
        if other.gives_way() && self.reads_most() {
            return true;
        }
        if self.gives_way() && other.reads_most() {
            return false;
        }
        // Half plain and half something else: a line of another format in a plain list. But headings
        // say more of a plain list.
        let is_plain = self.format.name == plain::NAME
            && self.survey.entries() > 0
            && other.format.name != sections::NAME;
        self.rank() < other.rank() || is_plain && self.rank() == other.rank()
    }

    /// The fewest rejected lines first, then a refusal that knows most lines, then the most entries.
    fn rank(&self) -> (u64, bool, Reverse<u64>) {
        let rejected = self.survey.rejected_lines();
        let recognises = self.outcome.is_err() && self.survey.skipped() > rejected;
        (rejected, !recognises, Reverse(self.survey.entries()))
    }

    /// Whether it comes to a refusal that says only that nothing names the columns. A format that reads
    /// most of the lines names them: a few bad rows do not make another file of it.
    fn gives_way(&self) -> bool {
        let names = [csv::FORMAT.name, refused::LIKELY.name];
        self.outcome.is_err() && names.contains(&self.format.name)
    }

    /// Whether it reads nearly all lines. Nearly anything can be read as a plain list.
    fn reads_most(&self) -> bool {
        /// Of so many lines one may be bad, and one in any case.
        const ONE_IN: u64 = 5;
        let plain = [plain::NAME, plain::NETMASK.name, plain::SHORT.name, sections::NAME];
        let (entries, rejected) = (self.survey.entries(), self.survey.rejected_lines());
        self.outcome.is_ok()
            && !plain.contains(&self.format.name)
            && entries > 1
            && rejected <= (entries / ONE_IN).max(1)
    }

    /// Whether a format need not read a long list, because it rejects more lines at the beginning than this
    /// one in all of it. What the beginning leaves open may be one more.
    fn certainly_beats(&self, format: &'static Format, text: &[u8], reading: &Reading) -> bool {
        if text.len() <= HEAD || self.gives_way() {
            return false;
        }
        let beginning = Contender::of(format, head(text), reading).survey;
        beginning.rejected_lines() > self.survey.rejected_lines() + 1
    }
}

/// The whole lines at the beginning of a list.
fn head(text: &[u8]) -> &[u8] {
    match text.get(..HEAD) {
        Some(head) => &head[..memchr::memrchr(b'\n', head).map_or(HEAD, |end| end + 1)],
        None => text,
    }
}

/// Reads a list as was decided. Returns how many lines it has.
pub fn read<S: Sink>(text: &[u8], decision: &Decision, reading: &Reading, sink: &mut S) -> u64 {
    let mut lines = Lines::of(text, reading);
    if decision.is_plain() && decision.choice.is_whole() {
        plain::read(&mut lines, &mut Explained::new(sink));
    } else if decision.choice.is_whole() {
        // It came to an end at the first reading, and does the same again.
        let _ = (decision.format.read)(&mut lines, sink);
    } else {
        let _ = (decision.format.read)(&mut lines, &mut decision.choice.selected(sink));
    }
    lines.taken()
}

/// The sink of a plain list: counts its entries, and rejects a line that is of another format with its
/// name.
pub(super) struct Explained<'a, S> {
    pub(super) sink: &'a mut S,
    entries: u64,
    /// How many lines are still looked at. Reports name a few only.
    left: u64,
}

/// How many rejected lines are looked at.
pub(super) const EXPLAINED: u64 = 1_000;

impl<'a, S> Explained<'a, S> {
    pub(super) fn new(sink: &'a mut S) -> Self {
        Explained { sink, entries: 0, left: EXPLAINED }
    }
}

impl<S: Sink> Sink for Explained<'_, S> {
    #[inline(always)]
    fn entry(&mut self, line: u64, entry: Entry, end: Option<End>) {
        self.entries += 1;
        self.sink.entry(line, entry, end);
    }

    #[cold]
    fn reject(&mut self, line: u64, error: ParseError, text: &[u8]) {
        let is_unexplained = matches!(error.reason, Reason::NotAnAddress | Reason::TrailingText);
        let format = (is_unexplained && self.left > 0).then(|| format_of(text)).flatten();
        self.left = self.left.saturating_sub(1);
        let error = match format {
            Some(format) => ParseError { reason: Reason::LineOf(format.name), ..error },
            None => error,
        };
        self.sink.reject(line, error, text);
    }

    fn event(&mut self, line: u64, event: Event<'_>) {
        self.sink.event(line, event);
    }
}

/// The format that reads a line as its own.
fn format_of(line: &[u8]) -> Option<&'static Format> {
    let reading = Reading::default();
    let lines = Lines::of(line, &reading);
    let first = lines.line()?;
    FORMATS.iter().copied().find(|format| {
        let claims = matches!(format.sign, Sign::Line(is_one) if is_one(first));
        claims && {
            let mut survey = Survey::default();
            (format.read)(&mut Lines::of(line, &reading), &mut survey).is_ok()
                && survey.rejected_lines() == 0
        }
    })
}
