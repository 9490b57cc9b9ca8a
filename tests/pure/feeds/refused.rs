//! What is known to be no list.

use netfilterd::list::NotAList;

use super::*;

#[track_caller]
fn is_no_list_but(text: impl AsRef<[u8]>, wanted: &str) {
    match List::new("list", text.as_ref().to_vec()).decision() {
        Err(NotAList::Kind { kind, .. }) => assert_eq!(kind.what, wanted),
        other => panic!("{}: {other:?}", text.as_ref().escape_ascii()),
    }
}

#[track_caller]
fn is_no_such_kind(text: &str) {
    let list = List::new("list", text.as_bytes().to_vec());
    assert!(
        !matches!(list.decision(), Err(NotAList::Kind { .. })),
        "{text}: {:?}",
        list.decision()
    );
}

#[test]
fn a_page_is_no_list_even_if_an_address_stands_on_a_line_of_it() {
    let page = "<!DOCTYPE html>\n<html><body><pre>\nYour address is\n203.0.113.7\n</pre>\n";
    is_no_list_but(page, "a page (HTML)");
    is_no_list_but("\n  <html><head></head></html>\n", "a page (HTML)");
    is_no_list_but(
        "<?xml version=\"1.0\"?>\n<Error>AccessDenied</Error>\n",
        "an error in XML from a server",
    );
    is_no_list_but("\u{feff}<!-- nothing -->\n", "a document in XML");
}

#[test]
fn packed_data_is_named_with_what_unpacks_it() {
    for (magic, what, tool) in [
        (&b"\x1f\x8b\x08\0"[..], "packed data (gzip)", "gzip -dc"),
        (b"\xfd7zXZ\0\0", "packed data (xz)", "xz -dc"),
        (b"\x28\xb5\x2f\xfd\x04", "packed data (zstd)", "zstd -dc"),
        (b"BZh91AY", "packed data (bzip2)", "bzip2 -dc"),
        (b"PK\x03\x04\x14", "packed data (zip)", "unzip -p"),
    ] {
        let text = [magic, b"\n192.0.2.7\n"].concat();
        is_no_list_but(&text, what);
        let error = list::parse(&[List::new("list", text)]).map(|read| read.sets).unwrap_err();
        assert!(error.to_string().ends_with(&format!("{tool} FILE")), "{error}");
    }
    is_no_list_but("%PDF-1.7\n", "a PDF document");
}

#[test]
fn utf16_is_named_with_or_without_its_mark() {
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    for wide in [little, big as fn(&str) -> Vec<u8>] {
        is_no_list_but(wide("\u{feff}192.0.2.7\n"), "UTF-16");
    }
    for text in ["192.0.2.7\n", "192.0.2.7\r\n192.0.2.9\r\n", "192.0.2.7"] {
        is_no_list_but(little(text), "UTF-16 without a mark (little end first)");
        is_no_list_but(big(text), "UTF-16 without a mark (big end first)");
    }
    is_no_list_but([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 9, 9, 9, 9], "binary data");
    is_no_list_but([1, 2, 3, 4, 5, 6, 7, 8], "binary data");
}

#[test]
fn lists_of_other_things_than_addresses_are_named() {
    let hosts = "# hosts\n0.0.0.0 ads.example\n0.0.0.0 more.example\n::1 localhost\n";
    is_no_list_but(hosts, "a hosts file");
    is_no_list_but("ads.example\nmore.example\n*.org.example\n", "a list of names of hosts");
    let numbers = "a list of AS numbers";
    is_no_list_but("AS64496\nAS64497 # somebody\nAS64511 Somebody Else\n", numbers);
    is_no_list_but("64496\n64497\n", numbers);
    let records = "{\"asn\":64496,\"cc\":\"ZZ\"}\n{\"asn\":64497}\n{\"type\":\"metadata\"}\n";
    is_no_list_but(records, numbers);
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

#[test]
fn lines_of_another_kind_in_a_list_are_rejected_and_the_list_stays_one() {
    for line in [
        "Nov 28 10:00:00 host sshd[1]: Failed password for root from 198.51.100.7 port 1 ssh2",
        "198.51.100.7:8080",
        "198.51.100.7 scanner",
        "198.51.100.0 198.51.100.255",
        "https://198.51.100.7/",
        "apnic|CN|ipv4|1.0.1.0|256|20110414|allocated",
        "blackhole 198.51.100.7",
        "     12 198.51.100.7",
        "*> 198.51.100.0/24 192.0.2.1 0 64500 i",
        "198[.]51[.]100[.]7",
        "198.51.100.0/0.0.0.255",
        "198.51.100.7,x",
    ] {
        let (entries, rejected) = scan(format!("192.0.2.7\n{line}\n192.0.2.9\n"));
        let entries: Vec<_> = entries.iter().map(|(_, entry)| entry.as_str()).collect();
        assert_eq!(entries, ["192.0.2.7/32", "192.0.2.9/32"], "{line}");
        assert_eq!(rejected.iter().map(|(line, ..)| *line).collect::<Vec<_>>(), [2], "{line}");
    }
}

/// What would be loaded if the kind did not have precedence over a format that reads each line.
#[test]
fn a_file_of_which_each_line_is_of_a_kind_is_of_that_kind_though_a_list_has_such_lines() {
    is_no_list_but("192.168.9.0/24 proto bird metric 32\n", "a table of routes (ip route)");
    let long = "*> 2001:db8:1234::/48\n                      2001:db8:ffff::1\n";
    is_no_list_but(long, "a BGP table (show ip bgp)");
    is_no_list_but("192.168.0.0/24 eth1\n0.0.0.0/0 eth0\n", "a table of routes in columns");
    let map = "198.51.100.7\t1\n203.0.113.9\t0\n";
    is_no_list_but(map, "a map of HAProxy (addresses with a value each)");
}

#[test]
fn formats_that_are_read_are_of_no_such_kind() {
    for text in [
        "192.0.2.7\t300\n192.0.2.9\t1\n",
        "16.5.0.0\t16.5.0.255\t24\t117\tEXAMPLE-NET\tUS\tabuse@example.com\n",
        "192.0.2.0/24 EXAMPLE-20190313 (Example LLC)\n",
        "198.51.100.0 - 198.51.100.255 , 100 , blocked\n",
        "Example:198.51.100.0-198.51.100.255\n",
        "create bad hash:net\nadd bad 192.0.2.0/24\n",
        "deny 192.0.2.0/24;\nallow 192.0.2.7;\n",
        "192.0.2.0/24    REJECT    192.0.2.9 is its relay\n",
        "{\"cidr\":\"192.0.2.0/24\"}\n",
        "<?xml version=\"1.0\"?>\n<ipset type=\"hash:ip\"><entry>192.0.2.7</entry></ipset>\n",
    ] {
        is_no_such_kind(text);
    }
}

#[test]
fn the_message_names_the_line_that_decides_and_quotes_it() {
    let text = "# comment\n\nNov 28 10:00:00 host cron[1]: a\nNov 28 10:00:01 host cron[1]: b\n";
    let error = list::parse(&[List::new("list", text.into())]).map(|read| read.sets).unwrap_err();
    let message = error.to_string();
    let begin = "list: is not a list of addresses but a log (syslog) \
                 (line 3: \"Nov 28 10:00:00 host cron[1]: a\"); ";
    assert!(message.starts_with(begin), "{message}");
    // The status file is shown to all users.
    let message = format!("{error:#}");
    assert!(message.contains("a log (syslog) (line 3); "), "{message}");
}

#[test]
fn a_kind_is_not_named_for_one_line_of_many() {
    let code = "fn a() {\n}\n".repeat(20);
    for line in ["ads.example", "64496", "see https://example.org/", "include(.)", "1.2.3"] {
        is_no_such_kind(&format!("{code}{line}\n"));
    }
}

#[test]
fn a_file_whose_name_says_nothing_but_that_it_must_pass_is_refused_unless_it_is_chosen() {
    let read = |purpose, sets: &[&str]| {
        let sets: Vec<String> = sets.iter().map(ToString::to_string).collect();
        let list = List::new("/etc/x/whitelist.txt", b"192.0.2.7\n".to_vec());
        list::parse(&[list.to_read(purpose, &sets)]).map(|read| read.sets.v4.ranges().len())
    };
    let refused = read(list::Purpose::Drop, &[]).unwrap_err().to_string();
    assert!(refused.contains("is named whitelist.txt"), "{refused}");
    assert_eq!(read(list::Purpose::Drop, &["whitelist.txt"]).unwrap(), 1);
    assert_eq!(read(list::Purpose::Allow, &[]).unwrap(), 1);
}

#[test]
fn networks_with_names_of_a_policy_are_refused() {
    let one = "# ours\nINTERNAL = 10.0.0.0/8 # private\n           192.0.2.0/24\n           2001:db8::/32\n";
    let what = "definitions of networks (capirca or aerleon)";
    is_no_list_but(one, what);
    is_no_list_but(format!("{one}\nRFC1918 = 10.0.0.0/8\nALL = INTERNAL\n      RFC1918\n"), what);
    let many = "  192.0.2.1\n".repeat(20_000);
    is_no_list_but(format!("MANY = 192.0.2.1/32\n{many}"), what);
    is_no_such_kind("203.0.113.1\n  192.0.2.7\n198.51.100.1\n198.51.100.2\nX = 192.0.2.9\n");
}
