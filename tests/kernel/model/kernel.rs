//! What is in force: by nft, and by packets.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use netfilterd::nftables::set_name::{Content, KernelSetName};
use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::lists::{self, *};
use super::run::*;
use kit::*;

/// A set of the table, as nft lists it.
pub struct KernelSet {
    pub name: String,
    pub family: usize,
    /// What it holds; nothing of a prefilter, of which there is only to be known which parts of the
    /// universe it lets through.
    pub elements: Vec<Element>,
    lets_through: Option<[bool; SIZE / PART]>,
}

pub struct Element {
    pub first: usize,
    pub last: usize,
    pub text: String,
}

impl KernelSet {
    /// Whether it is a prefilter that lets anything of the universe through.
    pub fn is_used_prefilter(&self) -> bool {
        self.lets_through.is_some_and(|parts| parts.contains(&true))
    }

    /// Whether an element could not be added at this place.
    pub fn holds_near(&self, at: usize) -> bool {
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

/// Whether the name of a set of the managed tables has the length of its networks.
fn is_hash(name: &str) -> bool {
    name.matches('_').count() > 1
}

/// Whether an element belongs to the crowd.
fn is_of_crowd(value: &Value) -> bool {
    let host = value.get("range").map(|range| &range[0]);
    let host = host.or_else(|| value.get("prefix").map(|prefix| &prefix["addr"])).unwrap_or(value);
    // Only its networks are so short that the keys are numbers to nft.
    host.as_str().is_none_or(lists::is_of_crowd)
}

/// The first bits of all addresses of a part, as the keys of a prefilter are listed.
fn first_bits(family: usize, part: usize, length: u8) -> u64 {
    let first = match address(family, part * PART) {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    (first >> (128 - u32::from(length))) as u64
}

impl Run {
    /// The sets of the table, and the elements of the other table's.
    pub fn kernel(&self) -> (Vec<KernelSet>, Vec<Value>) {
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
            let base = ["drop4", "drop6"][family].parse().unwrap();
            // That of a foreign table has no more than the name that it was given.
            let content = KernelSetName::parse(name.as_bytes(), &base).map(|name| name.content);
            let key_length = match content {
                Some(Content::Networks(length)) => Some(usize::from(length)),
                Some(Content::Ranges) | None => None,
                Some(Content::Prefixes(length)) => {
                    let is_in = |part| values.contains(&first_bits(family, part, length).into());
                    let lets_through = Some([0, 1, 2, 3].map(is_in));
                    sets.push(KernelSet { family, elements: Vec::new(), lets_through, name });
                    continue;
                }
            };
            let asked = values.iter().filter(|it| !is_of_crowd(it));
            let elements = asked.map(|it| element(it, key_length, [32, 128][family])).collect();
            sets.push(KernelSet { family, elements, lets_through: None, name });
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
        for set in &sets {
            let parts = set.lets_through.iter().flatten();
            for (part, _) in parts.enumerate().filter(|(_, lets_through)| !**lets_through) {
                flags[set.family][part * PART..(part + 1) * PART].fill(false);
            }
        }
        self.note_kinds(&sets);
        assert_eq!(other.len(), 1, "somebody else's set is left alone");
        flags
    }

    fn note_kinds(&self, sets: &[KernelSet]) {
        let mut seen = self.seen.borrow_mut();
        for family in [V4, V6] {
            let of_family = || sets.iter().filter(|set| set.family == family);
            let hashes = of_family().filter(|it| it.lets_through.is_none() && is_hash(&it.name));
            let (prefilters, hashes) =
                (of_family().filter(|it| it.lets_through.is_some()).count(), hashes.count());
            let intervals = of_family().count() - prefilters - hashes;
            seen.extend((prefilters > 0).then_some("a prefilter"));
            seen.extend((prefilters > 0 && intervals > 0).then_some("one before an interval set"));
            seen.extend((hashes > 1).then_some("several hash sets"));
            seen.extend((intervals > 0).then_some("an interval set"));
        }
    }

    /// The kinds of rows that there have to be for this test to show anything.
    pub fn check_kinds(&self) {
        let wanted =
            ["a prefilter", "an interval set", "one before an interval set", "several hash sets"];
        let seen: Vec<&str> = self.seen.borrow().iter().copied().collect();
        assert_eq!(seen, wanted);
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
    pub fn check(&mut self, soon: bool) {
        let deadline = Instant::now() + DEADLINE;
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
        let deadline = Instant::now() + DEADLINE;
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
