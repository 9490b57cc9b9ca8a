//! Two namespaces, and whether packets pass between them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;

use crate::{Namespace, eventually, patience};

/// Two namespaces with a wire between them: packets come from `outside` and reach `inside`, where
/// netfilterd runs. The outside has the addresses of a friend and of a foe, in both families.
pub struct Wire {
    pub outside: Namespace,
    pub inside: Namespace,
}

pub const FRIEND4: &str = "203.0.113.9";
pub const FOE4: &str = "198.51.100.7";
pub const FRIEND6: &str = "2001:db8:1::9";
pub const FOE6: &str = "2001:db8:bad::7";
/// What both foes are in.
pub const FOES: &str = "198.51.100.0/24\n2001:db8:bad::/48\n";
pub const INSIDE4: &str = "10.77.0.2";
pub const INSIDE6: &str = "fd77::2";

/// The interface of the inside.
pub const WIRE: &str = "wire1";

/// An address of a network that only the foe leads to, and that is not listed.
pub const BEYOND6: &str = "2001:db8:77::1";

impl Wire {
    #[track_caller]
    pub fn new() -> Self {
        let (outside, inside) = (Namespace::new(), Namespace::new());
        outside.ip(&format!("link add wire0 type veth peer name {WIRE} netns {}", inside.name()));
        for address in ["10.77.0.1/24", "203.0.113.9/32", "198.51.100.7/32"] {
            outside.ip(&format!("addr add {address} dev wire0"));
        }
        for address in ["fd77::1/64", "2001:db8:1::9/128", "2001:db8:bad::7/128"] {
            outside.ip(&format!("addr add {address} dev wire0 nodad"));
        }
        inside.ip(&format!("addr add {INSIDE4}/24 dev {WIRE}"));
        inside.ip(&format!("addr add {INSIDE6}/64 dev {WIRE} nodad"));
        outside.ip("link set wire0 up");
        inside.ip(&format!("link set {WIRE} up"));
        inside.ip("route add default via 10.77.0.1");
        inside.ip("-6 route add default via fd77::1");
        let wire = Wire { outside, inside };
        // Until the link is up and the neighbours have found each other.
        for (from, to) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
            eventually(&format!("a packet from {from} to {to}"), || wire.comes_in(from, to));
        }
        wire
    }

    /// Whether a packet from an address outside reaches one inside.
    pub fn comes_in(&self, from: &str, to: &str) -> bool {
        passes(&self.outside, from, &self.inside, to)
    }

    /// Whether a packet from an address inside reaches one outside.
    pub fn goes_out(&self, from: &str, to: &str) -> bool {
        passes(&self.inside, from, &self.outside, to)
    }
}

/// Neighbour discovery where the neighbours are listed.
impl Wire {
    /// Makes the foe the inside's gateway to [`BEYOND6`].
    pub fn route_by_foe(&self) {
        self.outside.ip(&format!("addr add {BEYOND6}/128 dev wire0 nodad"));
        self.inside.ip(&format!("addr add 2001:db8:bad::2/64 dev {WIRE} nodad"));
        self.inside.ip(&format!("route add 2001:db8:77::/64 via {FOE6}"));
        // The kernel takes an address into use a moment after it was added.
        let bind = || self.outside.within(|| UdpSocket::bind((BEYOND6, 0)).is_ok());
        eventually(&format!("{BEYOND6} in use"), bind);
    }

    /// Both sides forget which neighbours they know.
    pub fn forget_neighbours(&self) {
        self.outside.ip("-6 neigh flush dev wire0");
        self.inside.ip(&format!("-6 neigh flush dev {WIRE}"));
    }

    /// Whether the outside has found a neighbour.
    pub fn outside_knows(&self, neighbour: &str) -> bool {
        let mut command = Command::new("ip");
        let output = command.args(["-n", self.outside.name(), "-6", "neigh", "show", "to"]);
        let output = output.arg(neighbour).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("lladdr")
    }
}

/// Whether a UDP datagram passes from an address of one namespace to an address of another.
pub fn passes(from: &Namespace, source: &str, to: &Namespace, destination: &str) -> bool {
    let (source, destination): (IpAddr, IpAddr) =
        (source.parse().unwrap(), destination.parse().unwrap());
    let receiver = to.within(|| UdpSocket::bind(SocketAddr::new(destination, 0)).unwrap());
    receiver.set_read_timeout(Some(patience(150))).unwrap();
    let sender = from.within(|| UdpSocket::bind(SocketAddr::new(source, 0)).unwrap());
    let address = receiver.local_addr().unwrap();
    let mut byte = [0];
    (0..2).any(|_| {
        // What is dropped on its way out is an error here, and a packet that does not come there.
        let _ = sender.send_to(b"?", address);
        receiver.recv(&mut byte).is_ok()
    })
}

/// Sends an ICMPv6 packet of a type with a hop limit from an address of a namespace. What the sender's
/// own rules drop is an error, which is none here.
pub fn send_icmpv6(from: &Namespace, source: &str, destination: &str, kind: u8, hop_limit: u8) {
    let address = |text: &str| SocketAddr::new(text.parse::<IpAddr>().unwrap(), 0).into();
    from.within(|| {
        let protocol = Some(socket2::Protocol::ICMPV6);
        let socket = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::RAW, protocol);
        let socket = socket.unwrap();
        socket.bind(&address(source)).unwrap();
        socket.set_unicast_hops_v6(hop_limit.into()).unwrap();
        // The kernel writes the checksum. Behind the header a target, as in a solicitation.
        let mut packet = [0; 24];
        packet[0] = kind;
        let _ = socket.send_to(&packet, &address(destination));
    });
}
