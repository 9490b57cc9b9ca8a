//! What the tests against the kernel stand on: network namespaces that are gone when the test is,
//! also when it fails; commands in them; packets between them.

pub mod agents;
pub mod counters;
pub mod crowd;
pub mod flags;
pub mod harmless;
pub mod merged;
pub mod nflog;
pub mod process;
pub mod queue;
pub mod random;
pub mod reader;
pub mod ruleset;

use std::fs;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub use merged::merged;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The top folder of the project.
pub const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The program under test: NETFILTERD_PROGRAM, or the one that cargo built together with the tests,
/// which lies one folder above theirs.
pub fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let built = || {
            let tests = std::env::current_exe().unwrap();
            let folder = tests.parent().and_then(Path::parent).expect("a folder of cargo's");
            folder.join("netfilterd").to_str().unwrap().to_string()
        };
        let program = std::env::var("NETFILTERD_PROGRAM").unwrap_or_else(|_| built());
        assert!(Path::new(&program).exists(), "there is no {program} to test");
        program
    })
}

/// Ends the test as a failure, saying why, unless all of `tools` are installed.
#[track_caller]
pub fn needs(tools: &[&str]) {
    for tool in tools {
        assert!(is_installed(tool), "{tool} is not installed");
    }
}

/// Ends the test as a failure, saying why, unless root runs it.
#[track_caller]
pub fn needs_root() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
}

/// Whether a tool is where tools are.
pub fn is_installed(tool: &str) -> bool {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    folders.iter().any(|folder| Path::new(folder).join(tool).exists())
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

fn unique() -> String {
    format!("nfd{}x{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// A folder that is removed with everything in it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(unique());
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file with this content, as an argument for `--file`.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The arguments, with files of the test's own in `folder` where netfilterd would otherwise use the
/// machine's. Each call has a new state file: nothing is known to be in force.
fn with_files(arguments: &[&str], folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
    let command = arguments.first().filter(|first| !first.starts_with('-')).unwrap_or(&"run");
    let mut add = |option: &str| {
        if !arguments.contains(&option) {
            let file = folder.join(format!("{}{option}", unique()));
            all.extend([option.to_string(), file.to_str().unwrap().to_string()]);
        }
    };
    if ["run", "load", "check"].contains(command) && !arguments.contains(&"--help") {
        add("--state-file");
    }
    if *command == "run" {
        add("--status-file");
    }
    all
}

/// A network namespace.
pub struct Namespace {
    name: String,
    folder: Folder,
    /// An empty file.
    no_resolvers: String,
}

/// Starts a program without what the machine has in the way of resolvers: behind them lies an empty
/// file of its own, for /dev/null is written to by everybody, which a daemon that watches would see.
const WITHOUT_RESOLVERS: &str = "for file in /etc/resolv.conf /run/systemd/resolve/resolv.conf; do
    [ ! -e $file ] || mount --bind \"$0\" $file || exit; done; exec \"$@\"";

impl Namespace {
    #[track_caller]
    pub fn new() -> Self {
        needs_root();
        needs(&["ip", "nft"]);
        let name = unique();
        succeed(Command::new("ip").args(["netns", "add", &name]));
        let folder = Folder::new();
        let no_resolvers = folder.file("resolv.conf", "");
        let namespace = Namespace { name, folder, no_resolvers };
        namespace.ip("link set lo up");
        namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command in the namespace, which knows of no resolver and no SSH session. `ip` gives it
    /// mounts of its own, too.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "sh", "-c", WITHOUT_RESOLVERS]);
        command.arg(&self.no_resolvers).arg(program);
        command.env("SSH_CONNECTION", "");
        command
    }

    /// Options that keep a daemon from the machine's own files.
    pub fn files(&self) -> Vec<String> {
        with_files(&[], self.folder.path())
    }

    /// The one of them that `load` has, too.
    pub fn state(&self) -> Vec<String> {
        with_files(&["load"], self.folder.path()).split_off(1)
    }

    /// `ip ARGUMENTS` in the namespace; must succeed.
    pub fn ip(&self, arguments: &str) {
        let arguments = arguments.split_whitespace();
        succeed(Command::new("ip").args(["-n", &self.name]).args(arguments));
    }

    /// Runs netfilterd in the namespace.
    pub fn netfilterd(&self, arguments: &[&str]) -> Ran {
        let arguments = with_files(arguments, self.folder.path());
        Ran(self.command(program()).args(arguments).output().unwrap())
    }

    /// Runs netfilterd, which must succeed.
    #[track_caller]
    pub fn load(&self, arguments: &[&str]) -> Ran {
        let ran = self.netfilterd(&[&["load"], arguments].concat());
        assert_eq!(ran.status(), 0, "{}", ran.stderr());
        ran
    }

    /// Gives nft a script, which it must take.
    #[track_caller]
    pub fn nft(&self, script: &str) -> String {
        let folder = Folder::new();
        let script = folder.file("script", script);
        let output = self.command("nft").args(["-f", &script]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `nft list ruleset`, stateful counters left out.
    pub fn ruleset(&self) -> String {
        self.nft("list ruleset")
            .lines()
            .filter(|line| !line.trim_start().starts_with("packets "))
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// The ruleset without the elements of its sets.
    pub fn terse_ruleset(&self) -> String {
        let output = self.command("nft").args(["-t", "list", "ruleset"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `nft -j` says of a table.
    pub fn nft_json(&self, what: &str) -> serde_json::Value {
        let arguments = ["-j"].into_iter().chain(what.split_whitespace());
        let output = self.command("nft").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The elements of a set, as nft sees them: networks and ranges, in order.
    pub fn elements(&self, table: &str, set: &str) -> Vec<String> {
        let listing = self.nft_json(&format!("list set {table} {set}"));
        let object = listing["nftables"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|object| object.get("set"))
            .unwrap();
        let none = Vec::new();
        let elements = object.get("elem").map_or(&none, |elements| elements.as_array().unwrap());
        elements.iter().map(element).collect()
    }

    /// The names of the sets of a table.
    pub fn sets(&self, table: &str) -> Vec<String> {
        let listing = self.nft_json("list sets");
        let (family, name) = table.split_once(' ').unwrap();
        listing["nftables"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|object| object.get("set"))
            .filter(|set| set["family"] == family && set["table"] == name)
            .map(|set| set["name"].as_str().unwrap().to_string())
            .collect()
    }

    /// What the sets of the managed table hold together of a family (`drop4` or `drop6`), in the
    /// form of [`merged`]: the keys of a hash set are networks of the length in its name. A family
    /// of which nothing was listed has no sets.
    pub fn managed(&self, base: &str) -> Vec<String> {
        let sets = self.sets("inet netfilterd");
        let of_base: Vec<&String> = sets.iter().filter(|set| set.starts_with(base)).collect();
        let generation = |set: &str| set.rsplit_once("_g").unwrap().1.to_string();
        assert!(of_base.iter().all(|set| generation(set) == generation(&sets[0])), "{sets:?}");
        let mut text = String::new();
        for set in of_base {
            let length = set.strip_prefix(&format!("{base}_")).unwrap().split_once("_g");
            for element in self.elements("inet netfilterd", set) {
                match length {
                    Some((length, _)) => {
                        text += &format!("{}/{length}\n", element.split_once('/').unwrap().0);
                    }
                    None => text += &format!("{element}\n"),
                }
            }
        }
        let merged = merged(&text);
        if base.ends_with('4') { merged.v4 } else { merged.v6 }
    }

    /// Packets that a named counter of the managed table has seen.
    pub fn counter(&self, name: &str) -> u64 {
        let listing = self.nft_json(&format!("list counter inet netfilterd {name}"));
        listing["nftables"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|object| object.get("counter")?["packets"].as_u64())
            .unwrap()
    }

    /// Runs `action` on a thread that is in the namespace; sockets that it makes stay there.
    pub fn within<T: Send>(&self, action: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let file = fs::File::open(format!("/run/netns/{}", self.name)).unwrap();
                setns(file, CloneFlags::CLONE_NEWNET).unwrap();
                action()
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// An element in nft's JSON to the way that netfilterd writes ranges: a network or `first-last`.
fn element(value: &serde_json::Value) -> String {
    if let Some(prefix) = value.get("prefix") {
        return format!("{}/{}", prefix["addr"].as_str().unwrap(), prefix["len"]);
    }
    if let Some(range) = value.get("range") {
        return format!("{}-{}", range[0].as_str().unwrap(), range[1].as_str().unwrap());
    }
    let host = value.as_str().unwrap();
    format!("{host}/{}", if host.contains(':') { 128 } else { 32 })
}

/// A program that has ended.
pub struct Ran(Output);

impl Ran {
    pub fn status(&self) -> i32 {
        self.0.status.code().expect("not ended by a signal")
    }

    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Asserts the status, and that standard error holds each of `fragments`.
    #[track_caller]
    pub fn expect(&self, status: i32, fragments: &[&str]) {
        let stderr = self.stderr();
        assert_eq!(self.status(), status, "{stderr}");
        for fragment in fragments {
            assert!(stderr.contains(fragment), "no {fragment:?} in {stderr}");
        }
    }
}

/// Runs netfilterd where the test runs; for what touches no kernel. What the machine would have
/// protected is not protected.
pub fn netfilterd(arguments: &[&str]) -> Ran {
    let reads = ["check", "print", "test"].iter().any(|command| arguments.first() == Some(command));
    let no_protect = if reads { &["--no-protect"][..] } else { &[] };
    let arguments = [arguments, no_protect].concat();
    let arguments = with_files(&arguments, &std::env::temp_dir().join(unique()));
    Ran(Command::new(program()).env("SSH_CONNECTION", "").args(arguments).output().unwrap())
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    Ran(command.output().unwrap())
}

#[track_caller]
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Two namespaces with a wire between them: packets come from `outside` and reach `inside`, where
/// netfilterd runs. The outside has the addresses of a friend and of a foe, in both families.
pub struct Wire {
    pub outside: Namespace,
    pub inside: Namespace,
}

pub const FRIEND4: &str = "203.0.113.9";
pub const FOE4: &str = "198.51.100.7";
pub const FRIEND6: &str = "2001:db8:1::9";
pub const FOE6: &str = "2001:db8:bad::7";
/// What both foes are in.
pub const FOES: &str = "198.51.100.0/24\n2001:db8:bad::/48\n";
pub const INSIDE4: &str = "10.77.0.2";
pub const INSIDE6: &str = "fd77::2";

/// The interface of the inside.
pub const WIRE: &str = "wire1";

impl Wire {
    #[track_caller]
    pub fn new() -> Self {
        let (outside, inside) = (Namespace::new(), Namespace::new());
        outside.ip(&format!("link add wire0 type veth peer name {WIRE} netns {}", inside.name()));
        for address in ["10.77.0.1/24", "203.0.113.9/32", "198.51.100.7/32"] {
            outside.ip(&format!("addr add {address} dev wire0"));
        }
        for address in ["fd77::1/64", "2001:db8:1::9/128", "2001:db8:bad::7/128"] {
            outside.ip(&format!("addr add {address} dev wire0 nodad"));
        }
        inside.ip(&format!("addr add {INSIDE4}/24 dev {WIRE}"));
        inside.ip(&format!("addr add {INSIDE6}/64 dev {WIRE} nodad"));
        outside.ip("link set wire0 up");
        inside.ip(&format!("link set {WIRE} up"));
        inside.ip("route add default via 10.77.0.1");
        inside.ip("-6 route add default via fd77::1");
        let wire = Wire { outside, inside };
        // Until the link is up and the neighbours have found each other.
        for (from, to) in [(FRIEND4, INSIDE4), (FRIEND6, INSIDE6)] {
            let deadline = Instant::now() + Duration::from_secs(10);
            while !wire.comes_in(from, to) {
                assert!(Instant::now() < deadline, "no packet from {from} to {to}");
            }
        }
        wire
    }

    /// Whether a packet from an address outside reaches one inside.
    pub fn comes_in(&self, from: &str, to: &str) -> bool {
        passes(&self.outside, from, &self.inside, to)
    }

    /// Whether a packet from an address inside reaches one outside.
    pub fn goes_out(&self, from: &str, to: &str) -> bool {
        passes(&self.inside, from, &self.outside, to)
    }
}

/// How long to wait for a packet that may not come, as a rule so many milliseconds. An emulated
/// machine says in NETFILTERD_PATIENCE how many times as long its packets take.
pub fn patience(millis: u64) -> Duration {
    let times = std::env::var("NETFILTERD_PATIENCE").map_or(1, |times| times.parse().unwrap());
    Duration::from_millis(millis * times)
}

/// Whether a UDP datagram passes from an address of one namespace to an address of another.
pub fn passes(from: &Namespace, source: &str, to: &Namespace, destination: &str) -> bool {
    let (source, destination): (IpAddr, IpAddr) =
        (source.parse().unwrap(), destination.parse().unwrap());
    let receiver = to.within(|| UdpSocket::bind(SocketAddr::new(destination, 0)).unwrap());
    receiver.set_read_timeout(Some(patience(150))).unwrap();
    let sender = from.within(|| UdpSocket::bind(SocketAddr::new(source, 0)).unwrap());
    let address = receiver.local_addr().unwrap();
    let mut byte = [0];
    (0..2).any(|_| {
        // What is dropped on its way out is an error here, and a packet that does not come there.
        let _ = sender.send_to(b"?", address);
        receiver.recv(&mut byte).is_ok()
    })
}

/// A netfilterd that stays; killed when it is dropped.
pub struct Daemon {
    child: Child,
    log: PathBuf,
    _folder: Folder,
}

impl Daemon {
    /// Starts a daemon and waits until it has loaded.
    #[track_caller]
    pub fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let arguments = with_files(arguments, namespace.folder.path());
        let daemon = Daemon::spawn(namespace.command(program()).args(arguments));
        daemon.wait_for("loaded", 1);
        daemon
    }

    pub fn spawn(command: &mut Command) -> Self {
        let folder = Folder::new();
        let log = folder.path().join("log");
        let file = fs::File::create(&log).unwrap();
        let child = command.stdin(Stdio::null()).stderr(file).spawn().unwrap();
        Daemon { child, log, _folder: folder }
    }

    /// The process id: `ip netns exec` replaces itself by the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. After STOP no thread of the daemon runs any more.
    pub fn signal(&self, signal: &str) {
        let signal = format!("SIG{signal}").parse::<Signal>().unwrap();
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
        while signal == Signal::SIGSTOP && !self.is_stopped() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_stopped(&self) -> bool {
        fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().all(|thread| {
            let stat = fs::read_to_string(thread.unwrap().path().join("stat")).unwrap();
            // Behind the name, which may hold anything, stands the state.
            stat.rsplit_once(") ").unwrap().1.starts_with('T')
        })
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until `fragment` stands in so many lines of the log.
    #[track_caller]
    pub fn wait_for(&self, fragment: &str, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.log().lines().filter(|line| line.contains(fragment)).count() < times {
            assert!(Instant::now() < deadline, "no {fragment:?} ({times}) in {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the daemon by a signal, to its exit status.
    #[track_caller]
    pub fn end(mut self, signal: &str) -> i32 {
        self.signal(signal);
        self.wait()
    }

    /// Waits for the daemon to end by itself, to its exit status.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        self.ended().code().expect("not ended by a signal")
    }

    /// Waits for the daemon to be killed by somebody.
    #[track_caller]
    pub fn wait_until_killed(&mut self) {
        let status = self.ended();
        assert_eq!(status.signal(), Some(Signal::SIGKILL as i32), "{status}: {}", self.log());
    }

    #[track_caller]
    fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running: {}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A path with bytes that are no text.
pub fn odd_path(folder: &Folder, name: &[u8]) -> PathBuf {
    folder.path().join(std::ffi::OsStr::from_bytes(name))
}
