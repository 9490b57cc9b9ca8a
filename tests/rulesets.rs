//! The shipped rulesets that do something else than drop.nft: filled by the command in their own
//! comment, and judged by packets.

mod support;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use support::queue::FOES;
use support::*;

/// A wire whose inside has a ruleset of this name, filled with the foes.
fn with_ruleset(file: &str) -> Wire {
    let (wire, folder) = (Wire::new(), Folder::new());
    let path = format!("{}/rulesets/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    wire.inside.nft(&text);
    let command = text.lines().find_map(|line| line.strip_prefix("#\tnetfilterd --table "));
    let table = command.expect("the file says how it is filled").trim_matches('\'');
    let list = folder.file("list", FOES);
    let ran = wire.inside.load(&["-f", &list, "--table", table]);
    assert!(!ran.stderr().contains("warning"), "{file}: {}", ran.stderr());
    wire
}

/// Connects from an address outside to a port inside, where somebody listens.
fn connect(wire: &Wire, from: &str, to: &str, port: u16) -> std::io::Result<()> {
    let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
    let _listener = wire.inside.within(|| TcpListener::bind((to, port)).unwrap());
    wire.outside.within(|| {
        let domain = if from.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect_timeout(&SocketAddr::new(to, port).into(), Duration::from_millis(400))?;
        drop(TcpStream::from(socket));
        Ok(())
    })
}

#[test]
fn drop_smtp_closes_port_25_to_the_listed_and_nothing_else() {
    require!();
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
fn reject_answers_the_listed_at_once_and_leaves_the_others_alone() {
    require!();
    let wire = with_ruleset("reject.nft");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        let refused = connect(&wire, foe, inside, 25).expect_err("listed");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        connect(&wire, friend, inside, 25).expect("not listed");
        assert!(!wire.comes_in(foe, inside) && wire.comes_in(friend, inside));
        let told = wire.outside.within(|| {
            let socket = UdpSocket::bind((foe, 0)).unwrap();
            socket.connect((inside, 9)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
            socket.send(b"?").unwrap();
            socket.recv(&mut [0]).expect_err("an answer that says no")
        });
        assert_ne!(told.kind(), ErrorKind::WouldBlock, "not silence");
    }
}

#[test]
fn log_logs_some_and_drops_all() {
    require!();
    const SENT: u64 = 40;
    let wire = with_ruleset("log.nft");
    let counter = |name: &str| {
        let listing = wire.inside.nft_json("list counters table inet knocking");
        let counters = listing["nftables"].as_array().unwrap().clone();
        let mut named = counters.iter().filter_map(|object| object.get("counter"));
        let counter = named.find(|counter| counter["name"] == name).unwrap();
        counter["packets"].as_u64().unwrap()
    };
    assert!(wire.comes_in(FRIEND4, INSIDE4));
    assert_eq!((counter("logged"), counter("dropped")), (0, 0));
    wire.outside.within(|| {
        let socket = UdpSocket::bind((FOE4, 0)).unwrap();
        for _ in 0..SENT {
            socket.send_to(b"?", (INSIDE4, 9)).unwrap();
        }
    });
    assert!(!wire.comes_in(FOE4, INSIDE4));
    let (logged, dropped) = (counter("logged"), counter("dropped"));
    assert!(dropped >= SENT, "{dropped}");
    assert!((5..SENT / 2).contains(&logged), "{logged}");
}

#[test]
fn interfaces_consults_the_lists_for_some_interfaces_only() {
    require!();
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
fn honeypot_leads_the_listed_to_another_port_and_nobody_else() {
    require!();
    let wire = with_ruleset("honeypot.nft");
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        let refused = connect(&wire, foe, inside, 22).expect_err("port 2222 has no listener");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "and 22 has one");
        connect(&wire, friend, inside, 22).expect("the real one");
        let to: IpAddr = inside.parse().unwrap();
        let honeypot = wire.inside.within(|| TcpListener::bind((to, 2222)).unwrap());
        connect(&wire, foe, inside, 22).expect("the honeypot");
        honeypot.set_nonblocking(true).unwrap();
        let (_, peer) = honeypot.accept().expect("it is the honeypot that answered");
        assert_eq!(peer.ip().to_string(), foe);
    }
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
