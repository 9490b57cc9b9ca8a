//! Queue mode: what becomes of packets that rules send to the daemon.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;

use kit::queue::{BOTH, Family, Queues, WAYS};
use kit::*;
use serde_json::Value;

/// What comes in before anything else, and what goes out behind everything else.
fn send_everything(namespace: &Namespace, way: &str) {
    namespace.iptables(way, BOTH, "-t raw -A PREROUTING -j NFQUEUE --queue-num 0");
    namespace.iptables(way, BOTH, "-t mangle -A POSTROUTING -j NFQUEUE --queue-num 0");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_from_and_to_listed_networks_are_dropped_and_all_others_pass() {
    needs(&["iptables-legacy", "iptables-nft"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for way in WAYS {
        let wire = Wire::new();
        let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
        send_everything(&wire.inside, way);
        for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
            assert!(wire.comes_in(friend, inside), "{way}: from {friend}");
            assert!(!wire.comes_in(foe, inside), "{way}: from {foe}");
            assert!(wire.goes_out(inside, friend), "{way}: to {friend}");
            assert!(!wire.goes_out(inside, foe), "{way}: to {foe}");
        }
        let counted = queues.counted(|counted| counted.dropped >= 8);
        assert_eq!(counted.packets, counted.accepted + counted.dropped);
        assert_eq!((counted.unreadable, counted.malformed), (0, 0));
        assert!(counted.longest_wait > 0.0);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn neighbour_discovery_passes_and_nothing_else_of_a_listed_neighbour_does() {
    needs(&["ip6tables-legacy"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    wire.route_by_foe();
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0", "--no-protect"]);
    send_everything(&wire.inside, "legacy");
    wire.forget_neighbours();
    assert!(wire.goes_out(INSIDE6, BEYOND6), "by a gateway that is listed");
    wire.forget_neighbours();
    assert!(!wire.comes_in(FOE6, INSIDE6) && wire.outside_knows(INSIDE6));
    assert!(!wire.goes_out(INSIDE6, FOE6));

    for (round, (from, source, destination)) in
        [(&wire.outside, FOE6, INSIDE6), (&wire.inside, INSIDE6, FOE6)].into_iter().enumerate()
    {
        // The status file may be a second old; with the log it is written anew.
        queues.daemon.signal("USR1");
        queues.daemon.wait_for("queue 0: packets", round + 1);
        let mut dropped = queues.counted(|_| true).dropped;
        for kind in 128..=140 {
            for hop_limit in [255, 254, 64] {
                send_icmpv6(from, source, destination, kind, hop_limit);
                let passes = (133..=136).contains(&kind) && hop_limit == 255;
                dropped += u64::from(!passes);
            }
        }
        // The last of them is dropped, and verdicts are given in the order of the packets.
        let counted = queues.counted(|counted| counted.dropped >= dropped);
        assert_eq!(counted.dropped, dropped);
        assert_eq!(counted.packets, counted.accepted + counted.dropped);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_source_is_no_reason_on_the_way_out_and_a_destination_none_on_the_way_in() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", format!("{INSIDE4}\n{INSIDE6}\n"));
    // For the neighbours to be known: of the question for them Linux 6.1 says that it came in.
    for (outside, inside) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
        assert!(wire.goes_out(inside, outside));
    }
    let _queues = Queues::serve(&wire.inside, &list, &["--queue", "0", "--no-protect"]);
    send_everything(&wire.inside, "legacy");
    for (outside, inside) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
        assert!(wire.comes_in(outside, inside), "{inside} is where it goes to");
        assert!(wire.goes_out(inside, outside), "{inside} is where it comes from");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_hooks_of_the_filter_table_serve_as_well() {
    needs(&["iptables-legacy", "iptables-nft"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for way in WAYS {
        let wire = Wire::new();
        let _queues = Queues::serve(&wire.inside, &list, &["--queue", "7"]);
        wire.inside.iptables(way, BOTH, "-A INPUT -j NFQUEUE --queue-num 7");
        wire.inside.iptables(way, BOTH, "-A OUTPUT -j NFQUEUE --queue-num 7");
        for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
            assert!(wire.comes_in(friend, inside) && !wire.comes_in(foe, inside), "{way}");
            assert!(wire.goes_out(inside, friend) && !wire.goes_out(inside, foe), "{way}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_on_the_loopback_interface_pass_whatever_is_listed() {
    needs(&["iptables-legacy"]);
    let inside = Namespace::new();
    let folder = Folder::new();
    let list = folder.file("list", "127.0.0.0/8\n::1\n");
    let queues = Queues::serve(&inside, &list, &["--queue", "0", "--no-protect"]);
    send_everything(&inside, "legacy");
    for local in ["127.0.0.1", "::1"] {
        assert!(passes(&inside, local, &inside, local), "{local}");
    }
    let counted = queues.counted(|counted| counted.packets >= 4);
    assert_eq!(counted.dropped, 0);
}

/// A router between the outside and a host behind it.
struct Routed {
    wire: Wire,
    behind: Namespace,
}

const BEHIND4: &str = "10.88.0.2";
const BEHIND6: &str = "fd88::2";

impl Routed {
    fn new() -> Self {
        let (wire, behind) = (Wire::new(), Namespace::new());
        let router = &wire.inside;
        router.ip(&format!("link add back0 type veth peer name back1 netns {}", behind.name()));
        router.ip("addr add 10.88.0.1/24 dev back0");
        router.ip("addr add fd88::1/64 dev back0 nodad");
        behind.ip(&format!("addr add {BEHIND4}/24 dev back1"));
        behind.ip(&format!("addr add {BEHIND6}/64 dev back1 nodad"));
        router.ip("link set back0 up");
        behind.ip("link set back1 up");
        behind.ip("route add default via 10.88.0.1");
        behind.ip("-6 route add default via fd88::1");
        wire.outside.ip(&format!("route add 10.88.0.0/24 via {INSIDE4}"));
        wire.outside.ip(&format!("-6 route add fd88::/64 via {INSIDE6}"));
        for setting in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            run(router.command("sysctl").args(["-qw", setting])).expect(0, &[]);
        }
        let routed = Routed { wire, behind };
        for (from, to) in [(FRIEND4, BEHIND4), (FRIEND6, BEHIND6)] {
            eventually(&format!("a way from {from} to {to}"), || routed.comes_in(from, to));
        }
        routed
    }

    fn comes_in(&self, from: &str, to: &str) -> bool {
        passes(&self.wire.outside, from, &self.behind, to)
    }

    fn goes_out(&self, from: &str, to: &str) -> bool {
        passes(&self.behind, from, &self.wire.outside, to)
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_forwarded_packet_is_judged_by_both_its_ends() {
    needs(&["iptables-legacy", "iptables-nft", "sysctl"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    // At the one hook that knows both interfaces, or at two that know one each.
    let forward = &["-A FORWARD -j NFQUEUE --queue-num 0"][..];
    let ends = &[
        "-t raw -A PREROUTING -j NFQUEUE --queue-num 0",
        "-t mangle -A POSTROUTING -j NFQUEUE --queue-num 0",
    ][..];
    for (way, rules) in WAYS.into_iter().flat_map(|way| [(way, forward), (way, ends)]) {
        let routed = Routed::new();
        let router = &routed.wire.inside;
        let _queues = Queues::serve(router, &list, &["--queue", "0"]);
        for rule in rules {
            router.iptables(way, BOTH, rule);
        }
        for (friend, foe, behind) in [(FRIEND4, FOE4, BEHIND4), (FRIEND6, FOE6, BEHIND6)] {
            assert!(routed.comes_in(friend, behind), "{way}: from {friend}");
            assert!(!routed.comes_in(foe, behind), "{way}: from {foe}");
            assert!(routed.goes_out(behind, friend), "{way}: to {friend}");
            assert!(!routed.goes_out(behind, foe), "{way}: to {foe}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_interfaces_named_only_their_packets_are_judged() {
    needs(&["iptables-legacy", "sysctl"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    // The foes are on the other side of the wire.
    const ALTERNATIVE: &str = "the-wire-to-the-outside";
    for (interface, judged) in
        [(WIRE, true), (ALTERNATIVE, true), ("wir*", true), ("back0", false), ("back*", false)]
    {
        let routed = Routed::new();
        let router = &routed.wire.inside;
        router.ip(&format!("link property add dev {WIRE} altname {ALTERNATIVE}"));
        let queues = Queues::serve(router, &list, &["--queue", "0", "--interface", interface]);
        let shown = if interface == ALTERNATIVE { WIRE } else { interface };
        assert_eq!(queues.status()["interfaces"], serde_json::json!([shown]));
        router.iptables("legacy", BOTH, "-A FORWARD -j NFQUEUE --queue-num 0");
        for (foe, behind) in [(FOE4, BEHIND4), (FOE6, BEHIND6)] {
            assert_eq!(routed.comes_in(foe, behind), !judged, "{interface}: from {foe}");
            assert_eq!(routed.goes_out(behind, foe), !judged, "{interface}: to {foe}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_that_comes_goes_or_is_renamed_is_known_by_its_name() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0", "-i", "later", "-v"]);
    assert_eq!(queues.daemon.lines(&["warning: ", "later"]).len(), 1, "it is not there yet");
    send_everything(&wire.inside, "legacy");
    assert!(wire.comes_in(FOE4, INSIDE4));
    let rename = |from: &str, to: &str| {
        wire.inside.ip(&format!("link set {from} down"));
        wire.inside.ip(&format!("link set {from} name {to}"));
        wire.inside.ip(&format!("link set {to} up"));
        wire.inside.ip("route replace default via 10.77.0.1");
    };
    rename(WIRE, "later");
    eventually("a foe kept out", || !wire.comes_in(FOE4, INSIDE4));
    assert!(wire.comes_in(FRIEND4, INSIDE4));
    rename("later", WIRE);
    eventually("a foe let in", || wire.comes_in(FOE4, INSIDE4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_that_cannot_be_found_for_a_moment_is_found_in_the_end() {
    needs(&["iptables-legacy", "prlimit"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0", "-i", "later"]);
    send_everything(&wire.inside, "legacy");
    let pid = queues.daemon.pid().to_string();
    let limit_descriptors = |most: usize| {
        let limit = format!("--nofile={most}:1024");
        let set = Command::new("prlimit").args([&limit, "--pid", &pid]).status();
        assert!(set.unwrap().success());
    };
    // Fewer than it has, so that it gets no other one.
    limit_descriptors(8);
    wire.inside.ip(&format!("link set {WIRE} down"));
    wire.inside.ip(&format!("link set {WIRE} name later"));
    wire.inside.ip("link set later up");
    wire.inside.ip("route replace default via 10.77.0.1");
    let failed = ["error: cannot list the interfaces", "limit of open files", "retrying in 1 s"];
    queues.daemon.wait_for_line(&failed, 1);
    assert!(wire.comes_in(FOE4, INSIDE4), "it is not known yet");
    limit_descriptors(1024);
    queues.daemon.wait_for("found the interfaces for --interface again", 1);
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
    queues.daemon.wait_for_status(|status| status["condition"]["state"] == "in_force");
    assert_eq!(queues.daemon.lines(&failed).len(), 1);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_tcp_connection_with_segmentation_offload_passes_and_a_listed_peer_gets_none() {
    needs(&["iptables-legacy", "iptables-nft"]);
    const BYTES: usize = 8 << 20;
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for way in WAYS {
        let wire = Wire::new();
        let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
        wire.inside.iptables(way, BOTH, "-A INPUT -p tcp -j NFQUEUE --queue-num 0");
        wire.inside.iptables(way, BOTH, "-A OUTPUT -p tcp -j NFQUEUE --queue-num 0");
        for (friend, inside) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
            let (friend, inside): (IpAddr, IpAddr) =
                (friend.parse().unwrap(), inside.parse().unwrap());
            let listener = wire.inside.within(|| TcpListener::bind((inside, 0)).unwrap());
            let address = listener.local_addr().unwrap();
            let mut client = wire.outside.within(|| connect_from(friend, address.port(), inside));
            let (mut server, _) = listener.accept().unwrap();
            let data: Vec<u8> = (0..BYTES).map(|i| (i / 7) as u8).collect();
            // There and back, so that large packets go through both rules.
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut received = vec![0; BYTES];
                    server.read_exact(&mut received).unwrap();
                    server.write_all(&received).unwrap();
                });
                let (mut writer, data) = (client.try_clone().unwrap(), &data);
                scope.spawn(move || writer.write_all(data).unwrap());
                let mut received = vec![0; BYTES];
                client.read_exact(&mut received).unwrap();
                assert!(received == *data, "{way}: what came back is something else");
            });
        }
        let counted = queues.counted(|counted| counted.packets > 100);
        assert_eq!((counted.dropped, counted.unreadable, counted.buffer_full), (0, 0, 0));
        // Twice there and back, in acknowledgements and data. Cut into segments of the wire the
        // data alone would be more.
        let segments = 4 * (BYTES / 1448) as u64;
        println!("{way}: {} packets, where segments are {segments}", counted.packets);
        assert!(counted.packets < segments, "{} packets", counted.packets);

        for (foe, inside) in [(FOE4, INSIDE4), (FOE6, INSIDE6)] {
            let (foe, inside): (IpAddr, IpAddr) = (foe.parse().unwrap(), inside.parse().unwrap());
            let listener = wire.inside.within(|| TcpListener::bind((inside, 0)).unwrap());
            let address = listener.local_addr().unwrap();
            let refused = wire.outside.within(|| {
                let socket = bound(foe);
                socket.set_nonblocking(true).unwrap();
                let before = queues.counted(|_| true).dropped;
                let _ = socket.connect(&address.into());
                // What opens a connection has been judged, and nothing came back.
                queues.counted(|counted| counted.dropped > before);
                let socket = TcpStream::from(socket);
                socket.peer_addr().is_err() && socket.take_error().unwrap().is_none()
            });
            assert!(refused, "{way}: {foe} is connected");
        }
    }
}

fn bound(source: IpAddr) -> socket2::Socket {
    let domain = if source.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::new(source, 0).into()).unwrap();
    socket
}

fn connect_from(source: IpAddr, port: u16, to: IpAddr) -> TcpStream {
    let socket = bound(source);
    socket.connect(&std::net::SocketAddr::new(to, port).into()).unwrap();
    socket.into()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_fragment_is_judged() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    // Before they are put together again.
    wire.inside.iptables("legacy", BOTH, "-t raw -A PREROUTING -p udp -j NFQUEUE --queue-num 0");
    wire.inside.iptables(
        "legacy",
        &[Family::V4],
        "-t raw -A PREROUTING -f -j NFQUEUE --queue-num 0",
    );
    wire.inside.iptables(
        "legacy",
        &[Family::V6],
        "-t raw -A PREROUTING -m ipv6header --header frag --soft -j NFQUEUE --queue-num 0",
    );
    let large = vec![b'x'; 10_000];
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        for (source, wanted) in [(friend, true), (foe, false)] {
            let receiver = wire.inside.within(|| UdpSocket::bind((inside, 0)).unwrap());
            receiver.set_read_timeout(Some(patience(300))).unwrap();
            let sender = wire.outside.within(|| UdpSocket::bind((source, 0)).unwrap());
            sender.send_to(&large, receiver.local_addr().unwrap()).unwrap();
            let mut received = vec![0; 20_000];
            let came = receiver.recv(&mut received).is_ok_and(|length| length == large.len());
            assert_eq!(came, wanted, "from {source}");
        }
    }
    // 10,000 bytes are seven pieces for a wire of 1,500.
    let counted = queues.counted(|counted| counted.packets >= 28);
    assert!(counted.dropped >= 14, "{counted:?}");
    assert_eq!(counted.unreadable, 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_that_are_broken_behind_the_ip_header_are_judged_like_any_others() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    wire.inside.iptables("legacy", &[Family::V4], "-t raw -A PREROUTING -j NFQUEUE --queue-num 0");
    let kinds = broken_packets();
    let count = kinds.len() as u64;
    wire.outside.within(|| {
        for source in [FRIEND4, FOE4] {
            for kind in &kinds {
                send_raw(&with_source(kind, source.parse().unwrap()), INSIDE4);
            }
        }
    });
    let counted = queues.counted(|counted| counted.packets >= 2 * count);
    println!("{count} kinds from each: {counted:?}");
    assert_eq!(counted.dropped, count, "those of the foe");
    assert_eq!((counted.unreadable, counted.malformed), (0, 0));
    assert!(wire.comes_in(FRIEND4, INSIDE4), "it serves on");
}

/// IPv4 packets with something wrong behind the fixed header; the source is yet to be put in.
fn broken_packets() -> Vec<Vec<u8>> {
    let header = |protocol: u8, length: u16, fragment: u16, ihl: u8| {
        let mut header = vec![0x40 | ihl, 0];
        header.extend(length.to_be_bytes());
        header.extend([0x12, 0x34]);
        header.extend(fragment.to_be_bytes());
        header.extend([64, protocol, 0, 0, 0, 0, 0, 0]);
        header.extend(INSIDE4.parse::<Ipv4Addr>().unwrap().octets());
        header
    };
    let mut packets = Vec::new();
    // Nothing, or too little, behind the header: UDP, TCP, ICMP, and protocols nobody knows.
    for protocol in [1, 6, 17, 47, 50, 132, 253, 255, 0] {
        for behind in [0, 1, 3, 7] {
            let mut packet = header(protocol, 20 + behind, 0, 5);
            packet.resize(20 + usize::from(behind), 0xff);
            packets.push(packet);
        }
    }
    // The last fragment of nothing, a middle one alone, one that would end behind 65,535.
    for fragment in [0x0001, 0x2001, 0x1fff] {
        let mut packet = header(17, 36, fragment, 5);
        packet.resize(36, 0xee);
        packets.push(packet);
    }
    // An option that claims to be longer than the header is dropped by the kernel before; one that
    // is unknown is not.
    let mut packet = header(17, 28, 0, 6);
    packet.extend([0x9e, 4, 0, 0, 0, 0, 0, 0]);
    packets.push(packet);
    packets
}

fn with_source(packet: &[u8], source: Ipv4Addr) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[12..16].copy_from_slice(&source.octets());
    packet
}

fn send_raw(packet: &[u8], to: &str) {
    let raw = socket2::Type::from(nix::libc::SOCK_RAW);
    // IPPROTO_RAW: the header is ours; the kernel adds its checksum.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, raw, Some(255.into())).unwrap();
    let to = std::net::SocketAddr::new(to.parse().unwrap(), 0);
    socket.send_to(packet, &to.into()).unwrap();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_marks_the_chain_goes_on_after_an_accept_and_a_drop_is_left_to_the_rules() {
    needs(&["iptables-legacy", "iptables-nft"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let options = ["--queue", "0", "--mark-accept", "0x10000", "--mark-drop", "0x20000"];
    for way in WAYS {
        let wire = Wire::new();
        let queues = Queues::serve(&wire.inside, &list, &options);
        for rule in [
            "-N checked",
            "-A checked -p udp --dport 4242 -j DROP",
            "-A checked -j ACCEPT",
            "-A INPUT -m mark --mark 0x10000 -j checked",
            "-A INPUT -m mark --mark 0x20000 -p udp --dport 4343 -j ACCEPT",
            "-A INPUT -m mark --mark 0x20000 -j DROP",
            "-A INPUT -j NFQUEUE --queue-num 0",
        ] {
            wire.inside.iptables(way, BOTH, rule);
        }
        let arrives = |source: &str, inside: &str, port: u16| {
            let receiver = wire.inside.within(|| bind_again(|| UdpSocket::bind((inside, port))));
            receiver.set_read_timeout(Some(patience(300))).unwrap();
            let sender = wire.outside.within(|| UdpSocket::bind((source, 0)).unwrap());
            sender.send_to(b"?", (inside, port)).unwrap();
            receiver.recv(&mut [0]).is_ok()
        };
        for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
            assert!(arrives(friend, inside, 4141), "{way}: passes the rules behind");
            assert!(!arrives(friend, inside, 4242), "{way}: stopped by the rules behind");
            assert!(!arrives(foe, inside, 4141), "{way}: dropped by the rule for its mark");
            assert!(arrives(foe, inside, 4343), "{way}: accepted by the rule for its mark");
        }
        // Besides them there may be questions for neighbours.
        queues.counted(|counted| counted.packets >= 8 && counted.dropped >= 4);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_packet_that_comes_back_with_its_mark_is_decided_for_good() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let options = ["--queue", "0", "--mark-accept", "1", "--mark-drop", "2"];
    let queues = Queues::serve(&wire.inside, &list, &options);
    // No rule looks at the marks.
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j NFQUEUE --queue-num 0");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(wire.comes_in(friend, inside));
        assert!(!wire.comes_in(foe, inside));
    }
    // A foe is tried twice, a friend once or twice, and each packet comes twice.
    let counted = queues.counted(|counted| counted.packets >= 12);
    // The queue keeps its order: each time that one of these is judged, six that went round in circles
    // would be judged as well.
    const MORE: u64 = 20;
    for _ in 0..MORE {
        assert!(wire.comes_in(FRIEND4, INSIDE4));
    }
    let now = queues.counted(|now| now.packets >= counted.packets + 2 * MORE).packets;
    assert!(now < counted.packets + 6 * MORE, "goes round in circles: {now}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn several_queues_are_served_at_once() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "65532:65535"]);
    let rule = "-A INPUT -p udp -j NFQUEUE --queue-balance 65532:65535";
    // Each by a port of its own, and those of other ports by their addresses.
    for queue in 65532..=65535 {
        let rule = format!("-A INPUT -p udp --dport {queue} -j NFQUEUE --queue-num {queue}");
        wire.inside.iptables("legacy", BOTH, &rule);
    }
    wire.inside.iptables("legacy", BOTH, rule);
    let sender = wire.outside.within(|| UdpSocket::bind((FRIEND6, 0)).unwrap());
    for queue in 65532..=65535 {
        sender.send_to(b"?", (INSIDE6, queue)).unwrap();
    }
    queues.counted(|counted| counted.packets >= 4);
    let status = queues.status();
    let each = status["queues"].as_array().unwrap().iter();
    let packets: Vec<_> = each.map(|q| [&q["queue"], &q["packets"]].map(Value::as_u64)).collect();
    assert_eq!(packets, [65532, 65533, 65534, 65535].map(|queue| [Some(queue), Some(1)]));
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(wire.comes_in(friend, inside) && !wire.comes_in(foe, inside));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_shipped_iptables_rules_work_as_they_are() {
    needs(&["iptables-legacy", "iptables-nft"]);
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    for way in WAYS {
        let wire = Wire::new();
        for family in ["iptables", "ip6tables"] {
            let path = format!("{}/rulesets/queue-{family}.rules", env!("CARGO_MANIFEST_DIR"));
            wire.inside.restore(&format!("{family}-{way}-restore"), &path);
        }
        for (foe, inside) in [(FOE4, INSIDE4), (FOE6, INSIDE6)] {
            assert!(wire.comes_in(foe, inside), "{way}: without a daemon packets pass");
        }
        let _queues = Queues::serve(&wire.inside, &list, &["--queue", "0:3"]);
        for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
            assert!(wire.comes_in(friend, inside) && !wire.comes_in(foe, inside), "{way}");
            assert!(wire.goes_out(inside, friend) && !wire.goes_out(inside, foe), "{way}");
        }
        // The neighbour is found anew, though its address is listed.
        wire.inside.ip("neigh flush all");
        wire.outside.ip("neigh flush all");
        assert!(wire.comes_in(FRIEND6, INSIDE6));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_shipped_nft_rules_work_where_the_kernel_has_the_queue_statement() {
    let wire = Wire::new();
    let path = format!("{}/rulesets/queue.nft", env!("CARGO_MANIFEST_DIR"));
    let loaded = run(wire.inside.command("nft").args(["-f", &path]));
    if loaded.status() != 0 {
        // Its grammar was understood; it is the kernel that has no such expression.
        let reason = loaded.stderr();
        assert!(reason.contains("Could not process rule: No such file"), "{reason}");
        println!("skipped: this kernel has no queue statement in nftables (module nft_queue)");
        return;
    }
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    assert!(wire.comes_in(FOE4, INSIDE4), "without a daemon packets pass");
    let _queues = Queues::serve(&wire.inside, &list, &["--queue", "0:3"]);
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(wire.comes_in(friend, inside) && !wire.comes_in(foe, inside));
        assert!(wire.goes_out(inside, friend) && !wire.goes_out(inside, foe));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn nftables_is_neither_used_nor_spoken_of() {
    needs(&["iptables-legacy", "strace"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let trace = folder.path().join("trace");
    let mut command = wire.inside.command("strace");
    command.args(["-f", "-e", "trace=sendto,send,sendmsg", "-o", trace.to_str().unwrap()]);
    command.arg(program());
    let queues = Queues::spawn(command, &list, &["--queue", "0", "-v"]);
    queues.daemon.wait_for_loads(1);
    wire.inside.iptables("legacy", BOTH, "-A INPUT -p udp -j NFQUEUE --queue-num 0");
    assert!(wire.comes_in(FRIEND4, INSIDE4) && !wire.comes_in(FOE4, INSIDE4));
    let log = queues.daemon.log();
    assert!(!log.contains("nft") && !log.contains("table"), "{log}");
    let trace = std::fs::read_to_string(trace).unwrap();
    assert!(trace.contains("NFNL_SUBSYS_QUEUE"), "it was traced: {trace}");
    assert!(!trace.contains("NFNL_SUBSYS_NFTABLES"), "{trace}");
}
