//! What a load did, as one line of the log.

use std::fmt;
use std::time::Duration;

use crate::ip::PerFamily;
use crate::ip::change::{Applied, Change};
use crate::list::{End, Summary};
use crate::policy::desired::DesiredState;
use crate::words::{Count, Grouped, Noun};

/// What a load did; `Display` writes it as one line.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What changed in the sets.
    pub done: Applied,
    /// Networks in force after the load, the fewest that name exactly the addresses.
    pub networks: PerFamily<u64>,
    /// Addresses in force after the load.
    pub addresses: PerFamily<u128>,
    /// What each list holds, in the order of reading.
    pub lists: Vec<Summary>,
    /// Listed networks that are excluded because they are allowed.
    pub allowed: u64,
    /// Listed networks that are excluded because they are protected.
    pub protected: u64,
    /// Entries that are listed and have expired; they are not in force.
    pub expired: u64,
    /// The time at which the next entry expires; `None` if no entry expires.
    pub next_end: Option<End>,
    /// Addresses that widening added, before exclusions were taken out.
    pub widening: u128,
    /// The time of an earlier load, if what that load put in force was restored.
    pub restored: Option<End>,
    /// The time from the first byte read to the kernel's answer.
    pub time: Duration,
}

impl Loaded {
    /// The report of a load that put `desired` in force in `time`.
    pub fn new(done: Applied, desired: &DesiredState, time: Duration) -> Self {
        Loaded {
            done,
            networks: desired.networks,
            addresses: desired.addresses,
            lists: desired.lists.summaries.clone(),
            allowed: desired.exclusions.allowed.network_count(),
            protected: desired.exclusions.protected_networks(),
            expired: desired.timeline.expired(desired.now()),
            next_end: desired.timeline.next_end(desired.now()),
            widening: desired.added_by_widening,
            restored: None,
            time,
        }
    }
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks = Count(self.networks.sum(), Noun::Network);
        let lists = Count(self.lists.len() as u64, Noun::List);
        if let Some(at) = self.restored {
            let (v4, v6) = (Grouped(self.networks.v4.into()), Grouped(self.networks.v6.into()));
            write!(f, "restored {networks} (v4 {v4}, v6 {v6}) of the load at {at}")?;
            return self.rest(f);
        }
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
        self.rest(f)
    }
}

impl Loaded {
    /// The figures that stand in the line only if they are not 0, and the time.
    fn rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_all = |figure: fn(&Summary) -> u64| self.lists.iter().map(figure).sum::<u64>();
        let rejected = of_all(|list| list.rejected);
        if rejected > 0 {
            write!(f, ", {} rejected", Count(rejected, Noun::Line))?;
        }
        let exceptions = of_all(|list| list.exceptions);
        if exceptions > 0 {
            write!(f, ", {} taken out", Count(exceptions, Noun::Exception))?;
        }
        for (entries, what) in [
            (of_all(|list| list.ignored), "ignored (too wide)"),
            (of_all(|list| list.older), "ignored (too old)"),
            (self.expired, "expired"),
        ] {
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
            write!(f, ", next expiry {end}")?;
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
            expired: 0,
            next_end: None,
            widening: 0,
            restored: None,
            time: Duration::from_millis(41),
        };
        assert_eq!(
            loaded.to_string(),
            "loaded 61,204 networks (v4 60,917, v6 287) from 3 lists: +1,204 -377, \
             3 lines rejected, 2 protected, 0.041 s"
        );
        loaded.done = Applied::Unchanged;
        loaded.lists = vec![Summary { ignored: 1, ..Summary::default() }];
        (loaded.allowed, loaded.protected) = (3, 0);
        (loaded.expired, loaded.next_end) = (4, Some(End::at(1_801_353_600)));
        assert_eq!(
            loaded.to_string(),
            "no changes: 61,204 networks from 1 list, 1 entry ignored (too wide), \
             4 entries expired, 3 allowed, next expiry 2027-01-31T00:00:00Z, 0.041 s"
        );
        loaded.restored = Some(End::at(1_800_000_000));
        (loaded.allowed, loaded.next_end, loaded.lists) = (0, None, Vec::new());
        assert_eq!(
            loaded.to_string(),
            "restored 61,204 networks (v4 60,917, v6 287) of the load at 2027-01-15T08:00:00Z, \
             4 entries expired, 0.041 s"
        );
    }
}
