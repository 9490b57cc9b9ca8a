//! Networks that the host is connected to, next hops, multicast and broadcast: what a list of bogons
//! leaves alone, as packets see it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use kit::*;
use netfilterd::policy::protect::Why;
use serde_json::Value;
use socket2::{Domain, Socket, Type};

/// Addresses that must not appear on the internet.
const BOGONS: &str =
    "10.0.0.0/8\n172.16.0.0/12\n192.168.0.0/16\n169.254.0.0/16\n224.0.0.0/8\nfc00::/7\nfd00::/8\n";
/// The option without which fc00::/7 is too wide.
const WIDE6: [&str; 2] = ["--widest6", "7"];

/// A router with a local client, a container behind a bridge, and the internet, on which somebody uses
/// private addresses as sources.
struct Router {
    router: Namespace,
    client: Namespace,
    container: Namespace,
    internet: Namespace,
}

const CLIENT: [&str; 2] = ["192.168.1.7", "fd00:1::7"];
const CONTAINER: [&str; 2] = ["172.17.0.2", "fd00:17::2"];
const LAN: [&str; 2] = ["192.168.1.1", "fd00:1::1"];
const BRIDGE: [&str; 2] = ["172.17.0.1", "fd00:17::1"];
const WAN: [&str; 2] = ["203.0.113.1", "2001:db8:1::1"];
const SERVER: [&str; 2] = ["203.0.113.9", "2001:db8:1::9"];
const FORGED: [&str; 2] = ["10.66.0.9", "fd00:66::9"];
/// Of the local network, and used on the internet.
const FORGED_LAN: &str = "192.168.1.99";

impl Router {
    #[track_caller]
    fn new() -> Self {
        let router = Namespace::new();
        let [client, container, internet] = [(); 3].map(|()| Namespace::new());
        for (other, near, far) in
            [(&client, "lan", "c0"), (&container, "veth", "c0"), (&internet, "wan", "c0")]
        {
            router.ip(&format!("link add {near} type veth peer name {far} netns {}", other.name()));
            other.ip(&format!("link set {far} up"));
        }
        router.ip("link add docker0 type bridge");
        router.ip("link set veth master docker0 up");
        for (interface, [v4, v6]) in [("lan", LAN), ("wan", WAN)] {
            router.ip(&format!("addr add {v4}/24 brd + dev {interface}"));
            router.ip(&format!("addr add {v6}/64 dev {interface} nodad"));
            router.ip(&format!("link set {interface} up"));
        }
        for (namespace, [v4, v6], length) in
            [(&client, CLIENT, 24), (&container, CONTAINER, 16), (&internet, SERVER, 24)]
        {
            namespace.ip(&format!("addr add {v4}/{length} dev c0"));
            namespace.ip(&format!("addr add {v6}/64 dev c0 nodad"));
        }
        for [v4, v6] in [FORGED, [FORGED_LAN, "fd00:1::99"]] {
            internet.ip(&format!("addr add {v4}/32 dev c0"));
            internet.ip(&format!("addr add {v6}/128 dev c0 nodad"));
        }
        for (namespace, [v4, v6]) in [(&client, LAN), (&container, BRIDGE), (&internet, WAN)] {
            namespace.ip(&format!("route add default via {v4}"));
            namespace.ip(&format!("-6 route add default via {v6}"));
        }
        router.within(|| {
            for path in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                std::fs::write(format!("/proc/sys/net/{path}"), "1").unwrap();
            }
            for path in ["all", "wan", "default"] {
                std::fs::write(format!("/proc/sys/net/ipv4/conf/{path}/rp_filter"), "0").unwrap();
            }
        });
        Router { router, client, container, internet }
    }

    /// The bridge of the containers gets its addresses, as when the first container starts.
    fn start_containers(&self) {
        let [v4, v6] = BRIDGE;
        self.router.ip("link set docker0 up");
        self.router.ip(&format!("addr add {v4}/16 dev docker0"));
        self.router.ip(&format!("addr add {v6}/64 dev docker0 nodad"));
    }

    /// Packets of both families between the router and a neighbour, both ways.
    fn reaches(&self, other: &Namespace, own: [&str; 2], addresses: [&str; 2]) -> [bool; 4] {
        let pair = |at: usize| {
            [
                passes(other, addresses[at], &self.router, own[at]),
                passes(&self.router, own[at], other, addresses[at]),
            ]
        };
        let ([a, b], [c, d]) = (pair(0), pair(1));
        [a, b, c, d]
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_list_of_bogons_drops_them_on_the_internet_and_not_in_the_local_network() {
    let (hosts, folder) = (Router::new(), Folder::new());
    hosts.start_containers();
    eventually("the neighbours have found each other", || {
        hosts.reaches(&hosts.client, LAN, CLIENT) == [true; 4]
            && hosts.reaches(&hosts.container, BRIDGE, CONTAINER) == [true; 4]
            && hosts.reaches(&hosts.internet, WAN, SERVER) == [true; 4]
    });
    let list = folder.file("list", format!("{BOGONS}192.168.1.66\n"));
    hosts.client.ip("addr add 192.168.1.66/32 dev c0");
    let options = ["-f", &list, WIDE6[0], WIDE6[1]];
    let ran = hosts.router.load(&options);
    for (network, entry) in [
        ("192.168.1.0/24 (connected network of lan)", "list:3: 192.168.0.0/16"),
        ("172.17.0.0/16 (connected network of docker0)", "list:2: 172.16.0.0/12"),
        ("fd00:1::/64 (connected network of lan)", "list:6: fc00::/7"),
        ("fd00:17::/64 (connected network of docker0)", "list:6: fc00::/7"),
    ] {
        assert_line_names(&ran.stderr(), &["warning: ", network, entry, "--allow"]);
    }
    assert_eq!(hosts.reaches(&hosts.client, LAN, CLIENT), [true; 4]);
    assert_eq!(hosts.reaches(&hosts.container, BRIDGE, CONTAINER), [true; 4]);
    for at in 0..2 {
        assert!(passes(&hosts.client, CLIENT[at], &hosts.container, CONTAINER[at]), "forwarded");
        assert!(passes(&hosts.client, CLIENT[at], &hosts.internet, SERVER[at]), "forwarded");
        assert!(!passes(&hosts.internet, FORGED[at], &hosts.router, WAN[at]), "a bogon");
        assert!(!passes(&hosts.internet, FORGED[at], &hosts.client, CLIENT[at]), "a bogon");
    }
    // A narrower entry is dropped as it is written, also if --mask would widen it.
    assert!(!passes(&hosts.client, "192.168.1.66", &hosts.router, LAN[0]));
    hosts.router.load(&[&options[..], &["-m", "24", "--mask6", "64"]].concat());
    assert!(!passes(&hosts.client, "192.168.1.66", &hosts.router, LAN[0]));
    assert_eq!(hosts.reaches(&hosts.client, LAN, CLIENT), [true; 4]);
    // Without protection the list is taken at its word.
    hosts.router.load(&[&options[..], &["--no-protect"]].concat());
    assert!(!passes(&hosts.client, CLIENT[0], &hosts.router, LAN[0]));
    assert!(!passes(&hosts.container, CONTAINER[0], &hosts.router, BRIDGE[0]));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_network_that_is_connected_later_is_protected_at_once_without_the_lists() {
    let (hosts, folder) = (Router::new(), Folder::new());
    let list = folder.file("list", format!("{BOGONS}172.17.0.9\n203.0.114.0/24\n"));
    let daemon = Daemon::start(&hosts.router, &["-f", &list, WIDE6[0], WIDE6[1]]);
    std::fs::remove_file(&list).unwrap();
    let before = hosts.router.managed("drop4");
    hosts.start_containers();
    let network = |text: &str| format!("{text} (connected network of docker0)");
    daemon.wait_for_line(&[&network("172.17.0.0/16"), "protected from now on"], 1);
    daemon.wait_for_line(&[&network("fd00:17::/64"), "protected from now on"], 1);
    eventually("packets of containers", || {
        hosts.reaches(&hosts.container, BRIDGE, CONTAINER) == [true; 4]
    });
    assert_eq!(daemon.status()["totals"]["loads"], 1, "without the lists");
    assert!(hosts.router.managed("drop4").contains(&"172.17.0.9/32".to_string()), "as written");
    // A public one is named, not protected.
    hosts.router.ip("addr add 203.0.114.1/24 dev wan");
    let cut_off = ["cut off: ", "203.0.114.0/24 (connected network of wan)", "--allow"];
    daemon.wait_for_line(&cut_off, 1);
    hosts.router.ip("addr del 203.0.114.1/24 dev wan");
    hosts.router.ip("link del docker0");
    daemon.wait_for_line(&[&network("172.17.0.0/16"), "no longer protected"], 1);
    eventually("what was in force", || hosts.router.managed("drop4") == before);
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn with_interface_only_the_networks_of_these_interfaces_are_protected() {
    let (hosts, folder) = (Router::new(), Folder::new());
    // A provider that has private addresses on the link to the internet.
    hosts.router.ip("addr add 10.77.0.2/24 dev wan");
    hosts.internet.ip("addr add 10.77.0.1/24 dev c0");
    let list = folder.file("list", BOGONS);
    eventually("the neighbours have found each other", || {
        passes(&hosts.internet, FORGED_LAN, &hosts.router, WAN[0])
            && passes(&hosts.internet, "10.77.0.1", &hosts.router, "10.77.0.2")
    });
    let ran = hosts.router.load(&["-f", &list, "-i", "wan"]);
    assert!(!ran.stderr().contains("192.168.1.0/24"), "{}", ran.stderr());
    assert!(!passes(&hosts.internet, FORGED_LAN, &hosts.router, WAN[0]), "it came from wan");
    assert!(passes(&hosts.internet, "10.77.0.1", &hosts.router, "10.77.0.2"));
    assert!(passes(&hosts.client, CLIENT[0], &hosts.router, LAN[0]), "another interface");
    // The answer is that for the interfaces of the table.
    for (address, status) in [(FORGED_LAN, 0), ("10.77.0.9", 1)] {
        hosts.router.netfilterd(&["test", "-f", &list, address]).expect(status, &[]);
    }
    // A pattern of names, as nft has it, and an alternative name.
    hosts.router.ip("link property add dev wan altname internet");
    hosts.router.load(&["-f", &list, "-i", "internet"]);
    assert!(!passes(&hosts.internet, FORGED_LAN, &hosts.router, WAN[0]));
    assert!(passes(&hosts.internet, "10.77.0.1", &hosts.router, "10.77.0.2"));
    hosts.router.load(&["-f", &list, "-i", "wa*"]);
    assert!(!passes(&hosts.internet, FORGED_LAN, &hosts.router, WAN[0]));
    assert!(passes(&hosts.internet, "10.77.0.1", &hosts.router, "10.77.0.2"));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn queue_mode_protects_connected_networks_too() {
    needs(&["iptables"]);
    let (hosts, folder) = (Router::new(), Folder::new());
    let rule = ["-A", "INPUT", "-j", "NFQUEUE", "--queue-num", "7", "--queue-bypass"];
    run(hosts.router.command("iptables").args(rule)).expect(0, &[]);
    let list = folder.file("list", format!("{BOGONS}192.168.1.66\n"));
    hosts.client.ip("addr add 192.168.1.66/32 dev c0");
    let daemon = Daemon::start(&hosts.router, &["--queue", "7", "-f", &list]);
    daemon.wait_for("192.168.1.0/24 (connected network of lan)", 1);
    assert!(passes(&hosts.client, CLIENT[0], &hosts.router, LAN[0]));
    assert!(!passes(&hosts.client, "192.168.1.66", &hosts.router, LAN[0]));
    assert!(!passes(&hosts.internet, FORGED[0], &hosts.router, WAN[0]));
    hosts.start_containers();
    daemon.wait_for("172.17.0.0/16 (connected network of docker0)", 1);
    eventually("packets of containers", || {
        passes(&hosts.container, CONTAINER[0], &hosts.router, BRIDGE[0])
    });
    assert_eq!(daemon.end("TERM"), 0);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn check_and_test_name_what_is_cut_off_and_what_is_not_because_it_is_connected() {
    let (hosts, folder) = (Router::new(), Folder::new());
    hosts.router.ip("route add 10.5.0.0/16 via 192.168.1.254");
    let list = folder.file("list", format!("{BOGONS}203.0.113.0/24\n"));
    let ran = hosts.router.netfilterd(&["check", "-f", &list]);
    ran.expect(0, &[]);
    for names in [
        &["cut off: 192.168.1.0/24 (connected network of lan)", ":3: 192.168.0.0/16: prevented"],
        &["cut off: 203.0.113.0/24 (connected network of wan)", ":8: 203.0.113.0/24: dropped"],
        &["cut off: 10.5.0.0/16 (routed through lan)", ":1: 10.0.0.0/8: dropped"],
    ] {
        assert_line_names(&ran.stdout(), &[&names[..], &["--allow"]].concat());
        assert_line_names(&ran.stderr(), &[&names[..], &["warning: ", "--allow"]].concat());
    }
    let ran = hosts.router.netfilterd(&["test", "-f", &list, "192.168.1.9"]);
    ran.expect(1, &[]);
    assert_line_names(
        &ran.stdout(),
        &["192.168.1.9: not dropped", "192.168.1.0/24 (connected network of lan)", "list:3)"],
    );
    let allow = folder.file("allow", "192.168.1.0/24\n203.0.113.0/24\n10.5.0.0/16\n");
    let ran = hosts.router.netfilterd(&["check", "-f", &list, "-a", &allow]);
    assert_eq!(ran.stdout().matches("cut off: no network").count(), 1, "{}", ran.stdout());
    let ran = hosts.router.netfilterd(&["check", "-f", &list, "--no-protect"]);
    assert!(!ran.stdout().contains("cut off"), "nothing was looked at: {}", ran.stdout());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_dhcp_server_of_an_address_is_named_if_a_list_cuts_it_off() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.ip("link add eth9 type veth peer name eth8");
    namespace.ip("addr add 203.0.113.20/24 dev eth9");
    let list = folder.file("list", "198.51.100.0/24\n");
    let networkd = "# This is private data. Do not parse.\nADDRESS=203.0.113.20\n\
                    NETMASK=255.255.255.0\nSERVER_ADDRESS=198.51.100.67\n";
    let dhclient = "lease {\n  interface \"eth9\";\n  fixed-address 203.0.113.20;\n  \
                    option dhcp-server-identifier 198.51.100.1;\n}\n\
                    lease {\n  interface \"eth9\";\n  fixed-address 203.0.113.20;\n  \
                    option dhcp-server-identifier 198.51.100.68;\n}\n\
                    lease {\n  fixed-address 203.0.113.77;\n  \
                    option dhcp-server-identifier 198.51.100.2;\n}\n";
    for (path, name, text, server) in [
        ("/run/systemd/netif/leases", "7", networkd, "198.51.100.67"),
        ("/var/lib/dhcp", "dhclient.eth9.leases", dhclient, "198.51.100.68"),
    ] {
        let leases = Folder::new();
        leases.file(name, text);
        // A folder of its own, in the mounts that the command has anyway.
        let script = "mount -t tmpfs tmpfs /run && mkdir -p \"$0\" && \
                      { mount --bind \"$1\" \"$0\" || exit; } && shift && exec \"$@\"";
        let script = match path.starts_with("/run") {
            true => script,
            false => {
                "mount -t tmpfs tmpfs /var/lib && mkdir -p \"$0\" && \
                      { mount --bind \"$1\" \"$0\" || exit; } && shift && exec \"$@\""
            }
        };
        let mut command = namespace.command("sh");
        command.args(["-c", script, path, leases.path().to_str().unwrap(), program()]);
        command.args(["check", "-f", &list]).args(namespace.state());
        let ran = run(&mut command);
        let named = format!("cut off: {server} (DHCP server of eth9)");
        assert_line_names(&ran.stdout(), &[&named, ":1: 198.51.100.0/24: dropped"]);
        assert_eq!(ran.stdout().matches("DHCP server").count(), 1, "{}", ran.stdout());
    }
}

/// Whether a datagram may be sent, to whomever it goes.
fn may_send(namespace: &Namespace, from: &str, to: &str) -> bool {
    namespace.within(|| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        socket.set_broadcast(true).unwrap();
        let own: Ipv4Addr = from.parse().unwrap();
        socket.set_multicast_if_v4(&own).unwrap();
        socket.bind(&SocketAddr::from((own, 0)).into()).unwrap();
        let socket = UdpSocket::from(socket);
        let sent = socket.send_to(b"?", (to, 9));
        let is_refused =
            sent.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EPERM));
        assert!(sent.is_ok() || is_refused, "{sent:?}");
        sent.is_ok()
    })
}

#[test]
#[ignore = "needs root: network namespaces"]
fn link_local_multicast_and_the_broadcasts_of_own_networks_may_be_sent() {
    let (hosts, folder) = (Router::new(), Folder::new());
    hosts.router.ip("addr add 203.0.114.1/24 brd 203.0.114.127 dev wan");
    hosts.router.ip("addr add 169.254.7.1/16 dev wan");
    let list = folder.file(
        "list",
        "224.0.0.0/8\n239.0.0.0/8\n192.168.1.128/25\n203.0.114.0/24\n203.0.113.0/24\n169.254.0.0/16\n",
    );
    hosts.router.load(&["-f", &list]);
    for to in ["224.0.0.18", "224.0.0.251", "224.0.0.5", "255.255.255.255", "192.168.1.255"] {
        assert!(may_send(&hosts.router, LAN[0], to), "{to}");
    }
    for to in ["203.0.113.255", "203.0.114.255", "203.0.114.127", "169.254.9.9", "169.254.255.255"]
    {
        assert!(may_send(&hosts.router, WAN[0], to), "{to}");
    }
    for to in ["224.0.1.1", "239.255.255.250", "203.0.114.126", "192.168.1.200"] {
        assert!(!may_send(&hosts.router, LAN[0], to), "{to}");
    }
}

/// The protected addresses that `check` shows with a reason.
fn protected(namespace: &Namespace, why: Why) -> Vec<String> {
    let stdout = namespace.netfilterd(&["check", "-f", "/dev/null"]).stdout();
    let label = format!(" ({why})");
    let mut found: Vec<String> = stdout
        .lines()
        .filter_map(|line| Some(line.split_once(&label)?.0.split_whitespace().last()?.to_string()))
        .collect();
    found.sort();
    found
}

#[test]
#[ignore = "needs root: network namespaces"]
fn next_hops_are_found_in_routes_and_nexthop_objects_of_every_table() {
    let namespace = Namespace::new();
    namespace.ip("link add d0 type veth peer name d1");
    namespace.ip("addr add 10.77.0.2/24 dev d0");
    namespace.ip("addr add fd77::2/64 dev d0 nodad");
    for interface in ["d0", "d1"] {
        namespace.ip(&format!("link set {interface} up"));
    }
    namespace.within(|| {
        std::fs::write("/proc/sys/net/ipv4/nexthop_compat_mode", "0").unwrap();
    });
    for step in [
        "nexthop add id 1 via 10.77.0.11 dev d0",
        "nexthop add id 2 via 10.77.0.12 dev d0",
        "nexthop add id 3 via 10.77.0.13 dev d0",
        "nexthop add id 12 group 2",
        "nexthop add id 4 via fd77::14 dev d0",
        "nexthop add id 5 via fd77::15 dev d0",
        "nexthop add id 45 group 4/5",
        "nexthop add id 6 via fd77::16 dev d0",
        "route add default nhid 1",
        "route add default table 7 nhid 12",
        // No default route, so no packet of its own goes through it.
        "route add 198.51.100.0/24 nhid 3",
        "-6 route add 2001:db8:45::/48 nhid 45",
        "-6 route add default nhid 6",
        "-6 route add 2001:db8:1::/48 via fd77::21",
        "-6 route add 2001:db8:2::/48 nexthop via fd77::22 dev d0 nexthop via fd77::23 dev d0",
        "-6 route add 2001:db8:3::/48 table 99 via fd77::24 dev d0",
        "-6 route add 2001:db8:4::1/128 via fd77::25",
        "route add 203.0.113.0/24 via inet6 fd77::26 dev d0",
        "-6 route add 2001:db8:5::/48 via fe80::27 dev d0",
    ] {
        namespace.ip(step);
    }
    assert_eq!(protected(&namespace, Why::Gateway), ["10.77.0.11", "10.77.0.12", "fd77::16"]);
    let next_hops: Vec<String> =
        [14, 15, 21, 22, 23, 24, 25, 26].map(|number| format!("fd77::{number}")).into();
    assert_eq!(protected(&namespace, Why::NextHop), next_hops);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_next_hop_that_comes_while_the_daemon_runs_is_protected_at_once() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", "2001:db8:88::/64\n203.0.114.0/24\n");
    wire.inside.ip(&format!("addr add 2001:db8:88::2/64 dev {WIRE} nodad"));
    wire.inside.ip(&format!("addr add 203.0.114.2/24 dev {WIRE}"));
    let daemon = Daemon::start(&wire.inside, &["-f", &list]);
    let protected = |count: u64| move |status: &Value| status["loaded"]["protected"] == count;
    let item = |address: &str, why: Why| format!("{address} ({why})");
    daemon.wait_for_status(protected(3));
    wire.inside.ip("-6 route add 2001:db8:77::/64 via 2001:db8:88::1");
    daemon.wait_for(&item("2001:db8:88::1", Why::NextHop), 1);
    wire.inside.ip(&format!("nexthop add id 1 via 2001:db8:88::9 dev {WIRE}"));
    daemon.wait_for(&item("2001:db8:88::9", Why::NextHop), 1);
    // A default gateway that an object has is changed in the object alone.
    wire.inside.ip(&format!("nexthop add id 2 via 203.0.114.1 dev {WIRE}"));
    wire.inside.ip("route add default metric 7 nhid 2");
    daemon.wait_for(&item("203.0.114.1", Why::Gateway), 1);
    wire.inside.ip(&format!("nexthop replace id 2 via 203.0.114.9 dev {WIRE}"));
    daemon.wait_for(&item("203.0.114.9", Why::Gateway), 1);
    wire.inside.ip("nexthop del id 2");
    daemon.wait_for_line(&[&item("203.0.114.9", Why::Gateway), "no longer protected"], 1);
    assert_eq!(daemon.end("TERM"), 0);
}
