//! Scripts of ipset, and what `ipset save` writes.

use netfilterd::list::format::NotAList;
use netfilterd::list::parse_error::Reason::{
    Narrower, NotAnAddress, NotOfTheFormat, TrailingText, UnknownBlock, Verdict,
};

use super::{accepts, has_no_entry, has_several, holds, holds_but, of_sets, refusal};

#[test]
fn a_command_of_ipset_is_read_as_ipset_reads_it() {
    for command in [
        "add bad 192.0.2.7",
        "-A bad 192.0.2.7",
        "add bad 192.0.2.7 -exist",
        "add -exist bad 192.0.2.7",
        "-exist add bad 192.0.2.7",
        "ipset add bad 192.0.2.7",
        "ipset -A bad 192.0.2.7",
        "ipset -! add bad 192.0.2.7",
        "ipset -q -exist -A bad 192.0.2.7",
        "/usr/sbin/ipset add bad 192.0.2.7 2>/dev/null",
        "sudo ipset add bad 192.0.2.7 || true",
        "sudo -n /sbin/ipset add bad 192.0.2.7;",
        "$IPSET add bad 192.0.2.7",
        "${IPSET} -A bad 192.0.2.7 # evil",
        "ipset add 'bad' \"192.0.2.7\"",
        "ipset add bad 192.0.2.7 timeout 0 comment 'evil host' skbmark 0x1/0xff skbprio 1:10",
    ] {
        holds(command, &["192.0.2.7/32"]);
    }
    holds("-N bad iphash --hashsize 1024\n-A bad 192.0.2.7\nCOMMIT\n", &["192.0.2.7/32"]);
}

#[test]
fn two_commands_on_a_line_and_made_up_names_are_rejected() {
    let good = "ipset add bad 198.51.100.7\nipset add bad 198.51.100.7\n";
    for (line, column, reason) in [
        ("ipset add bad 192.0.2.7; ipset add bad 192.0.2.8", 24, TrailingText),
        ("ipset add bad 192.0.2.7 && ipset add bad 192.0.2.8", 25, TrailingText),
        ("ipset add bad 192.0.2.7 || ipset flush bad", 25, TrailingText),
        ("ipset create bad hash:ip || ipset flush bad", 26, TrailingText),
        ("ipset add $WHITE 192.0.2.7", 11, UnknownBlock),
        ("ipset add bad $IP", 15, NotAnAddress),
        ("ipset add bad example.org", 15, NotAnAddress),
        ("ipset add bad", 14, TrailingText),
        ("for ip in 192.0.2.7 192.0.2.8; do", 1, NotOfTheFormat("ipset save")),
        ("BAD=\"192.0.2.7\"", 1, NotOfTheFormat("ipset save")),
        ("192.0.2.7", 1, NotOfTheFormat("ipset save")),
    ] {
        holds_but(&format!("{good}{line}\n"), &["198.51.100.7/32"], &[(3, column, reason)]);
    }
}

#[test]
fn the_lines_of_a_shell_script_around_commands_are_passed_over() {
    let script = "#!/bin/sh\nset -e\nIPSET=/sbin/ipset\nSET=bad\n$IPSET create bad hash:net -exist\n\
                  ipset list\nipset add bad 192.0.2.0/24\nexit 0\n";
    holds(script, &["192.0.2.0/24"]);
}

#[test]
fn what_does_not_match_is_an_exception_whatever_the_order() {
    let both = "add bad 192.0.2.64/26 nomatch\nadd bad 192.0.2.0/25\n";
    holds(both, &["192.0.2.0/26"]);
    // Of the other set, which is not chosen.
    let other = "add a 192.0.2.0/24\nadd b 192.0.2.0/25 nomatch\nadd b 192.0.2.0/24\n";
    of_sets(other, &["a"], &["192.0.2.0/24"]);
    of_sets(other, &["b"], &["192.0.2.128/25"]);
}

#[test]
fn a_set_has_what_stands_in_it_at_the_end() {
    holds("add bad 192.0.2.1\nadd bad 192.0.2.2\ndel bad 192.0.2.1\n", &["192.0.2.2/32"]);
    holds("add bad 192.0.2.0/24\ndel bad 192.0.2.0/25\n", &["192.0.2.128/25"]);
    holds("add bad 192.0.2.1\nflush bad\nadd bad 198.51.100.7\n", &["198.51.100.7/32"]);
    holds("add bad 192.0.2.1\n-F bad\n-A bad 198.51.100.7\n", &["198.51.100.7/32"]);
    holds("add bad 192.0.2.1\nflush\nadd bad 198.51.100.7\n", &["198.51.100.7/32"]);
    holds("ipset add bad 192.0.2.1\nipset flush\nipset add bad 192.0.2.2\n", &["192.0.2.2/32"]);
    for all in ["flush", "destroy"] {
        holds(&format!("add bad 192.0.2.1\n{all}\nadd bad 192.0.2.2\n"), &["192.0.2.2/32"]);
    }
    holds("add a 192.0.2.1\ndestroy a\ncreate b hash:ip\nadd b 192.0.2.2\n", &["192.0.2.2/32"]);
}

#[test]
fn what_is_taken_out_and_added_below_stands_in_the_set() {
    holds("del -exist bad 192.0.2.1\nadd bad 192.0.2.1\n", &["192.0.2.1/32"]);
    holds("ipset del bad 192.0.2.1 -exist\nipset add bad 192.0.2.1\n", &["192.0.2.1/32"]);
    holds("add bad 192.0.2.1\ndel bad 192.0.2.1\nadd bad 192.0.2.1\n", &["192.0.2.1/32"]);
    holds("add bad 192.0.2.0/24\ndel bad 192.0.2.0/25\nadd bad 192.0.2.0/25\n", &["192.0.2.0/24"]);
    // A part of a wider entry that is not added again is an exception, above it or below.
    holds("del bad 192.0.2.0/25\nadd bad 192.0.2.0/24\n", &["192.0.2.128/25"]);
    let again = "del bad 192.0.2.0/25\nadd bad 192.0.2.0/25\ndel bad 192.0.2.0/25\n";
    holds(&format!("add bad 192.0.2.0/24\n{again}"), &["192.0.2.128/25"]);
    // What is added to another set is not added to this one.
    of_sets(
        "add a 192.0.2.0/24\ndel a 192.0.2.0/25\nadd b 192.0.2.0/25\n",
        &["a"],
        &["192.0.2.128/25"],
    );
}

#[test]
fn a_set_that_is_swapped_or_renamed_has_one_name() {
    let swap = "create bad hash:net -exist\ncreate new hash:net -exist\nflush new\n\
                add new 192.0.2.0/24\nswap new bad\ndestroy new\n";
    holds(swap, &["192.0.2.0/24"]);
    holds("add new 192.0.2.0/24\nrename new bad\nadd bad 192.0.3.0/24\n", &["192.0.2.0/23"]);
    holds("add new 192.0.2.0/24\n-E new bad\n-A bad 192.0.3.0/24\n", &["192.0.2.0/23"]);
    let name = NotAList::AllowSet { name: "white".into() };
    assert_eq!(refusal("add new 192.0.2.0/24\nrename new white\n"), name);
}

#[test]
fn several_sets_are_refused_empty_ones_too() {
    has_several("create a hash:ip\ncreate b hash:ip\nadd b 192.0.2.7\n", &["a", "b"]);
    has_several("ipset -N a hash:ip\nipset -A b 192.0.2.7\n", &["a", "b"]);
}

#[test]
fn elements_that_are_more_than_an_address_are_no_entries() {
    for (of, element) in [
        ("hash:ip,port", "192.0.2.7,tcp:80"),
        ("hash:net,iface", "192.0.2.0/24,eth0"),
        ("hash:net,net", "192.0.2.0/24,198.51.100.0/24"),
        ("hash:ip,mark", "192.0.2.7,0x63"),
        ("bitmap:port", "22"),
        ("hash:mac", "02:00:00:00:00:01"),
        ("list:set", "other"),
        // Even if it looks like an address.
        ("hash:ip,port,ip", "192.0.2.7"),
    ] {
        let text =
            format!("create x {of} family inet\nadd x {element}\nadd bad 192.0.2.9\nflush x\n");
        holds_but(&text, &["192.0.2.9/32"], &[(2, 7, Narrower)]);
    }
    holds_but(
        "add bad 192.0.2.9\nadd bad 192.0.2.7,tcp:80\n",
        &["192.0.2.9/32"],
        &[(2, 18, Narrower)],
    );
}

#[test]
fn an_element_that_stands_for_the_network_around_it_is_rejected() {
    let masked = "create x hash:ip family inet netmask 24\nadd x 192.0.2.0\n";
    has_no_entry(masked);
    holds("create x hash:ip family inet netmask 32\nadd x 192.0.2.0\n", &["192.0.2.0/32"]);
}

#[test]
fn a_comment_of_an_element_may_say_that_it_is_not_bad() {
    holds_but(
        "add bad 192.0.2.9 comment \"allowed\"\nadd bad 192.0.2.7 comment \"Whitelisted by hand\"\n\
         add bad 192.0.2.8 comment \"evil, allow never\"\n",
        &["192.0.2.8/32"],
        &[(1, 28, Verdict), (2, 28, Verdict)],
    );
}

#[test]
fn a_set_that_a_rule_of_iptables_lets_pass_is_refused() {
    let script = |rule: &str| format!("ipset add guests 192.0.2.7\n{rule}\n");
    let accepting = [
        "iptables -I INPUT -m set --match-set guests src -j ACCEPT",
        "-A INPUT -m set --match-set guests src -m tcp -p tcp --dport 22 -j RETURN",
        "ip6tables -A INPUT -m set ! --match-set guests src -j DROP",
    ];
    for rule in accepting {
        accepts(&script(rule), "guests", 2);
        of_sets(&script(rule), &["guests"], &["192.0.2.7/32"]);
    }
    for rule in [
        "iptables -I INPUT -m set --match-set guests src -j DROP",
        "iptables -I INPUT -m set ! --match-set guests src -j ACCEPT",
        "iptables -I INPUT -m set --match-set others src -j ACCEPT",
    ] {
        holds(&script(rule), &["192.0.2.7/32"]);
    }
}

#[test]
fn a_flush_without_a_name_empties_all_sets() {
    let add = |address: &str| format!("add bad {address}\n");
    let all = |command: &str| {
        format!("create bad hash:net\n{}{command}\n{}", add("192.0.2.7"), add("192.0.2.9"))
    };
    for command in ["flush", "flush -q", "ipset flush", "ipset -F", "flush # all"] {
        holds(&all(command), &["192.0.2.9/32"]);
    }
    holds(&format!("create bad hash:net\n{}flush\n", add("192.0.2.7")), &[]);
}

#[test]
fn the_elements_of_a_set_of_an_unknown_type_are_rejected() {
    let text =
        "create other ha6h:net\nadd other 192.0.2.7\ncreate bad hash:net\nadd bad 192.0.2.9\n";
    let (held, rejected) = super::read(text, &["bad"]).expect("a list");
    assert_eq!(held, ["192.0.2.9/32"]);
    assert_eq!(rejected.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [1, 2]);
}
