//! The shipped rulesets that do something else than drop.nft: filled by the command in their own
//! comment, and judged by packets.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use kit::queue::{Queues, WAYS};
use kit::ruleset::*;
use kit::*;

#[test]
#[ignore = "needs root: network namespaces"]
fn drop_smtp_closes_port_25_to_the_listed_and_nothing_else() {
    let wire = with_ruleset("drop-smtp.nft");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        let closed = connect(&wire, foe, inside, 25).expect_err("listed");
        assert_eq!(closed.kind(), ErrorKind::TimedOut, "silence");
        connect(&wire, foe, inside, 80).expect("another port");
        connect(&wire, friend, inside, 25).expect("not listed");
        assert!(wire.comes_in(foe, inside), "what is no TCP");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn reject_answers_the_listed_at_once_and_leaves_the_others_alone() {
    let wire = with_ruleset("reject.nft");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        let refused = connect(&wire, foe, inside, 25).expect_err("listed");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        connect(&wire, friend, inside, 25).expect("not listed");
        assert!(!wire.comes_in(foe, inside) && wire.comes_in(friend, inside));
        let told = wire.outside.within(|| {
            let socket = UdpSocket::bind((foe, 0)).unwrap();
            socket.connect((inside, 9)).unwrap();
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            socket.send(b"?").unwrap();
            socket.recv(&mut [0]).expect_err("an answer that says no")
        });
        assert_ne!(told.kind(), ErrorKind::WouldBlock, "not silence");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn log_logs_some_and_drops_all() {
    const SENT: u64 = 40;
    let (wire, folder) = (with_ruleset("log.nft"), Folder::new());
    // netfilterd's own table drops the same; it was made later, and so is asked first where the
    // priorities are the same.
    wire.inside.load(&["-f", &folder.file("list", FOES)]);
    let counter = |name| packets(&wire.inside, "inet knocking", name);
    assert!(wire.comes_in(FRIEND4, INSIDE4));
    assert_eq!((counter("logged"), counter("dropped")), (0, 0));
    wire.outside.within(|| {
        let socket = UdpSocket::bind((FOE4, 0)).unwrap();
        for _ in 0..SENT {
            socket.send_to(b"?", (INSIDE4, 9)).unwrap();
        }
    });
    assert!(!wire.comes_in(FOE4, INSIDE4) && !wire.comes_in(FOE6, INSIDE6));
    let (logged, dropped) = (counter("logged"), counter("dropped"));
    assert!(dropped > SENT, "{dropped}");
    assert!((5..SENT / 2).contains(&logged), "{logged}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn interfaces_consults_the_lists_for_some_interfaces_only() {
    let wire = with_ruleset("interfaces.nft");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(!wire.comes_in(foe, inside), "{WIRE} is in no zone, so outside");
        assert!(wire.comes_in(friend, inside));
    }
    wire.inside.nft(&format!("add element inet zones zone {{ {WIRE} : jump low_sec }}"));
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(wire.comes_in(foe, inside), "{WIRE} is inside now");
        assert!(wire.comes_in(friend, inside));
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn honeypot_leads_the_listed_to_another_port_and_nobody_else() {
    let wire = with_ruleset("honeypot.nft");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        let refused = connect(&wire, foe, inside, 22).expect_err("port 2222 has no listener");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "and 22 has one");
        connect(&wire, friend, inside, 22).expect("the real one");
        let to: IpAddr = inside.parse().unwrap();
        let honeypot = wire.inside.within(|| bind_again(|| TcpListener::bind((to, 2222))));
        connect(&wire, foe, inside, 22).expect("the honeypot");
        honeypot.set_nonblocking(true).unwrap();
        let (_, peer) = honeypot.accept().expect("it is the honeypot that answered");
        assert_eq!(peer.ip().to_string(), foe);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn early_drops_what_comes_in_by_its_interface_before_any_other_table_sees_it() {
    let wire = Wire::new();
    let (text, table) = (shipped("early.nft"), "netdev early");
    wire.inside.nft(
        "table inet later {
            counter foes { }
            chain c {
                type filter hook prerouting priority -1000;
                ip saddr 198.51.100.0/24 counter name foes
                ip6 saddr 2001:db8:bad::/48 counter name foes
            }
        }",
    );
    let foes = || packets(&wire.inside, "inet later", "foes");
    // As it is: older kernels want the interface to be there.
    wire.inside.ip("link add eth0 type veth peer name eth1");
    wire.inside.nft(&text);
    fill(&wire.inside, &text);
    for (foe, inside) in [(FOE4, INSIDE4), (FOE6, INSIDE6)] {
        let before = foes();
        assert!(wire.comes_in(foe, inside), "{WIRE} is not named in it");
        assert!(foes() > before);
    }
    let text = text.replace("\"eth0\"", &format!("\"{WIRE}\""));
    wire.inside.nft(&format!("delete table {table}\n{text}"));
    fill(&wire.inside, &text);
    let before = foes();
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(!wire.comes_in(foe, inside) && wire.comes_in(friend, inside));
    }
    assert_eq!(foes(), before, "no other table has seen them");
}

/// A ruleset as every kernel takes it: without the queue statement, which many are built without.
fn without_queue(file: &str) -> String {
    let replace = |line: &str| match line.find("queue num").or(line.find("queue flags")) {
        Some(at) if !line.trim_start().starts_with('#') => format!("{}accept", &line[..at]),
        _ => line.to_string(),
    };
    shipped(file).lines().map(|line| replace(line) + "\n").collect()
}

/// Whether one byte comes through a connection.
fn passes_on(from: &mut TcpStream, to: &mut TcpStream) -> bool {
    to.set_read_timeout(Some(patience(400))).unwrap();
    from.write_all(b"?").unwrap();
    to.read_exact(&mut [0]).is_ok()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ips_inspects_what_its_firewall_accepts_and_spares_what_is_established() {
    // A packet that would be inspected is counted before the queue statement, and passes as it does
    // without a program.
    let (wire, text) = (Wire::new(), without_queue("ips.nft"));
    wire.inside.nft(&text);
    fill(&wire.inside, &text);
    let inspected = || packets(&wire.inside, "inet ips", "inspected");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        let before = inspected();
        connect(&wire, foe, inside, 80).expect_err("listed");
        connect(&wire, friend, inside, 81).expect_err("not offered");
        assert_eq!(inspected(), before, "what the firewall drops");
        let to: SocketAddr = (inside.parse::<IpAddr>().unwrap(), 80).into();
        let listener = wire.inside.within(|| bind_again(|| TcpListener::bind(to)));
        let mut client = dial(&wire.outside, friend, to).expect("offered");
        let (mut server, _) = listener.accept().unwrap();
        let begun = inspected();
        assert!(begun > before, "its first packet");
        for _ in 0..10 {
            assert!(passes_on(&mut client, &mut server) && passes_on(&mut server, &mut client));
        }
        assert_eq!(inspected(), begun, "the others are spared");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn ips_asks_its_inspector_where_the_kernel_has_the_queue_statement() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let loaded = run(wire.inside.command("nft").args(["-f", &path("ips.nft")]));
    if loaded.status() != 0 {
        // Its grammar was understood, and every other line of it; it is the kernel that has no such
        // expression.
        let reason = loaded.stderr();
        assert_eq!(reason.matches("Error: ").count(), 1, "{reason}");
        assert!(reason.contains("Could not process rule: No such file"), "{reason}");
        assert!(reason.contains("queue num 4 bypass"), "{reason}");
        println!("skipped: this kernel has no queue statement in nftables (module nft_queue)");
        return;
    }
    fill(&wire.inside, &shipped("ips.nft"));
    // An inspector that accepts nothing from the friend; the foe does not get as far.
    let list = folder.file("inspector", "203.0.113.0/24\n2001:db8:1::/48\n");
    for (friend, inside) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
        connect(&wire, friend, inside, 80).expect("bypass: there is no program");
        let to: SocketAddr = (inside.parse::<IpAddr>().unwrap(), 80).into();
        let listener = wire.inside.within(|| bind_again(|| TcpListener::bind(to)));
        let mut client = dial(&wire.outside, friend, to).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let _queue = Queues::serve(&wire.inside, &list, &["--queue", "4"]);
        dial(&wire.outside, friend, to).expect_err("the inspector says no");
        assert!(passes_on(&mut client, &mut server), "established before, and spared");
    }
}

/// Whether a datagram comes to port 53.
fn asks(wire: &Wire, from: &str, to: &str, datagram: &[u8]) -> bool {
    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let server = wire.inside.within(|| bind_again(|| UdpSocket::bind((to, 53))));
    server.set_read_timeout(Some(patience(400))).unwrap();
    let client = wire.outside.within(|| bind_again(|| UdpSocket::bind((from, 0))));
    client.send_to(datagram, (to, 53)).unwrap();
    server.recv(&mut [0; 512]).is_ok()
}

/// Whether a text comes to a port, over a connection.
fn says(wire: &Wire, from: &str, to: &str, port: u16, text: &[u8]) -> bool {
    let to: SocketAddr = (to.parse::<IpAddr>().unwrap(), port).into();
    let listener = wire.inside.within(|| bind_again(|| TcpListener::bind(to)));
    let mut client = dial(&wire.outside, from, to).expect("nothing was said yet");
    let (mut server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(patience(400))).unwrap();
    client.write_all(text).unwrap();
    let mut got = vec![0; text.len()];
    server.read_exact(&mut got).is_ok() && got == text
}

#[test]
#[ignore = "needs root: network namespaces"]
fn string_drops_packets_that_hold_the_string_and_no_others() {
    needs(&["iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft"]);
    const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x00";
    let (folder, file) = (Folder::new(), path("string-iptables.rules"));
    for way in WAYS {
        let wire = Wire::new();
        for family in ["iptables", "ip6tables"] {
            let restore = |options: &[&str], file: &str| {
                let mut restore = wire.inside.command(&format!("{family}-{way}-restore"));
                run(restore.args(options).stdin(std::fs::File::open(file).unwrap()))
            };
            let loaded = restore(&["--noflush"], &file);
            let matches =
                std::fs::read_to_string("/proc/net/ip_tables_matches").unwrap_or_default();
            if loaded.status() != 0 && !matches.lines().any(|name| name == "string") {
                // Where the kernel says nothing of the match, iptables takes it for its first
                // edition, which did not have this option.
                let first = shipped("string-iptables.rules").replace(" --icase", "");
                restore(&["--noflush", "--test"], &folder.file("first", first)).expect(0, &[]);
                println!("skipped: this kernel has no string match (module xt_string)");
                return;
            }
            loaded.expect(0, &[]);
        }
        for (friend, inside) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
            let bad: &[u8] = b"GET /?q=${JNDI:ldap HTTP/1.1\r\n";
            assert!(!says(&wire, friend, inside, 80, bad), "{way}");
            assert!(says(&wire, friend, inside, 80, b"GET /?q=${jndi HTTP/1.1\r\n"), "{way}");
            assert!(says(&wire, friend, inside, 8080, bad), "{way}: another port");
            let (any, one) = (b"\x00\xff\x00\x01", b"\x00\x01\x00\x01");
            assert!(!asks(&wire, friend, inside, &[QUERY, any].concat()), "{way}");
            assert!(asks(&wire, friend, inside, &[QUERY, one].concat()), "{way}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_ruleset_that_is_loaded_again_has_its_rules_once_and_its_sets_as_they_were() {
    for file in std::fs::read_dir(path("")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        // Is to be copied from, into a table that may have rules of somebody else's.
        if !file.ends_with(".nft") || file == "foreign.nft" {
            continue;
        }
        let (namespace, text) = (Namespace::new(), without_queue(&file));
        // early.nft needs it, with older kernels.
        namespace.ip("link add eth0 type veth peer name eth1");
        namespace.nft(&text);
        if text.contains("set drop4") {
            fill(&namespace, &text);
        }
        let before = namespace.ruleset();
        assert_eq!(before.contains("elements = { 198.51.100.0/24 }"), text.contains("set drop4"));
        namespace.nft(&text);
        assert_eq!(namespace.ruleset(), before, "{file}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_ruleset_keeps_a_listed_neighbour_from_being_found() {
    let mut tried = 0;
    for file in std::fs::read_dir(path("")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        if !file.ends_with(".nft") || !shipped(&file).contains("#\tnetfilterd --table ") {
            continue;
        }
        let (wire, text) = (Wire::new(), without_queue(&file));
        let text = text.replace("\"eth0\"", &format!("\"{WIRE}\""));
        wire.inside.nft(&text);
        // Before the routes are there by which the foe would be protected.
        fill(&wire.inside, &text);
        wire.route_by_foe();
        wire.forget_neighbours();
        assert!(wire.goes_out(INSIDE6, BEYOND6), "{file}: a gateway that is listed");
        wire.forget_neighbours();
        // Dropped or not: what matters is that the sender finds its neighbour first.
        wire.comes_in(FOE6, INSIDE6);
        assert!(wire.outside_knows(INSIDE6), "{file}: a neighbour that asks from a listed address");
        tried += 1;
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn the_index_names_every_ruleset_and_no_other() {
    let folder = format!("{}/rulesets", env!("CARGO_MANIFEST_DIR"));
    let index = std::fs::read_to_string(format!("{folder}/README.md")).unwrap();
    let mut named: Vec<&str> =
        index.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    let files = std::fs::read_dir(folder).unwrap();
    let mut there: Vec<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    there.retain(|name| name != "README.md");
    named.sort_unstable();
    there.sort_unstable();
    assert_eq!(named, there);
}
