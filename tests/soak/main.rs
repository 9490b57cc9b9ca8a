//! The soak: daemons that reload, refuse, repair and judge packets for half an hour, after which
//! nothing may have grown, nothing be left over, and no packet have been misjudged.
//!
//!     cargo build --release
//!     export NETFILTERD_PROGRAM=target/release/netfilterd
//!     cargo test --test soak -- [--minutes MINUTES] [--seed NUMBER] [--write]
//!
//! Needs root, and iptables-legacy. Four daemons, each in a network namespace of its own: the managed
//! table in both layouts, a table of another program, and two queues. Their lists have 20,000
//! networks, and change all the time; what another program removes is repaired; and packets are judged
//! meanwhile. The report is written to standard output, with --write also to docs/SOAK.md if all went
//! well. If not, the exit status is 1.
//!
//! In reading order: `arguments`; `lists` (what they have, and what they say of which source); `wire`
//! (who sends); `events` (what threads are notified of); `host` (a daemon and its files), `waiting`,
//! `packets`, `life` (what happens to it), `interference` (what another program does to it), `close`
//! (its end); `growth`; `report`. A host lives in a thread of its own.

mod arguments;
mod close;
mod events;
mod growth;
mod host;
mod interference;
mod life;
mod lists;
mod packets;
mod report;
mod waiting;
mod wire;

use std::fs;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use arguments::Arguments;
use events::{Event, Notice};
use host::{Broken, Host, Kind};
use wire::Outside;

/// From one look at the daemons to the next; in a short soak there are as many of them.
const EVERY: Duration = Duration::from_secs(10);
const LOOKS: u32 = 90;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(reason) = is_possible() {
        eprintln!("soak: {reason}");
        return ExitCode::FAILURE;
    }
    eprintln!("soak: seed {}", arguments.seed);
    let (notices, notified) = mpsc::channel();
    events::of_signals(notices.clone()).expect("signals can be received");
    let outside = Outside::new();
    let (mut hosts, inboxes) = set_up(&outside, &arguments);
    let Some(slab) = soak(&mut hosts, inboxes, notices, &notified, arguments.minutes) else {
        eprintln!("soak: interrupted");
        return ExitCode::FAILURE;
    };
    let judged: Vec<report::Judged> = hosts.into_iter().map(judge).collect();
    let faults: Vec<String> = judged.iter().flat_map(|(host, _)| host.faults.clone()).collect();
    let text = report::report(&judged, &slab, &arguments, &faults);
    print!("{text}");
    if !faults.is_empty() {
        return ExitCode::FAILURE;
    }
    if arguments.write {
        let path = format!("{}/docs/SOAK.md", kit::TOP);
        if let Err(error) = fs::write(&path, text) {
            eprintln!("soak: {path}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Whether it can be done at all, and says something of the program that is shipped.
fn is_possible() -> Result<(), String> {
    if std::env::var_os("NETFILTERD_PROGRAM").is_none() {
        return Err("NETFILTERD_PROGRAM must name the program: target/release/netfilterd".into());
    }
    if !nix::unistd::geteuid().is_root() {
        return Err("only root can make network namespaces and load sets".into());
    }
    let tools = ["ip", "nft", "iptables-legacy", "ip6tables-legacy"];
    match tools.iter().find(|tool| !kit::is_installed(tool)) {
        Some(tool) => Err(format!("{tool} is not installed")),
        None => Ok(()),
    }
}

/// The hosts, and by what each is notified.
fn set_up(outside: &Outside, arguments: &Arguments) -> (Vec<Host>, Vec<Sender<Event>>) {
    let host = |(number, kind)| {
        let (own, inbox) = mpsc::channel();
        (Host::new(kind, number, outside, arguments, (own.clone(), inbox)), own)
    };
    Kind::ALL.into_iter().enumerate().map(host).unzip()
}

/// Lets it all happen. Returns the bytes of the kernel's slab, one for each look; nothing if it was
/// interrupted.
fn soak(
    hosts: &mut [Host],
    inboxes: Vec<Sender<Event>>,
    notices: Sender<Notice>,
    notified: &Receiver<Notice>,
    time: Duration,
) -> Option<Vec<u64>> {
    let lanes: Vec<_> = hosts.iter().map(|host| host.packets.lane()).collect();
    let (stop, count) = (AtomicBool::new(false), hosts.len());
    thread::scope(|scope| {
        let all = All { inboxes, stop: &stop };
        let sender = scope.spawn(|| wire::send(&lanes, &stop));
        for host in hosts {
            let at_end = AtEnd(notices.clone());
            scope.spawn(move || {
                let _at_end = at_end;
                match host.live() {
                    Ok(()) | Err(Broken::Interrupted) => {}
                    Err(Broken::Fault(fault)) => host.fault(fault),
                }
            });
        }
        let (mut slab, mut living) = (Vec::new(), count);
        let begin = Instant::now();
        let (end, every) = (begin + time, EVERY.min(time / LOOKS));
        let (mut look, mut ending) = (begin + every, false);
        while living > 0 {
            let next = if ending { Duration::from_secs(3600) } else { wait(look.min(end)) };
            match notified.recv_timeout(next) {
                Ok(Notice::Interrupted) => return None,
                // One that has come to a bad end ends it all.
                Ok(Notice::HostEnded) => living -= 1,
                Err(RecvTimeoutError::Timeout) if Instant::now() < end => {
                    look += every;
                    slab.push(slab_size());
                    all.notify(Event::Look);
                    assert!(!sender.is_finished(), "the sender of packets has ended");
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            ending = true;
            all.notify(Event::End);
        }
        Some(slab)
    })
}

fn wait(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// All threads, which stop where they are when it is dropped.
struct All<'a> {
    inboxes: Vec<Sender<Event>>,
    stop: &'a AtomicBool,
}

impl All<'_> {
    fn notify(&self, event: Event) {
        for host in &self.inboxes {
            // One that has come to its end does not listen.
            let _ = host.send(event);
        }
    }
}

impl Drop for All<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.notify(Event::Interrupt);
    }
}

/// Notifies the main thread that a host has come to its end, also by a panic.
struct AtEnd(Sender<Notice>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let _ = self.0.send(Notice::HostEnded);
    }
}

/// The size of the kernel's slab, in bytes.
fn slab_size() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let slab = memory.lines().find_map(|line| line.strip_prefix("Slab:"));
    let kibibytes = slab.and_then(|slab| slab.split_whitespace().next()?.parse::<u64>().ok());
    1024 * kibibytes.unwrap_or_default()
}

/// Judges the packets and the memory of a host that has come to its end.
fn judge(mut host: Host) -> report::Judged {
    let verdict = host.packets.verdict(&host.namespace);
    for fault in verdict.faults.iter().cloned().chain(growth::faults(&host.samples)) {
        host.fault(fault);
    }
    (host, verdict)
}
