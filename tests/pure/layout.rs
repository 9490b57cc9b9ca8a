//! Whatever the layout, what is dropped is exactly the range set; and a delta leads from what is held
//! to what is wanted, touching nothing else.

use std::collections::BTreeSet;

use netfilterd::ip::change::Change;
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Address, Range, RangeSet, RangeSets};
use netfilterd::nftables::kernel::release_changes_ranges_safely;
use netfilterd::nftables::layout::{Elements, HASH_FROM, Hash, LaidOut, Layout, Shape, Shapes};
use netfilterd::nftables::plan::{Delta, Differing, Plan};

/// Addresses in a small part of a space, by their distance from its beginning.
trait Place: Address + std::hash::Hash {
    fn at(base: u8, offset: u32) -> Self;
}

/// How many addresses the part has.
const SIZE: u32 = 4096;

impl Place for u32 {
    fn at(base: u8, offset: u32) -> Self {
        // The beginning, somewhere inside, and the very end of the space.
        [0, 0x0a00_0000, u32::MAX - (SIZE - 1)][usize::from(base)] + offset
    }
}

impl Place for u128 {
    fn at(base: u8, offset: u32) -> Self {
        [0, 0x2001_0db8 << 96, u128::MAX - u128::from(SIZE - 1)][usize::from(base)]
            + u128::from(offset)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as u32 % limit
    }

    /// A range set of hosts, networks and odd ranges, in numbers that make each part matter.
    fn set<A: Place>(&mut self, base: u8) -> RangeSet<A> {
        let count = self.below(120);
        let mut ranges = Vec::new();
        for _ in 0..count {
            let offset = self.below(SIZE);
            let range = match self.below(4) {
                0 => Range::host(A::at(base, offset)),
                1 | 2 => Range::network(A::at(base, offset), A::BITS - self.below(8) as u8),
                _ => {
                    let last = (offset + self.below(300)).min(SIZE - 1);
                    Range::new(A::at(base, offset), A::at(base, last)).unwrap()
                }
            };
            ranges.push(range);
        }
        RangeSet::from_ranges(ranges)
    }
}

/// Whether the kernel would drop an address: what its rules ask, in a naive way.
fn dropped<A: Address>(laid_out: &LaidOut<'_, A>, shape: Shape, address: A) -> bool {
    let in_hash =
        shape.hash.is_some_and(|hash| laid_out.keys.contains(&address.first_of(hash.length)));
    in_hash || laid_out.ranges.iter().any(|range| range.contains(address))
}

fn laid_out_drops_what_the_set_holds<A: Place>(seed: u64) {
    let mut random = Random(seed | 1);
    for round in 0..60 {
        let base = (round % 3) as u8;
        let set: RangeSet<A> = random.set(base);
        let length = A::BITS - random.below(9) as u8;
        let hash = Hash { length, size: u32::MAX };
        for shape in
            [Shape { hash: None, interval: true }, Shape { hash: Some(hash), interval: true }]
        {
            let laid_out = LaidOut::new(&set, shape);
            assert_eq!(LaidOut::try_new(&set, shape).as_ref(), Some(&laid_out));
            for offset in 0..SIZE {
                let address = A::at(base, offset);
                assert_eq!(
                    dropped(&laid_out, shape, address),
                    set.contains(address),
                    "seed {seed}, round {round}, /{length}, {shape:?}: {}",
                    address.to_ip()
                );
            }
            // And nothing outside of the part: keys and ranges lie within the ranges of the set.
            for &key in &laid_out.keys {
                let network = Range::network(key, length);
                assert_eq!(key, network.first(), "a key is the first address of its network");
                let within = set.find(key).is_some_and(|range| network.last() <= range.last());
                assert!(within, "seed {seed}, round {round}: /{length} at {}", key.to_ip());
            }
            for range in laid_out.ranges.iter() {
                assert_eq!(set.find(range.first()), Some(*range), "ranges stay as they are");
            }
            assert!(laid_out.keys.is_sorted());
        }
    }
}

#[test]
fn every_layout_drops_exactly_the_range_set() {
    for seed in 1..=12 {
        laid_out_drops_what_the_set_holds::<u32>(seed * 0x9e37_79b9);
        laid_out_drops_what_the_set_holds::<u128>(seed * 0x85eb_ca6b);
    }
}

fn sets_of(text: &[&str]) -> RangeSets {
    let list = netfilterd::list::List::new("text", text.join("\n").into_bytes());
    netfilterd::list::parse(&[list]).unwrap().sets
}

fn hash(length: u8, size: u32) -> Option<Hash> {
    Some(Hash { length, size })
}

#[test]
fn ranges_are_cut_into_at_most_sixteen_networks() {
    let mask = Mask { v4: Some(24), v6: None };
    let sets = sets_of(&["10.0.0.0/20", "10.1.0.0-10.1.16.255", "10.2.0.0/25", "10.3.0.0/24"]);
    let shapes = Shapes::choose(&sets, Layout::Hash, mask);
    assert_eq!(shapes.v4, Shape { hash: hash(24, 34), interval: true });
    let laid_out = LaidOut::new(&sets.v4, shapes.v4);
    assert_eq!(laid_out.keys.len(), 17, "sixteen of the /20, and a /24");
    let ranges: Vec<String> = laid_out.ranges.iter().map(Range::to_string).collect();
    assert_eq!(ranges, ["10.1.0.0-10.1.16.255", "10.2.0.0-10.2.0.127"]);
}

#[test]
fn the_length_is_the_mask_or_else_the_commonest() {
    let sets = sets_of(&["10.0.0.0/24", "10.0.2.0/24", "10.1.0.0/16", "2001:db8::/48", "::1"]);
    let choose = |mask| Shapes::choose(&sets, Layout::Hash, mask);
    let shapes = choose(Mask::default());
    assert_eq!(shapes.v4, Shape { hash: hash(24, 4), interval: true });
    let shapes = choose(Mask { v4: Some(16), v6: Some(48) });
    assert_eq!(shapes.v4.hash, hash(16, 2));
    assert_eq!(shapes.v6, Shape { hash: hash(48, 2), interval: true });
    // Nothing of that length at all: an interval set, even if hash was asked for.
    assert_eq!(choose(Mask { v4: Some(8), v6: None }).v4, Shapes::INTERVAL.v4);
}

#[test]
fn auto_takes_hash_from_4096_networks_of_one_length_up() {
    let hosts = |count: usize| {
        let hosts = (0..count as u32).map(|i| Range::host(i * 2)).collect();
        RangeSets { v4: RangeSet::from_ranges(hosts), ..RangeSets::default() }
    };
    let choose = |count, layout| Shapes::choose(&hosts(count), layout, Mask::default());
    assert_eq!(choose(HASH_FROM - 1, Layout::Auto).v4, Shapes::INTERVAL.v4);
    assert_eq!(choose(HASH_FROM, Layout::Auto).v4.hash, hash(32, 8192), "as many again");
    assert!(!choose(HASH_FROM, Layout::Auto).v4.interval, "nothing would be in it");
    assert_eq!(choose(HASH_FROM, Layout::Interval).v4, Shapes::INTERVAL.v4);
    assert_eq!(choose(1, Layout::Hash).v4.hash, hash(32, 2));
}

#[test]
fn a_family_of_which_nothing_is_listed_has_no_sets() {
    let host = RangeSet::from_ranges(vec![Range::host(1)]);
    let none = Shape { hash: None, interval: false };
    for layout in [Layout::Auto, Layout::Interval, Layout::Hash] {
        let sets = RangeSets { v6: host.clone(), ..RangeSets::default() };
        let shapes = Shapes::choose(&sets, layout, Mask { v4: Some(24), v6: None });
        assert_eq!(shapes.v4, none, "{layout:?}");
        assert_ne!(shapes.v6, none, "{layout:?}");
        assert!(!shapes.v4.has_room(Elements { keys: 0, ranges: 1 }));
        assert!(!shapes.v4.has_room(Elements { keys: 1, ranges: 0 }));
    }
    assert_ne!(none.to_string(), Shapes::INTERVAL.v4.to_string());
}

/// Carries a delta out on what is held, as the kernel does: deletes first, and each must be there.
fn carry_out<A: Place>(held: &LaidOut<'_, A>, delta: &Differing<A>) -> (Vec<A>, Vec<(A, A)>) {
    let ends = |range: &Range<A>| (range.first(), range.last());
    let mut keys: BTreeSet<A> = held.keys.iter().copied().collect();
    let mut ranges: BTreeSet<(A, A)> = held.ranges.iter().map(ends).collect();
    delta.delete_keys.iter().for_each(|key| assert!(keys.remove(key), "{key:?} is there"));
    delta.delete_ranges.iter().for_each(|range| assert!(ranges.remove(&ends(range))));
    delta.add_keys.iter().for_each(|key| assert!(keys.insert(*key), "{key:?} is not there"));
    delta.add_ranges.iter().for_each(|range| assert!(ranges.insert(ends(range))));
    (keys.into_iter().collect(), ranges.into_iter().collect())
}

fn a_delta_leads_to_what_is_wanted<A: Place>(seed: u64, change: fn(Differing<A>, Shape) -> Change) {
    let mut random = Random(seed | 1);
    for round in 0..200 {
        let base = (round % 3) as u8;
        let held: RangeSet<A> = random.set(base);
        // Sometimes nothing in common, mostly a few changes.
        let other: RangeSet<A> = random.set(base);
        let wanted = match random.below(3) {
            0 => other,
            1 => held.subtract(&other),
            _ => {
                RangeSet::from_ranges([held.ranges(), &other.ranges()[..other.len() / 8]].concat())
            }
        };
        let length = A::BITS - random.below(6) as u8;
        let shape = Shape { hash: hash(length, u32::MAX), interval: true };
        let (a, b) = (LaidOut::new(&held, shape), LaidOut::new(&wanted, shape));
        let delta = Differing::between(&held, &wanted, shape);
        assert_eq!(delta, Differing::new(&a, &b), "only what differs needs to be laid out");
        assert_eq!(shape.count(&wanted).all(), b.keys.len() + b.ranges.len());
        let (keys, ranges) = carry_out(&a, &delta);
        // What is reported is the difference of the addresses, however it is laid out.
        let difference = Change {
            added: wanted.subtract(&held).network_count(),
            removed: held.subtract(&wanted).network_count(),
        };
        assert_eq!(change(delta.clone(), shape), difference, "seed {seed}, round {round}");
        assert_eq!(keys, b.keys, "seed {seed}, round {round}");
        let ends: Vec<_> = b.ranges.iter().map(|range| (range.first(), range.last())).collect();
        assert_eq!(ranges, ends, "seed {seed}, round {round}");
        // What is both held and wanted is not touched.
        assert!(delta.delete_keys.iter().all(|key| !b.keys.contains(key)));
        assert!(delta.add_keys.iter().all(|key| !a.keys.contains(key)));
        assert!(delta.delete_ranges.iter().all(|range| !b.ranges.contains(range)));
        assert!(delta.add_ranges.iter().all(|range| !a.ranges.contains(range)));
    }
}

#[test]
fn a_delta_changes_what_differs_and_nothing_else() {
    for seed in 1..=20 {
        a_delta_leads_to_what_is_wanted::<u32>(seed * 0x9e37_79b9, |v4, shape| {
            let shapes = Shapes { v4: shape, ..Shapes::INTERVAL };
            Delta { v4, ..Delta::default() }.change(&shapes)
        });
        a_delta_leads_to_what_is_wanted::<u128>(seed * 0x85eb_ca6b, |v6, shape| {
            let shapes = Shapes { v6: shape, ..Shapes::INTERVAL };
            Delta { v6, ..Delta::default() }.change(&shapes)
        });
    }
}

#[test]
fn the_plan_is_nothing_a_delta_or_a_rebuild() {
    let interval = Shapes::INTERVAL;
    let held = sets_of(&["10.0.0.0/24", "10.0.2.0/24", "10.0.4.0/24", "2001:db8::/32"]);
    let plan = |wanted: &RangeSets| Plan::new(&held, wanted, &interval, &interval);
    assert_eq!(plan(&held.clone()), Plan::Nothing);

    let wanted = sets_of(&["10.0.0.0/24", "10.0.2.0/24", "10.0.6.0/24", "2001:db8::/32"]);
    let Plan::Delta(Delta { v4, v6 }) = plan(&wanted) else { panic!("{:?}", plan(&wanted)) };
    assert_eq!(format!("{:?}", v4.delete_ranges), "[10.0.4.0-10.0.4.255]");
    assert_eq!(format!("{:?}", v4.add_ranges), "[10.0.6.0-10.0.6.255]");
    assert_eq!(v6, Differing::default());

    // More to change than there is to load.
    assert_eq!(plan(&sets_of(&["192.0.2.0/24"])), Plan::Rebuild);
}

#[test]
fn what_does_not_fit_into_the_sets_that_are_there_is_a_rebuild() {
    let shape = |hash, interval| Shapes { v4: Shape { hash, interval }, v6: Shapes::INTERVAL.v6 };
    let networks = |count: u32, more: &[&str]| {
        let mut text: Vec<String> = (0..count).map(|i| format!("10.0.{}.0/24", i * 2)).collect();
        text.extend(more.iter().map(ToString::to_string));
        sets_of(&text.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let held = networks(8, &[]);
    let is_delta = |wanted: &RangeSets, held_shapes: Shapes, fresh: Shapes| {
        matches!(Plan::new(&held, wanted, &held_shapes, &fresh), Plan::Delta(_))
    };
    let fresh = shape(hash(24, 99), false);
    // Room for ten.
    assert!(is_delta(&networks(10, &[]), shape(hash(24, 10), false), fresh));
    assert!(!is_delta(&networks(11, &[]), shape(hash(24, 10), false), fresh));
    // No interval set, and now something for it.
    let odd = networks(8, &["192.0.2.1-192.0.2.2"]);
    assert!(!is_delta(&odd, shape(hash(24, 10), false), fresh));
    assert!(is_delta(&odd, shape(hash(24, 10), true), fresh));
    // A network that goes from one set to the other would be in neither for a moment.
    let torn = sets_of(&[
        "10.0.0.0/24",
        "10.0.2.0/24",
        "10.0.4.0/24",
        "10.0.6.0/24",
        "10.0.8.0/24",
        "10.0.10.0/24",
        "10.0.12.0/24",
        "10.0.14.0/25",
    ]);
    let roomy = shape(hash(24, 10), true);
    assert!(!is_delta(&torn, roomy, fresh));
    assert!(matches!(Plan::new(&torn, &held, &roomy, &fresh), Plan::Rebuild), "and back");
    // Another length, or another layout, would be chosen today.
    assert!(!is_delta(&networks(9, &[]), shape(hash(24, 10), true), shape(hash(25, 10), true)));
    assert!(!is_delta(&networks(9, &[]), shape(None, true), fresh));
}

#[test]
fn a_range_that_grows_shrinks_merges_or_splits_is_told_from_one_that_comes_or_goes() {
    let changes = |held: &[&str], wanted: &[&str]| {
        let (held, wanted) = (sets_of(held), sets_of(wanted));
        Delta::between(&held, &wanted, &Shapes::INTERVAL).changes_ranges()
    };
    let held = &["10.0.0.0/24", "10.0.2.0/24", "2001:db8::/32"];
    assert!(!changes(held, held));
    assert!(!changes(held, &["10.0.0.0/24", "10.0.4.0/24", "2001:db8::/32", "::1"]));
    assert!(!changes(held, &["192.0.2.7"]), "nothing of it stays");
    assert!(changes(held, &["10.0.0.0/23", "10.0.4.0/24"]));
    assert!(changes(held, &["10.0.2.0/25"]));
    assert!(changes(held, &["10.0.0.0/22"]));
    assert!(changes(&["10.0.0.0/22"], held));
    assert!(changes(held, &["2001:db8::/33"]));
    // Networks of a hash set are each by itself, however long the range is.
    let shape = Shape { hash: hash(24, 99), interval: true };
    let shapes = Shapes { v4: shape, v6: Shapes::INTERVAL.v6 };
    let (held, wanted) = (sets_of(&["10.0.0.0/24"]), sets_of(&["10.0.0.0/22"]));
    assert!(!Delta::between(&held, &wanted, &shapes).changes_ranges());
}

#[test]
fn a_kernel_that_is_not_known_to_change_ranges_safely_is_taken_for_one_that_does_not() {
    let safely = ["6.18.44", "6.18.45-1-arch", "7.0.0", "7.1.0-rc2", "10.3"];
    let not = ["6.1.0-56-cloud-amd64", "6.18.43", "6.18", "6.17.99", "6.19.50", "5.10.0", "", "x"];
    for release in safely {
        assert!(release_changes_ranges_safely(release), "{release}");
    }
    for release in not {
        assert!(!release_changes_ranges_safely(release), "{release}");
    }
}
