//! When nothing is to be done, when a delta is, and when all is put in force anew.

use std::cell::Cell;
use std::collections::BTreeSet;

use kit::random::Random;
use netfilterd::ip::{PerFamily, Range, RangeSet, RangeSets};
use netfilterd::nftables::layout::{
    Elements, Filled, FilledRow, Hash, LaidOut, Layout, Row, Rows, SetElements, SetKind,
};
use netfilterd::nftables::plan::{Delta, Plan};

use super::delta::leads_to;
use super::kernel::Kernel;
use super::{Family, Part, for_seeds, hash, sets_of};

/// Rows that hold a list.
fn filled(sets: &RangeSets, rows: &Rows) -> Filled {
    let filled4 = FilledRow::new(rows.v4.clone(), LaidOut::new(&sets.v4, &rows.v4).count());
    let filled6 = FilledRow::new(rows.v6.clone(), LaidOut::new(&sets.v6, &rows.v6).count());
    PerFamily { v4: filled4, v6: filled6 }
}

/// The plan of sets that were filled just now, for which the same rows would be chosen again.
fn plan(held: &RangeSets, desired: &RangeSets, rows: &Rows) -> Plan {
    Plan::new(held, desired, &filled(held, rows), Some(&|| rows.clone()))
}

fn is_delta(held: &RangeSets, desired: &RangeSets, rows: &Rows) -> bool {
    match plan(held, desired, rows) {
        Plan::Delta(delta, after) => {
            leads_to(&delta.v4, &held.v4, &desired.v4, &rows.v4);
            leads_to(&delta.v6, &held.v6, &desired.v6, &rows.v6);
            assert_eq!(after.v4.elements, rows.v4.count(&desired.v4));
            assert_eq!(after.v6.elements, rows.v6.count(&desired.v6));
            true
        }
        Plan::Rebuild => false,
        Plan::Nothing => panic!("both are the same"),
    }
}

/// The first addresses of the elements behind the prefilter.
fn firsts<A: Family>(laid_out: &LaidOut<'_, A>, row: &Row) -> Vec<A> {
    let behind = row.kinds().filter(|kind| !matches!(kind, SetKind::Prefilter(_)));
    let firsts = behind.flat_map(|kind| match laid_out.elements_of(kind) {
        SetElements::Keys(keys, _) => keys.to_vec(),
        SetElements::Ranges(ranges) => ranges.iter().map(|range| range.first()).collect(),
    });
    firsts.collect()
}

/// The elements of all sets, each with the number of its set.
fn elements<A: Family>(laid_out: &LaidOut<'_, A>, row: &Row) -> BTreeSet<(usize, A, A)> {
    let of_set = |(number, kind): (usize, SetKind)| match laid_out.elements_of(kind) {
        SetElements::Keys(keys, _) => {
            keys.iter().map(|&key| (number, key, key)).collect::<Vec<_>>()
        }
        SetElements::Ranges(ranges) => {
            ranges.iter().map(|range| (number, range.first(), range.last())).collect()
        }
    };
    row.kinds().enumerate().flat_map(of_set).collect()
}

/// What a plan must be, in a naive way; and how much has changed after it.
struct Expected {
    is_delta: bool,
    asks: bool,
    changed: u64,
}

fn expected<A: Family>(
    held: &RangeSet<A>,
    desired: &RangeSet<A>,
    filled: &FilledRow,
    fresh: &Row,
) -> Expected {
    let row = &filled.row;
    let rebuild = |asks| Expected { is_delta: false, asks, changed: 0 };
    let becomes_empty = desired.is_empty() && !held.is_empty();
    if becomes_empty || !row.has_room(&row.count(desired)) {
        return rebuild(false);
    }
    let (before, after) = (LaidOut::new(held, row), LaidOut::new(desired, row));
    // Where two elements overlap, the first address of the overlap is the first address of one of them.
    let (kernel, kernel_after) = (Kernel::of(&before, row), Kernel::of(&after, row));
    let moves = firsts(&before, row).into_iter().chain(firsts(&after, row)).any(|address| {
        let sets = (kernel.found(address), kernel_after.found(address));
        matches!(sets, (Some(before), Some(after)) if before != after)
    });
    let (old, new) = (elements(&before, row), elements(&after, row));
    let differ = old.symmetric_difference(&new).count() as u64;
    if moves || differ / 3 > new.len() as u64 / 4 {
        return rebuild(false);
    }
    let changed = filled.changed + differ;
    if changed <= new.len() as u64 / 8 {
        return Expected { is_delta: true, asks: false, changed };
    }
    let lengths = |row: &Row| row.hashes.iter().map(|hash: &Hash| hash.length).collect::<Vec<u8>>();
    let prefilter = |row: &Row| row.prefilter.map(|hash| hash.length);
    let is_like = lengths(row) == lengths(fresh)
        && prefilter(row) == prefilter(fresh)
        && row.interval == fresh.interval;
    if is_like { Expected { is_delta: true, asks: true, changed: 0 } } else { rebuild(true) }
}

/// A long chain of changes: each plan is what it must be, and the counts stay exact.
fn a_chain_of_plans<A: Family>(random: &mut Random) -> [u32; 3] {
    let mut seen = [0; 3];
    let part = Part::random::<A>(random);
    let mut held = part.set(random);
    let chosen = |set: &RangeSet<A>| Rows::choose(&A::sets(set.clone()), Layout::Auto);
    let mut now = filled(&A::sets(held.clone()), &chosen(&held));
    for _ in 0..40 {
        let desired: RangeSet<A> = part.changed(&held, random);
        let (sets, others) = (A::sets(held.clone()), A::sets(desired.clone()));
        let ours = A::filled(&now).clone();
        // Mostly the row that there is, if it has a place for what is desired.
        let fits = ours.row.has_room(&ours.row.count(&desired));
        let fresh = match random.below(4) {
            _ if desired.is_empty() => Row::NONE,
            0 => part.row_for(&[&desired], random),
            1 => A::row(chosen(&desired)),
            _ if fits && ours.row != Row::NONE => ours.row.clone(),
            _ => part.row_for(&[&desired], random),
        };
        let asked = Cell::new(0);
        let choose = || {
            asked.set(asked.get() + 1);
            A::rows(fresh.clone())
        };
        let plan = Plan::new(&sets, &others, &now, Some(&choose));
        if held == desired {
            assert_eq!(plan, Plan::Nothing);
            assert_eq!(asked.get(), 0);
            seen[0] += 1;
            continue;
        }
        let expected = expected(&held, &desired, &ours, &fresh);
        let what = format!("{}: {held:?} to {desired:?}", ours.row);
        assert_eq!(asked.get(), u32::from(expected.asks), "{what}");
        match plan {
            Plan::Delta(delta, after) => {
                assert!(expected.is_delta, "{what}");
                leads_to(A::differing(&delta), &held, &desired, &ours.row);
                let after_ours = A::filled(&after);
                assert_eq!(after_ours.row, ours.row);
                assert_eq!(after_ours.elements, LaidOut::new(&desired, &ours.row).count());
                assert_eq!(after_ours.changed, expected.changed, "{what}");
                now = after;
                seen[1] += 1;
            }
            Plan::Rebuild => {
                assert!(!expected.is_delta, "{what}");
                now = filled(&others, &A::rows(fresh));
                seen[2] += 1;
            }
            Plan::Nothing => panic!("{what}"),
        }
        held = desired;
    }
    seen
}

#[test]
fn a_plan_is_a_delta_if_no_address_changes_sets_and_all_has_a_place_and_little_changes() {
    fn all<A: Family>(random: &mut Random) {
        let mut seen = [0; 3];
        for _ in 0..6 {
            let more = a_chain_of_plans::<A>(random);
            seen.iter_mut().zip(more).for_each(|(seen, more)| *seen += more);
        }
        assert!(seen.iter().all(|&seen| seen > 0), "each kind of plan is made: {seen:?}");
    }
    for_seeds(8, all::<u32>, all::<u128>);
}

#[test]
fn the_plan_is_nothing_a_delta_or_a_rebuild() {
    let held = sets_of(&["10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24", "2001:db8::/32"]);
    let plan = |desired: &RangeSets| plan(&held, desired, &Rows::INTERVAL);
    assert_eq!(plan(&held.clone()), Plan::Nothing);

    let desired = sets_of(&["10.0.0.0/24", "10.0.2.0/24", "10.0.6.0/24", "2001:db8::/32"]);
    let Plan::Delta(Delta { v4, v6 }, after) = plan(&desired) else { panic!() };
    assert_eq!(format!("{:?}", v4.deleted.ranges), "[10.0.4.0-10.0.4.255]");
    assert_eq!(format!("{:?}", v4.added.ranges), "[10.0.6.0-10.0.6.255]");
    assert_eq!(v6.deleted.count().all() + v6.added.count().all(), 0);
    assert_eq!((after.v4.elements.ranges, after.v6.elements.ranges), (3, 1));

    // More to change than there is to load.
    assert_eq!(plan(&sets_of(&["192.0.2.0/24", "2001:db8::/32"])), Plan::Rebuild);
}

/// Networks of /24, and more.
fn networks(count: u32, more: &[&str]) -> RangeSets {
    let mut text: Vec<String> = (0..count).map(|i| format!("10.0.{}.0/24", i * 2)).collect();
    text.extend(more.iter().map(ToString::to_string));
    sets_of(&text.iter().map(String::as_str).collect::<Vec<_>>())
}

fn rows(prefilter: Option<Hash>, hashes: &[Hash], interval: bool) -> Rows {
    Rows { v4: Row { prefilter, hashes: hashes.to_vec(), interval }, v6: Row::NONE }
}

#[test]
fn what_does_not_fit_into_the_sets_that_are_there_is_a_rebuild() {
    let held = networks(8, &[]);
    // Room for ten.
    let ten = rows(None, &[hash(24, 10)], false);
    assert!(is_delta(&held, &networks(10, &[]), &ten));
    assert!(!is_delta(&held, &networks(11, &[]), &ten));
    // Room for two prefixes.
    let two = rows(Some(hash(24 - 4, 2)), &[hash(24, 99)], true);
    assert!(is_delta(&held, &networks(8, &["10.0.16.0/24"]), &two));
    assert!(!is_delta(&held, &networks(8, &["10.0.16.0/24", "10.0.32.0/24"]), &two));
    assert!(!is_delta(&held, &networks(8, &["10.16.0.0/15"]), &two));
    // What is deleted makes room.
    let one = rows(Some(hash(16, 1)), &[hash(24, 10)], false);
    let moved = ["10.1.0.0/24", "10.1.2.0/24", "10.1.4.0/24"];
    let desired = sets_of(&[&moved[..2], &["10.1.8.0/24"]].concat());
    assert!(is_delta(&sets_of(&moved), &desired, &one));
    // No interval set, and now something for it.
    let odd = networks(8, &["192.0.2.1-192.0.2.2"]);
    assert!(!is_delta(&held, &odd, &ten));
    assert!(is_delta(&held, &odd, &rows(None, &[hash(24, 10)], true)));
}

#[test]
fn a_network_that_would_go_from_one_set_to_another_is_a_rebuild() {
    // It would be in neither for a moment.
    let whole = networks(8, &[]);
    let torn = networks(7, &["10.0.14.0/25"]);
    let beside = rows(None, &[hash(24, 99)], true);
    assert!(!is_delta(&whole, &torn, &beside));
    assert!(!is_delta(&torn, &whole, &beside), "and back");
    // Between two hash sets, too; and what is behind a prefilter is no other.
    let two = rows(Some(hash(16, 99)), &[hash(24, 99), hash(25, 99)], false);
    assert!(!is_delta(&whole, &torn, &two));
    assert!(!is_delta(&torn, &whole, &two), "and back");
    // A range that merges with its neighbour and is no network any more.
    let merged = networks(7, &["10.0.14.0-10.0.15.7"]);
    assert!(!is_delta(&whole, &merged, &beside));
    // In one set nothing moves.
    let one = rows(Some(hash(16, 99)), &[hash(25, 99)], false);
    assert!(is_delta(&whole, &torn, &one));
    assert!(is_delta(&whole, &torn, &rows(None, &[], true)));
    // One that is removed, and another that is added, change no sets.
    assert!(is_delta(&whole, &networks(7, &["10.9.0.0/25"]), &beside));
    assert!(is_delta(&whole, &networks(7, &["10.9.0.0/25"]), &two));
}

#[test]
fn a_family_that_becomes_empty_or_is_so_no_more_is_a_rebuild() {
    let (both, v4) = (networks(8, &["2001:db8::/48"]), networks(8, &[]));
    let choose = |sets: &RangeSets| Rows::choose(sets, Layout::Auto);
    assert_eq!(choose(&v4).v6, Row::NONE);
    assert!(!is_delta(&both, &v4, &choose(&both)));
    assert!(!is_delta(&v4, &both, &choose(&v4)));
    assert!(!is_delta(&v4, &RangeSets::default(), &choose(&v4)), "all of it");
    assert!(!is_delta(&RangeSets::default(), &v4, &choose(&RangeSets::default())));
    // A family of which nothing is listed changes nothing, with sets or without.
    assert!(is_delta(&v4, &networks(9, &[]), &choose(&v4)));
    assert!(is_delta(&v4, &networks(9, &[]), &Rows::INTERVAL));
    // Empty sets that are there anyway, as in a table of another program, can be filled.
    assert!(is_delta(&v4, &both, &Rows::INTERVAL));
}

#[test]
fn more_than_three_quarters_of_what_there_is_is_a_rebuild() {
    let row = rows(Some(hash(8, 256)), &[hash(24, 999)], false);
    let held = networks(100, &[]);
    let others: Vec<String> = (0..100).map(|i| format!("10.1.{}.0/24", i * 2)).collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    for count in 1..100 {
        // So many are replaced. The prefix stays, one of 101 elements.
        let fewer = held.subtract(&networks(count as u32, &[]));
        let desired = fewer.union(&sets_of(&others[..count]));
        assert_eq!(is_delta(&held, &desired, &row), 2 * count / 3 <= 101 / 4, "{count}");
        // So many are deleted.
        assert_eq!(is_delta(&held, &fewer, &row), count / 3 <= (101 - count) / 4, "{count}");
    }
}

#[test]
fn another_row_is_asked_for_only_when_much_has_changed_since_the_row_was_chosen() {
    let held = networks(80, &[]);
    let row = rows(None, &[hash(24, 999)], false);
    let other = rows(Some(hash(16, 65536)), &[hash(24, 999)], false);
    let desired = |more: u32| networks(80 + more, &[]);
    let plan = |filled: &Filled, desired: &RangeSets, fresh: &Rows| {
        let asked = Cell::new(false);
        let choose = || {
            asked.set(true);
            fresh.clone()
        };
        let plan = Plan::new(&held, desired, filled, Some(&choose));
        let changed = match plan {
            Plan::Delta(_, after) => Some(after.v4.changed),
            _ => None,
        };
        (changed, asked.get())
    };
    let filled = filled(&held, &row);
    // An eighth of 90 is 11, of 91 too, and of 92.
    assert_eq!(plan(&filled, &desired(11), &other), (Some(11), false));
    assert_eq!(plan(&filled, &desired(12), &other), (None, true));
    // The same row would be chosen again, whatever its sizes: it stays, and the count begins anew.
    let larger = rows(None, &[hash(24, 5000)], false);
    assert_eq!(plan(&filled, &desired(12), &larger), (Some(0), true));
    // What changed before counts, too.
    let mut before = filled.clone();
    before.v4.changed = 11;
    assert_eq!(plan(&before, &desired(1), &other), (None, true));
    before.v4.changed = 9;
    assert_eq!(plan(&before, &desired(1), &other), (Some(10), false));
    // As much as a count can hold.
    before.v4.changed = u64::MAX;
    assert_eq!(plan(&before, &desired(1), &other), (None, true));
    assert!(!plan(&before, &held, &other).1, "nothing changes");
    // What changed of the other family.
    (before.v4.changed, before.v6.changed) = (0, 1);
    assert_eq!(plan(&before, &desired(1), &other), (None, true));
    // Another length, an interval set beside it, another hash set, no hash set.
    for fresh in [
        rows(None, &[hash(25, 999)], false),
        rows(None, &[hash(24, 999)], true),
        rows(None, &[hash(24, 999), hash(32, 99)], false),
        rows(None, &[], true),
    ] {
        assert_eq!(plan(&filled, &desired(12), &fresh), (None, true), "{}", fresh.v4);
    }
}

#[test]
fn what_would_take_enormous_memory_in_the_sets_that_are_there_is_a_rebuild() {
    // Each of them would be at least eight gigabytes of elements.
    fn check<A: Family>(held: &str, desired: &str, row: &Row) {
        let (held, desired) = (sets_of(&[held]), sets_of(&[held, desired]));
        assert!(!is_delta(&held, &desired, &A::rows(row.clone())), "{row}");
    }
    let of = |prefilter: Option<u8>, hashes: &[u8], interval| Row {
        prefilter: prefilter.map(|length| hash(length, 1 << 20)),
        hashes: hashes.iter().map(|&length| hash(length, 1 << 20)).collect(),
        interval,
    };
    for length in [32, 48, 128] {
        check::<u128>("4000::1", "2000::/3", &of(Some(length), &[128], true));
        check::<u128>("4000::/128", "2000::/3", &of(None, &[length, 128], false));
        check::<u128>("4000::1", "::/0", &of(Some(length), &[], true));
    }
    check::<u32>("10.0.0.1", "0.0.0.0/0", &of(None, &[32], false));
    check::<u32>("10.0.0.1", "0.0.0.0/0", &of(Some(16), &[32], false));
    check::<u32>("10.0.0.1", "0.0.0.0/0", &of(Some(32), &[], true));
    // The largest size that a set can have does not hold one more.
    let row = Row { prefilter: None, hashes: vec![hash(32, u32::MAX)], interval: false };
    check::<u32>("10.0.0.1", "0.0.0.0/0", &row);
    assert_eq!(row.count(&sets_of(&["0.0.0.0/0"]).v4).keys, [1 << 32]);
    // Nor is there memory for it if it is laid out anyway.
    let all = sets_of(&["::/0", "0.0.0.0"]);
    for row in [of(None, &[128], false), of(Some(128), &[], true), of(Some(64), &[0], false)] {
        assert_eq!(LaidOut::try_new(&all.v6, &row), None, "{row}");
        assert!(!row.has_room(&row.count(&all.v6)));
    }
}

#[test]
fn elements_are_counted_without_overflow() {
    let all = RangeSet::from_ranges(vec![Range::network(0u128, 0)]);
    let hashes = vec![hash(127, u32::MAX), hash(128, u32::MAX)];
    let row = Row { prefilter: Some(hash(127, u32::MAX)), hashes, interval: false };
    let count = row.count(&all);
    assert_eq!((count.prefixes, &count.keys[..], count.ranges), (u64::MAX, &[u64::MAX, 0][..], 0));
    assert_eq!(count.all(), u64::MAX);
    assert_eq!(count.plus(&count), count);
    assert_eq!(count.minus(&count), Elements::none(&row));
    assert_eq!(Elements::none(&row).minus(&count), Elements::none(&row));
    let full = FilledRow { changed: u64::MAX, ..FilledRow::new(row, count) };
    assert!(full.has_drifted());
}
