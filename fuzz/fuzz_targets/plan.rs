//! Layout and plan: what is laid out is the range set, what a delta makes of what is held is what
//! is wanted, and the messages say just that.

#![no_main]

mod library;
mod places;

use std::collections::BTreeSet;

use kit::flags::{Number, SIZE, both, fewest_networks, flags};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use library::set;
use netfilterd::ip::change::Change;
use netfilterd::ip::mask::Mask;
use netfilterd::ip::{Range, RangeSet, RangeSets};
use netfilterd::netlink::Message;
use netfilterd::nftables::batch::Batch;
use netfilterd::nftables::elements::{self, Action, Key};
use netfilterd::nftables::layout::{Hash, LaidOut, Layout, Shape, Shapes};
use netfilterd::nftables::plan::{Delta, Differing, Plan};
use places::{base, places};

fuzz_target!(|data: &[u8]| {
    let input = &mut Unstructured::new(data);
    let _ =
        if input.arbitrary().unwrap_or(false) { check::<u128>(input) } else { check::<u32>(input) };
});

/// What one family has in range sets, shapes and deltas.
trait Family: Number + Key {
    fn sets(set: RangeSet<Self>) -> RangeSets;
    fn shapes(shape: Shape) -> Shapes;
    fn shape(shapes: &Shapes) -> Shape;
    fn differing(delta: &Delta) -> &Differing<Self>;
}

impl Family for u32 {
    fn sets(v4: RangeSet<u32>) -> RangeSets {
        RangeSets { v4, ..RangeSets::default() }
    }
    fn shapes(v4: Shape) -> Shapes {
        Shapes { v4, ..Shapes::INTERVAL }
    }
    fn shape(shapes: &Shapes) -> Shape {
        shapes.v4
    }
    fn differing(delta: &Delta) -> &Differing<u32> {
        &delta.v4
    }
}

impl Family for u128 {
    fn sets(v6: RangeSet<u128>) -> RangeSets {
        RangeSets { v6, ..RangeSets::default() }
    }
    fn shapes(v6: Shape) -> Shapes {
        Shapes { v6, ..Shapes::INTERVAL }
    }
    fn shape(shapes: &Shapes) -> Shape {
        shapes.v6
    }
    fn differing(delta: &Delta) -> &Differing<u128> {
        &delta.v6
    }
}

fn check<A: Family>(input: &mut Unstructured<'_>) -> Result<()> {
    let base = base::<A>(input)?;
    let (first, second) = (places(input)?, places(input)?);
    let (held, wanted) = (set::<A>(base, &first), set::<A>(base, &second));
    let length = A::BITS - input.int_in_range(0..=10)?;
    let shape = Shape {
        hash: input
            .arbitrary::<bool>()?
            .then_some(Hash { length, size: input.int_in_range(0..=200)? }),
        interval: true,
    };
    laid_out_it_is_the_set(&held, shape);
    messages_say_what_is_laid_out(&held, shape);
    let layout = *input.choose(&[Layout::Auto, Layout::Hash, Layout::Interval])?;
    let mask = input.arbitrary::<bool>()?.then_some(length);
    let sets = A::sets(wanted.clone());
    let fresh = Shapes::choose(&sets, layout, Mask { v4: mask, v6: mask });
    laid_out_it_is_the_set(&wanted, A::shape(&fresh));
    let (first, second) = (flags(&first), flags(&second));
    let change = Change {
        added: fewest_networks(base, &both(&second, &first, |wanted, held| wanted && !held)),
        removed: fewest_networks(base, &both(&first, &second, |held, wanted| held && !wanted)),
    };
    match Plan::new(&A::sets(held.clone()), &sets, &A::shapes(shape), &fresh) {
        Plan::Nothing => assert_eq!(held, wanted),
        Plan::Rebuild => {}
        Plan::Delta(delta) => {
            assert_eq!(delta.change(&A::shapes(shape)), change);
            a_delta_leads_to_what_is_wanted(&held, &wanted, A::differing(&delta), shape);
        }
    }
    Ok(())
}

type Elements<A> = (BTreeSet<A>, BTreeSet<(A, A)>);

fn elements_of<A: Family>(set: &RangeSet<A>, shape: Shape) -> Elements<A> {
    let laid_out = LaidOut::new(set, shape);
    let ranges = laid_out.ranges.iter().map(|range| (range.first(), range.last()));
    (laid_out.keys.iter().copied().collect(), ranges.collect())
}

/// The addresses of the universe that elements stand for.
fn expanded<A: Family>((keys, ranges): &Elements<A>, shape: Shape) -> Vec<u128> {
    let size = shape.hash.map_or(1, |hash| 1u128 << (A::BITS - hash.length));
    let of_keys = keys.iter().map(|key| (key.number(), key.number() + (size - 1)));
    let of_ranges = ranges.iter().map(|(first, last)| (first.number(), last.number()));
    let mut addresses: Vec<u128> =
        of_keys.chain(of_ranges).flat_map(|(first, last)| first..=last).collect();
    addresses.sort_unstable();
    addresses
}

fn addresses<A: Family>(set: &RangeSet<A>) -> Vec<u128> {
    let ends = set.ranges().iter().map(|range| (range.first().number(), range.last().number()));
    ends.flat_map(|(first, last)| first..=last).collect()
}

/// Each address once, and in no element else.
fn laid_out_it_is_the_set<A: Family>(set: &RangeSet<A>, shape: Shape) {
    let laid_out = LaidOut::new(set, shape);
    assert!(laid_out.keys.is_sorted() && laid_out.ranges.is_sorted_by_key(|range| range.first()));
    let elements = elements_of(set, shape);
    assert_eq!(expanded(&elements, shape), addresses(set));
    let count = shape.count(set);
    assert_eq!((count.keys, count.ranges), (laid_out.keys.len(), laid_out.ranges.len()));
    assert_eq!((count.keys, count.ranges), (elements.0.len(), elements.1.len()));
    if let Some(hash) = shape.hash {
        let whole = |key: &A| key.first_of(hash.length) == *key;
        assert!(laid_out.keys.iter().all(whole));
    }
}

/// An element that is deleted must be there, one that is added must not, and no address may go from
/// one kernel set to the other.
fn a_delta_leads_to_what_is_wanted<A: Family>(
    held: &RangeSet<A>,
    wanted: &RangeSet<A>,
    differing: &Differing<A>,
    shape: Shape,
) {
    let (mut keys, mut ranges) = elements_of(held, shape);
    let ends = |range: &Range<A>| (range.first(), range.last());
    let gone: Elements<A> = (
        differing.delete_keys.iter().copied().collect(),
        differing.delete_ranges.iter().map(ends).collect(),
    );
    let come: Elements<A> = (
        differing.add_keys.iter().copied().collect(),
        differing.add_ranges.iter().map(ends).collect(),
    );
    gone.0.iter().for_each(|key| assert!(keys.remove(key), "a key that is not there"));
    gone.1.iter().for_each(|range| assert!(ranges.remove(range), "a range that is not there"));
    come.0.iter().for_each(|key| assert!(keys.insert(*key), "a key twice"));
    come.1.iter().for_each(|range| assert!(ranges.insert(*range), "a range twice"));
    let elements = (keys, ranges);
    assert_eq!(elements, elements_of(wanted, shape));
    assert_eq!(expanded(&elements, shape), addresses(wanted));
    let none = BTreeSet::new();
    for (from, to) in [
        ((gone.0.clone(), none.clone()), (BTreeSet::new(), come.1.clone())),
        ((come.0.clone(), none.clone()), (BTreeSet::new(), gone.1.clone())),
    ] {
        let (from, to) = (expanded::<A>(&from, shape), expanded::<A>(&to, shape));
        assert!(from.iter().all(|address| to.binary_search(address).is_err()), "it changes sets");
    }
}

/// The messages of a batch, read as those of a dump are.
fn messages_say_what_is_laid_out<A: Family>(set: &RangeSet<A>, shape: Shape) {
    let laid_out = LaidOut::new(set, shape);
    let table = "inet t".parse().expect("a name");
    let mut batch = Batch::new();
    elements::ranges(&mut batch, Action::Add, &table, c"i", &laid_out.ranges);
    assert_eq!(elements::intervals(&read::<A>(batch)), *laid_out.ranges);
    let mut batch = Batch::new();
    elements::keys(&mut batch, Action::Delete, &table, c"h", &laid_out.keys);
    let keys: Vec<A> = read::<A>(batch).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, laid_out.keys);
    assert!(laid_out.keys.len() <= SIZE);
}

fn read<A: Family>(batch: Batch) -> Vec<(A, bool)> {
    let batch = batch.finish().expect("a batch that can be sent");
    let mut rest = batch.bytes();
    let mut found = Vec::new();
    while let Some((message, behind)) = Message::parse(rest) {
        found.extend(elements::read::<A>(&message));
        rest = behind;
    }
    assert!(rest.is_empty(), "the batch is messages from end to end");
    found
}
