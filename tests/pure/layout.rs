//! Whatever the row of look-ups, the addresses that are dropped are exactly those of the range set; a
//! delta leads from what is held to what is desired and touches nothing else; and the row is the
//! cheapest that there is.

mod choice;
mod delta;
mod exact;
mod kernel;
#[cfg(feature = "nftables")]
mod names;
mod plan;

use kit::flags::Number;
use kit::random::Random;
use netfilterd::ip::{Address, Range, RangeSet, RangeSets};
use netfilterd::list::{self, List};
use netfilterd::nftables::layout::{Filled, FilledRow, Hash, LaidOut, Row, Rows};
use netfilterd::nftables::plan::{Delta, Differing};

/// What one family has in a pair of both.
trait Family: Address + Number {
    fn sets(set: RangeSet<Self>) -> RangeSets;
    fn rows(row: Row) -> Rows;
    fn row(rows: Rows) -> Row;
    fn filled(filled: &Filled) -> &FilledRow;
    fn delta(differing: Differing<Self>) -> Delta;
    fn differing(delta: &Delta) -> &Differing<Self>;
}

fn no_difference<A: Address>() -> Differing<A> {
    Differing { deleted: LaidOut::none(&Row::NONE), added: LaidOut::none(&Row::NONE) }
}

impl Family for u32 {
    fn sets(v4: RangeSet<u32>) -> RangeSets {
        RangeSets { v4, ..RangeSets::default() }
    }
    fn rows(v4: Row) -> Rows {
        Rows { v4, v6: Row::NONE }
    }
    fn row(rows: Rows) -> Row {
        rows.v4
    }
    fn filled(filled: &Filled) -> &FilledRow {
        &filled.v4
    }
    fn delta(v4: Differing<u32>) -> Delta {
        Delta { v4, v6: no_difference() }
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
        Rows { v4: Row::NONE, v6 }
    }
    fn row(rows: Rows) -> Row {
        rows.v6
    }
    fn filled(filled: &Filled) -> &FilledRow {
        &filled.v6
    }
    fn delta(v6: Differing<u128>) -> Delta {
        Delta { v4: no_difference(), v6 }
    }
    fn differing(delta: &Delta) -> &Differing<u128> {
        &delta.v6
    }
}

/// How many networks a [`Part`] has.
const SIZE: u32 = 1024;

/// A hash set of a random row has room for so many elements.
const ROOM: u32 = 20_000;

/// A part of an address space: [`SIZE`] networks in a row, at its beginning, across its middle, or up to
/// its last address.
#[derive(Clone, Copy, Debug)]
struct Part {
    begin: u128,
    /// Bits of an address behind those networks.
    rest: u8,
}

impl Part {
    fn random<A: Family>(random: &mut Random) -> Self {
        // The networks are hosts, or such that the part is all of the space, or something between.
        let most = usize::from(A::BITS) - 10;
        let any = random.below(most + 1);
        let rest = *random.of(&[0, any, most]) as u8;
        let last = u128::from(SIZE - 1) << rest | !(u128::MAX << rest);
        let middle = (A::LAST >> 1) + 1 - (u128::from(SIZE / 2) << rest);
        Part { begin: *random.of(&[0, middle, A::LAST - last]), rest }
    }

    /// The prefix length of the networks.
    fn length<A: Family>(self) -> u8 {
        A::BITS - self.rest
    }

    /// The first address of a network.
    fn first<A: Family>(self, number: u32) -> A {
        A::of(self.begin + (u128::from(number) << self.rest))
    }

    /// The last address of a network.
    fn last<A: Family>(self, number: u32) -> A {
        self.first::<A>(number).last_of(self.length::<A>())
    }

    /// An address somewhere in a network.
    fn within<A: Family>(self, number: u32, random: &mut Random) -> A {
        let any = u128::from(random.number()) << 64 | u128::from(random.number());
        A::of(self.first::<A>(number).number() | any & !(u128::MAX << self.rest))
    }

    /// Networks, odd ranges, and perhaps a few hosts.
    fn ranges<A: Family>(self, random: &mut Random) -> Vec<Range<A>> {
        let has_hosts = random.below(4) == 0;
        let mut ranges = Vec::new();
        for _ in 0..random.below(60) {
            let number = random.below(SIZE as usize) as u32;
            ranges.push(match random.below(9) {
                0 if has_hosts => Range::host(self.within(number, random)),
                0..5 => Range::network(self.first(number), self.length::<A>()),
                5..8 => {
                    Range::network(self.first(number), self.length::<A>() - random.below(8) as u8)
                }
                _ => {
                    let last = (number + random.below(90) as u32).min(SIZE - 1);
                    Range::new(self.first(number), self.last(last)).unwrap()
                }
            });
        }
        if random.below(6) == 0 {
            ranges.push(Range::host(self.last(SIZE - 1)));
        }
        ranges
    }

    fn set<A: Family>(self, random: &mut Random) -> RangeSet<A> {
        RangeSet::from_ranges(self.ranges(random))
    }

    /// A set that is near another, or has nothing to do with it.
    fn changed<A: Family>(self, held: &RangeSet<A>, random: &mut Random) -> RangeSet<A> {
        let other = self.set(random);
        let few = &other.ranges()[..other.len() / 8];
        match random.below(8) {
            0 => other,
            1 => held.subtract(&other),
            2 => held.clone(),
            3 => RangeSet::default(),
            4 => held.subtract(&RangeSet::from_ranges(few.to_vec())),
            _ => RangeSet::from_ranges([held.ranges(), few].concat()),
        }
    }

    /// Any row: perhaps a prefilter, up to five hash sets, and perhaps an interval set.
    fn row<A: Family>(self, random: &mut Random) -> Row {
        let length = |random: &mut Random| match random.below(4) {
            0 => random.below(usize::from(A::BITS) + 1) as u8,
            // About the length of the networks.
            _ => (self.length::<A>() + 3).saturating_sub(random.below(12) as u8).min(A::BITS),
        };
        let mut hashes = Vec::<Hash>::new();
        for _ in 0..random.below(6) {
            let length = length(random);
            if hashes.iter().all(|hash| hash.length != length) {
                hashes.push(Hash { length, size: ROOM });
            }
        }
        let prefilter = random.yes_or_no().then(|| Hash { length: length(random), size: ROOM });
        Row { prefilter, hashes, interval: random.yes_or_no() }
    }

    /// Any row that holds the sets.
    fn row_for<A: Family>(self, sets: &[&RangeSet<A>], random: &mut Random) -> Row {
        let mut row = self.row::<A>(random);
        let holds = |row: &Row| sets.iter().all(|set| row.has_room(&row.count(*set)));
        if !holds(&row) {
            row.interval = true;
        }
        if !holds(&row) {
            row.prefilter = None;
        }
        if !holds(&row) {
            row.hashes.clear();
        }
        assert!(holds(&row), "{row} holds anything");
        row
    }
}

fn of_text(text: impl Into<Vec<u8>>) -> RangeSets {
    list::parse(&[List::new("text", text.into())]).unwrap().sets
}

fn sets_of(text: &[&str]) -> RangeSets {
    of_text(text.join("\n"))
}

fn hash(length: u8, size: u32) -> Hash {
    Hash { length, size }
}

/// Calls a check of each family for a number of seeds.
fn for_seeds(seeds: u64, v4: fn(&mut Random), v6: fn(&mut Random)) {
    for seed in 0..seeds {
        // What failed is shown by a test that fails.
        println!("seed {seed}");
        v4(&mut Random::new(seed));
        v6(&mut Random::new(seed));
    }
}
