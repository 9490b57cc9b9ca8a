//! Where a daemon puts lists in force: a table, or a queue. What is in force there is asked of nft, or
//! of packets.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use kit::queue::Family;
use kit::{Folder, INSIDE4, Namespace, Wire, merged, needs, patience};

use crate::commands::nft;
use crate::force::{FOREIGN, FOREIGN_OPTIONS, FOREIGN_TABLE, InForce, MANAGED, in_force};
use crate::packets::Stream;

/// What a daemon fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Managed,
    Foreign,
    Queue,
}

/// A network namespace with the place that a daemon fills, and a folder for its files.
pub struct Site<'a> {
    pub kind: Kind,
    pub folder: &'a Folder,
    probes: Option<Probes>,
    /// In queue mode a daemon that cannot receive or send judges no packets.
    stream: Option<Stream>,
}

/// Runs `scenario` at a site of its own.
pub fn at(kind: Kind, scenario: impl FnOnce(&Site<'_>) + Send) {
    needs(&["strace", "iptables-legacy"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let (mut senders, mut stream) = (None, None);
    if kind == Kind::Queue {
        let rule = "-A INPUT -p udp -j NFQUEUE --queue-num 0 --queue-bypass";
        wire.inside.iptables("legacy", &[Family::V4], rule);
        senders = Some(Probes::senders(&wire.outside));
    } else {
        stream = Some(Stream::new(&wire));
    }
    wire.inside.within(|| {
        scenario(&Site { kind, folder: &folder, probes: senders.map(Probes::new), stream });
    });
}

impl Site<'_> {
    /// The options that say what to fill.
    pub fn options(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Managed => &[],
            Kind::Foreign => FOREIGN_OPTIONS,
            Kind::Queue => &["--queue", "0"],
        }
    }

    /// Takes everything away, and makes the table that is there before.
    pub fn prepare(&self) {
        self.pause();
        if self.kind != Kind::Queue {
            nft("flush ruleset");
        }
        if self.kind == Kind::Foreign {
            nft(&format!("-f {}", self.folder.file("table", FOREIGN_TABLE)));
        }
    }

    /// What is in force: networks in order, or the sources whose packets are dropped.
    pub fn in_force(&self) -> Result<Vec<String>, String> {
        match &self.probes {
            Some(probes) => probes.dropped(),
            None => self.table().map(|found| found.networks),
        }
    }

    /// What the table has.
    pub fn table(&self) -> Result<InForce, String> {
        in_force(if self.kind == Kind::Foreign { FOREIGN } else { MANAGED })
    }

    /// The same as a list asks for it.
    pub fn wanted(&self, list: &str) -> Vec<String> {
        if self.probes.is_some() {
            let is_listed = |source: &&&str| list.lines().any(|line| line == **source);
            return SOURCES.iter().filter(is_listed).map(|source| source.to_string()).collect();
        }
        let networks = merged(list);
        [networks.v4, networks.v6].concat()
    }

    /// A list is in force: packets are judged from now on.
    pub fn begin(&self) {
        if let Some(stream) = &self.stream {
            stream.begin();
        }
    }

    /// No list need be in force from now on.
    pub fn pause(&self) {
        if let Some(stream) = &self.stream {
            stream.pause();
        }
    }

    /// Why it is wrong what became of packets since the last judgement, if it is.
    pub fn judge(&self) -> Result<(), String> {
        self.stream.as_ref().map_or(Ok(()), Stream::judge)
    }

    /// Takes away what is in force, as another program; in queue mode nobody can.
    pub fn remove(&self) {
        self.pause();
        match self.kind {
            Kind::Managed => {
                let delete = |table: &&str| format!("delete table {table}");
                nft(&MANAGED.iter().map(delete).collect::<Vec<_>>().join(" ; "));
            }
            Kind::Foreign => nft("flush set inet own a ; flush set inet own b"),
            Kind::Queue => {}
        }
    }

    /// Gives the queue something to do.
    pub fn send(&self) {
        if let Some(probes) = &self.probes {
            let _ = probes.dropped();
        }
    }
}

/// Sources of which each list has one.
const SOURCES: [&str; 3] = ["192.0.2.4", "192.0.2.5", "192.0.2.6"];

/// A source that no list has.
const UNLISTED: &str = "203.0.113.9";

/// Packets whose sources are listed or not, over a wire.
struct Probes {
    /// One for each source, the last one for the source that is not listed.
    senders: Vec<UdpSocket>,
    receiver: UdpSocket,
}

impl Probes {
    fn senders(outside: &Namespace) -> Vec<UdpSocket> {
        for source in SOURCES {
            outside.ip(&format!("addr add {source}/32 dev wire0"));
        }
        outside.within(|| {
            let sources = SOURCES.iter().chain([&UNLISTED]);
            sources.map(|source| UdpSocket::bind((*source, 0)).unwrap()).collect()
        })
    }

    fn new(senders: Vec<UdpSocket>) -> Self {
        let receiver = UdpSocket::bind((INSIDE4, 0)).unwrap();
        Probes { senders, receiver }
    }

    /// The sources whose packets are dropped. Packets of one queue are judged in turn: once the one
    /// comes that is not listed, the others have come or never will.
    fn dropped(&self) -> Result<Vec<String>, String> {
        self.receiver.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        while self.receiver.recv(&mut [0]).is_ok() {}
        for (number, sender) in (0..).zip(&self.senders) {
            sender.send_to(&[number], self.receiver.local_addr().unwrap()).unwrap();
        }
        self.receiver.set_read_timeout(Some(patience(1000))).unwrap();
        let mut came = [false; SOURCES.len()];
        loop {
            let mut byte = [0];
            match self.receiver.recv(&mut byte) {
                Ok(_) if usize::from(byte[0]) < came.len() => came[usize::from(byte[0])] = true,
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err("packets from a source that is not listed do not pass".to_string());
                }
                Err(error) => panic!("{error}"),
            }
        }
        let dropped = SOURCES.iter().zip(came).filter(|(_, came)| !came);
        Ok(dropped.map(|(source, _)| source.to_string()).collect())
    }
}

/// `ip ARGUMENTS` in the namespace of the thread; whether it could be done.
pub fn ip(arguments: &str) -> bool {
    let output = Command::new("ip").args(arguments.split_whitespace()).output().unwrap();
    output.status.success()
}
