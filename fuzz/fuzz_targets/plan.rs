//! Layout and plan: what is laid out in any row is the range set, what a delta makes of what is held is what
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
use netfilterd::ip::{Range, RangeSet, RangeSets};
use netfilterd::netlink::Message;
use netfilterd::nftables::batch::Batch;
use netfilterd::nftables::elements::{self, Action, Key};
use netfilterd::nftables::layout::{Filled, Hash, LaidOut, Layout, Row, Rows, SetKind};
use netfilterd::nftables::plan::{Delta, Differing, Plan};
use places::{base, places};

fuzz_target!(|data: &[u8]| {
    let input = &mut Unstructured::new(data);
    let _ =
        if input.arbitrary().unwrap_or(false) { check::<u128>(input) } else { check::<u32>(input) };
});

/// What one family has in range sets, rows and deltas.
trait Family: Number + Key {
    fn sets(set: RangeSet<Self>) -> RangeSets;
    fn rows(row: Row) -> Rows;
    fn row(rows: Rows) -> Row;
    fn differing(delta: &Delta) -> &Differing<Self>;
}

impl Family for u32 {
    fn sets(v4: RangeSet<u32>) -> RangeSets {
        RangeSets { v4, ..RangeSets::default() }
    }
    fn rows(v4: Row) -> Rows {
        Rows { v4, ..Rows::INTERVAL }
    }
    fn row(rows: Rows) -> Row {
        rows.v4
    }
    fn differing(delta: &Delta) -> &Differing<u32> {
        &delta.v4
    }
}

impl Family for u128 {
    fn sets(v6: RangeSet<u128>) -> RangeSets {
        RangeSets { v6, ..RangeSets::default() }
    }
    fn rows(v6: Row) -> Rows {
        Rows { v6, ..Rows::INTERVAL }
    }
    fn row(rows: Rows) -> Row {
        rows.v6
    }
    fn differing(delta: &Delta) -> &Differing<u128> {
        &delta.v6
    }
}

/// A row of any sets, of which only the interval set has a place for everything.
fn row<A: Family>(input: &mut Unstructured<'_>) -> Result<Row> {
    let size = input.int_in_range(0..=600)?;
    let mut hashes: Vec<Hash> = Vec::new();
    for _ in 0..input.int_in_range(0..=3)? {
        let length = A::BITS - input.int_in_range(0..=10)?;
        if hashes.iter().all(|hash| hash.length != length) {
            hashes.push(Hash { length, size });
        }
    }
    let length = *input.choose(&[16, A::BITS - 12, A::BITS - 7, A::BITS - 3])?;
    let prefilter = input.arbitrary::<bool>()?.then_some(Hash { length, size });
    Ok(Row { prefilter, interval: hashes.is_empty() || input.arbitrary()?, hashes })
}

fn check<A: Family>(input: &mut Unstructured<'_>) -> Result<()> {
    let base = base::<A>(input)?;
    let (first, second) = (places(input)?, places(input)?);
    let (held, wanted) = (set::<A>(base, &first), set::<A>(base, &second));
    let row = row::<A>(input)?;
    let sets = A::sets(wanted.clone());
    let layout = *input.choose(&[Layout::Auto, Layout::Hash, Layout::Interval])?;
    let fresh = Rows::choose(&sets, layout);
    let chosen = A::row(fresh.clone());
    assert!(chosen.has_room(&chosen.count(&wanted)), "what is chosen has a place for the list");
    laid_out_it_is_the_set(&wanted, &chosen);
    if !row.has_room(&row.count(&held)) {
        return Ok(());
    }
    laid_out_it_is_the_set(&held, &row);
    messages_say_what_is_laid_out(&held, &row);
    let (first, second) = (flags(&first), flags(&second));
    let change = Change {
        added: fewest_networks(base, &both(&second, &first, |wanted, held| wanted && !held)),
        removed: fewest_networks(base, &both(&first, &second, |held, wanted| held && !wanted)),
    };
    let held_sets = A::sets(held.clone());
    let filled = Filled::with(A::rows(row.clone()), &held_sets);
    match Plan::new(&held_sets, &sets, &filled, Some(&|| fresh.clone())) {
        Plan::Nothing => assert_eq!(held, wanted),
        Plan::Rebuild => {}
        Plan::Delta(delta, after) => {
            assert_eq!(delta.change(), change);
            let counted = |filled: Filled| [filled.v4.elements, filled.v6.elements];
            let expected = Filled::with(A::rows(row.clone()), &sets);
            assert_eq!(counted(after), counted(expected), "how full the sets are");
            a_delta_leads_to_what_is_wanted(&held, &wanted, A::differing(&delta), &row);
        }
    }
    Ok(())
}

/// The elements of each set: first and last address.
type Elements = Vec<(SetKind, BTreeSet<(u128, u128)>)>;

fn elements_of<A: Family>(laid_out: &LaidOut<'_, A>, row: &Row) -> Elements {
    let ends = |range: Range<A>| (range.first().number(), range.last().number());
    let of_kind = |kind: SetKind| {
        let keys = |keys: &[A], length| -> BTreeSet<_> {
            assert!(keys.is_sorted() && keys.iter().all(|key| key.first_of(length) == *key));
            let found: BTreeSet<_> =
                keys.iter().map(|&key| ends(Range::network(key, length))).collect();
            assert_eq!(found.len(), keys.len(), "no key twice");
            found
        };
        let found = match kind {
            SetKind::Prefilter(hash) => keys(&laid_out.prefixes, hash.length),
            SetKind::Hash(hash) => {
                let of_set = laid_out.hashes.iter().find(|keys| keys.length == hash.length);
                keys(&of_set.expect("its keys").first, hash.length)
            }
            SetKind::Interval => laid_out.ranges.iter().copied().map(ends).collect(),
        };
        (kind, found)
    };
    row.kinds().map(of_kind).collect()
}

/// The addresses of the elements of all sets but the prefilter, each as often as it is there.
fn expanded(elements: &Elements) -> Vec<u128> {
    let sets = elements.iter().filter(|(kind, _)| !matches!(kind, SetKind::Prefilter(_)));
    let ranges = sets.flat_map(|(_, elements)| elements.iter().copied());
    let mut addresses: Vec<u128> = ranges.flat_map(|(first, last)| first..=last).collect();
    addresses.sort_unstable();
    addresses
}

fn addresses<A: Family>(set: &RangeSet<A>) -> Vec<u128> {
    let ends = set.ranges().iter().map(|range| (range.first().number(), range.last().number()));
    ends.flat_map(|(first, last)| first..=last).collect()
}

/// Each address once, in no element else, and behind the prefilter.
fn they_are_the_set<A: Family>(elements: &Elements, set: &RangeSet<A>) {
    let addresses = addresses(set);
    assert_eq!(expanded(elements), addresses);
    for (kind, prefixes) in elements {
        if let SetKind::Prefilter(_) = kind {
            let is_in = |address: &u128| {
                let last = prefixes.range(..=(*address, u128::MAX)).next_back();
                last.is_some_and(|(_, last)| address <= last)
            };
            assert!(
                addresses.iter().all(is_in),
                "an address that the prefilter does not let through"
            );
        }
    }
}

fn laid_out_it_is_the_set<A: Family>(set: &RangeSet<A>, row: &Row) {
    let laid_out = LaidOut::new(set, row);
    they_are_the_set(&elements_of(&laid_out, row), set);
    assert_eq!(row.count(set), laid_out.count());
}

/// An element that is deleted must be there, one that is added must not, and no address may go from
/// one kernel set to another.
fn a_delta_leads_to_what_is_wanted<A: Family>(
    held: &RangeSet<A>,
    wanted: &RangeSet<A>,
    differing: &Differing<A>,
    row: &Row,
) {
    let mut elements = elements_of(&LaidOut::new(held, row), row);
    let deleted = elements_of(&differing.deleted, row);
    let added = elements_of(&differing.added, row);
    for ((_, elements), ((_, deleted), (_, added))) in
        elements.iter_mut().zip(deleted.iter().zip(&added))
    {
        deleted.iter().for_each(|it| assert!(elements.remove(it), "an element that is not there"));
        added.iter().for_each(|it| assert!(elements.insert(*it), "an element twice"));
    }
    assert_eq!(elements, elements_of(&LaidOut::new(wanted, row), row));
    they_are_the_set(&elements, wanted);
    for (at, from) in deleted.iter().enumerate() {
        for (_, to) in added.iter().enumerate().filter(|(to, _)| *to != at) {
            let [from, to] = [from, to].map(|set| expanded(&vec![set.clone()]));
            let stays = |address: &u128| to.binary_search(address).is_err();
            assert!(from.iter().all(stays), "it changes sets");
        }
    }
}

/// The messages of a batch, read as those of a dump are.
fn messages_say_what_is_laid_out<A: Family>(set: &RangeSet<A>, row: &Row) {
    let laid_out = LaidOut::new(set, row);
    let table = "inet t".parse().expect("a name");
    let mut batch = Batch::new();
    elements::ranges(&mut batch, Action::Add, &table, c"i", &laid_out.ranges);
    assert_eq!(elements::intervals(&read::<A>(batch)), *laid_out.ranges);
    for kind in row.kinds().filter(|kind| *kind != SetKind::Interval) {
        let mut batch = Batch::new();
        elements::change(&mut batch, Action::Delete, &table, c"h", laid_out.elements_of(kind));
        let keys: BTreeSet<A> = read::<A>(batch).into_iter().map(|(key, _)| key).collect();
        let expected = match kind {
            SetKind::Prefilter(_) => &laid_out.prefixes,
            _ => &laid_out.hashes.iter().find(|it| Some(it.length) == kind.length()).unwrap().first,
        };
        assert!(keys.into_iter().eq(expected.iter().copied()));
    }
    let keys: usize = laid_out.hashes.iter().map(|keys| keys.first.len()).sum();
    assert!(keys <= SIZE);
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
