//! The shipped rulesets whose sets are filled by packets.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use kit::nflog::Nflog;
use kit::ruleset::*;
use kit::*;

const RECENT: &str = "inet recent";
const RATES: &str = "inet rates";

/// A wire whose inside has a ruleset of this name, of those that nobody fills.
fn with(file: &str) -> Wire {
    let wire = Wire::new();
    wire.inside.nft(&shipped(file));
    wire
}

/// Seconds that an address is still remembered for.
#[track_caller]
fn left(wire: &Wire, set: &str, address: &str) -> Option<u64> {
    let all = remembered(&wire.inside, RECENT, set);
    all.into_iter().find_map(|(element, left)| (element == address).then_some(left))
}

/// Makes an address be forgotten in so many seconds.
fn hasten(wire: &Wire, set: &str, address: &str, seconds: u64) {
    let element = format!("element {RECENT} {set} {{ {address}");
    wire.inside.nft(&format!(
        "delete {element} }}
         add {element} timeout 60s expires {seconds}s }}"
    ));
}

/// Waits until a packet comes in; others are sent until then.
#[track_caller]
fn until_it_comes_in(wire: &Wire, from: &str, to: &str) {
    eventually(&format!("{from} let in again"), || wire.comes_in(from, to));
}

/// For each family: a friend, a foe, an address inside, and what its sets' names end in.
const FAMILIES: [(&str, &str, &str, u8); 2] =
    [(FRIEND4, FOE4, INSIDE4, 4), (FRIEND6, FOE6, INSIDE6, 6)];

#[test]
#[ignore = "needs root: network namespaces"]
fn recent_shuts_out_who_tries_a_closed_port_and_nobody_else() {
    let wire = with("recent.nft");
    for (friend, foe, inside, family) in FAMILIES {
        connect(&wire, foe, inside, 80).expect("an open port");
        assert!(wire.comes_in(foe, inside));
        for (port, set) in [(23, format!("seen{family}")), (445, format!("once{family}"))] {
            assert_eq!(remembered(&wire.inside, RECENT, &set), []);
            let closed = connect(&wire, foe, inside, port).expect_err("a closed port");
            assert_eq!(closed.kind(), ErrorKind::TimedOut, "silence");
            assert!(left(&wire, &set, foe).expect("remembered") <= 60);
            assert!(!wire.comes_in(foe, inside), "{set}");
            connect(&wire, foe, inside, 80).expect_err("any port");
            assert!(wire.comes_in(friend, inside));
            wire.inside.nft(&format!("delete element {RECENT} {set} {{ {foe} }}"));
            assert!(wire.comes_in(foe, inside));
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn recent_starts_the_time_of_seen_anew_with_each_packet_and_that_of_once_never() {
    let wire = with("recent.nft");
    for (friend, foe, inside, family) in FAMILIES {
        let (seen, once) = (format!("seen{family}"), format!("once{family}"));
        for (port, set) in [(23, &seen), (445, &once)] {
            connect(&wire, foe, inside, port).expect_err("a closed port");
            hasten(&wire, set, foe, 30);
            assert!(wire.comes_in(friend, inside));
            assert!(left(&wire, set, foe).unwrap() <= 30, "packets of others do not count");
            assert!(!wire.comes_in(foe, inside));
            let left = left(&wire, set, foe).unwrap();
            assert_eq!(left > 30, *set == seen, "{set}: {left}");
            wire.inside.nft(&format!("flush set {RECENT} {set}"));
        }
        // A second knock at the port is no first one.
        connect(&wire, foe, inside, 445).expect_err("a closed port");
        hasten(&wire, &once, foe, 30);
        connect(&wire, foe, inside, 445).expect_err("a closed port");
        assert!(left(&wire, &once, foe).unwrap() <= 30);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn recent_forgets_once_while_packets_come_and_seen_after_silence_only() {
    let wire = with("recent.nft");
    for (_, foe, inside, family) in FAMILIES {
        let (seen, once) = (format!("seen{family}"), format!("once{family}"));
        connect(&wire, foe, inside, 445).expect_err("a closed port");
        hasten(&wire, &once, foe, 2);
        until_it_comes_in(&wire, foe, inside);
        assert_eq!(left(&wire, &once, foe), None);

        connect(&wire, foe, inside, 23).expect_err("a closed port");
        hasten(&wire, &seen, foe, 2);
        eventually("forgotten", || left(&wire, &seen, foe).is_none());
        assert!(wire.comes_in(foe, inside), "silence was kept");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn recent_lets_ident_in_from_whom_mail_was_sent_to_and_from_nobody_else() {
    let wire = with("recent.nft");
    for (friend, foe, inside, family) in FAMILIES {
        let ident = |from| connect(&wire, from, inside, 113).map_err(|error| error.kind());
        assert_eq!(ident(friend), Err(ErrorKind::ConnectionRefused), "no mail yet");
        let mail_server = SocketAddr::new(friend.parse().unwrap(), 25);
        let _listener = wire.outside.within(|| bind_again(|| TcpListener::bind(mail_server)));
        dial(&wire.inside, inside, mail_server).expect("sends mail");
        assert!(left(&wire, &format!("mailed{family}"), friend).unwrap() <= 60);
        assert_eq!(ident(friend), Ok(()), "an answer for the mail server");
        assert_eq!(ident(foe), Err(ErrorKind::ConnectionRefused), "at once, not after a silence");
        wire.inside.nft(&format!("flush set {RECENT} mailed{family}"));
        assert_eq!(ident(friend), Err(ErrorKind::ConnectionRefused), "forgotten");
    }
}

/// Sends so many packets, as fast as it can.
fn send(wire: &Wire, from: &str, to: &str, count: u32) {
    wire.outside.within(|| {
        let socket = UdpSocket::bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
        for _ in 0..count {
            let _ = socket.send_to(b"?", SocketAddr::new(to.parse().unwrap(), 9));
        }
    });
}

fn offenders(wire: &Wire, family: u8) -> Vec<(String, u64)> {
    remembered(&wire.inside, RATES, &format!("offenders{family}"))
}

/// Sends until somebody is shut out.
#[track_caller]
fn flood(wire: &Wire, from: &str, to: &str, family: u8) {
    eventually("shut out, however fast", || {
        send(wire, from, to, 20_000);
        !offenders(wire, family).is_empty()
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn rate_shuts_out_and_logs_who_sends_too_fast_and_nobody_else() {
    let wire = with("rate.nft");
    let nflog = Nflog::listen(&wire.inside, 5);
    for (friend, foe, inside, family) in FAMILIES {
        let offenders = || offenders(&wire, family);
        // As many at once as the burst allows, less those that the wire was tried with.
        send(&wire, friend, inside, 9_000);
        assert_eq!(offenders(), []);
        flood(&wire, foe, inside, family);
        let [(address, left)] = &offenders()[..] else { panic!("{:?}", offenders()) };
        assert!(address == foe && (61..=600).contains(left), "{address} {left}");
        assert!(!wire.comes_in(foe, inside), "slow now, and still out");
        assert!(wire.comes_in(friend, inside));

        let logged = nflog.logged();
        // Two, perhaps, if two processors had one each; not one for each packet.
        assert!((1..10).contains(&logged.len()), "{foe}: {} packets", logged.len());
        for logged in logged {
            assert_eq!(logged.prefix, "too fast: ");
            let source: std::net::IpAddr = foe.parse().unwrap();
            let (at, octets) = match source {
                std::net::IpAddr::V4(source) => (12, source.octets().to_vec()),
                std::net::IpAddr::V6(source) => (8, source.octets().to_vec()),
            };
            assert_eq!(logged.packet[at..at + octets.len()], octets);
        }
        wire.inside.nft(&format!("flush set {RATES} offenders{family}"));
        assert!(wire.comes_in(foe, inside), "let in again");
        assert_eq!(offenders(), []);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn rate_takes_a_whole_64_for_one_source_where_it_is_written_as_its_comment_says() {
    const NEIGHBOUR: &str = "2001:db8:bad::8";
    let text = shipped("rate.nft");
    let written = text.replace("ip6 saddr ", "ip6 saddr and ffff:ffff:ffff:ffff:: ");
    for (text, element, neighbour_comes_in) in
        [(text, FOE6, true), (written, "2001:db8:bad::", false)]
    {
        let wire = Wire::new();
        wire.outside.ip(&format!("addr add {NEIGHBOUR}/128 dev wire0 nodad"));
        wire.inside.nft(&text);
        flood(&wire, FOE6, INSIDE6, 6);
        assert_eq!(offenders(&wire, 6)[0].0, element);
        assert!(!wire.comes_in(FOE6, INSIDE6) && wire.comes_in(FRIEND6, INSIDE6));
        assert_eq!(wire.comes_in(NEIGHBOUR, INSIDE6), neighbour_comes_in, "{element}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn netfilterd_refuses_sets_that_forget() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", "192.0.2.0/24\n");
    for (file, table, set) in [("recent.nft", RECENT, "seen4"), ("rate.nft", RATES, "offenders4")] {
        namespace.nft(&shipped(file));
        let ran = namespace.netfilterd(&["load", "-f", &list, "-t", table, "--set4", set]);
        ran.expect(1, &[set]);
        assert_eq!(remembered(&namespace, table, set), []);
    }
}
