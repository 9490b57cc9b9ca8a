//! A script of `print --rules`: loaded by nft, it drops what `load` drops, and it can be loaded again and
//! again.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use kit::*;
use netfilterd::ip::RangeSets;
use netfilterd::list::List;

/// Networks of many lengths in both families.
const FIRST: &str = "20.0.0.0/11\n20.64.0.0/16\n20.66.0.0/15\n20.80.0.0/20\n20.81.1.0/24\n20.81.3.0/24\n\
    20.82.0.0/23\n20.83.0.16/28\n20.84.0.1\n20.84.0.3\n20.85.0.1-20.85.0.6\n\
    2001:db8:10::/44\n2001:db8:40::/48\n2001:db8:42:8000::/49\n2001:db8:50:1::/64\n\
    2001:db8:51:2:3::/80\n2001:db8:52::1\n2001:db8:53::1-2001:db8:53::6\n2a00::/29\n";

/// The same addresses in other lengths, some more and some less.
const SECOND: &str = "20.0.0.0/12\n20.64.0.0/17\n20.66.0.0/15\n20.80.0.0/19\n20.81.0.0/22\n20.82.1.0/24\n\
    20.83.0.16/28\n20.84.0.0/30\n20.85.0.4\n\
    2001:db8:10::/46\n2001:db8:40::/47\n2001:db8:42:8000::1\n2001:db8:50::/63\n\
    2001:db8:52::/64\n2001:db8:53::4\n2a00::/30\n";

/// Networks that end where the bytes of a key do, and that are looked up without a prefilter.
const THIRD: &str = "20.64.0.0/16\n20.66.0.0/15\n2001:db9::/32\n";

/// The networks of the wire are private, and no list names them.
fn parsed(text: &str) -> RangeSets {
    netfilterd::list::parse(&[List::new("text", text.as_bytes().to_vec())]).unwrap().sets
}

/// The first and the last address of each range of all lists, and those beside them, which the outside has
/// from now on.
fn edges(wire: &Wire) -> BTreeSet<IpAddr> {
    let sets = [FIRST, SECOND, THIRD].map(parsed);
    let v4 = sets.iter().flat_map(|sets| sets.v4.ranges()).flat_map(|range| {
        let (first, last) = (range.first(), range.last());
        [first - 1, first, last, last + 1].map(|address| IpAddr::V4(address.into()))
    });
    let v6 = sets.iter().flat_map(|sets| sets.v6.ranges()).flat_map(|range| {
        let (first, last) = (range.first(), range.last());
        [first - 1, first, last, last + 1].map(|address| IpAddr::V6(address.into()))
    });
    let edges: BTreeSet<IpAddr> = v4.chain(v6).collect();
    let commands: String = edges
        .iter()
        .map(|address| match address {
            IpAddr::V4(_) => format!("addr add {address}/32 dev wire0\n"),
            IpAddr::V6(_) => format!("addr add {address}/128 dev wire0 nodad\n"),
        })
        .collect();
    let folder = Folder::new();
    let batch = folder.file("batch", commands);
    wire.outside.ip(&format!("-batch {batch}"));
    for address in &edges {
        let bind = || wire.outside.within(|| UdpSocket::bind((*address, 0)).is_ok());
        eventually(&format!("{address} in use"), bind);
    }
    edges
}

/// A direction of packets.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// From the addresses.
    Inbound,
    /// To the addresses.
    Outbound,
}

/// The addresses from or to which packets pass. Packets arrive in the order in which they were sent, so
/// none is missing when one arrives that was sent last, from or to a friend.
fn passing(wire: &Wire, way: Way, addresses: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    let mut passing = BTreeSet::new();
    for (inside, friend) in [(INSIDE4, FRIEND4), (INSIDE6, FRIEND6)] {
        let (inside, friend): (IpAddr, IpAddr) = (inside.parse().unwrap(), friend.parse().unwrap());
        let of_family: Vec<IpAddr> = addresses
            .iter()
            .copied()
            .filter(|address| address.is_ipv4() == inside.is_ipv4())
            .chain([friend])
            .collect();
        let any: IpAddr = if inside.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
        let (receiving, sending) = match way {
            Way::Inbound => (&wire.inside, &wire.outside),
            Way::Outbound => (&wire.outside, &wire.inside),
        };
        let receiver = receiving.within(|| UdpSocket::bind((any, 0)).unwrap());
        receiver.set_read_timeout(Some(patience(5000))).unwrap();
        let port = receiver.local_addr().unwrap().port();
        sending.within(|| {
            for (index, &address) in of_family.iter().enumerate() {
                let (from, to) = match way {
                    Way::Inbound => (address, inside),
                    Way::Outbound => (inside, address),
                };
                let sender = UdpSocket::bind((from, 0)).unwrap();
                // What is dropped on its way out is an error here.
                let _ = sender.send_to(&(index as u32).to_be_bytes(), SocketAddr::new(to, port));
            }
        });
        let mut bytes = [0; 4];
        loop {
            let received = receiver.recv(&mut bytes);
            assert!(received.is_ok(), "{way:?}, {friend}: {passing:?} of {of_family:?}");
            match of_family[u32::from_be_bytes(bytes) as usize] {
                address if address == friend => break,
                address => passing.insert(address),
            };
        }
    }
    passing
}

/// A script for a list and some options.
pub fn script(wire: &Wire, list: &str, options: &[&str]) -> String {
    let folder = Folder::new();
    let list = folder.file("list", list);
    let print = ["print", "--no-protect", "-q", "-f", &list, "--format", "nft", "--rules"];
    let ran = wire.inside.netfilterd(&[&print, options].concat());
    ran.expect(0, &[]);
    ran.stdout()
}

#[track_caller]
fn assert_drops(wire: &Wire, list: &str, edges: &BTreeSet<IpAddr>, sees: impl Fn(&IpAddr) -> bool) {
    let sets = parsed(list);
    let unlisted = edges.iter().copied();
    let unlisted: BTreeSet<IpAddr> =
        unlisted.filter(|address| !sees(address) || !sets.contains(*address)).collect();
    assert!(unlisted.len() < edges.len());
    for way in [Way::Inbound, Way::Outbound] {
        assert_eq!(passing(wire, way, edges), unlisted, "{way:?} of\n{list}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_script_drops_what_is_listed_and_is_loaded_again_with_other_lists() {
    let wire = Wire::new();
    let edges = edges(&wire);
    for (options, sees_v4, sees_v6) in [
        (&[][..], true, true),
        (&["-t", "inet t"], true, true),
        (&["-t", "ip t"], true, false),
        (&["-t", "ip6 t"], false, true),
    ] {
        let sees = |address: &IpAddr| if address.is_ipv4() { sees_v4 } else { sees_v6 };
        for list in [FIRST, SECOND, FIRST, FIRST, THIRD, SECOND] {
            let script = script(&wire, list, options);
            wire.inside.nft(&script);
            assert_drops(&wire, list, &edges, sees);
            // Of an earlier script nothing is left.
            let written = script.lines().filter(|line| line.starts_with("\tset ")).count();
            let kept = wire.inside.nft("list sets").matches("\tset ").count();
            assert_eq!(kept, written, "{options:?}");
        }
        let listing = wire.inside.ruleset();
        wire.inside.nft("flush ruleset");
        wire.inside.nft(&listing);
        assert_eq!(wire.inside.ruleset(), listing, "{options:?}");
        assert_drops(&wire, SECOND, &edges, sees);
        wire.inside.nft(&script(&wire, "", options));
        assert_eq!(passing(&wire, Way::Inbound, &edges), edges, "{options:?}: an empty list");
        wire.inside.nft("flush ruleset");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_script_drops_what_load_drops() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let edges = edges(&wire);
    for text in [FIRST, SECOND, THIRD] {
        let list = folder.file("list", text);
        wire.inside.load(&["-f", &list, "--no-protect"]);
        let by_load = [Way::Inbound, Way::Outbound].map(|way| passing(&wire, way, &edges));
        wire.inside.nft("flush ruleset");
        wire.inside.nft(&script(&wire, text, &[]));
        let by_script = [Way::Inbound, Way::Outbound].map(|way| passing(&wire, way, &edges));
        assert_eq!(by_script, by_load, "{text}");
        wire.inside.nft("flush ruleset");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn loopback_and_neighbour_discovery_pass_a_script() {
    let wire = Wire::new();
    wire.route_by_foe();
    for options in [&[][..], &["-t", "inet t"]] {
        let list = format!("{FOES}127.0.0.0/8\n::1\n");
        wire.inside.nft(&script(&wire, &list, options));
        wire.forget_neighbours();
        assert!(wire.goes_out(INSIDE6, BEYOND6), "{options:?}");
        assert!(wire.comes_in(BEYOND6, INSIDE6), "{options:?}");
        assert!(!wire.goes_out(INSIDE6, FOE6), "{options:?}");
        assert!(!wire.comes_in(FOE4, INSIDE4), "{options:?}");
        for address in ["127.0.0.1", "::1"] {
            assert!(passes(&wire.inside, address, &wire.inside, address), "{options:?}: {address}");
        }
        wire.inside.nft("flush ruleset");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_script_for_an_interface_drops_on_that_one_only() {
    let wire = Wire::new();
    for (interface, passes) in [("other0", true), (WIRE, false), ("wire*", false)] {
        wire.inside.nft(&script(&wire, FOES, &["-i", interface]));
        for (foe, inside) in [(FOE4, INSIDE4), (FOE6, INSIDE6)] {
            assert_eq!(wire.comes_in(foe, inside), passes, "{interface}, {foe}");
            assert_eq!(wire.goes_out(inside, foe), passes, "{interface}, {foe}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_else_is_in_the_table_stays_when_a_script_is_loaded_again() {
    let wire = Wire::new();
    wire.inside.nft(&script(&wire, FOES, &["-t", "inet t"]));
    wire.inside.nft(
        "table inet t {
            set own { type ipv4_addr; elements = { 192.0.2.1 }; }
            chain own { type filter hook input priority 0; ip saddr @own drop; }
        }",
    );
    assert!(!wire.comes_in(FOE4, INSIDE4));
    let counted = || wire.inside.nft("list counter inet t inbound4");
    let (before, own) = (counted(), wire.inside.nft("list chain inet t own"));
    assert!(!before.contains("packets 0 "), "{before}");
    wire.inside.nft(&script(&wire, "192.0.2.0/24\n", &["-t", "inet t"]));
    assert_eq!(counted(), before);
    assert_eq!(wire.inside.nft("list chain inet t own"), own);
    assert!(wire.comes_in(FOE4, INSIDE4));
}
