//! Packets judged while netfilterd loads again as fast as it can: not one may be misjudged.
//!
//! Packets come over a wire from sources that are listed all the time and from others that never
//! are, while two lists take turns. A table of the test's own counts them by source twice: before
//! netfilterd's rules, where all that arrive are seen, and behind them, where they end. What is
//! seen behind the rules and should have been dropped was let through; what is not seen there and
//! should have been was dropped. A packet that got lost on the wire is seen in neither place.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use kit::*;
use netfilterd::ip::{Address, PerFamily, Range, RangeSet, RangeSets};
use netfilterd::list::List;
use netfilterd::nftables::Connection;
use netfilterd::nftables::batch::Batch;
use netfilterd::nftables::chains;
use netfilterd::nftables::elements::{self, Action};
use netfilterd::nftables::kernel;
use netfilterd::nftables::key_type::KeyType;
use netfilterd::nftables::layout::Rows;
use netfilterd::nftables::name::{SetNames, TableName, Tables};
use netfilterd::nftables::objects::{self, KernelSet};

use crate::script::script;
use crate::upgrade::{OLDER_CHAINS, older_sets};

/// So many packets from listed sources are judged in each mode, and as many from unlisted ones.
/// NETFILTERD_PACKETS may be another number, down to [`FEW_PACKETS`].
const PACKETS: u64 = 1_000_000;

/// What an emulated machine can do, and a way that is wrong needs to be seen.
const FEW_PACKETS: u64 = 100_000;

/// So often the list is loaded again in each mode, however fast the packets are.
/// NETFILTERD_RELOADS may be another number.
const RELOADS: u32 = 20;

/// The ways of laying out the managed table.
const LAYOUTS: &[&[&str]] = &[&["--layout", "interval"], &["--layout", "hash"]];

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_the_managed_table_is_rebuilt() {
    for layout in layouts() {
        never_misjudges("managed table", "", layout, Change::Complete);
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_little_changes_in_the_managed_table() {
    for layout in layouts() {
        never_misjudges("managed table", "", layout, Change::Small);
    }
}

/// Each time the table of an older version is in force alone, with one of the lists; then a load of the
/// other one replaces it.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_the_table_of_an_older_version_is_replaced() {
    let _alone = alone();
    let wire = wire_of_probes();
    let lists = Lists::new(Change::Complete);
    let scripts = [false, true].map(|second| {
        let sets = parsed(list(Change::Complete, second));
        let v4 = sets.v4.ranges().iter().map(|it| it.network_or_range().to_string());
        let v6 = sets.v6.ranges().iter().map(|it| it.network_or_range().to_string());
        (v4.collect::<Vec<_>>().join(", "), v6.collect::<Vec<_>>().join(", "))
    });
    let mut turn = 0;
    let mut replace = || {
        // As the versions did it: filled first, looked up after that.
        let (v4, v6) = &scripts[turn % 2];
        wire.inside.nft(&older_sets(v4, v6));
        wire.inside.nft(OLDER_CHAINS);
        if turn > 0 {
            wire.inside.nft("delete table ip netfilterd; delete table ip6 netfilterd");
        }
        turn += 1;
        lists.put(turn % 2);
        wire.inside.load(&["-f", lists.path(), "--no-protect", "--force"]);
    };
    replace();
    let outcome = measure(&wire, packets(), replace);
    println!("an older table is replaced: {}", outcome.summary());
    let wrong = outcome.misjudgements(|_| true);
    assert_eq!(wrong, "", "misjudged were\n{wrong}");
}

/// Somebody else's table, with the rules that netfilterd leaves to them.
const FOREIGN: &str = "table inet t {
    set a { type ipv4_addr; flags interval; }
    set b { type ipv6_addr; flags interval; }
    chain c {
        type filter hook prerouting priority raw;
        ip saddr @a drop
        ip6 saddr @b drop
    }
}";

const INTO_FOREIGN: &[&str] = &["--table", "inet t", "--set4", "a", "--set6", "b"];

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_the_sets_of_a_foreign_table_are_replaced() {
    never_misjudges("foreign table", FOREIGN, INTO_FOREIGN, Change::Complete);
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_little_changes_in_a_foreign_table() {
    never_misjudges("foreign table", FOREIGN, INTO_FOREIGN, Change::Small);
}

/// A script with rules replaces its sets and rules in one transaction, and it has no interval set.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_scripts_with_rules_take_turns() {
    for (options, change) in [(&[][..], Change::Complete), (&["--table", "inet t"], Change::Small)]
    {
        let _alone = alone();
        let wire = wire_of_probes();
        let scripts = [false, true].map(|second| script(&wire, &list(change, second), options));
        wire.inside.nft(&scripts[0]);
        let mut turn = 0;
        let outcome = measure(&wire, packets(), || {
            turn += 1;
            wire.inside.nft(&scripts[turn % 2]);
        });
        println!("script, {options:?}, {change:?} change: {}", outcome.summary());
        let wrong = outcome.misjudgements(|_| true);
        assert_eq!(wrong, "", "{options:?}, {change:?} change: misjudged were\n{wrong}");
    }
}

/// The same measurement of a way that is wrong: it shows that the tests above would notice.
///
/// New interval sets are created, filled and taken into use in one transaction. It looks atomic,
/// and for rules it is. But where interval sets are looked up in an array of their own, made for
/// each transaction, that array is published at the end of the commit, when the rules have
/// switched already: until then the new sets are empty. Older kernels look the tree itself up,
/// and there it does no harm.
#[test]
#[ignore = "needs root: network namespaces"]
fn a_set_that_is_filled_and_taken_into_use_in_one_transaction_lets_packets_through() {
    let _alone = alone();
    let wire = wire_of_probes();
    let lists = [false, true].map(|second| parsed(list(Change::Complete, second)));
    let tables = Tables::managed();
    // A connection belongs to the thread that opened it.
    let outcome = wire.inside.within(|| {
        let mut connection = Connection::open().unwrap();
        let (mut turn, mut old) = (0, Vec::new());
        let mut reload = || {
            let new = kernel_sets(turn as u64);
            let batch = everything_at_once(&tables, &new, &lists[turn % 2], &old);
            connection.commit(batch).unwrap();
            (turn, old) = (turn + 1, new);
        };
        reload();
        measure(&wire, FEW_PACKETS, reload)
    });
    println!("fill and use in one transaction: {}", outcome.summary());
    if kernel::changes_ranges_safely() {
        assert!(outcome.let_through() > 0, "a way known to be wrong where there is the array");
    } else {
        println!("whether that is wrong on this kernel is not known");
    }
}

fn parsed(text: String) -> RangeSets {
    netfilterd::list::parse(&[List::new("text", text.into())]).unwrap().sets
}

/// The two sets of a generation.
fn kernel_sets(generation: u64) -> Vec<KernelSet> {
    let names = SetNames { v4: "drop4".parse().unwrap(), v6: "drop6".parse().unwrap() };
    KernelSet::all(&names, &Rows::INTERVAL, generation)
}

/// The transaction that should have been two: `kernel_sets` are filled and looked up from now on,
/// and `old` ones go.
fn everything_at_once(
    tables: &PerFamily<TableName>,
    kernel_sets: &[KernelSet],
    sets: &RangeSets,
    old: &[KernelSet],
) -> Batch {
    let mut batch = Batch::new();
    for keys in KeyType::ALL {
        objects::add_table(&mut batch, keys.of(tables));
        objects::add_counters(&mut batch, keys.of(tables), keys, |_| (0, 0));
    }
    objects::add_sets(&mut batch, tables, kernel_sets);
    let [v4, v6] = kernel_sets else { panic!("one for each family") };
    elements::ranges(&mut batch, Action::Add, &tables.v4, &v4.name, sets.v4.ranges());
    elements::ranges(&mut batch, Action::Add, &tables.v6, &v6.name, sets.v6.ranges());
    for (keys, set) in KeyType::ALL.into_iter().zip(kernel_sets) {
        chains::switch(&mut batch, keys.of(tables), keys, std::slice::from_ref(set), None);
    }
    for set in old {
        objects::delete_set(&mut batch, set.keys.of(tables), &set.name);
    }
    batch
}

/// The layouts, as options; a netfilterd that has no such option has one layout.
fn layouts() -> &'static [&'static [&'static str]] {
    let known = netfilterd(&["load", "--help"]).stdout().contains("--layout");
    if known { LAYOUTS } else { &[&[]] }
}

fn packets() -> u64 {
    let asked = std::env::var("NETFILTERD_PACKETS").map(|number| number.parse().unwrap());
    asked.unwrap_or(PACKETS).max(FEW_PACKETS)
}

fn reloads() -> u32 {
    std::env::var("NETFILTERD_RELOADS").map_or(RELOADS, |number| number.parse().unwrap())
}

/// One measurement at a time: each wants a processor to send and another to load.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a daemon with `options` beside the tables of `ruleset`, lets the two lists of `change`
/// take turns, and judges the judge.
#[track_caller]
fn never_misjudges(what: &str, ruleset: &str, options: &[&str], change: Change) {
    let _alone = alone();
    let wire = wire_of_probes();
    wire.inside.nft(ruleset);
    let lists = Lists::new(change);
    let daemon = Daemon::start(&wire.inside, &[&["-f", lists.path()], options].concat());
    let mut loads = 1;
    let outcome = measure(&wire, packets(), || {
        lists.put(loads as usize % 2);
        daemon.signal("HUP");
        loads += 1;
        daemon.wait_for_loads(loads);
    });
    let what = format!("{}, {change:?} change", [&[what], options].concat().join(" "));
    println!("{what}: {}", outcome.summary());
    let wrong = outcome.misjudgements(|plot| !excused(plot, ruleset));
    assert_eq!(wrong, "", "{what}: misjudged were\n{wrong}");
    print!("{}", outcome.misjudgements(|plot| excused(plot, ruleset)));
}

/// Whether it is known that packets from a plot are misjudged: in somebody else's table there is
/// nothing to fill and to switch to, and older kernels cannot change a range unseen.
fn excused(plot: Plot, ruleset: &str) -> bool {
    let stays = matches!(plot, Plot::Network | Plot::Host);
    !stays && !ruleset.is_empty() && !kernel::changes_ranges_safely()
}

/// What is different between the two lists that take turns.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Everything but the networks of the probes.
    Complete,
    /// About a thousand networks, a third of them right beside the probes.
    Small,
}

/// Two lists, of which one at a time is in place.
struct Lists {
    folder: Folder,
    path: PathBuf,
}

impl Lists {
    const NAMES: [&str; 2] = ["first", "second"];

    fn new(change: Change) -> Self {
        let folder = Folder::new();
        for (name, second) in Self::NAMES.into_iter().zip([false, true]) {
            let path = folder.file(name, list(change, second));
            // A list that was written to just now is not read before it has settled.
            let long_ago = SystemTime::now() - Duration::from_secs(3600);
            fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
        }
        let lists = Lists { path: folder.path().join("list"), folder };
        lists.put(0);
        lists
    }

    /// The list that is in place, for `--file`.
    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// Puts the first list in place, or the second, by a rename.
    fn put(&self, which: usize) {
        let link = self.folder.path().join("link");
        symlink(Path::new(Self::NAMES[which]), &link).unwrap();
        fs::rename(&link, &self.path).unwrap();
    }
}

/// Addresses are told in blocks, alike in both families: a block is a network of the length that
/// most of a list has, /24 and /48.
#[derive(Clone, Copy)]
enum Family {
    V4,
    V6,
}

/// The first block of the lists: 20.0.0.0/24 and 2001:14::/48.
const FIRST: u32 = 0x14_0000;

/// The blocks that belong to one probe, which is in their middle.
const PLOT: u32 = 256;

impl Family {
    const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// How many networks there are besides those around the probes: 60,000 in both families.
    fn crowd(self) -> u32 {
        match self {
            Family::V4 => 50_000,
            Family::V6 => 10_000,
        }
    }

    /// How many networks stand on either side of each probe.
    fn beside(self) -> u32 {
        match self {
            Family::V4 => 13,
            Family::V6 => 3,
        }
    }

    /// The first address of a block, or one so far from it.
    fn address(self, block: u32, offset: i32) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::from_bits((block << 8).wrapping_add_signed(offset)).into(),
            Family::V6 => {
                let first = 0x2001 << 112 | u128::from(block) << 80;
                Ipv6Addr::from_bits(first.wrapping_add_signed(offset.into())).into()
            }
        }
    }

    /// A block as an entry.
    fn network(self, block: u32) -> String {
        let length = match self {
            Family::V4 => 24,
            Family::V6 => 48,
        };
        format!("{}/{length}\n", self.address(block, 0))
    }

    /// The block in the middle of a probe's plot. The plots are in the middle of the list.
    fn middle(self, plot: Plot) -> u32 {
        FIRST + 2 * self.crowd() + PLOT * (plot as u32 + 1)
    }
}

/// What there is to be misjudged.
#[derive(Clone, Copy, Debug)]
enum Plot {
    /// A network that both lists have.
    Network,
    /// An address in a network of the first list, which is part of a longer range in the second.
    Stretching,
    /// An address in a network of the first list, of which the second has a part only: beside a
    /// hash set it moves from there to the interval set and back.
    Shrinking,
    /// A host that both lists have.
    Host,
    /// An unlisted address between two listed ones.
    BetweenHosts,
    /// An unlisted network between two listed ones.
    BetweenNetworks,
}

const PLOTS: [Plot; 6] = [
    Plot::Network,
    Plot::Stretching,
    Plot::Shrinking,
    Plot::Host,
    Plot::BetweenHosts,
    Plot::BetweenNetworks,
];

impl Plot {
    fn is_listed(self) -> bool {
        matches!(self, Plot::Network | Plot::Stretching | Plot::Shrinking | Plot::Host)
    }

    /// What packets are sent from. Of networks the first and the last address, where a mistake by
    /// one shows.
    fn sources(self, family: Family) -> Vec<IpAddr> {
        let middle = family.middle(self);
        match self {
            Plot::Network | Plot::BetweenNetworks => {
                vec![family.address(middle, 0), family.address(middle + 1, -1)]
            }
            Plot::Stretching | Plot::Shrinking | Plot::Host | Plot::BetweenHosts => {
                vec![family.address(middle, 7)]
            }
        }
    }

    /// The entries that decide about the sources.
    fn entries(self, family: Family, second: bool) -> String {
        let middle = family.middle(self);
        let host = |offset| format!("{}\n", family.address(middle, offset));
        let range = |first, last| {
            format!("{}-{}\n", family.address(middle, first), family.address(middle, last))
        };
        let blocks = |blocks: &[u32]| -> String {
            blocks.iter().map(|&block| family.network(block)).collect()
        };
        match (self, second) {
            (Plot::Network, _) | (Plot::Stretching | Plot::Shrinking, false) => blocks(&[middle]),
            (Plot::Stretching, true) => blocks(&[middle - 1, middle, middle + 1]),
            (Plot::Shrinking, true) => range(5, 9),
            (Plot::Host, false) => host(5) + &host(7),
            (Plot::Host, true) => host(7) + &host(9),
            (Plot::BetweenHosts, false) => host(6) + &host(8),
            (Plot::BetweenHosts, true) => range(0, 6) + &range(8, 200),
            (Plot::BetweenNetworks, false) => blocks(&[middle - 1, middle + 1]),
            (Plot::BetweenNetworks, true) => {
                blocks(&[middle - 2, middle - 1, middle + 1, middle + 2])
            }
        }
    }
}

/// The first or the second list of a change. Networks are two blocks apart or more, lest they
/// merge, but for those that are meant to.
fn list(change: Change, second: bool) -> String {
    let changed = match change {
        Change::Complete => 1,
        Change::Small => 180,
    };
    let mut text = String::new();
    for family in Family::ALL {
        for i in 0..family.crowd() {
            let moved = if second && i % changed == 0 { 2 } else { 0 };
            let over = if i < family.crowd() / 2 { 0 } else { PLOT * (PLOTS.len() as u32 + 1) };
            text += &family.network(FIRST + 4 * i + over + moved);
        }
        for plot in PLOTS {
            for i in 0..family.beside() {
                let away = 4 * (i + 1) + if second { 2 } else { 0 };
                text += &family.network(family.middle(plot) - away);
                text += &family.network(family.middle(plot) + away);
            }
            text += &plot.entries(family, second);
        }
    }
    text
}

#[test]
fn the_lists_that_take_turns_differ_as_they_should() {
    for (change, common) in [(Change::Complete, 4..=4), (Change::Small, 59_000..=60_000)] {
        let [first, second] = [false, true].map(|second| parsed(list(change, second)));
        for sets in [&first, &second] {
            let ranges = sets.v4.ranges().len() + sets.v6.ranges().len();
            assert!((60_000..61_000).contains(&ranges), "{ranges}");
            for Probe { address, plot } in probes() {
                assert_eq!(sets.contains(address), plot.is_listed(), "{address} ({plot:?})");
            }
        }
        let same = common_ranges(&first.v4, &second.v4) + common_ranges(&first.v6, &second.v6);
        assert!(common.contains(&same), "{same}");
    }
}

fn common_ranges<A: Address>(first: &RangeSet<A>, second: &RangeSet<A>) -> usize {
    let is_in_second = |range: &&Range<A>| {
        second
            .ranges()
            .binary_search_by_key(&range.first(), |other| other.first())
            .is_ok_and(|place| second.ranges()[place] == **range)
    };
    first.ranges().iter().filter(is_in_second).count()
}

/// A source of packets.
struct Probe {
    address: IpAddr,
    plot: Plot,
}

fn probes() -> impl Iterator<Item = Probe> {
    Family::ALL.into_iter().flat_map(|family| {
        PLOTS.into_iter().flat_map(move |plot| {
            plot.sources(family).into_iter().map(move |address| Probe { address, plot })
        })
    })
}

/// UDP's port for what is to be discarded.
const PORT: u16 = 9;

/// A wire with the probes' addresses outside and the counters inside.
fn wire_of_probes() -> Wire {
    let wire = Wire::new();
    for Probe { address, .. } in probes() {
        match address {
            IpAddr::V4(_) => wire.outside.ip(&format!("addr add {address}/32 dev wire0")),
            IpAddr::V6(_) => wire.outside.ip(&format!("addr add {address}/128 dev wire0 nodad")),
        }
    }
    // Neighbours are asked for with the source of the packet that waits for them. From a listed
    // one the question is dropped.
    wire.outside.ip("link set wire0 address 02:00:00:00:00:01");
    wire.inside.ip(&format!("link set {WIRE} address 02:00:00:00:00:02"));
    for inside in [INSIDE4, INSIDE6] {
        wire.outside.ip(&format!(
            "neigh replace {inside} lladdr 02:00:00:00:00:02 dev wire0 nud permanent"
        ));
    }
    wire.inside.nft(&counters());
    wire
}

/// The table that counts, on both sides of priority -300. Behind the rules everything is dropped:
/// nobody is there to receive it.
fn counters() -> String {
    let mut table = String::from("table inet judged {\n");
    let map = |v6: bool, place: &str| {
        let of_family = probes().enumerate().filter(|(_, probe)| probe.address.is_ipv6() == v6);
        let item = |(i, probe): (usize, Probe)| format!("{} : \"{place}{i}\"", probe.address);
        of_family.map(item).collect::<Vec<_>>().join(", ")
    };
    for (place, priority, verdict) in [("before", -400, ""), ("behind", -200, " drop")] {
        for i in 0..probes().count() {
            table += &format!("counter {place}{i} {{ }}\n");
        }
        table += &format!(
            "chain {place} {{
                type filter hook prerouting priority {priority};
                udp dport {PORT} counter name ip saddr map {{ {} }}{verdict}
                udp dport {PORT} counter name ip6 saddr map {{ {} }}{verdict}
            }}\n",
            map(false, place),
            map(true, place)
        );
    }
    table + "}\n"
}

/// What became of the packets of one source.
struct Count {
    source: IpAddr,
    plot: Plot,
    before: u64,
    behind: u64,
}

/// Reads the counters, in the order of the probes.
fn counts(wire: &Wire) -> Vec<Count> {
    let listing = wire.inside.nft_json("list counters table inet judged");
    let listing = listing["nftables"].as_array().unwrap();
    let count = |name: String| {
        let mut counters = listing.iter().filter_map(|object| object.get("counter"));
        let counter = counters.find(|counter| counter["name"] == name.as_str()).unwrap();
        counter["packets"].as_u64().unwrap()
    };
    let of_probe = |(i, probe): (usize, Probe)| Count {
        source: probe.address,
        plot: probe.plot,
        before: count(format!("before{i}")),
        behind: count(format!("behind{i}")),
    };
    probes().enumerate().map(of_probe).collect()
}

/// What a measurement found.
struct Outcome {
    counts: Vec<Count>,
    reloads: u32,
    time: Duration,
}

impl Outcome {
    /// Which sources of some plots the misjudged packets came from, a line each.
    fn misjudgements(&self, of: impl Fn(Plot) -> bool) -> String {
        let of_source = |count: &Count| {
            let Count { source, plot, before, behind } = count;
            let right = if plot.is_listed() { 0 } else { *before };
            let line = format!("{source} ({plot:?}): {behind} of {before} passed\n");
            (*behind != right).then_some(line)
        };
        self.counts.iter().filter(|count| of(count.plot)).filter_map(of_source).collect()
    }

    fn sum(&self, listed: bool, count: impl Fn(&Count) -> u64) -> u64 {
        self.counts.iter().filter(|c| c.plot.is_listed() == listed).map(count).sum()
    }

    fn judged(&self, listed: bool) -> u64 {
        self.sum(listed, |count| count.before)
    }

    fn let_through(&self) -> u64 {
        self.sum(true, |count| count.behind)
    }

    fn dropped(&self) -> u64 {
        self.sum(false, |count| count.before - count.behind)
    }

    fn misjudged(&self) -> u64 {
        self.let_through() + self.dropped()
    }

    fn summary(&self) -> String {
        let packets = self.judged(true) + self.judged(false);
        let seconds = self.time.as_secs_f64();
        format!(
            "{packets} packets judged, {} reloads, {} misjudged ({} let through, {} dropped), \
             {seconds:.1} s, {:.0} packets a second",
            self.reloads,
            self.misjudged(),
            self.let_through(),
            self.dropped(),
            packets as f64 / seconds
        )
    }
}

/// Sends packets and calls `reload` meanwhile, until `packets` from listed sources and as many
/// from unlisted ones have been judged.
fn measure(wire: &Wire, packets: u64, mut reload: impl FnMut()) -> Outcome {
    let connected = |listed: bool| -> Vec<UdpSocket> {
        wire.outside.within(|| {
            let chosen = probes().filter(|probe| probe.plot.is_listed() == listed);
            chosen.map(|probe| connect(probe.address)).collect()
        })
    };
    let (listed, unlisted) = (connected(true), connected(false));
    let (sent, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let begin = Instant::now();
    let mut outcome = Outcome { counts: Vec::new(), reloads: 0, time: Duration::ZERO };
    thread::scope(|scope| {
        let sender = scope.spawn(|| send(&listed, &unlisted, &sent, &stop));
        // Also when a reload panics: the scope waits for the sender.
        let _stop = StopAtEnd(&stop);
        let mut enough = packets;
        loop {
            reload();
            outcome.reloads += 1;
            assert!(!sender.is_finished(), "the sender has given up");
            let so_far = sent.load(Ordering::Relaxed);
            if outcome.reloads < reloads() || so_far < enough {
                continue;
            }
            // A packet too many for the receiver's backlog is lost before it is judged.
            outcome.counts = counts(wire);
            let judged = outcome.judged(true).min(outcome.judged(false));
            if judged >= packets {
                break;
            }
            enough = so_far + (packets - judged);
        }
    });
    outcome.time = begin.elapsed();
    // The last packets may still be on their way between the two counters.
    loop {
        thread::sleep(Duration::from_millis(100));
        let before = outcome.judged(true) + outcome.judged(false);
        outcome.counts = counts(wire);
        if outcome.judged(true) + outcome.judged(false) == before {
            return outcome;
        }
    }
}

fn connect(source: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    let inside = if source.is_ipv4() { INSIDE4 } else { INSIDE6 };
    socket.connect((inside, PORT)).unwrap();
    socket
}

/// Sends from a listed source and an unlisted one by turns, all sources after each other.
fn send(listed: &[UdpSocket], unlisted: &[UdpSocket], sent: &AtomicU64, stop: &AtomicBool) {
    let (listed, unlisted) = (listed.iter().cycle(), unlisted.iter().cycle());
    for (foe, friend) in listed.zip(unlisted) {
        foe.send(b"?").unwrap();
        friend.send(b"?").unwrap();
        sent.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
}

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
