//! The packets of a host: how many were sent, how many came, and what became of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kit::Namespace;
use kit::counters::{Behind, Tap};

use crate::host::{Broken, Host};
use crate::lists::{Class, Probe};
use crate::wire::{Lane, Outside, PORTS_EACH, Phase, first_port, port};

/// How soon to count again what came off the wire, of which nobody is notified; and after how long a packet
/// that has not come is lost.
const SOON: Duration = Duration::from_millis(5);
const LOST: Duration = Duration::from_secs(1);

/// The sources that send to a host, and the counters of what they send.
pub struct Packets {
    sources: Vec<Probe>,
    lane: Arc<Lane>,
    taps: Vec<(Phase, Class, Tap)>,
    behind: Behind,
}

impl Packets {
    /// Packets from `sources` to a namespace; `number` is another one for each host.
    pub fn new(
        outside: &Outside,
        namespace: &Namespace,
        number: usize,
        sources: Vec<Probe>,
    ) -> Self {
        let lane = outside.connect(namespace, number, &sources);
        let tap = |phase, class| {
            let first = first_port(phase, class);
            (phase, class, Tap::new(namespace, first..first + PORTS_EACH))
        };
        let taps = Phase::ALL.map(|phase| Class::ALL.map(|class| tap(phase, class)));
        let ports = Phase::ALL.into_iter().flat_map(|phase| ports(&sources, phase));
        let behind = Behind::new(namespace, ports);
        Packets { lane, taps: taps.into_iter().flatten().collect(), behind, sources }
    }

    /// What sends them.
    pub fn lane(&self) -> Arc<Lane> {
        self.lane.clone()
    }

    /// How many of a phase have come off the wire, from sources of a class.
    pub fn arrived(&mut self, phase: Phase, class: Class) -> u64 {
        let mut taps = self.taps.iter_mut();
        taps.find(|(p, c, _)| (*p, *c) == (phase, class)).map_or(0, |(.., tap)| tap.count())
    }

    fn all_arrived(&mut self, phase: Phase) -> u64 {
        Class::ALL.iter().map(|&class| self.arrived(phase, class)).sum()
    }

    /// What became of them, once all have come to the end of their way.
    pub fn verdict(&mut self, namespace: &Namespace) -> Verdict {
        let counts = self.behind.counts(namespace);
        let mut verdict = Verdict::default();
        for phase in Phase::ALL {
            verdict.lost += self.lane.sent(phase).saturating_sub(self.all_arrived(phase));
            let passed = ports(&self.sources, phase).map(|port| counts[&port]);
            let passed: Vec<(Probe, u64)> = self.sources.iter().copied().zip(passed).collect();
            for class in Class::ALL {
                let arrived = self.arrived(phase, class);
                let of_class = passed.iter().filter(|(probe, _)| probe.class == class);
                let of_class: Vec<(Probe, u64)> = of_class.copied().collect();
                verdict.add(phase, class, arrived, &of_class);
            }
        }
        if verdict.listed.came == 0 || verdict.unlisted.came == 0 {
            verdict.faults.push("no packets were judged".to_string());
        }
        verdict
    }
}

/// The ports of the packets of a phase, in the order of the sources.
fn ports(sources: &[Probe], phase: Phase) -> impl Iterator<Item = u16> {
    sources.iter().enumerate().map(move |(number, probe)| port(phase, probe, number))
}

/// What became of packets.
#[derive(Default)]
pub struct Verdict {
    /// From listed sources; misjudged are those that passed.
    pub listed: Count,
    /// The same while something was yet to be repaired, when they may pass.
    pub repairing: Count,
    /// From unlisted sources; misjudged are those that were dropped.
    pub unlisted: Count,
    /// The same from protected ones.
    pub protected: Count,
    /// Lost on the wire, before all rules.
    pub lost: u64,
    /// What is wrong with it.
    pub faults: Vec<String>,
}

/// How many packets came, and how many of them were misjudged.
#[derive(Clone, Copy, Default)]
pub struct Count {
    pub came: u64,
    pub misjudged: u64,
}

impl Verdict {
    /// Adds the packets of a phase and class: how many came, and how many of each source passed.
    fn add(&mut self, phase: Phase, class: Class, came: u64, passed: &[(Probe, u64)]) {
        let all_passed: u64 = passed.iter().map(|(_, passed)| passed).sum();
        let dropped = came.saturating_sub(all_passed);
        let (judged, misjudged) = match (class, phase) {
            (Class::Listed, Phase::InForce) => (&mut self.listed, all_passed),
            (Class::Listed, Phase::Repairing) => (&mut self.repairing, all_passed),
            (Class::Unlisted, _) => (&mut self.unlisted, dropped),
            (Class::Protected, _) => (&mut self.protected, dropped),
        };
        judged.came += came;
        judged.misjudged += misjudged;
        match class {
            Class::Listed if phase == Phase::Repairing => {}
            Class::Listed => {
                let passed = passed.iter().filter(|(_, passed)| *passed > 0);
                self.faults.extend(passed.map(|(probe, passed)| {
                    format!("misjudged: {passed} packets from {probe} passed")
                }));
            }
            Class::Unlisted | Class::Protected if dropped > 0 => {
                // Each round has a packet from each source.
                let of_each = came / passed.len() as u64;
                let fewer = passed.iter().filter(|(_, passed)| *passed < of_each);
                let fewer: Vec<String> = fewer.map(|(probe, _)| probe.to_string()).collect();
                self.faults.push(format!(
                    "misjudged: {dropped} packets from {class} sources were dropped, of {}",
                    fewer.join(", ")
                ));
            }
            Class::Unlisted | Class::Protected => {}
        }
    }
}

impl Host {
    /// Has packets sent as those of another phase, or none. Returns when those of the phase `before`
    /// are off the wire.
    pub fn send(&mut self, phase: Option<Phase>, before: Phase) -> Result<(), Broken> {
        let lane = self.packets.lane();
        lane.send(phase);
        let sent = lane.sent(before);
        let (mut last, mut since) = (0, Instant::now());
        loop {
            let arrived = self.packets.all_arrived(before);
            if arrived > last {
                (last, since) = (arrived, Instant::now());
            }
            // Those that are lost on the wire, which a busy machine may do, never come.
            if arrived >= sent || since.elapsed() > LOST {
                return Ok(());
            }
            self.pass(SOON)?;
        }
    }
}
