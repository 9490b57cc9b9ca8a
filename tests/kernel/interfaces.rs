//! `--interface` in the managed table: names that packets have, names that they do not have, and what is
//! said of these. And where bridged packets are dropped.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};

use kit::ruleset::{fill, shipped};
use kit::*;

/// Longer than the name of an interface can be.
const ALTERNATIVE: &str = "the-wire-to-the-outside";

fn list(folder: &Folder) -> String {
    folder.file("list", FOES)
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_alternative_name_is_as_good_as_the_name() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = list(&folder);
    wire.inside.ip(&format!("link property add dev {WIRE} altname {ALTERNATIVE} altname short"));
    for name in [ALTERNATIVE, "short"] {
        let ran = wire.inside.load(&["-f", &list, "-i", name]);
        assert!(!ran.stderr().contains("warning: "), "{}", ran.stderr());
        assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4), "{name}");
        let tested = wire.inside.netfilterd(&["test", "-f", &list, FOE4]);
        tested.expect(0, &[]);
        let expected = format!("on these interfaces only: {WIRE}\n");
        assert!(tested.stdout().ends_with(&expected), "{}", tested.stdout());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_name_that_no_interface_has_is_a_warning_and_is_shown_by_test() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = list(&folder);
    let ran = wire.inside.load(&["-f", &list, "-i", "wier1", "-i", "ppp*"]);
    for name in ["wier1", "ppp*"] {
        assert_names(&ran.stderr(), &["warning: ", name, "does not exist"]);
    }
    assert!(wire.comes_in(FOE4, INSIDE4));
    for address in [FOE4, FOE6] {
        let tested = wire.inside.netfilterd(&["test", "-f", &list, address]);
        let expected = "only: wier1 (does not exist), ppp* (does not exist)\n";
        assert!(tested.stdout().ends_with(expected), "{}", tested.stdout());
    }
    // It is filtered on as soon as it exists, without another load.
    wire.inside.ip(&format!("link set {WIRE} down"));
    wire.inside.ip(&format!("link set {WIRE} name wier1"));
    wire.inside.ip("link set wier1 up");
    eventually("a foe kept out", || !wire.comes_in(FOE4, INSIDE4));
    let tested = wire.inside.netfilterd(&["test", "--json", "-f", &list, FOE4]);
    let answers: serde_json::Value = serde_json::from_str(&tested.stdout()).unwrap();
    assert_eq!(answers[0]["interfaces"][0], "wier1");
    // An alternative name that nothing has is no name at all: nothing is dropped, and not everything.
    let ran = wire.inside.load(&["-f", &list, "-i", ALTERNATIVE]);
    assert_names(&ran.stderr(), &["warning: ", ALTERNATIVE, "reload"]);
    assert!(wire.comes_in(FOE4, INSIDE4));
    let tested = wire.inside.netfilterd(&["test", "-f", &list, FOE4]);
    assert!(tested.stdout().ends_with("on no interface\n"), "{}", tested.stdout());
    let ran = wire.inside.load(&["-f", &list, "-i", "lo"]);
    assert_names(&ran.stderr(), &["warning: ", "lo is loopback"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_shows_its_interfaces_and_looks_them_up_at_each_load() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = list(&folder);
    let daemon = Daemon::start(&wire.inside, &["-f", &list, "-i", ALTERNATIVE]);
    assert_eq!(daemon.lines(&["warning: ", ALTERNATIVE]).len(), 1);
    assert_eq!(daemon.status()["interfaces"], serde_json::json!([]));
    assert!(wire.comes_in(FOE4, INSIDE4));
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    assert_eq!(daemon.lines(&["warning: ", ALTERNATIVE]).len(), 1, "once is enough");
    wire.inside.ip(&format!("link property add dev {WIRE} altname {ALTERNATIVE}"));
    daemon.signal("HUP");
    daemon.wait_for_loads(3);
    assert_eq!(daemon.status()["interfaces"], serde_json::json!([WIRE]));
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
    daemon.signal("USR1");
    daemon.wait_for_line(&["interfaces", WIRE], 1);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_whose_look_for_the_interfaces_fails_filters_on_those_that_it_knows() {
    needs(&["strace"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = list(&folder);
    // Short enough for a rule, which would then match no packet.
    wire.inside.ip(&format!("link property add dev {WIRE} altname short"));
    let daemon = Daemon::start(&wire.inside, &["-f", &list, "-i", "short", "--no-protect"]);
    daemon.wait_for_loads(1);
    assert!(!wire.comes_in(FOE4, INSIDE4));
    let attached = folder.path().join("attached");
    let is_traced = || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
    };
    let cannot_list = ["warning: ", "cannot list the interfaces for --interface"];
    // The first call is that by which the daemon learns of the signal.
    for number in 2.. {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", attached.to_str().unwrap()]);
        strace.args(["-e", &format!("inject=sendto:error=ENOBUFS:when={number}")]);
        strace.args(["-p", &daemon.pid().to_string()]).stderr(Stdio::null());
        let tracing = Background(strace.spawn().unwrap());
        eventually("strace is there", is_traced);
        let loads = daemon.loads();
        daemon.signal("HUP");
        daemon.wait_for_loads(loads + 1);
        drop(tracing);
        eventually("strace is gone", || !is_traced());
        if !daemon.lines(&cannot_list).is_empty() {
            break;
        }
        let trace = fs::read_to_string(&attached).unwrap();
        assert!(trace.contains("(INJECTED)"), "the look is among the calls of a reload");
    }
    assert_eq!(daemon.status()["interfaces"], serde_json::json!([WIRE]), "{}", daemon.log());
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
    assert_eq!(
        daemon.lines(&["filtering on the interfaces known so far"]).len(),
        1,
        "{}",
        daemon.log()
    );
}

/// Makes the inside's end of the wire a port of an interface of another kind, which gets its addresses.
/// Returns `false`, and says so, where the kernel has no such interfaces.
fn enslave(wire: &Wire, kind: &str) -> bool {
    let mut command = Command::new("ip");
    let added = command.args(["-n", wire.inside.name(), "link", "add", "master0", "type"]);
    if !added.args(kind.split(' ')).output().unwrap().status.success() {
        println!("skipped: this kernel has no interfaces of type {kind}");
        return false;
    }
    for command in [
        &format!("link set {WIRE} down"),
        &format!("link set {WIRE} master master0"),
        "link set master0 up",
        &format!("link set {WIRE} up"),
    ] {
        wire.inside.ip(command);
    }
    if !kind.starts_with("vrf") {
        wire.inside.ip(&format!("addr flush dev {WIRE}"));
        wire.inside.ip(&format!("addr add {INSIDE4}/24 dev master0"));
        wire.inside.ip("route replace default via 10.77.0.1");
    }
    true
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_port_is_named_with_the_interface_on_which_its_packets_come_in() {
    let folder = Folder::new();
    let list = list(&folder);
    for kind in ["bridge", "bond mode active-backup"] {
        let wire = Wire::new();
        if !enslave(&wire, kind) {
            continue;
        }
        eventually(&format!("a packet by a {kind}"), || wire.comes_in(FRIEND4, INSIDE4));
        let ran = wire.inside.load(&["-f", &list, "-i", WIRE]);
        let kind = kind.split(' ').next().unwrap();
        assert_names(&ran.stderr(), &["warning: ", WIRE, "--interface master0", kind]);
        assert!(wire.comes_in(FOE4, INSIDE4), "{kind}: by the port nothing comes in");
        let ran = wire.inside.load(&["-f", &list, "-i", "master0"]);
        assert!(!ran.stderr().contains("warning: "), "{}", ran.stderr());
        assert!(!wire.comes_in(FOE4, INSIDE4), "{kind}");
        assert!(wire.comes_in(FRIEND4, INSIDE4), "{kind}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn packets_of_a_vrf_come_in_on_its_port_and_on_itself() {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = list(&folder);
    if !enslave(&wire, "vrf table 10") {
        return;
    }
    // What arrives shows in a counter: the addresses are the VRF's, and no socket here is bound to it.
    wire.inside.nft(
        "table inet arrived {
            counter foe { }
            chain c { type filter hook prerouting priority 0; ip saddr 198.51.100.7 counter name foe; }
        }",
    );
    let arrived = || ruleset::packets(&wire.inside, "inet arrived", "foe");
    let send = || {
        wire.outside.within(|| {
            let socket = UdpSocket::bind((FOE4, 0)).unwrap();
            socket.send_to(b"?", (INSIDE4, 9)).unwrap();
        });
    };
    let sent = || {
        send();
        arrived() > 0
    };
    eventually("a packet that nothing drops", sent);
    for name in [WIRE, "master0"] {
        let ran = wire.inside.load(&["-f", &list, "-i", name]);
        assert!(!ran.stderr().contains("warning: "), "{}", ran.stderr());
        let (dropped, before) = (wire.inside.counter("inbound4"), arrived());
        send();
        let counted = || wire.inside.counter("inbound4") > dropped;
        eventually(&format!("a packet that is dropped on {name}"), counted);
        assert_eq!(wire.inside.counter("inbound4"), dropped + 1, "{name}");
        // The first of the two passes through prerouting is over by then where the VRF is named.
        assert_eq!(arrived() > before, name == "master0", "{name}");
    }
}

/// A host with a bridge and a guest behind it: the foe outside reaches the guest without a route.
struct Bridged {
    outside: Namespace,
    host: Namespace,
    guest: Namespace,
}

impl Bridged {
    fn new() -> Self {
        let (outside, host, guest) = (Namespace::new(), Namespace::new(), Namespace::new());
        host.ip("link add br0 type bridge");
        for (other, port) in [(&outside, "port0"), (&guest, "port1")] {
            let peer = format!("netns {}", other.name());
            host.ip(&format!("link add {port} type veth peer name eth0 {peer}"));
            host.ip(&format!("link set {port} master br0 up"));
            other.ip("link set eth0 up");
        }
        host.ip("link set br0 up");
        for address in [format!("{FRIEND4}/32"), format!("{FOE4}/32"), "10.77.0.1/24".to_string()] {
            outside.ip(&format!("addr add {address} dev eth0"));
        }
        for address in [FRIEND6, FOE6, "fd77::1"] {
            outside.ip(&format!("addr add {address}/64 dev eth0 nodad"));
        }
        guest.ip(&format!("addr add {INSIDE4}/24 dev eth0"));
        guest.ip(&format!("addr add {INSIDE6}/64 dev eth0 nodad"));
        guest.ip("route add default via 10.77.0.1");
        guest.ip("-6 route add default via fd77::1");
        let bridged = Bridged { outside, host, guest };
        for (friend, foe, guest) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
            let passes = || bridged.passes(friend, guest) && bridged.passes(foe, guest);
            eventually("packets across the bridge", passes);
        }
        bridged
    }

    /// Has the module br_netfilter hand bridged packets to the families ip and ip6, or not. Returns
    /// `false` where the kernel does not have it.
    fn hand_over(&self, on: bool) -> bool {
        let settings = ["iptables", "ip6tables"]
            .map(|program| format!("net.bridge.bridge-nf-call-{program}={}", u8::from(on)));
        let mut command = self.host.command("sysctl");
        command.args(["-q", "-w"]).args(settings).output().unwrap().status.success()
    }

    fn passes(&self, from: &str, to: &str) -> bool {
        passes(&self.outside, from, &self.guest, to)
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn bridged_packets_are_dropped_by_a_table_of_family_bridge_or_netdev_and_not_by_our_own() {
    let (bridged, folder) = (Bridged::new(), Folder::new());
    let list = list(&folder);
    bridged.hand_over(false);
    for options in [&[][..], &["-i", "port0", "-i", "br0"]] {
        bridged.host.load(&[&["-f", &list], options].concat());
        assert!(bridged.passes(FOE4, INSIDE4) && bridged.passes(FOE6, INSIDE6), "not routed");
    }
    if bridged.hand_over(true) {
        for (options, passes) in
            [(&[][..], false), (&["-i", "br0"], false), (&["-i", "port0"], true)]
        {
            bridged.host.load(&[&["-f", &list], options].concat());
            assert_eq!(bridged.passes(FOE4, INSIDE4), passes, "br_netfilter, {options:?}");
            assert_eq!(bridged.passes(FOE6, INSIDE6), passes, "br_netfilter, {options:?}");
            assert!(bridged.passes(FRIEND4, INSIDE4) && bridged.passes(FRIEND6, INSIDE6));
        }
        bridged.hand_over(false);
    } else {
        println!("skipped in part: there is no module br_netfilter");
    }
    bridged.host.nft("delete table ip netfilterd; delete table ip6 netfilterd");
    for (text, table) in [
        (shipped("bridge.nft"), "bridge guests"),
        (shipped("early.nft").replace("\"eth0\"", "\"port0\""), "netdev early"),
    ] {
        bridged.host.nft(&text);
        fill(&bridged.host, &text);
        for (friend, foe, guest) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
            assert!(!bridged.passes(foe, guest), "{table}: from {foe}");
            assert!(bridged.passes(friend, guest), "{table}: from {friend}");
        }
        bridged.host.nft(&format!("delete table {table}"));
        assert!(bridged.passes(FOE4, INSIDE4));
    }
}
