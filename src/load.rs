//! One load, whatever it is for: the lists are read and judged, and one line says what was done.

use std::fmt;
use std::time::Duration;

use crate::guard::Guards;
use crate::plan::{Change, Done};
use crate::wanted::{Request, Wanted};
use crate::words::{Count, Grouped, Noun};

/// Why nothing was changed.
#[derive(Debug)]
pub enum Failure {
    /// A list or the kernel failed.
    Failed(String),
    /// A guard said no.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(reason) | Failure::Refused(reason) => f.write_str(reason),
        }
    }
}

/// Reads the lists, names the lines that were rejected in the log, and asks the guards.
pub fn read_and_judge(request: &Request, guards: &Guards) -> Result<Wanted, Failure> {
    let wanted = Wanted::read(request).map_err(|error| Failure::Failed(error.to_string()))?;
    let entries: u64 = wanted.contents.summaries.iter().map(|list| list.v4 + list.v6).sum();
    log::debug!("read {}", Count(entries, Noun::Entry));
    for rejection in &wanted.contents.rejections {
        log::warn!("{rejection}");
    }
    let unnamed = wanted.contents.rejected() - wanted.contents.rejections.len() as u64;
    if unnamed > 0 {
        log::warn!("rejected besides these: {}", Count(unnamed, Noun::Line));
    }
    if wanted.left_out > 0 {
        let (seen, other) = if request.families.v4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        log::warn!(
            "the table sees {seen} packets only; left out of {other}: {}",
            Count(wanted.left_out, Noun::Network)
        );
    }
    wanted.judge(guards).map_err(|refusal| Failure::Refused(refusal.to_string()))?;
    Ok(wanted)
}

/// What a load did, shown as one line.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was done.
    pub done: Done,
    /// Networks of IPv4 in force.
    pub v4: u64,
    /// Networks of IPv6 in force.
    pub v6: u64,
    /// Lists read.
    pub lists: usize,
    /// Lines rejected.
    pub skipped: u64,
    /// Addresses that only widening brought in.
    pub widening: u128,
    /// From the first byte read to the kernel's answer.
    pub time: Duration,
}

impl Loaded {
    /// What became of `wanted`: `done`, in `time`.
    pub fn new(done: Done, wanted: &Wanted, time: Duration) -> Self {
        Loaded {
            done,
            v4: wanted.networks4,
            v6: wanted.networks6,
            lists: wanted.contents.summaries.len(),
            skipped: wanted.contents.rejected(),
            widening: wanted.added4.saturating_add(wanted.added6),
            time,
        }
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = Count(self.v4 + self.v6, Noun::Network);
        let lists = Count(self.lists as u64, Noun::List);
        match self.done {
            Done::Nothing => {
                write!(f, "no changes: {networks} from {lists}")?;
            }
            Done::Changed(Change { added, removed }) | Done::Rebuilt(Change { added, removed }) => {
                let (v4, v6) = (Grouped(self.v4.into()), Grouped(self.v6.into()));
                let (added, removed) = (Grouped(added.into()), Grouped(removed.into()));
                write!(
                    f,
                    "loaded {networks} (v4 {v4}, v6 {v6}) from {lists}: +{added} -{removed}"
                )?;
            }
        }
        if self.skipped > 0 {
            write!(f, ", {} skipped", Count(self.skipped, Noun::Line))?;
        }
        if self.widening > 0 {
            write!(f, ", {} addresses added by widening", Grouped(self.widening))?;
        }
        write!(f, ", {:.3} s", self.time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_is_one_line() {
        let mut loaded = Loaded {
            done: Done::Rebuilt(Change { added: 1204, removed: 377 }),
            v4: 60_917,
            v6: 287,
            lists: 3,
            skipped: 3,
            widening: 0,
            time: Duration::from_millis(41),
        };
        assert_eq!(
            loaded.to_string(),
            "loaded 61,204 networks (v4 60,917, v6 287) from 3 lists: +1,204 -377, \
             3 lines skipped, 0.041 s"
        );
        loaded.done = Done::Nothing;
        loaded.lists = 1;
        loaded.skipped = 0;
        assert_eq!(loaded.to_string(), "no changes: 61,204 networks from 1 list, 0.041 s");
    }
}
