//! Lists of peer-to-peer programs: a name or a level beside a range.

use super::*;

// PeerGuardian: NAME:FIRST-LAST

#[test]
fn a_name_and_a_colon_may_stand_before_a_range() {
    is("AEC, INC:12.111.227.0-12.111.227.39", &["12.111.227.0-12.111.227.39"]);
    is("M.I.T.(www.w3.org):18.0.0.0-18.255.255.255", &["18.0.0.0/8"]);
    // Of hexadecimal digits, but a name.
    is("BBC:198.51.100.0-198.51.100.255", &["198.51.100.0/24"]);
    is("FAA 2:192.0.2.0-192.0.2.9", &["192.0.2.0-192.0.2.9"]);
    is("bad:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
    is("Example Limited:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
    is("7-Eleven: the shop:192.0.2.0 - 192.0.2.255", &["192.0.2.0/24"]);
    is("old:001.002.003.000-001.002.003.255", &["1.2.3.0/24"]);
    is(b"Telef\xf3nica:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
    is("Node 1.2.3 at 10h:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
}

#[test]
fn what_stands_before_the_colon_must_be_a_name() {
    // Digits may be the rest of an address.
    is_rejected("2:192.0.2.0-192.0.2.255", 1, Reason::NotAnIpv6Address);
    is_rejected("db8:bad:192.0.2.0-192.0.2.255", 1, Reason::NotAnIpv6Address);
    is_rejected("::ffff:192.0.2.0-192.0.2.255", 1, Reason::MixedRange);
    is_rejected(":192.0.2.0-192.0.2.255", 1, Reason::NotAnIpv6Address);
    is_rejected("192.0.2.1:192.0.2.0-192.0.2.255", 9, NotAnAddress);
    is_rejected("allow:192.0.2.0-192.0.2.255", 1, Reason::Verdict);
    is_rejected("Our (allowed) hosts:192.0.2.0-192.0.2.255", 6, Reason::Verdict);
    // Rules of Shorewall.
    for (rule, reason) in [
        ("ACCEPT $FW net:192.0.2.1-192.0.2.9", Reason::Verdict),
        ("ACCEPT\tloc\tdmz:192.168.1.5-192.168.1.12", Reason::Verdict),
        ("DROP net loc:192.168.1.5-192.168.1.12", UnknownBlock),
        ("DROP\tnet:192.0.2.1-192.0.2.9", UnknownBlock),
        ("web $FW net:192.0.2.1-192.0.2.9", UnknownBlock),
    ] {
        let names = "one:192.0.2.0-192.0.2.9\ntwo:192.0.3.0-192.0.3.9\n";
        let (entries, rejected) = scan(format!("{names}{rule}\n"));
        assert_eq!((entries.len(), &rejected[..]), (2, &[(3, 1, reason)][..]), "{rule}");
    }
    is_rejected("add drop:192.0.2.0-192.0.2.255", 1, UnknownBlock);
    is("adding:192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
    reads(
        "a:192.0.2.0-192.0.2.9\n2001:db8::1 - name:192.0.2.0-192.0.2.255\n",
        &[(1, "192.0.2.0-192.0.2.9")],
        &[(2, 1, SecondAddress)],
    );
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
    is("1.2.3.0 - 1.2.3.255 , 128 , allowed", &[]);
    let list = List::new("list", b"1.2.3.0-1.2.3.9,200,x\n1.2.4.0-1.2.4.9,100,y\n".to_vec());
    let read = list::parse(&[list]).expect("a list");
    assert_eq!((read.report.summaries[0].skipped, read.report.summaries[0].v4), (1, 1));
}

#[test]
fn a_range_with_a_level_in_a_list_without_levels_is_rejected() {
    reads(
        "192.0.2.7\n192.0.2.1-192.0.2.9\n1.2.3.0-1.2.3.255,200\n",
        &[(1, "192.0.2.7/32"), (2, "192.0.2.1-192.0.2.9")],
        &[(3, 18, Reason::LineOf("ipfilter.dat"))],
    );
}

#[test]
fn a_name_that_says_that_the_range_is_not_bad_rejects_it() {
    is_rejected("1.2.3.0 - 1.2.3.255 , 100 , our (allowed) hosts", 34, Reason::Verdict);
    is("1.2.3.0 - 1.2.3.255 , 100 , Example Limited", &["1.2.3.0/24"]);
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
    reads(
        "1.2.4.0 - 1.2.4.9 , 000 , Botnet\n1.2.3.9 - 1.2.3.0 , 000 , Botnet\n",
        &[(1, "1.2.4.0-1.2.4.9")],
        &[(2, 1, NotOfTheFormat("ipfilter.dat"))],
    );
}

#[test]
fn a_second_range_behind_the_level_is_a_line_end_that_was_lost() {
    let line =
        "001.000.000.000 - 001.000.000.255 , 000 , a002.000.000.000 - 002.000.000.255 , 0 , b";
    is_rejected(line, 44, SecondAddress);
}
