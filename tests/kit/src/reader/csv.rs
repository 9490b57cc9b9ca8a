//! Tables whose header names the column of the addresses, and crowdsec's.

use super::address::{Pair, entry, is_comment};
use super::{Found, Line, What, words};

const COLUMNS: [&str; 9] =
    ["ip", "ipaddress", "address", "network", "cidr", "prefix", "subnet", "srcip", "dstip"];
const PAIRS: [(&str, &str); 3] = [("start", "end"), ("first", "last"), ("from", "to")];
/// Columns of tables of the whole internet.
const WORLD: [&str; 5] =
    ["geonameid", "autonomoussystemnumber", "continentcode", "countrycode", "asdomain"];

enum Column {
    One(usize),
    Pair(usize, usize),
    Crowdsec,
}

/// A record: its first line and its fields, or none if its quotes are wrong.
type Record = (std::ops::RangeInclusive<usize>, Option<Vec<String>>);

pub(super) fn read(lines: &[Line]) -> Option<Found> {
    let (head, mark) = header(lines)?;
    let names: Vec<String> = head.1.iter().map(|name| bare(name)).collect();
    let mut found = Found::new("CSV");
    let world = names.iter().filter(|name| WORLD.contains(&name.as_str())).count();
    if world > 1 || names.iter().any(|name| WORLD[..2].contains(&name.as_str())) {
        found.refused = Some("a table of the whole internet");
    }
    let mut columns = columns(&names);
    if columns.len() > 1 {
        found.refused = Some("two columns of addresses");
    }
    let column = columns.pop()?;
    for (range, fields) in records(lines, head.0, mark) {
        let number = *range.start();
        let fields = fields.filter(|fields| fields.len() == names.len());
        match fields.and_then(|fields| row(&column, &fields)) {
            Some(Some(pair)) => found.add(number, "", What::Entry(pair)),
            Some(None) => {}
            None => range.for_each(|number| found.reject(number)),
        }
    }
    Some(found)
}

/// Where the rows begin, the names of the columns, and the mark between them. A header may be the last
/// comment before the rows that names a column.
fn header(lines: &[Line]) -> Option<((usize, Vec<String>), char)> {
    let mut best = None;
    for (at, line) in lines.iter().enumerate() {
        let text = line.text.as_deref()?.trim();
        let bare = text.trim_start_matches(['#', ';', ' ', '\t']);
        let is_comment = is_comment(text);
        for mark in [',', ';'] {
            let Some(Some(names)) = fields(bare, mark) else { continue };
            let names: Vec<String> = names;
            let lower: Vec<String> = names.iter().map(|name| self::bare(name)).collect();
            let is_header = (names.len() > 1 || !is_comment) && is_header(&lower);
            if is_header {
                best = Some(((at + 1, names), mark));
                break;
            }
        }
        if !is_comment {
            break;
        }
    }
    best
}

/// A name in small letters without underscores.
fn bare(name: &str) -> String {
    name.trim().to_lowercase().replace('_', "")
}

fn is_header(names: &[String]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    COLUMNS.iter().any(|name| has(name))
        || PAIRS.iter().any(|(first, last)| has(first) && has(last))
        || WORLD.iter().any(|name| has(name))
}

fn columns(names: &[String]) -> Vec<Column> {
    if ["source", "ip", "action", "simulated"].iter().all(|name| names.iter().any(|n| n == name)) {
        return vec![Column::Crowdsec];
    }
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    let mut columns: Vec<Column> = (0..names.len())
        .filter(|at| COLUMNS.contains(&names[*at].as_str()))
        .map(Column::One)
        .collect();
    for (first, last) in PAIRS {
        if let (Some(first), Some(last)) = (place(first), place(last)) {
            columns.push(Column::Pair(first, last));
        }
    }
    columns
}

/// The entry of a row, none if it is no ban, or `None` if the row is rejected.
fn row(column: &Column, fields: &[String]) -> Option<Option<Pair>> {
    let fields: Vec<&str> = fields.iter().map(|field| field.trim()).collect();
    let pair = match column {
        Column::Crowdsec => return crowdsec(&fields),
        Column::One(at) => entry(fields[*at])?.1,
        Column::Pair(first, last) => entry(&format!("{}-{}", fields[*first], fields[*last]))?.1,
    };
    let others = fields.iter().filter(|field| entry(field).is_none());
    (!others.into_iter().any(|field| words::says_good(field))).then_some(Some(pair))
}

/// `id,source,Ip:ADDRESS,reason,action,country,as,events,expiration,simulated,alert`.
fn crowdsec(fields: &[&str]) -> Option<Option<Pair>> {
    let [_, _, value, _, action, _, _, _, expiration, simulated, ..] = fields[..] else {
        return None;
    };
    let (scope, value) = value.split_once(':')?;
    let is_ban = action == "ban" && simulated == "false" && !expiration.starts_with('-');
    if !is_ban || !["ip", "range"].contains(&scope.to_lowercase().as_str()) {
        return Some(None);
    }
    Some(Some(entry(value)?.1))
}

fn records(lines: &[Line], from: usize, mark: char) -> Vec<Record> {
    let mut records = vec![];
    let mut at = from;
    while at < lines.len() {
        let first = at;
        let mut text = lines[at].text.clone();
        at += 1;
        if text.as_deref().is_some_and(|text| is_comment(text.trim())) {
            continue;
        }
        // A field in quotes may go on in the next lines.
        let mut found = text.as_deref().and_then(|text| fields(text, mark));
        let mut end = at;
        while let (Some(front), Some(None), Some(next)) = (&text, &found, lines.get(end)) {
            let Some(next) = &next.text else { break };
            text = Some(format!("{front}\n{next}"));
            found = text.as_deref().and_then(|text| fields(text, mark));
            end += 1;
        }
        if matches!(found, Some(Some(_))) {
            at = end;
        }
        records.push((lines[first].number..=lines[at - 1].number, found.flatten()));
    }
    records
}

/// The fields of a record; `Some(None)` if a quote is still open, `None` if one is in a wrong place.
fn fields(text: &str, mark: char) -> Option<Option<Vec<String>>> {
    let mut fields = vec![];
    let mut rest = text;
    loop {
        let start = rest.trim_start_matches([' ', '\t']);
        if let Some(mut inside) = start.strip_prefix('"') {
            let mut field = String::new();
            loop {
                let Some((front, behind)) = inside.split_once('"') else { return Some(None) };
                field.push_str(front);
                match behind.strip_prefix('"') {
                    Some(more) => {
                        field.push('"');
                        inside = more;
                    }
                    None => {
                        rest = behind.trim_start_matches([' ', '\t']);
                        break;
                    }
                }
            }
            fields.push(field);
        } else {
            let end = rest.find(mark).unwrap_or(rest.len());
            if rest[..end].contains('"') {
                return None;
            }
            fields.push(rest[..end].to_string());
            rest = &rest[end..];
        }
        if rest.is_empty() {
            return Some(Some(fields));
        }
        rest = rest.strip_prefix(mark)?;
    }
}
