//! Plain lists: what may stand on a line beside the entry.

use super::*;

/// In a plain list a line is rejected at a column, for a reason, or as a line of another format.
#[track_caller]
fn is_rejected(line: impl AsRef<[u8]>, column: usize, reason: Reason) {
    let line = line.as_ref();
    let plain = b"192.0.2.201\n192.0.2.202\n192.0.2.203\n";
    let (entries, rejected) = scan([&plain[..], line, b"\n"].concat());
    let [(4, at, found)] = rejected[..] else { panic!("{}: {rejected:?}", line.escape_ascii()) };
    assert!(
        found == reason || matches!(found, Reason::LineOf(_)),
        "{}: {found:?}",
        line.escape_ascii()
    );
    assert_eq!((at, entries.len()), (column, 3), "{}", line.escape_ascii());
}

// ipsum: ADDRESS<TAB>COUNT

#[test]
fn a_count_behind_a_tab_is_no_part_of_the_host_before_it() {
    is("77.90.185.20\t110", &["77.90.185.20/32"]);
    is("77.90.185.20\t110  # as of today", &["77.90.185.20/32"]);
    reads(
        "185.220.101.34\t33\n45.148.10.240\t9\n91.92.240.0\t256\n",
        &[(1, "185.220.101.34/32"), (2, "45.148.10.240/32"), (3, "91.92.240.0/32")],
        &[],
    );
    // A power of two, but no size of a network that begins there.
    is("91.92.240.11\t64", &["91.92.240.11/32"]);
    // No network of that length begins there: ipsum has no number above 10.
    is("77.90.185.20\t10", &["77.90.185.20/32"]);
    reads("1.0.1.0\t8\n1.0.2.0\t24\n", &[(1, "1.0.1.0/32"), (2, "1.0.2.0/32")], &[]);
}

#[test]
fn numbers_that_may_all_be_lengths_or_sizes_are_refused_with_a_command_for_each_reading() {
    let lengths = refused("1.0.1.0\t24\n0.0.0.0\t0\n1.0.2.7\t32\n");
    assert!(lengths.contains("prefix length") && lengths.contains("(line 1: "), "{lengths}");
    let sizes = refused("1.0.1.0\t24\n1.0.2.0\t512\n1.0.8.0\t2048\n");
    assert!(sizes.contains("size of a network") && sizes.contains("(line 2: "), "{sizes}");
    assert!(refused("1.2.3.4\t30\n").contains("awk '{print $1}' FILE"));
    refused("0.0.0.0\t0\n128.0.0.0\t1\n");
    assert!(lengths.contains("awk '{print $1 \"/\" $2}' FILE"), "{lengths}");
    // Other lines change nothing in that.
    refused("198.51.100.7\t32\n203.0.113.8\t31\n192.0.2.0/24 trusted\n198.18.0.0/15 blocked\n");
}

#[test]
fn no_feed_has_counts_of_ipv6() {
    let message = refused("2001:db8::7\t300\n");
    assert!(message.contains("IPv6"), "{message}");
    let message = refused("192.0.2.7\t113\n2001:db8::7\t32\n");
    assert!(message.contains("(line 2: "), "{message}");
}

#[test]
fn a_count_is_a_number_behind_one_tab_and_nothing_more() {
    for line in ["192.0.2.7 10", "192.0.2.7  10", "192.0.2.7\t\t10"] {
        is_rejected(line, line.len() - 1, TrailingText);
    }
    is_rejected("192.0.2.7\t10x", 11, TrailingText);
    is_rejected("192.0.2.7\t10\t3", 11, TrailingText);
    is_rejected("192.0.2.7\t-1", 12, NotFourOctets);
    is_rejected("192.0.2.7\t1234567890", 11, TrailingText);
    is_rejected("192.0.2.0/24\t10", 14, TrailingText);
    is_rejected("192.0.2.1-192.0.2.9\t10", 21, TrailingText);
}

#[test]
fn two_addresses_with_a_tab_between_them_are_no_host_with_a_count() {
    is_rejected_in_a_list("192.0.2.7\t198.51.100.7", 11, TrailingText);
    is_rejected("192.0.2.7\t198.51", 11, TrailingText);
}

// Shapes of a plain list

#[test]
fn an_exclamation_mark_makes_an_exception_wherever_it_stands() {
    drops(
        "198.51.100.0/24\n!198.51.100.25\n",
        &["198.51.100.0-198.51.100.24", "198.51.100.26-198.51.100.255"],
    );
    drops("!198.51.100.128/25\n198.51.100.0/24\n", &["198.51.100.0/25"]);
    drops("2001:db8::/32\n ! 2001:db8:8000::/33 # ours\n", &["2001:db8::/33"]);
    drops("192.0.2.0/24\n!192.0.2.1-192.0.2.254\n", &["192.0.2.0/32", "192.0.2.255/32"]);
    // Whatever is said of it: it must not be dropped.
    drops("192.0.2.0/24\n!192.0.2.128/25 our office, allowed\n", &["192.0.2.0/25"]);
    drops("192.0.2.0/24\n!192.0.2.128/25 # whitelisted\n", &["192.0.2.0/25"]);
    drops("192.0.2.0/24\n!192.0.2.4-255\n", &["192.0.2.0/30"]);
    is("!192.0.2.7", &[]);
}

#[test]
fn what_is_no_whole_entry_is_no_exception() {
    for (line, column, reason) in [
        ("!", 2, NotAnAddress),
        ("!!192.0.2.7", 2, NotAnAddress),
        ("!192.0.2", 2, NotFourOctets),
        ("!192.0.2.7x", 11, TrailingText),
        ("!192.0.2.7 192.0.2.9", 12, SecondAddress),
        ("192.0.2.7 !192.0.2.9", 11, TrailingText),
    ] {
        is_rejected(line, column, reason);
    }
}

#[test]
fn an_entry_may_stand_in_quotes_and_have_a_comma_behind_it() {
    for line in
        ["\"192.0.2.7\"", "'192.0.2.7'", "192.0.2.7,", "\"192.0.2.7\",", " '192.0.2.7' , # x"]
    {
        is(line, &["192.0.2.7/32"]);
    }
    is("\"192.0.2.0/24\",", &["192.0.2.0/24"]);
    is("'2001:db8::/32'", &["2001:db8::/32"]);
    is("'192.0.2.1-192.0.2.9'", &["192.0.2.1-192.0.2.9"]);
    // This may be the beginning of a line of eMule.
    is_rejected("192.0.2.1-192.0.2.9,", 20, TrailingText);
}

#[test]
fn a_quote_that_is_open_or_another_is_rejected() {
    for line in ["\"192.0.2.7", "\"192.0.2.7'", "\" 192.0.2.7\"", "\"\"", "\"192.0.2.7\";"] {
        is_rejected(line, 1, NotAnAddress);
    }
    is_rejected("192.0.2.7\"", 10, TrailingText);
    is_rejected("192.0.2.7,,", 10, TrailingText);
    is_rejected("192.0.2.7,x", 10, TrailingText);
    is_rejected("\"192.0.2.7\" \"192.0.2.9\"", 1, NotAnAddress);
}

#[test]
fn three_or_more_entries_may_stand_on_a_line_with_commas() {
    let three = ["198.51.100.7/32", "203.0.113.0/24", "192.0.2.9/32"];
    is("198.51.100.7, 203.0.113.0/24, 192.0.2.9", &three);
    is("198.51.100.7,203.0.113.0/24,192.0.2.9,", &three);
    is("'198.51.100.7' , \"203.0.113.0/24\",192.0.2.9 # all", &three);
    is(
        "2001:db8::1,192.0.2.1-192.0.2.9,192.0.3.*",
        &["2001:db8::1/128", "192.0.2.1-192.0.2.9", "192.0.3.0/24"],
    );
    // In one line of megabytes, too.
    let many: Vec<String> =
        (0..200_000).map(|n| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255)).collect();
    let (entries, rejected) = scan(many.join(","));
    assert_eq!((entries.len(), rejected), (200_000, vec![]));
    let (entries, rejected) = scan(format!("{},x", many.join(",")));
    assert_eq!((entries, rejected), (vec![], vec![(1, 4097, TooLong)]));
}

#[test]
fn two_entries_with_a_comma_may_be_a_range_and_are_rejected() {
    is_rejected("198.51.100.0,198.51.100.255", 13, Reason::TwoEntries);
    is_rejected("198.51.100.0 , 198.51.100.255,", 14, Reason::TwoEntries);
    is_rejected("\"198.51.100.0\",\"198.51.100.255\"", 15, Reason::TwoEntries);
}

#[test]
fn a_line_with_commas_of_which_one_value_is_no_entry_is_rejected_as_a_whole() {
    is_rejected("192.0.2.1,192.0.2.2,x", 21, NotAnAddress);
    is_rejected("192.0.2.1,192.0.2.2,,192.0.2.3", 21, NotAnAddress);
    is_rejected("192.0.2.1,192.0.2.2,192.0.2.3 x", 31, TrailingText);
    is_rejected("192.0.2.1,192.0.2.2,192.0.2.3,!192.0.2.4", 31, NotAnAddress);
    is_rejected("192.0.2.1,22,DE", 10, TrailingText);
    is_rejected("192.0.2.1;192.0.2.2;192.0.2.3", 10, TrailingText);
}

#[test]
fn a_note_may_stand_behind_a_dash_with_blanks() {
    is("198.51.100.0/24 - Hetzner", &["198.51.100.0/24"]);
    is("203.0.113.9 - scanner (Shodan) # seen", &["203.0.113.9/32"]);
    is("2001:db8::7\t-\tmail without end", &["2001:db8::7/128"]);
}

#[test]
fn behind_the_dash_stands_a_note_and_no_end_of_a_range_and_no_line_of_a_log() {
    is_rejected("198.51.100.4 \u{2013} 198.51.100.9", 14, TrailingText);
    is_rejected("198.51.100.4\u{2013}198.51.100.9", 13, TrailingText);
    is_rejected("198.51.100.4 -scanner", 15, NotAnAddress);
    is_rejected("198.51.100.4- scanner", 15, NotAnAddress);
    is_rejected("198.51.100.4 - 9", 16, NotFourOctets);
    is_rejected("198.51.100.4 - and 198.51.100.9", 20, SecondAddress);
    is_rejected("198.51.100.4 - allowed", 16, Reason::Verdict);
    is_rejected("198.51.100.0/24 - OK", 19, Reason::Verdict);
    is_rejected("198.51.100.4 - - [10/Oct/2026:13:55:36 +0000] \"GET /\"", 16, NotAnAddress);
    is_rejected("198.51.100.4 - frank [10/Oct/2026] \"GET /\"", 22, TrailingText);
    is_rejected("198.51.100.4 - seen [5 times]", 21, TrailingText);
}

#[test]
fn short_forms_and_notes_are_read_only_if_most_lines_have_them() {
    for line in ["198.51.100.4 - foo", "198.51.100.4-9"] {
        let (entries, rejected) = scan(format!("{line}\n192.0.2.1\n"));
        assert_eq!(entries, [(2, "192.0.2.1/32".to_string())], "{line}");
        assert_eq!(rejected, [(1, 1, Reason::ShortForm)], "{line}");
        let (entries, rejected) = scan(format!("{line}\n192.0.2.1\n{line}\n"));
        assert_eq!((entries.len(), rejected), (3, vec![]), "{line}");
    }
    drops(
        "192.0.2.0/24 - office of a scanner\n198.51.100.1\n198.51.100.2\n",
        &["192.0.2.0/24", "198.51.100.1-198.51.100.2"],
    );
}

#[test]
fn a_star_stands_for_every_value_of_an_octet() {
    is("198.51.100.*", &["198.51.100.0/24"]);
    is("198.51.*.* # wide", &["198.51.0.0/16"]);
    is("10.*.*.*,", &["10.0.0.0/8"]);
    for line in
        ["198.51.*", "*.*.*.*", "198.*.100.7", "198.51.100.*.1", "198.51.100.*/24", "198.51.100.1*"]
    {
        let (entries, rejected) = scan(line);
        assert_eq!((entries, rejected.len()), (vec![], 1), "{line}");
    }
    is_rejected("198.51.256.*", 8, Reason::OctetTooLarge);
}

#[test]
fn a_number_behind_the_dash_is_the_last_octet() {
    is("198.51.100.4-9", &["198.51.100.4-198.51.100.9"]);
    is("203.0.113.0-255 # all", &["203.0.113.0/24"]);
    is_rejected("198.51.100.9-4", 1, ReversedRange);
    is_rejected("198.51.100.9-256", 14, Reason::OctetTooLarge);
    for line in ["198.51.100.4-9.1", "198.51.100.4-09", "198.51.100-101", "::ffff:198.51.100.4-9"] {
        let (entries, rejected) = scan(line);
        assert_eq!((entries, rejected.len()), (vec![], 1), "{line}");
    }
}

#[test]
fn a_range_may_have_the_mask_of_each_host() {
    is("192.0.2.1-192.0.2.9/32", &["192.0.2.1-192.0.2.9"]);
    is("2001:db8::1-2001:db8::9/128", &["2001:db8::1-2001:db8::9"]);
    is_rejected("192.0.2.1-192.0.2.9/128", 20, TrailingText);
    is_rejected("2001:db8::1-2001:db8::9/1280", 24, TrailingText);
}

#[test]
fn a_comment_may_begin_right_behind_an_entry() {
    is("192.0.2.7#scanner", &["192.0.2.7/32"]);
    is("192.0.2.0/24#4#2#Malicious Host", &["192.0.2.0/24"]);
    is_rejected("192.0.2.7#whitelisted", 11, Reason::Verdict);
    is_rejected("192.0.2.7#192.0.2.9", 11, SecondAddress);
    is_rejected("192.0.2.7;scanner", 10, TrailingText);
}

#[test]
fn netmasks_may_stand_in_a_column_of_their_own() {
    let text = "# net mask\n198.51.100.0 255.255.255.0\n203.0.113.7\t255.255.255.255 # x\n192.0.2.9\n!198.51.100.4\n";
    reads(text, &[(2, "198.51.100.0/24"), (3, "203.0.113.7/32"), (4, "192.0.2.9/32")], &[]);
    drops("198.51.100.0 255.255.255.128\n!198.51.100.0/26\n", &["198.51.100.64/26"]);
}

#[test]
fn an_address_behind_an_address_is_a_netmask_only_if_each_in_the_list_is_one() {
    reads(
        "198.51.100.0 255.255.255.0\n203.0.113.0 203.0.113.127\n192.0.2.9\n",
        &[(3, "192.0.2.9/32")],
        &[(1, 14, Reason::LineOf("network and netmask")), (2, 13, TrailingText)],
    );
    is_rejected("198.51.100.0 198.51.100.255", 14, TrailingText);
    is_rejected("198.51.100.0 255.0.255.0", 14, TrailingText);
    is_rejected("198.51.100.0 0.0.0.0", 14, TrailingText);
    // A host in its network, as of an interface.
    is_rejected("198.51.100.7 255.255.255.0", 14, TrailingText);
    is_rejected("198.51.100.0 255.255.255.0 198.51.100.1", 14, TrailingText);
    reads(
        "198.51.100.0 255.255.255.0\n203.0.113.0 255.255.255.0 # allowed\n",
        &[(1, "198.51.100.0/24")],
        &[(2, 29, Reason::Verdict)],
    );
}

#[test]
fn what_print_writes_is_read_back() {
    // As an IPv6 host it would be taken for a hardware address.
    drops("0012:34:56:78:9a:bc:de:f0\n", &["12:34:56:78:9a:bc:de:f0/128"]);
    drops("12:34:56:78:9a:bc:de:f0/128\n", &["12:34:56:78:9a:bc:de:f0/128"]);
    is_rejected("12:34:56:78:9a:bc:de:f0", 1, Reason::HardwareAddress);
    reads(
        "{\"cidr\":\"12:34:56:78:9a:bc:de:f0\"}\n{\"cidr\":\"192.0.2.0/24\"}\n",
        &[(2, "192.0.2.0/24")],
        &[(1, 10, Reason::HardwareAddress)],
    );
}

#[test]
fn values_of_another_program_are_no_entries() {
    reads(
        "192.0.2.1\nfoo([\n'192.0.2.7',\n# x\n'192.0.2.8'\n])\n192.0.2.9\n",
        &[(1, "192.0.2.1/32"), (7, "192.0.2.9/32")],
        &[(2, 1, NotAnAddress), (3, 1, UnknownBlock), (5, 1, UnknownBlock), (6, 1, UnknownBlock)],
    );
    // A document that was cut off.
    assert_eq!(
        scan("{\"name\":\"x\",\n\"list\":[\"192.0.2.1\",\n\"192.0.2.2\",\n\"192.0.2.3\"").0,
        []
    );
}

// Words behind an entry

#[test]
fn a_comment_whose_first_word_says_that_the_entry_is_not_bad_rejects_the_line() {
    for word in [
        "whitelisted",
        "allowed by Bob",
        "(trusted)",
        "OK",
        "expired",
        "false positive",
        "remove me",
        "tcp 22",
        "port 22",
        "do not block",
    ] {
        is_rejected(format!("192.0.2.7 # {word}"), 13, Reason::Verdict);
    }
    for word in
        ["do not delete", "lfd: 5 ports, limit", "SBL1 allowed", "Trustwave", "scans port 22", "22"]
    {
        is(format!("192.0.2.7 # {word}"), &["192.0.2.7/32"]);
    }
}

#[test]
fn a_comment_that_begins_with_an_address_rejects_the_line() {
    is_rejected("198.51.100.0 ; 198.51.100.255 ; CN", 16, SecondAddress);
    is_rejected("198.51.100.7 ; 203.0.113.9 ; 192.0.2.9", 16, SecondAddress);
    is_rejected("198.51.100.7 # 2001:db8::1", 16, SecondAddress);
    // An address in the network that the length has named hides nothing.
    is("198.51.100.0/24 # 198.51.100.125", &["198.51.100.0/24"]);
    is("198.51.100.0/24 ; 198.51.100.0/25 and words", &["198.51.100.0/24"]);
    is("2001:db8::/32 # 2001:db8::1", &["2001:db8::/32"]);
    is_rejected("198.51.100.0/24 ; 198.51.101.255", 19, SecondAddress);
    is_rejected("198.51.100.7 # 198.51.100.7", 16, SecondAddress);
    is_rejected("198.51.100.0-198.51.100.9 # 198.51.100.3", 29, SecondAddress);
}

#[test]
fn words_that_say_that_a_network_is_not_bad_reject_the_line() {
    for (text, column) in [
        ("\"allow\"", 15),
        ("(whitelisted)", 15),
        ("ALLOW: office", 14),
        ("expired 2020-01-01", 14),
        ("false positive", 14),
        ("scans tcp/22 only", 20),
        ("on dev eth0", 17),
        ("rate limited", 19),
    ] {
        is_rejected(format!("192.0.2.0/24 {text}"), column, Reason::Verdict);
    }
    for text in
        ["Example Limited", "Okinawa Telecom", "Trustwave Holdings", "White Mountain Telecom"]
    {
        is(format!("192.0.2.0/24 {text}"), &["192.0.2.0/24"]);
    }
}

#[test]
fn in_an_allowlist_these_words_are_right() {
    allows(
        "192.0.2.5 # allowed by Bob\n192.0.2.0/24 trusted\n192.0.2.7 - OK\n192.0.2.8#whitelist\n\
         192.0.2.9 until 2027-01-31T00:00:00Z ; (ok)\n",
        &[
            (1, "192.0.2.5/32"),
            (2, "192.0.2.0/24"),
            (3, "192.0.2.7/32"),
            (4, "192.0.2.8/32"),
            (5, "192.0.2.9/32"),
        ],
    );
}

// A network and free text

#[test]
fn a_network_may_have_words_behind_it() {
    is("2.56.24.0/23 RU-K-TELEKOM-20190313 (K-telekom LLC)", &["2.56.24.0/23"]);
    is("217.199.224.0/20 -no-description-", &["217.199.224.0/20"]);
    is("45.9.216.0/22 RU-PHARMACY (PJSC Pharmacy Chain 36.6)", &["45.9.216.0/22"]);
    is("192.0.2.0/24\tBBTel#2 (No org name found)", &["192.0.2.0/24"]);
    is("192.0.2.0/255.255.255.0 Somebody", &["192.0.2.0/24"]);
    is("192.0.2.0/24 Somebody # with 192.0.2.9; of late", &["192.0.2.0/24"]);
    is("2001:db8::/32 \u{41c}\u{422}\u{421}", &["2001:db8::/32"]);
}

#[test]
fn a_host_may_not_since_that_is_a_line_of_a_hosts_file() {
    is_rejected_in_a_list("0.0.0.0 ads.example", 9, TrailingText);
    is_rejected_in_a_list("127.0.0.1 localhost", 11, TrailingText);
    is_rejected_in_a_list("::1 ip6-localhost", 5, TrailingText);
    is_rejected_in_a_list(":: ads.example", 4, TrailingText);
    is_rejected_in_a_list("192.0.2.7 evil host", 11, TrailingText);
    is_rejected_in_a_list("0.0.0.0\tads.example", 9, TrailingText);
}

#[test]
fn words_begin_with_a_letter_so_that_no_second_address_passes_for_one() {
    for rest in ["198.51.100.0/24", "198", "198.51", "24", "- 192.0.3.0", "/24", "| x", ": x"] {
        is_rejected(format!("192.0.2.0/24 {rest}"), 14, TrailingText);
    }
    is_rejected("192.0.2.0/24 255.255.255.0", 14, TrailingText);
    is_rejected("192.0.2.0/24 ((x", 14, TrailingText);
    is_rejected("192.0.2.0/24 1;", 14, TrailingText);
}

#[test]
fn words_hold_no_address_and_no_beginning_of_one() {
    is_rejected("192.0.2.0/24 and 198.51.100.0/24", 18, SecondAddress);
    is_rejected("192.0.2.0/24 and (198.51.100)", 19, SecondAddress);
    is_rejected("192.0.2.0/24 and 2001:db8", 18, SecondAddress);
    is_rejected("192.0.2.0/24 and fe80::1", 18, SecondAddress);
    is_rejected("192.0.2.0/24 to=::ffff:1.2", 17, SecondAddress);
    is("192.0.2.0/24 Note: see http://example.com/", &["192.0.2.0/24"]);
}

#[test]
fn words_are_text_and_belong_to_no_other_format() {
    is_rejected(b"192.0.2.0/24 Telef\xf3nica", 14, TrailingText);
    is_rejected("192.0.2.0/24 red\x1b[0m", 17, TrailingText);
    is_rejected("192.0.2.0/24 \u{a0}", 14, TrailingText);
    is_rejected("192.0.2.0/24 bad;", 17, TrailingText);
    is_rejected("192.0.2.0/24 bad,", 17, TrailingText);
    is_rejected("192.0.2.0/24 a { b }", 16, TrailingText);
    is_rejected_in_a_list("192.0.2.0/24 a\0", 15, Nul);
}

#[test]
fn the_word_until_behind_an_entry_begins_its_end_and_no_text() {
    is_rejected("192.0.2.0/24 until further notice", 20, NotATime);
    is_rejected("192.0.2.7 until 180000000", 17, NotATime);
    is_rejected("192.0.2.0/24 UNTIL further notice", 14, TrailingText);
}

#[test]
fn a_word_that_takes_the_network_back_is_no_description() {
    for word in ["OK", "nomatch", "allow", "permit", "RELAY", "not", "whitelist"] {
        is_rejected(format!("192.0.2.0/24 {word}"), 14, Reason::Verdict);
    }
}

#[test]
fn a_line_that_begins_with_except_is_an_exception() {
    drops("192.0.2.0/24\n   except 192.0.2.128/25\n", &["192.0.2.0/25"]);
    is_rejected("except words", 1, NotAnAddress);
    is_rejected("exception 192.0.2.1", 1, NotAnAddress);
}

#[test]
fn a_number_sign_right_behind_the_address_is_a_row_of_reputation_data() {
    is("192.0.2.7#4#2#Malicious Host#CN#Beijing#39.9,116.4#3", &["192.0.2.7/32"]);
    is("192.0.2.7#4#2#C&C;Scanning Host##X#39.9,116.4#3;2", &["192.0.2.7/32"]);
    is_rejected("192.0.2.7#4#2#Whitelisted#CN#Beijing#39.9,116.4#3", 15, Reason::Verdict);
    is_rejected("192.0.2.7#4#2#Scanning Host;allowed#CN##39.9,116.4#3", 29, Reason::Verdict);
}

#[test]
fn entries_among_the_lines_of_a_script_are_no_list() {
    let message = refused("#!/bin/sh\ncat <<EOF | iprange -\n192.0.2.7\n198.51.100.7\nEOF\n");
    assert!(message.contains("a script"), "{message}");
    drops("#!/usr/bin/env cat\n192.0.2.7\n", &["192.0.2.7/32"]);
}
