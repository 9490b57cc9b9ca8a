//! What happens, step by step: to files, options and addresses, and to the table by others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::kernel::KernelSet;
use super::lists::*;
use kit::*;

/// The table that is filled.
#[derive(Clone, Copy, PartialEq)]
pub enum Table {
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
    /// The table, as `--table` names it.
    pub fn name(self) -> &'static str {
        match self {
            Table::Managed => "inet netfilterd",
            Table::Foreign => "inet fw",
        }
    }
}

/// A run: the wire, the model, and what has happened.
pub struct Run {
    pub seed: u64,
    pub random: Random,
    pub history: Vec<String>,
    pub wire: Wire,
    pub folder: Folder,
    pub model: Model,
    pub table: Table,
    /// Layout and masks as options.
    pub options: Vec<String>,
    /// How often these were chosen.
    chosen: usize,
    /// How much of the crowd is listed, of [`CROWDS`].
    crowd: usize,
    /// The kinds of look-ups that there were.
    pub seen: RefCell<BTreeSet<&'static str>>,
    pub sockets: [UdpSocket; 2],
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
pub const PORT: u16 = 7777;

pub fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

impl Run {
    pub fn new(table: Table) -> Self {
        let seed = variable("NETFILTERD_MODEL_SEED").unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
        });
        let wire = Wire::new();
        // The outside has all addresses of the universe, to send from and to receive at.
        for part in 0..SIZE / PART {
            let [v4, v6] = [V4, V6].map(|family| address(family, part * PART));
            wire.outside.ip(&format!("route add local {v4}/24 dev lo"));
            wire.outside.ip(&format!("-6 route add local {v6}/120 dev lo"));
        }
        if table == Table::Foreign {
            wire.inside.nft(FOREIGN);
        }
        wire.inside.nft(OTHER);
        let sockets = [&wire.inside, &wire.outside].map(|namespace| {
            let socket = namespace.within(|| bind_again(|| UdpSocket::bind(("::", PORT))));
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
            chosen: 0,
            crowd: 0,
            seen: RefCell::default(),
            sockets,
        };
        run.new_options();
        run.new_list();
        run.write();
        run
    }

    pub fn note(&mut self, step: impl Into<String>) {
        self.history.push(step.into());
    }

    pub fn new_options(&mut self) {
        let layout = ["auto", "hash", "auto", "interval"][self.chosen % 4];
        self.chosen += 1;
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

    pub fn arguments(&mut self) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_string();
        let lists = ["-f".into(), path("list"), "-f".into(), path("crowd")];
        let files = [&lists[..], &["--allow".into(), path("allow")]].concat();
        let guards = ["--min-entries", "0", "--max-shrink", "100"].map(String::from);
        [&files[..], &guards, &self.options].concat()
    }

    pub fn write(&mut self) {
        self.folder.file("list", text_of(&self.model.list));
        self.folder.file("allow", text_of(&self.model.allow));
        self.folder.file("crowd", crowd(CROWDS[self.crowd]));
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

    /// A step that is in the files.
    pub fn change_files(&mut self) {
        match self.random.below(10) {
            8 | 9 if self.table == Table::Managed => {
                self.crowd = (self.crowd + 1) % CROWDS.len();
                self.note(format!("a crowd of {}", CROWDS[self.crowd]));
            }
            0 => self.new_list(),
            1 => self.change_allow(),
            2 => self.note("the same again"),
            _ => self.change_list(),
        }
        self.write();
    }

    /// Own addresses come and go.
    pub fn change_own(&mut self) {
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
    pub fn interfere(&mut self) -> bool {
        let (sets, _) = self.kernel();
        let set = match sets.len() {
            0 => String::new(),
            count => sets[self.random.below(count as u64) as usize].name.clone(),
        };
        let family = usize::from(set.starts_with("drop6"));
        let table = match self.table {
            Table::Managed => ["ip netfilterd", "ip6 netfilterd"][family],
            Table::Foreign => self.table.name(),
        };
        let element = sets.iter().find(|it| it.name == set).and_then(|it| it.elements.first());
        let is_it = |it: &&KernelSet| it.name == set;
        let lets_through = sets.iter().find(is_it).is_some_and(KernelSet::is_used_prefilter);
        // A host has a place in sets of intervals; a hash set has a length in its name.
        let free = (0..SIZE)
            .filter(|_| !sets.is_empty() && set.matches('_').count() < 2)
            .find(|&at| sets.iter().filter(|it| it.family == family).all(|it| !it.holds_near(at)));
        let foreign = format!("delete table inet fw\n{FOREIGN}");
        let chain = self.random.pick(&["inbound", "outbound"]);
        let command = match (self.random.below(9), self.table, element, free) {
            (0, Table::Managed, ..) => "flush ruleset\n".to_string() + OTHER,
            (0 | 1, Table::Foreign, ..) => foreign,
            (1, Table::Managed, ..) => format!("delete table {table}"),
            // To flush an empty one is nothing.
            (2, _, Some(_), _) => format!("flush set {table} {set}"),
            (2 | 3, ..) if lets_through => format!("flush set {table} {set}"),
            (3, _, Some(element), _) => {
                format!("delete element {table} {set} {{ {} }}", element.text)
            }
            (4, _, _, Some(free)) => {
                format!("add element {table} {set} {{ {} }}", address(family, free))
            }
            (5, Table::Managed, ..) if !sets.is_empty() => format!("flush chain {table} {chain}"),
            (6, Table::Managed, ..) => format!("insert rule {table} {chain} accept"),
            (7, ..) => "add element ip other s { 192.0.2.7 }\nflush set ip other s\n\
                       add element ip other s { 198.51.100.0/24 }"
                .to_string(),
            _ => "add table ip another; delete table ip another".to_string(),
        };
        self.note(format!("somebody else: {command}"));
        match self.wire.inside.try_nft(&command) {
            Ok(_) => {}
            // The daemon was quicker, and has another set by now.
            Err(error) if error.contains("No such file or directory") => {
                self.note("nothing, since it is not there any more");
                return false;
            }
            Err(error) => panic!("{error}"),
        }
        !command.starts_with("add element ip other") && !command.starts_with("add table ip another")
    }
}
