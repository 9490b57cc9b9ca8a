//! One load, whatever it is for: the lists are read and judged, and one line says what was done.

use std::fmt;
use std::time::Duration;

use crate::ip::PerFamily;
use crate::ip::change::{Applied, Change};
use crate::list::{End, Summary};
use crate::load::host::Host;
use crate::policy::allow::AllowError;
use crate::policy::desired::{DesiredState, Origin, Request, Unreadable};
use crate::policy::matches;
use crate::policy::protect::Protected;
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

impl Failure {
    /// Where something was in force before: the failure, and that it still is.
    pub fn keeping(&self) -> String {
        match self {
            Failure::Failed(reason) => format!("{reason}; keeping what is loaded"),
            Failure::Refused(reason) => format!("{reason}, keeping what is loaded"),
        }
    }
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::List(error) => Failure::Failed(error.to_string()),
            Unreadable::Allow(error @ AllowError::List(_)) => Failure::Failed(error.to_string()),
            Unreadable::Allow(error) => Failure::Refused(error.to_string()),
        }
    }
}

/// What is to be said of lists line by line, and what was said the last time: whoever reads the same
/// lists time after time says it again only when there is something new.
#[derive(Debug, Default)]
pub struct Remarks {
    last: Vec<(log::Level, String)>,
    now: Vec<(log::Level, String)>,
}

impl Remarks {
    fn warn(&mut self, remark: impl fmt::Display) {
        self.now.push((log::Level::Warn, remark.to_string()));
    }

    fn info(&mut self, remark: impl fmt::Display) {
        self.now.push((log::Level::Info, remark.to_string()));
    }

    /// Says all that was added since the last time, unless it is the same as then.
    fn say(&mut self) {
        let news = self.now != self.last;
        for (level, remark) in &self.now {
            log::log!(if news { *level } else { log::Level::Debug }, "{remark}");
        }
        self.last = std::mem::take(&mut self.now);
    }
}

/// Reads the lists, takes out what is allowed and what is to be protected on the `host`, and names
/// in the log what was rejected, set aside and cut.
pub fn read(
    request: &Request,
    host: Option<&Host>,
    remarks: &mut Remarks,
) -> Result<DesiredState, Failure> {
    let protected = match host {
        Some(host) => Protected::new(&host.facts().map_err(Failure::Failed)?),
        None => Protected::default(),
    };
    let wanted = DesiredState::read(request, protected, End::now())?;
    let lists = &wanted.report;
    let entries: u64 = lists.summaries.iter().map(|list| list.v4 + list.v6).sum();
    log::debug!("read {}", Count(entries, Noun::Entry));
    for missing in &wanted.missing {
        remarks.warn(format_args!("{missing}; done without, by --skip-missing"));
    }
    for rejection in &lists.rejections {
        remarks.warn(rejection);
    }
    let unnamed = lists.rejected_lines() - lists.rejections.len() as u64;
    if unnamed > 0 {
        remarks.warn(format_args!("rejected besides these: {}", Count(unnamed, Noun::Line)));
    }
    for list in lists.summaries.iter().filter(|list| list.unfinished) {
        let name = &list.name;
        remarks.warn(format_args!(
            "{name}: the last line has no line end; see that it was not cut off"
        ));
    }
    for entry in &lists.ignored {
        remarks.warn(entry);
    }
    let unnamed = lists.ignored_entries() - lists.ignored.len() as u64;
    if unnamed > 0 {
        remarks.warn(format_args!("set aside besides these: {}", Count(unnamed, Noun::Entry)));
    }
    if wanted.left_out > 0 {
        let (seen, other) = if request.families.v4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
        remarks.warn(format_args!(
            "the table sees {seen} packets only; left out of {other}: {}",
            Count(wanted.left_out, Noun::Network)
        ));
    }
    remark_on_cuts(&wanted, remarks);
    remarks.say();
    Ok(wanted)
}

/// Names the first entries that were cut, and what cut them. One may name several things that are
/// protected.
fn remark_on_cuts(wanted: &DesiredState, remarks: &mut Remarks) {
    if !wanted.cut.protected.is_empty() {
        let hits = wanted.hit_protected().flat_map(|origin| {
            let items = wanted.protected.items().iter();
            items
                .filter(move |item| item.entry().overlaps(origin.wide))
                .map(move |item| (origin, item))
        });
        for (origin, item) in hits.take(matches::NAMED) {
            let origin = Place(origin);
            remarks.warn(format_args!("{origin} holds {item}, which is protected"));
        }
    }
    if !wanted.cut.allowed.is_empty() {
        let wide: Vec<_> = wanted.hit_allowed().map(|origin| origin.wide).collect();
        for (origin, allowed) in wanted.hit_allowed().zip(wanted.allowed.first_with(&wide)) {
            let allowed = allowed.unwrap_or_default();
            let origin = Place(origin);
            remarks.info(format_args!("{origin} is cut by {allowed}, which is allowed"));
        }
    }
}

/// An entry as the lines of the log have it: `FILE:LINE: 192.0.2.7/32`.
struct Place<'a>(Origin<'a>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { list, line, entry, wide, .. } = self.0;
        write!(f, "{list}:{line}: {entry}")?;
        if self.0.is_widened() { write!(f, ", widened to {wide},") } else { Ok(()) }
    }
}

/// What a load did, shown as one line.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What was done.
    pub done: Applied,
    /// Networks in force.
    pub networks: PerFamily<u64>,
    /// Addresses in force.
    pub addresses: PerFamily<u128>,
    /// What each list held.
    pub lists: Vec<Summary>,
    /// Networks that were listed and are allowed.
    pub allowed: u64,
    /// Networks that were listed and are protected.
    pub protected: u64,
    /// Entries that have ended.
    pub ended: u64,
    /// When the next one ends.
    pub next_end: Option<End>,
    /// Addresses that only widening brought in.
    pub widening: u128,
    /// From the first byte read to the kernel's answer.
    pub time: Duration,
}

impl Loaded {
    /// What became of `wanted`: `done`, in `time`.
    pub fn new(done: Applied, wanted: &DesiredState, time: Duration) -> Self {
        Loaded {
            done,
            networks: wanted.networks,
            addresses: wanted.addresses,
            lists: wanted.report.summaries.clone(),
            allowed: wanted.cut.allowed.network_count(),
            protected: wanted.cut.protected.network_count(),
            ended: wanted.ended(),
            next_end: wanted.next_end(),
            widening: wanted.added.v4.saturating_add(wanted.added.v6),
            time,
        }
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = Count(self.networks.sum(), Noun::Network);
        let lists = Count(self.lists.len() as u64, Noun::List);
        match self.done {
            Applied::Unchanged => {
                write!(f, "no changes: {networks} from {lists}")?;
            }
            Applied::Changed(Change { added, removed })
            | Applied::Rebuilt(Change { added, removed }) => {
                let (v4, v6) = (Grouped(self.networks.v4.into()), Grouped(self.networks.v6.into()));
                let (added, removed) = (Grouped(added.into()), Grouped(removed.into()));
                write!(
                    f,
                    "loaded {networks} (v4 {v4}, v6 {v6}) from {lists}: +{added} -{removed}"
                )?;
            }
        }
        let of_all = |figure: fn(&Summary) -> u64| self.lists.iter().map(figure).sum::<u64>();
        let (skipped, set_aside) = (of_all(|list| list.rejected), of_all(|list| list.ignored));
        if skipped > 0 {
            write!(f, ", {} skipped", Count(skipped, Noun::Line))?;
        }
        if set_aside > 0 {
            write!(f, ", {} set aside", Count(set_aside, Noun::Entry))?;
        }
        let older = of_all(|list| list.older);
        for (entries, what) in [(older, "older"), (self.ended, "ended")] {
            if entries > 0 {
                write!(f, ", {} {what}", Count(entries, Noun::Entry))?;
            }
        }
        for (networks, what) in [(self.allowed, "allowed"), (self.protected, "protected")] {
            if networks > 0 {
                write!(f, ", {} {what}", Grouped(networks.into()))?;
            }
        }
        if self.widening > 0 {
            write!(f, ", {} addresses added by widening", Grouped(self.widening))?;
        }
        if let Some(end) = self.next_end {
            write!(f, ", the next ends {end}")?;
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
            done: Applied::Rebuilt(Change { added: 1204, removed: 377 }),
            networks: PerFamily { v4: 60_917, v6: 287 },
            addresses: PerFamily::default(),
            lists: vec![Summary { rejected: 1, ..Summary::default() }; 3],
            allowed: 0,
            protected: 2,
            ended: 0,
            next_end: None,
            widening: 0,
            time: Duration::from_millis(41),
        };
        assert_eq!(
            loaded.to_string(),
            "loaded 61,204 networks (v4 60,917, v6 287) from 3 lists: +1,204 -377, \
             3 lines skipped, 2 protected, 0.041 s"
        );
        loaded.done = Applied::Unchanged;
        loaded.lists = vec![Summary { ignored: 1, ..Summary::default() }];
        (loaded.allowed, loaded.protected) = (3, 0);
        (loaded.ended, loaded.next_end) = (4, Some(End::at(1_801_353_600)));
        assert_eq!(
            loaded.to_string(),
            "no changes: 61,204 networks from 1 list, 1 entry set aside, 4 entries ended, \
             3 allowed, the next ends 2027-01-31T00:00:00Z, 0.041 s"
        );
    }
}
