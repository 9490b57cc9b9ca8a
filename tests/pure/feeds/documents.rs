//! Records: JSON, CSV, and feeds in columns.

use super::*;

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
    is_rejected_in_a_list("16.5.0.0\t16.5.0.255", 10, TrailingText);
    reads(
        "16.4.0.0\t16.4.0.255\t24\n16.5.0.0\t16.5.0.255\t\n",
        &[(1, "16.4.0.0/24")],
        &[(2, 21, NotALength)],
    );
    is_rejected("16.5.0.0\t16.5.0", 10, TrailingText);
    is_rejected("16.5.0.0\t16.5.0.255\t24\t117\tNA16.6.0.0\t16.6.0.255\t24", 30, SecondAddress);
    is_rejected("16.5.0.0\t16.5.0.255\t24\t1\tA\x1b[2J", 27, TrailingText);
}

#[test]
fn the_heading_of_a_dshield_list_is_passed_over() {
    is("Start\tEnd\tNetblock\tAttacks\tName\tCountry\temail", &[]);
    is_rejected("Start End", 1, NotAnAddress);
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
    let good = r#"{"cidr":"192.0.2.0/24"}"#;
    for bad in [
        r#"{"sblid":"SBL256894"}"#,
        r#"{"type":"other"}"#,
        // Nothing within the record is looked for.
        r#"{"data":{"cidr":"192.0.2.0/24"}}"#,
    ] {
        let rejected = [(2, 1, NoNetworkInJson)];
        reads(&format!("{good}\n{bad}\n"), &[(1, "192.0.2.0/24")], &rejected);
    }
    is_rejected(r#"{"cidr":24}"#, 9, NotAnAddress);
    is_rejected(r#"{"cidr":["192.0.2.0/24"]}"#, 9, NotAnAddress);
    is_rejected(r#"{"cidr":""}"#, 10, NotAnAddress);
    is_rejected(r#"{"cidr":"192.0.2.0/33"}"#, 20, Reason::LengthTooLarge(32));
    is_rejected(r#"{"cidr":"192.0.2.0/24 x"}"#, 23, TrailingText);
    is_rejected(r#"{"cidr":" 192.0.2.0/24"}"#, 10, NotAnAddress);
    is_rejected(r#"{"cidr":"AS64496"}"#, 10, NotAnAddress);
    is_rejected(r#"{"network":{"cidr":"192.0.2.0/24"}}"#, 12, NotAnAddress);
}

#[test]
fn a_record_that_could_mean_two_networks_is_rejected() {
    is_rejected(r#"{"cidr":"192.0.2.0/24","cidr":"198.51.100.0/24"}"#, 31, TwoNetworks);
    is_rejected(r#"{"ip":"192.0.2.7","network":"198.51.100.0/24"}"#, 29, TwoNetworks);
    is_rejected(r#"{"ip":"192.0.2.7","prefix":"192.0.2.0/24"}"#, 28, TwoNetworks);
    // The other half of a network is a network, too.
    is_rejected(r#"{"network":"192.0.2.0","netmask":"255.255.255.0"}"#, 34, TwoNetworks);
    is_rejected(r#"{"ip":"192.0.2.0","prefixlen":24}"#, 31, TwoNetworks);
    is(r#"{"ip":"192.0.2.7","network":null,"address":"1 Main Street"}"#, &["192.0.2.7/32"]);
    let good = r#"{"cidr":"192.0.2.0/24"}"#;
    let two = r#"{"cidr":"192.0.2.0/24"} {"cidr":"198.51.100.0/24"}"#;
    reads(&format!("{good}\n{two}\n"), &[(1, "192.0.2.0/24")], &[(2, 25, NotJson)]);
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
