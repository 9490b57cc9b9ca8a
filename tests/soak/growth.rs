//! Whether a daemon grows: the last third of the time is compared with the second one. The first is
//! for warming up.

use std::time::Instant;

use kit::process::Usage;

/// By how much memory may have grown.
const MOST_GROWTH: f64 = 1.05;

/// What a daemon held at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    at: Instant,
    usage: Usage,
}

impl Sample {
    pub fn now(usage: Usage) -> Self {
        Sample { at: Instant::now(), usage }
    }
}

/// A figure of it.
pub struct Figure {
    pub name: &'static str,
    pub of: fn(&Usage) -> u64,
    rule: Rule,
}

enum Rule {
    /// Medians may differ by [`MOST_GROWTH`].
    Memory,
    /// It falls and grows with what else on the machine maps the same libraries.
    OnlyReported,
    /// The least is the same: what is there for a moment only is not in the least of several.
    Same,
}

pub const FIGURES: [Figure; 5] = [
    Figure { name: "resident memory, KiB", of: |usage| usage.resident, rule: Rule::Memory },
    Figure {
        name: "proportional memory, KiB",
        of: |usage| usage.proportional,
        rule: Rule::OnlyReported,
    },
    Figure { name: "anonymous memory, KiB", of: |usage| usage.anonymous, rule: Rule::Memory },
    Figure { name: "descriptors", of: |usage| usage.descriptors, rule: Rule::Same },
    Figure { name: "threads", of: |usage| usage.threads, rule: Rule::Same },
];

impl Figure {
    /// Medians of the second third and of the last; `None` if there was no look in one of them.
    pub fn medians(&self, samples: &[Sample]) -> Option<[u64; 2]> {
        let [middle, last] = thirds(samples).map(|third| median(self.values(&third)));
        Some([middle?, last?])
    }

    fn values(&self, samples: &[Sample]) -> Vec<u64> {
        samples.iter().map(|sample| (self.of)(&sample.usage)).collect()
    }

    /// What is wrong with it.
    fn fault(&self, [middle, last]: &[Vec<Sample>; 2]) -> Option<String> {
        let (middle, last) = (self.values(middle), self.values(last));
        let (before, after, wrong) = match self.rule {
            Rule::OnlyReported => return None,
            Rule::Memory => {
                let (before, after) = (median(middle)?, median(last)?);
                (before, after, after as f64 > before as f64 * MOST_GROWTH)
            }
            Rule::Same => {
                let recent = &last[last.len().saturating_sub(3)..];
                let (before, after) = (*middle.iter().min()?, *recent.iter().min()?);
                (before, after, before != after)
            }
        };
        wrong.then(|| format!("{} went from {before} to {after}", self.name))
    }
}

/// What of these samples shows that something grows.
pub fn faults(samples: &[Sample]) -> Vec<String> {
    let thirds = thirds(samples);
    if thirds.iter().any(Vec::is_empty) {
        return vec!["it was never looked at, so nothing is known of its memory".to_string()];
    }
    FIGURES.iter().filter_map(|figure| figure.fault(&thirds)).collect()
}

/// The second third of the time and the last. A daemon that was busy is looked at a little later.
fn thirds(samples: &[Sample]) -> [Vec<Sample>; 2] {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return [Vec::new(), Vec::new()];
    };
    let whole = last.at - first.at;
    let third = |sample: &Sample| {
        (3.0 * (sample.at - first.at).as_secs_f64() / whole.as_secs_f64().max(1e-9)) as u64
    };
    let of = |wanted: fn(u64) -> bool| {
        samples.iter().copied().filter(|sample| wanted(third(sample))).collect()
    };
    [of(|third| third == 1), of(|third| third >= 2)]
}

/// The one in the middle, the lesser if there are two; `None` of nothing.
pub fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}
