//! What the kernel says when it is asked for one address.

mod support;

use std::net::IpAddr;

use netfilterd::name::{SetName, TableName};
use netfilterd::nft::Connection;
use netfilterd::nft::lookup::{InForce, in_force};
use support::*;

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
fn an_address_is_in_force_exactly_if_an_element_holds_it() {
    require!();
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
fn in_a_table_of_ones_own_it_is_the_set_of_that_name() {
    require!();
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
