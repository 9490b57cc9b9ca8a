//! Files made at random: documents, scripts and lines of which it is known what they hold, and bytes of
//! which nothing is known.

use std::net::{Ipv4Addr, Ipv6Addr};

use kit::reader::{Pair, entry};
use netfilterd::list::{self, Entry, List, Purpose};

use super::{Compared, compared};

/// What the library has read, as a pair.
fn pair(entry: Entry) -> Pair {
    match entry {
        Entry::V4(range) => {
            (Ipv4Addr::from(range.first()).into(), Ipv4Addr::from(range.last()).into())
        }
        Entry::V6(range) => {
            (Ipv6Addr::from(range.first()).into(), Ipv6Addr::from(range.last()).into())
        }
    }
}

/// How many kinds of lines there are.
const KINDS: usize = 13;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }

    fn v4(&mut self) -> Ipv4Addr {
        let all = self.below(1 << 32) as u32;
        Ipv4Addr::from(if self.below(2) == 0 { all & 0xffff_ff00 } else { all })
    }

    fn host(&mut self) -> String {
        let address = self.v4();
        match self.below(8) {
            0 => format!("2001:db8::{:x}", self.below(1 << 16)),
            1 => format!("::ffff:{address}"),
            2 => {
                let [a, b, c, d] = address.octets();
                format!("{a:03}.{b:03}.{c:03}.{d:03}")
            }
            _ => address.to_string(),
        }
    }

    fn network(&mut self) -> String {
        match self.below(8) {
            0 => format!("2001:db8:{:x}::/{}", self.below(1 << 16), self.below(140)),
            1 => format!("{}/255.255.255.0", self.v4()),
            2 => format!("::ffff:{}/{}", self.v4(), 90 + self.below(40)),
            _ => format!("{}/{}", self.v4(), self.below(35)),
        }
    }

    fn range(&mut self) -> String {
        let first = self.v4();
        let last = Ipv4Addr::from(u32::from(first).saturating_add(self.below(600) as u32));
        format!("{first}{}{last}", self.pick(&["-", " - ", " -", "- ", "\t-\t"]))
    }

    fn any(&mut self) -> String {
        match self.below(3) {
            0 => self.host(),
            1 => self.network(),
            _ => self.range(),
        }
    }

    fn words(&mut self) -> String {
        let words = [
            "Example",
            "LLC",
            "(Inc)",
            "AEC,",
            "10:15",
            "-none-",
            "v1.2",
            "36.6",
            "OK",
            "until",
            "a::b",
            "1.2.3",
            "192.0.2.1",
            "\u{416}",
            "allow",
            "ab:cd",
            "x;",
            "{",
            "SBL#2",
            "ff",
        ];
        (0..1 + self.below(3)).map(|_| self.pick(&words)).collect::<Vec<_>>().join(" ")
    }

    /// A line of one of the formats, or nearly.
    fn line(&mut self) -> String {
        let kind = self.below(KINDS);
        self.line_of(kind)
    }

    fn line_of(&mut self, kind: usize) -> String {
        let tail = self.pick(&["", "", "", " ", " # x", " ; x", "#x", "\r"]);
        let line = match kind {
            0 => self.any(),
            1 => format!("{}\t{}", self.any(), self.below(2000)),
            2 | 3 => self.dshield(),
            4 => format!("{}:{}", self.words(), self.range()),
            5 => format!("{} , {:03} , {}", self.any(), self.below(300), self.words()),
            6 => format!("{},{}", self.range(), self.below(200)),
            7 | 8 => format!("{} {}", self.any(), self.words()),
            9 => {
                let key = self.pick(&["cidr", "cidr", "cidr", "type", "x"]);
                let value = if key == "type" { "metadata".into() } else { self.any() };
                format!("{{\"{key}\":\"{value}\", \"rir\" : [1, {{}}]}}")
            }
            10 => format!("deny {};", self.any()),
            11 => {
                let option = self.pick(&[
                    "",
                    "",
                    " timeout 30",
                    " nomatch",
                    " -exist",
                    " comment \"a b\"",
                    " bytes x",
                    " packets 1 bytes 2",
                    " timeout",
                ]);
                format!("add bad {}{option}", self.any())
            }
            _ => self.pick(&["create a hash:net", "flush a", "swap a b", "allow all;"]).into(),
        };
        line + tail
    }

    fn dshield(&mut self) -> String {
        let length = 8 + self.below(25) as u8;
        let net = ipnet::Ipv4Net::new_assert(self.v4(), length).trunc();
        let off = self.below(40) == 0;
        let last = Ipv4Addr::from(u32::from(net.broadcast()).saturating_add(off.into()));
        let rest = self.words();
        format!("{}\t{last}\t{length}\t{}\t{rest}", net.network(), self.below(100))
    }

    /// Changes, removes, adds or doubles a few bytes.
    fn mutate(&mut self, line: &mut Vec<u8>) {
        for _ in 0..self.below(4) {
            let at = self.below(line.len().max(1)).min(line.len());
            let byte = match self.below(6) {
                0 => self.below(256) as u8,
                _ => b"0123456789./:-,;# \t\"abdf"[self.below(24)],
            };
            match self.below(3) {
                0 if at < line.len() => line[at] = byte,
                1 if at < line.len() => drop(line.remove(at)),
                _ => line.insert(at, byte),
            }
        }
    }
}

/// The entries of each line, or `None` for those that are rejected, where these sets are chosen.
fn scan(text: Vec<u8>, lines: usize, sets: &[String]) -> Vec<Option<Vec<Pair>>> {
    let mut entries = vec![Vec::new(); lines];
    let mut rejected = vec![false; lines];
    List::new("test", text).to_read(Purpose::Drop, sets).scan(
        |line, entry, _| entries[line as usize - 1].push(pair(entry)),
        |line, _, _| rejected[line as usize - 1] = true,
    );
    entries.into_iter().zip(rejected).map(|(entries, no)| (!no).then_some(entries)).collect()
}

#[test]
fn of_a_file_of_one_kind_of_lines_nothing_is_loaded_that_the_second_reader_does_not_read() {
    let mut random = Random(0x6665_6564_735f_3130);
    let (mut same, mut less, mut more) = (0, 0, Vec::new());
    for _ in 0..6_000 {
        let kind = random.below(KINDS);
        let mut text = String::new();
        for _ in 0..1 + random.below(6) {
            text += &(random.line_of(kind) + "\n");
        }
        let mut text = text.into_bytes();
        if random.below(3) == 0 {
            random.mutate(&mut text);
        }
        match compared(&text) {
            Compared::Same => same += 1,
            Compared::Less => less += 1,
            Compared::More(how) => more.push(format!("--- {kind}\n{how}")),
        }
    }
    assert!(more.len() < 30, "{}{same} alike, {less} less", more.concat());
    assert!(same > 5_000, "{same} alike, {less} less");
}

#[test]
fn a_script_has_the_elements_that_it_was_made_of_and_none_of_its_rules() {
    let mut random = Random(0x7363_7269_7074_2121);
    for _ in 0..4_000 {
        let mut text = String::new();
        let mut wanted = Vec::new();
        for _ in 0..1 + random.below(4) {
            // All of one set: of several, none is taken without being asked for.
            let (open, close) = match random.below(3) {
                0 => ("add element inet t s {", "}"),
                1 => (
                    "table t {\n set s {\n  type ipv4_addr; flags interval\n  elements = {",
                    "} } }",
                ),
                _ => ("table t {\n chain c {\n  ip saddr {", "} accept\n }\n}"),
            };
            let counted = !open.contains("chain");
            text += open;
            for _ in 0..1 + random.below(6) {
                text += random.pick(&["", "\n", " ", "\n\t", " # {\n"]);
                let element =
                    if random.below(2) == 0 { random.v4().to_string() } else { random.range() };
                text += &element;
                text += random.pick(&["", "", " timeout 1h", " comment \"} x\""]);
                text += random.pick(&[",", " ,", ",\n"]);
                wanted.extend(entry(&element).filter(|_| counted).map(|(_, pair)| pair));
            }
            text += random.pick(&["\n", " "]);
            text += close;
            text += "\n";
        }
        let lines = text.lines().count();
        let sets = ["BAD", "s"].map(String::from);
        let found: Vec<Pair> =
            scan(text.clone().into(), lines, &sets).into_iter().flatten().flatten().collect();
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn a_document_has_the_strings_that_it_was_made_of() {
    let mut random = Random(0x646f_6375_6d65_6e74);
    for _ in 0..4_000 {
        let strings: Vec<String> = (0..random.below(8)).map(|_| random.any()).collect();
        let name = random.words();
        let value = match random.below(3) {
            0 => serde_json::json!(strings),
            1 => serde_json::json!({"name": name, "list": strings, "more": [name, {"list": [1]}]}),
            _ => serde_json::json!({"v4": strings, "v6": []}),
        };
        let pretty = random.below(2) == 0;
        let text = if pretty {
            serde_json::to_string_pretty(&value)
        } else {
            serde_json::to_string(&value)
        };
        let mut text = text.expect("JSON");
        if random.below(2) == 0 {
            text = text.replace('/', "\\/");
        }
        let mut found = Vec::new();
        List::new("test", text.clone().into()).scan(
            |line, entry, _| {
                // The line has it.
                let line = text.lines().nth(line as usize - 1).expect("a line");
                let here = strings.iter().any(|string| {
                    self::entry(string).is_some_and(|(_, it)| it == pair(entry))
                        && line.replace('\\', "").contains(&string.replace('\t', "t"))
                });
                assert!(here, "{line}");
                found.push(pair(entry));
            },
            |_, _, _| {},
        );
        let wanted: Vec<Pair> =
            strings.iter().filter_map(|text| entry(text)).map(|(_, it)| it).collect();
        assert_eq!(found, wanted, "{text}");
    }
}

#[test]
fn no_bytes_whatever_end_the_program() {
    let mut random = Random(0x6261_6420_6279_7465);
    let pieces: [&[u8]; 20] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b"\n",
        b"\r\n",
        b"elements = {",
        b"table inet t {",
        b"define A = {",
        b"{\"list\":[",
        b"{\"cidr\":",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"<html>",
        b"\0",
        b"deny ",
        b"add x ",
        b"comment \"",
    ];
    for _ in 0..3_000 {
        let mut text = Vec::new();
        for _ in 0..random.below(30) {
            match random.below(4) {
                0 => text.extend(pieces[random.below(pieces.len())]),
                1 => text.push(random.below(256) as u8),
                2 => text.extend(random.any().as_bytes()),
                _ => text.extend([random.line().as_bytes(), b"\n"].concat()),
            }
        }
        random.mutate(&mut text);
        let lines = List::new("test", text.clone()).scan(|_, _, _| {}, |_, _, _| {});
        let mut highest = 0;
        let mut numbers = Vec::new();
        List::new("test", text.clone()).scan(
            |line, _, _| numbers.push(line),
            |line, fault, _| {
                assert!(fault.at <= text.len());
                highest = highest.max(line);
            },
        );
        assert!(numbers.is_sorted() && highest <= lines && numbers.last() <= Some(&lines));
        let _ = list::parse(&[List::new("test", text)]);
    }
}

#[test]
fn a_number_that_is_too_large_for_its_type_is_no_reason_to_reject_a_record() {
    let line = "{\"type\":\"metadata\",\"size\":1.67e33333333333333333333}";
    let contents = netfilterd::list::parse(&[netfilterd::list::List::new(
        "list",
        format!("{line}\n{{\"cidr\":\"192.0.2.1\"}}\n").into(),
    )]);
    assert_eq!(contents.unwrap().report.rejections, []);
}
