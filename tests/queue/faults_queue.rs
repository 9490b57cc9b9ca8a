//! Queue mode when what packets came from is gone.

use std::net::UdpSocket;

use kit::queue::{Family, Queues};
use kit::*;

#[test]
#[ignore = "needs root: network namespaces"]
fn an_interface_that_vanishes_with_packets_waiting_costs_those_and_no_others() {
    needs(&["iptables-legacy"]);
    const SENT: usize = 10;
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    let queues = Queues::serve(&wire.inside, &list, &["--queue", "0"]);
    let rule = "-A INPUT -p udp -j NFQUEUE --queue-num 0";
    wire.inside.iptables("legacy", &[Family::V4], rule);
    let receiver = wire.inside.within(|| UdpSocket::bind((INSIDE4, 0)).unwrap());
    let friend = wire.outside.within(|| UdpSocket::bind((FRIEND4, 0)).unwrap());
    queues.daemon.signal("STOP");
    for _ in 0..SENT {
        friend.send_to(b"?", receiver.local_addr().unwrap()).unwrap();
    }
    wire.inside.ip(&format!("link del {WIRE}"));
    queues.daemon.signal("CONT");
    // They are judged, and the kernel has none of them any more.
    queues.counted(|counted| counted.packets >= SENT as u64);
    receiver.set_read_timeout(Some(patience(300))).unwrap();
    assert!(receiver.recv(&mut [0]).is_err());
    // Another wire in its place.
    let pair = format!("link add wire0 type veth peer name {WIRE} netns {}", wire.inside.name());
    wire.outside.ip(&pair);
    for address in ["10.77.0.1/24", "203.0.113.9/32", "198.51.100.7/32"] {
        wire.outside.ip(&format!("addr add {address} dev wire0"));
    }
    wire.inside.ip(&format!("addr add {INSIDE4}/24 dev {WIRE}"));
    wire.outside.ip("link set wire0 up");
    wire.inside.ip(&format!("link set {WIRE} up"));
    wire.inside.ip("route add default via 10.77.0.1");
    eventually("a packet over the new wire", || wire.comes_in(FRIEND4, INSIDE4));
    assert!(!wire.comes_in(FOE4, INSIDE4));
    let log = queues.daemon.log();
    assert!(!log.contains("error: ") && !log.contains("queue 0"), "{log}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_socket_that_cannot_be_had_is_named_with_the_queue_and_a_cure() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    for (errno, cure) in [("EPROTONOSUPPORT", "module nfnetlink"), ("ENFILE", "fs.file-max")] {
        let mut command = namespace.command("strace");
        let fault = format!("inject=socket:error={errno}:when=1+");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &fault, program(), "--queue", "0"]);
        command.args(["--no-protect", "-f", &list]).args(namespace.files());
        run(&mut command).expect(1, &["queue 0", cure]);
    }
}
