//! CSV: which column is read, which rows are rejected, and which files are refused.

use super::json::{ends, entries_of, is_refused, name_of};
use super::*;

#[test]
fn the_column_is_found_by_its_name() {
    for name in [
        "ip",
        "IP",
        "ip_address",
        "ipaddress",
        "IP Address",
        "Address",
        "network",
        "cidr",
        "prefix",
        "subnet",
        "src_ip",
        "dst_ip",
        "DstIP",
        "\"ip\"",
        " ip ",
    ] {
        let text = format!("time,{name},note\n1,192.0.2.7,ssh\n2,198.51.100.0/24,\n");
        assert_eq!(entries_of(&text), ["192.0.2.7/32", "198.51.100.0/24"], "{name}");
        let shown = name.trim().trim_matches('"');
        assert_eq!(name_of(&text), format!("CSV, column {shown}"));
    }
    let semicolons = "note;ip\na, b;192.0.2.7\n;192.0.2.9\n";
    assert_eq!(entries_of(semicolons), ["192.0.2.7/32", "192.0.2.9/32"]);
    assert_eq!(entries_of("ip\n192.0.2.7\n192.0.2.9\n"), ["192.0.2.7/32", "192.0.2.9/32"]);
    assert_eq!(entries_of("# Firstseen,DstIP,DstPort\n1,192.0.2.7,443\n"), ["192.0.2.7/32"]);
    let box_of_comments =
        "####\n# a, b #\n#\nAddress,Tags\r\n192.0.2.7,\"smtp,telnet\"\r\n# end\r\n";
    assert_eq!(entries_of(box_of_comments), ["192.0.2.7/32"]);
}

#[test]
fn two_columns_are_a_range() {
    for (first, last) in [("start", "end"), ("First", "Last"), ("from", "to")] {
        let text =
            format!("{first},{last},country\n192.0.2.1,192.0.2.9,XX\n2001:db8::,2001:db8::f,X\n");
        assert_eq!(entries_of(&text), ["192.0.2.1-192.0.2.9", "2001:db8::/124"]);
        assert_eq!(name_of(&text), format!("CSV, columns {first} and {last}"));
    }
    let text =
        "start,end\n192.0.2.1,192.0.2.2\n192.0.2.9,192.0.2.1\n192.0.2.0/24,192.0.2.9\n192.0.2.1,\n";
    let (entries, rejected) = scan(text);
    assert_eq!(entries, [(2, "192.0.2.1-192.0.2.2".to_string())]);
    assert_eq!(rejected, [(3, 1, ReversedRange), (4, 1, TrailingText), (5, 11, NotAnAddress)]);
}

#[test]
fn quotes_are_those_of_rfc_4180() {
    let text = "\"reason\",\"network\"\n\"a, b \"\"c\"\"\",\"192.0.2.7\"\n\"two\nlines\",192.0.2.9\n,2001:db8::/48\n";
    let entries = [(2, "192.0.2.7/32"), (3, "192.0.2.9/32"), (5, "2001:db8::/48")];
    reads(text, &entries, &[]);
    // A quote that nothing closes takes its own line only.
    let text = "ip,note\n192.0.2.7,\"open\n192.0.2.9,x\n192.0.2.10,\"y\"\"\n";
    let (entries, rejected) = scan(text);
    assert!(entries.iter().all(|(_, entry)| !entry.starts_with("192.0.2.7")), "{entries:?}");
    assert_eq!(rejected.first(), Some(&(2, 1, NotOfTheFormat("CSV"))));
    assert_eq!(entries.first(), Some(&(3, "192.0.2.9/32".to_string())));
    // A carriage return within a row does not divide it.
    let (entries, _) = scan("note,ip\n\"a\"\r192.0.2.9,192.0.2.7\n");
    assert_eq!(entries, [(2, "192.0.2.7/32".to_string())]);
}

#[test]
fn quotes_that_stay_open_take_linear_time() {
    // On each of these lines one quote opens, whether or not one is open at its beginning.
    for row in ["x\"y,\"b\n", "x,\"b\n\"\"\n", "\"\"\"x,\n"] {
        let start = Instant::now();
        let _ = list::parse(&[List::new("list", format!("ip,x\n{}", row.repeat(20_000)).into())]);
        assert!(start.elapsed() < Duration::from_secs(20), "{row:?}");
    }
}

#[test]
fn a_row_that_is_no_entry_is_rejected() {
    let text = "note,ip\na,192.0.2.7\na,192.0.2.7:80\na,\na,x\na\na,192.0.2.9,c\n192.0.2.10\n\"p\",\"192.0.2.8:8080\"\n";
    let other = NotOfTheFormat("CSV");
    reads(
        text,
        &[(2, "192.0.2.7/32")],
        &[
            (3, 11, NotAnAddress),
            (4, 3, NotAnAddress),
            (5, 3, NotAnAddress),
            (6, 1, other),
            (7, 1, other),
            (8, 1, other),
            (9, 9, NotAnAddress),
        ],
    );
}

#[test]
fn a_row_that_says_that_the_entry_is_not_bad_or_over_is_rejected() {
    for (header, value) in [
        ("action", "allow"),
        ("Status", "Whitelisted"),
        ("whitelisted", "true"),
        ("blocked", "no"),
        ("note", "allowed"),
        ("note", "\"whitelist\""),
        ("expires", "2020-01-01T00:00:00Z"),
    ] {
        let text = format!("ip,{header}\n192.0.2.7,{value}\n192.0.2.9,\n");
        let (entries, rejected) = scan(&text);
        assert_eq!(entries, [(3, "192.0.2.9/32".to_string())], "{text}");
        assert!(matches!(rejected[..], [(2, _, Reason::Verdict)]), "{text}: {rejected:?}");
    }
    for (header, value) in [
        ("action", "block"),
        ("status", "offline"),
        ("note", "not allowed to pass the gate"),
        ("proto", "tcp"),
        ("port", "22"),
        ("expires", ""),
    ] {
        assert_eq!(entries_of(&format!("ip,{header}\n192.0.2.7,{value}\n")).len(), 1, "{value}");
    }
    let text = "ip,expires\n192.0.2.7,2099-01-01T00:00:00Z\n";
    assert_eq!(ends(text, 0), [("192.0.2.7/32".to_string(), Some(4_070_908_800))]);
    let text = "ip,start,end\n192.0.2.7,x,2099-01-01T00:00:00Z\n";
    assert_eq!(ends(text, 0), [("192.0.2.7/32".to_string(), Some(4_070_908_800))]);
}

#[test]
fn a_header_with_two_networks_is_refused() {
    for header in
        ["src_ip,dst_ip", "ip,cidr", "network,netmask", "ip,source_ip", "start,end,network"]
    {
        let columns = header.split(',').count();
        let row = ["192.0.2.7"; 3][..columns].join(",");
        is_refused(&format!("{header}\n{row}\n"), &["several columns", "cut -d, -f"]);
    }
    is_refused("ip,start,end\n192.0.2.7,192.0.2.1,192.0.2.9\n", &["several columns"]);
}

#[test]
fn a_header_without_a_known_name_and_rows_without_a_header_are_refused_with_a_command() {
    let misp = "uuid,event_id,type,value\n\"a\",\"1\",\"ip-dst\",\"192.0.2.7\"\n";
    is_refused(misp, &["it has uuid, event_id, type, value", "cut -d, -f4"]);
    is_refused("192.0.2.7,ssh,x\n192.0.2.0/24,web,y\n", &["CSV without a header", "cut -d, -f1"]);
    is_refused("2026-11-28;192.0.2.7;ssh\n", &["CSV without a header", "cut -d';' -f2"]);
    let ports = "# \"first\",\"value\"\n\"2026\", \"192.0.2.7:443\", \"ip:port\"\n\"2026\", \"192.0.2.9:80\", \"ip:port\"\n";
    is_refused(ports, &["with ports", "cut -d, -f2 | cut -d: -f1"]);
}

#[test]
fn a_table_of_the_whole_address_space_is_refused() {
    is_refused("network,geoname_id,is_anycast\n1.0.0.0/24,2077456,\n", &["agent country"]);
    let rows: String = (1..40).map(|n| format!("{n}.0.0.0,{n}.255.255.255,XX\n")).collect();
    is_refused(&format!("start,end,country\n{rows}"), &["agent country"]);
    // A few networks with their countries are a list.
    assert_eq!(entries_of("start,end,country\n192.0.2.0,192.0.2.255,XX\n"), ["192.0.2.0/24"]);
}

#[test]
fn decisions_of_crowdsec_are_read_from_its_csv() {
    let text = "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n\
                1,crowdsec,Ip:192.0.2.7,crowdsecurity/ssh-bf,ban,CN,\"4134 A, B\",6,3h59m,false,1\n\
                2,cscli,Range:198.51.100.0/24,manual,captcha,,,1,4h,false,2\n\
                3,cscli,Range:203.0.113.0/24,manual,ban,,,1,4h,false,2\n\
                4,cscli,AS:64500,manual,ban,,,1,4h,false,2\n\
                5,cscli,Ip:192.0.2.9,manual,ban,,,1,4h,true,2\n";
    let entry = |entry: &str, end| (entry.to_string(), Some(end));
    let entries = [entry("192.0.2.7/32", 14_340 + 7), entry("203.0.113.0/24", 14_400 + 7)];
    assert_eq!(ends(text, 7), entries);
    assert_eq!(name_of(text), "crowdsec decisions, CSV");
}

#[test]
fn one_bad_row_does_not_make_another_file_of_a_table() {
    let feed = "192.0.2.0/24,NL,NL-NH,Amsterdam,\n198.51.100.0/24,US,US-NJ,Newark,\n203.0.113.0/24,DE,DE-BE,Berlin,\n";
    for bad in ["2001:db8::/32,NL,NL-NH\n", "192.0.2.9,Netherlands,x,y,z\n", "192.0.2.0/24,NL\n"] {
        let text = format!("{feed}{bad}");
        assert_eq!(scan(&text).0.len(), 3, "{text}");
        assert_eq!(name_of(&text), "geofeed", "{text}");
    }
    let table = "ip,note\n192.0.2.7,a\n192.0.2.9,b\n";
    for bad in ["192.0.2.11,b,c\n", "192.0.2.11\n", "x,y\n"] {
        let text = format!("{table}{bad}");
        assert_eq!(scan(&text).0.len(), 2, "{text}");
    }
    // Where most rows are of no feed, they are rejected, and the guard of half of the lines judges it.
    let (entries, rejected) =
        scan("192.0.2.0/24,NL,NL-NH,Amsterdam,\n192.0.2.7,a,b\n192.0.2.9,c,d\n192.0.2.10,c,e\n");
    assert_eq!((entries.len(), rejected.len()), (1, 3));
}
