//! The figures of a queue, each defined once for people and for Prometheus.

use std::fmt;

use crate::nfqueue::QueueCounters;
use crate::words::Grouped;

/// A figure of a queue.
pub struct Figure {
    /// The name of the figure in the text of `status`.
    pub words: &'static str,
    /// The metric; `None` if other metrics give the figure.
    pub metric: Option<Metric>,
    /// Reads the figure from the counters of a queue.
    pub value: fn(&QueueCounters) -> Value,
}

/// A Prometheus metric with a sample for each queue.
pub struct Metric {
    /// The name without `netfilterd_`; the names of counters end in `_total`.
    pub name: &'static str,
    /// The text of the HELP line.
    pub help: &'static str,
    /// The label `verdict`, if the metric has a sample for each verdict.
    pub verdict: Option<&'static str>,
}

/// A value with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A number; `None` if the kernel does not count it.
    Count(Option<u64>),
    /// A duration in seconds.
    Seconds(f64),
}

impl Value {
    /// The value of a sample; `None` if there is no sample.
    pub fn sample(self) -> Option<f64> {
        match self {
            Value::Count(count) => count.map(|count| count as f64),
            Value::Seconds(seconds) => Some(seconds),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Count(Some(count)) => Grouped((*count).into()).fmt(f),
            Value::Count(None) => f.write_str("not counted"),
            Value::Seconds(seconds) => write!(f, "{seconds:.6} s"),
        }
    }
}

/// All figures in the order of the text of `status`. Figures of one metric are neighbours.
pub const FIGURES: [Figure; 9] = [
    Figure { words: "packets", metric: None, value: |queue| Value::Count(Some(queue.packets)) },
    Figure {
        words: "accepted",
        metric: verdicts("accepted"),
        value: |queue| Value::Count(Some(queue.accepted)),
    },
    Figure {
        words: "dropped",
        metric: verdicts("dropped"),
        value: |queue| Value::Count(Some(queue.dropped)),
    },
    Figure {
        words: "unreadable",
        metric: metric(
            "queue_unreadable_packets_total",
            "Packets whose IP header could not be read.",
        ),
        value: |queue| Value::Count(Some(queue.unreadable)),
    },
    Figure {
        words: "malformed messages",
        metric: metric(
            "queue_malformed_messages_total",
            "Messages from the kernel that could not be read.",
        ),
        value: |queue| Value::Count(Some(queue.malformed)),
    },
    Figure {
        words: "ENOBUFS",
        metric: metric(
            "queue_enobufs_total",
            "Times that the kernel reported a full receive buffer.",
        ),
        value: |queue| Value::Count(Some(queue.enobufs)),
    },
    Figure {
        words: "full queue",
        metric: metric("queue_full_packets_total", "Packets dropped because the queue was full."),
        value: |queue| Value::Count(queue.queue_full),
    },
    Figure {
        words: "full buffer",
        metric: metric(
            "queue_buffer_full_packets_total",
            "Packets not received because the receive buffer was full.",
        ),
        value: |queue| Value::Count(Some(queue.buffer_full)),
    },
    Figure {
        words: "longest wait",
        metric: metric(
            "queue_longest_wait_seconds",
            "Longest time from reading a packet to its verdict.",
        ),
        value: |queue| Value::Seconds(queue.longest_wait),
    },
];

const fn metric(name: &'static str, help: &'static str) -> Option<Metric> {
    Some(Metric { name, help, verdict: None })
}

const fn verdicts(verdict: &'static str) -> Option<Metric> {
    let verdict = Some(verdict);
    Some(Metric { name: "queue_packets_total", help: "Packets that received a verdict.", verdict })
}
