//! What happens to a host, at random, from its first load to its end.

use std::fs;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use netfilterd::status::Status;

use crate::arguments::Wrong;
use crate::host::{Broken, Host, Kind};
use crate::lists::expiring;
use crate::wire::Phase;

/// From one change of a list to the next, at least and at most.
const PAUSE: [Duration; 2] = [Duration::from_millis(600), Duration::from_millis(2400)];

/// For so long after a repair another program that changes the table counts as the same one, and a
/// little.
const QUIET: Duration = Duration::from_secs(125);

/// From the start to the first time that another program changes the table, at least and at most.
const FIRST: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(20)];

/// How many entries of each family expire, and after how many seconds.
const EXPIRING: u32 = 10;
const EXPIRES_IN: u64 = 3;

/// What happens to a list.
#[derive(Clone, Copy)]
enum Change {
    Few,
    Complete,
    Expiring,
    Spoil,
}

/// Each as often as it stands here.
const CHANGES: [(Change, usize); 4] =
    [(Change::Few, 12), (Change::Complete, 1), (Change::Expiring, 1), (Change::Spoil, 2)];

/// A list that must not be loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoiled {
    /// Suddenly much shorter.
    Shrunk,
    Empty,
    /// Much shorter, and with lines that are rejected.
    Rejected,
    /// A page of a server that does not have the list.
    Page,
    Missing,
}

const SPOILED: [Spoiled; 5] =
    [Spoiled::Shrunk, Spoiled::Empty, Spoiled::Rejected, Spoiled::Page, Spoiled::Missing];

impl Spoiled {
    /// The text in place of a list; none if there is no file.
    fn text(self, list: &str) -> Option<String> {
        let first = |count| list.split_inclusive('\n').take(count).collect::<String>();
        match self {
            Spoiled::Shrunk => Some(first(1000)),
            Spoiled::Empty => Some("# nothing\n".to_string()),
            Spoiled::Rejected => Some(first(50) + &"?\n".repeat(60)),
            Spoiled::Page => {
                Some("<!DOCTYPE html>\n<html><body>Not found</body></html>\n".to_string())
            }
            Spoiled::Missing => None,
        }
    }

    /// Whether a guard refuses it; otherwise it cannot be read.
    fn is_refused(self) -> bool {
        matches!(self, Spoiled::Shrunk | Spoiled::Empty | Spoiled::Rejected)
    }
}

impl Host {
    /// All that happens to it, until it is to end.
    pub fn live(&mut self) -> Result<(), Broken> {
        self.start()?;
        self.packets.lane().send(Some(Phase::InForce));
        let mut interfere_at = Instant::now() + self.random.time(FIRST[0], FIRST[1]);
        while !self.ending {
            let pause = self.random.time(PAUSE[0], PAUSE[1]);
            self.rest(pause)?;
            if self.kind.tables().is_empty() || Instant::now() < interfere_at {
                self.change()?;
                continue;
            }
            match self.wrong {
                Some(Wrong::NoRepair) => self.remove_elements(),
                Some(Wrong::NoProtect) | None => self.interfere()?,
            }
            interfere_at = Instant::now() + QUIET;
        }
        self.close()
    }

    fn change(&mut self) -> Result<(), Broken> {
        let all = CHANGES.iter().flat_map(|&(change, times)| vec![change; times]);
        match *self.random.of(&all.collect::<Vec<_>>()) {
            Change::Few => self.change_a_few(),
            Change::Complete => self.change_all(),
            Change::Expiring => self.change_with_expiring_entries(),
            Change::Spoil => self.spoil(),
        }
    }

    /// Puts a list in the place of the other, and waits for the daemon to load it.
    fn load(&mut self, text: &str) -> Result<Status, Broken> {
        let before = self.done.tally;
        self.done.tally.loads += 1;
        self.put(text);
        let status = self.until_done("a load", before)?;
        self.judge_log(0, false);
        Ok(status)
    }

    pub fn change_a_few(&mut self) -> Result<(), Broken> {
        self.versions.change_a_few(&mut self.random);
        self.done.few += 1;
        self.load(&self.versions.text()).map(drop)
    }

    fn change_all(&mut self) -> Result<(), Broken> {
        self.versions.change_all(&mut self.random);
        self.done.complete += 1;
        self.load(&self.versions.text())?;
        self.judge_sets();
        Ok(())
    }

    fn change_with_expiring_entries(&mut self) -> Result<(), Broken> {
        self.versions.change_a_few(&mut self.random);
        self.done.expiring += 1;
        let end = seconds_now() + EXPIRES_IN;
        let status = self.load(&(self.versions.text() + &expiring(EXPIRING, end)))?;
        let all = networks(&status);
        // On a machine that is very busy they have expired before they were loaded.
        if status.loaded.is_some_and(|loaded| loaded.next_end.is_none()) {
            return Ok(());
        }
        let expired = u64::from(2 * EXPIRING);
        self.until("entries that expire", |host| {
            host.status().filter(|status| networks(status) != all)
        })?;
        if seconds_now() < end {
            self.fault("entries were removed before they expired");
        }
        let left = self.status().as_ref().map_or(0, networks);
        if left + expired != all {
            self.fault(format!("of {all} networks {left} were left when {expired} expired"));
        }
        self.judge_log(0, false);
        self.done.expired += expired;
        Ok(())
    }

    /// A list that must not be loaded: what is in force stays in force.
    fn spoil(&mut self) -> Result<(), Broken> {
        let mut spoiled = *self.random.of(&SPOILED);
        // What is not there cannot be removed.
        if spoiled == Spoiled::Missing && fs::metadata(self.list()).is_err() {
            spoiled = Spoiled::Page;
        }
        let before = self.done.tally;
        match spoiled.is_refused() {
            true => self.done.tally.refusals += 1,
            false => self.done.tally.failures += 1,
        }
        match spoiled.text(&self.versions.text()) {
            Some(text) => self.put(&text),
            None => {
                fs::remove_file(self.list()).unwrap();
                self.notify();
            }
        }
        self.until_done("a list that must not be loaded", before)?;
        self.judge_log(1, spoiled == Spoiled::Rejected);
        self.judge_exit_status("status", 1);
        match spoiled.is_refused() {
            false => self.judge_exit_status("check", 1),
            // What is in force by queues no other process knows.
            true if self.kind != Kind::Queue => self.judge_exit_status("check", 3),
            true => {}
        }
        Ok(())
    }

    /// Runs `status` or `check` with the daemon's files; it must end with this exit status.
    pub fn judge_exit_status(&mut self, command: &str, expected: i32) {
        let (list, state, status) = (self.list(), self.state_file(), self.status_file());
        let ran = match command {
            "check" => {
                let mut arguments = vec!["check", "-q", "-f", &list, "--state-file", &state];
                if self.kind == Kind::Foreign {
                    arguments.extend(self.kind.options());
                }
                self.namespace.netfilterd(&arguments)
            }
            command => self.namespace.netfilterd(&[command, "--status-file", &status]),
        };
        if ran.status() != expected {
            let (found, stderr) = (ran.status(), ran.stderr());
            self.fault(format!("{command} ended with {found} instead of {expected}: {stderr}"));
        }
    }
}

fn networks(status: &Status) -> u64 {
    status.loaded.as_ref().map_or(0, |loaded| loaded.networks4 + loaded.networks6)
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set").as_secs()
}
