//! Rows of look-ups of every kind, by lists for which `auto` chooses them: judged by packets from and to
//! the edges of what is listed, by nft, by `test` and by `status`, while they change and after damage.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use kit::listed::{Content, ListedSet};
use kit::random::Random;
use kit::reader::plain_line;
use kit::*;
use netfilterd::list::{self, List};
use netfilterd::nftables::layout::{Layout, Row, Rows, SetKind};
use socket2::{Domain, Socket, Type};

/// What all loads here are given: the lists are far larger than any that one wants.
const FORCE: &[&str] = &["--no-protect", "--force"];

/// Networks of these lengths, so many of each, all over the part of the address space that is in use.
fn spread(count: u32, lengths4: &[u32], lengths6: &[u32]) -> String {
    let mut random = Random::new(7);
    let mut text = String::new();
    for (number, length) in (0..count).flat_map(|i| lengths4.iter().map(move |length| (i, length)))
    {
        // From 16.0.0.0 on, and no loopback behind.
        let first = 0x1000_0000 + (random.number() as u32 >> 2) + (number << 8);
        text += &format!("{}/{length}\n", Ipv4Addr::from(first & (u32::MAX << (32 - length))));
    }
    for &length in (0..count).flat_map(|_| lengths6) {
        let first = u128::from(random.number()) << 64 | u128::from(random.number());
        let first = (0x2400 << 112) | (first >> 4);
        text += &format!("{}/{length}\n", Ipv6Addr::from(first & (u128::MAX << (128 - length))));
    }
    text
}

/// Lists for which rows of different kinds are cheapest.
fn lists() -> Vec<String> {
    let octets = |from: u32, to: u32| (from..to).filter(|&octet| octet != 127 && octet != 10);
    let v6 = |first: u32, count: u32, rest: &str| -> String {
        (first..first + count).map(|bits| rest.replace("FIRST", &format!("{bits:x}"))).collect()
    };
    let hosts = spread(200, &[32], &[128]);
    vec![
        "198.51.100.7\n198.51.100.9\n2001:db8::7\n".into(),
        "198.51.0.0/16\n20.7.0.0/16\n2001::/16\n".into(),
        "20.8.0.0/13\n2001:db8::/30\n".into(),
        "40.0.0.0/5\n2620::/12\n".into(),
        "198.51.100.1-198.51.111.9\n2001:db8::7-2001:db8:7::9\n".into(),
        spread(300, &[24], &[48]),
        spread(300, &[22], &[44]),
        spread(300, &[32], &[61]),
        spread(300, &[17], &[64]),
        spread(300, &[32], &[56]),
        spread(4, &[9], &[20]) + &hosts,
        spread(100, &[19, 24, 32], &[29, 40, 128]),
        // Ranges that are no networks, close to each other.
        (0..2000)
            .map(|i: u32| (0x1600_0000 + i * 4096, 0x2001_0db8_0000_0000_0000u128 + u128::from(i)))
            .map(|(v4, v6)| {
                let [first, last] = [v4 + 1, v4 + 3000].map(Ipv4Addr::from);
                let [first6, last6] =
                    [v6 << 48 | 1, v6 << 48 | 0xffff_ffff_fff0].map(Ipv6Addr::from);
                format!("{first}-{last}\n{first6}-{last6}\n")
            })
            .collect(),
        // Nearly all that is in use begins as something that is listed.
        octets(16, 223).map(|it| format!("{it}.0.0.7-{it}.255.255.99\n")).collect::<String>()
            + &v6(0x2400, 0x80, "FIRST::7-FIRST:ffff:ffff::9\n"),
        octets(16, 223)
            .filter(|it| it % 8 > 0)
            .map(|it| format!("{it}.0.0.0/8\n"))
            .collect::<String>()
            + &v6(0x2400, 0x80, "FIRST::/17\n")
            + &hosts,
    ]
}

fn rows_of(list: &str) -> Rows {
    Rows::choose(&list::parse(&[List::new("list", list.into())]).unwrap().sets, Layout::Auto)
}

/// Whether a row has a prefilter, one hash set or several, and an interval set.
fn kind_of(row: &Row) -> (bool, usize, bool) {
    (row.prefilter.is_some(), row.hashes.len().min(2), row.interval)
}

/// One list for each kind of row of each family.
fn one_list_of_each_kind() -> Vec<String> {
    let mut kinds = [BTreeSet::new(), BTreeSet::new()];
    let mut lists = lists();
    lists.retain(|list| {
        let rows = rows_of(list);
        let is_new = [&rows.v4, &rows.v6].map(kind_of).into_iter().zip(&mut kinds);
        is_new.fold(false, |is_new, (kind, kinds)| kinds.insert(kind) | is_new)
    });
    lists
}

#[test]
fn the_lists_lead_to_rows_of_every_kind_and_to_keys_of_every_size() {
    let rows: Vec<Rows> = lists().iter().map(|list| rows_of(list)).collect();
    let families: [(u8, Vec<&Row>, &[u8]); 2] = [
        (32, rows.iter().map(|rows| &rows.v4).collect(), &[2, 4]),
        (128, rows.iter().map(|rows| &rows.v6).collect(), &[2, 4, 6, 8, 16]),
    ];
    for (bits, rows, sizes) in families {
        let kinds: BTreeSet<(bool, usize, bool)> = rows.iter().map(|row| kind_of(row)).collect();
        for kind in [
            (false, 1, false),
            (true, 1, false),
            (true, 2, false),
            (true, 0, true),
            (false, 2, false),
            (false, 0, true),
        ] {
            let names: Vec<String> = rows.iter().map(|row| row.to_string()).collect();
            assert!(kinds.contains(&kind), "{bits} bits: no row like {kind:?} in {names:#?}");
        }
        let keyed = rows.iter().flat_map(|row| row.kinds()).filter(|it| *it != SetKind::Interval);
        let keys: BTreeSet<(u8, bool)> = keyed
            .map(|kind| (kind.key_bytes(bits), kind.length().is_some_and(|it| it % 8 > 0)))
            .collect();
        for &size in sizes {
            assert!(keys.iter().any(|key| key.0 == size), "{bits} bits: no key of {size} bytes");
        }
        assert!(keys.iter().any(|key| key.1), "{bits} bits: no length that is no whole byte");
    }
}

/// The ranges of a list of both families, as a naive reader has them.
fn ranges(text: &str) -> Vec<(IpAddr, IpAddr)> {
    let merged = merged(text);
    let lines = merged.v4.iter().chain(&merged.v6);
    lines.flat_map(|line| plain_line(line).unwrap()).collect()
}

fn holds(ranges: &[(IpAddr, IpAddr)], address: IpAddr) -> bool {
    ranges.iter().any(|&(first, last)| {
        first.is_ipv4() == address.is_ipv4() && first <= address && address <= last
    })
}

/// The address that is so far from another, if it can be that of a packet that is routed.
fn moved(address: IpAddr, by: i8) -> Option<IpAddr> {
    let moved: IpAddr = match address {
        IpAddr::V4(it) => Ipv4Addr::from(u32::from(it).checked_add_signed(by.into())?).into(),
        IpAddr::V6(it) => Ipv6Addr::from(u128::from(it).checked_add_signed(by.into())?).into(),
    };
    is_routed(moved).then_some(moved)
}

fn is_routed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(it) => {
            let first = it.octets()[0];
            (11..224).contains(&first) && first != 127
        }
        IpAddr::V6(it) => it.segments()[0] >> 13 == 1,
    }
}

/// Addresses that tell whether a list is in force, each with whether it is listed: the edges of some of its
/// ranges, what lies one before and behind, and what begins as they do.
fn probes(text: &str) -> Vec<(IpAddr, bool)> {
    let ranges = ranges(text);
    let mut addresses = BTreeSet::new();
    for v4 in [true, false] {
        let of_family: Vec<_> = ranges.iter().filter(|range| range.0.is_ipv4() == v4).collect();
        let step = (of_family.len() / 5).max(1);
        for &&(first, last) in of_family.iter().step_by(step).chain(of_family.last()) {
            addresses.extend([Some(first), Some(last), moved(first, -1), moved(last, 1)]);
            addresses.extend([16, 32, 60].map(|bits| Some(with_other_end(first, bits))));
        }
    }
    addresses.extend([FRIEND4, FRIEND6].map(|friend| Some(friend.parse().unwrap())));
    let addresses = addresses.into_iter().flatten().filter(|&address| is_routed(address));
    addresses.map(|address| (address, holds(&ranges, address))).collect()
}

/// An address that has the first bits of another, and of the rest hardly any.
fn with_other_end(address: IpAddr, bits: u32) -> IpAddr {
    const OTHER: u128 = 0x5aa5_5aa5_5aa5_5aa5_5aa5_5aa5_5aa5_5aa5;
    match address {
        IpAddr::V4(it) => {
            let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
            Ipv4Addr::from(u32::from(it) ^ (OTHER as u32 & rest)).into()
        }
        IpAddr::V6(it) => Ipv6Addr::from(u128::from(it) ^ (OTHER & (u128::MAX >> bits))).into(),
    }
}

/// A wire whose outside has every address, with a socket on each side that receives.
struct Judge {
    wire: Wire,
    sockets: [UdpSocket; 2],
}

const PORT: u16 = 7777;

impl Judge {
    fn new() -> Self {
        let wire = Wire::new();
        wire.outside.ip("route add local default dev lo table main");
        wire.outside.ip("-6 route add local ::/0 dev lo table main");
        let sockets = [&wire.inside, &wire.outside].map(|namespace| {
            let socket = namespace.within(|| bind_again(|| UdpSocket::bind(("::", PORT))));
            socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            socket
        });
        Judge { wire, sockets }
    }

    fn inside(&self) -> &Namespace {
        &self.wire.inside
    }

    /// The packets dropped so far from IPv4, to IPv4, from IPv6 and to IPv6.
    fn counted(&self) -> [u64; 4] {
        ["inbound4", "outbound4", "inbound6", "outbound6"].map(|name| self.inside().counter(name))
    }

    /// Sends packets from and to addresses: those that are to be dropped are dropped and counted, and all
    /// others arrive and are not.
    #[track_caller]
    fn judge(&self, probes: &[(IpAddr, bool)]) {
        let before = self.counted();
        let inside = ["0.0.0.0:0", "[::]:0"];
        let inside = self.inside().within(|| inside.map(|it| UdpSocket::bind(it).unwrap()));
        let arrived = RefCell::new([BTreeSet::new(), BTreeSet::new()]);
        let passing = probes.iter().filter(|probe| !probe.1).map(|probe| probe.0);
        let passing: BTreeSet<IpAddr> = passing.collect();
        assert!(passing.iter().any(|it| it.is_ipv4()) && passing.iter().any(|it| it.is_ipv6()));
        let missing = || {
            let missing = |arrived| passing.difference(arrived).copied().collect::<Vec<_>>();
            arrived.borrow().each_ref().map(missing)
        };
        let mut rounds = 0;
        awaited(
            || format!("did not come in and go out: {:?}", missing()),
            || {
                rounds += 1;
                for &(address, _) in probes {
                    let (family, host) =
                        if address.is_ipv4() { (0, INSIDE4) } else { (1, INSIDE6) };
                    let text = address.to_string();
                    let to: IpAddr = host.parse().unwrap();
                    let outside = self.wire.outside.within(|| bound(address));
                    outside.send_to(text.as_bytes(), &SocketAddr::new(to, PORT).into()).unwrap();
                    // What is dropped on its way out is an error here.
                    let _ = inside[family].send_to(text.as_bytes(), (address, PORT));
                }
                for (socket, arrived) in self.sockets.iter().zip(arrived.borrow_mut().iter_mut()) {
                    receive(socket, arrived);
                }
                for (arrived, way) in arrived.borrow().iter().zip(["from", "to"]) {
                    let listed: Vec<_> = arrived.difference(&passing).collect();
                    assert!(listed.is_empty(), "packets {way} {listed:?} passed, which are listed");
                }
                missing().iter().all(Vec::is_empty).then_some(())
            },
        );
        // A packet that passes is the last one, and packets arrive in the order in which they were sent.
        let listed = |v4: bool| {
            rounds * probes.iter().filter(|probe| probe.1 && probe.0.is_ipv4() == v4).count() as u64
        };
        let [v4, v6] = [listed(true), listed(false)];
        let expected = [before[0] + v4, before[1] + v4, before[2] + v6, before[3] + v6];
        eventually(&format!("{expected:?} packets counted"), || self.counted() == expected);
    }

    /// What `test` says of the addresses is what packets say.
    #[track_caller]
    fn ask(&self, list: &str, probes: &[(IpAddr, bool)]) {
        self.ask_without(list, probes, &[]);
    }

    /// The same where the kernel lacks some of what is listed.
    #[track_caller]
    fn ask_without(&self, list: &str, probes: &[(IpAddr, bool)], missing: &[IpAddr]) {
        let addresses: Vec<String> = probes.iter().map(|probe| probe.0.to_string()).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let ran = self.inside().netfilterd(
            &[&["test", "--no-protect", "--json", "-f", list][..], &addresses].concat(),
        );
        let answers = ran.json();
        for (answer, (address, is_listed)) in answers.as_array().unwrap().iter().zip(probes) {
            let is_held = *is_listed && !missing.contains(address);
            let kernel = if is_held { "in_force" } else { "not_in_force" };
            assert_eq!(answer["address"], address.to_string());
            assert_eq!(answer["dropped"], *is_listed, "{answer}");
            assert_eq!(answer["kernel"], kernel, "{answer}");
        }
        assert_eq!(answers.as_array().unwrap().len(), probes.len());
    }

    /// The kernel has exactly what a list says, and in each prefilter the first bits of that and no others.
    #[track_caller]
    fn compare(&self, text: &str) {
        compare(self.inside(), text);
    }
}

/// A socket that sends from an address that no interface need have.
fn bound(address: IpAddr) -> Socket {
    let domain = Domain::for_address(SocketAddr::new(address, 0));
    let socket = Socket::new(domain, Type::DGRAM, None).unwrap();
    match address {
        IpAddr::V4(_) => socket.set_freebind_v4(true).unwrap(),
        IpAddr::V6(_) => socket.set_freebind_v6(true).unwrap(),
    }
    socket.bind(&SocketAddr::new(address, 0).into()).unwrap();
    socket
}

/// All that waits, and what comes within the socket's timeout.
fn receive(socket: &UdpSocket, arrived: &mut BTreeSet<IpAddr>) {
    let mut bytes = [0; 100];
    loop {
        match socket.recv(&mut bytes) {
            Ok(length) => {
                arrived.insert(std::str::from_utf8(&bytes[..length]).unwrap().parse().unwrap());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// The kernel has exactly what a list says, and in each prefilter the first bits of that and no others.
#[track_caller]
fn compare(namespace: &Namespace, text: &str) {
    let merged = merged(text);
    assert_eq!(namespace.managed("drop4"), merged.v4);
    assert_eq!(namespace.managed("drop6"), merged.v6);
    for (table, base) in namespace.managed_tables().iter().zip(["drop4", "drop6"]) {
        let sets = table.of_base(base);
        let held: Vec<(u128, u128)> = sets
            .iter()
            .filter(|(content, _)| !is_prefilter(content))
            .flat_map(|(content, set)| set.ranges(*content))
            .collect();
        for (content, prefilter) in sets.iter().filter(|(content, _)| is_prefilter(content)) {
            for (first, last) in prefilter.ranges(*content) {
                let is_of_use = held.iter().any(|range| range.0 <= last && first <= range.1);
                assert!(is_of_use, "{} holds {first:x}-{last:x} for nothing", prefilter.name);
            }
        }
    }
}

fn is_prefilter(content: &Content) -> bool {
    matches!(content, Content::First(_))
}

/// The set of a family that is the prefilter of its row, if it has one, and what it holds.
fn prefilter(namespace: &Namespace, family: usize) -> Option<(Content, ListedSet)> {
    let mut tables = namespace.managed_tables();
    let table = tables.swap_remove(family);
    let sets = table.of_base(["drop4", "drop6"][family]);
    let (content, name) = sets
        .iter()
        .find_map(|(content, set)| is_prefilter(content).then(|| (*content, set.name.clone())))?;
    table.sets.into_iter().find(|set| set.name == name).map(|set| (content, set))
}

/// An element of a prefilter, and those of the listed probes that begin with it, of which there are some.
fn element_with_probes(
    (content, set): &(Content, ListedSet),
    probes: &[(IpAddr, bool)],
) -> (String, Vec<IpAddr>) {
    let is_v4 = set.name.starts_with("drop4");
    let listed = probes.iter().filter(|probe| probe.1 && probe.0.is_ipv4() == is_v4);
    let listed: Vec<IpAddr> = listed.map(|probe| probe.0).collect();
    let mut elements = set.elements.iter().zip(set.ranges(*content)).map(|(element, range)| {
        let is_in =
            |address: &&IpAddr| range.0 <= number(**address) && number(**address) <= range.1;
        (element.clone(), listed.iter().filter(is_in).copied().collect::<Vec<_>>())
    });
    elements.find(|(_, behind)| !behind.is_empty()).unwrap()
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => u32::from(it).into(),
        IpAddr::V6(it) => it.into(),
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_at_the_edges_test_and_a_listing_that_is_loaded_back_agree_in_every_row() {
    let (judge, again, folder) = (Judge::new(), Judge::new(), Folder::new());
    for text in lists() {
        let (rows, list) = (rows_of(&text), folder.file("list", &text));
        println!("{}; {}", rows.v4, rows.v6);
        judge.inside().load(&[&["-f", &list], FORCE].concat());
        judge.compare(&text);
        let probes = probes(&text);
        assert!(probes.iter().filter(|probe| probe.1).count() >= 2);
        judge.judge(&probes);
        judge.ask(&list, &probes);
        // What nft lists is what nft takes, and it drops the same.
        let listing = judge.inside().ruleset();
        again.inside().nft(&format!("flush ruleset\n{listing}"));
        assert_eq!(again.inside().ruleset(), listing);
        again.judge(&probes);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_a_prefilter_does_not_hold_is_not_said_to_be_in_force() {
    let judge = Judge::new();
    let mut prefilters = 0;
    for text in one_list_of_each_kind() {
        let rows = rows_of(&text);
        if rows.v4.prefilter.is_none() && rows.v6.prefilter.is_none() {
            continue;
        }
        let (folder, probes) = (Folder::new(), probes(&text));
        let list = folder.file("list", &text);
        let status_file = folder.path().join("status").to_str().unwrap().to_string();
        let options = ["-f", &list, "--no-repair", "--status-file", &status_file];
        let daemon = Daemon::start(judge.inside(), &[&options[..], FORCE].concat());
        let status = || judge.inside().netfilterd(&["status", "--status-file", &status_file]);
        status().expect(0, &[]);
        for (family, table) in ["ip netfilterd", "ip6 netfilterd"].into_iter().enumerate() {
            let Some(prefilter) = prefilter(judge.inside(), family) else { continue };
            prefilters += 1;
            let (element, missing) = element_with_probes(&prefilter, &probes);
            let (name, count) = (&prefilter.1.name, prefilter.1.elements.len());
            judge.inside().nft(&format!("delete element {table} {name} {{ {element} }}"));
            let says = format!("set {name} has {} elements instead of {count}", count - 1);
            let ran = status();
            assert_eq!(ran.status(), 1, "{}{}", ran.stdout(), ran.stderr());
            assert_line_names(&ran.stdout(), &["in force  ", "no", &says]);
            let passing = |&(address, is_listed): &(IpAddr, bool)| {
                (address, is_listed && !missing.contains(&address))
            };
            judge.judge(&probes.iter().map(passing).collect::<Vec<_>>());
            judge.ask_without(&list, &probes, &missing);
            // The next load repairs it.
            daemon.signal("HUP");
            daemon.wait_for_loads(daemon.loads() + 1);
            status().expect(0, &[]);
            judge.compare(&text);
        }
        judge.judge(&probes);
        judge.ask(&list, &probes);
        assert_eq!(daemon.end("TERM"), 0);
    }
    assert!(prefilters > 2);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn whatever_is_taken_from_a_row_is_repaired() {
    let (judge, folder) = (Judge::new(), Folder::new());
    for text in one_list_of_each_kind() {
        let list = folder.file("list", &text);
        judge.inside().load(&[&["-f", &list], FORCE].concat());
        let mut damages = vec![("flush ruleset".to_string(), "tables ip netfilterd and")];
        for table in judge.inside().managed_tables() {
            for set in &table.sets {
                let name = set.name.rsplit_once("_g").unwrap().0;
                let (table, element) = (&table.name, &set.elements[set.elements.len() / 2]);
                damages
                    .push((format!("delete element {table} {name}_gN {{ {element} }}"), "table"));
                damages.push((format!("flush set {table} {name}_gN"), "table"));
            }
        }
        for (damage, named) in damages {
            // A daemon for each: to the same one it would be somebody who keeps at it.
            let daemon = Daemon::start(judge.inside(), &[&["-f", &list], FORCE].concat());
            let generations = judge.inside().generations();
            let (_, generation) = generations[0].rsplit_once("_g").unwrap();
            judge.inside().nft(&damage.replace("_gN", &format!("_g{generation}")));
            let repairs = daemon.wait_for_repairs(1);
            assert!(repairs["by"].as_str().unwrap().starts_with("nft (pid "), "{repairs}");
            daemon.wait_for_line(&["changed ", named, "; repairing "], 1);
            judge.compare(&text);
            assert_eq!(daemon.end("TERM"), 0);
        }
        judge.judge(&probes(&text));
    }
}

/// The generations of the sets, and how many elements the prefilters have.
fn placed(namespace: &Namespace) -> (Vec<String>, [usize; 2]) {
    let elements = |family| prefilter(namespace, family).map_or(0, |(_, set)| set.elements.len());
    (namespace.generations(), [0, 1].map(elements))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn what_comes_and_goes_changes_a_row_in_place_and_its_prefilter_only_where_it_must() {
    let (judge, folder) = (Judge::new(), Folder::new());
    let base = spread(300, &[24], &[48]);
    let mut entries: BTreeSet<&str> = [
        "203.0.111.0/24",
        "203.0.113.0/24",
        "12.77.0.0/24",
        "2001:db8:1::/48",
        "2001:db8:3::/48",
        "2003:5:1::/48",
    ]
    .into();
    let write = |entries: &BTreeSet<&str>| -> String {
        let text = entries.iter().map(|entry| format!("{entry}\n")).collect::<String>() + &base;
        folder.file("list", &text);
        text
    };
    write(&entries);
    let list = folder.path().join("list").to_str().unwrap().to_string();
    let daemon = Daemon::start(judge.inside(), &[&["-f", &list], FORCE].concat());
    let (generations, mut first_bits) = placed(judge.inside());
    assert!(first_bits.iter().all(|&count| count > 100), "both have a prefilter: {first_bits:?}");
    // What comes and goes, and by how much each prefilter grows.
    let steps: [(&[&str], &[&str], isize); 7] = [
        (&["203.0.115.0/24", "2001:db8:5::/48"], &[], 0),
        (&[], &["203.0.111.0/24", "2001:db8:1::/48"], 0),
        (&[], &["12.77.0.0/24", "2003:5:1::/48"], -1),
        (&["12.78.0.0/24", "2003:6:1::/48"], &[], 1),
        // In place of the only one that begins so.
        (&["12.78.9.0/24", "2003:6:2::/48"], &["12.78.0.0/24", "2003:6:1::/48"], 0),
        (&["12.79.9.0/24", "2003:7:2::/48"], &["12.78.9.0/24", "2003:6:2::/48"], 0),
        // Ranges that merge are still the same keys and one more.
        (&["203.0.114.0/24", "2001:db8:4::/48"], &[], 0),
    ];
    for (number, (come, go, more)) in (2..).zip(steps) {
        entries.extend(come);
        entries.retain(|entry| !go.contains(entry));
        let text = write(&entries);
        daemon.signal("HUP");
        daemon.wait_for_loads(number);
        assert_eq!(daemon.change(), (come.len() as u64, go.len() as u64), "+{come:?} -{go:?}");
        first_bits = first_bits.map(|count| count.checked_add_signed(more).unwrap());
        assert_eq!(placed(judge.inside()), (generations.clone(), first_bits), "+{come:?} -{go:?}");
        judge.compare(&text);
        // Those that came and went, and what lies beside them.
        let changed: String = come.iter().chain(go).map(|entry| format!("{entry}\n")).collect();
        let addresses = probes(&changed).into_iter().map(|probe| probe.0);
        let ranges = ranges(&text);
        judge.judge(&addresses.map(|it| (it, holds(&ranges, it))).collect::<Vec<_>>());
    }
    assert_eq!(daemon.status()["repairs"]["count"], 0);
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_that_has_become_another_gets_another_row_at_once() {
    let (judge, folder) = (Judge::new(), Folder::new());
    let text = |wide: u32| -> String {
        let wide = (0x2400..0x2400 + wide).map(|first| format!("{first:x}::/17\n"));
        let hosts = (0..200).map(|host| format!("2a0e::{host:x}:1\n"));
        wide.chain(hosts).collect::<String>() + "198.51.100.0/24\n"
    };
    let list = folder.file("list", text(128));
    let options = ["-f", &list, "--max-shrink", "100"];
    let daemon = Daemon::start(judge.inside(), &[&options[..], FORCE].concat());
    let generations = judge.inside().generations();
    assert!(prefilter(judge.inside(), 1).is_none(), "nearly all of them would be in it");
    judge.judge(&probes(&text(128)));
    for (number, wide, is_rebuilt) in [(2, 118, false), (3, 28, true), (4, 27, false)] {
        let before = judge.inside().generations();
        folder.file("list", text(wide));
        daemon.signal("HUP");
        daemon.wait_for_loads(number);
        assert_eq!(judge.inside().generations() != before, is_rebuilt, "{wide} networks");
        judge.compare(&text(wide));
        let listed = probes(&text(wide));
        judge.judge(&listed);
        // What is no longer listed passes.
        let ranges = ranges(&text(wide));
        let gone = probes(&text(128)).into_iter().map(|probe| probe.0);
        judge.judge(&gone.map(|it| (it, holds(&ranges, it))).collect::<Vec<_>>());
    }
    assert_ne!(judge.inside().generations(), generations);
    assert!(prefilter(judge.inside(), 1).is_some(), "hardly any are in it");
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn behind_a_prefilter_interfaces_loopback_and_neighbours_are_what_they_are() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let own = "198.51.100.0/24\n127.0.0.0/24\n::1\n2001:db8:bad::7\n";
    let list = folder.file("list", spread(300, &[24], &[128]) + own);
    wire.route_by_foe();
    for (interfaces, is_dropped) in [
        (&[][..], true),
        (&["-i", "eth0"], false),
        (&["-i", "eth0", "-i", WIRE], true),
        (&["-i", "wire*", "-i", "lo"], true),
        (&["-i", "wir"], false),
    ] {
        wire.inside.load(&[&["-f", &list], FORCE, interfaces].concat());
        for family in 0..2 {
            assert!(prefilter(&wire.inside, family).is_some());
        }
        for (foe, friend, inside) in [(FOE4, FRIEND4, INSIDE4), (FOE6, FRIEND6, INSIDE6)] {
            assert_eq!(wire.comes_in(foe, inside), !is_dropped, "{foe} {interfaces:?}");
            assert_eq!(wire.goes_out(inside, foe), !is_dropped, "{foe} {interfaces:?}");
            assert!(wire.comes_in(friend, inside) && wire.goes_out(inside, friend));
        }
        for loopback in ["127.0.0.1", "::1"] {
            assert!(passes(&wire.inside, loopback, &wire.inside, loopback), "{interfaces:?}");
        }
        // The gateway is listed: it is found, answered, and what comes by it passes.
        wire.forget_neighbours();
        assert!(wire.goes_out(INSIDE6, BEYOND6), "{interfaces:?}");
        assert!(wire.comes_in(BEYOND6, INSIDE6), "{interfaces:?}");
        wire.forget_neighbours();
        assert_eq!(wire.comes_in(FOE6, INSIDE6), !is_dropped, "{interfaces:?}");
        assert!(wire.outside_knows(INSIDE6), "{interfaces:?}");
    }
}
