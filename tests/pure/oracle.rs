//! Range sets against an oracle that is too simple to be wrong: one flag for each address.

use std::net::Ipv6Addr;
use std::ops::Range as Indices;

use kit::flags::{Flags, Number, SIZE, both, fewest_networks, flags, number, runs};
use netfilterd::ip::change::Change;
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Address, Range, RangeSet, RangeSets};

/// The addresses of a family, as the library has them and as the flags have them.
trait Family: Number + Address {}

impl<A: Number + Address> Family for A {}

/// The range set of the same places, with the universe at `base`.
fn set<A: Family>(base: u128, entries: &[Indices<usize>]) -> RangeSet<A> {
    let range = |entry: &Indices<usize>| {
        let (first, last) = (base + entry.start as u128, base + (entry.end as u128 - 1));
        Range::new(A::of(first), A::of(last)).expect("a range")
    };
    RangeSet::from_ranges(entries.iter().map(range).collect())
}

/// First and last of each range.
fn ranges<A: Family>(set: &RangeSet<A>) -> Vec<(u128, u128)> {
    set.ranges().iter().map(|range| (range.first().number(), range.last().number())).collect()
}

/// Rounds in each place of each family.
const ROUNDS: u64 = 500;

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    /// A seed must not be 0; those next to each other would begin alike.
    fn new(seed: u64) -> Self {
        Random((seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.below(u64::MAX)) << 64 | u128::from(self.below(u64::MAX))
    }
}

/// Ranges within the universe: none, a few large ones, or so many small ones that they touch.
fn entries(random: &mut Random) -> Vec<Indices<usize>> {
    let (most, longest) = [(3, 1024), (12, 100), (40, 20), (200, 4)][random.below(4) as usize];
    (0..random.below(most + 1))
        .map(|_| {
            let first = random.below(SIZE as u64) as usize;
            let length = 1 + random.below(longest) as usize;
            first..SIZE.min(first + length)
        })
        .collect()
}

/// Calls `check` for each place of both families, with the round for a seed.
macro_rules! everywhere {
    ($check:ident) => {
        for seed in 0..ROUNDS {
            for base in u32::bases() {
                $check::<u32>(base, seed);
            }
            for base in u128::bases() {
                $check::<u128>(base, seed);
            }
        }
    };
}

#[test]
fn a_range_set_holds_the_addresses_of_its_ranges_and_no_others() {
    fn check<A: Family>(base: u128, seed: u64) {
        let entries = entries(&mut Random::new(seed));
        let (flags, set) = (flags(&entries), set::<A>(base, &entries));
        let runs = runs(base, &flags);
        assert_eq!(ranges(&set), runs, "seed {seed}, base {base:#x}");
        assert_eq!(set.len(), runs.len(), "seed {seed}, base {base:#x}");
        assert_eq!(set.is_empty(), runs.is_empty(), "seed {seed}, base {base:#x}");
        let count = flags.iter().filter(|&&flag| flag).count() as u128;
        assert_eq!(set.addresses(), count, "seed {seed}, base {base:#x}");
    }
    everywhere!(check);
}

#[test]
fn an_address_is_found_in_the_range_that_holds_it() {
    fn check<A: Family>(base: u128, seed: u64) {
        let entries = entries(&mut Random::new(seed));
        let (flags, set) = (flags(&entries), set::<A>(base, &entries));
        let runs = runs(base, &flags);
        let mut run = runs.iter().copied().peekable();
        for (at, &flag) in flags.iter().enumerate() {
            let at = base + at as u128;
            run.next_if(|&(_, last)| last < at);
            let found =
                set.find(A::of(at)).map(|range| (range.first().number(), range.last().number()));
            assert_eq!(found, run.peek().copied().filter(|_| flag), "seed {seed}, {at:#x}");
            assert_eq!(set.contains(A::of(at)), flag, "seed {seed}, {at:#x}");
        }
        // Neither the addresses beside the universe nor the ends of the space.
        let outside = [base.checked_sub(1), base.checked_add(SIZE as u128), Some(0)];
        let outside = outside.into_iter().flatten().chain([A::MAX.number()]);
        for at in
            outside.filter(|at| *at <= A::MAX.number() && at.wrapping_sub(base) >= SIZE as u128)
        {
            assert!(!set.contains(A::of(at)), "seed {seed}, {at:#x}");
        }
    }
    everywhere!(check);
}

#[test]
fn subtraction_leaves_the_addresses_that_only_the_first_set_holds() {
    fn check<A: Family>(base: u128, seed: u64) {
        let mut random = Random::new(seed);
        let (a, b) = (entries(&mut random), entries(&mut random));
        let left = set::<A>(base, &a).subtract(&set(base, &b));
        let wanted = both(&flags(&a), &flags(&b), |a, b| a && !b);
        assert_eq!(ranges(&left), runs(base, &wanted), "seed {seed}, base {base:#x}");
        let common = both(&flags(&a), &flags(&b), |a, b| a && b).contains(&true);
        assert_eq!(set::<A>(base, &a).intersects(&set(base, &b)), common, "seed {seed}");
    }
    everywhere!(check);
}

#[test]
fn an_intersection_and_a_union_hold_what_both_sets_and_what_either_holds() {
    fn check<A: Family>(base: u128, seed: u64) {
        let mut random = Random::new(seed);
        let (a, b) = (entries(&mut random), entries(&mut random));
        let (first, second) = (set::<A>(base, &a), set::<A>(base, &b));
        let (a, b) = (flags(&a), flags(&b));
        let common = runs(base, &both(&a, &b, |a, b| a && b));
        assert_eq!(ranges(&first.intersect(&second)), common, "seed {seed}, base {base:#x}");
        let either = runs(base, &both(&a, &b, |a, b| a || b));
        assert_eq!(ranges(&first.union(&second)), either, "seed {seed}, base {base:#x}");
    }
    everywhere!(check);
}

#[test]
fn networks_cover_a_set_exactly_and_are_the_fewest_that_do() {
    fn check<A: Family>(base: u128, seed: u64) {
        let entries = entries(&mut Random::new(seed));
        let (flags, set) = (flags(&entries), set::<A>(base, &entries));
        let mut covered = vec![false; SIZE];
        let mut previous: Option<(u128, u8)> = None;
        let mut count = 0;
        for network in set.networks() {
            let (first, length) = (number(network.network()), network.prefix_len());
            let size = 1u128 << (A::BITS - length);
            assert_eq!(first % size, 0, "seed {seed}: {network} has host bits");
            if let Some((before, its_length)) = previous {
                assert!(before < first, "seed {seed}: {network} is out of order");
                let siblings = length == its_length && before ^ first == size;
                assert!(!siblings, "seed {seed}: {network} could be one with the one before it");
            }
            let at = (first - base) as usize;
            for flag in &mut covered[at..at + size as usize] {
                assert!(!*flag, "seed {seed}: {network} overlaps another");
                *flag = true;
            }
            previous = Some((first, length));
            count += 1;
        }
        assert_eq!(covered, flags, "seed {seed}, base {base:#x}");
        assert_eq!(set.network_count(), count, "seed {seed}, base {base:#x}");
    }
    everywhere!(check);
}

/// Ranges that no small universe can hold.
#[test]
fn the_largest_ranges_have_the_networks_that_each_bit_needs() {
    fn check<A: Family>() {
        let second = A::of(1);
        let last_but_one = A::of(A::MAX.number() - 1);
        let bits = u64::from(A::BITS);
        for (first, last, count) in [
            (A::of(0), A::MAX, 1),
            (second, A::MAX, bits),
            (A::of(0), last_but_one, bits),
            (second, last_but_one, 2 * bits - 2),
        ] {
            let set = RangeSet::from_ranges(vec![Range::new(first, last).expect("a range")]);
            assert_eq!(set.network_count(), count, "{set:?}");
            assert_eq!(set.networks().count() as u64, count, "{set:?}");
            // What lies outside is what is left of the whole.
            let whole = RangeSet::from_ranges(vec![Range::network(A::of(0), 0)]);
            let mut rest = Vec::new();
            rest.extend((first > A::of(0)).then_some(Range::host(A::of(0))));
            rest.extend((last < A::MAX).then_some(Range::host(A::MAX)));
            assert_eq!(whole.subtract(&set).ranges(), rest);
            assert!(set.subtract(&whole).is_empty());
        }
    }
    check::<u32>();
    check::<u128>();
}

#[test]
fn a_change_counts_the_networks_that_differ() {
    fn check<A: Family>(base: u128, seed: u64, sets: fn(RangeSet<A>) -> RangeSets) {
        let mut random = Random::new(seed);
        let (a, b) = (entries(&mut random), entries(&mut random));
        let (held, wanted) = (sets(set(base, &a)), sets(set(base, &b)));
        let (a, b) = (flags(&a), flags(&b));
        let count = |flags: &Flags| fewest_networks(base, flags);
        let new = Change { added: count(&b), removed: 0 };
        assert_eq!(Change::between(None, &wanted), new, "seed {seed}");
        let none = Change::default();
        assert_eq!(Change::between(Some(&held), &held.clone()), none, "seed {seed}");
        let change = Change {
            added: count(&both(&b, &a, |wanted, held| wanted && !held)),
            removed: count(&both(&a, &b, |held, wanted| held && !wanted)),
        };
        assert_eq!(Change::between(Some(&held), &wanted), change, "seed {seed}, base {base:#x}");
    }
    for seed in 0..ROUNDS {
        for base in u32::bases() {
            check::<u32>(base, seed, |v4| RangeSets { v4, ..RangeSets::default() });
        }
        for base in u128::bases() {
            check::<u128>(base, seed, |v6| RangeSets { v6, ..RangeSets::default() });
        }
    }
}

#[test]
fn widening_the_merged_set_is_widening_each_entry() {
    fn check<A: Family>(base: u128, seed: u64, widen: fn(RangeSet<A>, u8) -> RangeSet<A>) {
        let mut random = Random::new(seed);
        let entries = entries(&mut random);
        // The networks are as long as the universe at most, or as short as it takes to leave it.
        let length = A::BITS - random.below(13) as u8;
        let after = widen(set::<A>(base, &entries), length);
        let wanted: Vec<_> = entries
            .iter()
            .map(|entry| {
                let (first, last) = (base + entry.start as u128, base + (entry.end as u128 - 1));
                let size = 1u128 << (A::BITS - length);
                let (first, last) = (first / size * size, last / size * size + (size - 1));
                Range::new(A::of(first), A::of(last)).expect("a range")
            })
            .collect();
        let wanted = RangeSet::from_ranges(wanted);
        assert_eq!(after, wanted, "seed {seed}, base {base:#x}, length {length}");
    }
    fn widen4(v4: RangeSet<u32>, length: u8) -> RangeSet<u32> {
        let mask = Mask { v4: Some(length), v6: None };
        mask.widen(RangeSets { v4, v6: RangeSet::default() }).v4
    }
    fn widen6(v6: RangeSet<u128>, length: u8) -> RangeSet<u128> {
        let mask = Mask { v4: None, v6: Some(length) };
        mask.widen(RangeSets { v4: RangeSet::default(), v6 }).v6
    }
    for seed in 0..ROUNDS {
        for base in u32::bases() {
            check::<u32>(base, seed, widen4);
        }
        // Not at the start: that is ::/8, which is never widened.
        for base in &u128::bases()[1..] {
            check::<u128>(*base, seed, widen6);
        }
    }
}

/// An entry by the rule of drop_ips(5): an end in `::/8` or `fe80::/10` stays where it is.
fn widened_entry(first: u128, last: u128, length: u8) -> (u128, u128) {
    let kept = |at: u128| {
        let at = Ipv6Addr::from(at);
        at.octets()[0] == 0 || at.is_unicast_link_local()
    };
    let network = ipnet::Ipv6Net::new_assert(first.into(), length);
    let first = if kept(first) { first } else { network.network().into() };
    let network = ipnet::Ipv6Net::new_assert(last.into(), length);
    let last = if kept(last) { last } else { network.broadcast().into() };
    (first, last)
}

#[test]
fn widening_ends_at_the_blocks_that_are_never_widened() {
    // Each side of where ::/8 ends and of where fe80::/10 begins and ends.
    let borders: [u128; 3] = [1 << 120, 0xfe80 << 112, 0xfec0 << 112];
    for seed in 0..3000 {
        let mut random = Random::new(seed);
        let length = 16 + random.below(113) as u8;
        let entries: Vec<(u128, u128)> = (0..1 + random.below(8))
            .map(|_| {
                let mut end = || {
                    let border = borders[random.below(3) as usize];
                    // Distances of every order of magnitude.
                    let distance = random.wide() >> (10 + random.below(118));
                    if random.below(2) == 0 { border - 1 - distance } else { border + distance }
                };
                let (a, b) = (end(), end());
                // Mostly near to each other, else one range would swallow the others.
                let b = if random.below(4) > 0 { a.saturating_add(b >> 80) } else { b };
                (a.min(b), a.max(b))
            })
            .collect();
        let set = |entries: &[(u128, u128)]| {
            let range = |&(first, last): &_| Range::new(first, last).expect("a range");
            RangeSet::from_ranges(entries.iter().map(range).collect())
        };
        let wide: Vec<_> =
            entries.iter().map(|&(first, last)| widened_entry(first, last, length)).collect();
        let mask = Mask { v4: None, v6: Some(length) };
        let v6 = set(&entries);
        let after = mask.widen(RangeSets { v6, ..RangeSets::default() }).v6;
        assert_eq!(after, set(&wide), "seed {seed}, length {length}, {entries:x?}");
    }
}

#[test]
fn hosts_beside_each_other_across_a_border_are_widened_as_if_alone() {
    // They merge to one range, of which one end is kept and the other is not.
    for (entries, wide) in [
        (
            "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 100::",
            "ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff-100::ffff:ffff:ffff:ffff",
        ),
        ("fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff fe80::", "fe7f:ffff:ffff:ffff::-fe80::"),
        (
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff fec0::",
            "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff-fec0::ffff:ffff:ffff:ffff",
        ),
    ] {
        let hosts = entries.split(' ').map(|host| host.parse::<Ipv6Addr>().expect("a host"));
        let v6 = RangeSet::from_ranges(hosts.map(|host| Range::host(host.into())).collect());
        let mask = Mask { v4: Some(24), v6: Some(64) };
        let after = mask.widen(RangeSets { v6, ..RangeSets::default() }).v6;
        assert_eq!(after.ranges().iter().map(ToString::to_string).collect::<Vec<_>>(), [wide]);
    }
}

#[test]
fn lists_large_enough_for_the_radix_sort_merge_as_small_ones_do() {
    for (seed, count) in [(1, 1 << 16), (2, 70_001), (3, 200_000)] {
        let mut random = Random::new(seed);
        let v4: Vec<(u128, u128)> = (0..count)
            .map(|_| {
                let first = random.below(1 << 32) as u32;
                let longest = 1 << random.below(15);
                let last = first.saturating_add(random.below(longest) as u32);
                (first.into(), last.into())
            })
            .collect();
        let v6: Vec<(u128, u128)> = (0..count)
            .map(|_| {
                let first = random.wide();
                (first, first.saturating_add(random.wide() >> (8 + random.below(120))))
            })
            .collect();
        assert_eq!(ranges(&merged::<u32>(&v4)), sorted_and_joined(v4), "seed {seed}");
        assert_eq!(ranges(&merged::<u128>(&v6)), sorted_and_joined(v6), "seed {seed}");
    }
}

#[test]
fn the_order_of_a_large_list_makes_no_difference() {
    // All hosts of a block that ends where the address space does, backwards and in steps that
    // visit each of them: one range, whichever way they are sorted.
    let count = 1u32 << 17;
    let base = u32::MAX - (count - 1);
    for step in [1, count - 1, 7919, 2049] {
        let hosts = (0..count).map(|at| base + at.wrapping_mul(step) % count);
        let set = RangeSet::from_ranges(hosts.map(Range::host).collect());
        assert_eq!(set.ranges(), [Range::new(base, u32::MAX).expect("a range")], "step {step}");
    }
}

fn merged<A: Family>(entries: &[(u128, u128)]) -> RangeSet<A> {
    let range = |&(first, last): &_| Range::new(A::of(first), A::of(last)).expect("a range");
    RangeSet::from_ranges(entries.iter().map(range).collect())
}

fn sorted_and_joined(mut entries: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    entries.sort();
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (first, last) in entries {
        match joined.last_mut() {
            Some(kept) if first <= kept.1.saturating_add(1) => kept.1 = kept.1.max(last),
            _ => joined.push((first, last)),
        }
    }
    joined
}
