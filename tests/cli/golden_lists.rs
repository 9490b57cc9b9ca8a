//! Golden cases: a list, its options, and the result of reading, widening and merging it.
//!
//! The cases come from the test suites of other tools, from real feeds and from attempts to break
//! a reader; their results were computed by independent programs. Where careful tools differ, the
//! table below says what drop_ips(5) decides.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Address, RangeSet, RangeSets};
use netfilterd::list::{self, List, ListError};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What is decided where a case leaves a choice.
enum Decision {
    /// The first result of the case.
    Expected,
    /// One of the other results that the case permits, counted from 0.
    Alternative(usize),
    /// No line of it is an entry, so the list is refused. The lines are those of the case.
    Refused,
    /// A result that the case does not spell out: networks of IPv4 and of IPv6.
    Own(&'static [&'static str], &'static [&'static str]),
}

use Decision::{Alternative, Expected, Own, Refused};

const FEED: &str = "a format of feeds that is read";
const RESULT_ONLY: &str = "a network like any other to the reader; a guard judges the result";

const DECISIONS: &[(&str, Decision, &str)] = &[
    ("iprange-17-dotted-netmask", Alternative(0), "a contiguous netmask is a prefix length"),
    ("iprange-72-raw-integer", Expected, "an IPv4 address has four octets"),
    ("iprange-81-mapped", Alternative(0), "an IPv4-mapped host is the IPv4 host"),
    ("ipset-slash0", Expected, RESULT_ONLY),
    ("mask0", Alternative(0), "--mask goes from 8 to 32"),
    (
        "mask-mapped-trap",
        Alternative(0),
        "an IPv4-mapped host is the IPv4 host, and widened as one",
    ),
    (
        "mask-loopback6-trap",
        Own(&["203.0.113.0/24"], &["::1/128"]),
        "an entry in ::/8 is never widened",
    ),
    (
        "mask-linklocal-trap",
        Own(&[], &["fe80::1234/128"]),
        "an entry in fe80::/10 is never widened",
    ),
    ("mapped-96-trap", Alternative(0), "an IPv4-mapped network is rejected"),
    ("mapped-prefix-short", Alternative(0), "an IPv4-mapped network is rejected"),
    ("p0", Expected, RESULT_ONLY),
    ("p0-v6", Expected, RESULT_ONLY),
    ("almost-whole-real", Expected, RESULT_ONLY),
    ("cr-only", Refused, "a line ends in LF, and text after an entry is not guessed at"),
    ("json-lines", Alternative(0), FEED),
    ("ipsum-count", Alternative(0), FEED),
    ("dshield-tab", Alternative(0), FEED),
    ("p2p", Alternative(0), FEED),
    ("emule-dat", Alternative(0), FEED),
    ("emule-zero-padded", Expected, "a list is read in one format, and half of it is plain"),
    ("free-text", Alternative(0), FEED),
    ("inline-hash-tight", Alternative(0), "a comment may begin right behind an address"),
    ("leading-zero-prefix", Expected, "zeros lead nowhere but in the fixed-width form"),
    ("short-cidr", Expected, "an IPv4 address has four octets"),
    ("two-on-a-line", Expected, "a line holds one entry"),
    ("nbsp", Expected, "blanks are space and tab"),
    ("v6-mapped-hex", Alternative(0), "an IPv4-mapped host is the IPv4 host, however written"),
    ("vt-ff-space", Expected, "blanks are space and tab"),
    ("all-bad-but-one", Expected, RESULT_ONLY),
];

#[test]
fn each_list_gives_the_result_that_every_careful_tool_gives() {
    let cases = cases("must");
    assert!(cases.len() > 70, "{} cases", cases.len());
    let faults: Vec<_> = cases.iter().flat_map(|case| judge(case, &Wish::new(case))).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn where_careful_tools_differ_drop_ips_decides() {
    let mut faults = Vec::new();
    for case in cases("choice") {
        let Some((_, decision, why)) = DECISIONS.iter().find(|(id, ..)| *id == case["id"]) else {
            continue;
        };
        let wish = Wish::new(&case).decided(&case, decision);
        faults.extend(judge(&case, &wish).into_iter().map(|fault| format!("{fault} ({why})")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_choice_has_one_decision_and_each_decision_a_choice() {
    let open = cases("choice");
    let open: BTreeSet<_> = open.iter().map(|case| text(&case["id"])).collect();
    let decided: BTreeSet<_> = DECISIONS.iter().map(|(id, ..)| *id).collect();
    assert_eq!(open, decided);
    assert_eq!(DECISIONS.len(), decided.len(), "an id is in the table twice");
}

#[test]
fn a_mask_out_of_its_bounds_is_a_usage_error() {
    for (option, bad, good) in [
        ("--mask", ["0", "7", "33", "-1", "24.0"], ["8", "32"]),
        ("--mask6", ["0", "15", "129", "-1", "x"], ["16", "128"]),
    ] {
        for length in bad {
            let status = exit_status(&["print", &format!("{option}={length}")], b"192.0.2.1\n");
            assert_eq!(status, 2, "{option}={length}");
        }
        for length in good {
            let status = exit_status(&["print", &format!("{option}={length}")], b"192.0.2.1\n");
            assert_eq!(status, 0, "{option}={length}");
        }
    }
}

/// What a case is to give. What is `None` is not compared.
struct Wish {
    v4_ranges: Option<Vec<String>>,
    v6_ranges: Option<Vec<String>>,
    v4_cidrs: Option<Vec<String>>,
    v6_cidrs: Option<Vec<String>>,
    rejected: Vec<u64>,
    file: FileWish,
}

/// What is to become of the list as a whole.
#[derive(Debug, PartialEq)]
enum FileWish {
    Read,
    NoEntry,
    Empty,
    BadOption,
}

impl Wish {
    fn new(case: &Value) -> Self {
        let expect = &case["expect"];
        Wish {
            v4_ranges: texts(&expect["v4_ranges"]),
            v6_ranges: texts(&expect["v6_ranges"]),
            v4_cidrs: texts(&expect["v4_cidrs"]),
            v6_cidrs: texts(&expect["v6_cidrs"]),
            rejected: numbers(&expect["rejected_lines"]).expect("lines that are rejected"),
            file: match text(&expect["file_error"]) {
                "none" => FileWish::Read,
                // It is read; whether so few good lines may be put in force is for a guard.
                "refuse (too many bad lines)" => FileWish::Read,
                "refuse (nothing valid)" => FileWish::NoEntry,
                "refuse empty unless allowed" => FileWish::Empty,
                "refuse unless the format is supported" => FileWish::NoEntry,
                other => panic!("{}: unknown file_error {other:?}", case["id"]),
            },
        }
    }

    fn decided(mut self, case: &Value, decision: &Decision) -> Self {
        match decision {
            Expected => {}
            Refused => self.file = FileWish::NoEntry,
            Own(v4, v6) => {
                self.forget_v4();
                self.forget_v6();
                self.rejected.clear();
                self.v4_cidrs = Some(v4.iter().map(|text| text.to_string()).collect());
                self.v6_cidrs = Some(v6.iter().map(|text| text.to_string()).collect());
            }
            Alternative(index) => self.replace(&case["alternatives"][index]),
        }
        self
    }

    /// An alternative names only what differs, and a family in one of the two forms.
    fn replace(&mut self, other: &Value) {
        for key in other.as_object().expect("an alternative").keys() {
            match key.as_str() {
                "v4_ranges" | "v4_cidrs" => self.forget_v4(),
                "v6_ranges" | "v6_cidrs" => self.forget_v6(),
                _ => {}
            }
        }
        for (key, value) in other.as_object().expect("an alternative") {
            match key.as_str() {
                "v4_ranges" => self.v4_ranges = texts(value),
                "v6_ranges" => self.v6_ranges = texts(value),
                "v4_cidrs" => self.v4_cidrs = texts(value),
                "v6_cidrs" => self.v6_cidrs = texts(value),
                "rejected_lines" => self.rejected = numbers(value).expect("line numbers"),
                "file_error" if value == "refuse option" => self.file = FileWish::BadOption,
                other => panic!("unknown key {other:?}"),
            }
        }
        // An alternative that reads each line is one that supports the format.
        if self.rejected.is_empty() && self.file == FileWish::NoEntry {
            self.file = FileWish::Read;
        }
    }

    fn forget_v4(&mut self) {
        (self.v4_ranges, self.v4_cidrs) = (None, None);
    }

    fn forget_v6(&mut self) {
        (self.v6_ranges, self.v6_cidrs) = (None, None);
    }

    /// Whether the list is to name `address` as a host itself. No reader can help that; what is
    /// protected from the owner of a list is another matter.
    fn names_host(&self, address: IpAddr) -> bool {
        let hosts = if address.is_ipv4() { &self.v4_cidrs } else { &self.v6_cidrs };
        let host = ipnet::IpNet::from(address).to_string();
        hosts.as_ref().is_some_and(|hosts| hosts.contains(&host))
    }
}

/// Reads the list of a case and returns how the result differs from `wish`.
fn judge(case: &Value, wish: &Wish) -> Vec<String> {
    let id = text(&case["id"]);
    let input = input(case);
    let mut faults = Vec::new();
    let mut compare = |what: &str, is: String, wanted: String| {
        if is != wanted {
            faults.push(format!("{id}: {what}: {is} instead of {wanted}"));
        }
    };

    if wish.file == FileWish::BadOption {
        let mask = format!("--mask={}", case["options"]["mask4"]);
        compare("exit status", exit_status(&["check", &mask], &input).to_string(), "2".into());
        return faults;
    }

    let list = List::new(id, input.clone());
    let mut rejected = Vec::new();
    list.scan(|_, _, _| {}, |line, _, _| rejected.push(line));
    // A file that is known to be no list is refused as a whole.
    if list.decision().is_ok() {
        compare("rejected lines", format!("{rejected:?}"), format!("{:?}", wish.rejected));
    }

    let (sets, file) = match list::parse(&[list]) {
        Ok(contents) if contents.sets.is_empty() => (RangeSets::default(), FileWish::Empty),
        Ok(contents) => (mask(case).widen(contents.sets), FileWish::Read),
        Err(ListError::NoEntry { .. } | ListError::NotAList { .. }) => {
            (RangeSets::default(), FileWish::NoEntry)
        }
        Err(error) => panic!("{id}: {error}"),
    };
    compare("the list", format!("{file:?}"), format!("{:?}", wish.file));
    let status = match wish.file {
        FileWish::Empty => Some(3),
        FileWish::NoEntry => Some(1),
        _ => None,
    };
    if let Some(status) = status {
        let is = exit_status(&["check", "--state-file", "/dev/null/none"], &input);
        compare("exit status of check", is.to_string(), status.to_string());
    }

    for (what, is, wanted) in [
        ("v4 ranges", ranges(&sets.v4), &wish.v4_ranges),
        ("v6 ranges", ranges(&sets.v6), &wish.v6_ranges),
        ("v4 networks", networks(&sets.v4), &wish.v4_cidrs),
        ("v6 networks", networks(&sets.v6), &wish.v6_cidrs),
    ] {
        if let Some(wanted) = wanted {
            compare(what, format!("{is:?}"), format!("{wanted:?}"));
        }
    }
    let expect = &case["expect"];
    for (key, is) in [
        ("v4_ranges_count", sets.v4.len().to_string()),
        ("v4_ranges_sha256", digest_of_lines(&ranges(&sets.v4))),
        ("v4_cidrs_sha256", digest_of_lines(&networks(&sets.v4))),
    ] {
        if let Some(wanted) = expect.get(key) {
            compare(key, is, wanted.to_string().trim_matches('"').into());
        }
    }
    // What a decision reads in spite of the case stands among its networks.
    let unread = addresses(&expect["must_not_contain"]).into_iter();
    for address in unread.filter(|address| !wish.names_host(*address)) {
        compare(
            "holds",
            format!("{} {address}", sets.contains(address)),
            format!("false {address}"),
        );
    }
    for address in addresses(&expect["never_block"]) {
        if !wish.names_host(address) {
            let is = format!("{} {address}", sets.contains(address));
            compare("blocks", is, format!("false {address}"));
        }
    }
    for network in texts(&expect["forbidden_cidrs"]).unwrap_or_default() {
        let is = networks(&sets.v4).contains(&network) || networks(&sets.v6).contains(&network);
        compare("half read", format!("{is} {network}"), format!("false {network}"));
    }
    faults
}

fn cases(level: &str) -> Vec<Value> {
    let text = include_str!("../cases/list_cases.json");
    let all: Value = serde_json::from_str(text).expect("JSON");
    let all = all["cases"].as_array().expect("cases");
    assert!(all.iter().all(|case| case["level"] == "must" || case["level"] == "choice"));
    all.iter().filter(|case| case["level"] == level).cloned().collect()
}

fn mask(case: &Value) -> Mask {
    let length = |key: &str| case["options"][key].as_u64().map(|length| length as u8);
    Mask { v4: length("mask4"), v6: length("mask6") }
}

fn input(case: &Value) -> Vec<u8> {
    if let Some(text) = case["input_b64"].as_str() {
        return from_base64(text);
    }
    if let Some(text) = case["input"].as_str() {
        return text.into();
    }
    assert_eq!(case["id"], "iprange-20-large", "a generated input that is not written here");
    let input = large_input();
    assert_eq!(digest(&input), text(&case["input_sha256"]), "{}", case["input_gen"]);
    input
}

/// Three times 16,384 hosts, cut in the middle of a line.
fn large_input() -> Vec<u8> {
    let mut text = String::new();
    for x in 0..128 {
        for y in 128..256 {
            for z in [10, 30, 50] {
                text += &format!("10.{z}.{x}.{y}\n");
            }
        }
    }
    text.truncate(400_000);
    text.into()
}

fn from_base64(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter(|&digit| digit != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => panic!("not base64: {text}"),
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

fn exit_status(arguments: &[&str], input: &[u8]) -> i32 {
    let mut child = Command::new(kit::program())
        .args(arguments)
        .args(["--file", "-", "--no-protect"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("netfilterd starts");
    // A usage error comes before anything is read, so the pipe may be closed already.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    child.wait().expect("netfilterd ends").code().expect("an exit status")
}

fn ranges<A: Address>(set: &RangeSet<A>) -> Vec<String> {
    set.ranges().iter().map(ToString::to_string).collect()
}

fn networks<A: Address>(set: &RangeSet<A>) -> Vec<String> {
    set.networks().map(|network| network.to_string()).collect()
}

fn digest_of_lines(lines: &[String]) -> String {
    let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
    digest(text.as_bytes())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    Some(value.as_array()?.iter().map(|item| text(item).to_string()).collect())
}

fn numbers(value: &Value) -> Option<Vec<u64>> {
    value.as_array()?.iter().map(Value::as_u64).collect()
}

fn addresses(value: &Value) -> Vec<IpAddr> {
    let texts = texts(value).unwrap_or_default();
    texts.iter().map(|text| text.parse().expect("an address")).collect()
}
