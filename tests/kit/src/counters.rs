//! Counts UDP packets by their port of destination, twice: before all rules, and behind them, where
//! they end. What is in the first count only was dropped by a rule; what was lost on the wire is in
//! neither. `nft flush ruleset` takes none of it away.

use std::collections::HashMap;
use std::ops::Range;

use nix::sys::socket::getsockopt;
use nix::{getsockopt_impl, sockopt_impl};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{Folder, Namespace, needs};

/// The programs that restore and list rules of xtables, which nft does not know, by family.
const PROGRAMS: [&str; 2] = ["iptables-legacy", "ip6tables-legacy"];

/// Counts what comes off the wire for some ports, before any rule: a packet socket that is never
/// read. The kernel counts also what finds no room in it.
pub struct Tap {
    socket: Socket,
    counted: u64,
}

impl Tap {
    /// Counts from here on what comes to these ports in a namespace, on any interface.
    pub fn new(namespace: &Namespace, ports: Range<u16>) -> Self {
        let all = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
        let socket = namespace.within(|| Socket::new(Domain::PACKET, Type::RAW, Some(all)));
        let mut tap = Tap { socket: socket.unwrap(), counted: 0 };
        tap.socket.attach_filter(&filter(ports)).unwrap();
        // What came before there was a filter.
        tap.count();
        tap.counted = 0;
        tap
    }

    /// How many packets have come.
    pub fn count(&mut self) -> u64 {
        // Reading the kernel's count sets it to 0.
        let statistics = getsockopt(&self.socket, PacketStatistics).unwrap();
        self.counted += u64::from(statistics.tp_packets);
        self.counted
    }
}

sockopt_impl!(
    /// `PACKET_STATISTICS` of packet(7).
    PacketStatistics,
    GetOnly,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats
);

/// Takes UDP packets of both families to these ports, by the bytes behind the Ethernet header; no
/// fragments, options or extension headers.
fn filter(ports: Range<u16>) -> [SockFilter; 14] {
    // linux/bpf_common.h: two bytes and one byte at a place, jumps of so many steps if it is so and
    // if not, and the end.
    let load2 = |at| SockFilter::new(0x28, 0, 0, at);
    let load1 = |at| SockFilter::new(0x30, 0, 0, at);
    let is = |value, yes, no| SockFilter::new(0x15, yes, no, value);
    let over = |value, yes, no| SockFilter::new(0x25, yes, no, value);
    let at_least = |value, yes, no| SockFilter::new(0x35, yes, no, value);
    let go = |steps| SockFilter::new(0x05, 0, 0, steps);
    let take = |bytes| SockFilter::new(0x06, 0, 0, bytes);
    let udp = libc::IPPROTO_UDP as u32;
    [
        load2(12),
        is(libc::ETH_P_IP as u32, 0, 4),
        load1(23),
        is(udp, 0, 9),
        load2(36),
        go(4),
        is(libc::ETH_P_IPV6 as u32, 0, 6),
        load1(20),
        is(udp, 0, 4),
        load2(56),
        at_least(ports.start.into(), 0, 2),
        over((ports.end - 1).into(), 1, 0),
        take(1),
        take(0),
    ]
}

/// The rules at the end of the way: each port has one that counts and drops, at prerouting, with
/// priority mangle.
pub struct Behind;

impl Behind {
    /// Adds the rules to a namespace.
    #[track_caller]
    pub fn new(namespace: &Namespace, ports: impl Iterator<Item = u16>) -> Self {
        needs(&PROGRAMS);
        let rules: String =
            ports.map(|port| format!("-A PREROUTING -p udp --dport {port} -j DROP\n")).collect();
        let folder = Folder::new();
        let script = folder.file("rules", format!("*mangle\n{rules}COMMIT\n"));
        for program in PROGRAMS {
            namespace.restore(&format!("{program}-restore"), &script);
        }
        Behind
    }

    /// How many packets of both families have come to the end, by port.
    #[track_caller]
    pub fn counts(&self, namespace: &Namespace) -> HashMap<u16, u64> {
        let mut counts = HashMap::new();
        for program in PROGRAMS {
            let mut command = namespace.command(&format!("{program}-save"));
            let listed = super::run(command.args(["-c", "-t", "mangle"]));
            listed.expect(0, &[]);
            let mut rules = 0;
            for (port, packets) in listed.stdout().lines().filter_map(counted) {
                *counts.entry(port).or_default() += packets;
                rules += 1;
            }
            assert!(rules > 0, "the rules of {program} that count are gone");
        }
        counts
    }
}

/// Port and packets of a rule: `[7:203] -A PREROUTING -p udp -m udp --dport 20000 -j DROP`.
fn counted(line: &str) -> Option<(u16, u64)> {
    let packets = line.strip_prefix('[')?.split(':').next()?.parse().ok()?;
    let port = line.split_once("--dport ")?.1.split(' ').next()?.parse().ok()?;
    Some((port, packets))
}
