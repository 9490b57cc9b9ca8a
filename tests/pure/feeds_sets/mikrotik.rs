//! Address lists of RouterOS.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{NotAnAddress, NotOfTheFormat, UnknownBlock, Verdict};

use super::{accepts, has_several, holds, holds_but, refusal};

const MENU: &str = "/ip firewall address-list\n";

#[test]
fn what_is_added_to_a_list_is_an_entry() {
    for command in [
        "add list=bad address=192.0.2.7",
        "add address=192.0.2.7 comment=\"evil \\\"host\\\" x\" list=bad timeout=1d dynamic=yes",
        "add address=\"192.0.2.7\" list=\"bad\" disabled=no creation-time=\"2026-01-01 00:00:00\"",
        "/ip firewall address-list add list=bad address=192.0.2.7",
        "/ip/firewall/address-list/add list=bad address=192.0.2.7",
        "ip firewall address-list add list=bad address=192.0.2.7",
        "ip firewall address-list\nadd list=bad address=192.0.2.7",
        "/ip/firewall/address-list add list=bad address=192.0.2.7",
        ":do { add list=bad address=192.0.2.7 } on-error={}",
        ":do {/ip firewall address-list add list=bad address=192.0.2.7;} on-error={ }",
        "add address=192.0.2.7 comment=\\\n    \"a long one\" \\\n    list=bad",
        "add address=192.0.2.7 list=bad comment=\"a lo\\\n    ng one\"",
    ] {
        holds(&format!("# by RouterOS 7\n{MENU}{command}\n"), &["192.0.2.7/32"]);
        holds(&format!("{command}\r\n"), &["192.0.2.7/32"]);
    }
    holds(
        "/ip firewall address-list\nadd list=bad address=192.0.2.1-192.0.2.2\n\
         /ipv6 firewall address-list\nadd list=bad address=2001:db8::/32\n",
        &["192.0.2.1/32", "192.0.2.2/32", "2001:db8::/32"],
    );
}

#[test]
fn several_lists_and_a_list_that_passes_are_refused() {
    has_several("add list=a address=192.0.2.7\nadd list=b address=192.0.2.8\n", &["a", "b"]);
    let name = NotAList::AllowSet { name: "LAN".into() };
    assert_eq!(refusal("add list=LAN address=192.0.2.7\n"), name);
}

#[test]
fn what_is_disabled_is_no_entry() {
    holds(
        "add list=a address=192.0.2.7\nadd list=a address=192.0.2.8 disabled=yes\n",
        &["192.0.2.7/32"],
    );
}

#[test]
fn names_and_words_that_are_not_known_are_rejected() {
    let good = "add list=a address=192.0.2.1\nadd list=a address=192.0.2.1\n".repeat(4);
    let bad = "add list=a address=example.org\nadd list=a comment=x\nadd list=a address=192.0.2.7 x=1\n\
               add list=a address=192.0.2.7 comment=\"Allowed host\"\n192.0.2.9\n\
               :foreach x in=$y do={ add list=a address=192.0.2.7 }\nadd list=$a address=192.0.2.7\n";
    holds_but(
        &(good + bad),
        &["192.0.2.1/32"],
        &[
            (9, 20, NotAnAddress),
            (10, 21, NotAnAddress),
            (11, 30, UnknownBlock),
            (12, 39, Verdict),
            (13, 1, NotOfTheFormat("MikroTik address list")),
            (14, 1, NotOfTheFormat("MikroTik address list")),
            (15, 1, UnknownBlock),
        ],
    );
}

#[test]
fn a_list_has_what_stands_in_it_at_the_end() {
    let add = |address: &str| format!("/ip firewall address-list add list=a address={address}\n");
    let (one, two) = (add("192.0.2.1"), add("192.0.2.2"));
    for remove in [
        "/ip firewall address-list remove [find list=a]",
        "/ip firewall address-list remove [find where list=\"a\"]",
        "/ip firewall address-list remove [/ip firewall address-list find list=a]",
        "/ip firewall address-list remove [find]",
    ] {
        holds(&format!("{one}{remove}\n{two}"), &["192.0.2.2/32"]);
        holds(&format!("{remove}\n{two}"), &["192.0.2.2/32"]);
    }
    let both = &["192.0.2.1/32", "192.0.2.2/32"];
    holds(&format!("{one}/ip firewall address-list remove [find list=b]\n{two}"), both);
    holds(
        &format!("{one}{two}/ip firewall address-list remove [find list=a address=192.0.2.1]\n"),
        &["192.0.2.2/32"],
    );
    // What it removes is not known.
    let remove = "/ip firewall address-list remove [find comment=x]\n";
    holds_but(&format!("{one}{remove}{two}"), &["192.0.2.2/32"], &[(2, 27, UnknownBlock)]);
    let set = "/ip firewall address-list set [find] disabled=yes\n";
    holds_but(&format!("{one}{set}{two}"), &["192.0.2.2/32"], &[(2, 27, UnknownBlock)]);
}

#[test]
fn the_rest_of_an_export_counts_for_what_it_lets_pass() {
    let with = |rule: &str| {
        format!(
            "/interface list\nadd name=WAN\n/ip address\nadd address=192.0.2.1/24 interface=ether1\n\
             {MENU}add list=a address=192.0.2.0/24\n/ip firewall filter\nadd {rule}\n/ip service\n\
             set telnet disabled=yes\n"
        )
    };
    for rule in [
        "action=accept chain=input src-address-list=a",
        "chain=input src-address-list=a comment=x",
        "action=return chain=input dst-port=22 protocol=tcp dst-address-list=\"a\"",
        "action=drop chain=input src-address-list=!a",
    ] {
        accepts(&with(rule), "a", 8);
    }
    for rule in [
        "action=drop chain=input src-address-list=a",
        "action=accept chain=input src-address-list=!a",
        "action=accept chain=input src-address-list=a disabled=yes",
        "action=add-src-to-address-list address-list=a chain=input",
    ] {
        holds(&with(rule), &["192.0.2.0/24"]);
    }
    holds(&with("action=accept chain=input src-address=192.0.2.0/25"), &["192.0.2.128/25"]);
}
