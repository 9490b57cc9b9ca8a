//! The status as text: lines for `netfilterd status` and for the log.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::{
    BeingRead, Dropped, Failed, InForce, ListStatus, Mode, Repairs, Status, Watching, queue,
};
use crate::nfqueue::QueueCounters;
use crate::nftables::name::Listed;
use crate::words::{Age, Count, Grouped, Noun};

impl fmt::Display for Status {
    /// One subject a line, with its name in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Status { version, pid, started, .. } = self;
        let mode = match (self.mode, &self.tables[..]) {
            (Mode::Queue, _) => "queue mode".to_string(),
            (Mode::Tables, []) => "nftables".to_string(),
            (Mode::Tables, tables) => Listed(tables).to_string(),
        };
        let mut line = |what: &str, text: &dyn fmt::Display| writeln!(f, "{what:<12}{text}");
        line("netfilterd", &format_args!("{version}, {mode}, pid {pid}, since {started}"))?;
        if let Some(interfaces) = &self.interfaces {
            line("interfaces", &Interfaces(interfaces))?;
        }
        if let Some(loaded) = &self.loaded {
            line("IPv4", &Family(loaded.networks4, loaded.addresses4, &loaded.layout4))?;
            line("IPv6", &Family(loaded.networks6, loaded.addresses6, &loaded.layout6))?;
            let InForce { at, line: text, .. } = loaded;
            line("loaded", &format_args!("{} ago, at {at}: {text}", Ago(*at)))?;
            loaded.sources.iter().try_for_each(|list| line("list", list))?;
            if let Some(end) = loaded.next_end {
                line("next expiry", &end)?;
            }
        }
        if let Some(failed) = &self.failed {
            line("failed", failed)?;
        }
        if let Some(reading) = &self.reading {
            line("reading", reading)?;
        }
        if let Some(condition) = &self.condition {
            line("in force", condition)?;
        }
        if let Some(failed) = &self.not_applied {
            line("not applied", &NotApplied(failed))?;
        }
        if let Some(watch) = &self.watch {
            line("watching", watch)?;
        }
        self.dropped.iter().try_for_each(|dropped| line("dropped", dropped))?;
        if self.repairs.count > 0 {
            line("repaired", &self.repairs)?;
        }
        self.queues.iter().try_for_each(|queue| writeln!(f, "{}", Queue(queue)))
    }
}

/// The interfaces to which filtering is narrowed.
struct Interfaces<'a>(&'a [String]);

impl fmt::Display for Interfaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("none"),
            names => f.write_str(&names.join(", ")),
        }
    }
}

/// What is in force of one family: networks, addresses, layout.
struct Family<'a>(u64, f64, &'a str);

impl fmt::Display for Family<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Family(networks, addresses, layout) = *self;
        write!(f, "{}", Count(networks, Noun::Network))?;
        // A float does not hold all digits of a larger number.
        if addresses < 1e15 {
            write!(f, ", {}", Count(addresses as u64, Noun::Address))?;
        } else {
            write!(f, ", {addresses:.1e} addresses")?;
        }
        if layout.is_empty() { Ok(()) } else { write!(f, ", {layout}") }
    }
}

/// The age of a time, as of now.
struct Ago(Timestamp);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = Timestamp::now().duration_since(self.0);
        Age(Duration::try_from(since).unwrap_or_default()).fmt(f)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { at, line, times, next } = self;
        match times {
            0 | 1 => write!(f, "{} ago, ", Ago(*at))?,
            _ => write!(f, "{times} times, last {} ago, ", Ago(*at))?,
        }
        write!(f, "at {at}: {line}")?;
        match next {
            Some(next) => write!(f, "; next attempt at {next}"),
            None => Ok(()),
        }
    }
}

/// Expired entries or changed protected addresses that could not be applied.
struct NotApplied<'a>(&'a Failed);

impl fmt::Display for NotApplied<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failed { at, line, next, .. } = self.0;
        write!(f, "expired entries or changed protected addresses, for {}: {line}", Ago(*at))?;
        match next {
            Some(next) => write!(f, "; next attempt at {next}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for BeingRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BeingRead { list, since, late } = self;
        write!(f, "{list}, for {}, since {since}", Ago(*since))?;
        match late {
            true => f.write_str(": too long; check that its file system answers"),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Watching { events, seconds, because } = self;
        match (events, seconds) {
            (true, None) => f.write_str("by events")?,
            (true, Some(seconds)) => write!(f, "by events, and every {seconds} s")?,
            (false, Some(seconds)) => write!(f, "every {seconds} s")?,
            (false, None) => f.write_str("not yet")?,
        }
        match because {
            Some(because) => write!(f, ": {because}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ListStatus {
    /// Shows the age of the list as of now.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, rejected) =
            (Count(self.entries, Noun::Entry), Count(self.rejected, Noun::Line));
        write!(f, "{}: ", self.name)?;
        if !self.format.is_empty() {
            write!(f, "{}", self.format)?;
            match &self.sets[..] {
                [] => {}
                [set] => write!(f, ", set {set}")?,
                sets => write!(f, ", sets {}", sets.join(", "))?,
            }
            f.write_str(": ")?;
        }
        write!(f, "{entries}, {rejected} rejected")?;
        if self.exceptions > 0 {
            write!(f, ", {} taken out", Count(self.exceptions, Noun::Exception))?;
        }
        if self.skipped > 0 {
            write!(f, ", {} ignored (name nothing to drop)", Count(self.skipped, Noun::Line))?;
        }
        if self.too_wide > 0 {
            write!(f, ", {} ignored (too wide)", Count(self.too_wide, Noun::Entry))?;
        }
        if self.older > 0 {
            write!(f, ", {} ignored (too old)", Count(self.older, Noun::Entry))?;
        }
        if let Some(modified) = self.modified {
            write!(f, ", {} old", Ago(modified))?;
        }
        Ok(())
    }
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Dropped { direction, family, packets, bytes } = self;
        let family = if family == "ipv4" { "IPv4" } else { "IPv6" };
        write!(f, "{family} {direction}: {}", Count(*packets, Noun::Packet))?;
        write!(f, ", {} bytes", Grouped((*bytes).into()))
    }
}

impl fmt::Display for Repairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("once")?,
            count => write!(f, "{} times", Grouped(count.into()))?,
        }
        if let Some(last) = self.last {
            write!(f, ", last {} ago", Ago(last))?;
        }
        match &self.by {
            Some(by) => write!(f, ", after a change by {by}"),
            None => Ok(()),
        }
    }
}

/// The line of a queue: its number, then each figure.
struct Queue<'a>(&'a QueueCounters);

impl fmt::Display for Queue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "queue {}", self.0.queue)?;
        for (number, figure) in queue::FIGURES.iter().enumerate() {
            let separator = if number == 0 { ":" } else { "," };
            write!(f, "{separator} {} {}", figure.words, (figure.value)(self.0))?;
        }
        Ok(())
    }
}
