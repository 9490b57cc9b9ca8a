//! The way of the packets: one namespace that sends from all sources, a wire from it to each host,
//! and who sends.

use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kit::Namespace;

use crate::lists::{Class, Plot, Probe, gateways, probes};

/// From one round of all sources to the next.
pub const ROUND: Duration = Duration::from_millis(20);

/// What is known of packets when they are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// All that the list asks for is in force.
    InForce,
    /// Another program has just removed some of it: packets from listed sources may pass until it is
    /// repaired. No others may be dropped.
    Repairing,
}

impl Phase {
    pub const ALL: [Phase; 2] = [Phase::InForce, Phase::Repairing];
}

/// The ports of one phase and class: one for each probe, by its number.
pub const PORTS_EACH: u16 = 100;

/// The first of them.
pub fn first_port(phase: Phase, class: Class) -> u16 {
    20_000 + PORTS_EACH * (phase as u16 * Class::ALL.len() as u16 + class as u16)
}

/// The interface of a host.
const WIRE: &str = "wire";

/// The two ends of each wire: neighbours are known, for to ask for one from a listed source would be
/// in vain.
const SENDER_MAC: &str = "02:00:00:00:00:01";
const HOST_MAC: &str = "02:00:00:00:00:02";

/// The namespace from which packets come.
pub struct Outside {
    namespace: Namespace,
}

impl Outside {
    pub fn new() -> Self {
        let namespace = Namespace::new();
        for Probe { source, .. } in probes(&Plot::ALL) {
            match source {
                IpAddr::V4(_) => namespace.ip(&format!("addr add {source}/32 dev lo")),
                IpAddr::V6(_) => namespace.ip(&format!("addr add {source}/128 dev lo nodad")),
            }
        }
        Outside { namespace }
    }

    /// A wire to a host, over which its gateways are, and what sends over it. `number` is another
    /// one for each host.
    pub fn connect(&self, host: &Namespace, number: usize, sources: &[Probe]) -> Arc<Lane> {
        let interface = format!("host{number}");
        self.namespace.ip(&format!(
            "link add {interface} address {SENDER_MAC} type veth \
             peer name {WIRE} address {HOST_MAC} netns {}",
            host.name()
        ));
        self.namespace.ip(&format!("link set {interface} up"));
        host.ip(&format!("link set {WIRE} up"));
        // Addresses that are the host's as far as its neighbour knows.
        let targets: [IpAddr; 2] =
            [format!("192.0.2.{}", number + 1), format!("2001:db8::{}", number + 1)]
                .map(|target| target.parse().unwrap());
        for (target, gateway) in targets.into_iter().zip(gateways()) {
            let family = if target.is_ipv4() { "-4" } else { "-6" };
            self.namespace.ip(&format!("{family} route add {target} dev {interface}"));
            self.namespace.ip(&format!(
                "neigh replace {target} lladdr {HOST_MAC} dev {interface} nud permanent"
            ));
            host.ip(&format!("{family} route add default via {gateway} dev {WIRE} onlink"));
        }
        let connected = |probe: &Probe, number: usize, phase| {
            let socket = UdpSocket::bind((probe.source, 0)).unwrap();
            let target = targets[usize::from(probe.source.is_ipv6())];
            socket.connect((target, port(phase, probe, number))).unwrap();
            socket
        };
        let sockets = self.namespace.within(|| {
            let of_probe =
                |(number, probe)| Phase::ALL.map(|phase| connected(probe, number, phase));
            sources.iter().enumerate().map(of_probe).collect()
        });
        Arc::new(Lane { phase: Mutex::new(None), sockets, sent: Default::default() })
    }
}

/// The port that the packets of a probe have, by its number among those of its host.
pub fn port(phase: Phase, probe: &Probe, number: usize) -> u16 {
    first_port(phase, probe.class) + number as u16
}

/// What is sent to one host.
pub struct Lane {
    /// What is sent now; held for as long as a round takes.
    phase: Mutex<Option<Phase>>,
    /// For each source two sockets, in the order of the phases.
    sockets: Vec<[UdpSocket; 2]>,
    /// Packets that were sent, by phase.
    sent: [AtomicU64; 2],
}

impl Lane {
    /// Has packets of a phase sent from now on, or none. Those that were sent before are on the wire
    /// when it returns.
    pub fn send(&self, phase: Option<Phase>) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// How many packets of a phase were sent.
    pub fn sent(&self, phase: Phase) -> u64 {
        self.sent[phase as usize].load(Ordering::Relaxed)
    }

    /// One packet from each source.
    fn round(&self) {
        let phase = self.phase.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(phase) = *phase else { return };
        for sockets in &self.sockets {
            sockets[phase as usize].send(b"?").expect("packets leave the namespace");
            self.sent[phase as usize].fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends to all hosts, until it is to stop.
pub fn send(lanes: &[Arc<Lane>], stop: &AtomicBool) {
    let mut due = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        lanes.iter().for_each(|lane| lane.round());
        // What a busy machine has kept it from sending it does not catch up on.
        due = (due + ROUND).max(Instant::now());
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}
