//! The formats that lists come in, one a file.
//!
//! A [`Format`] says which lines are its own, and reads them from [`Lines`] into a [`Sink`]. A line is
//! read as a whole, or rejected for what is wrong with it in the format that it begins like; what no
//! format explains keeps the error of the grammar.
//!
//! `reader` has what a format reads from and into, `block` what becomes of a line, `text` and `json`
//! what several formats have in common.

mod annotated;
mod block;
mod dshield;
mod emule;
mod ipset;
mod ipsum;
mod json;
mod json_document;
mod json_lines;
mod nft;
mod nginx;
mod peerguardian;
pub mod plain;
mod reader;
mod text;

pub use json_document::is_document;
pub use reader::{Format, Line, Lines, Sink};

/// All formats. Where a line could be of two, the first one counts.
pub static FORMATS: [Format; 11] = [
    json_document::FORMAT,
    plain::FORMAT,
    ipsum::FORMAT,
    dshield::FORMAT,
    emule::FORMAT,
    annotated::FORMAT,
    json_lines::FORMAT,
    nft::FORMAT,
    nginx::FORMAT,
    ipset::FORMAT,
    peerguardian::FORMAT,
];

/// Reads a list, of whatever formats its lines are. Returns how many lines it has.
pub fn read<S: Sink>(text: &[u8], sink: &mut S) -> u64 {
    let mut lines = Lines::of(text);
    while let Some(line) = lines.line() {
        match format_of(line) {
            // Compiled for this sink: through the table each of a million plain lines would be a call.
            Some(format) if format.name == plain::FORMAT.name => plain::read(&mut lines, sink),
            Some(format) => (format.read)(&mut lines, sink),
            None => {
                lines.reject_unknown(sink);
                lines.advance();
            }
        }
    }
    lines.taken()
}

fn format_of(line: &Line<'_>) -> Option<&'static Format> {
    FORMATS.iter().find(|format| (format.detect)(line))
}

#[cfg(test)]
mod tests {
    use super::super::end::End;
    use super::super::entry::Entry;
    use super::super::parse_error::ParseError;
    use super::*;

    /// A line of each format, as drop_ips(5) shows it, alone in its list.
    const LINES: [(&str, &str); 24] = [
        ("plain", "192.0.2.0/24"),
        ("plain", "2001:db8::10-2001:db8::1f"),
        ("plain", "192.0.2.7 until 2027-01-31T00:00:00Z"),
        ("plain", "1.10.16.0/20 ; SBL256894"),
        ("plain", "# comment"),
        ("host and count", "77.90.185.20\t10"),
        ("DShield", "Start\tEnd\tNetblock\tAttacks\tName\tCountry\temail"),
        ("DShield", "16.5.0.0\t16.5.0.255\t24\t117\tEXAMPLE-NET\tUS\tabuse@example.com"),
        ("DShield", "16.5.0.0\t16.5.0.255"),
        ("ipfilter.dat", "198.51.100.0 - 198.51.100.255 , 200 , let through"),
        ("network and text", "192.0.2.0/24 EXAMPLE-20190313 (Example LLC)"),
        ("network and text", "192.0.2.0/24 nomatch"),
        ("JSON lines", "{\"cidr\":\"1.10.16.0/20\",\"sblid\":\"SBL256894\",\"rir\":\"apnic\"}"),
        ("JSON lines", "{\"type\":\"metadata\",\"records\":1670}"),
        ("JSON document", "{\"list\": [\"192.0.2.0/24\"]}"),
        ("JSON document", "[\"192.0.2.0/24\"]"),
        ("nft script", "add element inet filter drop { 198.51.100.0/24 }"),
        ("nft script", "define BAD = { 192.0.2.7, 192.0.2.9 }"),
        ("nginx", "deny 192.0.2.0/24;"),
        ("nginx", "allow 192.0.2.0/24;"),
        ("ipset save", "create drop hash:net family inet hashsize 1024 maxelem 65536"),
        ("ipset save", "add drop 192.0.2.0/24"),
        ("ipset save", "add set 192.0.2.0/24"),
        ("PeerGuardian", "Example Corp. (www.example.com):192.0.2.0-192.0.2.255"),
    ];

    #[test]
    fn each_line_is_recognised_as_one_of_its_format() {
        for (name, text) in LINES {
            let lines = Lines::of(text.as_bytes());
            let format = lines.line().and_then(format_of);
            assert_eq!(format.map(|format| format.name), Some(name), "{text}");
        }
    }

    #[test]
    fn each_format_has_a_name_of_its_own_and_a_line() {
        for format in &FORMATS {
            let same = FORMATS.iter().filter(|other| other.name == format.name);
            assert_eq!(same.count(), 1, "{}", format.name);
            assert!(LINES.iter().any(|(name, _)| *name == format.name), "{}", format.name);
        }
    }

    /// The lines of which something is received.
    #[derive(Default)]
    struct Received(Vec<u64>);

    impl Sink for Received {
        fn entry(&mut self, line: u64, _: Entry, _: Option<End>) {
            self.0.push(line);
        }

        fn reject(&mut self, line: u64, _: ParseError, _: &[u8]) {
            self.0.push(line);
        }
    }

    #[test]
    fn each_format_goes_on_to_the_first_line_that_is_not_its_own() {
        for (name, text) in LINES.iter().filter(|(name, _)| *name != "JSON document") {
            let other = if *name == "plain" { "deny 192.0.2.9;" } else { "192.0.2.9" };
            let list = format!("{text}\n{other}\n");
            let mut lines = Lines::of(list.as_bytes());
            let format = lines.line().and_then(format_of).expect("a format");
            let mut received = Received::default();
            (format.read)(&mut lines, &mut received);
            let line = lines.line().expect("the other line");
            assert_eq!((line.number, line.text), (2, other.as_bytes()), "{text}");
            assert!(received.0.iter().all(|line| *line == 1), "{text}");
        }
    }
}
