//! The formats of feeds, as a specification: what is read of each, what is rejected, and the wrong
//! readings that it tempts to.

use std::time::{Duration, Instant};

use netfilterd::list::parse_error::Reason;
use netfilterd::list::{self, List, ListError, Suspect};

type Entries = Vec<(u64, String)>;
type Rejected = Vec<(u64, usize, Reason)>;

/// The entries with their lines, and the rejected lines with column and reason.
fn scan(text: impl AsRef<[u8]>) -> (Entries, Rejected) {
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    List::new("test", text.as_ref().to_vec()).scan(
        |line, entry, _| entries.push((line, entry.to_string())),
        |line, fault, _| rejected.push((line, fault.at + 1, fault.reason)),
    );
    (entries, rejected)
}

/// A list of one line is these entries, with either line end, and so is one that has the line again.
#[track_caller]
fn is(line: impl AsRef<[u8]>, wanted: &[&str]) {
    let line = line.as_ref();
    for end in [&b"\n"[..], b"\r\n", b""] {
        let (entries, rejected) = scan([line, end].concat());
        let entries: Vec<_> = entries.iter().map(|(_, entry)| entry.as_str()).collect();
        assert_eq!((entries, rejected), (wanted.to_vec(), vec![]), "{}", line.escape_ascii());
    }
    let (entries, rejected) = scan([line, b"\n", line, b"\n"].concat());
    let entries: Vec<_> = entries.iter().map(|(line, entry)| (*line, entry.as_str())).collect();
    let all: Vec<_> =
        [1, 2].iter().flat_map(|line| wanted.iter().map(|entry| (*line, *entry))).collect();
    assert_eq!((entries, rejected), (all, vec![]), "{}", line.escape_ascii());
}

/// A list of one line has no entry: the line is rejected at a column, counted from 1.
#[track_caller]
fn is_rejected(line: impl AsRef<[u8]>, column: usize, reason: Reason) {
    let line = line.as_ref();
    let (entries, rejected) = scan([line, b"\n"].concat());
    assert_eq!(rejected, [(1, column, reason)], "{}", line.escape_ascii());
    assert_eq!(entries, [], "{}", line.escape_ascii());
}

/// A text has these entries and these rejections.
#[track_caller]
fn reads(text: &str, entries: &[(u64, &str)], rejected: &[(u64, usize, Reason)]) {
    let (found, not) = scan(text);
    let found: Vec<_> = found.iter().map(|(line, entry)| (*line, entry.as_str())).collect();
    assert_eq!((&found[..], &not[..]), (entries, rejected), "{text}");
}

use Reason::{
    Exception, LeadingZero, MappedNetwork, NoNetworkInJson, NotALength, NotATime, NotAnAddress,
    NotFourOctets, NotJson, NotOfTheFormat, NotThatNetwork, Nul, ReversedRange, SecondAddress,
    TooLong, TrailingText, Unclosed, UnknownBlock,
};

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

// DShield: START<TAB>END<TAB>LENGTH and further columns

#[test]
fn a_dshield_line_is_the_network_and_not_its_first_address() {
    is("16.5.0.0\t16.5.0.255\t24\t117\t-\t-\t-", &["16.5.0.0/24"]);
    is("16.5.0.0\t16.5.0.255\t24", &["16.5.0.0/24"]);
    is("16.4.0.0\t16.5.255.255\t15\t1\tA, B (C)\tUS\tabuse@example.com", &["16.4.0.0/15"]);
    is(b"16.5.0.0\t16.5.0.255\t24\t1\tTelef\xf3nica\tES\t", &["16.5.0.0/24"]);
}

#[test]
fn a_dshield_line_whose_columns_do_not_agree_is_rejected() {
    is_rejected("16.5.0.0\t16.5.0.254\t24\t117", 21, NotThatNetwork);
    is_rejected("16.5.0.1\t16.5.0.255\t24\t117", 21, NotThatNetwork);
    is_rejected("16.5.0.0\t16.5.0.255\t25\t117", 21, NotThatNetwork);
    is_rejected("16.5.0.255\t16.5.0.0\t24\t117", 21, NotThatNetwork);
    is_rejected("16.5.0.0\t16.5.0.255\t033\t1", 21, NotALength);
}

#[test]
fn a_dshield_line_that_is_cut_short_or_runs_into_the_next_is_rejected() {
    is_rejected("16.5.0.0\t16.5.0.255", 10, TrailingText);
    is_rejected("16.5.0.0\t16.5.0.255\t", 21, NotALength);
    is_rejected("16.5.0.0\t16.5.0", 10, TrailingText);
    is_rejected("16.5.0.0\t16.5.0.255\t24\t117\tNA16.6.0.0\t16.6.0.255\t24", 30, SecondAddress);
    is_rejected("16.5.0.0\t16.5.0.255\t24\t1\tA\x1b[2J", 27, TrailingText);
}

#[test]
fn the_heading_of_a_dshield_list_is_passed_over() {
    is("Start\tEnd\tNetblock\tAttacks\tName\tCountry\temail", &[]);
    is_rejected("Start End", 1, NotAnAddress);
}

// PeerGuardian: NAME:FIRST-LAST

#[test]
fn a_name_and_a_colon_may_stand_before_a_range() {
    is("AEC, INC:12.111.227.0-12.111.227.39", &["12.111.227.0-12.111.227.39"]);
    is("M.I.T.(www.w3.org):18.0.0.0-18.255.255.255", &["18.0.0.0/8"]);
    is("7-Eleven: the shop:192.0.2.0 - 192.0.2.255", &["192.0.2.0/24"]);
    is("old:001.002.003.000-001.002.003.255", &["1.2.3.0/24"]);
    is(b"Telef\xf3nica:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
    is("Node 1.2.3 at 10h:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
}

#[test]
fn what_stands_before_the_colon_must_be_a_name() {
    // Hexadecimal digits may be the rest of an IPv6 address.
    is_rejected("bad:192.0.2.0-192.0.2.255", 1, Reason::NotAnIpv6Address);
    is_rejected("::ffff:192.0.2.0-192.0.2.255", 1, Reason::MixedRange);
    is_rejected(":192.0.2.0-192.0.2.255", 1, Reason::NotAnIpv6Address);
    is_rejected("192.0.2.1:192.0.2.0-192.0.2.255", 9, NotAnAddress);
    is_rejected("allow:192.0.2.0-192.0.2.255", 1, Reason::Verdict);
    is_rejected("add drop:192.0.2.0-192.0.2.255", 1, UnknownBlock);
    is("adding:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
    is_rejected("2001:db8::1 - name:192.0.2.0-192.0.2.255", 1, SecondAddress);
    is_rejected("old 2001::b:192.0.2.0-192.0.2.255", 10, SecondAddress);
}

#[test]
fn behind_a_name_stands_one_whole_range() {
    is_rejected("name:192.0.2.7", 1, NotAnAddress);
    is_rejected("name:192.0.2.0/24", 1, NotAnAddress);
    is_rejected("name:192.0.2.9-192.0.2.1", 1, NotAnAddress);
    is_rejected("name:192.0.2.1-192.0.2.9x", 25, TrailingText);
    is_rejected("name:192.0.2.1-192.0.2.9 x", 26, TrailingText);
    is_rejected("name:192.0.2.1-192.0.2.9,", 25, TrailingText);
}

#[test]
fn a_second_range_in_a_name_is_a_line_end_that_was_lost() {
    is_rejected("a:1.2.3.4-1.2.3.9b:192.0.2.1-192.0.2.9", 3, SecondAddress);
    is_rejected("seen at 10:15h:192.0.2.1-192.0.2.9", 12, SecondAddress);
    is_rejected("one:1.2two:192.0.2.1-192.0.2.9", 5, SecondAddress);
    is_rejected("was 1.2.3.4:192.0.2.1-192.0.2.9", 5, SecondAddress);
    is_rejected("a\x07b:192.0.2.1-192.0.2.9", 2, TrailingText);
}

// eMule and qBittorrent: FIRST - LAST , LEVEL , NAME

#[test]
fn a_range_with_a_level_of_at_most_127_is_an_entry() {
    is("1.180.24.0 - 1.180.25.255 , 0 , ", &["1.180.24.0/23"]);
    is("001.009.096.105 - 001.009.096.105 , 000 , Botnet", &["1.9.96.105/32"]);
    is("1.2.3.0-1.2.3.255,127,AEC, INC", &["1.2.3.0/24"]);
    is("1.2.3.0 - 1.2.3.255 , 100", &["1.2.3.0/24"]);
    is("2001:db8::1 - 2001:db8::5 , 1 , six", &["2001:db8::1-2001:db8::5"]);
}

#[test]
fn a_range_with_a_level_above_127_is_let_through() {
    is("1.2.3.0 - 1.2.3.255 , 128 , friends", &[]);
    is("1.2.3.0 - 1.2.3.255 , 255 , friends", &[]);
}

#[test]
fn a_range_with_something_else_than_a_level_is_rejected() {
    is_rejected("1.2.3.0 - 1.2.3.255 , , name", 23, TrailingText);
    is_rejected("1.2.3.0 - 1.2.3.255 , name", 23, TrailingText);
    is_rejected("1.2.3.0 - 1.2.3.255 , 256 , name", 23, TrailingText);
    is_rejected("1.2.3.0 - 1.2.3.255 , 0100 , name", 23, TrailingText);
    is_rejected("1.2.3.0 - 1.2.3.255 , 10 name", 23, TrailingText);
    is_rejected("1.2.3.0 - 1.2.3.255 ,", 22, TrailingText);
    is_rejected("1.2.3.4 , 100 , a host", 9, TrailingText);
    is_rejected("1.2.3.0/24 , 100 , a network", 12, TrailingText);
}

#[test]
fn zeros_in_front_are_decimal_in_the_fixed_width_only() {
    is_rejected("01.9.96.105 - 01.9.96.105 , 000 , Botnet", 1, LeadingZero);
    is_rejected("1.2.3.9 - 1.2.3.0 , 000 , Botnet", 1, ReversedRange);
}

#[test]
fn a_second_range_behind_the_level_is_a_line_end_that_was_lost() {
    let line =
        "001.000.000.000 - 001.000.000.255 , 000 , a002.000.000.000 - 002.000.000.255 , 0 , b";
    is_rejected(line, 44, SecondAddress);
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

// Spamhaus: NETWORK ; SBL, or one JSON record a line

#[test]
fn what_spamhaus_writes_behind_a_network_is_a_comment() {
    is("1.10.16.0/20 ; SBL256894", &["1.10.16.0/20"]);
    is("; Spamhaus DROP List 2026/08/22", &[]);
}

#[test]
fn a_record_is_the_network_under_cidr() {
    is(r#"{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}"#, &["1.10.16.0/20"]);
    is(r#"  {"sblid" : "SBL1", "cidr" : "2001:db8::/32" }"#, &["2001:db8::/32"]);
    is(r#"{"cidr":"192.0.2.0\/24"}"#, &["192.0.2.0/24"]);
    is(r#"{"cidr":"192.0.2.1-192.0.2.9"}"#, &["192.0.2.1-192.0.2.9"]);
}

#[test]
fn the_record_about_the_list_is_passed_over() {
    is(r#"{"type":"metadata","timestamp":1784798042,"size":101866,"records":1670}"#, &[]);
}

#[test]
fn a_record_without_a_network_is_rejected() {
    is_rejected(r#"{"sblid":"SBL256894"}"#, 1, NoNetworkInJson);
    is_rejected(r#"{"type":"other"}"#, 1, NoNetworkInJson);
    is_rejected(r#"{"cidr":24}"#, 9, NotAnAddress);
    is_rejected(r#"{"cidr":["192.0.2.0/24"]}"#, 9, NotAnAddress);
    is_rejected(r#"{"cidr":""}"#, 10, NotAnAddress);
    is_rejected(r#"{"cidr":"192.0.2.0/33"}"#, 20, Reason::LengthTooLarge(32));
    is_rejected(r#"{"cidr":"192.0.2.0/24 x"}"#, 23, TrailingText);
    is_rejected(r#"{"cidr":" 192.0.2.0/24"}"#, 10, NotAnAddress);
    is_rejected(r#"{"cidr":"AS64496"}"#, 10, NotAnAddress);
    // Nothing within the record is looked for.
    is_rejected(r#"{"network":{"cidr":"192.0.2.0/24"}}"#, 1, NoNetworkInJson);
}

#[test]
fn a_record_that_could_mean_two_networks_is_rejected() {
    let line = r#"{"cidr":"192.0.2.0/24","cidr":"198.51.100.0/24"}"#;
    assert_eq!(scan(format!("{{}}\n{line}\n")).0, []);
    let two = r#"{"cidr":"192.0.2.0/24"} {"cidr":"198.51.100.0/24"}"#;
    is_rejected(two, 25, NotJson);
}

#[test]
fn a_record_that_is_cut_short_is_rejected_and_the_others_are_read() {
    let whole = r#"{"cidr":"192.0.2.0/24"}"#;
    for length in 2..whole.len() {
        let (entries, rejected) = scan(format!("{whole}\n{}\n{whole}\n", &whole[..length]));
        assert_eq!(entries.len(), 2, "{length}");
        assert!(matches!(rejected[..], [(2, _, NotJson)]), "{length}: {rejected:?}");
        // Also where it is the first.
        let (entries, rejected) = scan(format!("{}\n{whole}\n{whole}\n", &whole[..length]));
        assert_eq!(entries.len(), 2, "{length}");
        assert!(matches!(rejected[..], [(1, _, NotJson)]), "{length}: {rejected:?}");
    }
}

#[test]
fn an_ipv4_mapped_network_never_becomes_all_of_ipv4() {
    let reason = MappedNetwork(Some((std::net::Ipv4Addr::UNSPECIFIED, 0)));
    let mapped = "::ffff:0:0/96";
    for (line, column) in [
        (format!("{{\"cidr\":\"{mapped}\"}}"), 10),
        (format!("deny {mapped};"), 6),
        (format!("add drop {mapped}"), 10),
        (format!("add element inet t s {{ {mapped} }}"), 24),
        (format!("{mapped} name"), 1),
    ] {
        is_rejected(line, column, reason);
    }
    assert_eq!(scan(format!("[\"{mapped}\"]")), (vec![], vec![(1, 3, reason)]));
}

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
    is_rejected("add drop 192.0.2.0/25 nomatch", 23, Exception);
    is_rejected("add drop 192.0.2.0/25 timeout 0 nomatch", 33, Exception);
    is_rejected("del drop 192.0.2.0/24", 1, Exception);
}

#[test]
fn more_than_a_network_in_a_set_of_ipset_is_rejected() {
    is_rejected("add drop 192.0.2.7,tcp:80", 19, TrailingText);
    is_rejected("add drop 192.0.2.0/24,eth0", 22, TrailingText);
    is_rejected("add drop 192.0.2.7 198.51.100.7", 20, TrailingText);
    is_rejected("add drop 192.0.2.7 timeout", 27, TrailingText);
    is_rejected("add drop 192.0.2.7 comment \"open", 28, TrailingText);
    is_rejected("add drop 02:00:00:00:00:01", 10, Reason::NotAnIpv6Address);
    is_rejected("add drop other", 10, NotAnAddress);
    is_rejected("add 192.0.2.7", 1, NotAnAddress);
    is_rejected("-A INPUT -s 192.0.2.7/32 -j DROP", 1, NotAnAddress);
}

// nginx: deny NETWORK;

#[test]
fn what_nginx_denies_is_an_entry() {
    is("deny 109.120.180.0/22;", &["109.120.180.0/22"]);
    is("\tdeny  2001:db8::/32 ; # bad", &["2001:db8::/32"]);
    is("deny 192.0.2.7;", &["192.0.2.7/32"]);
}

#[test]
fn what_nginx_allows_is_never_an_entry() {
    is_rejected("allow 192.0.2.0/24;", 1, Exception);
    is_rejected("allow all;", 1, Exception);
}

#[test]
fn nginx_denies_one_network_in_one_whole_line() {
    is_rejected("deny all;", 6, NotAnAddress);
    is_rejected("deny unix:;", 6, NotAnAddress);
    is_rejected("deny 192.0.2.0/24", 18, TrailingText);
    is_rejected("deny 192.0.2.0/2;x", 18, TrailingText);
    is_rejected("deny 192.0.2.0/24; deny 198.51.100.0/24;", 20, TrailingText);
    is_rejected("deny 192.0.2.1-192.0.2.9;", 25, TrailingText);
    is_rejected("deny from 192.0.2.0/24", 6, NotAnAddress);
    is_rejected("deny", 5, NotAnAddress);
}

#[test]
fn what_nginx_denies_in_one_place_is_not_denied_everywhere() {
    reads(
        "location /admin {\n\tdeny 192.0.2.0/24;\n\tallow all;\n}\ndeny 198.51.100.7;\n",
        &[(5, "198.51.100.7/32")],
        &[
            (1, 1, NotOfTheFormat("nginx")),
            (2, 2, UnknownBlock),
            (3, 2, UnknownBlock),
            (4, 1, UnknownBlock),
        ],
    );
    reads(
        "location /admin\n{\ndeny 192.0.2.0/24;\n}\n",
        &[],
        &[
            (1, 1, NotOfTheFormat("nginx")),
            (2, 1, NotOfTheFormat("nginx")),
            (3, 1, UnknownBlock),
            (4, 1, UnknownBlock),
        ],
    );
    reads(
        "geo $bad {\n192.0.2.0/24 1;\n10.0.0.0/8\n}\n",
        &[],
        &[(1, 1, NotAnAddress), (2, 1, UnknownBlock), (3, 1, UnknownBlock), (4, 1, UnknownBlock)],
    );
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
    // Outside of braces no statement goes on.
    reads(
        "define BAD = \\\n{ 192.0.2.7 }\n",
        &[],
        &[(1, 1, UnknownBlock), (2, 1, NotOfTheFormat("nft script"))],
    );
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
    is_rejected("add element inet t s { 192.0.2.7 . 80 }", 34, TrailingText);
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
    is_rejected("delete element inet t s { 192.0.2.7 }", 1, Exception);
    reads(
        "delete element inet t s {\n192.0.2.7,\n192.0.2.9\n}\n",
        &[],
        &[(1, 1, Exception), (2, 1, UnknownBlock), (3, 1, UnknownBlock), (4, 1, UnknownBlock)],
    );
}

#[test]
fn what_a_rule_accepts_is_never_an_entry() {
    is_rejected("add rule inet t c ip saddr { 192.0.2.7 } accept", 1, UnknownBlock);
    is_rejected("add rule inet t c ip saddr 192.0.2.7 accept", 1, UnknownBlock);
    // The last address stands on its line as it would in a list.
    let rule = "table inet t {\nchain c {\nip saddr {\n192.0.2.7,\n192.0.2.9\n} accept\n}\n}\n";
    let lines: Rejected = (2..8).map(|line| (line, 1, UnknownBlock)).collect();
    reads(rule, &[], &lines);
    let bare = "ip saddr {\n192.0.2.9\n} accept\n192.0.2.200\n";
    reads(
        bare,
        &[(4, "192.0.2.200/32")],
        &[(1, 1, NotAnAddress), (2, 1, UnknownBlock), (3, 1, UnknownBlock)],
    );
}

#[test]
fn maps_and_other_blocks_of_a_script_are_rejected_up_to_their_end() {
    let script = "table inet t {\n map m {\n type ipv4_addr : verdict\n elements = {\n\
                  192.0.2.7 : accept,\n192.0.2.9 : drop } }\n\
                  set s {\ntype ipv4_addr\nelements = { 198.51.100.7 }\n}\n}\n";
    let (entries, rejected) = scan(script);
    assert_eq!(entries, [(9, "198.51.100.7/32".to_string())]);
    assert_eq!(rejected.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    is_rejected("define LAN = 192.168.0.0/16", 1, UnknownBlock);
    is_rejected("include \"other.nft\"", 1, NotAnAddress);
    is_rejected("add set inet t s { type inet_service; }", 20, UnknownBlock);
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
fn a_line_of_a_script_has_at_most_4096_bytes_and_its_braces_count_all_the_same() {
    let long = format!("define BAD = {{ {} 192.0.2.7", "192.0.2.9, ".repeat(400));
    reads(
        &format!("{long}\n}}\ndefine BAD = {{ 192.0.2.200 }}\n"),
        &[(3, "192.0.2.200/32")],
        &[(1, 4097, TooLong), (2, 1, UnknownBlock)],
    );
    let inside = format!("define BAD = {{\n{long}\n}}\n}}\ndefine BAD = {{ 192.0.2.200 }}\n");
    let (entries, rejected) = scan(inside);
    assert_eq!(entries, [(5, "192.0.2.200/32".to_string())]);
    assert_eq!(rejected, [(2, 4097, TooLong), (3, 1, UnknownBlock)]);
}

// JSON documents: MISP warning lists, arrays

#[test]
fn the_list_of_a_json_document_is_read_string_by_string() {
    let document = "{\n  \"description\": \"192.0.2.99/32\",\n  \"list\": [\n    \"192.0.2.0/24\",\n\
                    \"198.51.100.7\", \"2001:db8::/32\"\n  ],\n  \"version\": 20260811\n}\n";
    let entries = [(4, "192.0.2.0/24"), (5, "198.51.100.7/32"), (5, "2001:db8::/32")];
    reads(document, &entries, &[]);
    assert_eq!(List::new("list", document.into()).scan(|_, _, _| {}, |_, _, _| {}), 8);
    // On one line too, however long that is.
    let one: String = document.split('\n').collect();
    reads(&one, &entries.map(|(_, entry)| (1, entry)), &[]);
    let many: Vec<String> =
        (0..60_000).map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256)).collect();
    let (entries, rejected) = scan(format!("{{\"list\":[{}]}}", many.join(",")));
    assert_eq!((entries.len(), rejected.len()), (60_000, 0));
}

#[test]
fn an_array_of_strings_is_a_list() {
    reads("[\"192.0.2.0/24\",\n\"192.0.2.7\"]", &[(1, "192.0.2.0/24"), (2, "192.0.2.7/32")], &[]);
    reads("\u{feff}\n [ ] \n", &[], &[]);
    reads("{\"list\":[]}", &[], &[]);
    // Brackets alone make no document.
    reads("[bad ones]\n192.0.2.7\n", &[(2, "192.0.2.7/32")], &[(1, 1, NotAnAddress)]);
}

#[test]
fn a_string_that_is_no_network_is_rejected_where_it_stands() {
    reads(
        "{\"list\":[\"192.0.2.0/24\",\n \"ads.example\", \"192.0.2.0/24 x\", 7, [\"192.0.2.9\"],\n\
         \"198.51.100.0\\/x\"]}",
        &[(1, "192.0.2.0/24")],
        &[
            (2, 3, NotAnAddress),
            (2, 31, TrailingText),
            (2, 35, NotAnAddress),
            (2, 38, NotAnAddress),
            (3, 1, NotALength),
        ],
    );
}

#[test]
fn a_string_has_at_most_4096_bytes() {
    let long = "x".repeat(4097);
    reads(&format!("[\"{long}\", \"192.0.2.7\"]"), &[(1, "192.0.2.7/32")], &[(1, 2, TooLong)]);
}

#[test]
fn a_document_that_is_not_whole_has_no_entry() {
    let whole = "{\"name\":\"x\",\n\"list\":[\"192.0.2.0/24\",\n\"192.0.2.7\"],\n\"version\":1}";
    assert_eq!(scan(whole).0.len(), 2);
    for length in 1..whole.len() {
        let (entries, rejected) = scan(&whole[..length]);
        assert_eq!(entries, [], "{length}");
        assert_eq!(rejected.len(), 1, "{length}: {rejected:?}");
        assert_eq!(rejected[0].2, NotJson, "{length}");
    }
    for tail in ["x", "{}", "]", ",", "\n192.0.2.9"] {
        assert_eq!(scan(format!("{whole}{tail}")).0, [], "{tail}");
    }
}

#[test]
fn a_document_of_an_unknown_shape_has_no_entry() {
    for document in [
        "{\n\"prefixes\":[{\"ip_prefix\":\"192.0.2.0/24\"}]}",
        "{\"list\":\"192.0.2.0/24\"}",
        "{\"list\":{\"192.0.2.0/24\":1}}",
        "{\"data\":{\"list\":[\"192.0.2.0/24\"]}}",
        "{\"list\":[\"192.0.2.0/24\"],\"list\":[\"192.0.2.7\"]}",
    ] {
        let (entries, rejected) = scan(document);
        assert_eq!(entries, [], "{document}");
        assert!(matches!(rejected[..], [(1.., 1.., NoNetworkInJson)]), "{document}: {rejected:?}");
    }
}

// Where an entry stands

// What is no list

#[track_caller]
fn looks_like(text: impl AsRef<[u8]>, wanted: Suspect) {
    match list::parse(&[List::new("list", text.as_ref().to_vec())]) {
        Err(ListError::LooksLike { suspect, .. }) => assert_eq!(suspect, wanted),
        other => panic!("{}: {:?}", text.as_ref().escape_ascii(), other.map(|read| read.sets)),
    }
}

#[test]
fn a_page_is_no_list_even_if_an_address_stands_on_a_line_of_it() {
    let page = "<!DOCTYPE html>\n<html><body><pre>\nYour address is\n203.0.113.7\n</pre>\n";
    looks_like(page, Suspect::Markup);
    looks_like("\n  <html><head></head></html>\n", Suspect::Markup);
    looks_like("<?xml version=\"1.0\"?>\n<Error>AccessDenied</Error>\n", Suspect::Markup);
    looks_like("\u{feff}<!-- nothing -->\n", Suspect::Markup);
}

#[test]
fn packed_data_is_named_with_what_unpacks_it() {
    for (magic, tool) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip -d"),
        (b"\xfd7zXZ\0\0", "xz -d"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd -d"),
        (b"BZh91AY", "bzip2 -d"),
        (b"PK\x03\x04\x14", "unzip"),
    ] {
        looks_like([magic, b"\n192.0.2.7\n"].concat(), Suspect::Packed(tool));
    }
    looks_like(b"%PDF-1.7\n", Suspect::Pdf);
}

#[test]
fn utf16_is_named_with_or_without_its_mark() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    looks_like(wide("\u{feff}192.0.2.7\n"), Suspect::Utf16);
    looks_like(wide("192.0.2.7\r\n192.0.2.9\r\n"), Suspect::Utf16);
    let big: Vec<u8> = "192.0.2.7\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    looks_like(big, Suspect::Utf16);
    looks_like([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 9, 9, 9, 9], Suspect::Binary);
    looks_like([1, 2, 3, 4, 5, 6, 7, 8], Suspect::Binary);
}

#[test]
fn lists_of_other_things_than_addresses_are_named() {
    looks_like(
        "# hosts\n0.0.0.0 ads.example\n0.0.0.0 more.example\n::1 localhost\n",
        Suspect::Hosts,
    );
    looks_like("ads.example\n||more.example^\n*.org.example\n", Suspect::Names);
    looks_like("AS64496\nAS64497 # somebody\nAS64511 Somebody Else\n", Suspect::AsNumbers);
    looks_like("64496\n64497\n", Suspect::AsNumbers);
    let records = "{\"asn\":64496,\"cc\":\"ZZ\"}\n{\"asn\":64497}\n{\"type\":\"metadata\"}\n";
    looks_like(records, Suspect::AsNumbers);
}

#[test]
fn what_looks_like_nothing_known_is_refused_with_its_first_line() {
    let error = list::parse(&[List::new("list", b"what is this\nand this\n".to_vec())]);
    assert!(matches!(error, Err(ListError::NoEntry { .. })));
}

#[test]
fn one_entry_among_names_is_a_list_with_rejected_lines() {
    let read = list::parse(&[List::new("list", b"ads.example\n192.0.2.7\nx.example\n".to_vec())]);
    assert_eq!(read.expect("a list").report.rejected_lines(), 2);
}

// Limits

#[test]
fn no_input_takes_more_time_than_its_length_is_worth() {
    let many = 400_000;
    for piece in [
        "[",
        "{",
        "{\n",
        "<",
        "\"",
        "[\"",
        "{\"list\":[",
        "{\"cidr\":",
        "1.",
        "1.1.1.1.",
        ":",
        "a:",
        "a:1.1.1.1-1.1.1.1",
        "}",
        "},{",
        "\\",
        "[\"\\\\\",",
        "add element x y {\n",
        "table a {\n",
        "1.1.1.0/24 a",
        "1.1.1.1\t",
        "\t",
        " ",
        "\n",
        "\r",
        "\0",
        "#",
        "- ",
        "deny ",
        "\u{e9}",
    ] {
        for text in
            [piece.repeat(many / piece.len()), format!("[\"{}", piece.repeat(many / piece.len()))]
        {
            let start = Instant::now();
            let _ = list::parse(&[List::new("list", text.into_bytes())]);
            assert!(start.elapsed() < Duration::from_secs(20), "{piece:?}");
        }
    }
}
