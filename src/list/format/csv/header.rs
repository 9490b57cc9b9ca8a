//! How CSV begins: which columns it has, and which of them has the network.

use super::row::{Fields, Splitter};
use crate::list::address::parse_v4;
use crate::list::format::fields::{Field, normalised};
use crate::list::grammar::{Form, leading_entry};

/// What CSV is by how it begins.
pub struct Beginning {
    /// The sign between its fields.
    pub delimiter: u8,
    /// The line with the names of the columns; 0 if there is none.
    pub line: u64,
    /// Those names.
    pub names: Vec<String>,
    /// What is to be read of it.
    pub columns: Columns,
}

/// Which column has the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Columns {
    /// This one.
    One(usize),
    /// These two have its first and its last address.
    Pair(usize, usize),
    /// Those that decisions of crowdsec have.
    Crowdsec(Crowdsec),
    /// Each of these could.
    Several(Vec<usize>),
    /// It is a table of the whole address space.
    World,
    /// None has a known name. Addresses stand in this one.
    Unnamed(usize),
    /// The same, of addresses with ports.
    WithPorts(usize),
}

/// The columns that say what a decision of crowdsec is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowdsec {
    /// The address or network, perhaps with its scope in front.
    pub value: usize,
    /// What is done.
    pub action: usize,
    /// For how long.
    pub expiration: usize,
    /// Whether it is only simulated.
    pub simulated: usize,
}

/// Names of columns with a network, normalised.
const NETWORKS: [&str; 8] =
    ["ip", "ipaddress", "address", "network", "cidr", "prefix", "subnet", "srcip"];

/// The other end of traffic, of which a header may have one or the other.
const DESTINATION: &str = "dstip";

/// Names that could be of the network, too, or of its other half.
const ALSO: [&str; 10] = [
    "sourceip",
    "destinationip",
    "destip",
    "ipv4",
    "ipv6",
    "netmask",
    "mask",
    "prefixlen",
    "prefixlength",
    "masklen",
];

/// Names of two columns with the first and the last address.
const PAIRS: [(&str, &str); 3] = [("start", "end"), ("first", "last"), ("from", "to")];

/// Names that only tables of the whole address space have.
const WORLD: [&str; 12] = [
    "geonameid",
    "registeredcountrygeonameid",
    "representedcountrygeonameid",
    "isanonymousproxy",
    "issatelliteprovider",
    "isanycast",
    "autonomoussystemnumber",
    "autonomoussystemorganization",
    "continent",
    "continentcode",
    "continentname",
    "asdomain",
];

/// How much is looked at for the header.
const SAMPLE: usize = 64 << 10;

/// What CSV is by how it begins; nothing if it is none.
pub fn find(text: &[u8]) -> Option<Beginning> {
    let sample = &text[..text.len().min(SAMPLE)];
    let mut commented: Vec<Beginning> = Vec::new();
    let mut at = 0;
    let mut number = 0;
    while at < sample.len() {
        let length = memchr::memchr(b'\n', &sample[at..]).unwrap_or(sample.len() - at);
        let line = &sample[at..at + length];
        number += 1;
        match comment(line) {
            Some(b"") => {}
            // The last header in a comment counts, and no other.
            Some(comment) => commented.extend(named(comment, comment.len(), number, 2)),
            None => return begin(&sample[at..], length, number, commented.pop()),
        }
        at += length + 1;
    }
    None
}

/// What stands in a comment; nothing of a line that is none.
fn comment(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii();
    let inner = line.strip_prefix(b"#").or_else(|| line.strip_prefix(b"//"));
    if line.is_empty() { Some(line) } else { inner.map(<[u8]>::trim_ascii) }
}

/// What CSV is by its first line that is no comment, and the header above it in a comment.
fn begin(text: &[u8], line: usize, number: u64, above: Option<Beginning>) -> Option<Beginning> {
    if let Some(above) = above {
        let fields = Splitter::new(above.delimiter).split(text, line).map(|fields| fields.count());
        if fields == Some(above.names.len()) {
            return Some(above);
        }
    }
    named(text, line, number, 1)
        .map(|header| header.with_row(&text[(line + 1).min(text.len())..]))
        .or_else(|| unnamed(text, line, number))
}

/// A header of at least so many columns, of which one has a known name.
fn named(text: &[u8], line: usize, number: u64, least: usize) -> Option<Beginning> {
    b",;".iter().find_map(|&delimiter| {
        let names = names(text, line, delimiter)?;
        let columns = columns(&names)?;
        (names.len() >= least).then_some(Beginning { delimiter, line: number, names, columns })
    })
}

/// The names of columns on a line; nothing if an address is among them.
fn names(text: &[u8], line: usize, delimiter: u8) -> Option<Vec<String>> {
    let mut splitter = Splitter::new(delimiter);
    let fields = splitter.split(text, line).filter(|fields| fields.more_lines == 0)?;
    let has_address = fields.iter().any(|field| form(field).is_some());
    let name = |field: &[u8]| String::from_utf8_lossy(field).escape_debug().to_string();
    (!has_address).then(|| fields.iter().map(name).collect())
}

/// Which columns of these names have the network; nothing if none has a known name.
fn columns(names: &[String]) -> Option<Columns> {
    let known: Vec<String> = names.iter().map(|name| normalised(name.as_bytes())).collect();
    let all = |wanted: &[&str]| -> Vec<usize> {
        (0..known.len()).filter(|index| wanted.contains(&known[*index].as_str())).collect()
    };
    let find = |name: &str| known.iter().position(|known| known == name);
    let mut networks = all(&NETWORKS);
    networks.extend(find(DESTINATION));
    let pairs: Vec<(usize, usize)> =
        PAIRS.iter().filter_map(|(first, last)| Some((find(first)?, find(last)?))).collect();
    if networks.is_empty() && pairs.is_empty() {
        return None;
    }
    if WORLD.iter().any(|name| find(name).is_some()) {
        return Some(Columns::World);
    }
    if let (Some(value), Some(action), Some(expiration), Some(simulated)) =
        (find("ip"), find("action"), find("expiration"), find("simulated"))
    {
        return Some(Columns::Crowdsec(Crowdsec { value, action, expiration, simulated }));
    }
    let also = all(&ALSO);
    match (&networks[..], &pairs[..]) {
        ([one], _) if also.is_empty() => Some(Columns::One(*one)),
        ([], [(first, last)]) if also.is_empty() => Some(Columns::Pair(*first, *last)),
        _ => {
            let pairs = pairs.iter().flat_map(|(first, last)| [*first, *last]);
            Some(Columns::Several(networks.iter().copied().chain(also).chain(pairs).collect()))
        }
    }
}

impl Beginning {
    /// The same with a look at the first row: where `start` and `end` are addresses beside a column with
    /// the network, each could be meant; else they are times.
    fn with_row(mut self, text: &[u8]) -> Self {
        let Columns::One(one) = self.columns else { return self };
        let line = memchr::memchr(b'\n', text).unwrap_or(text.len());
        let mut splitter = Splitter::new(self.delimiter);
        let Some(fields) = splitter.split(text, line) else { return self };
        let ends = PAIRS.iter().flat_map(|(first, last)| [first, last]);
        let ends: Vec<usize> = ends
            .filter_map(|end| {
                self.names.iter().position(|name| normalised(name.as_bytes()) == **end)
            })
            .filter(|index| form(fields.get(*index)).is_some())
            .collect();
        if !ends.is_empty() {
            self.columns = Columns::Several([vec![one], ends].concat());
        }
        self
    }

    /// What the columns say of the entry, by their names.
    pub fn fields(&self) -> Vec<Field> {
        self.names.iter().map(|name| Field::of(name.as_bytes())).collect()
    }

    /// Whether a column says in which country or network a row is, as in tables of the whole address space.
    pub fn says_where(&self) -> bool {
        const WHERE: [&str; 10] = [
            "country",
            "countrycode",
            "countryname",
            "cc",
            "asn",
            "as",
            "asname",
            "region",
            "city",
            "isp",
        ];
        self.names.iter().any(|name| WHERE.contains(&normalised(name.as_bytes()).as_str()))
    }
}

/// CSV without a known name: by a header of other names and the row below it, or by two rows.
fn unnamed(text: &[u8], line: usize, number: u64) -> Option<Beginning> {
    b",;".iter().find_map(|&delimiter| {
        let (mut first, mut second) = (Splitter::new(delimiter), Splitter::new(delimiter));
        let row = first.split(text, line)?;
        let below = below(text, line, row.more_lines);
        let next = second.split(below, memchr::memchr(b'\n', below).unwrap_or(below.len()));
        let next = next.filter(|next| !below.is_empty() && next.count() == row.count());
        if row.count() < 2 {
            return None;
        }
        let is_name = |field: &[u8]| field.first().is_some_and(u8::is_ascii_alphabetic);
        if row.iter().all(is_name) && row.iter().all(|field| form(field).is_none()) {
            let columns = of_addresses(&next?)?;
            let names = names(text, line, delimiter)?;
            return Some(Beginning { delimiter, line: number, names, columns });
        }
        let columns = of_addresses(&row)?;
        // Blanks before the signs are the way of other formats.
        if text[..line].windows(2).any(|pair| pair == [b' ', delimiter]) {
            return None;
        }
        // A geofeed, which has a country behind the network.
        if row.count() == 5 && matches!(row.get(1).len(), 0 | 2) {
            return None;
        }
        let begins = row.get(0).first().is_some_and(u8::is_ascii_digit) || has_port(row.get(0));
        let is_first = matches!(columns, Columns::Unnamed(0) | Columns::WithPorts(0));
        let agrees = next.is_none_or(|next| of_addresses(&next).as_ref() == Some(&columns));
        let count = row.count();
        ((begins || is_first) && agrees).then(|| Beginning {
            delimiter,
            line: 0,
            names: vec![String::new(); count],
            columns,
        })
    })
}

/// The text below a row.
fn below(text: &[u8], line: usize, more_lines: usize) -> &[u8] {
    let mut below = &text[(line + 1).min(text.len())..];
    for _ in 0..more_lines {
        let end = memchr::memchr(b'\n', below).map_or(below.len(), |end| end + 1);
        below = &below[end..];
    }
    below
}

/// The one field of a row that is an address or a network, beside others that are none and not empty.
fn of_addresses(row: &Fields<'_>) -> Option<Columns> {
    let is_address = |field: &[u8]| matches!(form(field), Some(Form::Host | Form::Network));
    let has_range = row.iter().any(|field| form(field) == Some(Form::Range));
    let find = |is_one: &dyn Fn(&[u8]) -> bool| {
        let found: Vec<usize> = (0..row.count()).filter(|index| is_one(row.get(*index))).collect();
        <[usize; 1]>::try_from(found).ok().map(|[index]| index)
    };
    let others = row.iter().filter(|field| !field.is_empty()).count() > 1;
    if !others || has_range {
        return None;
    }
    find(&is_address).map(Columns::Unnamed).or_else(|| find(&has_port).map(Columns::WithPorts))
}

/// How a field is written that is an entry.
fn form(field: &[u8]) -> Option<Form> {
    let leading = leading_entry(field, 0).ok()?;
    (leading.end == field.len()).then_some(leading.form)
}

/// Whether a field is an address of IPv4 with a port.
fn has_port(field: &[u8]) -> bool {
    memchr::memchr(b':', field).is_some_and(|colon| {
        let port = &field[colon + 1..];
        parse_v4(&field[..colon]).is_ok() && !port.is_empty() && port.iter().all(u8::is_ascii_digit)
    })
}
