//! Plain lists: what may stand on a line beside the entry.

use super::*;

// ipsum: ADDRESS<TAB>COUNT

#[test]
fn a_count_behind_a_tab_is_no_part_of_the_host_before_it() {
    is("77.90.185.20\t10", &["77.90.185.20/32"]);
    is("77.90.185.20\t10  # as of today", &["77.90.185.20/32"]);
    is("2001:db8::7\t3", &["2001:db8::7/128"]);
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
    is_rejected("192.0.2.7\t198.51.100.7", 11, TrailingText);
    is_rejected("192.0.2.7\t198.51", 11, TrailingText);
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
    is_rejected("0.0.0.0 ads.example", 9, TrailingText);
    is_rejected("127.0.0.1 localhost", 11, TrailingText);
    is_rejected("::1 ip6-localhost", 5, TrailingText);
    is_rejected(":: ads.example", 4, TrailingText);
    is_rejected("192.0.2.7 evil host", 11, TrailingText);
    is_rejected("0.0.0.0\tads.example", 9, TrailingText);
}

#[test]
fn words_begin_with_a_letter_so_that_no_second_address_passes_for_one() {
    for rest in ["198.51.100.0/24", "198", "198.51", "24", "- 192.0.3.0", "-", "/24", "| x", ": x"]
    {
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
    is_rejected("192.0.2.0/24 a\0", 15, Nul);
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
