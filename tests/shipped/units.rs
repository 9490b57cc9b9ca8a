//! The units for systemd: by its own judgement, by what they start, and by what that does.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use kit::*;

const UNIT: &str = include_str!("../../contrib/systemd/netfilterd.service");
const QUEUE_UNIT: &str = include_str!("../../contrib/systemd/netfilterd-queue@.service");

/// The name under which each is judged. systemd-analyze, and nothing else, takes the colon of
/// `netfilterd-queue@0:3` for the beginning of another name.
const UNITS: [(&str, &str); 2] =
    [("netfilterd.service", UNIT), ("netfilterd-queue@7.service", QUEUE_UNIT)];

/// The settings of a unit, comments left out.
fn settings(unit: &str) -> Vec<(&str, &str)> {
    unit.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .collect()
}

/// All values of a setting, in order.
fn values<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    let settings = settings(unit).into_iter();
    settings.filter(|(key, _)| *key == name).map(|(_, value)| value).collect()
}

/// A unit in a file, with the program under test in place of the one that is installed.
fn written(folder: &Folder, name: &str, unit: &str) -> String {
    folder.file(name, unit.replace("/usr/sbin/netfilterd", program()))
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_finds_no_fault_in_the_units_but_the_type_that_older_ones_do_not_know() {
    needs(&["systemd-analyze"]);
    let folder = Folder::new();
    for (name, unit) in UNITS {
        let unit = written(&folder, name, unit);
        let ran = run(Command::new("systemd-analyze").args(["verify", "--man=no", &unit]));
        let stderr = ran.stderr();
        assert_eq!(ran.status(), 0, "{stderr}");
        for line in stderr.lines() {
            assert!(
                line.ends_with("Failed to parse service type, ignoring: notify-reload"),
                "{line}"
            );
        }
    }
    assert!(values(UNIT, "Type").starts_with(&["notify"]), "what older ones are left with");
}

#[test]
#[ignore = "needs systemd-analyze"]
fn by_systemds_reckoning_the_exposure_is_two_of_ten_at_most() {
    needs(&["systemd-analyze"]);
    let folder = Folder::new();
    for (name, unit) in UNITS {
        let unit = written(&folder, name, unit);
        let mut command = Command::new("systemd-analyze");
        // In tenths.
        let ran = run(command.args(["security", "--offline=true", "--threshold=20", &unit]));
        assert_eq!(ran.status(), 0, "{}{}", ran.stdout(), ran.stderr());
    }
}

#[test]
fn both_units_have_the_same_sandbox_and_each_line_of_it_is_explained_in_one() {
    let sandbox = |unit| {
        let settings = settings(unit);
        let begin = settings.iter().position(|(key, _)| *key == "CapabilityBoundingSet");
        settings[begin.expect("it begins with this")..].to_vec()
    };
    assert_eq!(sandbox(UNIT), sandbox(QUEUE_UNIT));
    assert!(sandbox(UNIT).len() > 20);
    let begin = UNIT.find("\nCapabilityBoundingSet").expect("as above");
    let mut unexplained = 0;
    for line in UNIT[begin..].lines().take_while(|line| *line != "[Install]") {
        unexplained = if line.starts_with('#') { 0 } else { unexplained + 1 };
        assert!(unexplained <= 6, "one comment for too many lines, up to {line}");
    }
}

#[test]
fn the_sandbox_hides_no_file_by_which_logins_and_resolvers_are_protected() {
    for (name, unit) in UNITS {
        for path in values(unit, "InaccessiblePaths").iter().flat_map(|paths| paths.split(' ')) {
            let path = Path::new(path.trim_start_matches(['-', '+']));
            for needed in
                ["/run/systemd/sessions", "/run/utmp", "/var/run/utmp", "/etc/resolv.conf"]
            {
                assert!(!Path::new(needed).starts_with(path), "{name}: {}", path.display());
            }
        }
        // The process of a login must have the number that it has in utmp.
        for other in ["TemporaryFileSystem", "RootDirectory", "RootImage", "PrivatePIDs"] {
            assert!(values(unit, other).is_empty(), "{name}: {other}");
        }
    }
}

#[test]
fn the_unit_comes_before_the_network_and_hangs_on_no_other() {
    for unit in [UNIT, QUEUE_UNIT] {
        assert_eq!(values(unit, "Wants"), ["network-pre.target"]);
        assert!(values(unit, "Before")[0].split(' ').any(|name| name == "network-pre.target"));
        for bond in ["PartOf", "BindsTo", "Requires", "Requisite"] {
            assert_eq!(values(unit, bond), [""; 0], "{bond} would stop it when others stop");
        }
    }
}

/// What a network file system in /etc/fstab becomes, and a service that brings the network up.
const NETWORK: &str = "[Unit]
DefaultDependencies=no
Wants=network-pre.target network.target
After=network-pre.target
Before=network.target
[Service]
Type=oneshot
ExecStart=/bin/true
";

/// What systemd says when all units are started together on a host on which this folder is mounted
/// over the network. The first unit is changed before.
fn started_with_a_network_mount(place: &str, change: fn(String) -> String) -> Ran {
    let (folder, top) = (Folder::new(), env!("CARGO_MANIFEST_DIR"));
    let mount = format!("{}.mount", place[1..].replace('/', "-"));
    let mut names = vec![mount.clone(), "network-up.service".to_string()];
    let text = format!(
        "[Mount]\nWhat=server:/export\nWhere={place}\nType=nfs\nOptions=_netdev\n\
         [Install]\nWantedBy=remote-fs.target\n"
    );
    folder.file(&mount, text);
    folder.file("network-up.service", NETWORK);
    for part in ["systemd", "agents", "fleet"] {
        let files = fs::read_dir(format!("{top}/contrib/{part}")).unwrap();
        for path in files.map(|file| file.unwrap().path()) {
            let name = path.file_name().unwrap().to_str().unwrap().replace('@', "@7");
            if !name.ends_with(".service") && !name.ends_with(".timer") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let mut text = text
                .replace("/usr/local/lib/netfilterd", &format!("{top}/contrib"))
                .replace("contrib/pull", "contrib/fleet/pull")
                .replace("/agents/%i", "/agents/sshd")
                .replace("/usr/sbin/netfilterd", program());
            if name == "netfilterd.service" {
                text = change(text);
            }
            folder.file(&name, text);
            names.push(name);
        }
    }
    assert_eq!(names.len(), 11, "{names:?}");
    folder.file("all.target", format!("[Unit]\nWants={}\n", names.join(" ")));
    names.push("all.target".to_string());
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]);
    run(command.args(names.iter().map(|name| folder.path().join(name))))
}

#[test]
#[ignore = "needs systemd-analyze"]
fn no_unit_waits_for_a_mount_that_waits_for_the_network_which_waits_for_the_unit() {
    needs(&["systemd-analyze"]);
    for place in [
        "/var",
        "/var/cache",
        "/var/cache/netfilterd",
        "/var/lib",
        "/var/lib/netfilterd",
        "/var/tmp",
        "/tmp",
        "/home",
    ] {
        let ran = started_with_a_network_mount(place, |unit| unit);
        assert_eq!(ran.status(), 0, "{place}: {}", ran.stderr());
        assert!(!ran.stderr().contains("cycle"), "{place}: {}", ran.stderr());
    }
    // Settings that do wait, the last two without saying so.
    for change in [
        |unit: String| unit.replace("[Service]", "RequiresMountsFor=/var/cache\n[Service]"),
        |unit: String| unit + "[Service]\nStateDirectory=netfilterd\n",
        |unit: String| unit + "[Service]\nPrivateTmp=yes\n",
    ] {
        let ran = started_with_a_network_mount("/var", change);
        assert!(ran.stderr().contains("cycle"), "it would be found: {}", ran.stderr());
    }
}

/// A command line in a unit as systemd takes it apart: `%i` and `$OPTIONS` filled in.
fn arguments<'a>(line: &'a str, instance: &str, options: &[&'a str]) -> Vec<String> {
    let words = line.split(' ').skip(1).flat_map(|word| match word {
        "$OPTIONS" => options.to_vec(),
        word => vec![word],
    });
    words.map(|word| word.replace("%i", instance)).collect()
}

/// Runs a program with these folders empty but for a list where netfilterd looks for one.
const AS_INSTALLED: &str = "for folder in /run /var/lib /var/cache; do
    mount -t tmpfs none $folder || exit; done
    mkdir /var/cache/netfilterd && echo 192.0.2.7 >/var/cache/netfilterd/drop_ips &&
    exec \"$0\" \"$@\"";

#[test]
#[ignore = "needs root: network namespaces"]
fn netfilterd_understands_what_the_units_start_it_with_whatever_the_options_are() {
    needs(&["mount"]);
    let shipped = include_str!("../../contrib/netfilterd.default");
    let shipped = shipped.lines().find_map(|line| line.strip_prefix("OPTIONS=")).unwrap();
    let built_in = values(UNIT, "Environment")[0].strip_prefix("OPTIONS=").unwrap();
    assert_eq!(shipped.trim_matches('"'), built_in, "without the file it is the same");
    for (unit, instance) in [(UNIT, ""), (QUEUE_UNIT, "0:1"), (QUEUE_UNIT, "7")] {
        for options in [&[][..], &[built_in], &["--mask", "24", "--watch", "--strict"]] {
            let namespace = Namespace::new();
            let mut command = namespace.command("sh");
            let arguments = arguments(values(unit, "ExecStart")[0], instance, options);
            command.args(["-c", AS_INSTALLED, program()]).args(&arguments);
            let daemon = Daemon::spawn(&mut command);
            // In the /run that it has for itself.
            let own = arguments.iter().skip_while(|argument| *argument != "--status-file").nth(1);
            let status = own.map_or("/run/netfilterd/status.json", String::as_str);
            let status = format!("/proc/{}/root{status}", daemon.pid());
            eventually("a status", || fs::exists(&status).unwrap());
            assert_eq!(daemon.log().lines().count(), 1, "{}", daemon.log());
            assert_eq!(daemon.end("TERM"), 0, "{arguments:?}");
        }
    }
}

/// The system calls in a group of systemd's (`@name`), or the one of that name.
fn calls_in(name: &str) -> BTreeSet<String> {
    if !name.starts_with('@') {
        return [name.to_string()].into();
    }
    let ran = run(Command::new("systemd-analyze").args(["syscall-filter", name]));
    assert_eq!(ran.status(), 0, "{}", ran.stderr());
    let text = ran.stdout();
    let words = text.lines().skip(1).map(str::trim).filter(|line| !line.starts_with('#'));
    words.filter(|word| !word.is_empty()).flat_map(calls_in).collect()
}

/// The system calls that a unit permits.
fn permitted(unit: &str) -> BTreeSet<String> {
    let mut permitted = BTreeSet::new();
    for filter in values(unit, "SystemCallFilter") {
        let removes = filter.starts_with('~');
        for call in filter.trim_start_matches('~').split(' ').flat_map(calls_in) {
            match removes {
                true => drop(permitted.remove(&call)),
                false => drop(permitted.insert(call)),
            }
        }
    }
    permitted
}

/// A daemon whose system calls are written down.
struct Traced {
    daemon: Daemon,
    trace: PathBuf,
    _folder: Folder,
}

impl Traced {
    fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let trace = folder.path().join("trace");
        let mut command = namespace.command("strace");
        // strace as the grandchild: the process that is started is the daemon.
        command.args(["-D", "-f", "-o"]).arg(&trace).arg(program()).args(arguments);
        let socket = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&socket).unwrap();
        // A socket that nobody reads from is full after ten messages, and the daemon waits.
        thread::spawn(move || {
            let mut message = [0; 4096];
            while systemd.recv(&mut message).is_ok() && !message.starts_with(b"STOPPING=1") {}
        });
        command.env("NOTIFY_SOCKET", socket).env("WATCHDOG_USEC", "1000000");
        command.args(namespace.files());
        let daemon = Daemon::spawn(&mut command);
        daemon.wait_for_loads(1);
        Traced { daemon, trace, _folder: folder }
    }

    /// Ends the daemon, to what it did: each call as `name(arguments`.
    fn end(self) -> Vec<String> {
        let pid = self.daemon.pid().to_string();
        assert_eq!(self.daemon.end("TERM"), 0);
        let last = |line: &str| {
            // Short numbers are padded.
            let end = line.strip_prefix(&pid).map(str::trim_start);
            end.is_some_and(|end| end.starts_with("+++ exited"))
        };
        let trace = || fs::read_to_string(&self.trace).unwrap();
        eventually("the end of the trace", || trace().lines().any(last));
        trace().lines().filter_map(call).collect()
    }
}

/// The call in a line of strace; other lines are of signals, of ends, and of calls that go on.
fn call(line: &str) -> Option<String> {
    let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    call.starts_with(|c: char| c.is_ascii_lowercase() || c == '_').then(|| call.to_string())
}

/// What a daemon does in nftables, from its start to its end, with all that may come between.
fn life_with_sets() -> Vec<String> {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    // As many as the hash layout needs, none beside another.
    let many = |first: u32| -> String {
        let hosts = (first..first + 5_000).map(|i| Ipv4Addr::from(0x0a00_0001 + i * 512));
        hosts.map(|host| format!("{host}\n")).collect()
    };
    let list = folder.file("list", many(0));
    let allow = folder.file("allow", "10.0.0.1\n");
    let pid_file = folder.path().join("pid");
    let pid_file = pid_file.to_str().unwrap();
    let options =
        ["-v", "-f", &list, "-a", &allow, "--watch", "--mask", "24", "--max-shrink", "100"];
    let traced = Traced::start(&namespace, &[&options[..], &["--pid-file", pid_file]].concat());
    let daemon = &traced.daemon;
    daemon.signal("HUP");
    daemon.wait_for_loads(2);
    folder.file("list", many(1));
    daemon.wait_for_loads(3);
    let begin = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let end = begin.as_secs() + 2;
    folder.file("list", format!("{}192.0.2.7 until {end}\n", many(1)));
    daemon.wait_for_loads(4);
    namespace.nft("flush ruleset");
    daemon.wait_for_repairs(1);
    namespace.ip("link add one type veth peer name two");
    namespace.ip("addr add 10.1.0.9/24 dev one");
    daemon.wait_for("10.1.0.9", 1);
    // The address and its network are protected, and the entry has expired.
    daemon.wait_for_status(|status| {
        status["loaded"]["protected"] != 0 && status["loaded"]["next_end"].is_null()
    });
    fs::remove_file(&list).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_failures(1);
    daemon.signal("USR1");
    daemon.wait_for(env!("CARGO_PKG_VERSION"), 1);
    traced.end()
}

/// The same in a table of somebody else's.
fn life_in_a_foreign_table() -> Vec<String> {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace
        .nft("add table ip filter; add set ip filter drop4 { type ipv4_addr; flags interval; }");
    let list = folder.file("list", "192.0.2.0/24\n");
    let traced = Traced::start(&namespace, &["-f", &list, "--table", "ip filter"]);
    namespace.nft("flush set ip filter drop4");
    traced.daemon.wait_for_repairs(1);
    traced.end()
}

/// The same in queue mode, with packets.
fn life_with_queues() -> Vec<String> {
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    let traced = Traced::start(&wire.inside, &["-f", &list, "--queue", "0:1", "--watch"]);
    let rule = "-t raw -A PREROUTING -j NFQUEUE --queue-balance 0:1";
    wire.inside.iptables("legacy", kit::queue::BOTH, rule);
    for (friend, foe, inside) in [(FRIEND4, FOE4, INSIDE4), (FRIEND6, FOE6, INSIDE6)] {
        assert!(wire.comes_in(friend, inside) && !wire.comes_in(foe, inside));
    }
    folder.file("list", format!("{FOES}192.0.2.7\n"));
    traced.daemon.wait_for_loads(2);
    // It listens for interfaces, too, and says which program has a queue that it wants.
    wire.inside.ip("link add one type veth peer name two");
    let second = wire.inside.netfilterd(&["-f", &list, "--queue", "1"]);
    second.expect(1, &["queue 1", &traced.daemon.pid().to_string()]);
    traced.end()
}

#[test]
#[ignore = "needs root: network namespaces"]
fn every_system_call_that_netfilterd_makes_is_one_that_the_unit_permits() {
    needs(&["systemd-analyze", "strace", "iptables-legacy"]);
    let permitted = permitted(UNIT);
    assert!(permitted.len() > 100 && !permitted.contains("reboot") && !permitted.contains("bpf"));
    let families: Vec<&str> =
        values(UNIT, "RestrictAddressFamilies").iter().flat_map(|line| line.split(' ')).collect();
    let lives: [fn() -> Vec<String>; 3] =
        [life_with_sets, life_in_a_foreign_table, life_with_queues];
    for life in lives {
        let calls = life();
        let names: BTreeSet<&str> =
            calls.iter().map(|call| call.split('(').next().unwrap()).collect();
        assert!(names.contains("execve") && names.contains("setsockopt"), "{names:?}");
        let others: Vec<_> = names.iter().filter(|&&name| !permitted.contains(name)).collect();
        assert!(others.is_empty(), "not permitted: {others:?}");
        for call in &calls {
            if let Some(arguments) = call.strip_prefix("socket(") {
                let family = arguments.split(',').next().unwrap();
                assert!(families.contains(&family), "not permitted: {call}");
            }
            let code = call.contains("PROT_WRITE") && call.contains("PROT_EXEC");
            assert!(!code, "MemoryDenyWriteExecute: {call}");
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn the_one_capability_of_the_unit_is_all_that_a_daemon_needs() {
    needs(&["setpriv", "iptables-legacy"]);
    assert_eq!(values(UNIT, "CapabilityBoundingSet"), ["CAP_NET_ADMIN"]);
    let (wire, folder) = (Wire::new(), Folder::new());
    let list = folder.file("list", FOES);
    for mode in [&[][..], &["--queue", "0"]] {
        let mut command = wire.inside.command("setpriv");
        command.args(["--bounding-set=-all,+net_admin", "--inh-caps=-all", "--no-new-privs"]);
        command.arg(program()).args(["-f", &list, "--watch"]).args(mode);
        let daemon = Daemon::spawn(command.args(wire.inside.files()));
        daemon.wait_for_loads(1);
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        assert!(status.contains("CapPrm:\t0000000000001000\n"), "{status}");
        if mode.is_empty() {
            wire.inside.nft("flush ruleset");
            daemon.wait_for_repairs(1);
            assert!(!wire.comes_in(FOE4, INSIDE4) && wire.comes_in(FRIEND4, INSIDE4));
            wire.inside.nft("flush ruleset");
            daemon.wait_for_repairs(2);
        }
        folder.file("list", "192.0.2.7\n");
        daemon.wait_for_loads(2);
        folder.file("list", FOES);
        daemon.wait_for_loads(3);
        assert!(!daemon.log().contains("error: "), "{}", daemon.log());
        assert_eq!(daemon.end("TERM"), 0);
    }
}
