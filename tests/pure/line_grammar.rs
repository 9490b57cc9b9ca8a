//! The grammar of one line of drop_ips(5), as a specification. What it rejects may still be a line
//! of some feed: tests/feeds.rs is about those.

use std::net::Ipv4Addr;

use netfilterd::ip::Range;
use netfilterd::list::End;
use netfilterd::list::format::plain;
use netfilterd::list::parse_error::{MAX_LINE, Reason};
use netfilterd::list::{Entry, List};

/// What a line is.
enum Line {
    /// An entry, as it is shown.
    Is(&'static str),
    /// An entry as it is shown, and its end in seconds since 1970.
    Until(&'static str, i64),
    /// Blank, or a comment.
    Nothing,
    /// Rejected at a column, counted from 1, for a reason.
    Not(usize, Reason),
}

use Line::{Is, Not, Nothing, Until};

#[rustfmt::skip] // One line of the grammar is one line here.
const GRAMMAR: &[(&str, Line)] = &[
    // Hosts and networks. Host bits are cleared.
    ("192.0.2.7", Is("192.0.2.7/32")),
    ("0.0.0.0", Is("0.0.0.0/32")),
    ("255.255.255.255", Is("255.255.255.255/32")),
    ("192.0.2.0/24", Is("192.0.2.0/24")),
    ("192.0.2.99/24", Is("192.0.2.0/24")),
    ("192.0.2.7/32", Is("192.0.2.7/32")),
    ("192.0.2.7/0", Is("0.0.0.0/0")),
    ("2001:db8::1", Is("2001:db8::1/128")),
    ("2001:db8::/32", Is("2001:db8::/32")),
    ("2001:DB8::7/32", Is("2001:db8::/32")),
    ("2001:0db8:0000:0000:0000:0000:0000:0001", Is("2001:db8::1/128")),
    ("64:ff9b::192.0.2.1", Is("64:ff9b::c000:201/128")),
    ("::", Is("::/128")),
    ("::/0", Is("::/0")),
    // Netmasks, contiguous ones only, and never the one that inverse notations use for a host.
    ("192.0.2.0/255.255.255.0", Is("192.0.2.0/24")),
    ("192.0.2.7/255.255.255.255", Is("192.0.2.7/32")),
    ("192.0.2.7/128.0.0.0", Is("128.0.0.0/1")),
    ("192.0.2.0/255.0.255.0", Not(11, Reason::NotContiguous)),
    ("192.0.2.0/0.0.0.255", Not(11, Reason::NotContiguous)),
    ("192.0.2.7/0.0.0.0", Not(11, Reason::ZeroNetmask)),
    ("192.0.2.0/255.255.255", Not(11, Reason::NotALength)),
    ("192.0.2.0/255.255.255.256", Not(11, Reason::NotALength)),
    ("2001:db8::/255.255.0.0", Not(12, Reason::NotALength)),
    // Ranges. One that is a network is shown as one.
    ("192.0.2.10-192.0.2.19", Is("192.0.2.10-192.0.2.19")),
    ("192.0.2.10 - 192.0.2.19", Is("192.0.2.10-192.0.2.19")),
    ("192.0.2.10\t-\t 192.0.2.19", Is("192.0.2.10-192.0.2.19")),
    ("192.0.2.0-192.0.2.255", Is("192.0.2.0/24")),
    ("192.0.2.7-192.0.2.7", Is("192.0.2.7/32")),
    ("0.0.0.0-255.255.255.255", Is("0.0.0.0/0")),
    ("2001:db8::1-2001:db8::5", Is("2001:db8::1-2001:db8::5")),
    ("192.0.2.19-192.0.2.10", Not(1, Reason::ReversedRange)),
    (" 2001:db8::5-2001:db8::1", Not(2, Reason::ReversedRange)),
    ("192.0.2.1-2001:db8::1", Not(1, Reason::MixedRange)),
    ("2001:db8::1 - 192.0.2.1", Not(1, Reason::MixedRange)),
    ("::ffff:192.0.2.1-192.0.2.9", Not(1, Reason::MixedRange)),
    ("192.0.2.1-", Not(11, Reason::NotAnAddress)),
    ("192.0.2.1 - # to where", Not(13, Reason::NotAnAddress)),
    ("192.0.2.1--192.0.2.9", Not(11, Reason::NotAnAddress)),
    ("-192.0.2.1", Not(1, Reason::NotAnAddress)),
    ("192.0.2.1-192.0.2.9/24", Not(20, Reason::TrailingText)),
    ("192.0.2.0/24-192.0.3.0", Not(13, Reason::TrailingText)),
    ("192.0.2.1-192.0.2.2-192.0.2.3", Not(20, Reason::TrailingText)),
    // An IPv4-mapped host is the IPv4 host; nothing larger is guessed at.
    ("::ffff:192.0.2.7", Is("192.0.2.7/32")),
    ("::ffff:c000:207", Is("192.0.2.7/32")),
    ("0:0:0:0:0:FFFF:192.0.2.7", Is("192.0.2.7/32")),
    ("::ffff:192.0.2.7/128", Is("192.0.2.7/32")),
    ("::ffff:192.0.2.0/120", Not(1, Reason::MappedNetwork(Some((Ipv4Addr::new(192, 0, 2, 0), 24))))),
    ("::ffff:192.0.2.9/120", Not(1, Reason::MappedNetwork(Some((Ipv4Addr::new(192, 0, 2, 0), 24))))),
    ("::ffff:0:0/96", Not(1, Reason::MappedNetwork(Some((Ipv4Addr::UNSPECIFIED, 0))))),
    ("  ::ffff:192.0.2.0/24", Not(3, Reason::MappedNetwork(None))),
    ("::ffff:192.0.2.1-::ffff:192.0.2.9", Not(1, Reason::MappedRange)),
    ("::1-::ffff:192.0.2.9", Not(1, Reason::MappedRange)),
    ("::ffff:192.0.2.1-2001:db8::", Not(1, Reason::MappedRange)),
    // Leading zeros, but for the fixed-width form.
    ("001.002.003.004", Is("1.2.3.4/32")),
    ("001.002.003.004/24", Is("1.2.3.0/24")),
    ("001.002.003.004 - 001.002.003.009", Is("1.2.3.4-1.2.3.9")),
    ("010.0.0.1", Not(1, Reason::LeadingZero)),
    ("10.0.0.01", Not(8, Reason::LeadingZero)),
    ("192.0.00.1", Not(7, Reason::LeadingZero)),
    ("0192.000.002.001", Not(1, Reason::LeadingZero)),
    ("256.000.002.001", Not(1, Reason::OctetTooLarge)),
    ("::ffff:192.000.002.001", Not(12, Reason::LeadingZero)),
    // Not four octets.
    ("1.2.3", Not(1, Reason::NotFourOctets)),
    ("10/8", Not(1, Reason::NotFourOctets)),
    ("1.2.3.4.5", Not(9, Reason::NotFourOctets)),
    ("1..2.3", Not(3, Reason::NotFourOctets)),
    ("1.2.3.4.", Not(9, Reason::NotFourOctets)),
    ("0", Not(1, Reason::NotFourOctets)),
    ("0x7f.0.0.1", Not(1, Reason::NotFourOctets)),
    // An octet too large, also where it would overflow.
    ("256.0.0.1", Not(1, Reason::OctetTooLarge)),
    ("192.0.2.256", Not(9, Reason::OctetTooLarge)),
    ("192.0.2.4294967297", Not(9, Reason::OctetTooLarge)),
    ("3221225991", Not(1, Reason::OctetTooLarge)),
    ("12345678901234567890123456789", Not(1, Reason::OctetTooLarge)),
    // Not an address.
    ("localhost", Not(1, Reason::NotAnAddress)),
    ("deadbeef", Not(1, Reason::NotAnAddress)),
    ("AS64496", Not(1, Reason::NotAnAddress)),
    ("192.0.2.7a", Not(9, Reason::NotAnAddress)),
    ("/24", Not(1, Reason::NotAnAddress)),
    ("/ 192.0.2.7", Not(1, Reason::NotAnAddress)),
    ("<html>", Not(1, Reason::NotAnAddress)),
    ("\u{ff11}.2.3.4", Not(1, Reason::NotAnAddress)),
    ("\u{feff}192.0.2.7", Not(1, Reason::NotAnAddress)),
    ("\u{b}192.0.2.7", Not(1, Reason::NotAnAddress)),
    // Not an IPv6 address.
    ("2001:db8", Not(1, Reason::NotAnIpv6Address)),
    ("2001:db8:::1", Not(11, Reason::NotAnIpv6Address)),
    ("2001::db8::1", Not(11, Reason::NotAnIpv6Address)),
    ("2001:db80::12345", Not(12, Reason::NotAnIpv6Address)),
    ("1:2:3:4:5:6:7:8:9", Not(17, Reason::NotAnIpv6Address)),
    // Eight bytes of a hardware address have the form of IPv6, too.
    ("02:00:00:00:00:01:02:03", Not(1, Reason::HardwareAddress)),
    ("  AB:cd:ef:00:00:01:02:03 # EUI-64", Not(3, Reason::HardwareAddress)),
    ("02:00:00:00:00:01", Not(1, Reason::NotAnIpv6Address)),
    ("1:2:3:4:5:6:7:8", Is("1:2:3:4:5:6:7:8/128")),
    ("12:34:56:78:9a:bc:de:f", Is("12:34:56:78:9a:bc:de:f/128")),
    ("12:34:56:78:9a:bc:de:f0/128", Is("12:34:56:78:9a:bc:de:f0/128")),
    ("0012:34:56:78:9a:bc:de:f0", Is("12:34:56:78:9a:bc:de:f0/128")),
    ("12:34:56:78:9a:bc:de:f0-12:34:56:78:9a:bc:de:f2", Is("12:34:56:78:9a:bc:de:f0-12:34:56:78:9a:bc:de:f2")),
    // Zones.
    ("fe80::1%eth0", Not(8, Reason::Zone)),
    ("fe80::1%eth0/64", Not(8, Reason::Zone)),
    ("192.0.2.7%1", Not(10, Reason::Zone)),
    // Prefix lengths.
    ("192.0.2.0/", Not(11, Reason::NotALength)),
    ("192.0.2.0/ 24", Not(11, Reason::NotALength)),
    ("192.0.2.0/-1", Not(11, Reason::NotALength)),
    ("192.0.2.0/+24", Not(11, Reason::NotALength)),
    ("192.0.2.0/08", Not(11, Reason::NotALength)),
    ("192.0.2.0/00", Not(11, Reason::NotALength)),
    ("192.0.2.0/024", Not(11, Reason::NotALength)),
    ("192.0.2.7//comment", Not(11, Reason::NotALength)),
    ("192.0.2.0/33", Not(11, Reason::LengthTooLarge(32))),
    ("192.0.2.0/4294967320", Not(11, Reason::LengthTooLarge(32))),
    ("2001:db8::/129", Not(12, Reason::LengthTooLarge(128))),
    ("2001:db8::/256", Not(12, Reason::LengthTooLarge(128))),
    // Blanks and comments.
    ("", Nothing),
    (" \t ", Nothing),
    ("\r", Nothing),
    ("# comment", Nothing),
    ("#192.0.2.7", Nothing),
    ("; comment", Nothing),
    ("// comment", Nothing),
    (" \t# comment", Nothing),
    ("  192.0.2.7\t ", Is("192.0.2.7/32")),
    ("192.0.2.7\r", Is("192.0.2.7/32")),
    ("192.0.2.7 \r", Is("192.0.2.7/32")),
    ("192.0.2.7 # comment", Is("192.0.2.7/32")),
    ("192.0.2.7 #comment", Is("192.0.2.7/32")),
    ("192.0.2.0/24\t; SBL1", Is("192.0.2.0/24")),
    ("192.0.2.1-192.0.2.2 // \u{fc}ber", Is("192.0.2.1-192.0.2.2")),
    // Text after the entry that no blank and no sign makes a comment.
    ("192.0.2.7;comment", Not(10, Reason::TrailingText)),
    ("192.0.2.0/24;comment", Not(13, Reason::TrailingText)),
    ("192.0.2.0/24x", Not(13, Reason::TrailingText)),
    ("192.0.2.0/24/24", Not(13, Reason::TrailingText)),
    ("192.0.2.7 / 24", Not(11, Reason::TrailingText)),
    ("192.0.2.7 198.51.100.7", Not(11, Reason::TrailingText)),
    ("192.0.2.7x", Not(10, Reason::TrailingText)),
    ("192.0.2.7\rx", Not(10, Reason::TrailingText)),
    ("192.0.2.7\r\r", Not(10, Reason::TrailingText)),
    ("192.0.2.7\u{a0}", Not(10, Reason::TrailingText)),
    ("192.0.2.7\u{c}", Not(10, Reason::TrailingText)),
    // NUL, wherever it stands.
    ("192.0.2.7\0", Not(10, Reason::Nul)),
    ("\0", Not(1, Reason::Nul)),
    ("# comment\0", Not(10, Reason::Nul)),
    ("192.0.2.7 # comment\0", Not(20, Reason::Nul)),
    // An end: by RFC 3339 or in seconds since 1970, in ten digits.
    ("192.0.2.7 until 2027-01-31T00:00:00Z", Until("192.0.2.7/32", 1_801_353_600)),
    ("192.0.2.7\tuntil\t2027-01-31t01:30:00+01:30", Until("192.0.2.7/32", 1_801_353_600)),
    ("192.0.2.0/24 until 2027-01-30T23:59:59.001Z # x", Until("192.0.2.0/24", 1_801_353_600)),
    ("2001:db8::1-2001:db8::9  until 1801353600 ", Until("2001:db8::1-2001:db8::9", 1_801_353_600)),
    ("::ffff:192.0.2.7 until 1801353600;x", Not(24, Reason::NotATime)),
    ("192.0.2.7 until 2016-12-31T23:59:60Z", Until("192.0.2.7/32", 1_483_228_799)),
    ("192.0.2.7 until 9999-12-31T23:59:59Z", Until("192.0.2.7/32", 253_402_300_799)),
    ("192.0.2.7 until 0000-01-01T00:00:00z", Until("192.0.2.7/32", -62_167_219_200)),
    ("192.0.2.7 until 2027-01-31T00:00:00-23:59", Until("192.0.2.7/32", 1_801_439_940)),
    ("192.0.2.7 until 2027-01-31T00:00:00+24:00", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-01-31T00:00:00+01:60", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 9999-12-31T23:59:59-00:01", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 9999-12-31T23:59:59.5Z", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 0000-01-01T00:00:00+00:01", Not(17, Reason::NotATime)),
    ("192.0.2.7 until", Not(16, Reason::NotATime)),
    ("192.0.2.7 until # 2027-01-31T00:00:00Z", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 1801353600000", Not(17, Reason::NotATime)),
    ("192.0.2.7 until -180135360", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-01-31", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-01-31 00:00:00Z", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-01-31T00:00:00", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-02-29T00:00:00Z", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-01-31T00:00:00Z[UTC]", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 2027-01-31T00:00:00.1234567890Z", Not(17, Reason::NotATime)),
    ("192.0.2.7 until 1801353600 until 1801353600", Not(28, Reason::TrailingText)),
    ("192.0.2.7 UNTIL 1801353600", Not(11, Reason::TrailingText)),
    ("192.0.2.7 untilo 1801353600", Not(11, Reason::TrailingText)),
    ("192.0.2.7until 1801353600", Not(10, Reason::TrailingText)),
    ("until 1801353600", Not(1, Reason::NotAnAddress)),
];

#[test]
fn a_line_is_an_entry_as_a_whole_or_nothing_or_rejected_where_it_is_wrong() {
    for (text, line) in GRAMMAR {
        let parsed = plain::parse(text.as_bytes());
        match (line, parsed) {
            (Is(shown), Ok(Some((entry, None)))) => {
                assert_eq!(entry.to_string(), *shown, "{text:?}");
            }
            (Until(shown, end), Ok(Some((entry, Some(is))))) => {
                assert_eq!((entry.to_string().as_str(), is), (*shown, End::at(*end)), "{text:?}");
                assert_eq!(End::parse(is.to_string().as_bytes()), Some(is), "{is}");
            }
            (Nothing, Ok(None)) => {}
            (Not(column, reason), Err(fault)) => {
                assert_eq!((fault.at + 1, fault.reason), (*column, *reason), "{text:?}");
            }
            (_, parsed) => panic!("{text:?} is {parsed:?}"),
        }
    }
}

#[test]
fn each_reason_to_reject_a_line_has_a_line_in_the_grammar() {
    let mut seen = [false; 19];
    // Lines that are too long have a test of their own.
    seen[0] = true;
    for (_, line) in GRAMMAR {
        if let Not(_, reason) = line {
            seen[number(*reason).expect("a reason of the grammar")] = true;
        }
    }
    assert_eq!(seen, [true; 19]);
}

/// A reason that is added has to be added here, and then needs a line above, or in tests/feeds.rs
/// if only feeds have it.
fn number(reason: Reason) -> Option<usize> {
    Some(match reason {
        Reason::TooLong => 0,
        Reason::Nul => 1,
        Reason::NotAnAddress => 2,
        Reason::NotFourOctets => 3,
        Reason::OctetTooLarge => 4,
        Reason::LeadingZero => 5,
        Reason::NotAnIpv6Address => 6,
        Reason::Zone => 7,
        Reason::NotALength => 8,
        Reason::LengthTooLarge(_) => 9,
        Reason::NotContiguous => 10,
        Reason::ZeroNetmask => 11,
        Reason::MappedNetwork(_) => 12,
        Reason::MappedRange => 13,
        Reason::MixedRange => 14,
        Reason::ReversedRange => 15,
        Reason::TrailingText => 16,
        Reason::NotATime => 17,
        Reason::HardwareAddress => 18,
        Reason::SecondAddress
        | Reason::TwoEntries
        | Reason::Verdict
        | Reason::NotOfTheFormat(_)
        | Reason::LineOf(_)
        | Reason::NotThatNetwork
        | Reason::OtherAction
        | Reason::UnknownBlock
        | Reason::Unclosed
        | Reason::NotJson
        | Reason::Narrower
        | Reason::ShortForm
        | Reason::NotXml
        | Reason::NoNetworkInJson
        | Reason::TwoNetworks
        | Reason::UnreadableEnd => return None,
    })
}

#[test]
fn a_list_reads_each_line_as_the_grammar_says_with_any_line_end_and_any_neighbour() {
    // Behind an entry and before one, as the last line, and as the last without a line end.
    for (before, after) in
        [("", ""), ("", "\n"), ("", "\r\n"), ("192.0.2.200\n", "\n2001:db8::99\n")]
    {
        for (text, line) in GRAMMAR {
            // At the file's start a byte order mark is ignored, which is not the line's matter.
            if before.is_empty() && text.starts_with('\u{feff}') {
                continue;
            }
            // Alone it may be known to be no list, such as networks with wildcard masks.
            if before.is_empty() && List::new("test", (*text).into()).decision().is_err() {
                continue;
            }
            let (entries, rejected) = scan(format!("{before}{text}{after}").as_bytes());
            let this = 1 + before.lines().count() as u64;
            let entry =
                entries.iter().find(|(line, _)| *line == this).map(|(_, entry)| entry.as_str());
            let rejection = rejected.iter().find(|(line, ..)| *line == this);
            // CR LF ends a line, so a CR that ended the text is one of two then.
            let crs_too_many = after == "\r\n" && text.ends_with('\r');
            match line {
                _ if crs_too_many => assert!(entry.is_none() && rejection.is_some(), "{text:?}"),
                Is(shown) | Until(shown, _) => {
                    assert_eq!((entry, rejection), (Some(*shown), None), "{text:?}");
                }
                Nothing => assert_eq!((entry, rejection), (None, None), "{text:?}"),
                Not(column, reason) => {
                    assert_eq!(
                        (entry, rejection),
                        (None, Some(&(this, *column, *reason))),
                        "{text:?}"
                    );
                }
            }
            let neighbours = entries.len() + rejected.len()
                - usize::from(entry.is_some() || rejection.is_some());
            assert_eq!(neighbours, if before.is_empty() { 0 } else { 2 }, "{text:?}");
        }
    }
}

#[test]
fn a_line_has_at_most_4096_bytes_without_its_line_end() {
    assert_eq!(MAX_LINE, 4096);
    let entry = |length: usize| format!("{:<length$}", "192.0.2.7");
    let comment = |length: usize| format!("{:#<length$}", "# ");
    for text in [entry(4096), comment(4096)] {
        assert!(plain::parse(text.as_bytes()).is_ok());
        assert!(plain::parse(format!("{text}\r").as_bytes()).is_ok());
    }
    for text in [entry(4097), comment(4097), comment(60_000), "\0".repeat(4097)] {
        let fault = plain::parse(text.as_bytes()).expect_err("too long");
        assert_eq!((fault.at, fault.reason), (4096, Reason::TooLong));
        // The next line is read as if nothing had happened.
        let (entries, rejected) = scan(format!("{text}\n198.51.100.1\n").as_bytes());
        assert_eq!(entries, [(2, "198.51.100.1/32".to_string())]);
        assert_eq!(rejected, [(1, 4097, Reason::TooLong)]);
    }
}

#[test]
fn a_byte_order_mark_is_ignored_at_the_start_of_the_file_only() {
    let host = |line, host: &str| (line, format!("{host}/32"));
    let mark = "\u{feff}";
    for end in ["", "\n", "\r\n"] {
        let (entries, rejected) = scan(format!("{mark}192.0.2.1{end}").as_bytes());
        assert_eq!((entries, rejected), (vec![host(1, "192.0.2.1")], vec![]), "{end:?}");
    }
    let (entries, rejected) =
        scan(format!("{mark}# list\n192.0.2.1\n{mark}192.0.2.2\n").as_bytes());
    assert_eq!(entries, [host(2, "192.0.2.1")]);
    assert_eq!(rejected, [(3, 1, Reason::NotAnAddress)]);
    let (entries, rejected) = scan(format!("{mark}{mark}192.0.2.1\n").as_bytes());
    assert_eq!((entries.len(), rejected.len()), (0, 1));
    assert_eq!(scan(mark.as_bytes()), (vec![], vec![]));
}

#[test]
fn the_last_line_needs_no_line_end() {
    let wanted = vec![(1, "192.0.2.1/32".to_string()), (2, "192.0.2.0/24".to_string())];
    assert_eq!(scan(b"192.0.2.1\n192.0.2.9/24"), (wanted.clone(), vec![]));
    assert_eq!(scan(b"192.0.2.1\n192.0.2.9/24\n"), (wanted.clone(), vec![]));
    assert_eq!(scan(b"192.0.2.1\r\n192.0.2.9/24\r"), (wanted, vec![]));
}

#[test]
fn each_plain_line_takes_the_fast_path() {
    let plain = |address: [u8; 4], tail: &str, length: u8| {
        let line = format!("{}{tail}", Ipv4Addr::from(address));
        let wanted = Range::network(u32::from_be_bytes(address), length);
        assert_eq!(fast(line.as_bytes()), Some((wanted, line.len())), "{line:?}");
    };
    for octet in 0..=255 {
        for place in 0..4 {
            for other in [0, 10, 255] {
                let mut address = [other; 4];
                address[place] = octet;
                plain(address, "\n", 32);
                plain(address, "\r\n", 32);
                for length in 0..=32 {
                    plain(address, &format!("/{length}\n"), length);
                    plain(address, &format!("/{length}\r\n"), length);
                }
            }
        }
    }
}

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

const ALPHABET: &[u8] = b"0123456789./\r\n -#a:";

/// A plain line, its line end included.
fn plain_line(random: &mut Random) -> Vec<u8> {
    let mut octet = || {
        let bound = [10, 100, 256][random.below(3)];
        random.below(bound)
    };
    let mut line = format!("{}.{}.{}.{}", octet(), octet(), octet(), octet());
    if random.below(2) == 0 {
        line += &format!("/{}", random.below(33));
    }
    line += ["\n", "\r\n"][random.below(2)];
    line.into()
}

/// Changes, removes, adds or doubles a few bytes.
fn mutate(line: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(line.len().max(1)).min(line.len());
        let byte = match random.below(8) {
            0 => random.below(256) as u8,
            _ => ALPHABET[random.below(ALPHABET.len())],
        };
        match random.below(3) {
            0 if at < line.len() => line[at] = byte,
            1 if at < line.len() => drop(line.remove(at)),
            _ => line.insert(at, byte),
        }
    }
}

/// What follows the line when it is looked ahead of; digits, as in a list.
const NEXT_LINES: &[u8] = b"198.51.100.113/32\n203.0.113.129/32\n";

fn fast(line: &[u8]) -> Option<(Range<u32>, usize)> {
    plain::parse_v4(&[line, NEXT_LINES].concat())
}

/// The fast path may say that it does not know, and otherwise what the grammar says.
fn assert_agreement(text: &[u8]) {
    if let Some((range, used)) = fast(text) {
        let shown = text.escape_ascii();
        let all = [text, NEXT_LINES].concat();
        let end = all.iter().position(|&byte| byte == b'\n').expect("a line end");
        assert_eq!(used, end + 1, "\"{shown}\"");
        assert_eq!(plain::parse(&all[..end]), Ok(Some((Entry::V4(range), None))), "\"{shown}\"");
    }
}

#[test]
fn the_fast_path_agrees_with_the_grammar_on_mutated_plain_lines() {
    let mut random = Random(0x6e65_7466_696c_7465);
    let mut taken = 0;
    for _ in 0..300_000 {
        let mut line = plain_line(&mut random);
        mutate(&mut line, &mut random);
        taken += u32::from(fast(&line).is_some());
        assert_agreement(&line);
    }
    // Neither all nor none, else the test would say nothing.
    assert!((30_000..200_000).contains(&taken), "{taken}");
}

#[test]
fn the_fast_path_agrees_with_the_grammar_on_random_lines() {
    let mut random = Random(0x6472_6f70_5f69_7073);
    for _ in 0..300_000 {
        // Digits and dots more often than the rest, for octets to come about.
        let line: Vec<u8> = (0..random.below(24))
            .map(|_| match random.below(4) {
                0 => b'.',
                1 => ALPHABET[random.below(ALPHABET.len())],
                _ => ALPHABET[random.below(10)],
            })
            .chain([b'\n'])
            .collect();
        assert_agreement(&line);
    }
}

#[test]
fn the_fast_path_agrees_with_the_grammar_on_every_octet_of_up_to_four_digits() {
    for digits in 1..=4usize {
        for value in 0..10usize.pow(digits as u32) {
            let octet = format!("{value:0digits$}");
            for place in 0..4 {
                let mut octets = ["19", "1", "200", "7"];
                octets[place] = &octet;
                assert_agreement(format!("{}\n", octets.join(".")).as_bytes());
            }
            assert_agreement(format!("{octet}.{octet}.{octet}.{octet}\n").as_bytes());
            assert_agreement(format!("192.0.2.7/{octet}\n").as_bytes());
        }
    }
}

#[test]
fn the_fast_path_agrees_with_the_grammar_on_comments() {
    let texts = [
        "SBL123456",
        "x",
        "",
        "T",
        "allowed",
        "ok",
        "Okay",
        "192.0.2.9",
        "fe80::1",
        "dead",
        "white",
        "not blocked",
        "nothing",
        "removed",
        "tcp",
        "S\0x",
        "\u{e9}t\u{e9}",
    ];
    let mut taken = 0;
    for entry in ["192.0.2.7", "192.0.2.0/24", "1.2.3.4/5"] {
        for before in [" ", "\t", "  ", ""] {
            for sign in ["#", ";", "//", "# ", "; ", "#\t", "##"] {
                for text in texts {
                    for end in ["\n", "\r\n"] {
                        let line = format!("{entry}{before}{sign}{text}{end}");
                        taken += u32::from(fast(line.as_bytes()).is_some());
                        assert_agreement(line.as_bytes());
                    }
                }
            }
        }
    }
    assert!(taken > 100, "{taken}");
    for length in 4080..4110 {
        assert_agreement(format!("192.0.2.7 # {}\n", "x".repeat(length)).as_bytes());
    }
}

#[test]
fn lines_of_nothing_but_digits_or_of_no_digits_are_no_trouble_to_the_fast_path() {
    for byte in 0..=255u8 {
        for length in 0..40 {
            assert_eq!(fast(&vec![byte; length]).filter(|_| length > 0), None, "{byte} * {length}");
            assert_agreement(&vec![byte; length]);
        }
    }
}

#[test]
fn the_fast_path_leaves_what_is_too_near_to_the_end_of_the_text() {
    let text = b"192.0.2.7\n198.51.100.113\n";
    for end in 0..text.len() {
        match plain::parse_v4(&text[..end]) {
            None => {}
            Some((range, used)) => {
                assert_eq!((range, used), (Range::host(0xc000_0207), 10), "{end} bytes");
            }
        }
    }
    assert!(plain::parse_v4(text).is_some());
}

#[test]
fn a_list_reads_as_its_lines_one_by_one() {
    let mut random = Random(0x6c69_6e65_6279_6c69);
    for _ in 0..3_000 {
        let mut text = Vec::new();
        for _ in 0..random.below(20) {
            let mut line = plain_line(&mut random);
            if random.below(3) == 0 {
                mutate(&mut line, &mut random);
            }
            text.extend(line);
        }
        // Cut anywhere: in a line, in front of its LF, between CR and LF.
        text.truncate(random.below(text.len() + 20).min(text.len()));

        // A brace at the end of a line says something of the next one, and with a tab or a colon the line
        // may be of another format.
        text.retain(|&byte| !b"{\t:".contains(&byte));

        // Few lines may be known to be no list, such as short forms.
        if List::new("test", text.clone()).decision().is_err() {
            continue;
        }
        let (mut entries, mut rejected) = (Vec::new(), Vec::new());
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let (alone, not) = scan(&[line, b"\n203.0.113.1\n203.0.113.3\n"].concat());
            let alone = alone.into_iter().filter(|(line, _)| *line == 1);
            entries.extend(alone.map(|(_, entry)| (number, entry)));
            rejected.extend(not.into_iter().map(|(_, column, reason)| (number, column, reason)));
            if let Ok(Some((entry, _))) = plain::parse(line) {
                assert_eq!(entries.last(), Some(&(number, entry.to_string())));
            }
        }
        assert_eq!(scan(&text), (entries, rejected), "\"{}\"", text.escape_ascii());
    }
}

type Entries = Vec<(u64, String)>;
type Rejected = Vec<(u64, usize, Reason)>;

/// The entries with their lines, and the rejected lines with column and reason.
fn scan(text: &[u8]) -> (Entries, Rejected) {
    let (mut entries, mut rejected) = (Vec::new(), Vec::new());
    List::new("test", text.to_vec()).scan(
        |line, entry, _| entries.push((line, entry.to_string())),
        |line, fault, _| rejected.push((line, fault.at + 1, fault.reason)),
    );
    (entries, rejected)
}
