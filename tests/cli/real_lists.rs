//! Lists as they are published, read whole: the figures and the very text that independent
//! programs came to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use netfilterd::ip::mask::Mask;
use netfilterd::list::{self, Entry, List};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Where the lists are that are too large to be kept with the tests.
const ELSEWHERE: &str = "NETFILTERD_LISTS";

#[test]
fn each_line_of_a_published_list_is_read() {
    for (name, path, expected) in lists() {
        let list = List::new(&name, std::fs::read(&path).expect("a list"));
        let (mut v4, mut v6, mut rejected) = (0u64, 0u64, 0u64);
        let lines = list.scan(
            |_, entry, _| match entry {
                Entry::V4(_) => v4 += 1,
                Entry::V6(_) => v6 += 1,
            },
            |_, _, _| rejected += 1,
        );
        for (key, is) in
            [("lines", lines), ("entries", v4 + v6), ("v4", v4), ("v6", v6), ("rejected", rejected)]
        {
            assert_eq!(is, number(&expected[key]), "{key} of {name}");
        }
    }
}

#[test]
fn published_lists_merge_to_the_known_number_of_ranges_and_networks() {
    for (name, path, expected) in lists() {
        let list = List::new(&name, std::fs::read(&path).expect("a list"));
        let merged = list::parse(&[list]).expect("entries").sets;
        for (key, masked) in masks(&expected) {
            let sets = mask(&key).widen(merged.clone());
            for (what, is) in [
                ("v4_ranges", sets.v4.len() as u64),
                ("v6_ranges", sets.v6.len() as u64),
                ("v4_cidrs", sets.v4.network_count()),
                ("v6_cidrs", sets.v6.network_count()),
                ("v4_addrs", sets.v4.addresses() as u64),
            ] {
                assert_eq!(is, number(&masked[what]), "{what} of {name} at {key}");
            }
        }
    }
}

#[test]
fn published_lists_print_as_the_known_text() {
    for (name, path, expected) in lists() {
        for (key, masked) in masks(&expected) {
            for (format, plural) in [("range", "ranges"), ("cidr", "cidrs")] {
                let text = print(&path, format, mask(&key));
                let of_v4 = digest(text.lines().filter(|line| !line.contains(':')));
                let of_v6 = digest(text.lines().filter(|line| line.contains(':')));
                assert_eq!(of_v4, masked[format!("sha256_v4_{plural}")], "{name} at {key}");
                assert_eq!(of_v6, masked[format!("sha256_v6_{plural}")], "{name} at {key}");
            }
        }
    }
}

/// Each list that can be had: its name, its path and what is known of it.
fn lists() -> Vec<(String, PathBuf, Value)> {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lists");
    let text = std::fs::read_to_string(kept.join("expected.json")).expect("expected.json");
    let all: BTreeMap<String, Value> = serde_json::from_str(&text).expect("JSON");
    let elsewhere = std::env::var_os(ELSEWHERE).map(PathBuf::from);
    let mut lists = Vec::new();
    let mut found_here = 0;
    for (name, expected) in all {
        let here = kept.join(&name);
        let there = elsewhere.as_ref().map(|directory| directory.join(&name));
        if here.is_file() {
            found_here += 1;
            lists.push((name, here, expected));
        } else if let Some(there) = there.filter(|path| path.is_file()) {
            lists.push((name, there, expected));
        } else {
            println!("skipped: {name} is not in the directory that {ELSEWHERE} names");
        }
    }
    assert_eq!(found_here, 9, "lists in tests/lists");
    lists
}

fn masks(expected: &Value) -> Vec<(String, Value)> {
    let masks = expected["masks"].as_object().expect("masks");
    assert_eq!(masks.len(), 4);
    masks.iter().map(|(key, masked)| (key.clone(), masked.clone())).collect()
}

/// `none`, or the two lengths as `24/64`.
fn mask(key: &str) -> Mask {
    let Some((v4, v6)) = key.split_once('/') else {
        assert_eq!(key, "none");
        return Mask::default();
    };
    Mask { v4: v4.parse().ok(), v6: v6.parse().ok() }
}

fn print(path: &Path, format: &str, mask: Mask) -> String {
    let mut command = Command::new(kit::program());
    command.args(["print", "--no-protect", "--format", format, "--file"]).arg(path);
    if let (Some(v4), Some(v6)) = (mask.v4, mask.v6) {
        command.args([format!("--mask={v4}"), format!("--mask6={v6}")]);
    }
    let output = command.output().expect("netfilterd starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn digest<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for line in lines {
        digest.update(line);
        digest.update("\n");
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}
