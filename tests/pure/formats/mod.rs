//! The formats of lists: each file of tests/formats is read as its case says, by the second reader of
//! the kit and by the library, and both readers agree on what is made of these files at random.

mod made;
mod mutated;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use kit::reader::{self, Asked, Pair, Span};
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Address, Families, RangeSet, RangeSets};
use netfilterd::list::{self, End, List, Purpose, Selection, Source, Widest};
use netfilterd::policy::desired::{DesiredState, Request};
use netfilterd::policy::protect::Protected;
use netfilterd::progress::Unseen;
use serde_json::Value;

/// In order, neither overlapping nor touching: IPv4 and IPv6.
type Spans = [Vec<Span>; 2];

struct Case {
    id: String,
    file: String,
    asked: Asked,
    /// The bytes of the file.
    bytes: Vec<u8>,
    /// The ranges, or `None` if the file is refused.
    spans: Option<Spans>,
    rejected: Option<Vec<usize>>,
    exceptions: Vec<String>,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats")
}

fn cases() -> Vec<Case> {
    let text = std::fs::read(folder().join("cases.json")).expect("cases.json");
    let cases: Vec<Value> = serde_json::from_slice(&text).expect("JSON");
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let expect = &case["expect"];
    let file = case["file"].as_str().expect("a text");
    let texts = |value: &Value| -> Vec<String> {
        let texts = value.as_array().into_iter().flatten();
        texts.map(|text| text.as_str().expect("a text").to_string()).collect()
    };
    let spans =
        ["v4", "v6"].map(|family| texts(&expect[family]).iter().map(|it| span(it)).collect());
    let rejected = expect["rejected_lines"]
        .as_array()
        .map(|lines| lines.iter().map(|line| line.as_u64().expect("a number") as usize).collect());
    let mut asked = Asked::default();
    for (name, value) in case["options"]
        .as_array()
        .expect("options")
        .iter()
        .flat_map(|option| option.as_object().expect("an option").iter())
    {
        let value = value.as_str().expect("a text");
        let number = || value.parse().expect("a number");
        match name.as_str() {
            "from_set" => asked.from_set.push(value.to_string()),
            "widest" => asked.widest[0] = number(),
            "widest6" => asked.widest[1] = number(),
            "mask" => asked.mask[0] = Some(number()),
            "mask6" => asked.mask[1] = Some(number()),
            _ => panic!("an option {name}"),
        }
    }
    Case {
        id: case["id"].as_str().expect("a text").to_string(),
        file: file.to_string(),
        bytes: std::fs::read(folder().join(file)).expect("the file of a case"),
        asked,
        spans: (expect["outcome"] == "read").then_some(spans),
        rejected,
        exceptions: texts(&expect["exceptions"]),
    }
}

fn span(text: &str) -> Span {
    let (first, last) = text.split_once('-').expect("a range");
    (number(first.parse().expect("an address")), number(last.parse().expect("an address")))
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn written(pairs: &[Pair]) -> Vec<Pair> {
    let mut pairs = pairs.to_vec();
    pairs.sort();
    pairs
}

#[test]
fn the_second_reader_reads_each_file_as_its_case_says() {
    let mut wrong = String::new();
    let cases = cases();
    for case in &cases {
        let read = reader::read(&case.bytes, &case.asked);
        let spans = read.as_ref().ok().map(|read| read.spans.clone());
        if spans != case.spans {
            wrong += &format!("{}: {read:?}\n", case.id);
            continue;
        }
        let Ok(read) = read else { continue };
        if case.rejected.as_ref().is_some_and(|lines| *lines != read.rejected) {
            wrong +=
                &format!("{}: lines {:?} are rejected ({})\n", case.id, read.rejected, read.format);
        }
        let exceptions: Option<Vec<Pair>> =
            case.exceptions.iter().map(|text| reader::entry(text).map(|(_, pair)| pair)).collect();
        if exceptions.map(|pairs| written(&pairs)) != Some(written(&read.exceptions)) {
            wrong += &format!("{}: exceptions are {:?}\n", case.id, read.exceptions);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases.len() > 600, "{} cases", cases.len());
}

fn spans_of<A: Address>(set: &RangeSet<A>) -> Vec<Span> {
    let number = |address: A| number(address.to_ip());
    set.ranges().iter().map(|range| (number(range.first()), number(range.last()))).collect()
}

fn spans(sets: &RangeSets) -> Spans {
    [spans_of(&sets.v4), spans_of(&sets.v6)]
}

fn widest(asked: &Asked) -> Selection {
    let [v4, v6] = asked.widest.map(|length| length as u8);
    Selection { widest: Widest { v4, v6 }, ..Selection::ALL }
}

/// What the library loads of a text, or why it is refused; masks are not asked for.
fn loaded(bytes: &[u8], asked: &Asked) -> Result<Spans, String> {
    let list = List::new("list", bytes.to_vec()).to_read(Purpose::Drop, &asked.from_set);
    let contents =
        list::parse_selected(&[list], widest(asked)).map_err(|error| error.to_string())?;
    Ok(spans(&contents.sets.union(&contents.expiring.at(End::at(asked.now)))))
}

/// What the library loads of the file of a case, by the whole way from the file to the sets.
fn loaded_from_file(case: &Case) -> Result<Spans, String> {
    let mask = case.asked.mask.map(|length| length.map(|length| length as u8));
    let request = Request {
        sources: vec![Source::Path(folder().join(&case.file))],
        skip_missing: false,
        allow: Vec::new(),
        selection: widest(&case.asked),
        sets: case.asked.from_set.clone(),
        mask: Mask { v4: mask[0], v6: mask[1] },
        families: Families::BOTH,
    };
    let nothing_protected = Protected::default();
    let now = End::at(case.asked.now);
    match DesiredState::read(&request, nothing_protected, now, &Unseen) {
        Ok(desired) => Ok(spans(&desired.sets)),
        Err(_) => Err("refused".into()),
    }
}

#[test]
fn the_library_reads_each_file_as_its_case_says() {
    let mut wrong = String::new();
    for case in cases() {
        let read = loaded_from_file(&case);
        if read.as_ref().ok() != case.spans.as_ref() {
            wrong += &format!("{}: {}\n", case.id, shown(&read));
        }
        let Some(lines) = case.rejected.as_ref().filter(|_| case.spans.is_some()) else { continue };
        let mut rejected = BTreeSet::new();
        let list = List::new("list", case.bytes.clone());
        let list = list.to_read(Purpose::Drop, &case.asked.from_set);
        list.scan(
            |_, _, _| {},
            |line, _, _| {
                rejected.insert(line as usize);
            },
        );
        if read.is_ok() && !rejected.iter().eq(lines) {
            wrong += &format!("{}: lines {rejected:?} are rejected, not {lines:?}\n", case.id);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// How what the library loads relates to what the second reader reads.
enum Compared {
    Same,
    /// Nothing that the second reader does not read in one of the ways in which the file may be read.
    Less,
    /// Said for a person.
    More(String),
}

fn compared(bytes: &[u8]) -> Compared {
    let asked = Asked::default();
    let nothing: Spans = [vec![], vec![]];
    let readings = reader::readings(bytes, &asked);
    let first = loaded(bytes, &asked);
    let loaded = first.as_ref().unwrap_or(&nothing);
    let read: Vec<Spans> = (readings.iter())
        .map(|read| read.as_ref().map_or_else(|_| nothing.clone(), |read| read.spans.clone()))
        .collect();
    if *loaded == read[0] {
        return Compared::Same;
    }
    if read.iter().any(|read| is_no_more(loaded, read)) {
        return Compared::Less;
    }
    let second: Vec<_> = (readings.into_iter())
        .map(|read| read.map(|read| (read.format, shown(&Ok(read.spans)))))
        .collect();
    let text = String::from_utf8_lossy(bytes);
    Compared::More(format!(
        "{text}\n    library: {}\n    second reader: {second:?}\n",
        shown(&first)
    ))
}

fn is_no_more(inner: &Spans, outer: &Spans) -> bool {
    let within = |inner: &[Span], outer: &[Span]| {
        inner.iter().all(|(first, last)| outer.iter().any(|(a, b)| a <= first && last <= b))
    };
    within(&inner[0], &outer[0]) && within(&inner[1], &outer[1])
}

/// Ranges as a person reads them.
fn shown(read: &Result<Spans, String>) -> String {
    let Ok([v4, v6]) = read else { return format!("{read:?}") };
    let v4 = v4.iter().map(|(first, last)| {
        let of = |number: u128| std::net::Ipv4Addr::from(number as u32);
        format!("{}-{}", of(*first), of(*last))
    });
    let v6 = v6.iter().map(|(first, last)| {
        let of = |number: u128| std::net::Ipv6Addr::from(number);
        format!("{}-{}", of(*first), of(*last))
    });
    v4.chain(v6).collect::<Vec<_>>().join(" ")
}

/// A text with CR LF, with a byte order mark, without its last line end.
fn with_other_ends(text: &[u8]) -> [Vec<u8>; 3] {
    let crlf = text.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
    let cut = text.strip_suffix(b"\n").unwrap_or(text).to_vec();
    [crlf, [b"\xef\xbb\xbf", text].concat(), cut]
}

#[test]
fn line_ends_and_a_byte_order_mark_change_nothing() {
    let mut wrong = String::new();
    for case in cases() {
        let is_plain = !case.bytes.contains(&b'\r') && !case.bytes.contains(&0);
        let has_mark = case.bytes.starts_with(b"\xef\xbb\xbf");
        if case.spans.is_none() || !is_plain || has_mark || case.asked.mask != [None, None] {
            continue;
        }
        for text in with_other_ends(&case.bytes) {
            let second = reader::read(&text, &case.asked).map(|read| read.spans);
            for (who, read) in [("library", loaded(&text, &case.asked)), ("second reader", second)]
            {
                if read.as_ref().ok() != case.spans.as_ref() {
                    wrong += &format!("{who}: {}: {:?}\n", case.id, &text[..text.len().min(4)]);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn cases_have_names_of_their_own_and_no_file_is_without_a_case() {
    let mut files = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for case in cases() {
        assert!(ids.insert(case.id.clone()), "{} is there twice", case.id);
        files.insert(case.file, case.id);
    }
    for format in std::fs::read_dir(folder()).expect("a folder").flatten() {
        if !format.path().is_dir() {
            continue;
        }
        for file in std::fs::read_dir(format.path()).expect("a folder").flatten() {
            let path = file.path();
            let name = path.strip_prefix(folder()).expect("below it").to_str().expect("a name");
            assert!(files.contains_key(name), "{name} has no case");
        }
    }
}
