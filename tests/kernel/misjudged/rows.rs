//! Every kind of row, changed by a delta and rebuilt, and rows that take turns.
//!
//! A list may lead to another row one day, and a change to a rebuild instead of a delta. Then a test here
//! would still pass, and show nothing: so each load is held against the row and the change that it is for.

use netfilterd::nftables::Connection;
use netfilterd::nftables::inspect;
use netfilterd::nftables::kernel;
use netfilterd::nftables::key_type::KeyType;
use netfilterd::nftables::layout::Layout;
use netfilterd::nftables::managed::Managed;
use netfilterd::nftables::name::{SetNames, Tables};
use netfilterd::nftables::placed::Placed;
use netfilterd::nftables::transaction::Sending;
use netfilterd::progress::Unseen;

use kit::*;

use super::judge::*;
use super::lists::{Lists, parsed};
use super::rows_lists::{Crowd, Site, Space};
use Crowd::*;
use Site::*;

/// The list of one family: what most of it is, and what is around the sources.
#[derive(Clone, Copy)]
struct Part {
    space: Space,
    crowds: &'static [Crowd],
    sites: &'static [Site],
}

impl Part {
    fn entries(self, one_in: u32, second: bool) -> String {
        let crowds = self.crowds.iter().map(|crowd| crowd.entries(self.space, one_in, second));
        let sites = self.sites.iter().map(|site| site.entries(self.space, second));
        crowds.chain(sites).collect()
    }

    fn probes(self) -> Vec<Probe> {
        self.sites.iter().flat_map(|site| site.probes(self.space)).collect()
    }

    /// The same around other entries.
    fn among(self, crowds: &'static [Crowd]) -> Self {
        Part { crowds, ..self }
    }
}

fn part(space: Space, crowds: &'static [Crowd], sites: &'static [Site]) -> Part {
    Part { space, crowds, sites }
}

/// How a load has to get a list in force.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Delta,
    Rebuild,
}

/// A delta where the kernel can change a range unseen, else a rebuild.
fn delta_of_ranges() -> How {
    if kernel::changes_ranges_safely() { How::Delta } else { How::Rebuild }
}

/// Two lists that take turns.
struct Mode {
    parts: [Part; 2],
    /// The parts of the second list, where it has others.
    others: [Part; 2],
    /// Of so many of a crowd one is another one in the second list.
    one_in: u32,
    options: &'static [&'static str],
    /// The rows of each list; `None` where it does not matter.
    rows: [[Option<&'static str>; 2]; 2],
    how: How,
}

impl Mode {
    /// Both lists lead to the same rows.
    fn new(v4: (Part, &'static str), v6: (Part, &'static str)) -> Self {
        let rows = [Some(v4.1), Some(v6.1)];
        Mode {
            parts: [v4.0, v6.0],
            others: [v4.0, v6.0],
            one_in: 180,
            options: &[],
            rows: [rows, rows],
            how: How::Delta,
        }
    }

    /// Everything changes but what is around the sources.
    fn rebuilt(self) -> Self {
        Mode { one_in: 1, how: How::Rebuild, ..self }
    }

    fn with(self, options: &'static [&'static str]) -> Self {
        Mode { options, ..self }
    }

    fn by(self, how: How) -> Self {
        Mode { how, ..self }
    }

    /// The second list has other entries besides those around the sources, and so other rows.
    fn turns(
        self,
        v4: (&'static [Crowd], &'static str),
        v6: (&'static [Crowd], &'static str),
    ) -> Self {
        let others = [self.parts[0].among(v4.0), self.parts[1].among(v6.0)];
        let rows = [self.rows[0], [Some(v4.1), Some(v6.1)]];
        Mode { others, rows, how: How::Rebuild, ..self }
    }

    /// Those whose verdict is the same with both lists.
    fn probes(&self) -> Vec<Probe> {
        let of_family = |(part, other): (Part, Part)| {
            let is_same = move |probe: &Probe| !probe.is_listed || !other.sites.is_empty();
            part.probes().into_iter().filter(is_same)
        };
        self.parts.into_iter().zip(self.others).flat_map(of_family).collect()
    }

    fn texts(&self) -> [String; 2] {
        let text = |parts: [Part; 2], second| -> String {
            parts.into_iter().map(|part| part.entries(self.one_in, second)).collect()
        };
        [text(self.parts, false), text(self.others, true)]
    }

    /// Lets the two lists take turns while packets are judged.
    #[track_caller]
    fn never_misjudges(&self, what: &str, share: Share) {
        let texts = self.texts();
        let probes = self.probes();
        for text in &texts {
            let sets = parsed(text.clone());
            for Probe { address, is_listed, what } in &probes {
                assert_eq!(sets.contains(*address), *is_listed, "{address} ({what})");
            }
        }
        let _alone = alone();
        let wire = wire_of_probes(&probes);
        let lists = Lists::new(&texts);
        let options = [&["-f", lists.path(), "--max-shrink", "100"], self.options].concat();
        let daemon = Daemon::start(&wire.inside, &options);
        let (first, mut generation) = placed(&wire);
        self.assert_rows(what, &first, 0);
        let mut loads = 1;
        let outcome = measure(&wire, &probes, share, || {
            let which = loads as usize % 2;
            lists.put(which);
            daemon.signal("HUP");
            loads += 1;
            daemon.wait_for_loads(loads);
            let (placed, now) = placed(&wire);
            let how = if now == generation { How::Delta } else { How::Rebuild };
            assert_eq!(how, self.how, "{what}: {}", daemon.log());
            generation = now;
            self.assert_rows(what, &placed, which);
        });
        println!("{what}, {:?}: {}", self.how, outcome.summary());
        let wrong = outcome.misjudgements(|_| true);
        assert_eq!(wrong, "", "{what}, {:?}: misjudged were\n{wrong}", self.how);
    }

    #[track_caller]
    fn assert_rows(&self, what: &str, placed: &Placed, which: usize) {
        for (is, row) in [&placed.rows.v4, &placed.rows.v6].into_iter().zip(self.rows[which]) {
            assert_eq!(is.to_string(), row.unwrap_or(&is.to_string()), "{what}");
        }
    }
}

/// The sets that are there, by their names, with their generation in the name of one of them.
#[track_caller]
fn placed(wire: &Wire) -> (Placed, String) {
    let names = wire.inside.within(|| {
        let mut connection = Connection::open().unwrap();
        let tables = Tables::managed();
        let sets =
            KeyType::ALL.map(|keys| inspect::sets(&mut connection, keys.of(&tables)).unwrap());
        let names = sets.into_iter().flatten().map(|set| set.name.into_string().unwrap());
        names.collect::<Vec<String>>()
    });
    let bases = SetNames { v4: "drop4".parse().unwrap(), v6: "drop6".parse().unwrap() };
    let placed = Placed::by_names(names.iter().map(String::as_str), &bases);
    let generation = names[0].rsplit_once("_g").unwrap().1.to_string();
    (placed.unwrap_or_else(|| panic!("sets are left over: {names:?}")), generation)
}

const FIXED: &[Site] = &[Alone, Among, Whole];
const HOSTS: &[Site] = &[Alone, Among, Whole, Between];
const HOSTS6: &[Site] = &[Alone, Among, Between];

/// Half of the packets are judged while a delta is made, half during a rebuild.
fn both_ways(what: &str, delta: Mode, rebuild: Mode) {
    delta.never_misjudges(what, Share::one_of(2));
    rebuild.rebuilt().never_misjudges(what, Share::one_of(2));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_a_hash_set() {
    let few = |space| part(space, &[Units(300, 30)], FIXED);
    let v4 = || {
        let all_over = part(Space::V4, &[Units(48_000, 48_000)], FIXED);
        Mode::new((all_over, "hash /24"), (few(Space::V6), "prefilter /32, hash /40"))
    };
    both_ways("a hash set", v4(), v4());
    let v6 = || {
        let all_over = part(Space::WIDE6, &[Units(32_000, 32_000)], FIXED);
        Mode::new((few(Space::V4), "prefilter /16, hash /24"), (all_over, "hash /32"))
    };
    both_ways("a hash set of IPv6", v6(), v6());
}

/// What is run on an emulated machine, too, in which all of these would take hours.
mod first {
    use super::*;

    #[test]
    #[ignore = "needs root: network namespaces"]
    fn no_packet_is_misjudged_by_a_prefilter_and_a_hash_set() {
        let mode = || {
            let v4 = part(Space::V4, &[Units(20_000, 400)], FIXED);
            let v6 = part(Space::V6, &[Units(20_000, 400)], FIXED);
            Mode::new((v4, "prefilter /16, hash /24"), (v6, "prefilter /32, hash /40"))
        };
        both_ways("a prefilter and a hash set", mode(), mode());
    }
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_a_prefilter_and_several_hash_sets() {
    let mode = |sites4, sites6| {
        let crowds = &[Units(10_000, 3_000), Hosts(10_000, 3_000)];
        let (v4, v6) = (part(Space::V4, crowds, sites4), part(Space::V6, crowds, sites6));
        let rows = ("prefilter /16, hash /24, hash /32", "prefilter /32, hash /40, hash /128");
        Mode::new((v4, rows.0), (v6, rows.1))
    };
    let moving = (&[Alone, Among, Whole, Between, Moving], &[Alone, Among, Between, Moving]);
    both_ways("a prefilter and several hash sets", mode(HOSTS, HOSTS6), mode(moving.0, moving.1));
}

/// So few addresses are ever listed that a prefilter pays before any two sets: where a bitmap would have too
/// many keys, it is a hash set itself.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_a_prefilter_that_is_a_hash_set_and_several_hash_sets() {
    let mode = |sites4, sites6| {
        let crowds4 = &[Units(4_000, 48_000), Hosts(48_000, 48_000)];
        let crowds6 = &[Units(500, 300), Hosts(1_000, 300)];
        let (v4, v6) = (part(Space::V4, crowds4, sites4), part(Space::V6, crowds6, sites6));
        let rows = ("prefilter /20, hash /32, hash /24", "prefilter /32, hash /128, hash /40");
        Mode::new((v4, rows.0), (v6, rows.1))
    };
    let moving = (&[Alone, Among, Whole, Between, Moving], &[Alone, Among, Between, Moving]);
    both_ways(
        "a hash set as prefilter and several hash sets",
        mode(HOSTS, HOSTS6),
        mode(moving.0, moving.1),
    );
}

/// An address that moves from one hash set to another is to be found in one of them by each packet, so a
/// little that changes has all of it rebuilt.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_an_address_moves_between_hash_sets() {
    let crowds = &[Units(2_000, 600), Hosts(2_000, 600)];
    let sites = &[Alone, Among, Between, Moving];
    let (v4, v6) = (part(Space::V4, crowds, sites), part(Space::V6, crowds, sites));
    let rows = ("prefilter /16, hash /24, hash /32", "prefilter /32, hash /40, hash /128");
    let mode = Mode::new((v4, rows.0), (v6, rows.1)).by(How::Rebuild);
    mode.never_misjudges("between hash sets", Share::one_of(2));
}

const RANGES: &[Site] = &[Alone, Among, Whole, Stretching, Shrinking];

fn of_ranges(sites: &'static [Site]) -> Mode {
    let crowds = &[Ranges(6_000, 100)];
    let (v4, v6) = (part(Space::V4, crowds, sites), part(Space::V6, crowds, sites));
    Mode::new((v4, "prefilter /16, interval"), (v6, "prefilter /32, interval"))
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_a_prefilter_and_an_interval_set() {
    both_ways("a prefilter and an interval set", of_ranges(&[Alone, Among]), of_ranges(RANGES));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_ranges_grow_and_shrink_behind_a_prefilter() {
    let mode = of_ranges(RANGES).by(delta_of_ranges());
    mode.never_misjudges("ranges behind a prefilter", Share::one_of(2));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_an_interval_set() {
    let mode = |sites| {
        let rows = ["interval"; 2].map(Some);
        Mode { rows: [rows, rows], ..of_ranges(sites).with(&["--layout", "interval"]) }
    };
    both_ways("an interval set", mode(&[Alone, Among]), mode(RANGES));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_a_hash_set_and_an_interval_set() {
    let mode = |sites| {
        let crowds = &[Units(10_000, 3_000), Ranges(1_000, 100)];
        let (v4, v6) = (part(Space::V4, crowds, sites), part(Space::V6, crowds, sites));
        let mode = Mode::new((v4, "hash /24, interval"), (v6, "hash /40, interval"));
        mode.with(&["--layout", "hash"])
    };
    both_ways("a hash set and an interval set", mode(&[Alone, Among]), mode(FIXED));
    // A little that changes, but from one set to the other.
    let moving = mode(&[Whole, Shrinking, Moving]).by(How::Rebuild);
    moving.never_misjudges("between a hash set and an interval set", Share::one_of(4));
}

#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_row_becomes_another_one() {
    let sites = &[Alone, Among, Whole];
    let hash = (part(Space::V4, &[Units(48_000, 48_000)], sites), "hash /24");
    let few: &[Crowd] = &[Units(300, 30)];
    let few6 = (part(Space::V6, &[Units(300, 30)], sites), "prefilter /32, hash /40");
    let fewer: (&[Crowd], &str) = (&[Units(2_000, 400)], "prefilter /16, hash /24");
    let mode = Mode::new(hash, few6).turns(fewer, (few, few6.1));
    mode.never_misjudges("with and without a prefilter", Share::one_of(2));

    let few = (part(Space::V4, &[Units(4_000, 100)], sites), "prefilter /16, hash /24");
    let few6 = (part(Space::V6, &[Units(4_000, 100)], sites), "prefilter /32, hash /40");
    let ranges: &[Crowd] = &[Ranges(4_000, 100)];
    let mode = Mode::new(few, few6)
        .turns((ranges, "prefilter /16, interval"), (ranges, "prefilter /32, interval"));
    mode.never_misjudges("hash and interval set in turns", Share::one_of(2));
}

/// One range that is no network of the length of all others.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_when_the_first_odd_range_comes() {
    let sites = &[Alone, Among];
    let units = (part(Space::V4, &[Units(4_000, 100)], sites), "prefilter /16, hash /24");
    let units6 = (part(Space::V6, &[Units(4_000, 100)], sites), "prefilter /32, hash /40");
    let odd: &[Crowd] = &[Units(4_000, 100), Hosts(1, 1)];
    let mode = Mode::new(units, units6).turns(
        (odd, "prefilter /16, hash /24, hash /32"),
        (odd, "prefilter /32, hash /40, hash /128"),
    );
    // Without it the row could stay, did not so much else change that it is chosen anew.
    let mode = Mode { one_in: 4, ..mode };
    mode.never_misjudges("the first odd range", Share::one_of(2));
}

/// A short list, which is loaded again and again: of IPv6 it has a bitmap, too.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_by_a_prefilter_before_few_networks() {
    let mode = || {
        let [v4, v6] = [Space::V4, Space::V6].map(|it| part(it, &[Units(40, 3)], &[Alone]));
        Mode::new((v4, "prefilter /16, hash /24"), (v6, "prefilter /16, hash /40"))
    };
    both_ways("a prefilter before few networks", mode(), mode());
}

/// The base chains of a family come and go with its networks.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_family_becomes_empty() {
    for empty in [0, 1] {
        let crowds = &[Units(300, 30)];
        let parts = [Space::V4, Space::V6].map(|space| part(space, crowds, &[Alone, Among, Whole]));
        let rows = [Some("prefilter /16, hash /24"), Some("prefilter /32, hash /40")];
        let (mut others, mut rows_of_others) = (parts, rows);
        (others[empty].crowds, others[empty].sites) = (&[], &[]);
        rows_of_others[empty] = Some("no sets");
        let rows = [rows, rows_of_others];
        let how = How::Rebuild;
        let mode = Mode { parts, others, one_in: 180, options: &[], rows, how };
        mode.never_misjudges("a family becomes empty", Share::one_of(4));
    }
}

/// A packet may take longer than two transactions, if its processor belongs to a machine that is not
/// given time: then it goes on by the rules of the next row but one.
#[test]
#[ignore = "needs root: network namespaces"]
fn no_packet_is_misjudged_while_a_prefilter_comes_and_goes_quickly() {
    let parts = [Space::V4, Space::V6].map(|space| part(space, &[], &[Alone]));
    let text: String = parts.iter().map(|part| part.entries(1, false)).collect();
    let (sets, probes) = (parsed(text), parts.map(Part::probes).concat());
    let _alone = alone();
    let wire = wire_of_probes(&probes);
    let names = SetNames { v4: "drop4".parse().unwrap(), v6: "drop6".parse().unwrap() };
    let managed =
        [Layout::Auto, Layout::Hash].map(|it| Managed::new(names.clone(), Vec::new(), it));
    // Otherwise there is nothing to show.
    let has_prefilter = |managed: &Managed| managed.fresh_rows(&sets).v4.prefilter.is_some();
    assert_eq!(managed.each_ref().map(has_prefilter), [true, false]);
    let outcome = wire.inside.within(|| {
        let mut connection = Connection::open().unwrap();
        let mut rebuild = |managed: &Managed| {
            managed.rebuild(&mut connection, &sets, &Sending::new(&Unseen, 0)).unwrap();
        };
        rebuild(&managed[0]);
        measure(&wire, &probes, Share::one_of(2), || {
            managed.iter().rev().for_each(&mut rebuild);
        })
    });
    println!("a prefilter comes and goes: {}", outcome.summary());
    let wrong = outcome.misjudgements(|_| true);
    assert_eq!(wrong, "", "misjudged were\n{wrong}");
}
