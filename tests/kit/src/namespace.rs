//! Network namespaces, what is in nftables there, and commands in them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, setns};

use crate::files::with_files;
use crate::listed::{self, ListedTable};
use crate::ran::succeed;
use crate::{Folder, Ran, awaited, needs, needs_root, program, unique};

/// The tables that netfilterd creates, that of IPv4 first.
pub const MANAGED: [&str; 2] = ["ip netfilterd", "ip6 netfilterd"];

/// A network namespace.
pub struct Namespace {
    name: String,
    pub(crate) folder: Folder,
    /// An empty file.
    empty: String,
}

/// Starts a program without the machine's resolvers and logins: in place of each file lies an empty one
/// of its own, for /dev/null is written to by everybody, which a daemon that watches would see; in place
/// of each folder an empty one.
const WITHOUT_HOST: &str = "for file in /etc/resolv.conf /run/systemd/resolve/resolv.conf \
    /run/NetworkManager/resolv.conf /run/NetworkManager/no-stub-resolv.conf \
    /run/resolvconf/resolv.conf /run/dnsmasq/resolv.conf /run/connman/resolv.conf \
    /etc/resolv.dnsmasq /etc/resolv.dnsmasq.conf /etc/dnsmasq.conf /run/utmp /run/utmps/utmp; do
    [ ! -e $file ] || mount --bind \"$0\" $file || exit; done
    for folder in /run/systemd/sessions /etc/dnsmasq.d /etc/NetworkManager/dnsmasq.d; do
    [ ! -d $folder ] || mount -t tmpfs none $folder || exit; done; exec \"$@\"";

impl Namespace {
    #[track_caller]
    pub fn new() -> Self {
        needs_root();
        needs(&["ip", "nft"]);
        let name = unique();
        succeed(Command::new("ip").args(["netns", "add", &name]));
        let folder = Folder::new();
        let empty = folder.file("resolv.conf", "");
        let namespace = Namespace { name, folder, empty };
        namespace.ip("link set lo up");
        namespace
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command in the namespace, which knows of no resolver and no login. `ip` gives it
    /// mounts of its own, too.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, "sh", "-c", WITHOUT_HOST]);
        command.arg(&self.empty).arg(program);
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
        Ran::new(self.command(program()).args(arguments).output().unwrap())
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
        self.try_nft(script).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Gives nft a script. Returns what it writes, or why it does not take the script.
    pub fn try_nft(&self, script: &str) -> Result<String, String> {
        let folder = Folder::new();
        let script = folder.file("script", script);
        let output = self.command("nft").args(["-f", &script]).output().unwrap();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
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

    /// The names of the sets of the managed tables, those of IPv4 first.
    pub fn managed_sets(&self) -> Vec<String> {
        MANAGED.map(|table| self.sets(table)).concat()
    }

    /// The names of the sets of the managed tables without what tells the sets of a row apart, each once:
    /// `drop4_g7` for `drop4_first16_g7` and `drop4_24_g7`.
    pub fn generations(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.managed_sets().iter().map(|set| listed::without_content(set)).collect();
        names.dedup();
        names
    }

    /// The managed tables, as nft lists them.
    pub fn managed_tables(&self) -> Vec<ListedTable> {
        let mut tables = listed::tables(&self.nft("list ruleset"));
        tables.retain(|table| MANAGED.contains(&&table.name[..]));
        tables
    }

    /// What the sets of the managed tables hold together of a family (`drop4` or `drop6`), in the
    /// form of [`merged`](crate::merged), whatever the row of look-ups. A family of which nothing was
    /// listed has no sets.
    ///
    /// No set of another generation may be there, but for the moment of a rebuild.
    #[track_caller]
    pub fn managed(&self, base: &str) -> Vec<String> {
        let family = if base.ends_with('4') { MANAGED[0] } else { MANAGED[1] };
        let left_over = || format!("sets of several generations: {:?}", self.managed_sets());
        awaited(left_over, || {
            let tables = self.managed_tables();
            let names = tables.iter().flat_map(|table| &table.sets);
            let generations = names.filter_map(|set| Some(listed::split_name(&set.name)?.1));
            let generations: BTreeSet<u64> = generations.collect();
            let table = tables.iter().find(|table| table.name == family);
            let in_force = |table: &ListedTable| listed::in_force(&table.of_base(base));
            (generations.len() < 2).then(|| table.map_or(Vec::new(), in_force))
        })
    }

    /// What packets that come to the chain `inbound` are looked up in of a family, in the form of
    /// [`merged`](crate::merged): other sets may be left over.
    pub fn looked_up(&self, base: &str) -> Vec<String> {
        let family = if base.ends_with('4') { MANAGED[0] } else { MANAGED[1] };
        let tables = self.managed_tables();
        let Some(table) = tables.iter().find(|table| table.name == family) else { return vec![] };
        let mut sets = table.of_base(base);
        let looked_up = table.looked_up("inbound");
        sets.retain(|(_, set)| looked_up.contains(&set.name));
        listed::in_force(&sets)
    }

    /// Packets that a named counter of the managed tables has seen.
    pub fn counter(&self, name: &str) -> u64 {
        let family = if name.ends_with('4') { "ip" } else { "ip6" };
        let listing = self.nft_json(&format!("list counter {family} netfilterd {name}"));
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
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// An element in nft's JSON to the way that netfilterd writes ranges: a network or `first-last`. A number
/// stays one.
pub fn element(value: &serde_json::Value) -> String {
    if let Some(prefix) = value.get("prefix") {
        return format!("{}/{}", prefix["addr"].as_str().unwrap(), prefix["len"]);
    }
    if let Some(range) = value.get("range") {
        return format!("{}-{}", range[0].as_str().unwrap(), range[1].as_str().unwrap());
    }
    // The key of a set whose keys are a part of an address.
    if let Some(number) = value.as_u64() {
        return number.to_string();
    }
    let host = value.as_str().unwrap();
    format!("{host}/{}", if host.contains(':') { 128 } else { 32 })
}
