//! How a host waits: for what its daemon does next, or for a time to pass. And what the daemon logs
//! meanwhile.
//!
//! What the daemon has done is read from its status file, which it replaces each time. The log is
//! judged by its levels: a warning or an error that was not to be expected is a fault.

use std::net::IpAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use kit::Daemon;
use netfilterd::status::Status;

use crate::events::Event;
use crate::growth::Sample;
use crate::host::{Broken, Host, Tally};
use crate::lists::gateways;

/// How long a daemon may take for anything, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a daemon has been left alone when it is looked at.
const AT_REST: Duration = Duration::from_millis(400);

impl Host {
    /// Waits until `found` finds something; it looks again whenever the daemon has replaced a file.
    pub fn until<T>(
        &mut self,
        what: &str,
        mut found: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, Broken> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(self) {
                return Ok(found);
            }
            if !self.next_event(deadline)? {
                let (seconds, last) = (PATIENCE.as_secs(), self.last_line());
                return Err(Broken::Fault(format!("{what}: not in {seconds} s; {last}")));
            }
        }
    }

    /// Waits for the next thing that the status counts, which must be what `done` counts by now.
    pub fn until_done(&mut self, what: &str, before: Tally) -> Result<Status, Broken> {
        let counted = |host: &Self| host.status().filter(|status| Tally::from(status) != before);
        let status = self.until(what, counted)?;
        let (tally, expected) = (Tally::from(&status), self.done.tally);
        if tally != expected {
            let last = self.last_line();
            return Err(Broken::Fault(format!(
                "{what}: {tally:?} instead of {expected:?}; {last}"
            )));
        }
        Ok(status)
    }

    /// Leaves the daemon alone for a time, in which it may be looked at.
    pub fn rest(&mut self, time: Duration) -> Result<(), Broken> {
        let end = Instant::now() + time;
        if self.look_is_due && time >= AT_REST {
            self.pass(AT_REST)?;
            self.look_is_due = false;
            self.samples.extend(self.daemon().usage().map(Sample::now));
        }
        self.pass(end.saturating_duration_since(Instant::now()))
    }

    /// Lets a time pass.
    pub fn pass(&mut self, time: Duration) -> Result<(), Broken> {
        let end = Instant::now() + time;
        while self.next_event(end)? {}
        Ok(())
    }

    /// Waits for the next event, until `end` at most. Returns whether there was one.
    fn next_event(&mut self, end: Instant) -> Result<bool, Broken> {
        match self.inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Event::Replaced) => return Ok(true),
            Ok(Event::Look) => self.look_is_due = true,
            Ok(Event::End) => self.ending = true,
            Ok(Event::Interrupt) | Err(RecvTimeoutError::Disconnected) => {
                return Err(Broken::Interrupted);
            }
            Err(RecvTimeoutError::Timeout) => return Ok(false),
        }
        let ended = self.daemon.as_mut().and_then(Daemon::try_wait);
        match ended {
            Some(status) => Err(Broken::Fault(format!("the daemon has ended, {status}"))),
            None => Ok(true),
        }
    }

    fn last_line(&self) -> String {
        let log = self.daemon().log();
        format!("its last line is: {}", log.lines().last().unwrap_or_default())
    }

    /// Judges what the log says since the last time: there must be so many errors, and warnings only
    /// if there are any to be expected. Returns how many warnings there were.
    pub fn judge_log(&mut self, errors: usize, warnings: bool) -> usize {
        let log = self.daemon().log();
        let whole = log.rfind('\n').map_or(0, |end| end + 1);
        let news = log.get(self.judged..whole).unwrap_or_default();
        self.judged = whole;
        let begin_with = |begin: &str| -> Vec<&str> {
            news.lines().filter(|line| line.starts_with(begin)).collect()
        };
        let found = begin_with("netfilterd: error: ");
        if found.len() != errors {
            self.fault(format!("{} errors instead of {errors}: {found:?}", found.len()));
        }
        let found = begin_with("netfilterd: warning: ");
        let unexpected = found.iter().filter(|line| !warnings && !is_always_expected(line));
        // What is not the log's, as of a panic, is in no case to be expected.
        let strange = news.lines().filter(|line| !line.starts_with("netfilterd: "));
        for line in unexpected.copied().chain(strange) {
            self.fault(format!("an unexpected line: {line}"));
        }
        found.len()
    }
}

/// Whether a warning may always come: that the gateway is listed, or that another program listens to
/// the kernel, which slows large transactions down. The other daemons do so, and are named by their
/// process id, or by their port if that cannot be found out.
fn is_always_expected(line: &str) -> bool {
    let names = |address: &IpAddr| line.split([' ', ',']).any(|word| word == address.to_string());
    let listener = [", pid ", "netlink port "].iter().any(|name| line.contains(name));
    listener || gateways().iter().any(names)
}
