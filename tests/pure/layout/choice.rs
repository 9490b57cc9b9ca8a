//! The row that is chosen for a list.

use kit::random::Random;
use netfilterd::ip::{Range, RangeSet, RangeSets};
use netfilterd::nftables::layout::choose::{self, Candidate};
use netfilterd::nftables::layout::cost::{self, Cost};
use netfilterd::nftables::layout::{Census, Elements, Hash, LaidOut, Layout, Row, Rows};

use super::{Family, Part, for_seeds, hash, of_text, sets_of};

/// Beyond an interval set a row takes at most as much memory again, and so much more.
const MORE_MEMORY: u64 = 4 << 20;

/// It takes at most 25 ms longer to load.
const MORE_LOAD: u64 = 50_000_000;

/// The lengths that a prefilter may have.
fn prefilters(bits: u8) -> &'static [u8] {
    if bits > 32 { &[16, 24, 28, 32, 48] } else { &[16, 17, 18, 20] }
}

/// A list with so many networks of each length, of which no two make up a range.
fn census(bits: u8, networks: &[(u8, u64)]) -> Census {
    let mut census = Census { bits, ranges: 0, networks: [0; 129], prefixes: Vec::new() };
    for &(length, count) in networks {
        census.networks[usize::from(length)] += count;
        census.ranges += count;
    }
    for &prefilter in prefilters(bits) {
        // As many as there can be if no two of the longer ones have one.
        let touched = |&(length, count): &(u8, u64)| -> u128 {
            u128::from(count) << prefilter.saturating_sub(length)
        };
        let all = networks.iter().map(touched).sum::<u128>().min(1 << prefilter);
        census.prefixes.push((prefilter, all.try_into().unwrap()));
    }
    census
}

/// The cost of an interval set alone.
fn interval(census: &Census) -> Cost {
    let elements = Elements { prefixes: 0, keys: Vec::new(), ranges: census.ranges };
    Cost::of(&Row::INTERVAL, &elements, census.bits)
}

/// The row that `auto` takes, after all that must be so of it whatever the list.
#[track_caller]
fn cheapest(census: &Census) -> Candidate {
    let chosen = choose::cheapest(census);
    let interval = interval(census);
    let fits = |cost: &Cost| {
        cost.unlisted <= interval.unlisted
            && cost.memory <= 2 * interval.memory + MORE_MEMORY
            && cost.load <= interval.load + MORE_LOAD
    };
    assert!(fits(&chosen.cost), "{chosen:?}, and interval alone: {interval:?}");
    let all = choose::candidates(census);
    for candidate in &all {
        let is_cheaper = candidate.cost.sum() < chosen.cost.sum();
        assert!(!(is_cheaper && fits(&candidate.cost)), "{candidate:?} instead of {chosen:?}");
        assert_eq!(candidate.cost, Cost::of(&candidate.row, &candidate.elements, census.bits));
    }
    assert!(chosen.cost.sum() <= interval.sum());
    has_room(&chosen);
    assert_eq!(choose::row(census, Layout::Auto), chosen.row);
    chosen
}

/// The sets of a row have a place for its elements and for a few more, and are no two of one length.
#[track_caller]
fn has_room(candidate: &Candidate) {
    let Candidate { row, elements, .. } = candidate;
    assert!(row.has_room(elements), "{candidate:?}");
    for (set, (hash, &keys)) in row.hashes.iter().zip(&elements.keys).enumerate() {
        assert!(keys > 0, "{candidate:?} has a set for nothing");
        assert!(keys <= u64::from(hash.size) / 2 && hash.size >= 64, "{candidate:?}");
        assert!(row.hashes[..set].iter().all(|other| other.length != hash.length));
    }
    // Whoever is listed is found in the largest set first.
    assert!(elements.keys.is_sorted_by(|one, next| one >= next), "{candidate:?}");
}

/// Of each length in a list the number of networks.
fn lengths(random: &mut Random, bits: u8, most: u32) -> Vec<(u8, u64)> {
    let mut lengths: Vec<u8> = (0..=bits).collect();
    let count = 1 + random.below(12);
    let near = random.yes_or_no();
    let mut counts = Vec::new();
    for _ in 0..count {
        let from = if near { lengths.len().saturating_sub(20) } else { 0 };
        let length = lengths.remove(from + random.below(lengths.len() - from));
        let magnitude = random.below(most as usize + 1) as u32;
        counts.push((length, 1 + random.number() % (1 << magnitude)));
    }
    counts.sort_unstable();
    // No more than there are.
    counts.into_iter().map(|(length, count)| (length, count.min(1 << length.min(40)))).collect()
}

fn a_census_is_a_naive_count<A: Family>(random: &mut Random) {
    for _ in 0..20 {
        let part = Part::random::<A>(random);
        let set = part.set::<A>(random);
        let census = Census::of(&set);
        let mut networks = [0; 129];
        set.networks().for_each(|network| networks[usize::from(network.prefix_len())] += 1);
        assert_eq!(census.networks, networks);
        assert_eq!((census.bits, census.ranges), (A::BITS, set.len() as u64));
        let prefilters = prefilters(A::BITS);
        let naive = |&length: &u8| {
            let touched = |range: &Range<A>| {
                Range::new(range.first().first_of(length), range.last().last_of(length)).unwrap()
            };
            let all = RangeSet::from_ranges(set.ranges().iter().map(touched).collect());
            (length, (all.addresses() >> (A::BITS - length)) as u64)
        };
        assert_eq!(census.prefixes, prefilters.iter().map(naive).collect::<Vec<_>>());
        let count = |length: &u8| (*length, networks[usize::from(*length)]);
        let lengths: Vec<_> = (0..=A::BITS).map(|length| count(&length)).collect();
        let those = lengths.into_iter().filter(|(_, count)| *count > 0).collect::<Vec<_>>();
        assert_eq!(census.lengths(), those);
    }
}

#[test]
fn a_census_counts_what_is_there() {
    for_seeds(20, a_census_is_a_naive_count::<u32>, a_census_is_a_naive_count::<u128>);
    let all = |text| Census::of(&sets_of(&[text]).v6).prefixes;
    let of = |counts: [u64; 5]| [16, 24, 28, 32, 48].into_iter().zip(counts).collect::<Vec<_>>();
    assert_eq!(all("::/0"), of([1 << 16, 1 << 24, 1 << 28, 1 << 32, 1 << 48]));
    assert_eq!(all("2001:db8::1"), of([1; 5]));
    assert_eq!(all("2001:db8::/47"), of([1, 1, 1, 1, 2]));
}

/// The fewest elements in so many hash sets, by trying all of them.
fn fewest(lengths: &[(u8, u64)], sets: u32) -> u128 {
    let (longest, others) = lengths.split_last().unwrap();
    let tried = (0u32..1 << others.len()).filter(|chosen| chosen.count_ones() + 1 == sets);
    let elements = |chosen: u32| -> u128 {
        let mut next = longest.0;
        let mut all = u128::from(longest.1);
        for (at, &(length, count)) in others.iter().enumerate().rev() {
            if chosen & 1 << at != 0 {
                next = length;
            }
            all =
                all.saturating_add(u128::from(count).saturating_mul(1 << (next - length).min(100)));
        }
        all
    };
    tried.map(elements).min().unwrap()
}

#[test]
fn the_lengths_of_hash_sets_are_those_that_make_the_fewest_elements() {
    let mut random = Random::new(1);
    let mut seen = [0; 6];
    for _ in 0..400 {
        let bits = *random.of(&[32, 128]);
        let mut lengths = lengths(&mut random, bits, 16);
        // No hash set is for all addresses.
        lengths.retain(|&(length, _)| length > 0);
        if lengths.is_empty() {
            continue;
        }
        let candidates = choose::candidates(&census(bits, &lengths));
        for (sets, seen) in seen.iter_mut().enumerate().take(lengths.len() + 1).skip(1) {
            let of_sets = |candidate: &&Candidate| {
                let row = &candidate.row;
                row.prefilter.is_none() && !row.interval && row.hashes.len() == sets
            };
            let found: Vec<_> = candidates.iter().filter(of_sets).collect();
            let fewest = fewest(&lengths, sets as u32);
            match found[..] {
                [candidate] => {
                    assert_eq!(u128::from(candidate.elements.all()), fewest, "{lengths:?}");
                    has_room(candidate);
                    *seen += 1;
                }
                // No set can have so many.
                [] => assert!(fewest * 2 > u128::from(u32::MAX), "{lengths:?} in {sets}"),
                _ => panic!("{found:?}"),
            }
        }
    }
    assert!(seen[1..].iter().all(|&seen| seen > 100), "{seen:?}");
}

#[test]
fn candidates_hold_the_list_and_have_no_set_for_nothing() {
    let mut random = Random::new(2);
    let mut seen = 0;
    for _ in 0..60 {
        let bits = *random.of(&[32, 128]);
        let census = census(bits, &lengths(&mut random, bits, 22));
        for candidate in choose::candidates(&census) {
            let Candidate { row, elements, .. } = &candidate;
            if row.prefilter.is_some_and(|prefilter| elements.prefixes > prefilter.size.into()) {
                continue;
            }
            has_room(&candidate);
            assert_eq!(row.interval, elements.ranges > 0, "{candidate:?}");
            if let Some(Hash { length, size }) = row.prefilter {
                seen += 1;
                assert!(census.prefixes.contains(&(length, elements.prefixes)));
                assert!(u64::from(size) >= elements.prefixes);
            }
        }
    }
    assert!(seen > 500);
}

#[test]
fn the_cheapest_row_keeps_its_limits_and_is_never_dearer_than_an_interval_set() {
    let mut random = Random::new(3);
    let mut sum = 0.0;
    for _ in 0..250 {
        let bits = *random.of(&[32, 128]);
        let census = census(bits, &lengths(&mut random, bits, 24));
        let chosen = cheapest(&census);
        sum += chosen.cost.unlisted / interval(&census).unlisted;
    }
    assert!(sum < 200.0, "and mostly cheaper");
}

fn what_is_chosen_holds_the_list<A: Family>(random: &mut Random) {
    for _ in 0..20 {
        let part = Part::random::<A>(random);
        let set = part.set::<A>(random);
        if set.is_empty() {
            continue;
        }
        let Candidate { row, elements, .. } = cheapest(&Census::of(&set));
        let count = row.count(&set);
        if row.interval && !row.hashes.is_empty() {
            // A range of which one network is in no hash set is a range as a whole, so it is no more.
            let fewer = count.minus(&elements);
            assert_eq!(fewer.all(), 0, "{row}: {count:?} of {elements:?}");
        } else {
            assert_eq!(count, elements, "{row}");
        }
        for layout in [Layout::Auto, Layout::Interval, Layout::Hash] {
            let row = A::row(Rows::choose(&A::sets(set.clone()), layout));
            let count = row.count(&set);
            assert!(row.has_room(&count), "{layout:?}: {row}");
            assert_eq!(LaidOut::new(&set, &row).count(), count);
            // For a list to grow by as much as it has, before it has to be loaded anew.
            let twice = Elements { prefixes: count.prefixes, ..count.plus(&count) };
            assert!(row.has_room(&twice), "{layout:?}: {row}");
        }
    }
}

#[test]
fn the_row_that_is_chosen_holds_the_list() {
    for_seeds(5, what_is_chosen_holds_the_list::<u32>, what_is_chosen_holds_the_list::<u128>);
}

#[test]
fn every_list_has_a_row_however_odd_it_is() {
    for bits in [32, 128] {
        let all = |count| (0..=bits).map(|length| (length, count)).collect::<Vec<_>>();
        let networks: [&[(u8, u64)]; 11] = [
            &[(bits, 1)],
            &[(0, 1)],
            &[(1, 1)],
            &[(1, 1), (bits, 1)],
            &[(8, 3), (bits, 1 << 30)],
            &[(bits, u64::from(u32::MAX))],
            &[(16, 1 << 16)],
            &[(24, 1_000_000)],
            &[(24, 1_000_000), (bits, 1_000_000)],
            &all(1),
            &all(100_000),
        ];
        for networks in networks {
            let census = census(bits, networks);
            cheapest(&census);
            for layout in [Layout::Interval, Layout::Hash] {
                assert_ne!(choose::row(&census, layout), Row::NONE, "{networks:?}");
            }
        }
    }
}

#[test]
fn no_count_is_too_large_for_the_model() {
    for bits in [32, 128] {
        let mut census = Census {
            bits,
            ranges: u64::MAX,
            networks: [u64::MAX; 129],
            prefixes: prefilters(bits).iter().map(|&length| (length, u64::MAX)).collect(),
        };
        for length in 0..=bits {
            choose::candidates(&census);
            assert_eq!(choose::cheapest(&census).row, Row::INTERVAL);
            assert_eq!(choose::row(&census, Layout::Hash), Row::INTERVAL);
            census.networks[usize::from(length)] = 0;
        }
    }
}

#[test]
fn lists_of_a_kind_have_a_row_of_a_kind() {
    type Networks<'a> = &'a [(u8, u64)];
    let rows: [(u8, Networks<'_>, &str); 11] = [
        (32, &[(32, 1)], "hash /32"),
        (32, &[(0, 1)], "interval"),
        (32, &[(24, 30_000), (32, 30_000)], "prefilter /20, hash /24, hash /32"),
        (32, &[(8, 1), (32, 10_000)], "prefilter /18, hash /32, hash /8"),
        // The bitmap is full, and of no use.
        (32, &[(24, 300_000)], "hash /24"),
        (32, &[(24, 1_000_000)], "hash /24"),
        (32, &[(32, 1_000_000)], "hash /32"),
        (128, &[(0, 1)], "interval"),
        (128, &[(128, 1)], "prefilter /16, hash /128"),
        (128, &[(48, 10_000)], "prefilter /32, hash /48"),
        (128, &[(64, 1_000_000)], "hash /64"),
    ];
    for (bits, networks, row) in rows {
        assert_eq!(cheapest(&census(bits, networks)).row.to_string(), row, "{networks:?}");
    }
}

#[test]
fn real_lists_have_these_rows() {
    let rows = |name: &str| {
        let folder = env!("CARGO_MANIFEST_DIR");
        let sets = of_text(std::fs::read(format!("{folder}/tests/lists/{name}")).unwrap());
        for census in [Census::of(&sets.v4), Census::of(&sets.v6)] {
            if census.ranges > 0 {
                cheapest(&census);
            }
        }
        let Rows { v4, v6 } = Rows::choose(&sets, Layout::Auto);
        assert!(v4.has_room(&v4.count(&sets.v4)) && v6.has_room(&v6.count(&sets.v6)));
        [v4.to_string(), v6.to_string()]
    };
    assert_eq!(rows("ipsum_level3.txt"), ["prefilter /16, hash /32", "no sets"]);
    let v4 = "prefilter /16, hash /22, hash /24, hash /17, hash /27";
    assert_eq!(rows("country_de_v4.cidr"), [v4, "no sets"]);
    let v6 = "prefilter /28, interval";
    assert_eq!(rows("country_us_v6.cidr"), ["no sets", v6]);
    let v4 = "prefilter /16, interval";
    assert_eq!(rows("misp_aws.json"), [v4, "prefilter /32, interval"]);
}

#[test]
fn a_layout_that_is_asked_for_is_taken() {
    let sets = sets_of(&["10.0.0.0/24", "10.0.2.0/24", "10.1.0.0/16", "2001:db8::/48", "::1"]);
    let interval = Rows::choose(&sets, Layout::Interval);
    assert_eq!(interval, Rows::INTERVAL);
    // One hash set of the commonest length, of two as common the longer; and an interval set for the
    // networks of which it would be more than sixteen.
    let Rows { v4, v6 } = Rows::choose(&sets, Layout::Hash);
    assert_eq!(v4, Row { prefilter: None, hashes: vec![hash(24, 64)], interval: true });
    assert_eq!(v6, Row { prefilter: None, hashes: vec![hash(128, 64)], interval: true });
    // No interval set if nothing would be in it.
    let Rows { v4, .. } = Rows::choose(&sets_of(&["10.0.0.0/24", "10.1.0.0/20"]), Layout::Hash);
    assert_eq!(v4, Row { prefilter: None, hashes: vec![hash(24, 64)], interval: false });
    let Rows { v4, .. } = Rows::choose(&sets_of(&["10.0.0.0/24", "10.1.0.0/19"]), Layout::Hash);
    assert_eq!(v4.to_string(), "hash /24, interval");
    // Room for as many again.
    let hosts = RangeSet::from_ranges((0..4096u32).map(|i| Range::host(i * 2)).collect());
    let Rows { v4, .. } = Rows::choose(&u32::sets(hosts), Layout::Hash);
    assert_eq!(v4, Row { prefilter: None, hashes: vec![hash(32, 8192)], interval: false });
}

#[test]
fn a_family_of_which_nothing_is_listed_has_no_sets() {
    let host = RangeSet::from_ranges(vec![Range::host(1)]);
    for layout in [Layout::Auto, Layout::Interval, Layout::Hash] {
        let sets = RangeSets { v6: host.clone(), ..RangeSets::default() };
        let rows = Rows::choose(&sets, layout);
        assert_eq!(rows.v4, Row::NONE, "{layout:?}");
        assert_ne!(rows.v6, Row::NONE, "{layout:?}");
        assert_eq!(Rows::choose(&RangeSets::default(), layout).v6, Row::NONE);
    }
    let none = Elements::none(&Row::NONE);
    assert!(Row::NONE.has_room(&none));
    assert!(!Row::NONE.has_room(&Elements { ranges: 1, ..none.clone() }));
    assert!(!Row::NONE.has_room(&Elements { prefixes: 1, ..none }));
    assert_eq!(Row::NONE.kinds().count(), 0);
    assert_ne!(Row::NONE.to_string(), Row::INTERVAL.to_string());
}

#[test]
fn only_a_layout_of_hash_sets_needs_the_managed_table() {
    assert!(!Layout::Auto.needs_managed_table());
    assert!(!Layout::Interval.needs_managed_table());
    assert!(Layout::Hash.needs_managed_table());
}

#[test]
fn the_model_is_what_was_measured_and_a_line_between() {
    let of = |ranges, bits| interval(&census(bits, &[(bits, ranges)])).unlisted;
    for (table, bits) in [(cost::INTERVAL4, 32), (cost::INTERVAL6, 128)] {
        for &(ranges, nanoseconds) in table {
            let expected = cost::CHAIN + cost::FIRST + nanoseconds;
            assert!((of(ranges as u64, bits) - expected).abs() < 0.01, "{ranges}");
        }
        // It never falls, from none up to more than was measured.
        let mut before = 0.0;
        for ranges in (0..31).map(|bits| 1 << bits) {
            let now = of(ranges, bits);
            assert!(now >= before);
            before = now;
        }
        assert_eq!(of(0, bits), of(1, bits));
        let last = table.last().unwrap().1 + cost::CHAIN + cost::FIRST;
        assert!((of(u64::MAX, bits) - last).abs() < 0.01);
    }
    for table in [cost::HASH4, cost::HASH8, cost::HASH16, cost::INTERVAL4, cost::INTERVAL6] {
        assert!(table.is_sorted_by(|one, next| one.0 < next.0 && one.1 <= next.1));
    }
}

#[test]
fn a_prefilter_costs_by_what_it_lets_through() {
    let cost = |prefixes| {
        let row = Row { prefilter: Some(hash(16, 65536)), ..Row::INTERVAL };
        let elements = Elements { prefixes, keys: Vec::new(), ranges: 10_000 };
        Cost::of(&row, &elements, 32).unlisted
    };
    let bitmap = cost::CHAIN + cost::FIRST + cost::BITMAP;
    let behind = cost::GOTO + 530.0;
    let expected = |share: f64| bitmap + share * behind;
    // Seven eighths of the addresses are in use.
    let (half, all) = (cost(28_672), cost(57_344));
    assert!((half - expected(0.5)).abs() < 0.01 && (all - expected(1.0)).abs() < 0.01);
    assert_eq!(cost(65_536), all, "no more than all of them");
    assert!((cost(0) - bitmap).abs() < 0.01);
}
