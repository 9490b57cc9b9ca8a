//! One load: from the lists to the kernel, and the line that says what it did.
//!
//! Everything that can fail is done before the kernel is touched; what is held in mind is replaced
//! last, when the kernel has taken the new sets.

use std::fmt;
use std::time::{Duration, Instant};

use crate::guard::Guards;
use crate::nft::{Connection, Error, Target};
use crate::plan::{Change, Plan};
use crate::range::RangeSets;
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

/// Loads lists into a target, and remembers what it put there.
pub struct Loader {
    request: Request,
    guards: Guards,
    target: Target,
    held: Option<Held>,
}

/// What was put in force.
struct Held {
    sets: RangeSets,
    /// The generation of the whole ruleset that this made. `None` if somebody else's transaction
    /// came in between.
    generation: Option<u32>,
}

impl Loader {
    /// A loader that has loaded nothing yet.
    pub fn new(request: Request, guards: Guards, target: Target) -> Self {
        Loader { request, guards, target, held: None }
    }

    /// Reads the lists and puts what they ask for in force. On a failure what is in force stays.
    pub fn load(&mut self) -> Result<Loaded, Failure> {
        let begin = Instant::now();
        let wanted = read_and_judge(&self.request, &self.guards)?;
        // A connection for each load: one that stays open would have to be looked after.
        let connected = Connection::open();
        let (plan, generation, time) = connected
            .and_then(|mut connection| {
                let (plan, generation) = self.put_in_force(&mut connection, &wanted)?;
                // Before the connection is closed, for which the kernel first frees the old sets.
                Ok((plan, generation, begin.elapsed()))
            })
            .map_err(|error| Failure::Failed(explain(&error, &wanted)))?;
        let loaded = Loaded {
            plan,
            v4: wanted.networks4,
            v6: wanted.networks6,
            lists: wanted.contents.summaries.len(),
            skipped: wanted.contents.rejected(),
            widening: wanted.added4.saturating_add(wanted.added6),
            time,
        };
        self.held = Some(Held { sets: wanted.sets, generation });
        Ok(loaded)
    }

    /// Carries out what has to change, to the generation of the ruleset that results.
    fn put_in_force(
        &self,
        connection: &mut Connection,
        wanted: &Wanted,
    ) -> Result<(Plan, Option<u32>), Error> {
        let before = connection.generation()?;
        let plan = Plan::new(self.held.as_ref().map(|held| &held.sets), &wanted.sets);
        // What was committed is known to be there only as long as nobody, we included, has changed
        // anything in nftables since.
        let untouched = self.held.as_ref().is_some_and(|held| held.generation == Some(before));
        let plan = match plan {
            Plan::Nothing if untouched => return Ok((plan, Some(before))),
            Plan::Nothing => {
                log::info!("the ruleset has changed since the last load; loading all of it again");
                Plan::Rebuild(Change::default())
            }
            plan @ Plan::Rebuild(_) => plan,
        };
        let commits = self.target.replace(connection, &wanted.sets)?;
        let after = connection.generation()?;
        let ours_alone = after.wrapping_sub(before) == commits;
        Ok((plan, ours_alone.then_some(after)))
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

/// The kernel's error, with the entry that caused it if it was one.
fn explain(error: &Error, wanted: &Wanted) -> String {
    match error.address().and_then(|address| wanted.first_origin(address)) {
        Some(origin) => format!("{error} (the entry is {origin})"),
        None => error.to_string(),
    }
}

/// What a load did, shown as one line.
#[derive(Debug)]
pub struct Loaded {
    /// What had to be done.
    pub plan: Plan,
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

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = Count(self.v4 + self.v6, Noun::Network);
        let lists = Count(self.lists as u64, Noun::List);
        match self.plan {
            Plan::Nothing => {
                write!(f, "no changes: {networks} from {lists}")?;
            }
            Plan::Rebuild(Change { added, removed }) => {
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
            write!(f, ", {} addresses by widening", Grouped(self.widening))?;
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
            plan: Plan::Rebuild(Change { added: 1204, removed: 377 }),
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
        loaded.plan = Plan::Nothing;
        loaded.lists = 1;
        loaded.skipped = 0;
        assert_eq!(loaded.to_string(), "no changes: 61,204 networks from 1 list, 0.041 s");
    }
}
