//! Lists with headings, and variables of scripts: each name is a set.

use super::*;

/// What is dropped of the set of a name.
#[track_caller]
fn takes(text: &str, name: &str, ranges: &[&str]) {
    let list = List::new("list", text.into()).to_read(list::Purpose::Drop, &[name.to_string()]);
    let sets = list::parse(&[list]).unwrap_or_else(|error| panic!("{text}: {error}")).sets;
    let v4: Vec<_> = sets.v4.ranges().iter().map(|r| r.network_or_range().to_string()).collect();
    assert_eq!(v4, ranges, "{text}");
}

#[test]
fn one_heading_names_the_entries_below_it() {
    for heading in
        ["[blocked]", "[ blocked ]", "Deny:", "bad hosts:", "\"deny\":  # all", "blocklist:"]
    {
        drops(
            format!("{heading}\n198.51.100.7\n203.0.113.0/24 # x\n"),
            &["198.51.100.7/32", "203.0.113.0/24"],
        );
    }
    drops("[blocked]\n198.51.100.0/24\n!198.51.100.128/25\n", &["198.51.100.0/25"]);
    // A heading without entries is no set, unless it allows.
    drops("[general]\n[blocked]\n198.51.100.7\n", &["198.51.100.7/32"]);
}

#[test]
fn several_headings_are_several_sets() {
    let ini = "[whitelist]\n192.0.2.5\n[blacklist]\n198.51.100.7\n";
    assert!(refused(ini).contains("several sets (whitelist, blacklist)"));
    takes(ini, "blacklist", &["198.51.100.7/32"]);
    let text = "Allow:\n192.0.2.5\n\nBlock:\n198.51.100.7\n";
    assert!(refused(text).contains("several sets (Allow, Block)"));
    takes(text, "Block", &["198.51.100.7/32"]);
    // Entries above the first heading have no name.
    let mixed = refused("192.0.2.5\n[blocked]\n198.51.100.7\n");
    assert!(mixed.contains("several sets (entries without a set, blocked)"), "{mixed}");
    assert!(refused("[allow]\n[blocked]\n198.51.100.7\n").contains("several sets"));
}

#[test]
fn a_single_heading_that_allows_is_refused() {
    for heading in [
        "[whitelist]",
        "Allow:",
        "Trusted hosts:",
        "# whitelist",
        "## Allowed:",
        "# --- trusted hosts ---",
        "== ALLOWLIST ==",
        "--- whitelist ---",
        "Whitelisted hosts",
        "*** Do not block, allow ***",
    ] {
        let message = refused(format!("{heading}\n192.0.2.5\n"));
        assert!(message.contains("must pass"), "{heading}: {message}");
        // Below others, too.
        let message = refused(format!("198.51.100.7\n{heading}\n192.0.2.5\n"));
        assert!(message.contains("several sets"), "{heading}: {message}");
    }
}

#[test]
fn an_allowlist_may_have_headings_in_words() {
    allows(
        "# Trusted hosts\n192.0.2.5\n# allowed VPN\n192.0.2.7\n",
        &[(2, "192.0.2.5/32"), (4, "192.0.2.7/32")],
    );
}

#[test]
fn comments_that_are_no_heading_mean_nothing() {
    for comment in [
        "# do not delete",
        "# this list may be used, as the licence permits, by anybody",
        "# blocked hosts",
        "# 2 allowed",
        "# Example Limited",
        "# last update: today",
        "# see allow.example.com/x for the allowlist",
    ] {
        drops(
            format!("198.51.100.7\n{comment}\n192.0.2.5\n"),
            &["192.0.2.5/32", "198.51.100.7/32"],
        );
    }
    // Lines that are rejected name nothing either, unless they allow.
    reads(
        "198.51.100.7\nsome words\ntrustpilot.example\n192.0.2.5\n",
        &[(1, "198.51.100.7/32"), (4, "192.0.2.5/32")],
        &[(2, 1, NotAnAddress), (3, 1, NotAnAddress)],
    );
}

#[test]
fn where_a_comment_allows_one_that_blocks_is_a_heading_too() {
    let text = "# Allowed\n192.0.2.5\n# Blocked hosts\n198.51.100.7\n";
    assert!(refused(text).contains("several sets (Allowed, Blocked hosts)"));
    takes(text, "Blocked hosts", &["198.51.100.7/32"]);
}

#[test]
fn keys_of_yaml_name_the_items_below_them() {
    let text = "allow:\n  - 192.0.2.5\ndeny:\n  - 198.51.100.7\n";
    assert!(refused(text).contains("several sets (allow, deny)"));
    takes(text, "deny", &["198.51.100.7/32"]);
    drops(
        "---\ndeny:\n- 198.51.100.7\n- \"203.0.113.0/24\"\n",
        &["198.51.100.7/32", "203.0.113.0/24"],
    );
    drops("- 198.51.100.7\n- '203.0.113.0/24' # x\n", &["198.51.100.7/32", "203.0.113.0/24"]);
    assert!(refused("whitelist:\n  hosts:\n    - 192.0.2.5\n").contains("whitelist.hosts"));
    takes(
        "a:\n  whitelist:\n    - 192.0.2.5\n  deny:\n    - 198.51.100.7\n",
        "a.deny",
        &["198.51.100.7/32"],
    );
    // A network's own addresses.
    let netplan = "network:\n  ethernets:\n    eth0:\n      addresses:\n        - 192.0.2.5/24\n";
    assert!(refused(netplan).contains("configuration in YAML"));
    drops("a:\n  b:\n    blocked:\n      - 198.51.100.7\n", &["198.51.100.7/32"]);
}

#[test]
fn an_item_that_is_no_entry_is_rejected_where_it_is_wrong() {
    reads(
        "deny:\n  - 198.51.100.7\n  - 198.51.100.256\n  - example.org\n  - 192.0.2.7 # allowed\n",
        &[(2, "198.51.100.7/32")],
        &[(3, 16, Reason::OctetTooLarge), (4, 5, NotAnAddress), (5, 17, Reason::Verdict)],
    );
}

#[test]
fn variables_that_hold_addresses_are_sets() {
    let both = "WHITELIST=(\n  192.0.2.5\n  192.0.2.7\n)\nBLACKLIST=(\n  198.51.100.7\n)\n";
    assert!(refused(both).contains("several sets (WHITELIST, BLACKLIST)"));
    takes(both, "BLACKLIST", &["198.51.100.7/32"]);
    let two = ["198.51.100.7/32", "203.0.113.0/24"];
    for text in [
        "BLACKLIST=( 198.51.100.7 203.0.113.0/24 )\n",
        "#!/bin/bash\ndeclare -a BAD=(\n\"198.51.100.7\" # x\n\n'203.0.113.0/24'\n)\n",
        "export BAD=\"198.51.100.7 203.0.113.0/24\"\n",
        "BAD=\"198.51.100.7\n203.0.113.0/24\"\n",
        "BAD='\n198.51.100.7\n203.0.113.0/24\n'\n",
        "blocked = [ \"198.51.100.7\", \"203.0.113.0/24\" ]\n",
        "blocked = [\n  \"198.51.100.7\",\n  \"203.0.113.0/24\",\n]\n",
        "deny: [198.51.100.7, 203.0.113.0/24]\n",
        "$bad = array(\n'198.51.100.7',\n'203.0.113.0/24'\n);\n",
    ] {
        drops(text, &two);
    }
    assert!(refused("const allowed = [\n'192.0.2.5',\n];\n").contains("allowed"));
    assert!(refused("[whitelist]\nips = [\"192.0.2.5\"]\n").contains("whitelist.ips"));
    assert!(refused("BAD=(198.51.100.7)\n192.0.2.5\n").contains("several sets"));
    // In a line of any length.
    let many: Vec<String> = (0..9_000).map(|n| format!("10.0.{}.{}", n >> 8, n & 255)).collect();
    let (entries, rejected) = scan(format!("BAD=\"{}\"\n", many.join(" ")));
    assert_eq!((entries.len(), rejected), (9_000, vec![]));
}

#[test]
fn values_that_are_no_entries_are_rejected_with_their_line() {
    reads(
        "BAD=(\n198.51.100.7 x\n203.0.113.9\n)\n",
        &[(3, "203.0.113.9/32")],
        &[(2, 14, NotAnAddress)],
    );
}

#[test]
fn one_value_in_quotes_may_be_anything_unless_the_name_says_that_it_is_dropped() {
    refused("GATEWAY=\"192.0.2.1\"\n");
    refused("server = '192.0.2.1'\n");
    drops("BLOCKED=\"192.0.2.1\"\n", &["192.0.2.1/32"]);
}

#[test]
fn a_script_whose_variables_hold_addresses_is_refused() {
    let script = "#!/bin/bash\n\nlst=\"208.180.20.97\n216.117.2.180\n71.6.199.23\"\n\nfor i in $lst\ndo\n\
                  \tiptables -I INPUT -s $i -j DROP\ndone\n";
    let message = refused(script);
    assert!(message.contains("a script or configuration"), "{message}");
    let message = refused("blocked = [\"198.51.100.7\"]\nport = 53\n");
    assert!(message.contains("(line 2: "), "{message}");
}

#[test]
fn a_name_of_what_is_left_out_or_good_is_no_name_of_a_block_list() {
    for name in
        ["bypass_list", "except", "Exclude", "exclusions", "excluded-nets", "good", "friends"]
    {
        let message = refused(format!("[{name}]\n192.0.2.5\n"));
        assert!(message.contains("must pass"), "{name}: {message}");
    }
    for name in ["goods", "not-so-goodly", "outbound_block_list", "exceptional"] {
        drops(format!("[{name}]\n192.0.2.5\n"), &["192.0.2.5/32"]);
    }
}

#[test]
fn a_list_among_the_values_of_yaml_is_no_list_unless_it_says_so() {
    for text in [
        "zones:\n  - name: 'x'\n    nameservers:\n      - 192.0.2.53\n      - 192.0.2.54\n",
        "network:\n  version: 2\n  addresses:\n    - 192.0.2.5/24\n",
        "network:\n  version: 2\n  addresses: [192.0.2.5/24]\n",
        "helpers:\n  - \"192.0.2.53\"\n  - \"192.0.2.54\"\n  - interface: \"Bvi 1\"\n",
    ] {
        assert!(refused(text).contains("configuration in YAML"), "{text}");
    }
    // What stands beside the list, and at the very left, describes it.
    drops("name: my list\nips:\n  - 192.0.2.5\n  - 192.0.2.7\n", &["192.0.2.5/32", "192.0.2.7/32"]);
    drops("a:\n  size: 1\n  blocked:\n    - 192.0.2.5\n", &["192.0.2.5/32"]);
}

#[test]
fn a_sentence_that_says_that_what_follows_is_let_pass_is_a_heading() {
    let list = |sentence: &str| {
        format!("# Copyright\n# {sentence}\n# One address a line\n#\n192.0.2.7 # x\n")
    };
    for sentence in [
        "The following IP addresses will be allowed through iptables.",
        "The following IP addresses will be ignored by all lfd checks",
        "following networks are trusted",
    ] {
        assert!(refused(list(sentence)).contains("must pass"), "{sentence}");
        allows(&list(sentence), &[(5, "192.0.2.7/32")]);
    }
    for sentence in [
        "The following IP addresses will be blocked in iptables",
        "The following addresses are not allowed here",
        "You may use the following forms, also the allowed ones, of addresses",
    ] {
        drops(list(sentence), &["192.0.2.7/32"]);
    }
}
