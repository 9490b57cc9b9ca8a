//! Exceptions: what a list itself says is not to be dropped holds for that list, in any order, also after
//! widening and for entries that expire.

use std::ffi::OsStr;
use std::fs;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kit::files::Folder;
use netfilterd::ip::{Families, Mask};
use netfilterd::list::{End, Selection, Source, Widest};
use netfilterd::policy::desired::{DesiredState, Request};
use netfilterd::policy::protect::{Facts, Protected};
use netfilterd::progress::Unseen;

const NOW: i64 = 1_796_000_000;

/// What lists ask for, of which each has this text.
fn desired(texts: &[&str], mask: Option<u8>) -> DesiredState {
    let folder = Folder::new();
    let sources: Vec<Source> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| Source::Path(folder.file(&format!("list{number}"), text).into()))
        .collect();
    desired_of(sources, mask)
}

/// The same of files.
fn desired_of(sources: Vec<Source>, mask: Option<u8>) -> DesiredState {
    let request = Request {
        sources,
        skip_missing: false,
        allow: Vec::new(),
        selection: Selection { widest: Widest { v4: 8, v6: 16 }, newest: None },
        sets: Vec::new(),
        mask: Mask { v4: mask, v6: mask.map(|_| 64) },
        families: Families::BOTH,
    };
    let protected = Protected::new(&Facts::default());
    DesiredState::read(&request, protected, End::at(NOW), &Unseen)
        .unwrap_or_else(|_| panic!("lists"))
}

fn ranges(desired: &DesiredState) -> Vec<String> {
    let v4 = desired.sets.v4.ranges().iter().map(|range| range.network_or_range().to_string());
    let v6 = desired.sets.v6.ranges().iter().map(|range| range.network_or_range().to_string());
    v4.chain(v6).collect()
}

#[test]
fn an_exception_is_taken_out_of_its_list_wherever_it_stands() {
    for text in ["!192.0.2.7\n192.0.2.0/28\n", "192.0.2.0/28\n!192.0.2.7\n"] {
        let desired = desired(&[text], None);
        assert_eq!(ranges(&desired), ["192.0.2.0-192.0.2.6", "192.0.2.8/29"]);
        assert_eq!(desired.lists.summaries[0].exceptions, 1);
    }
}

#[test]
fn an_exception_holds_after_widening() {
    let desired = desired(&["192.0.2.9\n!192.0.2.7\n2001:db8::9\n!2001:db8::7\n"], Some(28));
    assert_eq!(
        ranges(&desired),
        [
            "192.0.2.0-192.0.2.6",
            "192.0.2.8/29",
            "2001:db8::-2001:db8::6",
            "2001:db8::8-2001:db8::ffff:ffff:ffff:ffff"
        ]
    );
}

#[test]
fn an_entry_that_is_an_exception_as_a_whole_is_not_widened() {
    assert_eq!(ranges(&desired(&["192.0.2.7\n!192.0.2.7\n"], Some(24))), [""; 0]);
}

#[test]
fn an_exception_has_no_effect_on_another_list() {
    let both = desired(&["192.0.2.0/28\n!192.0.2.7\n", "192.0.2.7\n"], None);
    assert_eq!(ranges(&both), ["192.0.2.0/28"]);
}

#[test]
fn an_exception_holds_for_entries_that_expire_and_after_they_have() {
    let text = format!("192.0.2.0/28 until {}\n!192.0.2.7\n192.0.2.7 until {}\n", NOW + 9, NOW + 9);
    let desired = desired(&[&text], Some(28));
    assert_eq!(ranges(&desired), ["192.0.2.0-192.0.2.6", "192.0.2.8/29"]);
    assert_eq!(desired.timeline.next_end(End::at(NOW)), Some(End::at(NOW + 9)));
    assert!(desired.timeline.at(End::at(NOW + 9)).is_empty());
    assert_eq!(desired.timeline.expired(End::at(NOW + 9)), 2);
}

#[test]
fn an_exception_that_is_too_wide_is_not_applied_and_is_named() {
    let desired = desired(&["10.1.0.0/16\n!0.0.0.0/1\n"], None);
    assert_eq!(ranges(&desired), ["10.1.0.0/16"]);
    let ignored = desired.lists.ignored[0].to_string();
    assert!(ignored.ends_with(
        "list0:2: exception 0.0.0.0/1 is not applied (too wide): wider than /8, which --widest sets; if \
         it must pass, allow it with --allow"
    ), "{ignored}");
}

#[test]
fn an_address_that_is_excepted_is_traced_to_its_entry_and_to_the_exception() {
    let desired = desired(&["192.0.2.0/28\n!192.0.2.7\n"], None);
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let mut found = Vec::new();
    desired.trace(&[address], |_, origin| found.push((origin.line, origin.excepted)));
    assert_eq!(found, [(1, true)]);
    assert_eq!(desired.first_origin(address), None);
    let exceptions = desired.excepting(address);
    assert_eq!(exceptions.len(), 1);
    assert_eq!(
        (exceptions[0].line, Path::new(exceptions[0].list).file_name().unwrap()),
        (2, "list0".as_ref())
    );
    let other: IpAddr = "192.0.2.8".parse().unwrap();
    assert!(desired.first_origin(other).is_some_and(|place| place.ends_with("list0:1")));
}

#[test]
fn an_exception_is_that_of_its_list_where_two_lists_are_shown_by_one_name() {
    let folder = Folder::new();
    let file = |name: &[u8], text: &str| {
        let path = folder.path().join(OsStr::from_bytes(name));
        fs::write(&path, text).expect("it can be written");
        Source::Path(path)
    };
    let sources =
        vec![file(b"list\xfe", "192.0.2.0/28\n!192.0.2.7\n"), file(b"list\xff", "192.0.2.7\n")];
    let desired = desired_of(sources, None);
    let mut found = Vec::new();
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    desired.trace(&[address], |_, origin| found.push((origin.entry.to_string(), origin.excepted)));
    assert_eq!(found, [("192.0.2.0/28".to_string(), true), ("192.0.2.7/32".to_string(), false)]);
    assert!(desired.first_origin(address).is_some());
}

#[test]
fn a_line_with_an_exclamation_mark_is_kept_as_an_exception_in_a_format_that_has_none() {
    for list in ["deny 192.0.2.0/28;\n", "add bad 192.0.2.0/28\n", "ALL: 192.0.2.0/28\n"] {
        let desired = desired(&[&format!("{list}!192.0.2.7\n{list}")], None);
        assert_eq!(ranges(&desired), ["192.0.2.0-192.0.2.6", "192.0.2.8/29"], "{list}");
        assert_eq!(desired.lists.summaries[0].rejected, 1, "{list}");
    }
}
