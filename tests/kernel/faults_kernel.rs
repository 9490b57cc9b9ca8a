//! The kernel's tables while others write to them, own them or have taken the names, and while the
//! kernel has no memory: what is in force is one whole list.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use kit::crowd::{FOREIGN, TABLE, hosts, in_force};
use kit::*;

#[test]
#[ignore = "needs root: network namespaces"]
fn two_loads_at_once_end_in_the_list_of_one_of_them() {
    needs(&["strace"]);
    let folder = Folder::new();
    let (one, two) = (hosts(200, 1), hosts(200, 5));
    let wanted = [&one, &two].map(|text| merged(text).v4);
    let lists = [folder.file("one", &one), folder.file("two", &two)];
    for options in [&[][..], FOREIGN] {
        // The first one waits before it sends its first message, its second one and so on, and the
        // second one goes all the way meanwhile.
        for number in 1..=16 {
            let namespace = Namespace::new();
            namespace.nft(TABLE);
            let mut command = namespace.command("strace");
            let delay = format!("inject=sendto:delay_enter=300000:when={number}");
            command.args(["-qq", "-o", "/dev/null", "-e", &delay, program(), "load", "-q"]);
            command.args(["-f", &lists[0]]).args(options).args(namespace.state());
            let mut first = command.spawn().unwrap();
            thread::sleep(Duration::from_millis(120));
            namespace.load(&[&["-f", &lists[1]], options].concat());
            assert!(first.wait().unwrap().success(), "message {number}");
            let held = in_force(&namespace, options);
            assert!(wanted.contains(&held), "message {number}: {} networks", held.len());
        }
    }
}

/// PROC_PID_INIT_INO of include/linux/proc_ns.h.
const INIT_PID_NAMESPACE: &str = "pid:[4026531836]";

#[test]
#[ignore = "needs root: network namespaces"]
fn a_socket_that_cannot_be_had_is_named_with_a_cure_for_its_reason() {
    needs(&["strace"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", hosts(3, 1));
    for (errno, cure) in [
        ("EPROTONOSUPPORT", "module nfnetlink"),
        ("EAFNOSUPPORT", "AF_NETLINK"),
        ("EMFILE", "limit of open files"),
        ("ENFILE", "fs.file-max"),
        ("ENOBUFS", "memory"),
    ] {
        // Without protection the first socket is the one to nf_tables.
        for (options, what) in
            [(&["--no-protect"][..], "a netlink socket"), (&[], "the host's addresses")]
        {
            let mut command = namespace.command("strace");
            let fault = format!("inject=socket:error={errno}:when=1+");
            command.args(["-qq", "-o", "/dev/null", "-e", &fault, program(), "load", "-f", &list]);
            let ran = run(command.args(options).args(namespace.state()));
            let cure =
                if (errno, options.len()) == ("EPROTONOSUPPORT", 0) { "kernel" } else { cure };
            ran.expect(1, &[what, cure]);
        }
    }
    assert_eq!(namespace.ruleset(), "");
}

#[test]
#[ignore = "needs root: network namespaces"]
fn two_daemons_without_a_pid_file_name_each_other_and_leave_a_whole_list() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let texts = [hosts(100, 1), hosts(100, 5)];
    let wanted = texts.clone().map(|text| merged(&text).v4);
    let lists = [folder.file("one", &texts[0]), folder.file("two", &texts[1])];
    let daemons = lists.each_ref().map(|list| Daemon::start(&namespace, &["-f", list]));
    // Each repairs its own, with pauses that grow.
    // In a container the number is what the host has, and not what is known there.
    let of_the_host = fs::read_link("/proc/self/ns/pid").unwrap() == Path::new(INIT_PID_NAMESPACE);
    for (daemon, other) in [(&daemons[0], &daemons[1]), (&daemons[1], &daemons[0])] {
        let pid = if of_the_host { format!("{})", other.pid()) } else { String::new() };
        daemon.wait_for(&format!("netfilterd (pid {pid}"), 2);
        daemon.wait_for("--no-repair", 1);
    }
    for daemon in daemons {
        assert_eq!(daemon.end("TERM"), 0);
    }
    let held = namespace.looked_up("drop4");
    assert!(wanted.contains(&held), "{} networks", held.len());
}

/// A shell command that is repeated until this is dropped.
fn repeated(namespace: &Namespace, command: &str) -> Background {
    let script = format!("while :; do {command}; done");
    let mut command = namespace.command("sh");
    Background(command.args(["-c", &script]).stderr(Stdio::null()).spawn().unwrap())
}

#[test]
#[ignore = "needs root: network namespaces"]
fn while_the_ruleset_is_flushed_in_a_loop_a_load_ends_and_afterwards_all_is_right() {
    let folder = Folder::new();
    let text = hosts(500, 1);
    let list = folder.file("list", &text);
    let wanted = merged(&text).v4;
    let table = folder.file("table", format!("flush ruleset\n{TABLE}\n"));
    for options in [&[][..], FOREIGN] {
        let namespace = Namespace::new();
        namespace.nft(TABLE);
        let daemon = Daemon::start(&namespace, &[&["-f", &list][..], options].concat());
        let flushing = repeated(&namespace, &format!("nft -f {table}"));
        for _ in 0..20 {
            let ran = namespace.netfilterd(&[&["load", "-f", &list][..], options].concat());
            // Whoever wins each of the few tries: it ends, and says what became of it.
            let said = if ran.status() == 0 { "500" } else { "error: " };
            assert!([0, 1].contains(&ran.status()), "{}", ran.stderr());
            assert_names(&ran.stderr(), &[said]);
        }
        drop(flushing);
        daemon.signal("HUP");
        let rule = if options.is_empty() { "@drop4_" } else { "@a" };
        eventually("the list in force", || {
            namespace.ruleset().contains(rule) && in_force(&namespace, options) == wanted
        });
        assert_eq!(daemon.end("TERM"), 0);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn one_who_watches_all_that_happens_makes_it_slower_and_not_wrong() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let mut monitor = namespace.command("nft");
    let _monitor = Background(monitor.arg("monitor").stdout(Stdio::null()).spawn().unwrap());
    for layout in ["auto", "interval", "hash"] {
        for last in [1, 5] {
            let text = hosts(5000, last);
            namespace.load(&["-f", &folder.file("list", &text), "--layout", layout]);
            assert_eq!(namespace.managed("drop4"), merged(&text).v4);
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_table_that_belongs_to_a_process_is_left_to_it() {
    needs(&["python3"]);
    for (family, number, table, options) in
        [("ip", 2, "netfilterd", &[][..]), ("inet", 1, "t", &["-t", "inet t", "--set4", "a"])]
    {
        let (namespace, folder) = (Namespace::new(), Folder::new());
        let list = folder.file("list", hosts(3, 1));
        // NFT_TABLE_F_OWNER, which the nft of some distributions does not know.
        let script = format!(
            "
import socket, struct, sys
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
def message(kind, flags, seq, body):
    return struct.pack('=IHHII', 16 + len(body), kind, 1 | flags, seq, 0) + body
def text(kind, value):
    value = value.encode() + b'\\0'
    attribute = struct.pack('=HH', 4 + len(value), kind) + value
    return attribute + b'\\0' * (-len(attribute) % 4)
def number(kind, value):
    return struct.pack('=HH', 8, kind) + struct.pack('>I', value)
ask = b'\\{number}\\0\\0\\0'
s.send(message(16, 0, 1, b'\\0\\0\\0\\x0a')
       + message(0xa00, 0x400, 2, ask + text(1, '{table}') + number(2, 2))
       + message(0xa09, 0x400, 3, ask + text(1, '{table}') + text(2, 'a') + number(3, 4)
                 + number(4, 7) + number(5, 4) + number(10, 1))
       + message(17, 0, 4, b'\\0\\0\\0\\x0a'))
print('ready', flush=True)
sys.stdin.read()
"
        );
        let mut owner = namespace.command("python3");
        owner.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut owner = owner.spawn().unwrap();
        let ready = &mut [0; 6];
        std::io::Read::read_exact(owner.stdout.as_mut().unwrap(), ready).unwrap();
        let before = namespace.terse_ruleset();
        assert!(before.contains(&format!("table {family} {table}")), "{before}");
        let ran = namespace.netfilterd(&[&["load", "-f", &list][..], options].concat());
        ran.expect(1, &[&format!("{family} {table}")]);
        assert_eq!(namespace.terse_ruleset(), before);
        drop(owner.stdin.take());
        let _ = owner.wait();
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn names_in_the_managed_table_that_something_else_has_are_worked_around() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let text = hosts(10, 1);
    let list = folder.file("list", &text);
    let wanted = merged(&text).v4;
    for taken in [
        "add map ip netfilterd drop4_g7 { type ipv4_addr : mark; }",
        "add set ip netfilterd drop4_g20 { type inet_service; }",
        "add set ip netfilterd drop6_g30 { type ipv4_addr; flags interval, timeout; }",
        "add quota ip netfilterd inbound4 { over 1 mbytes; }",
        "delete chain ip netfilterd inbound; add chain ip netfilterd inbound",
        "add rule ip netfilterd inbound ip saddr 0.0.0.0/0 accept",
        "delete counter ip netfilterd inbound4",
    ] {
        namespace.load(&["-f", &list]);
        if taken.starts_with("delete") {
            namespace.nft("flush chain ip netfilterd inbound");
            namespace.nft("flush chain ip netfilterd from_listed4");
        }
        namespace.nft(taken);
        namespace.load(&["-f", &list]);
        assert_eq!(namespace.managed("drop4"), wanted, "{taken}");
        assert_eq!(namespace.generations().len(), 1, "{taken}");
        let ruleset = namespace.terse_ruleset();
        assert_eq!(ruleset.matches("counter name \"inbound4\" drop").count(), 1, "{ruleset}");
        assert!(!ruleset.contains("0.0.0.0/0 accept"), "{ruleset}");
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn a_table_of_the_same_name_in_another_family_is_another_table() {
    let (namespace, folder) = (Namespace::new(), Folder::new());
    namespace.nft(TABLE);
    let before = namespace.ruleset();
    let list = folder.file("list", hosts(3, 1));
    let ran = namespace.netfilterd(&["load", "-f", &list, "-t", "inet t", "--set4", "a"]);
    ran.expect(1, &["nft add table inet t"]);
    assert_eq!(namespace.ruleset(), before);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn another_user_than_root_needs_the_one_capability_and_no_other() {
    needs(&["setpriv"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let list = folder.file("list", hosts(3, 1));
    let load = |capabilities: &[&str]| {
        let mut command = namespace.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
        command.args(capabilities).args([program(), "load", "-f", &list]);
        run(command.args(namespace.state()))
    };
    // What the other user cannot write is a warning only.
    load(&[]).expect(1, &["CAP_NET_ADMIN"]);
    load(&["--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin"]).expect(0, &[]);
    assert_eq!(namespace.managed("drop4").len(), 3);
}

/// A memory cgroup; gone when dropped.
struct Cgroup {
    folder: PathBuf,
    /// The files that say how much it may take and how much it does.
    limit: &'static str,
    usage: &'static str,
    /// What the kernel does at the limit: version 1 can be told to refuse, version 2 only kills.
    kills: bool,
}

impl Cgroup {
    /// Of the version that this host has, if its memory is controlled at all.
    fn new(name: &str) -> Option<Self> {
        let root = Path::new("/sys/fs/cgroup");
        let (folder, limit, usage, kills) = if root.join("memory/memory.oom_control").exists() {
            let folder = root.join("memory").join(name);
            (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", false)
        } else {
            fs::write(root.join("cgroup.subtree_control"), "+memory").ok()?;
            (root.join(name), "memory.max", "memory.current", true)
        };
        fs::create_dir(&folder).ok()?;
        let cgroup = Cgroup { folder, limit, usage, kills };
        if !kills {
            cgroup.write("memory.oom_control", "1");
        }
        Some(cgroup)
    }

    fn write(&self, file: &str, value: &str) {
        fs::write(self.folder.join(file), value).unwrap();
    }

    /// Leaves room for so many bytes more.
    fn limit(&self, more: u64) {
        let used = fs::read_to_string(self.folder.join(self.usage)).unwrap();
        let used: u64 = used.trim().parse().unwrap();
        self.write(self.limit, &(used + more).to_string());
    }

    fn lift(&self) {
        self.write(self.limit, if self.kills { "max" } else { "-1" });
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Its processes are gone, or about to be.
        for _ in 0..200 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn where_the_kernel_has_no_memory_the_old_list_stays_and_the_next_reload_is_tried() {
    needs(&["nsenter"]);
    let (namespace, folder) = (Namespace::new(), Folder::new());
    let Some(cgroup) = Cgroup::new(namespace.name()) else {
        println!("skipped: no memory cgroup here");
        return;
    };
    let list = folder.file("list", hosts(10, 1));
    let start = || {
        // `ip netns exec` would hide the cgroups.
        let mut command = Command::new("nsenter");
        let net = format!("--net=/run/netns/{}", namespace.name());
        let join = "echo $$ >\"$0\" && exec \"$@\"";
        command.args([&net, "sh", "-c", join]).arg(cgroup.folder.join("cgroup.procs"));
        command.args([program(), "--no-protect", "--layout", "interval", "-f", &list]);
        Daemon::spawn(command.args(namespace.files()).env("SSH_CONNECTION", ""))
    };
    let mut daemon = start();
    daemon.wait_for_loads(1);
    let before = namespace.ruleset();
    // In the kernel 160 bytes each, about 80 MB; here a fraction of that.
    let text: String = (0..500_000u32).map(|i| format!("{}\n", Ipv4Addr::from(i << 3))).collect();
    folder.file("list", &text);
    cgroup.limit(48 << 20);
    if cgroup.kills {
        daemon.signal("HUP");
        daemon.wait_until_killed();
        assert_eq!(namespace.ruleset(), before);
        cgroup.lift();
        daemon = start();
    } else {
        for times in 1..=2 {
            daemon.signal("HUP");
            let failed = daemon.wait_for_failures(times);
            assert_names(failed["line"].as_str().unwrap(), &["Cannot allocate memory", "cgroup"]);
            assert_eq!(namespace.ruleset(), before);
        }
        cgroup.lift();
        daemon.signal("HUP");
    }
    daemon.wait_for_status(|status| status["loaded"]["networks4"] == 500_000);
    assert_eq!(daemon.end("TERM"), 0);
}
