//! Scripts and listings of nft.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{
    Narrower, NotAnAddress, NotOfTheFormat, TrailingText, UnknownBlock, Verdict,
};

use super::{accepts, has_several, holds, holds_but, of_sets, refusal};

/// A table with this set, in which 192.0.2.0/24 is, and a chain with a rule.
fn with_rule(rule: &str) -> String {
    format!(
        "table inet t {{\n set s {{\n  type ipv4_addr; flags interval\n  elements = {{ 192.0.2.0/24 }}\n \
         }}\n chain c {{\n  type filter hook input priority 0; policy accept;\n  {rule}\n }}\n}}\n"
    )
}

#[test]
fn a_listing_of_a_table_has_its_sets_and_the_rest_is_passed_over() {
    holds(
        "table inet t { # handle 1\n\tflags dormant\n\tcounter c {\n\t\tpackets 0 bytes 0\n\t}\n\
         \tct helper h {\n\t\ttype \"ftp\" protocol tcp\n\t}\n\
         \tset ports {\n\t\ttype inet_service\n\t\telements = { 22, 80-90 }\n\t}\n\
         \tset s {\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags interval,timeout\n\t\tcounter\n\
         \t\tauto-merge\n\t\tcomment \"bad; { ones }\"\n\
         \t\telements = { 192.0.2.7 counter packets 0 bytes 0 timeout 1h expires 59m59s10ms,\n\
         \t\t\t     198.51.100.1-198.51.100.2 comment \"a, b }\", 203.0.113.0/24 last never }\n\t}\n\
         \tflowtable f {\n\t\thook ingress priority filter\n\t\tdevices = { lo }\n\t}\n\
         \tchain c {\n\t\ttype filter hook input priority filter; policy drop;\n\
         \t\tip saddr @s counter packets 0 bytes 0 drop\n\t\ttcp dport { 22, 80 } accept\n\
         \t\tmeta l4proto vmap { tcp : jump x, udp : accept }\n\
         \t\tip saddr 198.18.0.1 drop\n\t}\n}\n",
        &["192.0.2.7/32", "198.51.100.1/32", "198.51.100.2/32", "203.0.113.0/24"],
    );
}

#[test]
fn a_whole_script_may_stand_on_a_line() {
    holds(
        "table ip t { set s { type ipv4_addr; elements = { 192.0.2.7 } } chain c { ip saddr @s drop } }",
        &["192.0.2.7/32"],
    );
    holds(
        "add table ip t; add element ip t s { 192.0.2.7 }; flush chain ip t c",
        &["192.0.2.7/32"],
    );
    holds("define A = { 192.0.2.7 }; add table ip t\n", &["192.0.2.7/32"]);
}

#[test]
fn a_set_has_what_stands_in_it_at_the_end() {
    let add = |element: &str| format!("add element ip t s {{ {element} }}\n");
    let (one, two) = (add("192.0.2.1"), add("192.0.2.2"));
    holds(&format!("{one}flush set ip t s\n{two}"), &["192.0.2.2/32"]);
    holds(&format!("{one}flush ruleset\n{two}"), &["192.0.2.2/32"]);
    holds(&format!("{one}delete table ip t\n{two}"), &["192.0.2.2/32"]);
    holds(&format!("{one}destroy set ip t s\n{two}"), &["192.0.2.2/32"]);
    holds(&format!("{one}delete table ip other\n{two}"), &["192.0.2.1/32", "192.0.2.2/32"]);
    holds(&format!("{one}flush chain ip t s\n{two}"), &["192.0.2.1/32", "192.0.2.2/32"]);
    let line = format!("{one}flush set ip t s; {two}").replace('\n', "; ");
    holds(&line, &["192.0.2.2/32"]);
    holds(&format!("{one}{two}delete element ip t s {{ 192.0.2.1 }}\n"), &["192.0.2.2/32"]);
    holds(
        &format!("{}destroy element ip t s {{\n192.0.2.0/25\n}}\n", add("192.0.2.0/24")),
        &["192.0.2.128/25"],
    );
    // What is wrong on a line does not keep what is taken away there.
    holds_but(
        &format!("{one}{two}delete element ip t s {{ 192.0.2.1, x }}\n"),
        &["192.0.2.2/32"],
        &[(3, 36, NotAnAddress)],
    );
    // Definitions are no part of the ruleset.
    holds("define A = { 192.0.2.7 }\nflush ruleset\n", &["192.0.2.7/32"]);
}

#[test]
fn definitions_with_addresses_are_sets() {
    has_several("define LAN = { 192.0.2.0/24 }\ndefine BAD = { 198.51.100.7 }\n", &["LAN", "BAD"]);
    let others = "define ports = { 22, 1024-65535 }\ndefine wan = eth0\ndefine cards = { 02:00:00:00:00:01 }\n\
                  define ifs = { eth0, lo }\ndefine BAD = { 192.0.2.7 }\ndefine more = { $ports, 25 }\n\
                  redefine wan = \"eth1\"\n";
    holds(others, &["192.0.2.7/32"]);
    // One address alone is a variable.
    let single = "define self = 192.0.2.1\ndefine BAD = { 192.0.2.7 }\ndefine C = { 192.0.2.8, 192.0.2.9 }\n";
    let (held, rejected) = super::read(single, &["BAD"]).expect("it has the set");
    assert_eq!((held, rejected), (vec!["192.0.2.7/32".to_string()], vec![(1, 1, UnknownBlock)]));
}

#[test]
fn a_set_with_the_elements_of_a_definition_is_the_definition() {
    let set = |elements: &str| {
        format!(
            "define BAD = {{ 192.0.2.7 }}\nflush ruleset\ntable ip t {{\nset s {{\ntype ipv4_addr\n\
             elements = {elements}\n}}\nchain c {{\nip saddr @s drop\n}}\n}}\n"
        )
    };
    holds(&set("$BAD"), &["192.0.2.7/32"]);
    holds(&set("{ $BAD }"), &["192.0.2.7/32"]);
    holds("define A = { 192.0.2.7 }\ndefine B = $A\ndefine C = { $B }\n", &["192.0.2.7/32"]);
    accepts(&set("$BAD").replace("drop", "accept"), "BAD", 9);
    accepts(&set("{ $BAD }").replace("set s", "set whitelist"), "BAD", 6);
    // What is not known is not read.
    let other = "define A = { 192.0.2.7, $OTHER }\ndefine A = { 192.0.2.8 }\n";
    holds_but(other, &["192.0.2.8/32"], &[(1, 25, NotAnAddress)]);
    holds_but("define A = {\n$OTHER,\n192.0.2.7\n}\n", &["192.0.2.7/32"], &[(2, 1, NotAnAddress)]);
}

#[test]
fn a_set_that_a_rule_lets_pass_is_refused() {
    for rule in [
        "ip saddr @s accept",
        "ip saddr @s return",
        "ip saddr @s tcp dport { 22, 80 } ct state new limit rate 5/minute counter log prefix \"x\" accept",
        "iifname \"eth0\" ip daddr @s accept comment \"drop\"",
        "ip saddr != @s drop",
        "ip saddr != @s counter reject with icmp type host-prohibited",
        "ip saddr vmap { 198.18.0.1 : drop, @s : accept }",
        "ip saddr @s jump good",
        "ip saddr != @s goto bad",
        "ip saddr { 198.18.0.1,\n@s } accept",
    ] {
        let more = "\n }\n chain good {\n  log; accept\n }\n chain bad {\n  drop";
        let text = with_rule(&format!("{rule}{more}"));
        let line = if rule.contains('\n') { 9 } else { 8 };
        accepts(&text, "s", line);
        of_sets(&text, &["s"], &["192.0.2.0/24"]);
    }
    accepts("define D = { 192.0.2.7 }\nadd rule ip t c ip saddr $D accept\n", "D", 2);
    accepts("define D = { 192.0.2.7 }\nadd rule ip t c ip saddr != $D drop\n", "D", 2);
    accepts(
        "add element ip t s { 192.0.2.7 }\ninsert rule ip t c ip saddr @s jump x\n\
         add rule ip t x accept\n",
        "s",
        2,
    );
    accepts(
        "define D = { 192.0.2.7 }\ntable ip t {\nmap m {\ntype ipv4_addr : verdict\nelements = { $D : accept }\n}\n}\n",
        "D",
        5,
    );
}

#[test]
fn a_rule_that_drops_a_set_or_fills_it_does_not_let_it_pass() {
    for rule in [
        "ip saddr @s drop",
        "ip saddr != @s accept",
        "ip saddr @other accept",
        "tcp dport 22 accept; ip saddr @s drop",
        "tcp dport != 22 ip saddr @s drop",
        "ip saddr @s jump bad",
        "tcp dport 22 add @s { ip saddr timeout 1h } accept",
        "tcp dport 22 set update ip saddr @s accept",
        "ip saddr vmap { 198.18.0.1 : accept, @s : drop }",
        "ip saddr . tcp dport @s2 accept # @s accept",
        "log prefix \"@s accept\" drop",
    ] {
        let more = "\n }\n chain bad {\n  counter; drop";
        holds(&with_rule(&format!("{rule}{more}")), &["192.0.2.0/24"]);
    }
}

#[test]
fn an_address_that_a_rule_lets_pass_is_an_exception() {
    for rule in [
        "ip saddr 192.0.2.0/25 accept",
        "ip saddr 192.0.2.0/25 tcp dport 22 accept",
        "ip saddr { 192.0.2.0/26,\n192.0.2.64/26 } return",
        "ip daddr 192.0.2.0/25 accept",
        "ip saddr != 192.0.2.0/25 drop",
        "ip saddr vmap { 192.0.2.0/25 : accept, 192.0.2.200 : drop }",
    ] {
        holds(&with_rule(rule), &["192.0.2.128/25"]);
        // Of each set, whichever was chosen.
        let more = format!("{}add element inet t z {{ 203.0.113.1 }}\n", with_rule(rule));
        of_sets(&more, &["s"], &["192.0.2.128/25"]);
    }
    holds(&with_rule("ip saddr & 255.255.255.0 == 192.0.2.0 accept"), &["192.0.2.0/24"]);
    holds(&with_rule("ip saddr 192.0.2.0/25 drop"), &["192.0.2.0/24"]);
    let variable = format!("define me = 192.0.2.0/25\n{}", with_rule("ip saddr $me accept"));
    holds_but(&variable, &["192.0.2.128/25"], &[(1, 1, UnknownBlock)]);
}

#[test]
fn the_name_or_the_comment_of_a_set_may_say_that_it_passes() {
    let set = |name: &str, comment: &str| {
        format!(
            "table ip t {{\nset {name} {{\ntype ipv4_addr\ncomment \"{comment}\"\nelements = {{ 192.0.2.7 }}\n}}\n}}\n"
        )
    };
    holds(&set("s", "Bans by hand"), &["192.0.2.7/32"]);
    assert_eq!(refusal(&set("whitelist", "x")), NotAList::AllowSet { name: "whitelist".into() });
    accepts(&set("s", "Whitelisted hosts"), "s", 4);
}

#[test]
fn a_pair_of_sets_for_the_families_is_one_list() {
    let pair = "add element inet t drop4 { 192.0.2.7 }\nadd element inet t drop6 { 2001:db8::1 }\n";
    holds(pair, &["192.0.2.7/32", "2001:db8::1/128"]);
    has_several(&pair.replace("drop6", "other6"), &["drop4", "other6"]);
}

#[test]
fn elements_that_are_more_than_an_address_are_no_entries() {
    let set = |of: &str, element: &str| {
        format!(
            "table ip t {{\nset x {{\n{of}\nelements = {{ {element} }}\n}}\n}}\nadd element ip t s {{ 192.0.2.7 }}\n"
        )
    };
    for (of, element) in [
        ("type ipv4_addr . inet_service", "192.0.2.1 . 80"),
        ("type ipv4_addr . inet_service", "192.0.2.1"),
        ("typeof ip saddr . tcp dport", "192.0.2.1 . 80"),
        ("type ipv4_addr", "192.0.2.1 . 80"),
    ] {
        let column = if of == "type ipv4_addr" { 24 } else { 14 };
        let text = set(of, element);
        let (held, rejected) = super::read(&text, &["s"]).expect("it has the set");
        assert_eq!(
            (held, rejected),
            (vec!["192.0.2.7/32".to_string()], vec![(4, column, Narrower)])
        );
    }
    holds(&set("type inet_service", "22, 80-90"), &["192.0.2.7/32"]);
    holds(&set("type ether_addr", "02:00:00:00:00:01"), &["192.0.2.7/32"]);
    holds(&set("typeof meta iifname", "\"lo\", \"a}\""), &["192.0.2.7/32"]);
    holds(
        &set("type ipv4_addr; flags interval", "192.0.2.7").replace("set x", "set s"),
        &["192.0.2.7/32"],
    );
}

#[test]
fn the_comment_of_an_element_may_say_that_it_is_not_bad() {
    holds_but(
        "add element ip t s {\n192.0.2.7 comment \"whitelisted\",\n192.0.2.9 comment \"bad\"\n}\n",
        &["192.0.2.9/32"],
        &[(2, 20, Verdict)],
    );
}

#[test]
fn what_is_not_nft_is_rejected() {
    let text = "add element ip t s { 192.0.2.7 }\nadd element ip t s { 192.0.2.8 }\n192.0.2.9\n\
                include \"more.nft\"\ndeny {\n192.0.2.10\n}\nadd element ip t s { 192.0.2.11 } x\n";
    holds_but(
        text,
        &["192.0.2.7/32", "192.0.2.8/32"],
        &[
            (3, 1, NotOfTheFormat("nft script")),
            (4, 1, UnknownBlock),
            (5, 1, NotOfTheFormat("nft script")),
            (6, 1, UnknownBlock),
            (7, 1, UnknownBlock),
            (8, 35, TrailingText),
        ],
    );
}

#[test]
fn a_comment_behind_an_element_may_say_that_it_is_not_bad() {
    let script = |comment: &str| {
        format!("define A = {{\n192.0.2.7, # {comment}\n192.0.2.9 # a scanner\n}}\n")
    };
    holds_but(&script("whitelisted"), &["192.0.2.9/32"], &[(2, 12, Verdict)]);
    holds(&script("seen, allowed nothing"), &["192.0.2.7/32", "192.0.2.9/32"]);
}

#[test]
fn an_empty_set_is_an_empty_list() {
    holds("table ip t {\n set s {\n  type ipv4_addr\n  elements = { }\n }\n}\n", &[]);
    holds("table ip t {\n set s {\n  type ipv4_addr\n }\n}\n", &[]);
}
