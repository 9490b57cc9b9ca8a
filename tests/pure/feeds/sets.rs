//! Sets as the tools of the kernel save them: ipset and nft.

use super::*;

// ipset: add NAME NETWORK

#[test]
fn what_ipset_adds_to_a_set_is_an_entry() {
    is("add drop 192.0.2.0/24", &["192.0.2.0/24"]);
    is("add drop 192.0.2.7 timeout 3600", &["192.0.2.7/32"]);
    is("add drop 2001:db8::/32 -exist", &["2001:db8::/32"]);
    is("add drop 192.0.2.7 -exist", &["192.0.2.7/32"]);
    is("add drop 192.0.2.7 packets 1 bytes 60 comment \"evil {host}\"", &["192.0.2.7/32"]);
    is("add drop 192.0.2.1-192.0.2.9", &["192.0.2.1-192.0.2.9"]);
    // Whatever the set is called, nft's words included.
    is("add table 192.0.2.7", &["192.0.2.7/32"]);
    is("add element 192.0.2.7", &["192.0.2.7/32"]);
}

#[test]
fn what_ipset_says_of_sets_as_a_whole_is_passed_over() {
    is("create drop hash:net family inet hashsize 1151 maxelem 2302", &[]);
    is("create drop.new hash:ip -exist", &[]);
    is("flush drop.new", &[]);
    is("swap drop.new drop", &[]);
    is("destroy drop.new", &[]);
}

#[test]
fn what_ipset_excepts_or_removes_is_never_an_entry() {
    is("add drop 192.0.2.0/25 nomatch", &[]);
    is("add drop 192.0.2.0/25 timeout 0 nomatch", &[]);
    is("del drop 192.0.2.0/24", &[]);
}

#[test]
fn more_than_a_network_in_a_set_of_ipset_is_rejected() {
    is_rejected("add drop 192.0.2.7,tcp:80", 19, Reason::Narrower);
    is_rejected("add drop 192.0.2.0/24,eth0", 22, Reason::Narrower);
    is_rejected("add drop 192.0.2.7 198.51.100.7", 20, TrailingText);
    is_rejected("add drop 192.0.2.7 timeout", 27, TrailingText);
    is_rejected("add drop 192.0.2.7 comment \"open", 28, TrailingText);
    is_rejected("add drop 02:00:00:00:00:01", 10, Reason::NotAnIpv6Address);
    is_rejected("add drop other", 10, NotAnAddress);
    is_rejected("add 192.0.2.7", 1, NotAnAddress);
}

// nft scripts

#[test]
fn the_elements_of_sets_are_entries() {
    let script = "table inet filter {\n\tset bad {\n\t\ttype ipv4_addr\n\t\tflags interval\n\
                  \t\telements = {\n192.0.2.0/24,\n198.51.100.1-198.51.100.9,\n203.0.113.7\n\
                  \t\t}\n\t}\n}\n";
    reads(
        script,
        &[(6, "192.0.2.0/24"), (7, "198.51.100.1-198.51.100.9"), (8, "203.0.113.7/32")],
        &[],
    );
}

#[test]
fn several_elements_may_stand_on_a_line() {
    is(
        "add element inet filter drop { 192.0.2.7, 198.51.100.0/24 }",
        &["192.0.2.7/32", "198.51.100.0/24"],
    );
    is("add element filter drop {2001:db8::/32}", &["2001:db8::/32"]);
    is("define BAD = { 192.0.2.7 } # all", &["192.0.2.7/32"]);
    is("define BAD={192.0.2.7,192.0.2.9}", &["192.0.2.7/32", "192.0.2.9/32"]);
    is("table inet t { set s { type ipv4_addr; elements = { 192.0.2.7 } } }", &["192.0.2.7/32"]);
    reads(
        "define BAD = {\n192.0.2.7, 192.0.2.9,\n198.51.100.7 }\n",
        &[(2, "192.0.2.7/32"), (2, "192.0.2.9/32"), (3, "198.51.100.7/32")],
        &[],
    );
}

#[test]
fn a_line_of_a_script_may_end_in_a_backslash() {
    reads(
        "add element inet t s { 192.0.2.7, \\\n 192.0.2.8, \\  \n192.0.2.9\\\n}\n",
        &[(1, "192.0.2.7/32"), (2, "192.0.2.8/32"), (3, "192.0.2.9/32")],
        &[],
    );
    is_rejected("add element inet t s { 192.0.2.7 \\ }", 34, TrailingText);
    // Outside of braces, too.
    reads("define BAD = \\\n{ 192.0.2.7 }\n", &[(2, "192.0.2.7/32")], &[]);
}

#[test]
fn what_nft_lists_with_an_element_does_not_change_it() {
    is(
        "add element ip t s { 192.0.2.7 timeout 1h expires 59m3s, 192.0.2.9 counter packets 0 \
         bytes 0 comment \"a, b }\" }",
        &["192.0.2.7/32", "192.0.2.9/32"],
    );
}

#[test]
fn what_nft_says_of_sets_as_a_whole_is_passed_over() {
    is("#!/usr/sbin/nft -f", &[]);
    is("add table inet filter", &[]);
    is("add set inet filter drop { type ipv4_addr; flags interval; }", &[]);
    is("add set inet filter drop { typeof ip saddr; size 65535; auto-merge; }", &[]);
    is("flush set inet filter drop", &[]);
    is("flush ruleset", &[]);
    is("table inet filter { comment \"bad { ones\"; }", &[]);
}

#[test]
fn a_line_with_one_bad_element_is_rejected_as_a_whole() {
    is_rejected("add element inet t s { 192.0.2.7, 192.0.2.256 }", 43, Reason::OctetTooLarge);
    is_rejected("add element inet t s { 192.0.2.7 192.0.2.9 }", 34, TrailingText);
    is_rejected("add element inet t s { 192.0.2.7,, 192.0.2.9 }", 34, NotAnAddress);
    is_rejected("add element inet t s { 192.0.2.7 . 80 }", 34, Reason::Narrower);
    is_rejected("add element inet t s { 192.0.2.7 : drop }", 34, TrailingText);
    is_rejected("add element inet t s { $bad }", 24, NotAnAddress);
    is_rejected("add element inet t s { 192.0.2.7 } 192.0.2.9", 36, TrailingText);
    reads(
        "define BAD = {\n192.0.2.7,\n192.0.2.256, 192.0.2.8,\n192.0.2.9\n}\n",
        &[(2, "192.0.2.7/32"), (4, "192.0.2.9/32")],
        &[(3, 9, Reason::OctetTooLarge)],
    );
}

#[test]
fn what_is_removed_from_a_set_is_never_an_entry() {
    is("delete element inet t s { 192.0.2.7 }", &[]);
    reads("delete element inet t s {\n192.0.2.7,\n192.0.2.9\n}\n", &[], &[]);
}

#[test]
fn what_a_rule_accepts_is_never_an_entry() {
    is("add rule inet t c ip saddr { 192.0.2.7 } accept", &[]);
    is("add rule inet t c ip saddr 192.0.2.7 accept", &[]);
    // The last address stands on its line as it would in a list.
    let rule = "table inet t {\nchain c {\nip saddr {\n192.0.2.7,\n192.0.2.9\n} accept\n}\n}\n";
    reads(rule, &[], &[]);
    let bare = "ip saddr {\n192.0.2.9\n} accept\n192.0.2.200\n";
    reads(
        bare,
        &[(4, "192.0.2.200/32")],
        &[(1, 1, NotAnAddress), (2, 1, UnknownBlock), (3, 1, UnknownBlock)],
    );
}

#[test]
fn maps_and_other_blocks_of_a_script_have_no_entries() {
    let script = "table inet t {\n map m {\n type ipv4_addr : verdict\n elements = {\n\
                  192.0.2.7 : accept,\n192.0.2.9 : drop } }\n\
                  set s {\ntype ipv4_addr\nelements = { 198.51.100.7 }\n}\n}\n";
    reads(script, &[(9, "198.51.100.7/32")], &[]);
    is_rejected("define LAN = 192.168.0.0/16", 1, UnknownBlock);
    is_rejected("include \"other.nft\"", 1, NotAnAddress);
    is("add set inet t s { type inet_service; }", &[]);
    // What is unknown is rejected up to its end.
    reads(
        "table inet t {\nfoo bar {\n192.0.2.7\n}\nset s {\nelements = { 198.51.100.7 }\n}\n}\n",
        &[(6, "198.51.100.7/32")],
        &[(2, 1, UnknownBlock), (3, 1, UnknownBlock), (4, 1, UnknownBlock)],
    );
}

#[test]
fn a_block_that_is_never_closed_was_cut_off_and_says_so() {
    reads(
        "table inet t {\nset s {\nelements = {\n192.0.2.7,\n198.51.10",
        &[(4, "192.0.2.7/32")],
        &[(5, 1, NotFourOctets), (1, 1, Unclosed)],
    );
    reads("define BAD = { 192.0.2.7,\n", &[(1, "192.0.2.7/32")], &[(1, 1, Unclosed)]);
}

#[test]
fn braces_in_comments_and_quotes_open_and_close_nothing() {
    reads(
        "define BAD = { # {\n192.0.2.7, # }\n192.0.2.9 comment \"}\"\n}\n",
        &[(2, "192.0.2.7/32"), (3, "192.0.2.9/32")],
        &[],
    );
}

#[test]
fn a_line_of_a_script_may_have_any_length() {
    let elements = "192.0.2.9, ".repeat(4000);
    let (entries, rejected) = scan(format!("add element inet t s {{ {elements}192.0.2.7 }}\n"));
    assert_eq!((entries.len(), rejected), (4001, vec![]));
    let (entries, rejected) = scan(format!("define BAD = {{\n{elements}x,\n192.0.2.7 }}\n"));
    assert_eq!(entries, [(3, "192.0.2.7/32".to_string())]);
    assert_eq!(rejected, [(2, 44001, NotAnAddress)]);
}
