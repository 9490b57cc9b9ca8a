//! What `ipset list` shows.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{Narrower, NotAnAddress, NotOfTheFormat, Verdict};

use super::{has_no_entry, has_several, holds, holds_but, of_sets, refusal};

/// A set of a type with some members, as ipset 7 shows it.
fn set(name: &str, of: &str, members: &[&str]) -> String {
    let mut text = format!(
        "Name: {name}\nType: {of}\nRevision: 7\nHeader: family inet hashsize 1024 maxelem 65536 \
         bucketsize 12 initval 0x1\nSize in memory: 1234\nReferences: 0\nNumber of entries: {}\n\
         Members:\n",
        members.len()
    );
    members.iter().for_each(|member| text += &format!("{member}\n"));
    text
}

#[test]
fn the_members_of_a_set_are_entries() {
    let members = ["192.0.2.7", "198.51.100.0/24 timeout 300", "203.0.113.1 comment \"x\""];
    holds(
        &set("bad", "hash:net", &members),
        &["192.0.2.7/32", "198.51.100.0/24", "203.0.113.1/32"],
    );
    holds("Name: bad\nType: iphash\nMembers:\n192.0.2.7\n", &["192.0.2.7/32"]);
    holds(&set("bad", "hash:net", &["192.0.2.64/26 nomatch", "192.0.2.0/25"]), &["192.0.2.0/26"]);
}

#[test]
fn several_sets_are_refused_unless_one_is_chosen() {
    let two =
        format!("{}\n{}", set("a", "hash:ip", &["192.0.2.7"]), set("b", "hash:ip", &["192.0.2.9"]));
    has_several(&two, &["a", "b"]);
    of_sets(&two, &["b"], &["192.0.2.9/32"]);
    let name = NotAList::AllowSet { name: "allowed".into() };
    assert_eq!(refusal(&set("allowed", "hash:ip", &["192.0.2.7"])), name);
}

#[test]
fn a_set_that_is_shown_without_its_members_is_refused() {
    let full = set("bad", "hash:net", &["192.0.2.7"]);
    let (terse, _) = full.split_once("Members:").expect("members");
    for text in [terse, &full.replace("192.0.2.7\n", ""), "Name: bad\nType: hash:net\n192.0.2.7\n"]
    {
        assert!(matches!(refusal(text), NotAList::Kind { line: 1, .. }), "{text}");
    }
    let other = format!("{terse}\n{}", set("more", "hash:net", &["192.0.2.9"]));
    of_sets(&other, &["more"], &["192.0.2.9/32"]);
}

#[test]
fn an_empty_set_is_an_empty_list() {
    holds(&set("bad", "hash:net", &[]), &[]);
    holds("Name: bad\nType: iphash\nMembers:\n", &[]);
}

#[test]
fn a_set_whose_type_was_lost_is_a_set_all_the_same() {
    let two =
        format!("{}\n{}", set("a", "hash:ip", &["192.0.2.7"]), set("b", "hash:ip", &["192.0.2.9"]));
    let second = two.rfind("Type: hash:ip\n").expect("a type");
    let two = two[..second].to_string() + &two[second + "Type: hash:ip\n".len()..];
    has_several(&two, &["a", "b"]);
}

#[test]
fn members_that_are_more_than_an_address_are_no_entries() {
    let two = format!(
        "{}\n{}",
        set("x", "hash:ip,port", &["192.0.2.7,tcp:80"]),
        set("bad", "hash:ip", &["192.0.2.9", "other"])
    );
    holds_but(&two, &["192.0.2.9/32"], &[(9, 1, Narrower), (20, 1, NotAnAddress)]);
    has_no_entry(&set("x", "hash:ip", &["192.0.2.0"]).replace("maxelem", "netmask 24 maxelem"));
}

#[test]
fn a_comment_of_a_member_may_say_that_it_is_not_bad() {
    holds_but(
        &set("bad", "hash:ip", &["192.0.2.7 comment \"whitelisted\"", "192.0.2.9"]),
        &["192.0.2.9/32"],
        &[(9, 20, Verdict)],
    );
}

#[test]
fn a_line_that_was_appended_is_no_member() {
    let text = set("bad", "hash:ip", &["192.0.2.7"]);
    let not = NotOfTheFormat("ipset list");
    holds_but(&format!("{text}192.0.2.9\n"), &["192.0.2.7/32"], &[(10, 1, not)]);
    let text = text.replace("Number of entries: 1\n", "");
    holds_but(&format!("{text}\n192.0.2.9\n"), &["192.0.2.7/32"], &[(10, 1, not)]);
}
