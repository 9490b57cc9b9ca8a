//! Feeds with an address in a column of theirs, and what fail2ban prints.

use super::json::{entries_of, is_refused, name_of};
use super::*;

#[test]
fn the_exit_addresses_of_tor_are_read_and_not_what_stands_beside_them() {
    let text = "ExitNode FE39F07EBE7870DCE124AB30DF3ABD0700A43F75\nPublished 2024-03-11 13:07:19\n\
                LastStatus 2024-03-12 08:00:00\nExitAddress 192.0.2.7 2024-03-12 08:10:51\n";
    assert_eq!(entries_of(&text.repeat(2)), ["192.0.2.7/32"; 2]);
    assert_eq!(name_of(text), "Tor exit addresses");
    for (line, column, reason) in [
        ("ExitAddress 192.0.2.7", 22, TrailingText),
        ("ExitAddress 192.0.2.0/24 2024-03-12 08:10:51", 13, NotAnAddress),
        ("ExitAddress 192.0.2.7 2024-03-12 08:10:51 192.0.2.9", 22, TrailingText),
        ("192.0.2.9", 1, NotOfTheFormat("Tor exit addresses")),
    ] {
        let (entries, rejected) = scan(format!("{text}{line}\n"));
        assert_eq!((entries.len(), &rejected[..]), (1, &[(5, column, reason)][..]), "{line}");
    }
}

#[test]
fn a_line_of_alienvault_is_its_address() {
    is("192.0.2.7#4#2#Malicious Host#DE##51.0,9.0#3", &["192.0.2.7/32"]);
    is("192.0.2.7#3#2#Scanning Host;Spamming#CN#Baotou#40.6,109.8#11;2", &["192.0.2.7/32"]);
}

#[test]
fn a_line_of_dataplane_is_the_third_of_five_columns() {
    let good = "NA  |  NA  |  192.0.2.7  |  2016-12-01 20:41:09  |  sshclient";
    is(good, &["192.0.2.7/32"]);
    is("394472 | A - B, US | 2001:db8::7 | 2016-12-05 01:49:19 | sshclient", &["2001:db8::7/128"]);
    let other = NotOfTheFormat("dataplane.org");
    for (line, rejected) in [
        ("14080 | Telmex Colombia S.A., CO |", (3, 1, other)),
        ("1 | A | 192.0.2.9 | 2016-12-05 01:4", (3, 1, other)),
        ("1 | A | 192.0.2.0/24 | 2016-12-05 01:49:19 | x", (3, 9, NotAnAddress)),
        ("1 | 192.0.2.9 | 198.51.100.9.1 | 2016-12-05 01:49:19 | x", (3, 30, NotFourOctets)),
        ("192.0.2.9", (3, 1, other)),
    ] {
        let (entries, found) = scan(format!("{good}\n{good}\n{line}\n"));
        assert_eq!((entries.len(), &found[..]), (2, &[rejected][..]), "{line}");
    }
}

#[test]
fn a_geofeed_is_its_networks() {
    is("192.0.2.0/24,NL,NL-NH,Amsterdam,1105 AT", &["192.0.2.0/24"]);
    is("2001:db8::/32,US,,\"New York, NY\",", &["2001:db8::/32"]);
    is("192.0.2.7,,,,", &["192.0.2.7/32"]);
    // The last address of a range and a country are no country and a region.
    is_refused("1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,CN\n", &["agent country"]);
}

#[test]
fn an_intelligence_file_of_zeek_has_addresses_by_the_names_of_its_columns() {
    let text = "#fields\tindicator\tindicator_type\tmeta.source\tmeta.desc\n\
                192.0.2.7\tIntel::ADDR\tsrc\tbad\n198.51.100.0/24\tIntel::SUBNET\tsrc\tbad\n\
                ads.example\tIntel::DOMAIN\tsrc\t192.0.2.99\n";
    assert_eq!(entries_of(text), ["192.0.2.7/32", "198.51.100.0/24"]);
    assert_eq!(name_of(text), "Zeek Intel");
    let swapped = "#fields\tindicator_type\tmeta.whitelist\tindicator\nIntel::ADDR\tF\t192.0.2.7\n";
    assert_eq!(entries_of(swapped), ["192.0.2.7/32"]);
    let (entries, rejected) = scan(format!("{swapped}Intel::ADDR\tT\t192.0.2.9\nIntel::ADDR\tF\n"));
    assert_eq!(entries.len(), 1);
    assert_eq!(rejected, [(3, 15, Reason::Verdict), (4, 1, NotOfTheFormat("Zeek Intel"))]);
    let (entries, rejected) = scan(format!("{text}192.0.2.0/24\tIntel::ADDR\ta\tb\n192.0.2.9\n"));
    assert_eq!((entries.len(), rejected.len()), (2, 2));
    // Without the names nothing says which column is which.
    assert_eq!(scan("192.0.2.7\tIntel::ADDR\tsrc\tbad\n").0, []);
}

#[test]
fn all_jails_of_fail2ban_are_read_and_can_be_chosen() {
    let text =
        "[{'sshd': ['192.0.2.7', '198.51.100.0/24']}, {'postfix': []}, {'web': ['2001:db8::7']}]\n";
    assert_eq!(entries_of(text), ["192.0.2.7/32", "198.51.100.0/24", "2001:db8::7/128"]);
    assert_eq!(name_of(text), "fail2ban-client banned");
    let list = List::new("list", text.into()).to_read(list::Purpose::Drop, &["web".into()]);
    let mut entries = Vec::new();
    list.scan(|_, entry, _| entries.push(entry.to_string()), |_, error, _| panic!("{error}"));
    assert_eq!(entries, ["2001:db8::7/128"]);
    assert_eq!(entries_of("[{'sshd': []}]"), [""; 0]);
    let (entries, rejected) =
        scan("[{'sshd': ['host.example', '192.0.2.7 x']}]\n192.0.2.9\n192.0.2.10\n");
    assert_eq!(entries, []);
    let other = NotOfTheFormat("fail2ban-client banned");
    assert_eq!(
        rejected,
        [(1, 13, NotAnAddress), (1, 39, TrailingText), (2, 1, other), (3, 1, other)]
    );
    let whole = text.trim_end();
    for length in 4..whole.len() {
        assert_eq!(scan(&whole[..length]).0, [], "{length}");
    }
    is_refused(&whole[..30], &["cut off", "fail2ban-client banned > FILE"]);
    // However long the line is.
    let many: Vec<String> =
        (0..60_000).map(|n| format!("'10.{}.{}.7'", n / 256, n % 256)).collect();
    assert_eq!(entries_of(&format!("[{{'sshd': [{}]}}]", many.join(", "))).len(), 60_000);
}
