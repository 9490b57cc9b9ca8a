//! Random sequences of what happens to a netfilterd, each step held against a model that is too simple
//! to be wrong: what nft says and what packets meet is what the lists ask for by now.
//!
//! The steps are new lists and allowlists, entries that end, own addresses, broken lists, other
//! options, and other programs that take something away. NETFILTERD_MODEL_STEPS says how many there
//! are in each test, NETFILTERD_MODEL_SEED repeats a run: a failure tells its seed and its steps.

mod support;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use socket2::{Domain, Socket, Type};
use support::*;

/// Steps of each test.
const STEPS: u64 = 60;

/// Addresses of the universe in each family.
const SIZE: usize = 1024;

const V4: usize = 0;
const V6: usize = 1;

fn address(family: usize, at: usize) -> IpAddr {
    let text = match family {
        V4 => format!("198.51.{}.{}", 100 + at / 256, at % 256),
        _ => format!("2001:db8:5::{at:x}"),
    };
    text.parse().unwrap()
}

/// Where in the universe an address is; all that is ever listed lies there.
#[track_caller]
fn place(address: &str) -> usize {
    let at = match address.parse().unwrap() {
        IpAddr::V4(address) => u32::from(address).wrapping_sub(0xc633_6400) as usize,
        IpAddr::V6(address) => {
            u128::from(address).wrapping_sub(0x2001_0db8_0005 << 80).min(SIZE as u128) as usize
        }
    };
    assert!(at < SIZE, "{address} was never listed");
    at
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn at(&mut self) -> usize {
        self.below(SIZE as u64) as usize
    }

    fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// A line of a list.
#[derive(Clone)]
struct Line {
    family: usize,
    first: usize,
    last: usize,
    end: Option<i64>,
    text: String,
}

impl Line {
    fn new(random: &mut Random) -> Self {
        let (family, at) = (random.below(2) as usize, random.at());
        let (first, last, text) = match random.below(3) {
            0 => (at, at, address(family, at).to_string()),
            1 => {
                let bits = random.below(7) as usize;
                let first = at >> bits << bits;
                let length = [32, 128][family] - bits;
                (first, first + (1 << bits) - 1, format!("{}/{length}", address(family, at)))
            }
            _ => {
                let last = (at + random.below(30) as usize).min(SIZE - 1);
                (at, last, format!("{} - {}", address(family, at), address(family, last)))
            }
        };
        Line { family, first, last, end: None, text }
    }

    fn until(mut self, end: i64) -> Self {
        self.text += &format!(" until {end}");
        self.end = Some(end);
        self
    }
}

fn text_of(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}\n", line.text)).collect()
}

/// What is asked for, as it stands in lists and options.
#[derive(Default)]
struct Model {
    list: Vec<Line>,
    allow: Vec<Line>,
    own: [Option<usize>; 2],
    mask: [Option<u8>; 2],
}

impl Model {
    /// A flag for each address of a family: whether it is to be dropped.
    fn wanted(&self, family: usize, now: i64) -> Vec<bool> {
        let mut flags = vec![false; SIZE];
        let bits = self.mask[family].map_or(0, |mask| [32, 128][family] - usize::from(mask));
        for line in self.list.iter().filter(|line| line.family == family) {
            if line.end.is_none_or(|end| end > now) {
                let (first, last) = (line.first >> bits << bits, line.last | ((1 << bits) - 1));
                flags[first..=last].fill(true);
            }
        }
        for line in self.allow.iter().filter(|line| line.family == family) {
            flags[line.first..=line.last].fill(false);
        }
        if let Some(own) = self.own[family] {
            flags[own] = false;
        }
        flags
    }

    /// Whether the end of an entry makes a difference about now, to an address or to any: the kernel
    /// may be a moment behind.
    fn is_open(&self, family: usize, at: impl Fn(usize) -> bool) -> bool {
        let (before, after) = (self.wanted(family, now() - 20), self.wanted(family, now() + 2));
        (0..SIZE).any(|place| at(place) && before[place] != after[place])
    }
}

/// The table that is filled.
#[derive(Clone, Copy, PartialEq)]
enum Table {
    Managed,
    Foreign,
}

const FOREIGN: &str = "add table inet fw
    add set inet fw drop4 { type ipv4_addr; flags interval; }
    add set inet fw drop6 { type ipv6_addr; flags interval; }
    add chain inet fw in { type filter hook prerouting priority -300; }
    add rule inet fw in ip saddr @drop4 drop
    add rule inet fw in ip6 saddr @drop6 drop
    add chain inet fw out { type filter hook postrouting priority 0; }
    add rule inet fw out ip daddr @drop4 drop
    add rule inet fw out ip6 daddr @drop6 drop\n";

const OTHER: &str = "add table ip other
    add set ip other s { type ipv4_addr; flags interval; elements = { 198.51.100.0/24 }; }\n";

impl Table {
    fn name(self) -> &'static str {
        match self {
            Table::Managed => "inet netfilterd",
            Table::Foreign => "inet fw",
        }
    }
}

/// A run: the wire, the model, and what has happened.
struct Run {
    seed: u64,
    random: Random,
    history: Vec<String>,
    wire: Wire,
    folder: Folder,
    model: Model,
    table: Table,
    /// Layout and masks as options.
    options: Vec<String>,
    sockets: [UdpSocket; 2],
}

impl Drop for Run {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("NETFILTERD_MODEL_SEED={} repeats these steps:", self.seed);
            self.history.iter().for_each(|step| eprintln!("  {step}"));
        }
    }
}

/// Where packets are received, inside and outside.
const PORT: u16 = 7777;

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn steps() -> u64 {
    variable("NETFILTERD_MODEL_STEPS").unwrap_or(STEPS)
}

impl Run {
    fn new(table: Table) -> Self {
        let seed = variable("NETFILTERD_MODEL_SEED").unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
        });
        let wire = Wire::new();
        // The outside has all addresses of the universe, to send from and to receive at.
        wire.outside.ip("route add local 198.51.100.0/22 dev lo");
        wire.outside.ip("-6 route add local 2001:db8:5::/118 dev lo");
        if table == Table::Foreign {
            wire.inside.nft(FOREIGN);
        }
        wire.inside.nft(OTHER);
        let sockets = [&wire.inside, &wire.outside].map(|namespace| {
            let socket = namespace.within(|| UdpSocket::bind(("::", PORT)).unwrap());
            socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            socket
        });
        let mut run = Run {
            seed,
            random: Random(seed),
            history: Vec::new(),
            wire,
            folder: Folder::new(),
            model: Model::default(),
            table,
            options: Vec::new(),
            sockets,
        };
        run.new_options();
        run.new_list();
        run.write();
        run
    }

    fn note(&mut self, step: impl Into<String>) {
        self.history.push(step.into());
    }

    fn new_options(&mut self) {
        let layout = self.random.pick(&["auto", "interval", "hash", "hash"]);
        let mask4 = self.random.pick(&[None, None, Some(32), Some(28), Some(25)]);
        let mask6 = self.random.pick(&[None, None, Some(128), Some(124), Some(121)]);
        self.model.mask = [mask4, mask6];
        let masks = [("--mask", mask4), ("--mask6", mask6)];
        let masks = masks.iter().filter_map(|(option, mask)| Some((*option, (*mask)?)));
        let masks = masks.flat_map(|(option, mask)| [option.to_string(), mask.to_string()]);
        let table = ["--table", self.table.name()].map(String::from);
        let layout = ["--layout", layout].map(String::from);
        self.options = table.into_iter().chain(masks).collect();
        if self.table == Table::Managed {
            self.options.extend(layout);
        }
        self.note(format!("options {:?}", self.options));
    }

    fn arguments(&mut self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_string();
        let files = ["-f".into(), path("list"), "--allow".into(), path("allow")];
        let guards = ["--min-entries", "0", "--max-shrink", "100"].map(String::from);
        [&files[..], &guards, &self.options].concat()
    }

    fn write(&mut self) {
        self.folder.file("list", text_of(&self.model.list));
        self.folder.file("allow", text_of(&self.model.allow));
    }

    fn line(&mut self) -> Line {
        let line = Line::new(&mut self.random);
        match self.random.below(10) {
            0 => line.until(1_000_000_000),
            1 => line.until(9_999_999_999),
            _ => line,
        }
    }

    fn new_list(&mut self) {
        let count = self.random.pick(&[0, 1, 20, 60, 150]);
        self.model.list = (0..count).map(|_| self.line()).collect();
        self.note(format!("a list of {count} lines"));
    }

    fn change_list(&mut self) {
        let (count, goes) = (self.random.below(5), self.random.below(5) as usize);
        for _ in 0..goes.min(self.model.list.len()) {
            let at = self.random.below(self.model.list.len() as u64) as usize;
            self.model.list.remove(at);
        }
        let new: Vec<Line> = (0..count).map(|_| self.line()).collect();
        let texts: Vec<&str> = new.iter().map(|line| &*line.text).collect();
        self.history.push(format!("{goes} lines less, and more: {texts:?}"));
        self.model.list.extend(new);
    }

    fn change_allow(&mut self) {
        let count = self.random.below(4);
        self.model.allow = (0..count).map(|_| Line::new(&mut self.random)).collect();
        let texts: Vec<&str> = self.model.allow.iter().map(|line| &*line.text).collect();
        self.history.push(format!("allowed: {texts:?}"));
    }

    /// A step that is in the files. Returns whether it was something else than nothing.
    fn change_files(&mut self) {
        match self.random.below(8) {
            0 => self.new_list(),
            1 => self.change_allow(),
            2 => self.note("the same again"),
            _ => self.change_list(),
        }
        self.write();
    }

    /// Own addresses come and go.
    fn change_own(&mut self) {
        let family = self.random.below(2) as usize;
        let (length, nodad) = [("32", ""), ("128", "nodad")][family];
        if let Some(own) = self.model.own[family].take() {
            self.wire.inside.ip(&format!("addr del {}/{length} dev {WIRE}", address(family, own)));
            self.note("an own address goes");
        } else {
            let listed = self.model.wanted(family, now());
            let at = (0..SIZE).find(|&at| listed[at]).unwrap_or_else(|| self.random.at());
            let own = address(family, at);
            self.wire.inside.ip(&format!("addr add {own}/{length} dev {WIRE} {nodad}"));
            self.model.own[family] = Some(at);
            self.note(format!("an own address comes: {own}"));
        }
    }

    /// Somebody else does something to the table, or beside it. Returns whether it was to it.
    fn interfere(&mut self) -> bool {
        let table = self.table.name();
        let (sets, _) = self.kernel();
        let set = match sets.len() {
            0 => String::new(),
            count => sets[self.random.below(count as u64) as usize].name.clone(),
        };
        let element = sets.iter().find(|it| it.name == set).and_then(|it| it.elements.first());
        let free = (0..SIZE).find(|&at| {
            let family = usize::from(set.starts_with("drop6"));
            sets.iter().filter(|it| it.family == family).all(|it| !it.holds_near(at))
        });
        let foreign = format!("delete table inet fw\n{FOREIGN}");
        let kind = self.random.below(9);
        let command = match (kind, self.table) {
            (0, Table::Managed) => "flush ruleset\n".to_string() + OTHER,
            (0 | 1, Table::Foreign) => foreign,
            (1, Table::Managed) => format!("delete table {table}"),
            (2, _) => format!("flush set {table} {set}"),
            (3, _) if element.is_some() => {
                format!("delete element {table} {set} {{ {} }}", element.unwrap().text)
            }
            (4, _)
                if free.is_some() && !set.contains("_g") || kind == 4 && self.is_interval(&set) =>
            {
                let family = usize::from(set.starts_with("drop6"));
                format!("add element {table} {set} {{ {} }}", address(family, free.unwrap_or(0)))
            }
            (5, Table::Managed) => {
                let chain = self.random.pick(&["inbound", "outbound"]);
                format!("flush chain {table} {chain}")
            }
            (6, Table::Managed) => format!("insert rule {table} inbound accept"),
            (7, _) => "add element ip other s { 192.0.2.7 }\nflush set ip other s\n\
                       add element ip other s { 198.51.100.0/24 }"
                .to_string(),
            _ => "add table ip another; delete table ip another".to_string(),
        };
        self.note(format!("somebody else: {command}"));
        self.wire.inside.nft(&command);
        !command.starts_with("add element ip other") && !command.starts_with("add table ip another")
    }

    /// Whether a set of the managed table is one of intervals: a hash set has a length in its name.
    fn is_interval(&self, set: &str) -> bool {
        set.matches('_').count() == 1
    }
}

/// A set of the table, as nft lists it.
struct KernelSet {
    name: String,
    family: usize,
    elements: Vec<Element>,
}

struct Element {
    first: usize,
    last: usize,
    text: String,
}

impl KernelSet {
    /// Whether an element could not be added at this place.
    fn holds_near(&self, at: usize) -> bool {
        let near = |element: &Element| element.first <= at + 1 && at <= element.last + 1;
        self.elements.iter().any(near)
    }
}

fn element(value: &Value, key_length: Option<usize>, bits: usize) -> Element {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    if let Some(range) = value.get("range") {
        let (first, last) = (text(&range[0]), text(&range[1]));
        return Element {
            first: place(&first),
            last: place(&last),
            text: format!("{first}-{last}"),
        };
    }
    let (host, length) = match value.get("prefix") {
        Some(prefix) => (text(&prefix["addr"]), prefix["len"].as_u64().unwrap() as usize),
        None => (text(value), bits),
    };
    let shown = if length == bits { host.clone() } else { format!("{host}/{length}") };
    let size = 1 << (bits - key_length.unwrap_or(length));
    let first = place(&host);
    assert_eq!(first % size, 0, "{host} is no key of such networks");
    Element { first, last: first + size - 1, text: shown }
}

impl Run {
    /// The sets of the table, and the elements of the other table's.
    fn kernel(&self) -> (Vec<KernelSet>, Vec<Value>) {
        let listing = self.wire.inside.nft_json("list ruleset");
        let (mut sets, mut other) = (Vec::new(), Vec::new());
        let (_, table) = self.table.name().split_once(' ').unwrap();
        for set in listing["nftables"].as_array().unwrap().iter().filter_map(|it| it.get("set")) {
            let values = set["elem"].as_array().cloned().unwrap_or_default();
            if set["table"] == "other" {
                other = values;
                continue;
            }
            assert_eq!(set["table"], table);
            let name = set["name"].as_str().unwrap().to_string();
            let family = if name.starts_with("drop4") { V4 } else { V6 };
            // `drop4_24_g7` holds networks of length 24.
            let parts: Vec<&str> = name.split('_').collect();
            let key_length = (parts.len() == 3).then(|| parts[1].parse().unwrap());
            let elements = values.iter().map(|it| element(it, key_length, [32, 128][family]));
            sets.push(KernelSet { family, elements: elements.collect(), name });
        }
        (sets, other)
    }

    /// A flag for each address of each family: whether an element holds it, and only one does.
    fn in_force(&self) -> [Vec<bool>; 2] {
        let mut flags = [vec![false; SIZE], vec![false; SIZE]];
        let (sets, other) = self.kernel();
        let generation = |set: &KernelSet| set.name.rsplit('_').next().unwrap().to_string();
        if self.table == Table::Managed {
            let names: Vec<&str> = sets.iter().map(|set| &*set.name).collect();
            let same = |set: &KernelSet| generation(set) == generation(&sets[0]);
            assert!(sets.iter().all(same), "sets are left over: {names:?}");
        }
        for set in &sets {
            for element in &set.elements {
                let places = &mut flags[set.family][element.first..=element.last];
                assert!(!places.contains(&true), "{} is in two elements", element.text);
                places.fill(true);
            }
        }
        assert_eq!(other.len(), 1, "somebody else's set is left alone");
        flags
    }

    /// How the kernel differs from the model. The time passes while it is looked at.
    fn difference(&self) -> Option<String> {
        let before = now();
        let in_force = self.in_force();
        let wanted = |at: i64| [V4, V6].map(|family| self.model.wanted(family, at));
        if in_force == wanted(before) || in_force == wanted(now()) {
            return None;
        }
        let mut text = String::new();
        for (family, (is, wanted)) in in_force.iter().zip(wanted(now())).enumerate() {
            for at in (0..SIZE).filter(|&at| is[at] != wanted[at]) {
                let what = if is[at] { "is in force" } else { "is not in force" };
                text += &format!("{} {what}\n", address(family, at));
            }
        }
        Some(text)
    }

    /// The kernel is as the model says, at once, or soon where something else has to happen first.
    #[track_caller]
    fn check(&mut self, soon: bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while let Some(difference) = self.difference() {
            let may_wait = soon || [V4, V6].iter().any(|&it| self.model.is_open(it, |_| true));
            assert!(may_wait && Instant::now() < deadline, "{difference}");
            thread::sleep(Duration::from_millis(10));
        }
        self.check_packets();
    }

    /// Sends packets from some addresses and to them. What is to be dropped says so, and must not
    /// arrive, at no time; of the others each arrives.
    fn check_packets(&mut self) {
        let mut missing = Vec::new();
        for _ in 0..6 {
            let (family, at) = (self.random.below(2) as usize, self.random.at());
            let open = self.model.is_open(family, |place| place == at);
            if !open && self.model.own[family] != Some(at) {
                let drop = self.model.wanted(family, now())[at];
                missing.push((
                    format!("{drop} {} {}", address(family, at), self.history.len()),
                    family,
                    at,
                ));
            }
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut arrived: [Vec<String>; 2] = Default::default();
        loop {
            for (text, family, at) in &missing {
                let inside: IpAddr = [INSIDE4, INSIDE6][*family].parse().unwrap();
                send(&self.wire.outside, Some(address(*family, *at)), inside, text);
                send(&self.wire.inside, None, address(*family, *at), text);
            }
            for (socket, arrived) in self.sockets.iter().zip(&mut arrived) {
                receive(socket, arrived);
            }
            for text in arrived.iter().flatten() {
                assert!(!text.starts_with("true"), "passed, and was to be dropped: {text}");
            }
            let passes = missing.iter().filter(|(text, ..)| text.starts_with("false"));
            let late: Vec<&String> = passes
                .map(|(text, ..)| text)
                .filter(|text| !arrived.iter().all(|arrived| arrived.contains(text)))
                .collect();
            if late.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "did not pass: {late:?}");
        }
    }
}

fn send(from: &Namespace, source: Option<IpAddr>, to: IpAddr, text: &str) {
    let socket = from.within(|| {
        let domain = if to.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        Socket::new(domain, Type::DGRAM, None).unwrap()
    });
    if let Some(source) = source {
        // An address that no interface has.
        if to.is_ipv4() { socket.set_freebind_v4(true) } else { socket.set_freebind_v6(true) }
            .unwrap();
        socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    }
    // What is dropped on its way out is an error here.
    let _ = socket.send_to(text.as_bytes(), &SocketAddr::new(to, PORT).into());
}

/// All that waits, and what comes within the socket's timeout.
fn receive(socket: &UdpSocket, arrived: &mut Vec<String>) {
    let mut bytes = [0; 200];
    loop {
        match socket.recv(&mut bytes) {
            Ok(length) => arrived.push(String::from_utf8_lossy(&bytes[..length]).into_owned()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A daemon, and how often it has read its lists.
struct Running {
    daemon: Daemon,
    readings: usize,
    repairs: bool,
}

impl Running {
    fn start(run: &mut Run) -> Self {
        let repairs = !run.random.is(4);
        let mut arguments = run.arguments();
        arguments.push("-v".into());
        arguments.extend((!repairs).then(|| "--no-repair".to_string()));
        run.note(if repairs { "a daemon" } else { "a daemon that does not repair" });
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = run.wire.inside.command(NETFILTERD);
        let daemon = Daemon::spawn(command.args(arguments).args(run.wire.inside.files()));
        let mut running = Running { daemon, readings: 0, repairs };
        running.wait_for_reading();
        running
    }

    /// Waits until the lists have been read once more, and until what that led to has been told.
    fn wait_for_reading(&mut self) {
        self.readings += 1;
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let log = self.daemon.log();
            let mut readings = log.match_indices("read ").filter(|(at, _)| {
                log[*at..]
                    .lines()
                    .next()
                    .is_some_and(|line| line.ends_with("entries") || line.ends_with("entry"))
            });
            let last = readings.nth(self.readings - 1).map(|(at, _)| &log[at..]);
            if last.is_some_and(|log| log.contains(" from 1 list")) {
                return;
            }
            assert!(Instant::now() < deadline, "not loaded again ({}): {log}", self.readings);
            thread::sleep(Duration::from_millis(3));
        }
    }

    fn reload(&mut self) {
        self.daemon.signal("HUP");
        self.wait_for_reading();
    }
}

/// A list that cannot be read changes nothing.
fn break_list(run: &mut Run, running: &mut Running) {
    let broken = run.random.pick(&["<html>error</html>\n", "nothing of this\n", "\0\0\0\0"]);
    run.note(format!("a broken list: {broken:?}"));
    run.folder.file("list", broken);
    let kept = running.daemon.log().matches("keeping what is loaded").count();
    running.daemon.signal("HUP");
    running.daemon.wait_for("keeping what is loaded", kept + 1);
    run.check(false);
    run.write();
}

fn daemon_is_as_the_model_says(table: Table) {
    let mut run = Run::new(table);
    let mut running = Running::start(&mut run);
    run.check(false);
    // Who keeps at it is met with pauses, so few repairs are waited for.
    let mut waited = 0;
    for _ in 0..steps() {
        match run.random.below(20) {
            0 => {
                assert_eq!(running.daemon.end("TERM"), 0);
                run.new_options();
                run.change_files();
                running = Running::start(&mut run);
                waited = 0;
                run.check(false);
            }
            1..6 => {
                let put_right = running.daemon.log().matches("put right: table").count();
                let touched = run.interfere();
                if touched && running.repairs && waited == 0 && run.random.is(2) {
                    waited += 1;
                    running.daemon.wait_for("put right: table", put_right + 1);
                    run.check(false);
                } else {
                    if run.random.is(2) {
                        run.change_files();
                    }
                    running.reload();
                    run.check(false);
                }
            }
            6 => {
                break_list(&mut run, &mut running);
            }
            7 | 8 => {
                run.change_own();
                run.check(true);
            }
            9 => {
                let end = now() + 1 + run.random.below(2) as i64;
                let line = Line::new(&mut run.random).until(end);
                run.note(format!("an end: {}", line.text));
                run.model.list.push(line);
                run.write();
                running.reload();
                run.check(false);
            }
            _ => {
                run.change_files();
                running.reload();
                run.check(false);
            }
        }
    }
    // What was to end by now has.
    while run
        .model
        .list
        .iter()
        .filter_map(|line| line.end)
        .any(|end| (now()..now() + 9).contains(&end))
    {
        thread::sleep(Duration::from_millis(50));
    }
    run.check(true);
    assert_eq!(running.daemon.end("TERM"), 0);
}

#[test]
fn a_daemon_keeps_the_managed_table_as_a_naive_model_says() {
    require!();
    daemon_is_as_the_model_says(Table::Managed);
}

#[test]
fn a_daemon_keeps_the_sets_of_a_foreign_table_as_a_naive_model_says() {
    require!();
    daemon_is_as_the_model_says(Table::Foreign);
}

#[test]
fn each_load_leaves_what_a_naive_model_says_whatever_was_there() {
    require!();
    let mut run = Run::new(Table::Managed);
    for _ in 0..steps() {
        if run.random.is(2) {
            run.new_options();
        }
        if run.random.is(3) {
            run.change_own();
        }
        let arguments = run.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run.wire.inside.load(&arguments);
        run.check(false);
        if run.random.is(2) {
            run.interfere();
        }
        run.change_files();
    }
}
