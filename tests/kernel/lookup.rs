//! What the kernel says when it is asked for one address.

use std::net::IpAddr;

use kit::*;
use netfilterd::nftables::Connection;
use netfilterd::nftables::lookup::{InForce, in_force};
use netfilterd::nftables::name::{SetNames, Tables};

fn asked(namespace: &Namespace, table: &str, sets: [&str; 2], address: &str) -> InForce {
    let tables: Tables = table.parse().unwrap();
    let address: IpAddr = address.parse().unwrap();
    let [v4, v6] = sets.map(|name| name.parse().unwrap());
    let sets = SetNames { v4, v6 };
    namespace.within(|| {
        let mut connection = Connection::open().unwrap();
        in_force(&mut connection, &tables, &sets, address).unwrap()
    })
}

const MANAGED: (&str, [&str; 2]) = ("inet netfilterd", ["drop4", "drop6"]);

fn yes(table: &str) -> InForce {
    InForce::Yes { table: table.parse().unwrap() }
}

const LIST: &str = "0.0.0.0\n192.0.2.0/24\n198.51.100.7\n203.0.113.10-203.0.113.19\n\
                    224.0.0.0-255.255.255.255\n\
                    2001:db8::/32\n2001:db9::5\nffff::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n";

const HELD: &[&str] = &[
    "0.0.0.0",
    "192.0.2.0",
    "192.0.2.77",
    "192.0.2.255",
    "198.51.100.7",
    "203.0.113.10",
    "203.0.113.15",
    "203.0.113.19",
    "224.0.0.0",
    "255.255.255.255",
    "2001:db8::",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::5",
    "ffff::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

const NOT_HELD: &[&str] = &[
    "0.0.0.1",
    "192.0.1.255",
    "192.0.3.0",
    "198.51.100.6",
    "198.51.100.8",
    "203.0.113.9",
    "203.0.113.20",
    "223.255.255.255",
    "::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:db9::4",
    "2001:db9::6",
    "fffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
];

#[track_caller]
fn answers_right(namespace: &Namespace, (table, sets): (&str, [&str; 2])) {
    for address in HELD {
        let holds = match (table == MANAGED.0, address.contains(':')) {
            (true, true) => "ip6 netfilterd",
            (true, false) => "ip netfilterd",
            (false, _) => table,
        };
        assert_eq!(asked(namespace, table, sets, address), yes(holds), "{address}");
    }
    for address in NOT_HELD {
        assert_eq!(asked(namespace, table, sets, address), InForce::No, "{address} in {table}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_is_in_force_exactly_if_an_element_holds_it() {
    let folder = Folder::new();
    let list = folder.file("list", LIST);
    for layout in ["auto", "interval", "hash"] {
        let inside = Namespace::new();
        assert_eq!(asked(&inside, MANAGED.0, MANAGED.1, "192.0.2.7"), InForce::Nothing);
        for _ in 0..2 {
            inside.load(&["-f", &list, "--layout", layout, "--no-protect"]);
            answers_right(&inside, MANAGED);
        }
        inside.nft("flush chain ip netfilterd inbound; flush chain ip netfilterd outbound");
        let of_other = asked(&inside, MANAGED.0, MANAGED.1, "2001:db9::5");
        assert_eq!(of_other, yes("ip6 netfilterd"), "the other table is as it was");
        let nobody_asks = asked(&inside, MANAGED.0, MANAGED.1, "192.0.2.7");
        assert_eq!(nobody_asks, InForce::Nothing, "no rule looks it up");
    }
    // Behind a prefilter there is nothing any more.
    let inside = Namespace::new();
    let many: String = (0..250).map(|i| format!("20.{i}.0.7\n")).collect();
    let list = folder.file("many", format!("192.0.2.7\n{many}"));
    inside.load(&["-f", &list, "--no-protect"]);
    inside.nft("flush chain ip netfilterd from_suspect4; flush chain ip netfilterd to_suspect4");
    assert_eq!(asked(&inside, MANAGED.0, MANAGED.1, "192.0.2.7"), InForce::No);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn in_a_table_of_ones_own_it_is_the_set_of_that_name() {
    let inside = Namespace::new();
    inside.nft(
        "table inet t {
            set a { type ipv4_addr; flags interval; }
            set ab { type ipv4_addr; flags interval; elements = { 198.18.0.1 } }
            set b { type ipv6_addr; flags interval; }
            chain c { ip saddr @a drop; ip saddr @ab drop; ip6 saddr @b drop; }
        }",
    );
    let folder = Folder::new();
    let list = folder.file("list", LIST);
    inside.load(&["-f", &list, "--table", "inet t", "--set4", "a", "--set6", "b", "--no-protect"]);
    answers_right(&inside, ("inet t", ["a", "b"]));
    assert_eq!(asked(&inside, "inet t", ["a", "b"], "198.18.0.1"), InForce::No);
    assert_eq!(asked(&inside, "inet t", ["ab", "b"], "198.18.0.1"), yes("inet t"));
}

/// Sets that netfilterd did not fill, in the managed table, and a rule that looks them up.
const GIVEN: &str = "table ip netfilterd {
    set drop4 { type ipv4_addr; flags interval; elements = { 192.0.2.0/24 } }
    set drop4_g007 { type ipv4_addr; flags interval; elements = { 198.51.100.0/24 } }
    set drop4_024_g7 { type ipv4_addr; elements = { 203.0.113.0 } }
    chain inbound { ip saddr @drop4 drop; }
}";

#[test]
#[ignore = "needs root: network namespaces"]
fn in_the_managed_table_a_set_counts_by_the_generation_in_its_name() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    inside.nft(GIVEN);
    let ask = |address: &str| asked(&inside, MANAGED.0, MANAGED.1, address);
    assert_eq!(ask("192.0.2.7"), InForce::Nothing, "the set has no generation");
    let ran = inside.netfilterd(&["test", "-f", &list, "--json", "192.0.2.7"]);
    assert_eq!(ran.json()[0]["kernel"], "nothing_in_force");
    let check = inside.netfilterd(&["check", "-f", &list, "--no-protect"]).stdout();
    assert!(check.ends_with(": +1 -0\n"), "{check}");

    inside.nft("add rule ip netfilterd inbound ip saddr @drop4_g007 drop");
    inside.nft("add rule ip netfilterd inbound ip saddr & 255.255.255.0 @drop4_024_g7 drop");
    for address in ["198.51.100.7", "203.0.113.7"] {
        assert_eq!(
            ask(address),
            yes("ip netfilterd"),
            "zeros may stand before a number: {address}"
        );
    }
    assert_eq!(ask("192.0.2.7"), InForce::No);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn test_says_what_the_kernel_has_and_where_it_differs_from_the_lists() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/25\n192.0.2.128/25\n2001:db8::1\n");
    // What the lists and the kernel have of each address, and the lines of the answer.
    let test = |addresses: &[&str]| {
        let test = [&["test", "-f", &list][..], addresses].concat();
        let json = inside.netfilterd(&[&test[..], &["--json"]].concat()).json();
        let answers = json.as_array().unwrap().iter();
        let answers: Vec<(bool, String)> = answers
            .map(|answer| (answer["dropped"] == true, answer["kernel"].to_string()))
            .collect();
        let ran = inside.netfilterd(&test);
        assert_eq!(ran.status(), i32::from(!answers.iter().all(|(dropped, _)| *dropped)));
        let lines: Vec<String> = ran.stdout().lines().map(str::to_string).collect();
        (answers, json, lines)
    };
    let kernel = |name: &str| format!("\"{name}\"");
    let (answers, _, lines) = test(&["192.0.2.7"]);
    assert_eq!(answers, [(true, kernel("nothing_in_force"))]);
    assert_names(&lines[2], &["192.0.2.7: ", "ip netfilterd"]);

    inside.load(&["-f", &list]);
    let (answers, json, lines) = test(&["192.0.2.7", "2001:db8::1", "203.0.113.1"]);
    let (yes, no) = ((true, kernel("in_force")), (false, kernel("not_in_force")));
    assert_eq!(answers, [yes.clone(), yes, no]);
    let ranges = [0, 1, 2].map(|at: usize| json[at]["range"].as_str());
    assert_eq!(ranges, [Some("192.0.2.0/24"), Some("2001:db8::1/128"), None]);
    assert_eq!([&json[0]["entries"][0]["line"], &json[1]["entries"][0]["line"]], [1, 3]);
    // An address is at the head of each line of it.
    let (at1, at3) = (format!("{list}:1"), format!("{list}:3"));
    let lines_name = [
        &["192.0.2.7: ", "192.0.2.0/25", &at1][..],
        &["192.0.2.7: ", "192.0.2.0/24"],
        &["192.0.2.7: ", "ip netfilterd"],
        &["2001:db8::1: ", "2001:db8::1/128", &at3],
        &["2001:db8::1: ", "2001:db8::1/128"],
        &["2001:db8::1: ", "ip6 netfilterd"],
        &["203.0.113.1: "],
    ];
    assert_eq!(lines.len(), lines_name.len(), "{lines:?}");
    lines.iter().zip(lines_name).for_each(|(line, names)| assert_names(line, names));

    folder.file("list", "203.0.113.0/24\n");
    let (answers, _, lines) = test(&["203.0.113.1", "192.0.2.7"]);
    assert_eq!(answers, [(true, kernel("not_in_force")), (false, kernel("in_force"))]);
    let of_kernel = lines.iter().filter(|line| line.contains("ip netfilterd"));
    assert_eq!(of_kernel.count(), 2, "both are not as they should be: {lines:?}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_compares_with_what_is_in_force_and_names_it_when_asked() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", LIST);
    for layout in ["auto", "interval", "hash"] {
        folder.file("list", LIST);
        inside.load(&["-f", &list, "--layout", layout, "--no-protect"]);
        let check = |options: &[&str]| {
            let check = ["check", "-f", &list, "--layout", layout, "--no-protect"];
            inside.netfilterd(&[&check, options].concat()).stdout()
        };
        assert!(check(&[]).ends_with(": +0 -0\n"), "{}", check(&[]));
        let changed = LIST.replace("198.51.100.7", "198.51.100.9").replace("2001:db9::5\n", "");
        folder.file("list", changed);
        assert!(check(&[]).ends_with(": +1 -2\n"), "{}", check(&[]));
        let named = "+ 198.51.100.9/32\n- 198.51.100.7/32\n- 2001:db9::5/128\n";
        assert!(check(&["-v"]).ends_with(named), "{}", check(&["-v"]));
    }
}
