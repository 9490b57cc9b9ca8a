//! Rows of any kind drop exactly the range set.

use kit::random::Random;
use netfilterd::ip::{Address, Range, RangeSet};
use netfilterd::nftables::layout::{LaidOut, Layout, Row, Rows, SetElements, SetKind};

use super::kernel::Kernel;
use super::{Family, Part, SIZE, for_seeds, hash, sets_of};

/// What a set is laid out as, after all that must be so of it whatever the row.
fn laid_out<'a, A: Family>(set: &'a RangeSet<A>, row: &Row) -> LaidOut<'a, A> {
    let laid_out = LaidOut::new(set, row);
    assert_eq!(LaidOut::try_new(set, row).as_ref(), Some(&laid_out), "{row}");
    assert_eq!(laid_out.count(), row.count(set), "{row}");
    // The elements behind the prefilter are the range set, and each address is in one of them.
    let (mut elements, mut addresses) = (Vec::new(), 0u128);
    for kind in row.kinds() {
        match (kind, laid_out.elements_of(kind)) {
            (SetKind::Hash(hash), SetElements::Keys(keys, _)) => {
                for &key in keys {
                    let network = Range::network(key, hash.length);
                    assert_eq!(key, network.first(), "a key is the first address of a network");
                    elements.push(network);
                }
            }
            (SetKind::Prefilter(hash), SetElements::Keys(keys, _)) => {
                assert!(keys.iter().all(|&key| key == key.first_of(hash.length)));
                let network = |key: &A| Range::network(*key, hash.length);
                let all = RangeSet::from_ranges(keys.iter().map(network).collect());
                assert!(set.subtract(&all).is_empty(), "{row}: all that is listed is in it");
                assert!(keys.iter().all(|key| set.meets(network(key))), "{row}: nothing else is");
            }
            (SetKind::Interval, SetElements::Ranges(ranges)) => {
                for range in ranges {
                    assert_eq!(set.find(range.first()), Some(*range), "ranges stay as they are");
                }
                elements.extend_from_slice(ranges);
            }
            _ => unreachable!("keys are for hash sets, ranges for interval sets"),
        }
    }
    for element in &elements {
        addresses = addresses.saturating_add(element.addresses());
    }
    assert_eq!(addresses, set.addresses(), "{row}: no address is in two elements");
    assert_eq!(RangeSet::from_ranges(elements), *set, "{row}");
    laid_out
}

fn a_row_drops_the_set<A: Family>(random: &mut Random) {
    for _ in 0..12 {
        let part = Part::random::<A>(random);
        let set = part.set::<A>(random);
        let mut rows = vec![Row::INTERVAL];
        rows.extend((0..4).map(|_| part.row_for(&[&set], random)));
        let sets = A::sets(set.clone());
        for layout in [Layout::Auto, Layout::Hash] {
            rows.push(A::row(Rows::choose(&sets, layout)));
        }
        for row in rows {
            let laid_out = laid_out(&set, &row);
            let kernel = Kernel::of(&laid_out, &row);
            assert_eq!(kernel.counts().iter().sum::<u64>(), row.count(&set).all());
            let mut ask = |address: A| {
                assert_eq!(
                    kernel.drops(address),
                    set.contains(address),
                    "{part:?}, {row}: {} of {set:?}",
                    address.to_ip()
                );
            };
            for number in 0..SIZE {
                ask(part.first(number));
                ask(part.last(number));
                ask(part.within(number, random));
            }
            for range in set.ranges() {
                ask(range.first());
                ask(range.last());
                range.first().previous().into_iter().for_each(&mut ask);
                range.last().next().into_iter().for_each(&mut ask);
            }
            // Outside of the part, the other end of the space among them.
            ask(A::of(0));
            ask(A::of(A::LAST));
            for _ in 0..100 {
                let any = u128::from(random.number()) << 64 | u128::from(random.number());
                ask(A::of(any & A::LAST));
            }
        }
    }
}

#[test]
fn every_row_drops_exactly_the_range_set() {
    for_seeds(6, a_row_drops_the_set::<u32>, a_row_drops_the_set::<u128>);
}

#[test]
fn the_ends_of_the_address_space_and_all_of_it_are_laid_out() {
    fn of_all<A: Family>() {
        let (first, last) = (A::of(0), A::of(A::LAST));
        let ends = vec![Range::host(first), Range::host(last)];
        let all = vec![Range::network(first, 0)];
        let but_one = vec![Range::new(first, last.previous().unwrap()).unwrap()];
        for ranges in [ends, all, but_one] {
            let set = RangeSet::from_ranges(ranges);
            for length in 0..=A::BITS {
                for hashes in [&[0u8][..], &[A::BITS], &[length], &[0, length], &[length, A::BITS]]
                {
                    let hashes = hashes.iter().map(|&length| hash(length, 1000)).collect();
                    let prefilter = Some(hash(length, 1000));
                    let row = Row { prefilter, hashes, interval: true };
                    // Two sets of one length are no row.
                    let twice = row.hashes.len() == 2 && row.hashes[0] == row.hashes[1];
                    if twice || !row.has_room(&row.count(&set)) {
                        continue;
                    }
                    let laid_out = laid_out(&set, &row);
                    let kernel = Kernel::of(&laid_out, &row);
                    for address in [first, first.next().unwrap(), last.previous().unwrap(), last] {
                        assert_eq!(kernel.drops(address), set.contains(address), "{row}");
                    }
                }
            }
        }
    }
    of_all::<u32>();
    of_all::<u128>();
}

#[test]
fn a_network_of_the_prefilter_is_in_it_once_however_many_ranges_touch_it() {
    let row = Row { prefilter: Some(hash(16, 65536)), ..Row::INTERVAL };
    let prefixes = |text: &[&str]| {
        let sets = sets_of(text);
        let laid_out = laid_out(&sets.v4, &row);
        let prefixes = laid_out.prefixes.iter();
        prefixes.map(|prefix| prefix.to_net(16).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(prefixes(&["10.0.0.1", "10.0.0.3", "10.0.255.0/24"]), ["10.0.0.0/16"]);
    assert_eq!(prefixes(&["10.0.0.0/16"]), ["10.0.0.0/16"]);
    assert_eq!(prefixes(&["10.0.0.7", "10.0.255.255-10.1.0.0"]), ["10.0.0.0/16", "10.1.0.0/16"]);
    assert_eq!(prefixes(&["10.0.0.0/15", "10.2.0.1"]).len(), 3);
    assert_eq!(prefixes(&["255.255.255.255"]), ["255.255.0.0/16"]);
    assert_eq!(prefixes(&["0.0.0.0/0"]).len(), 65536);
    assert_eq!(prefixes(&[]).len(), 0);
}

#[test]
fn beside_an_interval_set_ranges_are_cut_into_at_most_sixteen_networks() {
    let sets = sets_of(&[
        "10.0.0.0/20",
        "10.1.0.0-10.1.16.255",
        "10.2.0.0/25",
        "10.3.0.0/24",
        "10.16.0.0/19",
    ]);
    let row = Row { prefilter: None, hashes: vec![hash(24, 64)], interval: true };
    let laid_out = laid_out(&sets.v4, &row);
    let ranges: Vec<String> = laid_out.ranges.iter().map(Range::to_string).collect();
    // A network of half the length, and one of 32 times the size of a key.
    assert_eq!(ranges, ["10.2.0.0-10.2.0.127", "10.16.0.0-10.16.31.255"]);
    assert_eq!(laid_out.hashes[0].first.len(), 16 + 17 + 1);
    // Without an interval set there is no other place for them.
    let row = Row { prefilter: None, hashes: vec![hash(24, 64), hash(25, 64)], interval: false };
    let laid_out = self::laid_out(&sets.v4, &row);
    assert!(laid_out.ranges.is_empty());
    assert_eq!(laid_out.count().keys, [16 + 17 + 1 + 32, 1]);
}

#[test]
fn a_network_goes_into_the_set_of_the_next_longer_length() {
    let sets = sets_of(&["10.0.0.0/24", "10.1.0.0/23", "10.2.0.0/25", "10.3.0.0/26", "10.4.0.1"]);
    let lengths = [32, 24, 26];
    let hashes = lengths.iter().map(|&length| hash(length, 64)).collect();
    let row = Row { prefilter: None, hashes, interval: false };
    assert_eq!(laid_out(&sets.v4, &row).count().keys, [1, 1 + 2, 2 + 1]);
    assert_eq!(row.to_string(), "hash /32, hash /24, hash /26");
}

#[test]
fn keys_have_whole_bytes_in_the_sizes_that_the_kernel_looks_up_fast() {
    let bytes = |bits, length| {
        let of_hash = SetKind::Hash(hash(length, 1)).key_bytes(bits);
        let of_prefilter = SetKind::Prefilter(hash(length, 1)).key_bytes(bits);
        // A bitmap takes long to fill, so only a prefilter is one.
        assert_eq!(of_prefilter, if length == 16 { 2 } else { of_hash }, "/{length}");
        // The bits that are looked up are in the key.
        assert!(length <= 8 * of_prefilter && 8 * of_hash <= bits, "/{length}");
        assert!(!SetKind::Hash(hash(length, 1)).is_bitmap(bits));
        assert_eq!(SetKind::Prefilter(hash(length, 1)).is_bitmap(bits), length == 16);
        of_hash
    };
    for length in 0..=32 {
        assert_eq!(bytes(32, length), 4, "/{length}");
    }
    let of_v6 = [(0, 4), (15, 4), (16, 4), (17, 4), (32, 4), (33, 5), (40, 5), (48, 6), (56, 7)];
    for (length, count) in of_v6.into_iter().chain([(57, 8), (64, 8), (65, 16), (128, 16)]) {
        assert_eq!(bytes(128, length), count, "/{length}");
    }
    (0..=128).for_each(|length| assert!(bytes(128, length) >= 2));
    assert_eq!((SetKind::Interval.key_bytes(32), SetKind::Interval.key_bytes(128)), (4, 16));
    assert_eq!(SetKind::Interval.length(), None);
}

#[test]
fn a_row_is_shown_by_its_sets_in_the_order_of_look_up() {
    let text = |prefilter: Option<u8>, hashes: &[u8], interval| {
        let hashes = hashes.iter().map(|&length| hash(length, 1)).collect();
        Row { prefilter: prefilter.map(|length| hash(length, 1)), hashes, interval }.to_string()
    };
    assert_eq!(text(None, &[], false), "no sets");
    assert_eq!(text(None, &[], true), "interval");
    assert_eq!(text(Some(16), &[], true), "prefilter /16, interval");
    assert_eq!(text(Some(16), &[24, 32], false), "prefilter /16, hash /24, hash /32");
    assert_eq!(text(None, &[32, 24], true), "hash /32, hash /24, interval");
    assert_eq!(
        (Row::NONE.to_string(), Row::INTERVAL.to_string()),
        (text(None, &[], false), text(None, &[], true))
    );
}
