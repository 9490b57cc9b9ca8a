//! The rows of CSV: the entry of each, and what its other fields say of it.

use super::header::{self, Beginning, Columns, Crowdsec};
use super::row::{Fields, Splitter};
use crate::list::end::End;
use crate::list::entry::Entry;
use crate::list::format::duration::end_after;
use crate::list::format::fields::{self, Field};
use crate::list::format::not_a_list::{Kind, NotAList};
use crate::list::format::reader::{Event, Lines, Outcome, Sink};
use crate::list::grammar::{Form, leading_entry};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::{Purpose, Reading};

const WORLD: Kind = Kind {
    what: "a table of the whole address space by country or network",
    cure: "select some with the agent country",
};

/// How much of a family a table with countries may hold: more is the whole address space.
const MOST_V4: u64 = 1 << 28;
const MOST_V6: u128 = 1 << 121;

/// What a row is.
type Read = Result<Option<(Entry, Option<End>)>, ParseError>;

/// Reads the rows.
pub fn read(format: &'static str, lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    // It was found when the format was chosen.
    let Some(begin) = header::find(lines.text()) else { return Ok(format.into()) };
    let rows = Rows { fields: begin.fields(), reading: lines.reading, now: End::now(), begin };
    let mut splitter = Splitter::new(rows.begin.delimiter);
    let mut covered = Covered::default();
    while let Some(line) = lines.line() {
        let is_comment = line.is_blank() && !line.text.trim_ascii_start().starts_with(b";");
        if is_comment || line.number <= rows.begin.line {
            lines.advance();
            continue;
        }
        let (number, raw) = (line.number, line.raw);
        let text = lines.text();
        let start = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let row = splitter.split(&text[start.min(text.len())..], raw.len());
        let row = row.filter(|row| row.count() == rows.begin.names.len());
        let Some(row) = row else {
            lines.reject_other(format, sink);
            lines.advance();
            continue;
        };
        let more_lines = row.more_lines;
        match rows.read(&row) {
            Ok(Some((entry, end))) => {
                covered.add(entry);
                sink.entry(number, entry, end);
            }
            // What has no header may yet be of a format that has none.
            Ok(None) if rows.begin.line == 0 => {}
            Ok(None) => sink.event(number, Event::Skipped),
            Err(error) => sink.reject(number, error, raw),
        }
        for _ in 0..more_lines {
            lines.take();
        }
        lines.advance();
    }
    if rows.begin.says_where() && covered.is_too_much() {
        return Err(NotAList::Kind { kind: &WORLD, line: rows.begin.line });
    }
    rows.outcome(format)
}

/// How many addresses the entries have.
#[derive(Default)]
struct Covered {
    v4: u64,
    v6: u128,
}

impl Covered {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::V4(range) => {
                self.v4 = self.v4.saturating_add(u64::from(range.last() - range.first()) + 1);
            }
            Entry::V6(range) => {
                self.v6 = self.v6.saturating_add((range.last() - range.first()).saturating_add(1));
            }
        }
    }

    fn is_too_much(&self) -> bool {
        self.v4 > MOST_V4 || self.v6 > MOST_V6
    }
}

struct Rows<'r> {
    begin: Beginning,
    /// What each column says of the entry.
    fields: Vec<Field>,
    reading: &'r Reading,
    now: End,
}

impl Rows<'_> {
    fn read(&self, row: &Fields<'_>) -> Read {
        match self.begin.columns {
            Columns::One(column) => self.judged(entry(row, column)?, row, &[column]),
            Columns::Pair(first, last) => {
                self.judged(range(row, first, last)?, row, &[first, last])
            }
            Columns::Crowdsec(columns) => self.decision(row, columns),
            // Nothing is read of these, but they are no less rows.
            Columns::Several(_) | Columns::World | Columns::Unnamed(_) | Columns::WithPorts(_) => {
                Ok(None)
            }
        }
    }

    /// An entry, if no other field of its row says that it is not bad, with its end.
    fn judged(&self, entry: Entry, row: &Fields<'_>, own: &[usize]) -> Read {
        let mut end: Option<End> = None;
        for (index, field) in self.fields.iter().enumerate() {
            if own.contains(&index) {
                continue;
            }
            let value = row.get(index);
            let says_so = self.reading.purpose == Purpose::Drop && fields::is_good_word(value);
            if says_so || field.denies(value, self.reading.purpose) {
                return Err(ParseError::at(row.at(index), Reason::Verdict));
            }
            if *field == Field::End {
                let other = fields::end(value).and_then(|end| fields::future(end, self.now));
                let other = other.map_err(|reason| ParseError::at(row.at(index), reason))?;
                end = match (end, other) {
                    (Some(end), Some(other)) => Some(end.min(other)),
                    (end, other) => end.or(other),
                };
            }
        }
        Ok(Some((entry, end)))
    }

    /// A ban of an address or a network, until it ends.
    fn decision(&self, row: &Fields<'_>, columns: Crowdsec) -> Read {
        let is = |column: usize, word: &str| row.get(column).eq_ignore_ascii_case(word.as_bytes());
        if !is(columns.action, "ban")
            || !(is(columns.simulated, "false") || is(columns.simulated, ""))
        {
            return Ok(None);
        }
        let value = row.get(columns.value);
        let scope = value.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        let value = match value.get(scope) {
            Some(b':')
                if ["ip", "range"]
                    .iter()
                    .any(|known| value[..scope].eq_ignore_ascii_case(known.as_bytes())) =>
            {
                &value[scope + 1..]
            }
            Some(b':')
                if ["as", "country"]
                    .iter()
                    .any(|known| value[..scope].eq_ignore_ascii_case(known.as_bytes())) =>
            {
                return Ok(None);
            }
            _ => value,
        };
        let at = row.at(columns.value);
        let entry = whole(value).map_err(|error| ParseError::at(at, error.reason))?;
        let expiration = row.get(columns.expiration);
        let end = match end_after(expiration, self.reading.written) {
            Some(end) => Some(end),
            None => fields::end(expiration)
                .map_err(|reason| ParseError::at(row.at(columns.expiration), reason))?,
        };
        Ok(Some((entry, end)))
    }

    /// The name for reports, or why this is not read.
    fn outcome(&self, format: &str) -> Outcome {
        let Beginning { delimiter, line, names, columns } = &self.begin;
        let column = |index: usize| {
            let delimiter = if *delimiter == b',' { "," } else { "';'" };
            let cut = format!("cut -d{delimiter} -f{}", index + 1);
            match line {
                1 => format!("sed 1d FILE | tr -d '\"' | {cut}"),
                _ => format!("tr -d '\"' < FILE | {cut}"),
            }
        };
        let head = match line {
            0 => "CSV without a header".to_string(),
            _ => format!("CSV whose header names no column that is read (it has {})", few(names)),
        };
        Err(match columns {
            Columns::One(one) => return Ok(format!("{format}, column {}", names[*one]).into()),
            Columns::Pair(first, last) => {
                let (first, last) = (&names[*first], &names[*last]);
                return Ok(format!("{format}, columns {first} and {last}").into());
            }
            Columns::Crowdsec(_) => return Ok("crowdsec decisions, CSV".into()),
            Columns::World => NotAList::Kind { kind: &WORLD, line: *line },
            Columns::Several(several) => {
                let of: Vec<String> = several.iter().map(|index| names[*index].clone()).collect();
                NotAList::Other {
                    what: format!(
                        "CSV with several columns that could be the network ({})",
                        few(&of)
                    ),
                    cure: format!(
                        "make a list of the one that is to be dropped, for example {}: {}",
                        of[0],
                        column(several[0])
                    ),
                }
            }
            Columns::Unnamed(index) => NotAList::Other {
                what: head,
                cure: format!(
                    "if the addresses in column {} are to be dropped, make a list of them: {}",
                    index + 1,
                    column(*index)
                ),
            },
            Columns::WithPorts(index) => NotAList::Other {
                what: format!("{head}, of addresses with ports"),
                cure: format!(
                    "if the addresses in column {} are to be dropped with all their ports, make a list of \
                     them: {} | cut -d: -f1",
                    index + 1,
                    column(*index)
                ),
            },
        })
    }
}

/// The first names of some.
fn few(names: &[String]) -> String {
    const FEW: usize = 5;
    let shown: Vec<String> =
        names.iter().take(FEW).map(|name| name.chars().take(40).collect()).collect();
    match names.len() > FEW {
        true => format!("{} and {} more", shown.join(", "), names.len() - FEW),
        false => shown.join(", "),
    }
}

/// The entry that a text is, with nothing around it.
fn whole(text: &[u8]) -> Result<Entry, ParseError> {
    let leading = leading_entry(text, 0)?;
    if leading.end < text.len() { Err(leading.trailing_text(text)) } else { Ok(leading.entry) }
}

fn entry(row: &Fields<'_>, column: usize) -> Result<Entry, ParseError> {
    whole(row.get(column)).map_err(|error| error.behind(row.at(column)))
}

/// The range from one address to another.
fn range(row: &Fields<'_>, first: usize, last: usize) -> Result<Entry, ParseError> {
    let at = |error: ParseError| ParseError::at(row.at(first), error.reason);
    for column in [first, last] {
        let leading =
            leading_entry(row.get(column), 0).map_err(|error| error.behind(row.at(column)))?;
        if leading.form != Form::Host || leading.end < row.get(column).len() {
            return Err(ParseError::at(row.at(column), Reason::TrailingText));
        }
    }
    whole(&[row.get(first), b"-", row.get(last)].concat()).map_err(at)
}
