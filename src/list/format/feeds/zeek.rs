//! The intelligence files of Zeek: columns behind TABs, whose names stand in the line `#fields`.

use crate::list::entry::Entry;
use crate::list::format::fields::Field;
use crate::list::format::reader::{Event, Format, Line, Lines, Outcome, Sign, Sink};
use crate::list::grammar::{Form, leading_entry};
use crate::list::parse_error::{ParseError, Reason};
use crate::list::reading::Purpose;

const NAME: &str = "Zeek Intel";

pub const FORMAT: Format = Format { name: NAME, sign: Sign::Line(detect), read };

const HEADER: &[u8] = b"#fields\t";

fn detect(line: &Line<'_>) -> bool {
    line.text.split(|byte| *byte == b'\t').any(|column| column.starts_with(b"Intel::"))
}

/// The columns that count.
struct Columns {
    count: usize,
    indicator: usize,
    kind: usize,
    /// Those that may say that the indicator is not bad.
    fields: Vec<(usize, Field)>,
}

impl Columns {
    fn of(header: &[u8]) -> Option<Self> {
        let names: Vec<&[u8]> = header.split(|byte| *byte == b'\t').collect();
        let find = |name: &[u8]| names.iter().position(|known| *known == name);
        let field = |(index, name): (usize, &&[u8])| {
            let name = name.strip_prefix(b"meta.").unwrap_or(name);
            Some((index, Field::of(name))).filter(|(_, field)| *field != Field::Other)
        };
        Some(Columns {
            count: names.len(),
            indicator: find(b"indicator")?,
            kind: find(b"indicator_type")?,
            fields: names.iter().enumerate().filter_map(field).collect(),
        })
    }
}

fn read(lines: &mut Lines<'_>, sink: &mut dyn Sink) -> Outcome {
    let purpose = lines.reading.purpose;
    let mut columns = None;
    while let Some(line) = lines.line() {
        let number = line.number;
        if let Some(header) = line.text.strip_prefix(HEADER) {
            columns = Columns::of(header);
        } else if let (true, Some(columns)) = (detect(line), &columns) {
            match parse(line.text, columns, purpose) {
                Ok(Some(entry)) => sink.entry(number, entry, None),
                Ok(None) => sink.event(number, Event::Skipped),
                Err(error) => sink.reject(number, error, line.raw),
            }
        } else {
            lines.reject_other(NAME, sink);
        }
        lines.advance();
    }
    Ok(NAME.into())
}

/// The address or network; nothing of an indicator of another type.
fn parse(line: &[u8], columns: &Columns, purpose: Purpose) -> Result<Option<Entry>, ParseError> {
    let values: Vec<&[u8]> = line.split(|byte| *byte == b'\t').collect();
    if values.len() != columns.count {
        return Err(ParseError::at(0, Reason::NotOfTheFormat(NAME)));
    }
    let is_network = match values[columns.kind] {
        b"Intel::ADDR" => false,
        b"Intel::SUBNET" => true,
        _ => return Ok(None),
    };
    let at = values[..columns.indicator].iter().map(|value| value.len() + 1).sum();
    let says_so = |(index, field): &(usize, Field)| {
        let value = values[*index];
        // Zeek writes truth as T and F.
        let value = if value == b"T" { b"true" } else { value };
        *index != columns.kind && field.denies(value, purpose)
    };
    if columns.fields.iter().any(says_so) {
        return Err(ParseError::at(at, Reason::Verdict));
    }
    let value = values[columns.indicator];
    let leading = leading_entry(value, 0).map_err(|error| error.behind(at))?;
    let wanted = if is_network { Form::Network } else { Form::Host };
    if leading.end < value.len() || leading.form != wanted {
        return Err(ParseError::at(at, Reason::NotAnAddress));
    }
    Ok(Some(leading.entry))
}
