//! Faults in daemons. Each has a daemon of its own, which is asked to do everything afterwards.

use std::fs;
use std::path::Path;
use std::thread;

use kit::Folder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::{Event, Host, Scenario, soon};
use crate::matrix::{After, Fault, Matrix, Sample};
use crate::messages;
use crate::site::{self, Kind, Site};
use crate::trace::{self, Attached, Calls};

/// So many daemons at once, since they mostly wait.
const LANES: usize = 3;

/// One fault in one daemon.
fn inject(scenario: &Scenario, site: &Site<'_>, fault: &Fault) -> Result<After, String> {
    if scenario.event == Event::Start {
        return inject_at_start(scenario, site, fault);
    }
    let host = Host::new(scenario, site, &[])?;
    let before = host.daemon.log().len();
    let mut strace = Attached::to(host.daemon.pid(), Some(fault));
    host.happen();
    host.wait_for_the_fault(strace.log(), before, Some(fault));
    strace.detach();
    let injected = trace::was_injected(strace.log());
    if host.daemon.has_ended() {
        return Err(format!("it has ended: {}", host.daemon.log()));
    }
    let log = || host.daemon.log()[before..].to_string();
    let after = host.judge(before, fault).map_err(|why| format!("{why}: {:?}", log()))?;
    host.heals().map_err(|why| format!("{why}: {:?}", log()))?;
    let text = log();
    host.lives().map_err(|why| format!("{why}: {text:?}"))?;
    Ok(if injected { after } else { After::NoFault })
}

/// One fault in the start of one daemon.
fn inject_at_start(scenario: &Scenario, site: &Site<'_>, fault: &Fault) -> Result<After, String> {
    let traced = Folder::new();
    let log = traced.path().join("trace");
    let strace = start_arguments(Some(fault), &log);
    let mut host = Host::new(scenario, site, &strace)?;
    // A queue that cannot be received from judges no packets, and a message may not be written.
    let is_loaded = |host: &Host<'_>| {
        host.is_idle() && (host.is_new() || host.daemon.log().contains(": loaded "))
    };
    // What was loaded before stays in force, or is restored, if the lists cannot be read; and they are read
    // again. Of the thread that does so the same call fails each time, until strace lets go of it.
    let keeps_old = |host: &Host<'_>| {
        let is_failed = |line: &str| line.contains(": error: ") && line.contains("; retrying in ");
        host.daemon.log().lines().any(is_failed)
    };
    if !soon(|| host.daemon.has_ended() || is_loaded(&host) || keeps_old(&host)) {
        return Err(format!("it neither starts nor ends: {:?}", host.daemon.log()));
    }
    let text = host.daemon.log();
    let injected = trace::was_injected(&log);
    let after = |after| if injected { after } else { After::NoFault };
    if host.daemon.has_ended() {
        let status = host.daemon.try_wait().unwrap();
        let found = site.in_force();
        // If no answer comes any more, it cannot know what it has put in force, and says so.
        let is_unknown = fault.lasts && text.contains("it is not known") && host.is_new();
        if found.as_ref() != Ok(&host.old) && !is_unknown || status.code() != Some(1) {
            return Err(format!("{status}, in force {found:?}: {text:?}"));
        }
        messages::judge(&text)?;
        return Ok(after(if is_unknown { After::New } else { After::Old }));
    }
    // While a queue cannot be received from, no packet is judged.
    if site.kind != Kind::Queue && !host.is_new() {
        let found = site.in_force();
        if !keeps_old(&host) || found.as_ref() != Ok(&host.old) {
            return Err(format!("in force {found:?}: {text:?}"));
        }
    }
    detach_tracer(host.daemon.pid());
    if !soon(|| host.is_new()) {
        return Err(format!("in force {:?}: {text:?}", site.in_force()));
    }
    host.lives().map_err(|why| format!("{why}: {text:?}"))?;
    Ok(after(After::New))
}

/// strace beside the program instead of above it: the process that is started is the program.
fn start_arguments(fault: Option<&Fault>, log: &Path) -> Vec<String> {
    let mut all = trace::arguments(fault, log, true);
    // A signal that ends strace is otherwise blocked where it writes to a file.
    all.splice(0..0, ["-D", "-I2"].map(str::to_string));
    all
}

/// Has the strace of a process detach, and waits until it has.
fn detach_tracer(pid: u32) {
    let tracer = || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
        line.and_then(|pid| pid.trim().parse::<i32>().ok()).filter(|pid| *pid != 0)
    };
    if let Some(tracer) = tracer() {
        let _ = kill(Pid::from_raw(tracer), Signal::SIGINT);
    }
    assert!(soon(|| tracer().is_none()), "strace goes on");
}

/// The calls of the event without a fault.
fn calls(scenario: &Scenario) -> Calls {
    let mut calls = None;
    site::at(scenario.kind, |site| {
        let traced = Folder::new();
        let log = traced.path().join("trace");
        let starts = scenario.event == Event::Start;
        let host = Host::new(scenario, site, &start_arguments(None, &log)).unwrap();
        let mut strace = (!starts).then(|| Attached::to(host.daemon.pid(), None));
        host.happen();
        assert!(soon(|| host.is_new()), "{}: {:?}", host.daemon.log(), host.site.in_force());
        host.wait_until_idle();
        let log = match &mut strace {
            Some(strace) => {
                strace.detach();
                strace.log()
            }
            None => {
                detach_tracer(host.daemon.pid());
                &log
            }
        };
        calls = Some(Calls::read(log, starts));
        host.lives().unwrap();
    });
    calls.unwrap()
}

fn daemons(scenario: Scenario) {
    let matrix = Matrix::new(scenario.name, &calls(&scenario), Sample::EachCall);
    thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                site::at(scenario.kind, |site| matrix.work(|fault| inject(&scenario, site, fault)));
            });
        }
    });
    matrix.end();
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_start_a_call_fails_starts_or_says_why_not() {
    daemons(Scenario { name: "start", event: Event::Start, kind: Kind::Managed });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_reload_a_call_fails_goes_on() {
    daemons(Scenario { name: "reload", event: Event::Hup, kind: Kind::Managed });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_reload_into_a_foreign_table_a_call_fails_goes_on() {
    daemons(Scenario {
        name: "reload into a foreign table",
        event: Event::Hup,
        kind: Kind::Foreign,
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_watch_of_a_list_a_call_fails_still_watches() {
    daemons(Scenario { name: "watch", event: Event::Write, kind: Kind::Managed });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_repair_a_call_fails_repairs_the_table() {
    daemons(Scenario { name: "repair", event: Event::Removal, kind: Kind::Managed });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_repair_of_a_foreign_table_a_call_fails_repairs_it() {
    daemons(Scenario {
        name: "repair of a foreign table",
        event: Event::Removal,
        kind: Kind::Foreign,
    });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_address_of_the_host_is_protected_although_a_call_of_the_daemon_fails() {
    daemons(Scenario { name: "address", event: Event::Address, kind: Kind::Managed });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn an_entry_expires_although_a_call_of_the_daemon_fails() {
    daemons(Scenario { name: "expiry", event: Event::Expiry, kind: Kind::Managed });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_start_with_a_queue_a_call_fails_starts_or_says_why_not() {
    daemons(Scenario { name: "start with a queue", event: Event::Start, kind: Kind::Queue });
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_in_whose_reload_of_a_queue_a_call_fails_goes_on() {
    daemons(Scenario { name: "reload of a queue", event: Event::Hup, kind: Kind::Queue });
}
