//! The algebra of range sets against one flag for each address.

#![no_main]

mod library;
mod places;

use kit::flags::{Flags, Number, SIZE, both, fewest_networks, flags, number, runs};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use library::{ranges, set};
use netfilterd::ip::{Address, Range, RangeSet};
use netfilterd::nfqueue::index::Index;
use places::{base, places};

fuzz_target!(|data: &[u8]| {
    let input = &mut Unstructured::new(data);
    let _ =
        if input.arbitrary().unwrap_or(false) { check::<u128>(input) } else { check::<u32>(input) };
});

fn check<A: Number + Address>(input: &mut Unstructured<'_>) -> Result<()> {
    let base = base::<A>(input)?;
    let (first, second) = (places(input)?, places(input)?);
    let (a, b) = (set::<A>(base, &first), set::<A>(base, &second));
    let (first, second) = (flags(&first), flags(&second));
    it_holds(&a, base, &first);
    it_holds(&b, base, &second);
    it_holds(&a.subtract(&b), base, &both(&first, &second, |a, b| a && !b));
    it_holds(&a.intersect(&b), base, &both(&first, &second, |a, b| a && b));
    it_holds(&a.union(&b), base, &both(&first, &second, |a, b| a || b));
    let common = both(&first, &second, |a, b| a && b).contains(&true);
    assert_eq!(a.intersects(&b), common);
    for range in b.ranges() {
        let (start, end) = (range.first().number() - base, range.last().number() - base);
        assert_eq!(a.meets(*range), first[start as usize..=end as usize].contains(&true));
    }
    let (ours, theirs) = a.differing(&b);
    let (runs_a, runs_b) = (runs(base, &first), runs(base, &second));
    let only = |these: &[(u128, u128)], those: &[(u128, u128)]| -> Vec<_> {
        these.iter().copied().filter(|run| !those.contains(run)).collect()
    };
    assert_eq!(ranges(&ours), only(&runs_a, &runs_b));
    assert_eq!(ranges(&theirs), only(&runs_b, &runs_a));
    Ok(())
}

/// Whether a set holds the addresses of the flags, by each way of asking.
fn it_holds<A: Number + Address>(set: &RangeSet<A>, base: u128, flags: &Flags) {
    let runs = runs(base, flags);
    assert_eq!(ranges(set), runs);
    assert_eq!((set.len(), set.is_empty()), (runs.len(), runs.is_empty()));
    assert_eq!(set.addresses(), flags.iter().filter(|&&flag| flag).count() as u128);
    let index = Index::new(set.clone());
    let addresses: Vec<A> = (0..SIZE).map(|at| A::of(base + at as u128)).collect();
    let mut found = vec![false; SIZE];
    index.find_each(&addresses, |number| found[number] = true);
    assert_eq!(&found, flags);
    for (&address, &flag) in addresses.iter().zip(flags).step_by(7) {
        let range = runs.iter().find(|run| run.0 <= address.number() && address.number() <= run.1);
        let range = range.map(|run| Range::new(A::of(run.0), A::of(run.1)).expect("a range"));
        assert_eq!(set.find(address), range);
        let mut found = false;
        index.find_each(&[address], |_| found = true);
        assert_eq!((set.contains(address), found), (flag, flag));
    }
    let mut covered = vec![false; SIZE];
    for network in set.networks() {
        let (first, length) = (number(network.network()), network.prefix_len());
        let (at, size) = ((first - base) as usize, 1usize << (A::BITS - length));
        assert_eq!(first % size as u128, 0, "{network} has host bits");
        assert!(!covered[at..at + size].contains(&true), "{network} overlaps another");
        covered[at..at + size].fill(true);
    }
    assert_eq!(&covered, flags);
    assert_eq!(set.networks().count() as u64, fewest_networks(base, flags));
    assert_eq!(set.network_count(), fewest_networks(base, flags));
}
