//! A daemon that a fault comes to: what happens to it, and what must be so afterwards.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kit::{Daemon, patience, program};

use crate::commands::{list, netfilterd};
use crate::matrix::{After, Fault};
use crate::messages;
use crate::site::{Kind, Site, ip};
use crate::trace;

/// The longest time that a fault lasts, and a little: after 10 s without a descriptor that it could wait
/// for, a daemon ends, so that its service manager starts it again.
const LONGEST: Duration = Duration::from_secs(4);

/// What happens to a daemon while one of its calls fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It starts, where another list is in force.
    Start,
    /// Another list, and SIGHUP.
    Hup,
    /// Another list, without a word.
    Write,
    /// Another program removes what is in force.
    Removal,
    /// The host gets an address that is listed.
    Address,
    /// An entry expires.
    Expiry,
}

impl Event {
    /// What is in force at first, and what is to be in force in the end.
    fn lists(self) -> (String, String) {
        match self {
            Event::Start | Event::Hup | Event::Write => (list(0), list(1)),
            Event::Removal => (String::new(), list(0)),
            Event::Address => (list(0), list(0).replace(&format!("{OWN}\n"), "")),
            Event::Expiry => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
                (list(0) + &format!("203.0.113.5 until {}\n", now + 3), list(0))
            }
        }
    }
}

/// What is to be seen.
pub struct Scenario {
    pub name: &'static str,
    pub event: Event,
    pub kind: Kind,
}

/// An address of the first list, which becomes one of the host's.
const OWN: &str = "192.0.2.0";

/// How many networks of IPv4 list 2 has.
const LIST_2: u64 = 23;

/// A daemon and its files, in the namespace of the thread.
pub struct Host<'a> {
    scenario: &'a Scenario,
    pub site: &'a Site<'a>,
    pub daemon: Daemon,
    /// What was in force at first, and what is to be in force in the end.
    pub old: Vec<String>,
    pub new: Vec<String>,
    /// Its open descriptors before the fault.
    descriptors: u64,
}

impl<'a> Host<'a> {
    /// A daemon before the event; with [`Event::Start`] the event itself, with the fault.
    pub fn new(
        scenario: &'a Scenario,
        site: &'a Site<'_>,
        strace: &[String],
    ) -> Result<Self, String> {
        let (event, folder) = (scenario.event, site.folder);
        site.prepare();
        ip(&format!("addr del {OWN} dev lo"));
        let _ = fs::remove_file(folder.path().join("state-file"));
        let _ = fs::remove_file(folder.path().join("status-file"));
        let (mut old, new) = event.lists();
        if event == Event::Start && site.kind == Kind::Queue {
            // Without a daemon all packets pass.
            old.clear();
        } else if event == Event::Start {
            folder.file("list", &old);
            let load = arguments(site, &["load", "-q"], &["--state-file"]);
            assert!(netfilterd(&as_str(&load)).status().unwrap().success());
        }
        folder
            .file("list", if matches!(event, Event::Start | Event::Removal) { &new } else { &old });
        let files = ["--state-file", "--status-file", "--pid-file", "--metrics"];
        let watch: &[&str] = if event == Event::Write { &["--watch"] } else { &[] };
        let arguments = arguments(site, watch, &files);
        let mut command = netfilterd(&as_str(&arguments));
        if event == Event::Start {
            command = Command::new("strace");
            command.args(strace).arg(program()).args(&arguments).env("SSH_CONNECTION", "");
        }
        let (old, new) = (site.wanted(&old), site.wanted(&new));
        let daemon = Daemon::spawn(&mut command);
        let mut host = Host { scenario, site, daemon, old, new, descriptors: 0 };
        if event != Event::Start {
            host.daemon.wait_for_loads(1);
            host.wait_until_idle();
            host.descriptors = host.open_descriptors();
            site.begin();
        }
        Ok(host)
    }

    /// Lets it happen.
    pub fn happen(&self) {
        match self.scenario.event {
            Event::Start | Event::Expiry => {}
            Event::Hup => {
                self.write(1);
                self.daemon.signal("HUP");
            }
            Event::Write => self.write(1),
            Event::Removal => self.site.remove(),
            Event::Address => assert!(ip(&format!("addr add {OWN} dev lo"))),
        }
        self.site.send();
    }

    /// Puts a list in the place of the other.
    fn write(&self, number: usize) {
        let next = self.site.folder.file("next", list(number));
        fs::rename(next, self.site.folder.path().join("list")).unwrap();
    }

    fn open_descriptors(&self) -> u64 {
        fs::read_dir(format!("/proc/{}/fd", self.daemon.pid())).map_or(0, |fds| fds.count() as u64)
    }

    pub fn is_idle(&self) -> bool {
        let wchan = fs::read_to_string(format!("/proc/{}/wchan", self.daemon.pid()));
        let waits = |wchan: String| wchan.contains("poll") || wchan.contains("nanosleep");
        wchan.is_ok_and(waits)
    }

    /// Waits until the daemon waits; not for what it waits, so that nothing is judged by it.
    pub fn wait_until_idle(&self) {
        let end = Instant::now() + patience(1000).min(LONGEST);
        let mut times = 0;
        while times < 3 && !self.daemon.has_ended() && Instant::now() < end {
            times = if self.is_idle() { times + 1 } else { 0 };
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the fault has come and the daemon has done what it can.
    pub fn wait_for_the_fault(&self, log: &Path, before: usize, fault: Option<&Fault>) {
        let passed = |log: &str| ["cannot", "error: "].iter().any(|word| log.contains(word));
        let seen = || {
            let injected = fault.is_some_and(|fault| !fault.lasts) && trace::was_injected(log);
            injected || passed(&self.daemon.log()[before..]) || self.is_new()
        };
        // A fault that lasts ends after that.
        let time = if self.scenario.event == Event::Expiry { 4000 } else { 1500 };
        let end = Instant::now() + patience(time).min(LONGEST);
        while !seen() && !self.daemon.has_ended() && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        self.wait_until_idle();
    }

    pub fn is_new(&self) -> bool {
        self.site.in_force().is_ok_and(|found| found == self.new)
    }
}

/// The arguments of netfilterd: what it fills, and files in `folder`.
fn arguments(site: &Site<'_>, first: &[&str], files: &[&str]) -> Vec<String> {
    let path = |name: &str| site.folder.path().join(name).to_str().unwrap().to_string();
    let mut all: Vec<String> =
        first.iter().chain(site.options()).map(|option| option.to_string()).collect();
    all.extend(["-f".to_string(), path("list")]);
    for option in files {
        all.extend([option.to_string(), path(option.trim_start_matches('-'))]);
    }
    all
}

fn as_str(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// Waits until something is so, but not for ever.
pub fn soon(mut is_so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + patience(10_000);
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

impl Host<'_> {
    /// What became of the event, once nothing fails any more.
    pub fn judge(&self, before: usize, fault: &Fault) -> Result<After, String> {
        // A worker that could not send verdicts lets go of its queue for 2 s.
        if self.site.kind == Kind::Queue {
            soon(|| self.site.in_force().is_ok_and(|it| it == self.old || it == self.new));
        }
        let after = match self.site.in_force()? {
            found if found == self.new => After::New,
            found if found == self.old => After::Old,
            found => return Err(format!("neither list is in force: {found:?}")),
        };
        // What cannot be written is not there.
        if fault.call == "write" || !matches!(self.scenario.event, Event::Hup | Event::Write) {
            return Ok(after);
        }
        let says = |words| self.daemon.log()[before..].contains(words);
        match after {
            // It is put in force first, and said then.
            After::New if !soon(|| says(": loaded ")) => {
                Err("the new list is in force".to_string())
            }
            After::New if says("keeping what is loaded") && !fault.lasts => {
                Err("it does not keep the old list".to_string())
            }
            // It may be in force by now.
            After::Old if says(": loaded ") && !soon(|| self.is_new()) => {
                Err("the old list is in force".to_string())
            }
            _ => Ok(after),
        }
    }

    /// What was to come comes once nothing fails any more: at the next SIGHUP, or by itself.
    pub fn heals(&self) -> Result<(), String> {
        if self.scenario.event == Event::Hup && !self.is_new() {
            self.daemon.signal("HUP");
        }
        match soon(|| self.is_new()) {
            true => Ok(()),
            false => Err("what was to come never comes".to_string()),
        }
    }

    /// It reloads, watches, repairs, has lost nothing, says so, and ends when it is told to.
    pub fn lives(self) -> Result<(), String> {
        let Host { scenario, site, .. } = &self;
        let wanted = site.wanted(&list(2));
        let is_in_force = || self.site.in_force().is_ok_and(|found| found == wanted);
        self.write(2);
        if scenario.event != Event::Write {
            self.daemon.signal("HUP");
        }
        if !soon(is_in_force) {
            return Err("another list does not get in force".to_string());
        }
        self.wait_until_idle();
        site.judge()?;
        site.remove();
        if !soon(is_in_force) {
            return Err("what another program removes is not repaired".to_string());
        }
        let file = site.folder.path().join("status-file");
        let status = ["status", "--json", "--status-file", file.to_str().unwrap()];
        let mut said = String::new();
        let is_healthy = || {
            let output = netfilterd(&status).output().unwrap();
            said = format!("{output:?}");
            let status: serde_json::Value =
                serde_json::from_slice(&output.stdout).unwrap_or_default();
            output.status.success() && status["loaded"]["networks4"] == LIST_2
        };
        if !soon(is_healthy) {
            return Err(format!("the status is {said}"));
        }
        self.wait_until_idle();
        let descriptors = self.open_descriptors();
        if scenario.event != Event::Start && descriptors > self.descriptors {
            return Err(format!("{descriptors} descriptors, where {} were", self.descriptors));
        }
        let log = self.daemon.log();
        messages::judge(&log)?;
        match self.daemon.end("TERM") {
            0 => Ok(()),
            status => Err(format!("SIGTERM: status {status}: {log}")),
        }
    }
}
