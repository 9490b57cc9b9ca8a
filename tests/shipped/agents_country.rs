//! contrib/agents/country: from tables of the whole internet to the list of what is selected.
//!
//! Each table here describes the same small world in the true shape of its source, and the agent is compared
//! with what is taken from that world in the simplest way.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use kit::agents::*;
use kit::*;

/// The first and the last address of a network, its country, and its AS. Not in order, with counts that are
/// no power of two, neighbours that merge, and one that is wider than an entry may be.
const WORLD: [(&str, &str, &str, u32); 14] = [
    ("223.255.254.0", "223.255.255.255", "CN", 64501),
    ("2.16.0.0", "2.16.2.255", "DE", 64496),
    ("1.0.0.0", "1.0.0.255", "AU", 64500),
    ("5.0.16.0", "5.0.20.255", "DE", 64497),
    ("5.0.21.0", "5.0.21.255", "DE", 64496),
    ("31.0.0.0", "31.255.255.255", "FR", 64502),
    ("52.0.0.0", "55.255.255.255", "DE", 64496),
    ("9.9.9.9", "9.9.9.9", "DE", 64498),
    ("2a01:4f8::", "2a01:4fa:ffff:ffff:ffff:ffff:ffff:ffff", "FR", 64502),
    ("2a00:1000::", "2a00:1007:ffff:ffff:ffff:ffff:ffff:ffff", "DE", 64496),
    ("2001:200::", "2001:200:ffff:ffff:ffff:ffff:ffff:ffff", "JP", 64503),
    ("2408::", "2409:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "CN", 64501),
    ("2600::", "2602:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "US", 64504),
    ("2a00:2000::", "2a00:2002:ffff:ffff:ffff:ffff:ffff:ffff", "DE", 64497),
];

/// A version, a first and a last address.
type Range = (u8, u128, u128);

fn range(first: &str, last: &str) -> Range {
    let number = |text: &str| match text.parse().unwrap() {
        IpAddr::V4(address) => (4, u128::from(address.to_bits())),
        IpAddr::V6(address) => (6, address.to_bits()),
    };
    let ((version, first), (_, last)) = (number(first), number(last));
    (version, first, last)
}

fn text(version: u8, number: u128) -> String {
    match version {
        4 => Ipv4Addr::from_bits(u32::try_from(number).unwrap()).to_string(),
        _ => Ipv6Addr::from_bits(number).to_string(),
    }
}

/// An entry or a network, as a range.
fn network(entry: &str) -> Range {
    let (address, length) = entry.split_once('/').unwrap_or((entry, ""));
    let (version, first, _) = range(address, address);
    let bits = if version == 4 { 32 } else { 128 };
    let length = length.parse().unwrap_or(bits);
    let size = 1u128.checked_shl(bits - length).unwrap_or(0);
    assert_eq!(first % size.max(1), 0, "{entry} has bits behind its prefix");
    (version, first, first.wrapping_add(size).wrapping_sub(1))
}

/// A range as networks: each time the widest that fits.
fn networks((version, mut first, last): Range) -> Vec<String> {
    let bits = if version == 4 { 32 } else { 128 };
    let mut networks = Vec::new();
    while first <= last {
        let fits = |length: &u32| {
            let size = 1u128 << (bits - length);
            first % size == 0 && size - 1 <= last - first
        };
        let length = (1..=bits).find(fits).unwrap();
        networks.push(format!("{}/{length}", text(version, first)));
        first += 1u128 << (bits - length);
    }
    networks
}

/// What of the world is selected, as ranges.
fn of_the_world(select: impl Fn(&str, u32) -> bool) -> Vec<Range> {
    let rows = WORLD.iter().filter(|(_, _, country, number)| select(country, *number));
    rows.map(|(first, last, _, _)| range(first, last)).collect()
}

/// The same addresses in order, no range touching another.
fn in_order(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::new();
    for (version, first, last) in ranges {
        match merged.last_mut() {
            Some(before) if before.0 == version && first <= before.2.saturating_add(1) => {
                before.2 = before.2.max(last);
            }
            _ => merged.push((version, first, last)),
        }
    }
    merged
}

fn entries(list: &str) -> Vec<&str> {
    list.lines().filter(|line| !line.starts_with('#')).collect()
}

/// The ranges of a list, which holds no address twice.
#[track_caller]
fn ranges(list: &str) -> Vec<Range> {
    let mut ranges: Vec<Range> = entries(list).into_iter().map(network).collect();
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        assert!(pair[0].0 != pair[1].0 || pair[0].2 < pair[1].1, "twice: {pair:?}");
    }
    in_order(ranges)
}

fn country(arguments: &[&str]) -> Ran {
    run(&mut agent("country", arguments))
}

// The tables.

fn is_v4(address: &str) -> bool {
    !address.contains(':')
}

/// A registry's file, with the networks that it has not given out, and the AS numbers.
fn delegated(extended: bool) -> String {
    let holder = if extended { "|A91A7381" } else { "" };
    let (mut records, mut v4, mut v6) = (String::new(), 0, 0);
    for (first, last, country, _) in WORLD {
        let (version, begin, end) = range(first, last);
        if version == 4 {
            let count = end - begin + 1;
            let status = if v4 % 2 == 0 { "allocated" } else { "assigned" };
            records += &format!("test|{country}|ipv4|{first}|{count}|20110414|{status}{holder}\n");
            v4 += 1;
        } else {
            for one in networks((version, begin, end)) {
                let (address, length) = one.split_once('/').unwrap();
                records +=
                    &format!("test|{country}|ipv6|{address}|{length}|20110414|allocated{holder}\n");
                v6 += 1;
            }
        }
    }
    // What is reserved or available is nobody's, whatever country stands there.
    records += "test|DE|ipv4|60.0.0.0|1024||reserved\ntest||ipv4|61.0.0.0|1024||available\n";
    records += "test|DE|ipv6|2a0f::|32||available|\n";
    let asn = "test|DE|asn|64496|2|20020801|allocated\ntest|FR|asn|64502|1|20020801|allocated\n";
    format!(
        "# a comment\n2|test|20261130|{}|19850701|20261129|+1000\ntest|*|asn|*|2|summary\n\
         test|*|ipv4|*|{}|summary\ntest|*|ipv6|*|{}|summary\n{asn}{records}",
        v4 + v6 + 5,
        v4 + 2,
        v6 + 1
    )
}

fn rows(row: impl Fn(&str, &str, &str, u32) -> String) -> String {
    WORLD.iter().map(|(first, last, country, number)| row(first, last, country, *number)).collect()
}

fn dbip_country() -> String {
    rows(|first, last, country, _| format!("{first},{last},{country}\n"))
        + "10.0.0.0,10.0.0.255,ZZ\n"
}

fn dbip_asn() -> String {
    rows(|first, last, _, number| {
        format!("{first},{last},{number},\"Some, Inc. \"\"{number}\"\"\"\n")
    })
}

/// Their continent comes first, and AS is Asia, not American Samoa.
fn dbip_city() -> String {
    rows(|first, last, country, _| {
        format!("{first},{last},AS,{country},State,\"City, A\",1.5,-2.5\n")
    })
}

fn ip2asn() -> String {
    rows(|first, last, country, number| {
        format!("{first}\t{last}\t{number}\t{country}\tA \"NAME, {number}\n")
    }) + "198.18.0.0\t198.18.0.255\t0\tNone\tNot routed\n"
}

fn ipinfo_country_asn() -> String {
    "start_ip,end_ip,country,country_name,continent,continent_name,asn,as_name,as_domain\n"
        .to_string()
        + &rows(|first, last, country, number| {
            format!("{first},{last},{country},Name,AS,Asia,AS{number},\"Some, Inc.\",a.example\n")
        })
}

/// Here the column `country` is a name.
fn ipinfo_lite() -> String {
    let mut table =
        "network,country,country_code,continent,continent_code,asn,as_name,as_domain\n".to_string();
    for (first, last, country, number) in WORLD {
        for one in networks(range(first, last)) {
            let one = one.strip_suffix("/32").filter(|one| is_v4(one)).unwrap_or(&one);
            table += &format!("{one},The Land,{country},Europe,EU,AS{number},Some,a.example\n");
        }
    }
    table
}

/// All addresses of a family, in order and in numbers, with `-` where nobody is.
fn ip2location(version: u8, row: impl Fn(u128, u128, &str, u32) -> String) -> String {
    let mut of_family: Vec<_> = WORLD
        .iter()
        .map(|(first, last, country, number)| (range(first, last), *country, *number))
        .filter(|((of, _, _), _, _)| version == 6 || *of == version)
        .map(|((of, first, last), country, number)| {
            // In their table of IPv6 is IPv4, too, as mapped addresses.
            let mapped = if of == 4 && version == 6 { 0xffff << 32 } else { 0 };
            (first + mapped, last + mapped, country, number)
        })
        .collect();
    of_family.sort_unstable();
    let (mut table, mut at) = (String::new(), 0);
    for (first, last, country, number) in of_family {
        if at < first {
            table += &row(at, first - 1, "-", 0);
        }
        table += &row(first, last, country, number);
        at = last + 1;
    }
    let highest = if version == 4 { u128::from(u32::MAX) } else { u128::MAX };
    table + &row(at, highest, "-", 0)
}

fn ip2location_country(version: u8) -> String {
    ip2location(version, |first, last, country, _| {
        format!("\"{first}\",\"{last}\",\"{country}\",\"Name of it\"\r\n")
    })
}

fn ip2location_asn(version: u8) -> String {
    ip2location(version, |first, last, _, number| {
        let number = if number == 0 { "-".to_string() } else { number.to_string() };
        format!("\"{first}\",\"{last}\",\"1.0.0.0/24\",\"{number}\",\"Some, Inc.\"\r\n")
    })
}

const PLACES: [(&str, u32); 6] = [
    ("AU", 2077456),
    ("CN", 1814991),
    ("DE", 2921044),
    ("FR", 3017382),
    ("JP", 1861060),
    ("US", 6252001),
];

fn maxmind_locations() -> String {
    let mut table =
        "geoname_id,locale_code,continent_code,continent_name,country_iso_code,country_name,\
                     is_in_european_union\n6255148,en,EU,Europe,,,0\n"
            .to_string();
    for (country, place) in PLACES {
        table += &format!("{place},en,EU,Europe,{country},\"The Land, {country}\",0\n");
    }
    table
}

/// Registered is each in the country that follows, and none represents another.
fn maxmind_blocks(v4: bool) -> String {
    let mut table =
        "network,geoname_id,registered_country_geoname_id,represented_country_geoname_id,\
                     is_anonymous_proxy,is_satellite_provider,is_anycast\n"
            .to_string();
    for (first, last, country, _) in WORLD.iter().filter(|(first, ..)| is_v4(first) == v4) {
        let at = PLACES.iter().position(|(code, _)| code == country).unwrap();
        let (located, registered) = (PLACES[at].1, PLACES[(at + 1) % PLACES.len()].1);
        for one in networks(range(first, last)) {
            table += &format!("{one},{located},{registered},,0,0,\n");
        }
    }
    table + if v4 { "60.0.0.0/24,,,,0,0,\n61.0.0.0/24,6255148,,,0,0,\n" } else { "" }
}

fn maxmind_asn() -> String {
    let mut table = "network,autonomous_system_number,autonomous_system_organization\n".to_string();
    for (first, last, _, number) in WORLD {
        for one in networks(range(first, last)) {
            table += &format!("{one},{number},\"Some, Inc.\"\n");
        }
    }
    table
}

/// A folder with all of them, each in one file or two.
struct Tables(Folder);

const COUNTRIES: [&[&str]; 9] = [
    &["delegated"],
    &["extended"],
    &["dbip.csv"],
    &["dbip-city.csv"],
    &["blocks4.csv", "locations.csv", "blocks6.csv"],
    &["db1.csv", "db1.ipv6.csv"],
    &["country_asn.csv"],
    &["lite.csv"],
    &["ip2asn.tsv"],
];

const SYSTEMS: [&[&str]; 6] = [
    &["dbip-asn.csv"],
    &["asn.csv", "asn.ipv6.csv"],
    &["country_asn.csv"],
    &["lite.csv"],
    &["ip2asn.tsv"],
    &["geolite2-asn.csv"],
];

impl Tables {
    fn new() -> Self {
        let folder = Folder::new();
        for (name, table) in [
            ("delegated", delegated(false)),
            ("extended", delegated(true)),
            ("dbip.csv", dbip_country()),
            ("dbip-asn.csv", dbip_asn()),
            ("dbip-city.csv", dbip_city()),
            ("locations.csv", maxmind_locations()),
            ("blocks4.csv", maxmind_blocks(true)),
            ("blocks6.csv", maxmind_blocks(false)),
            ("geolite2-asn.csv", maxmind_asn()),
            ("db1.csv", ip2location_country(4)),
            ("db1.ipv6.csv", ip2location_country(6)),
            ("asn.csv", ip2location_asn(4)),
            ("asn.ipv6.csv", ip2location_asn(6)),
            ("country_asn.csv", ipinfo_country_asn()),
            ("lite.csv", ipinfo_lite()),
            ("ip2asn.tsv", ip2asn()),
        ] {
            folder.file(name, table);
        }
        Tables(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_string()
    }

    fn arguments(&self, options: &[&str], names: &[&str]) -> Vec<String> {
        let options = options.iter().map(|option| option.to_string());
        options.chain(names.iter().map(|name| self.path(name))).collect()
    }

    fn run(&self, options: &[&str], names: &[&str]) -> Ran {
        let arguments = self.arguments(options, names);
        country(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[track_caller]
    fn made(&self, options: &[&str], names: &[&str]) -> String {
        let ran = self.run(options, names);
        assert_eq!(ran.status(), 0, "{options:?} {names:?}: {}", ran.stderr());
        ran.stdout()
    }
}

#[test]
#[ignore = "needs python3"]
fn each_table_of_countries_gives_the_networks_of_the_countries_that_are_named() {
    needs(&["python3"]);
    let tables = Tables::new();
    for names in COUNTRIES {
        for (codes, expected) in
            [("DE", "DE"), ("de,cn", "DE CN"), ("FR", "FR"), ("JP,AU,US", "JP AU US")]
        {
            let list = tables.made(&["--country", codes], names);
            let expected = in_order(of_the_world(|country, _| expected.contains(country)));
            assert_eq!(ranges(&list), expected, "{names:?} {codes}");
        }
    }
    // Several at once, the same addresses from each.
    let list = tables.made(&["--country", "DE"], &["delegated", "dbip.csv", "lite.csv"]);
    assert_eq!(ranges(&list), in_order(of_the_world(|country, _| country == "DE")));
}

#[test]
#[ignore = "needs python3"]
fn each_table_of_as_numbers_gives_the_networks_of_those_that_are_named() {
    needs(&["python3"]);
    let tables = Tables::new();
    for names in SYSTEMS {
        for (numbers, expected) in [("64496", &[64496][..]), ("as64497,AS64502", &[64497, 64502])] {
            let list = tables.made(&["--as", numbers], names);
            let expected = in_order(of_the_world(|_, number| expected.contains(&number)));
            assert_eq!(ranges(&list), expected, "{names:?} {numbers}");
        }
    }
    let both = tables.made(&["--country", "JP", "--as", "64496"], &["ip2asn.tsv"]);
    let expected = of_the_world(|country, number| country == "JP" || number == 64496);
    assert_eq!(ranges(&both), in_order(expected));
    // By the country of the AS: 64496 and 64497 are registered in DE, whatever the table says.
    let by = tables.made(&["--country", "DE", "--by", "as"], &["geolite2-asn.csv", "delegated"]);
    let expected = of_the_world(|_, number| [64496, 64497].contains(&number));
    assert_eq!(ranges(&by), in_order(expected));
}

#[test]
#[ignore = "needs python3"]
fn a_registered_country_is_another_one_than_where_a_network_is_located() {
    needs(&["python3"]);
    let tables = Tables::new();
    let names = &["blocks4.csv", "blocks6.csv", "locations.csv"];
    let list = tables.made(&["--country", "DE", "--by", "registered"], names);
    assert_eq!(ranges(&list), in_order(of_the_world(|country, _| country == "CN")));
    tables.run(&["--country", "DE", "--by", "represented"], names).expect(1, &["DE"]);
    for (by, name) in [("registered", "dbip.csv"), ("represented", "delegated")] {
        tables.run(&["--country", "DE", "--by", by], &[name]).expect(1, &[name, "--by"]);
    }
    // Without the places, and with those of other countries only.
    let ran = tables.run(&["--country", "DE"], &["blocks4.csv", "blocks6.csv"]);
    ran.expect(1, &["blocks4.csv", "Locations"]);
}

#[test]
#[ignore = "needs python3"]
fn tables_are_read_as_they_are_published_whatever_their_name() {
    needs(&["python3", "gzip"]);
    let tables = Tables::new();
    let script = "cd \"$1\" && gzip -nc ip2asn.tsv >ip2asn.tsv.gz && cp ip2asn.tsv.gz nameless &&
        mkdir Geo && cp blocks4.csv Geo/GeoLite2-Country-Blocks-IPv4.csv &&
        cp blocks6.csv Geo/GeoLite2-Country-Blocks-IPv6.csv &&
        for language in de en fr; do cp locations.csv Geo/GeoLite2-Country-Locations-$language.csv; done &&
        echo 'Not a table.' >Geo/LICENSE.txt && python3 -m zipfile -c geo.zip Geo &&
        cp geo.zip unnamed";
    run(Command::new("sh").args(["-c", script, "sh"]).arg(tables.0.path())).expect(0, &[]);
    let expected = in_order(of_the_world(|country, _| country == "DE"));
    for name in ["ip2asn.tsv.gz", "nameless", "geo.zip", "unnamed", "dbip.csv", "delegated"] {
        let list = tables.made(&["--country", "DE"], &[name]);
        assert_eq!(ranges(&list), expected, "{name}");
        let input = fs::read(tables.path(name)).unwrap();
        // From a pipe, in which nothing can be looked for.
        let mut command = Command::new("sh");
        command.args(["-c", "cat | \"$@\"", "sh", &format!("{AGENTS}/country")]);
        let ran = given(command.args(["--country", "DE", "-"]), input);
        assert_eq!((ran.status(), ranges(&ran.stdout())), (0, expected.clone()), "{name}");
    }
    // CRLF, and a BOM.
    tables.0.file("crlf", format!("\u{feff}{}", dbip_country().replace('\n', "\r\n")));
    tables.0.file("registry-crlf", delegated(true).replace('\n', "\r\n"));
    for name in ["crlf", "registry-crlf"] {
        assert_eq!(ranges(&tables.made(&["--country", "DE"], &[name])), expected, "{name}");
    }
}

/// What is no country's, by the registries of IANA, and all of IPv6 that is not given out.
const KEPT: [&str; 23] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
    "::/3",
];

/// That each address of both families is in exactly one of these sets, by looking at one address in each
/// piece between the places where any range begins or ends.
#[track_caller]
fn each_address_is_in_one_of(sets: &[Vec<Range>]) {
    for version in [4, 6] {
        let highest = if version == 4 { u128::from(u32::MAX) } else { u128::MAX };
        let of_family = |range: &&Range| range.0 == version;
        let mut begins = vec![0];
        for (_, first, last) in sets.iter().flatten().filter(of_family) {
            begins.push(*first);
            begins.extend(last.checked_add(1).filter(|next| *next <= highest));
        }
        begins.sort_unstable();
        begins.dedup();
        for address in begins {
            let holds = |set: &&Vec<Range>| {
                set.iter()
                    .filter(of_family)
                    .any(|(_, first, last)| (*first..=*last).contains(&address))
            };
            let count = sets.iter().filter(holds).count();
            assert_eq!(count, 1, "{} is in {count} sets", text(version, address));
        }
    }
}

#[test]
#[ignore = "needs python3"]
fn the_rest_is_exactly_what_is_neither_selected_nor_kept() {
    needs(&["python3"]);
    let tables = Tables::new();
    let allowed =
        ["31.1.0.0/16", "198.51.100.0/22", "5.0.16.0/24", "2408:1::/32", "9.0.0.0/7", "2002::/15"];
    let allow = tables.0.file("allow", allowed.join("\n") + "\n1.2.3.4 - 1.2.3.9 # a range\n");
    let mut kept: Vec<Range> = KEPT.iter().chain(&allowed[..4]).map(|text| network(text)).collect();
    kept.extend([
        range("8.0.0.0", "9.255.255.255"),
        network("2002::/15"),
        range("1.2.3.4", "1.2.3.9"),
    ]);
    kept.extend([range("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]);
    let kept = in_order(kept);
    let allow = allow.replace("9.0.0.0/7", "8.0.0.0/7");
    fs::write(&allow, fs::read_to_string(&allow).unwrap().replace("9.0.0.0/7", "8.0.0.0/7"))
        .unwrap();
    for names in COUNTRIES {
        let list = |options: &[&str]| {
            let options = [&["--country", "DE,CN", "--keep", &allow][..], options].concat();
            tables.made(&options, names)
        };
        let (selected, rest) = (list(&[]), list(&["--except"]));
        each_address_is_in_one_of(&[ranges(&selected), ranges(&rest), kept.clone()]);
        // And which of the two, by the world itself.
        let world = of_the_world(|country, _| ["DE", "CN"].contains(&country));
        for (version, first, last) in ranges(&selected) {
            let inside = |range: &Range| range.0 == version && range.1 <= first && last <= range.2;
            assert!(in_order(world.clone()).iter().any(inside), "{}", text(version, first));
        }
        for entry in entries(&rest).into_iter().chain(entries(&selected)) {
            let widest = if is_v4(entry) { 8 } else { 16 };
            let length = entry.split_once('/').map_or(128, |(_, length)| length.parse().unwrap());
            assert!(length >= widest, "{entry}");
        }
        // netfilterd takes all of it: nothing is rejected, or ignored because it is too wide.
        let file = tables.0.file("rest", &rest);
        let ran = netfilterd(&["print", "-f", &file]);
        assert_eq!((ran.status(), ranges(&ran.stdout())), (0, ranges(&rest)), "{}", ran.stderr());
        let mut command = Command::new(program());
        command.args([
            "check",
            "--strict",
            "--force",
            "-f",
            &file,
            "--state-file",
            &tables.path("state"),
        ]);
        let ran = run(&mut command);
        assert_eq!(ran.status(), 0, "{}", ran.stderr());
        assert!(!(ran.stdout() + &ran.stderr()).contains("too wide"), "{}", ran.stdout());
    }
}

#[test]
#[ignore = "needs python3"]
fn the_rest_of_a_family_without_a_selected_network_is_refused() {
    needs(&["python3"]);
    let tables = Tables::new();
    for (names, missing, other) in
        [(&["db1.csv"][..], "ipv6", "ipv4"), (&["blocks6.csv", "locations.csv"], "ipv4", "ipv6")]
    {
        tables.run(&["--country", "DE", "--except"], names).expect(1, &[missing, "--family"]);
        let rest = tables.made(&["--country", "DE", "--except", "--family", other], names);
        assert!(ranges(&rest).iter().all(|range| range.0 == if other == "ipv4" { 4 } else { 6 }));
    }
    let list = tables.made(&["--country", "DE", "--family", "ipv6"], &["dbip.csv"]);
    assert!(entries(&list).iter().all(|entry| entry.contains(':')));
}

#[test]
#[ignore = "needs python3"]
fn what_is_named_and_not_there_is_an_error_that_names_it() {
    needs(&["python3"]);
    let tables = Tables::new();
    for names in COUNTRIES {
        let ran = tables.run(&["--country", "DE,QQ,UK"], names);
        ran.expect(1, &["QQ, UK, which is GB"]);
        assert_eq!(ran.stdout(), "");
    }
    tables.run(&["--as", "64496,64999"], &["ip2asn.tsv"]).expect(1, &["AS64999"]);
    // A table that cannot have it, whatever is named.
    tables.run(&["--country", "DE"], &["dbip-asn.csv"]).expect(1, &["dbip-asn.csv", "countries"]);
    tables.run(&["--as", "64496"], &["dbip.csv"]).expect(1, &["dbip.csv", "AS numbers"]);
    tables.run(&["--as", "64496"], &["delegated"]).expect(1, &["delegated", "AS numbers"]);
    for wrong in [
        &["--country", "DEU"][..],
        &["--country", "D1"],
        &["--country", ""],
        &["--as", "0"],
        &["--as", "x"],
        &["--as", "4294967296"],
        &[],
        &["--by", "as", "--as", "1"],
    ] {
        tables.run(wrong, &["dbip.csv"]).expect(2, &["usage"]);
    }
    country(&["--country", "DE"]).expect(2, &["usage"]);
    country(&["--country", "DE", "https://example.org/table"]).expect(2, &["--tables"]);
}

#[test]
#[ignore = "needs python3"]
fn a_table_that_may_be_cut_off_is_refused_and_the_list_is_kept() {
    needs(&["python3", "gzip"]);
    let tables = Tables::new();
    let list = List::new();
    let make = |options: &[&str], names: &[&str]| {
        tables.run(&[&["--list", &list.path, "--country", "DE"], options].concat(), names)
    };
    make(&[], &["dbip.csv"]).expect(0, &[]);
    let before = list.text();
    let refused = |name: &str, others: &[&str]| {
        let ran = make(&[], &[&[name], others].concat());
        ran.expect(1, &[name, "fetch"]);
        assert_eq!(list.text(), before, "{name}");
    };
    for names in COUNTRIES {
        for name in names {
            let whole = fs::read(tables.path(name)).unwrap();
            let others: Vec<&str> = names.iter().filter(|other| *other != name).copied().collect();
            // In the middle of a line, and before its end.
            for length in [whole.len() / 2, whole.len() - 1] {
                assert_ne!(whole[length - 1], b'\n', "{name}");
                fs::write(tables.path(name), &whole[..length]).unwrap();
                refused(name, &others);
            }
            fs::write(tables.path(name), &whole).unwrap();
        }
    }
    // Behind a line, where the table itself says how much there is.
    for name in ["delegated", "extended", "db1.csv", "db1.ipv6.csv"] {
        let whole = fs::read_to_string(tables.path(name)).unwrap();
        let end = whole.trim_end().rfind('\n').unwrap();
        tables.0.file("short", &whole[..=end]);
        refused("short", &[]);
    }
    // Compressed, anywhere.
    let script =
        "cd \"$1\" && gzip -c dbip.csv >table.gz && python3 -m zipfile -c table.zip dbip.csv";
    run(Command::new("sh").args(["-c", script, "sh"]).arg(tables.0.path())).expect(0, &[]);
    for name in ["table.gz", "table.zip"] {
        let whole = fs::read(tables.path(name)).unwrap();
        for length in [20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
            tables.0.file("cut", &whole[..length]);
            refused("cut", &[]);
        }
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 0x10;
        tables.0.file("damaged", damaged);
        refused("damaged", &[]);
    }
}

#[test]
#[ignore = "needs python3"]
fn what_is_no_table_or_has_a_row_that_is_none_is_named_with_the_cure() {
    needs(&["python3"]);
    let tables = Tables::new();
    let row = |row: &str| dbip_country() + row + "\n7.0.0.0,7.0.0.255,FR\n";
    let utf16: Vec<u8> =
        "\u{feff}1.0.0.0,1.0.0.255,DE\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut tar = vec![b'a'; 257];
    tar.extend(b"ustar\0");
    tar.extend([0; 600]);
    let long = "a,".repeat(1 << 20);
    for (name, content, cure) in [
        ("empty", b"".to_vec(), "fetch"),
        ("blank", b"\n\n".to_vec(), "fetch"),
        ("comments", b"# nothing\n# else\n".to_vec(), "RIR"),
        ("page", b"<!DOCTYPE html>\n<html>\n".to_vec(), "HTML"),
        ("mmdb", b"\0\0\x01\xab\xcd\xefMaxMind.com\n".to_vec(), "CSV"),
        ("tar", tar, "tar"),
        ("utf16", utf16, "iconv"),
        ("bz2", b"BZh91AY&SY\n".to_vec(), "decompress"),
        ("plain", b"192.0.2.1\n192.0.2.2\n".to_vec(), "RIR"),
        ("other", b"name,address\na,1.0.0.1\n".to_vec(), "RIR"),
        ("two", b"1.0.0.0,1.0.0.255\n".to_vec(), "countries"),
        ("header", b"network,country_code,asn\n".to_vec(), "fetch"),
        ("long", long.into_bytes(), "longer"),
        ("order", row("7.0.0.9,7.0.0.1,DE").into_bytes(), "order:16"),
        ("families", row("7.0.0.9,2a00::1,DE").into_bytes(), "families:16"),
        ("octal", row("7.0.0.010,7.0.0.20,DE").into_bytes(), "octal:16"),
        ("names", row("a.example,7.0.0.20,DE").into_bytes(), "names:16"),
        ("columns", row("7.0.0.1,7.0.0.20").into_bytes(), "columns:16"),
        ("mixed", b"16777216,1.0.0.255,DE\n".to_vec(), "mixed:1"),
        // A continent or a country?
        ("either", b"1.0.0.0,1.0.0.255,AS,DE\n".to_vec(), "countries"),
        ("quote", row("\"7.0.0.1,7.0.0.20,DE").into_bytes(), "quote:"),
        (
            "count",
            (delegated(false) + "test|DE|ipv4|7.0.0.0|4294967295|2|allocated\n").into_bytes(),
            "count:",
        ),
        (
            "bits",
            (delegated(false) + "test|DE|ipv6|2a00::1|32|2|allocated\n").into_bytes(),
            "bits:",
        ),
        (
            "length",
            (delegated(false) + "test|DE|ipv6|2a00::|129|2|allocated\n").into_bytes(),
            "length:",
        ),
        ("record", (delegated(false) + "test|DE|ipv4\n").into_bytes(), "record:"),
    ] {
        tables.0.file(name, content);
        let ran = tables.run(&["--country", "DE"], &[name]);
        ran.expect(1, &[name, cure]);
        assert_eq!(
            (ran.stdout().as_str(), ran.stderr().lines().count()),
            ("", 1),
            "{}",
            ran.stderr()
        );
    }
    for missing in ["nowhere", "."] {
        tables.run(&["--country", "DE"], &["dbip.csv", missing]).expect(1, &[missing, "read"]);
    }
    given(&mut agent("country", &["--country", "DE", "-"]), "").expect(1, &["standard input"]);
    // Rows of other countries are not looked at so closely.
    tables.0.file("others", row("7.0.0.9,7.0.0.1,JP"));
    tables.made(&["--country", "DE"], &["others"]);
}

#[test]
#[ignore = "needs python3"]
fn the_list_says_what_it_is_made_of_and_where_it_ends() {
    needs(&["python3"]);
    let tables = Tables::new();
    let list = List::new();
    let odd = tables.0.file("odd\n1.2.3.4 name", dbip_country());
    let options = ["--country", "JP,DE", "--as", "64496", "--list", &list.path];
    country(&[&options[..], &[&odd, &tables.path("ip2asn.tsv")]].concat()).expect(0, &[&list.path]);
    let text = list.text();
    let count = entries(&text).len();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("# Made by netfilterd's agent country"));
    assert!(text.contains("\n# Table odd_1.2.3.4_name\n# Table ip2asn.tsv\n"), "{text}");
    assert!(text.contains("\n# Selection DE JP AS64496 by located\n"), "{text}");
    let date = jiff::Timestamp::now().to_string();
    assert!(text.contains(&format!("\n# Date {}", &date[..10])), "{text}");
    assert_eq!(lines.last(), Some(&format!("# END {count} entries").as_str()));
    list.is_in_order();
    let left: Vec<_> = fs::read_dir(list.folder.path()).unwrap().flatten().collect();
    assert_eq!(left.len(), 2, "the list and its lock: {left:?}");
    assert_eq!(fs::metadata(&list.path).unwrap().permissions().mode() & 0o777, 0o644);
    // Replaced where a link leads to, with the mode that it had.
    fs::set_permissions(&list.path, fs::Permissions::from_mode(0o640)).unwrap();
    let link = list.folder.path().join("link");
    symlink(&list.path, &link).unwrap();
    let link = link.to_str().unwrap();
    tables.run(&["--country", "JP,DE", "--list", link], &["dbip.csv"]).expect(0, &[]);
    assert!(fs::symlink_metadata(link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&list.path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_ne!(list.text(), text);
    // Nothing is left of what is allowed.
    let keep = tables.0.file("keep", "2001:200::/32\n");
    let ran = tables.run(&["--country", "JP", "--keep", &keep, "--list", link], &["dbip.csv"]);
    ran.expect(1, &["--keep"]);
    tables.0.file("keep", "2001:200::/32 ?\n");
    let ran = tables.run(&["--country", "JP", "--keep", &keep, "--list", link], &["dbip.csv"]);
    ran.expect(1, &["keep:1"]);
    let nowhere = tables.path("no/list");
    let ran = tables.run(&["--country", "JP", "--list", &nowhere], &["dbip.csv"]);
    ran.expect(1, &["no; make it first"]);
}

#[test]
#[ignore = "needs python3"]
fn a_list_that_lost_half_of_its_entries_or_is_another_programs_is_kept() {
    needs(&["python3"]);
    let tables = Tables::new();
    let list = List::new();
    let make = |options: &[&str], name: &str| {
        tables.run(&[&["--list", &list.path], options].concat(), &[name])
    };
    make(&["--country", "DE,FR,CN,US"], "dbip.csv").expect(0, &[]);
    let before = list.text();
    let count = entries(&before).len().to_string();
    make(&["--country", "JP"], "dbip.csv").expect(1, &[&list.path, "1 entries", &count, "--force"]);
    assert_eq!(list.text(), before);
    make(&["--country", "JP", "--force"], "dbip.csv").expect(0, &[]);
    assert_eq!(entries(&list.text()), ["2001:200::/32"]);
    // The rest grows when the table lost what is not to be dropped, so that is looked at, too.
    let rest = ["--country", "DE", "--except", "--family", "ipv4"];
    make(&rest, "dbip.csv").expect(0, &[]);
    let before = list.text();
    tables.0.file("lost", "2.16.0.0,2.16.2.255,DE\n");
    make(&rest, "lost").expect(1, &[&list.path, "selected", "--force"]);
    assert_eq!(list.text(), before);
    // What others wrote there would be lost.
    for others in
        [format!("{before}192.0.2.1\n"), "192.0.2.1\n".to_string(), before.replace("# END", "#")]
    {
        fs::write(&list.path, &others).unwrap();
        make(&rest, "dbip.csv").expect(1, &[&list.path, "--force"]);
        assert_eq!(list.text(), others);
    }
    make(&[&rest[..], &["--force"]].concat(), "dbip.csv").expect(0, &[]);
    fs::write(&list.path, "").unwrap();
    make(&rest, "dbip.csv").expect(0, &[]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_commands_of_its_page_do_what_the_page_says() {
    needs(&["python3", "curl", "mount"]);
    let (tables, namespace) = (Tables::new(), Namespace::new());
    let place = |name: &str| tables.path(name);
    // A world of five registries, of which four have nothing to say.
    for registry in ["afrinic", "apnic", "arin", "lacnic", "ripencc"] {
        let table = match registry {
            "ripencc" => delegated(true).replace("|DE|", "|RU|").replace("|FR|", "|DE|"),
            "apnic" => delegated(true),
            _ => format!(
                "2|{registry}|20261130|1|19850701|20261129|+1000\n{registry}|*|ipv4|*|1|summary\n\
                          {registry}|ZZ|ipv4|102.0.0.0|256||available|\n"
            ),
        };
        fs::create_dir_all(place(&format!("www/{registry}"))).unwrap();
        tables.0.file(&format!("www/{registry}/delegated-{registry}-extended-latest"), table);
    }
    let mut command = namespace.command("python3");
    command.args([
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "8000",
        "--directory",
        &place("www"),
    ]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Background(command.spawn().unwrap());
    fs::create_dir_all(place("bin")).unwrap();
    // The daemon would stay, and a person would type the answer.
    let wrapper = format!(
        "#!/bin/sh\ncase \"$*\" in\n--watch*) shift; set -- load \"$@\" ;;\n*--confirm*) exec <<-END\n\tyes\n\
         \tEND\nesac\nexec {} \"$@\"\n",
        program()
    );
    let systemctl = format!("#!/bin/sh\necho \"$@\" >>{}\n", place("started"));
    for (name, script) in [("netfilterd", &wrapper), ("systemctl", &systemctl)] {
        tables.0.file(&format!("bin/{name}"), script);
        fs::set_permissions(place(&format!("bin/{name}")), fs::Permissions::from_mode(0o755))
            .unwrap();
    }
    let page = fs::read_to_string(format!("{AGENTS}/country.md")).unwrap();
    let (measured, page) = page.split_once("\n## Block countries\n").unwrap();
    let (block, page) = page.split_once("\n## Allow one country only\n").unwrap();
    let (allow, last) = page.split_once("\n## What such a list is worth\n").unwrap();
    let commands = |part: &str| {
        let lines = part.lines().filter_map(|line| line.strip_prefix("    "));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        let text = text.replace("/usr/local/lib/netfilterd/agents", AGENTS);
        let text = text.replace("cp netfilterd", &format!("cd {AGENTS}\ncp netfilterd"));
        let text = text.replace("/etc/", &place("etc/"));
        ["afrinic", "apnic", "arin", "lacnic", "ripe"].iter().fold(text, |text, name| {
            let text =
                text.replace(&format!("https://ftp.{name}.net/pub/stats"), "http://127.0.0.1:8000");
            text.replace(&format!("https://ftp.{name}.net/stats"), "http://127.0.0.1:8000")
        })
    };
    let (allow, drop_in) = allow.split_once("    [Service]\n").unwrap();
    let drop_in = drop_in.lines().next().unwrap().replace("    ExecStartPost=+", "    ");
    let unit = fs::read_to_string(format!("{AGENTS}/netfilterd-country.service")).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    // As systemd reads the file of settings, in which nothing is quoted.
    let settings = "CACHE_DIRECTORY=/var/cache/netfilterd-country; TABLES=$(sed -n s/^TABLES=//p FILE); \
                    COUNTRY=$(sed -n s/^COUNTRY=//p FILE)";
    let settings = settings.replace("FILE", &place("etc/default/netfilterd-country"));
    let script = format!(
        "set -e; for folder in /run /var/lib /var/cache; do mount -t tmpfs none $folder; done
         mkdir -p {etc}/default {etc}/systemd/system; cd {folder}
         {measured}
         {block}
         cp /var/cache/netfilterd-country/drop_ips {folder}/blocked
         {settings}
         {start}
         cd {folder}; nft list ruleset >managed; nft flush ruleset; cd /
         {allow}
         cp drop_ips {folder}/abroad; nft list table inet abroad >{folder}/own
         nft flush set inet abroad abroad4
         {again}
         nft list table inet abroad >{folder}/again; status=0
         {last} test $status = 1",
        etc = place("etc"),
        folder = place(""),
        measured = commands(measured),
        block = commands(block),
        start = commands(&format!("    {start}")),
        allow = commands(allow),
        again = commands(&drop_in),
        last = commands(last).replace(" 192.0.2.7", " 192.0.2.7 || status=$?"),
    );
    let script = tables.0.file("script", script);
    let mut command = namespace.command("sh");
    command.arg(&script).env("SSH_CONNECTION", "31.2.3.4 1 192.0.2.1 22");
    let path = format!("{}:{}", place("bin"), std::env::var("PATH").unwrap());
    let ran = run(command.env("PATH", path));
    assert_eq!(ran.status(), 0, "{}\n{}", ran.stderr(), ran.stdout());
    let (blocked, abroad) =
        (fs::read_to_string(place("blocked")), fs::read_to_string(place("abroad")));
    let expected = of_the_world(|country, _| ["CN", "DE"].contains(&country));
    assert_eq!(ranges(&blocked.unwrap()), in_order(expected));
    let abroad = ranges(&abroad.unwrap());
    let dropped = |address: &str| {
        let (version, number, _) = range(address, address);
        abroad.iter().any(|(of, first, last)| *of == version && (*first..=*last).contains(&number))
    };
    for (address, expected) in [
        ("5.0.16.1", false),
        ("31.9.9.9", false),
        ("31.2.3.4", false),
        ("10.1.1.1", false),
        ("1.0.0.1", true),
        ("2a00:1000::1", false),
        ("2600::1", true),
        ("fe80::1", false),
    ] {
        assert_eq!(dropped(address), expected, "{address}");
    }
    let read = |name: &str| fs::read_to_string(place(name)).unwrap();
    assert!(read("managed").contains("223.255.254.0/23"), "{}", read("managed"));
    assert!(read("own").contains("1.0.0.0-") && read("own").contains("2003::-"), "{}", read("own"));
    assert_eq!(read("own"), read("again"));
    assert!(read("list").contains("\n# END 176275 entries\n"), "as measured");
    assert_eq!(read("started").trim(), "enable --now netfilterd-country.timer");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_drops_the_server_of_its_tables_is_named_with_the_cure() {
    needs(&["python3", "curl"]);
    let (tables, namespace, list) = (Tables::new(), Namespace::new(), List::new());
    namespace.ip("addr add 31.9.9.9/32 dev lo");
    let folder = tables.0.path().to_str().unwrap();
    let mut command = namespace.command("python3");
    command.args(["-m", "http.server", "--bind", "31.9.9.9", "8000", "--directory", folder]);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let _server = Background(command.spawn().unwrap());
    let cache = tables.path("cache");
    fs::create_dir(&cache).unwrap();
    let make = |options: &[&str], url: &str| {
        let mut command = namespace.command(&format!("{AGENTS}/country"));
        command.args(["--list", &list.path, "--tables", &cache]).args(options);
        run(command.arg(url))
    };
    let url = "http://31.9.9.9:8000/dbip.csv?key=secret";
    eventually("served", || make(&["--country", "DE"], url).status() == 0);
    let ran = make(&["--country", "DE"], url);
    assert!(!ran.stderr().contains("31.9.9.9"), "{}", ran.stderr());
    for options in [&["--country", "FR", "--force"][..], &["--country", "DE", "--except"]] {
        make(options, url).expect(0, &["31.9.9.9", "--keep"]);
    }
    let keep = tables.0.file("keep", "31.9.9.9\n");
    let ran = make(&["--country", "FR", "--force", "--keep", &keep], url);
    assert_eq!((ran.status(), ran.stderr().contains("31.9.9.9")), (0, false), "{}", ran.stderr());
    // What is not there is named without the key of an account, and the list is kept.
    let before = list.text();
    assert!(before.contains("\n# Table dbip.csv\n"), "{before}");
    make(&["--country", "DE"], "http://31.9.9.9:8000/none?key=secret")
        .expect(1, &["31.9.9.9/none"]);
    assert_eq!(list.text(), before);
    for name in fs::read_dir(&cache).unwrap() {
        let name = name.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("secret"), "{name}");
    }
}
