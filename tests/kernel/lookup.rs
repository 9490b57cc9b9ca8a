//! What the kernel says when it is asked for one address.

use std::net::IpAddr;

use kit::*;
use netfilterd::nftables::Connection;
use netfilterd::nftables::lookup::{InForce, in_force};
use netfilterd::nftables::name::{SetName, TableName};

fn asked(namespace: &Namespace, table: &str, sets: [&str; 2], address: &str) -> InForce {
    let table: TableName = table.parse().unwrap();
    let address: IpAddr = address.parse().unwrap();
    let set: SetName = sets[usize::from(address.is_ipv6())].parse().unwrap();
    namespace.within(|| {
        let mut connection = Connection::open().unwrap();
        in_force(&mut connection, &table, &set, address).unwrap()
    })
}

const MANAGED: (&str, [&str; 2]) = ("inet netfilterd", ["drop4", "drop6"]);

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
    for (addresses, wanted) in [(HELD, InForce::Yes), (NOT_HELD, InForce::No)] {
        for address in addresses {
            assert_eq!(asked(namespace, table, sets, address), wanted, "{address} in {table}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_is_in_force_exactly_if_an_element_holds_it() {
    let folder = Folder::new();
    let list = folder.file("list", LIST);
    for layout in ["interval", "hash"] {
        let inside = Namespace::new();
        assert_eq!(asked(&inside, MANAGED.0, MANAGED.1, "192.0.2.7"), InForce::Nothing);
        for _ in 0..2 {
            inside.load(&["-f", &list, "--layout", layout, "--no-protect"]);
            answers_right(&inside, MANAGED);
        }
        inside.nft("flush chain inet netfilterd inbound; flush chain inet netfilterd outbound");
        let nobody_asks = asked(&inside, MANAGED.0, MANAGED.1, "192.0.2.7");
        assert_eq!(nobody_asks, InForce::Nothing, "no rule looks it up");
    }
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
    assert_eq!(asked(&inside, "inet t", ["ab", "b"], "198.18.0.1"), InForce::Yes);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn test_says_what_the_kernel_has_and_where_it_differs_from_the_lists() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/25\n192.0.2.128/25\n2001:db8::1\n");
    let test = |addresses: &[&str]| {
        let ran = inside.netfilterd(&[&["test", "-f", &list], addresses].concat());
        (ran.status(), ran.stdout())
    };
    let (status, said) = test(&["192.0.2.7"]);
    assert_eq!(status, 0);
    assert!(
        said.contains(
            "not in force, since no rule of table inet netfilterd asks for it; load the lists"
        ),
        "{said}"
    );

    inside.load(&["-f", &list]);
    let (status, said) = test(&["192.0.2.7", "2001:db8::1", "203.0.113.1"]);
    assert_eq!(status, 1);
    let wanted = format!(
        "192.0.2.7: dropped by 192.0.2.0/25 ({list}:1)\n\
         192.0.2.7: within 192.0.2.0/24 when all is merged\n\
         192.0.2.7: in force in table inet netfilterd\n\
         2001:db8::1: dropped by 2001:db8::1/128 ({list}:3)\n\
         2001:db8::1: within 2001:db8::1/128 when all is merged\n\
         2001:db8::1: in force in table inet netfilterd\n\
         203.0.113.1: not dropped\n"
    );
    assert_eq!(said, wanted);

    folder.file("list", "203.0.113.0/24\n");
    let (_, said) = test(&["203.0.113.1"]);
    assert!(
        said.contains("not in force in table inet netfilterd; the lists have changed"),
        "{said}"
    );
    let (_, said) = test(&["192.0.2.7"]);
    assert!(said.contains("in force in table inet netfilterd all the same; load again"), "{said}");

    let ran = inside.netfilterd(&["test", "--json", "-f", &list, "203.0.113.1", "192.0.2.7"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout()).unwrap();
    assert_eq!(json[0]["dropped"], true);
    assert_eq!(json[0]["range"], "203.0.113.0/24");
    assert_eq!(json[0]["entries"][0]["line"], 1);
    assert_eq!(json[0]["kernel"], "not_in_force");
    assert_eq!(json[1]["dropped"], false);
    assert_eq!(json[1]["kernel"], "in_force");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_compares_with_what_is_in_force_and_names_it_when_asked() {
    let (inside, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", LIST);
    for layout in ["interval", "hash"] {
        folder.file("list", LIST);
        inside.load(&["-f", &list, "--layout", layout, "--no-protect"]);
        let check = |options: &[&str]| {
            let check = ["check", "-f", &list, "--layout", layout, "--no-protect"];
            inside.netfilterd(&[&check, options].concat()).stdout()
        };
        assert!(check(&[]).ends_with("against what is in force: +0 -0\n"), "{}", check(&[]));
        let changed = LIST.replace("198.51.100.7", "198.51.100.9").replace("2001:db9::5\n", "");
        folder.file("list", changed);
        assert!(check(&[]).ends_with("against what is in force: +1 -2\n"), "{}", check(&[]));
        let named = "+ 198.51.100.9/32\n- 198.51.100.7/32\n- 2001:db9::5/128\n";
        assert!(check(&["-v"]).ends_with(named), "{}", check(&["-v"]));
    }
}
