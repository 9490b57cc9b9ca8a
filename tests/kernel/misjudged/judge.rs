//! The measurement: packets from some sources, counted on both sides of netfilterd's rules.

use std::net::{IpAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use kit::*;

/// So many packets from listed sources are judged in each mode, and as many from unlisted ones.
/// NETFILTERD_PACKETS may be another number, down to [`FEW_PACKETS`].
const PACKETS: u64 = 1_000_000;

/// What an emulated machine can do, and a way that is wrong needs to be seen.
const FEW_PACKETS: u64 = 100_000;

/// So often the list is loaded again in each mode, however fast the packets are.
/// NETFILTERD_RELOADS may be another number.
const RELOADS: u32 = 20;

/// How many packets are judged of either kind, and how often the list is loaded at least meanwhile.
#[derive(Clone, Copy)]
pub struct Share {
    pub packets: u64,
    pub reloads: u32,
}

impl Share {
    /// All that is asked for.
    pub fn all() -> Self {
        let asked = |name: &str| std::env::var(name).ok().map(|number| number.parse().unwrap());
        let packets = asked("NETFILTERD_PACKETS").unwrap_or(PACKETS).max(FEW_PACKETS);
        let reloads = asked("NETFILTERD_RELOADS").map_or(RELOADS, |reloads| reloads as u32);
        Share { packets, reloads }
    }

    /// A part of that, where several measurements share it.
    pub fn one_of(measurements: u32) -> Self {
        let Share { packets, reloads } = Share::all();
        let packets = packets / u64::from(measurements);
        Share { packets, reloads: (reloads / measurements).max(2) }
    }

    /// What shows a way that is wrong.
    pub fn few() -> Self {
        Share { packets: FEW_PACKETS, ..Share::all() }
    }
}

/// One measurement at a time: each wants a processor to send and another to load.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A source of packets.
#[derive(Clone)]
pub struct Probe {
    pub address: IpAddr,
    /// Whether it is listed at all times, or at none.
    pub is_listed: bool,
    /// What there is to be misjudged, for a report.
    pub what: String,
}

/// UDP's port for what is to be discarded.
const PORT: u16 = 9;

/// A wire with the probes' addresses outside and the counters inside.
pub fn wire_of_probes(probes: &[Probe]) -> Wire {
    let wire = Wire::new();
    for Probe { address, .. } in probes {
        match address {
            IpAddr::V4(_) => wire.outside.ip(&format!("addr add {address}/32 dev wire0")),
            IpAddr::V6(_) => wire.outside.ip(&format!("addr add {address}/128 dev wire0 nodad")),
        }
    }
    // Neighbours are asked for with the source of the packet that waits for them. From a listed
    // one the question is dropped.
    wire.outside.ip("link set wire0 address 02:00:00:00:00:01");
    wire.inside.ip(&format!("link set {WIRE} address 02:00:00:00:00:02"));
    for inside in [INSIDE4, INSIDE6] {
        wire.outside.ip(&format!(
            "neigh replace {inside} lladdr 02:00:00:00:00:02 dev wire0 nud permanent"
        ));
    }
    wire.inside.nft(&counters(probes));
    wire
}

/// The table that counts, on both sides of priority -300. Behind the rules everything is dropped:
/// nobody is there to receive it.
fn counters(probes: &[Probe]) -> String {
    let mut table = String::from("table inet judged {\n");
    let map = |v6: bool, place: &str| {
        let probes = probes.iter().enumerate();
        let of_family = probes.filter(|(_, probe)| probe.address.is_ipv6() == v6);
        let item = |(i, probe): (usize, &Probe)| format!("{} : \"{place}{i}\"", probe.address);
        of_family.map(item).collect::<Vec<_>>().join(", ")
    };
    for (place, priority, verdict) in [("before", -400, ""), ("behind", -200, " drop")] {
        for i in 0..probes.len() {
            table += &format!("counter {place}{i} {{ }}\n");
        }
        table += &format!("chain {place} {{ type filter hook prerouting priority {priority};\n");
        for (header, map) in [("ip", map(false, place)), ("ip6", map(true, place))] {
            // An empty map is none.
            if !map.is_empty() {
                table += &format!(
                    "udp dport {PORT} counter name {header} saddr map {{ {map} }}{verdict}\n"
                );
            }
        }
        table += "}\n";
    }
    table + "}\n"
}

/// What became of the packets of one source.
struct Count {
    probe: Probe,
    before: u64,
    behind: u64,
}

/// Reads the counters, in the order of the probes.
fn counts(wire: &Wire, probes: &[Probe]) -> Vec<Count> {
    let listing = wire.inside.nft_json("list counters table inet judged");
    let listing = listing["nftables"].as_array().unwrap();
    let count = |name: String| {
        let mut counters = listing.iter().filter_map(|object| object.get("counter"));
        let counter = counters.find(|counter| counter["name"] == name.as_str()).unwrap();
        counter["packets"].as_u64().unwrap()
    };
    let of_probe = |(i, probe): (usize, &Probe)| Count {
        probe: probe.clone(),
        before: count(format!("before{i}")),
        behind: count(format!("behind{i}")),
    };
    probes.iter().enumerate().map(of_probe).collect()
}

/// What a measurement found.
pub struct Outcome {
    counts: Vec<Count>,
    reloads: u32,
    time: Duration,
}

impl Outcome {
    /// Which sources of some probes the misjudged packets came from, a line each.
    pub fn misjudgements(&self, of: impl Fn(&Probe) -> bool) -> String {
        let of_source = |count: &Count| {
            let Count { probe: Probe { address, is_listed, what }, before, behind } = count;
            let right = if *is_listed { 0 } else { *before };
            let line = format!("{address} ({what}): {behind} of {before} passed\n");
            (*behind != right).then_some(line)
        };
        self.counts.iter().filter(|count| of(&count.probe)).filter_map(of_source).collect()
    }

    fn sum(&self, listed: bool, count: impl Fn(&Count) -> u64) -> u64 {
        self.counts.iter().filter(|c| c.probe.is_listed == listed).map(count).sum()
    }

    fn judged(&self, listed: bool) -> u64 {
        self.sum(listed, |count| count.before)
    }

    pub fn let_through(&self) -> u64 {
        self.sum(true, |count| count.behind)
    }

    fn dropped(&self) -> u64 {
        self.sum(false, |count| count.before - count.behind)
    }

    fn misjudged(&self) -> u64 {
        self.let_through() + self.dropped()
    }

    pub fn summary(&self) -> String {
        let packets = self.judged(true) + self.judged(false);
        let seconds = self.time.as_secs_f64();
        format!(
            "{packets} packets judged, {} reloads, {} misjudged ({} let through, {} dropped), \
             {seconds:.1} s, {:.0} packets a second",
            self.reloads,
            self.misjudged(),
            self.let_through(),
            self.dropped(),
            packets as f64 / seconds
        )
    }
}

/// Sends packets and calls `reload` meanwhile, until so many packets from listed sources and as many
/// from unlisted ones have been judged, and so often at least.
pub fn measure(wire: &Wire, probes: &[Probe], share: Share, mut reload: impl FnMut()) -> Outcome {
    let Share { packets, reloads } = share;
    let connected = |listed: bool| -> Vec<UdpSocket> {
        wire.outside.within(|| {
            let chosen = probes.iter().filter(|probe| probe.is_listed == listed);
            chosen.map(|probe| connect(probe.address)).collect()
        })
    };
    let (listed, unlisted) = (connected(true), connected(false));
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begin = Instant::now();
    let mut outcome = Outcome { counts: Vec::new(), reloads: 0, time: Duration::ZERO };
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(&listed, &unlisted, &sent, &stop));
        // Also when a reload panics: the scope waits for the sender.
        let _stop = StopAtEnd(&stop);
        let mut enough = packets;
        loop {
            reload();
            outcome.reloads += 1;
            assert!(!sender.is_finished(), "the sender has given up");
            let so_far = sent.load(Ordering::Relaxed);
            if outcome.reloads < reloads || so_far < enough {
                continue;
            }
            // A packet too many for the receiver's backlog is lost before it is judged.
            outcome.counts = counts(wire, probes);
            let judged = outcome.judged(true).min(outcome.judged(false));
            if judged >= packets {
                break;
            }
            enough = so_far + (packets - judged);
        }
    });
    outcome.time = begin.elapsed();
    // The last packets may still be on their way between the two counters.
    loop {
        thread::sleep(Duration::from_millis(100));
        let before = outcome.judged(true) + outcome.judged(false);
        outcome.counts = counts(wire, probes);
        if outcome.judged(true) + outcome.judged(false) == before {
            return outcome;
        }
    }
}

fn connect(source: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    let inside = if source.is_ipv4() { INSIDE4 } else { INSIDE6 };
    socket.connect((inside, PORT)).unwrap();
    socket
}

/// Sends from a listed source and an unlisted one by turns, all sources after each other.
fn send(listed: &[UdpSocket], unlisted: &[UdpSocket], sent: &AtomicU64, stop: &AtomicBool) {
    let (listed, unlisted) = (listed.iter().cycle(), unlisted.iter().cycle());
    for (foe, friend) in listed.zip(unlisted) {
        foe.send(b"?").unwrap();
        friend.send(b"?").unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
