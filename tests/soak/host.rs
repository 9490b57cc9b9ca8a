//! A host: a namespace with a daemon in it, its list and its files.

use std::fs;
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, SystemTime};

use kit::queue::BOTH;
use kit::random::Random;
use kit::{Daemon, Folder, Namespace, program};
use netfilterd::nftables::kernel::changes_ranges_safely;
use netfilterd::status::{self, Status};

use crate::arguments::{Arguments, Wrong};
use crate::events::{self, Event};
use crate::growth::Sample;
use crate::lists::{Plot, Versions, probes};
use crate::packets::Packets;
use crate::wire::Outside;

/// The table that netfilterd creates and keeps.
pub const MANAGED: [&str; 2] = ["ip netfilterd", "ip6 netfilterd"];

/// The table of another program, with its own rules.
pub const FOREIGN: &str = "inet own";
const FOREIGN_TABLE: &str = "table inet own {
    set a { type ipv4_addr; flags interval; }
    set b { type ipv6_addr; flags interval; }
    chain c {
        type filter hook prerouting priority raw;
        ip saddr @a drop
        ip6 saddr @b drop
    }
}";

/// Which of the four ways of netfilterd a host goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Hash,
    Interval,
    Foreign,
    Queue,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Hash, Kind::Interval, Kind::Foreign, Kind::Queue];

    pub fn title(self) -> &'static str {
        match self {
            Kind::Hash => "hash layout",
            Kind::Interval => "interval layout",
            Kind::Foreign => "foreign table",
            Kind::Queue => "queue mode",
        }
    }

    pub fn options(self) -> &'static [&'static str] {
        match self {
            Kind::Hash => &["--layout", "hash"],
            Kind::Interval => &["--layout", "interval"],
            Kind::Foreign => &["--table", FOREIGN, "--set4", "a", "--set6", "b"],
            Kind::Queue => &["--queue", "0:1"],
        }
    }

    /// Whether the daemon sees for itself that its list has changed; the others are sent SIGHUP.
    fn watches(self) -> bool {
        matches!(self, Kind::Hash | Kind::Queue)
    }

    /// The tables that the daemon fills.
    pub fn tables(self) -> &'static [&'static str] {
        match self {
            Kind::Hash | Kind::Interval => &MANAGED,
            Kind::Foreign => &[FOREIGN],
            Kind::Queue => &[],
        }
    }

    /// Where packets come from: on kernels that cannot change a range unseen, and where there is
    /// nothing to switch to, only from where no range changes.
    fn plots(self) -> &'static [Plot] {
        match self {
            Kind::Foreign if !changes_ranges_safely() => &Plot::STEADY,
            _ => &Plot::ALL,
        }
    }
}

/// What was done, how often.
#[derive(Clone, Copy, Debug, Default)]
pub struct Done {
    pub tally: Tally,
    /// Of the loads: those that changed a few entries, or all.
    pub few: u64,
    pub complete: u64,
    /// Those with entries that expire, and how many entries have.
    pub expiring: u64,
    pub expired: u64,
}

/// What the status counts: loads by their outcome, and repairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub loads: u64,
    pub failures: u64,
    pub refusals: u64,
    pub repairs: u64,
}

impl From<&Status> for Tally {
    fn from(status: &Status) -> Self {
        let totals = status.totals;
        Tally {
            loads: totals.loads,
            failures: totals.failures,
            refusals: totals.refusals,
            repairs: status.repairs.count,
        }
    }
}

/// Why a host has not come to its proper end.
#[derive(Debug)]
pub enum Broken {
    Interrupted,
    Fault(String),
}

pub struct Host {
    pub kind: Kind,
    pub wrong: Option<Wrong>,
    pub random: Random,
    pub versions: Versions,
    pub packets: Packets,
    pub done: Done,
    pub faults: Vec<String>,
    pub samples: Vec<Sample>,
    /// What it is notified of.
    pub inbox: Receiver<Event>,
    /// Whether it is to come to its end.
    pub ending: bool,
    /// Whether its daemon is yet to be looked at.
    pub look_is_due: bool,
    /// How much of the log was judged, in bytes.
    pub judged: usize,
    // Dropped in this order: a namespace is gone when the last process in it is.
    pub daemon: Option<Daemon>,
    pub namespace: Namespace,
    folder: Folder,
}

impl Host {
    /// A host whose daemon is yet to be started; `number` is another one for each. It is notified by
    /// `inbox`, also of its own files, by `own`.
    pub fn new(
        kind: Kind,
        number: usize,
        outside: &Outside,
        arguments: &Arguments,
        (own, inbox): (Sender<Event>, Receiver<Event>),
    ) -> Self {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        // Lists are written elsewhere, for nothing but the list itself to change beside it.
        for name in ["lists", "files"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        events::of_folder(&folder.path().join("files"), own).unwrap();
        let packets = Packets::new(outside, &namespace, number, probes(kind.plots()));
        match kind {
            Kind::Foreign => drop(namespace.nft(FOREIGN_TABLE)),
            Kind::Queue => {
                let rule = "-t raw -A PREROUTING -p udp -j NFQUEUE --queue-balance 0:1";
                namespace.iptables("legacy", BOTH, rule);
            }
            Kind::Hash | Kind::Interval => {}
        }
        // Each host has numbers of its own, whatever happens to the others meanwhile.
        let mut random = Random::new(arguments.seed.wrapping_add(number as u64));
        Host {
            kind,
            wrong: arguments.wrong,
            versions: Versions::new(&mut random),
            random,
            packets,
            done: Done::default(),
            faults: Vec::new(),
            samples: Vec::new(),
            inbox,
            ending: false,
            look_is_due: false,
            judged: 0,
            daemon: None,
            namespace,
            folder,
        }
    }

    pub fn fault(&mut self, text: impl Into<String>) {
        let text = format!("{}: {}", self.kind.title(), text.into());
        eprintln!("soak: {text}");
        self.faults.push(text);
    }

    // Its files.

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str().expect("a path of the soak's own").to_string()
    }

    pub fn list(&self) -> String {
        self.path("lists/list")
    }

    pub fn metrics_file(&self) -> String {
        self.path("files/netfilterd.prom")
    }

    pub fn status_file(&self) -> String {
        self.path("files/status")
    }

    pub fn state_file(&self) -> String {
        self.path("files/state")
    }

    // The daemon.

    /// Starts the daemon, and waits for its first load.
    pub fn start(&mut self) -> Result<(), Broken> {
        self.write(&self.versions.text());
        let mut command = self.namespace.command(program());
        command.args(["run", "--file", &self.list(), "--metrics", &self.metrics_file()]);
        command.args(["--status-file", &self.status_file(), "--state-file", &self.state_file()]);
        command.args(self.kind.options());
        command.args(self.kind.watches().then_some("--watch"));
        let has_table = !self.kind.tables().is_empty();
        command.args(self.wrong.and_then(|wrong| wrong.option(has_table)));
        self.daemon = Some(Daemon::spawn(&mut command));
        self.done.tally.loads += 1;
        self.until("the first load", |host| host.status().map(drop))?;
        // What is wrong on purpose is warned of.
        self.judge_log(0, self.wrong.is_some());
        Ok(())
    }

    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("started before anything else")
    }

    /// What the daemon says of itself; nothing before its first load.
    pub fn status(&self) -> Option<Status> {
        status::read(self.status_file().as_ref()).expect("a status file can be read")
    }

    /// Puts a list in the place of the other, and notifies the daemon.
    pub fn put(&self, text: &str) {
        self.write(text);
        self.notify();
    }

    fn write(&self, text: &str) {
        let draft = self.path("draft");
        let mut file = fs::File::create(&draft).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        // A list is not read before it has rested for a moment; this one has.
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
        // Closed before it is in its place: a daemon that watches would see that, too.
        drop(file);
        fs::rename(&draft, self.list()).unwrap();
    }

    /// Notifies the daemon that its list has changed, if it does not see for itself.
    pub fn notify(&self) {
        if !self.kind.watches() {
            self.daemon().signal("HUP");
        }
    }
}
