//! The end of a host: whether the daemon's own numbers, what is in force, and its exit status are what
//! was done.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use kit::merged;

use crate::host::{Broken, FOREIGN, Host, Kind};
use crate::lists::Class;
use crate::wire::Phase;

/// For how long packets are sent whose number the daemon must then know.
const COUNTED: Duration = Duration::from_secs(2);

/// The metrics file: a value for each name with its labels.
type Metrics = HashMap<String, f64>;

/// The values of the metrics whose names begin so, with this in their labels, added up.
fn total(metrics: &Metrics, name: &str, label: &str) -> u64 {
    let begin = format!("netfilterd_{name}");
    let of_name = |key: &&String| key.starts_with(&begin) && key.contains(label);
    metrics.keys().filter(of_name).map(|key| metrics[key] as u64).sum()
}

impl Host {
    /// Compares what the daemon knows of itself with what was done and counted, and ends it.
    pub fn close(&mut self) -> Result<(), Broken> {
        self.send(None, Phase::InForce)?;
        let first = self.metrics()?;
        let before = self.packets.arrived(Phase::InForce, Class::Listed);
        self.packets.lane().send(Some(Phase::InForce));
        self.rest(COUNTED)?;
        self.send(None, Phase::InForce)?;
        let second = self.metrics()?;
        self.compare_loads(&second);
        let listed = self.packets.arrived(Phase::InForce, Class::Listed) - before;
        match self.kind {
            Kind::Queue => self.compare_queues(&second),
            // Counters are lost with the table, so this is of the last seconds.
            Kind::Hash | Kind::Interval => {
                let dropped = |metrics| total(metrics, "dropped_packets_total", "\"in");
                self.same("dropped packets", dropped(&second) - dropped(&first), listed);
            }
            Kind::Foreign => {}
        }
        self.judge_exit_status("status", 0);
        self.judge_sets();
        self.compare_elements();
        self.end()
    }

    /// The metrics after one more load, when all packets that came have been judged.
    fn metrics(&mut self) -> Result<Metrics, Broken> {
        if self.kind == Kind::Queue {
            let mut came = 0;
            for phase in Phase::ALL {
                came +=
                    Class::ALL.map(|class| self.packets.arrived(phase, class)).iter().sum::<u64>();
            }
            self.until("verdicts on all packets", |host| {
                let queues = host.status()?.queues;
                (queues.iter().map(|queue| queue.packets).sum::<u64>() >= came).then_some(())
            })?;
        }
        self.change_a_few()?;
        // Written when the status is, and a moment later.
        let loads = self.done.tally.loads as f64;
        self.until("metrics of a load", |host| {
            let text = fs::read_to_string(host.metrics_file()).ok()?;
            let samples = text.lines().filter(|line| !line.starts_with('#'));
            let sample = |line: &str| {
                let (name, value) = line.rsplit_once(' ')?;
                Some((name.to_string(), value.parse().ok()?))
            };
            let metrics: Metrics = samples.filter_map(sample).collect();
            (metrics.get("netfilterd_loads_total") == Some(&loads)).then_some(metrics)
        })
    }

    fn same(&mut self, what: &str, found: u64, expected: u64) {
        if found != expected {
            self.fault(format!("the metrics say of {what}: {found}, and it was {expected}"));
        }
    }

    fn compare_loads(&mut self, metrics: &Metrics) {
        let tally = self.done.tally;
        for (name, expected) in [
            ("loads_total", tally.loads),
            ("load_failures_total", tally.failures),
            ("load_refusals_total", tally.refusals),
            ("repairs_total", tally.repairs),
            ("last_load_successful", 1),
        ] {
            self.same(name, total(metrics, name, ""), expected);
        }
        let networks = self.printed().lines().count();
        self.same("networks", total(metrics, "networks{", ""), networks as u64);
    }

    /// What is to be in force, by `print`.
    fn printed(&self) -> String {
        let printed = self.namespace.netfilterd(&["print", "-q", "-f", &self.list()]);
        printed.expect(0, &[]);
        printed.stdout()
    }

    fn compare_queues(&mut self, metrics: &Metrics) {
        let mut came = |class| {
            Phase::ALL.into_iter().map(|phase| self.packets.arrived(phase, class)).sum::<u64>()
        };
        let [listed, unlisted, protected] = Class::ALL.map(&mut came);
        for (verdict, expected) in [("dropped", listed), ("accepted", unlisted + protected)] {
            let found = total(metrics, "queue_packets_total", &format!("\"{verdict}\""));
            self.same(&format!("packets {verdict}"), found, expected);
        }
        for name in [
            "queue_unreadable_packets_total",
            "queue_malformed_messages_total",
            "queue_enobufs_total",
            "queue_buffer_full_packets_total",
        ] {
            self.same(name, total(metrics, name, ""), 0);
        }
    }

    /// Whether the kernel's sets hold what `print` says, and nothing else.
    fn compare_elements(&mut self) {
        let found = match self.kind {
            Kind::Queue => return,
            Kind::Foreign => ["a", "b"].map(|set| {
                let elements = merged(&self.namespace.elements(FOREIGN, set).join("\n"));
                if set == "a" { elements.v4 } else { elements.v6 }
            }),
            Kind::Hash | Kind::Interval => {
                ["drop4", "drop6"].map(|base| self.namespace.managed(base))
            }
        };
        let expected = merged(&self.printed());
        for (found, expected) in found.into_iter().zip([expected.v4, expected.v6]) {
            if found != expected {
                let counts = (found.len(), expected.len());
                let other = found.into_iter().find(|range| !expected.contains(range));
                self.fault(format!(
                    "in force are {} ranges and not {}, among them {other:?}",
                    counts.0, counts.1
                ));
            }
        }
    }

    /// Has the daemon end, by SIGTERM.
    fn end(&mut self) -> Result<(), Broken> {
        self.judge_log(0, false);
        let Some(daemon) = self.daemon.take() else { return Ok(()) };
        let status = daemon.end("TERM");
        if status != 0 {
            self.fault(format!("the daemon ended with {status}"));
        }
        Ok(())
    }
}
