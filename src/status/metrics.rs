//! The status for Prometheus: a file in its text format, for the textfile collector of the node
//! exporter.
//!
//! Names and units follow Prometheus's conventions: base units, `_total` for counters, times in place
//! of ages (`time() - netfilterd_list_modified_time_seconds` is the age of a list).

use std::fmt::{self, Display};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::queue::{self, Metric};
use crate::nfqueue::QueueCounters;
use crate::status::{Dropped, InForce, ListStatus, Mode, Status};
use crate::sys::replace::OwnFile;

/// How often the file is written if only counters change: more often than Prometheus usually scrapes.
const EVERY: Duration = Duration::from_secs(10);

/// The file for the collector. The file is removed when this value is dropped, so that an alert can
/// detect its absence.
pub struct File<'a> {
    path: &'a Path,
    written: Option<Instant>,
    /// Whether the last write failed. Only the first of several failures is logged.
    failing: bool,
}

impl<'a> File<'a> {
    /// A file that has not been written yet.
    pub fn new(path: &'a Path) -> Self {
        File { path, written: None, failing: false }
    }

    /// The time until the next write, if the status does not change before.
    pub fn wait(&self, now: Instant) -> Duration {
        match self.written {
            Some(written) => (written + EVERY).saturating_duration_since(now),
            None => EVERY,
        }
    }

    fn own(&self) -> OwnFile<'a> {
        // The collector runs as a user of its own.
        let is_ours = |head: &[u8]| head.starts_with(b"# HELP netfilterd_");
        OwnFile { path: self.path, mode: 0o644, is_ours }
    }

    /// Replaces the file, so that the collector finds the old text or the new one. A failure is logged.
    pub fn write(&mut self, status: &Status, dropped: &[Dropped], now: Instant) {
        // After a failure, too, the next write is at the usual time.
        self.written = Some(now);
        let text = Metrics { status, dropped }.to_string();
        match self.own().replace(text.as_bytes()) {
            Ok(()) => self.failing = false,
            Err(error) if !self.failing => {
                log::warn!(
                    "cannot write metrics file {}: {error}; give --metrics a path that netfilterd \
                     can write to",
                    self.path.display()
                );
                self.failing = true;
            }
            Err(_) => {}
        }
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        if self.written.is_some() && !self.failing {
            if let Err(error) = self.own().remove() {
                log::debug!("metrics file: {error}");
            }
        }
    }
}

/// The text of the file, by `Display`.
pub struct Metrics<'a> {
    /// The status of the daemon.
    pub status: &'a Status,
    /// The counters of the managed tables; empty if there are none.
    pub dropped: &'a [Dropped],
}

impl Display for Metrics<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = daemon(self.status)
            .into_iter()
            .chain(self.status.loaded.iter().flat_map(in_force))
            .chain(kernel(self.dropped))
            .chain(queues(&self.status.queues));
        for family in all.filter(|family| !family.samples.is_empty()) {
            family.fmt(f)?;
        }
        Ok(())
    }
}

fn daemon(status: &Status) -> Vec<Family> {
    let mode = match status.mode {
        Mode::Tables => "tables",
        Mode::Queue => "queue",
    };
    let info = labels(&[("version", &status.version), ("mode", &mode)]);
    let flag = |is_so| if is_so { 1.0 } else { 0.0 };
    let successful = flag(status.is_last_load_successful() && !status.is_late());
    let restore = status.condition.as_ref().and_then(|condition| condition.retry_at);
    let apply = status.not_applied.as_ref().and_then(|failed| failed.next);
    let next_attempt = [restore, apply].into_iter().flatten().min();
    let totals = status.totals;
    vec![
        gauge("info", "Version and mode of the daemon.", [(info, 1.0)]),
        gauge(
            "start_time_seconds",
            "Time at which the daemon started.",
            [alone(seconds(status.started))],
        ),
        gauge(
            "last_load_successful",
            "1 if the last load succeeded, 0 if it failed, or if reading a list takes too long.",
            [alone(successful)],
        ),
        gauge(
            "in_force",
            "1 if the tables or the queues have what the lists ask for, 0 if not, or if that is not known.",
            [alone(flag(status.is_in_force()))],
        ),
        gauge(
            "next_attempt_time_seconds",
            "Time of the next attempt to put in force what is not in force, or to look whether it is.",
            next_attempt.map(|at| alone(seconds(at))),
        ),
        counter("loads_total", "Loads that succeeded.", [alone(totals.loads as f64)]),
        counter(
            "load_failures_total",
            "Loads that failed; what was in force stayed in force.",
            [alone(totals.failures as f64)],
        ),
        counter(
            "load_refusals_total",
            "Loads that a guard refused; what was in force stayed in force.",
            [alone(totals.refusals as f64)],
        ),
        counter(
            "repairs_total",
            "Repairs of the tables after changes by other programs.",
            [alone(status.repairs.count as f64)],
        ),
    ]
}

fn in_force(loaded: &InForce) -> Vec<Family> {
    let families = |v4: f64, v6: f64| {
        [("ipv4", v4), ("ipv6", v6)].map(|(name, value)| (labels(&[("family", &name)]), value))
    };
    let lists = |value: &dyn Fn(&ListStatus) -> Option<f64>| -> Vec<Sample> {
        let sources = loaded.sources.iter();
        sources.filter_map(|list| Some((labels(&[("list", &list.name)]), value(list)?))).collect()
    };
    vec![
        gauge(
            "networks",
            "Networks in force.",
            families(loaded.networks4 as f64, loaded.networks6 as f64),
        ),
        gauge("addresses", "Addresses in force.", families(loaded.addresses4, loaded.addresses6)),
        gauge(
            "allowed_networks",
            "Listed networks that are not dropped because they are allowed.",
            [alone(loaded.allowed as f64)],
        ),
        gauge(
            "protected_networks",
            "Listed networks that are not dropped because they are protected.",
            [alone(loaded.protected as f64)],
        ),
        gauge(
            "last_success_time_seconds",
            "Time of the last load that succeeded.",
            [alone(seconds(loaded.at))],
        ),
        gauge(
            "last_success_duration_seconds",
            "Duration of the last load that succeeded.",
            [alone(loaded.seconds)],
        ),
        gauge(
            "next_end_time_seconds",
            "Time at which the next entry expires.",
            loaded.next_end.map(|end| alone(seconds(end))),
        ),
        gauge(
            "list_entries",
            "Entries of a list that are neither rejected nor ignored.",
            lists(&|list| Some(list.entries as f64)),
        ),
        gauge(
            "list_rejected_lines",
            "Rejected lines of a list.",
            lists(&|list| Some(list.rejected as f64)),
        ),
        gauge(
            "list_exceptions",
            "Exceptions of a list, which were taken out of its entries.",
            lists(&|list| Some(list.exceptions as f64)),
        ),
        gauge(
            "list_set_aside_entries",
            "Entries of a list that were ignored as too wide.",
            lists(&|list| Some(list.too_wide as f64)),
        ),
        gauge(
            "list_modified_time_seconds",
            "Time of the last write to a list.",
            lists(&|list| list.modified.map(seconds)),
        ),
    ]
}

fn kernel(dropped: &[Dropped]) -> Vec<Family> {
    let each = |value: fn(&Dropped) -> u64| -> Vec<Sample> {
        let sample = |one: &Dropped| {
            let labels = labels(&[("direction", &one.direction), ("family", &one.family)]);
            (labels, value(one) as f64)
        };
        dropped.iter().map(sample).collect()
    };
    vec![
        counter(
            "dropped_packets_total",
            "Packets that the managed tables dropped.",
            each(|one| one.packets),
        ),
        counter("dropped_bytes_total", "Bytes of these packets.", each(|one| one.bytes)),
    ]
}

fn queues(queues: &[QueueCounters]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for figure in &queue::FIGURES {
        let Some(Metric { name, help, verdict }) = figure.metric else { continue };
        let samples = queues.iter().filter_map(|one| {
            let labels = match verdict {
                Some(verdict) => labels(&[("queue", &one.queue), ("verdict", &verdict)]),
                None => labels(&[("queue", &one.queue)]),
            };
            Some((labels, (figure.value)(one).sample()?))
        });
        match families.last_mut().filter(|family| family.name == name) {
            Some(family) => family.samples.extend(samples),
            None if name.ends_with("_total") => families.push(counter(name, help, samples)),
            None => families.push(gauge(name, help, samples)),
        }
    }
    families
}

/// The labels with their braces, and the value.
type Sample = (String, f64);

fn alone(value: f64) -> Sample {
    (String::new(), value)
}

fn seconds(time: Timestamp) -> f64 {
    time.as_second() as f64
}

fn labels(pairs: &[(&str, &dyn Display)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| {
        // The format requires these three characters to be escaped in the value of a label.
        let value = value.to_string();
        let value = value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
        format!("{name}=\"{value}\"")
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

/// A metric with all its samples.
struct Family {
    kind: &'static str,
    /// The name without `netfilterd_`.
    name: &'static str,
    help: &'static str,
    samples: Vec<Sample>,
}

fn gauge(
    name: &'static str,
    help: &'static str,
    samples: impl IntoIterator<Item = Sample>,
) -> Family {
    Family { kind: "gauge", name, help, samples: samples.into_iter().collect() }
}

fn counter(
    name: &'static str,
    help: &'static str,
    samples: impl IntoIterator<Item = Sample>,
) -> Family {
    Family { kind: "counter", name, help, samples: samples.into_iter().collect() }
}

impl Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Family { kind, name, help, samples } = self;
        writeln!(f, "# HELP netfilterd_{name} {help}")?;
        writeln!(f, "# TYPE netfilterd_{name} {kind}")?;
        samples
            .iter()
            .try_for_each(|(labels, value)| writeln!(f, "netfilterd_{name}{labels} {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{BeingRead, Failed, now};

    #[test]
    fn a_list_that_is_read_for_too_long_is_no_success_and_each_attempt_is_shown() {
        let shown = |status: &Status| Metrics { status, dropped: &[] }.to_string();
        let mut status = Status::new(Mode::Tables);
        status.loaded = Some(InForce::default());
        assert!(shown(&status).contains("\nnetfilterd_last_load_successful 1\n"));
        let being_read = |late| BeingRead { list: "list".to_string(), since: now(), late };
        status.reading = Some(being_read(false));
        assert!(shown(&status).contains("\nnetfilterd_last_load_successful 1\n"));
        status.reading = Some(being_read(true));
        assert!(shown(&status).contains("\nnetfilterd_last_load_successful 0\n"));
        assert!(!shown(&status).contains("\nnetfilterd_next_attempt_time_seconds "));
        let next = Some(now());
        status.not_applied = Some(Failed { at: now(), line: String::new(), times: 1, next });
        assert!(shown(&status).contains("\nnetfilterd_next_attempt_time_seconds "));
        assert!(shown(&status).contains("\nnetfilterd_in_force 0\n"));
    }
}
