//! What a daemon says of itself: `status`, its JSON, and the metrics file.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use kit::queue::{BOTH, Queues};
use kit::*;
use netfilterd::nfqueue::QueueCounters;
use netfilterd::status::metrics::Metrics;
use netfilterd::status::{Dropped, InForce, ListStatus, Mode, Status};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A daemon with files of its own.
struct Watched {
    daemon: Daemon,
    status: String,
    metrics: String,
    list: String,
    folder: Folder,
}

impl Watched {
    fn start(namespace: &Namespace, list: &str, options: &[&str]) -> Self {
        let folder = Folder::new();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        let (status, metrics) = (path("status"), path("netfilterd.prom"));
        let list = folder.file("list", list);
        let files = ["-f", &list, "--status-file", &status, "--metrics", &metrics];
        let daemon = Daemon::start(namespace, &[&files[..], options].concat());
        Watched { daemon, status, metrics, list, folder }
    }

    /// `netfilterd status` in the namespace.
    fn status(&self, namespace: &Namespace, options: &[&str]) -> Ran {
        namespace.netfilterd(&[&["status", "--status-file", &self.status], options].concat())
    }

    /// What of the metrics file begins with `name`, once there is `value` behind it.
    #[track_caller]
    fn wait_for_metric(&self, name: &str, value: &str) {
        let expected = format!("netfilterd_{name} {value}");
        let text = || fs::read_to_string(&self.metrics).unwrap_or_default();
        let missed = || format!("no {expected:?} in {}", text());
        awaited(missed, || text().lines().any(|line| line == expected).then_some(()));
    }
}

/// Gives a text to the parser of Prometheus's own library for Python, and returns its samples, a line
/// each.
fn judged_by_prometheus(text: &str) -> Vec<String> {
    const PARSE: &str = "
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    assert family.documentation, family
    assert family.type in ('counter', 'gauge'), family
    for sample in family.samples:
        assert sample.name.endswith('_total') == (family.type == 'counter'), sample
        print(sample.name, sorted(sample.labels.items()), sample.value)
";
    let folder = Folder::new();
    let file = fs::File::open(folder.file("metrics", text)).unwrap();
    let ran = run(Command::new("/usr/bin/python3").args(["-c", PARSE]).stdin(file));
    ran.expect(0, &[]);
    ran.stdout().lines().map(ToString::to_string).collect()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn status_says_what_is_in_force_from_where_and_what_it_did() {
    let wire = Wire::new();
    let inside = &wire.inside;
    let list =
        format!("{FOES}203.0.113.64/26\n# \nnothing\n192.0.2.9 until 2099-01-31T00:00:00Z\n");
    let watched = Watched::start(inside, &list, &[]);
    assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
    let asked = watched.status(inside, &[]);
    asked.expect(0, &[]);
    let said = asked.stdout();
    let pid = watched.daemon.pid().to_string();
    // A line for each of these.
    for names in [
        &[env!("CARGO_PKG_VERSION"), "tables ip netfilterd and ip6 netfilterd", &pid][..],
        &["IPv4", "3 networks", "321 addresses"],
        &["IPv6", "1 network", "1.2e24 addresses"],
        &["v4 3", "v6 1", "+4 -0"],
        &["/list: ", "4 entries", "1 line"],
        &["2099-01-31T00:00:00Z"],
        &["IPv4 in", "2 packets"],
        &["IPv6 out", "0 packets", "0 bytes"],
    ] {
        assert_line_names(&said, names);
    }
    let json = watched.status(inside, &["--json"]).json();
    assert!(json["failed"].is_null() && json["repairs"]["count"] == 0, "{json}");
    let lines = said.lines().count();

    fs::remove_file(&watched.list).unwrap();
    for times in 1..=2 {
        watched.daemon.signal("HUP");
        watched.daemon.wait_for_failures(times);
    }
    inside.nft("flush ruleset");
    watched.daemon.wait_for_repairs(1);
    watched.wait_for_metric("repairs_total", "1");
    let asked = watched.status(inside, &[]);
    assert_eq!(asked.status(), 1, "the last reload failed");
    let said = asked.stdout();
    assert_names(&said, &["2 times", "No such file", "nft (pid "]);
    assert_eq!(said.lines().count(), lines + 2, "a line each: {said}");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_json_of_status_is_what_the_file_holds_and_what_the_kernel_counts() {
    let wire = Wire::new();
    let watched = Watched::start(&wire.inside, FOES, &["--mask", "24"]);
    for _ in 0..3 {
        assert!(!wire.comes_in(FOE6, INSIDE6));
    }
    let asked = watched.status(&wire.inside, &["--json"]);
    let status: Status = serde_json::from_str(&asked.stdout()).unwrap();
    let counted =
        status.dropped.iter().find(|one| one.direction == "in" && one.family == "ipv6").unwrap();
    assert!(counted.packets >= 3 && counted.bytes > 48 * 3, "{counted:?}");
    assert_eq!(status.dropped.len(), 4);
    let mut kept: Status = serde_json::from_slice(&fs::read(&watched.status).unwrap()).unwrap();
    assert!(kept.dropped.is_empty(), "the kernel is asked when somebody wants to know");
    kept.dropped = status.dropped.clone();
    assert_eq!(status, kept);
    let loaded = status.loaded.unwrap();
    assert_eq!((loaded.addresses4, loaded.addresses6), (256.0, 2f64.powi(80)));
    assert_eq!((loaded.added, loaded.removed), (2, 0));
    // Who may not ask the kernel is told so, sees the rest, and gets no claim that it is in force.
    let mut command = wire.inside.command("setpriv");
    command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin", program(), "status"]);
    let asked = run(command.args(["--status-file", &watched.status]));
    asked.expect(4, &["CAP_NET_ADMIN"]);
    assert_names(&asked.stdout(), &["IPv4 ", "not verified: needs CAP_NET_ADMIN"]);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_metrics_file_follows_loads_failures_and_counters_and_goes_with_the_daemon() {
    let wire = Wire::new();
    let watched = Watched::start(&wire.inside, FOES, &["--max-shrink", "100"]);
    watched.wait_for_metric("loads_total", "1");
    watched.wait_for_metric("networks{family=\"ipv4\"}", "1");
    watched.wait_for_metric("last_load_successful", "1");
    watched.folder.file("list", "192.0.2.1\n192.0.2.9\n");
    watched.daemon.signal("HUP");
    watched.wait_for_metric("networks{family=\"ipv4\"}", "2");
    watched.folder.file("list", "# empty\n");
    watched.daemon.signal("HUP");
    watched.wait_for_metric("load_refusals_total", "1");
    watched.wait_for_metric("last_load_successful", "0");
    watched.wait_for_metric("load_failures_total", "0");
    // Nothing happens but packets: it is written all the same, and the number is the kernel's.
    watched.folder.file("list", FOES);
    watched.daemon.signal("HUP");
    watched.wait_for_metric("last_load_successful", "1");
    assert!(!wire.comes_in(FOE4, INSIDE4));
    let packets = wire.inside.counter("inbound4").to_string();
    assert_ne!(packets, "0");
    let dropped = "dropped_packets_total{direction=\"in\",family=\"ipv4\"}";
    watched.wait_for_metric(dropped, &packets);
    let text = fs::read_to_string(&watched.metrics).unwrap();
    let samples = judged_by_prometheus(&text);
    assert_eq!(samples.len(), text.lines().filter(|line| !line.starts_with('#')).count());
    let (metrics, folder) = (watched.metrics.clone(), &watched.folder);
    assert_eq!(watched.daemon.end("TERM"), 0);
    assert!(!fs::exists(metrics).unwrap());
    assert!(fs::read_dir(folder.path()).unwrap().count() > 0);
}

#[test]
#[ignore = "needs python3 and its prometheus_client"]
fn every_metric_has_a_name_a_type_and_labels_that_prometheus_can_read() {
    let list = |name: &str| ListStatus {
        name: name.into(),
        format: "ipset save".into(),
        sets: vec!["bad".into()],
        entries: 7,
        exceptions: 3,
        skipped: 4,
        rejected: 1,
        too_wide: 2,
        older: 0,
        modified: Some("2026-11-27T00:00:00Z".parse().unwrap()),
    };
    let odd = "odd \\ \"name\"\nof two lines";
    let mut status = Status::new(Mode::Queue);
    status.loaded = Some(InForce {
        networks4: 5,
        addresses6: 2f64.powi(100),
        next_end: Some("2027-01-31T00:00:00Z".parse().unwrap()),
        sources: vec![list("plain"), list(odd)],
        ..InForce::default()
    });
    status.queues =
        vec![QueueCounters { queue: 3, queue_full: Some(4), ..QueueCounters::default() }];
    let dropped =
        [Dropped { direction: "in".into(), family: "ipv4".into(), packets: u64::MAX, bytes: 9 }];
    let text = Metrics { status: &status, dropped: &dropped }.to_string();
    let samples = judged_by_prometheus(&text);
    for expected in [
        "netfilterd_addresses [('family', 'ipv6')] 1.2676506002282294e+30",
        "netfilterd_list_entries [('list', 'plain')] 7.0",
        "netfilterd_list_exceptions [('list', 'plain')] 3.0",
        r#"netfilterd_list_rejected_lines [('list', 'odd \\ "name"\nof two lines')] 1.0"#,
        "netfilterd_next_end_time_seconds [] 1801353600.0",
        "netfilterd_dropped_bytes_total [('direction', 'in'), ('family', 'ipv4')] 9.0",
        "netfilterd_queue_full_packets_total [('queue', '3')] 4.0",
        "netfilterd_queue_packets_total [('queue', '3'), ('verdict', 'dropped')] 0.0",
    ] {
        assert!(samples.iter().any(|sample| sample == expected), "no {expected} in {samples:#?}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_metrics_file_that_cannot_be_written_is_told_once_and_costs_nothing_else() {
    let namespace = Namespace::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let nowhere = folder.path().join("nowhere/netfilterd.prom");
    let arguments = ["-f", &list, "--metrics", nowhere.to_str().unwrap()];
    let daemon = Daemon::start(&namespace, &arguments);
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    let path = nowhere.to_str().unwrap();
    assert_eq!(daemon.lines(&["warning: ", path, "No such file"]).len(), 1, "{}", daemon.log());
}

#[test]
#[ignore = "needs root: network namespaces"]
fn queue_mode_has_its_counters_in_the_metrics_too() {
    needs(&["iptables-legacy"]);
    let wire = Wire::new();
    let folder = Folder::new();
    let list = folder.file("list", FOES);
    let metrics = folder.path().join("metrics").to_str().unwrap().to_string();
    let _queues = Queues::serve(&wire.inside, &list, &["--queue", "5", "--metrics", &metrics]);
    wire.inside.iptables("legacy", BOTH, "-t raw -A PREROUTING -j NFQUEUE --queue-num 5");
    assert!(!wire.comes_in(FOE4, INSIDE4));
    assert!(wire.comes_in(FRIEND4, INSIDE4));
    let text = || fs::read_to_string(&metrics).unwrap_or_default();
    let counted = |verdict: &str| {
        let name = format!("netfilterd_queue_packets_total{{queue=\"5\",verdict=\"{verdict}\"}} ");
        text().lines().any(|line| line.strip_prefix(&name).is_some_and(|count| count != "0"))
    };
    eventually("packets counted", || counted("dropped") && counted("accepted"));
    judged_by_prometheus(&text());
}

/// How often a process has waited for something.
fn switches(pid: u32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find(|line| line.starts_with("voluntary")).map(str::to_string)
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_daemon_that_has_nothing_to_do_makes_no_system_call() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", FOES);
    // Not where others write: a daemon hears of what happens in the folders above its list.
    let mut places = ["/srv", "/mnt", "/media"].into_iter();
    let is_free = |place: &&str| fs::exists(place).unwrap() && !program().starts_with(place);
    let place = places.find(is_free).expect("a folder to mount something on");
    let quiet = format!(
        "mount -t tmpfs none {place} && cp \"$0\" {place}/list && exec \"$@\" -f {place}/list"
    );
    for options in [&[][..], &["--watch"], &["--watch", "--no-repair"]] {
        let mut command = namespace.command("sh");
        command.args(["-c", &quiet, &list, program()]).args(options).args(namespace.files());
        let daemon = Daemon::spawn(&mut command);
        daemon.wait_for_loads(1);
        eventually("the start is over", || {
            let before = switches(daemon.pid());
            thread::sleep(Duration::from_millis(500));
            switches(daemon.pid()) == before
        });
        let trace = folder.path().join("trace");
        let mut strace = Command::new("strace")
            .args(["-f", "-o", trace.to_str().unwrap(), "-p", &daemon.pid().to_string()])
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let traced = || fs::read_to_string(&trace).unwrap_or_default();
        // The call that each thread waits in is in the trace, to show that there is one.
        let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().count();
        assert_eq!(threads, if options.contains(&"--watch") { 2 } else { 1 });
        eventually("a trace", || traced().lines().count() >= threads);
        thread::sleep(Duration::from_secs(3));
        let calls = traced();
        // And it was written all the time.
        daemon.signal("USR1");
        eventually("more in the trace", || traced().len() > calls.len());
        kill(Pid::from_raw(strace.id() as i32), Signal::SIGINT).unwrap();
        strace.wait().unwrap();
        assert_eq!(calls.lines().count(), threads, "{options:?}: {calls}");
        let waits = |call: &str| call.contains("resuming interrupted") || call.contains("poll(");
        assert!(calls.lines().all(waits), "{calls}");
    }
}
