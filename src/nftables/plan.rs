//! What has to change: what is held against what is desired.
//!
//! A pure function of two range sets, in the form in which the kernel holds them. What it says is
//! also what is logged: networks added and removed, in the smallest number of networks that name
//! exactly the addresses that differ.

use std::borrow::Cow;

use crate::ip::change::Change;
use crate::ip::{Address, PerFamily, Range, RangeSet, RangeSets, differences};
use crate::nftables::layout::laid_out::Keys;
use crate::nftables::layout::{Elements, Filled, FilledRow, LaidOut, Row, Rows};

/// What is to be done to get from what is held to what is desired.
#[expect(clippy::large_enum_variant, reason = "there is one plan a load, and it is moved once")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Both are the same, so there is nothing to do as long as what is held is still there.
    Nothing,
    /// These elements differ, and all others are left alone. Afterwards the sets are so full.
    Delta(Delta, Filled),
    /// All of it is to be put in force anew.
    Rebuild,
}

/// The elements that differ, of both families.
pub type Delta = PerFamily<Differing<u32>, Differing<u128>>;

/// The elements of one family that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing<A: Address> {
    /// What is to be deleted, as it is in the sets.
    pub deleted: LaidOut<'static, A>,
    /// What is to be added.
    pub added: LaidOut<'static, A>,
}

impl Plan {
    /// The plan that leads from `held`, in sets that are `filled` with it, to `desired`. Where the rows can
    /// be replaced, `fresh` says which would be chosen for it today.
    ///
    /// A delta costs with what changes, a rebuild with what is there. Of a million networks, half as
    /// many changes (deletes and adds) took 0.46 s and a rebuild 0.74 s in the hash layout, 1.27 s
    /// and 1.93 s in the interval layout, so both cross at about three quarters.
    pub fn new(
        held: &RangeSets,
        desired: &RangeSets,
        filled: &Filled,
        fresh: Option<&dyn Fn() -> Rows>,
    ) -> Self {
        if held == desired {
            return Plan::Nothing;
        }
        // A family of which nothing is listed any more: its packets are not to pay for empty sets.
        let becomes_empty = |before: bool, after: bool| after && !before;
        if fresh.is_some()
            && (becomes_empty(held.v4.is_empty(), desired.v4.is_empty())
                || becomes_empty(held.v6.is_empty(), desired.v6.is_empty()))
        {
            return Plan::Rebuild;
        }
        let v4 = Differing::within(&held.v4, &desired.v4, &filled.v4);
        let v6 = Differing::within(&held.v6, &desired.v6, &filled.v6);
        let (Some((v4, mut filled4)), Some((v6, mut filled6))) = (v4, v6) else {
            return Plan::Rebuild;
        };
        let all = filled4.elements.all() + filled6.elements.all();
        if (v4.len() + v6.len()) / 3 > all / 4 || v4.changes_sets() || v6.changes_sets() {
            return Plan::Rebuild;
        }
        let fresh = fresh.filter(|_| filled4.has_drifted() || filled6.has_drifted());
        if let Some(fresh) = fresh.map(|choose| choose()) {
            if !filled4.row.is_like(&fresh.v4) || !filled6.row.is_like(&fresh.v6) {
                return Plan::Rebuild;
            }
            (filled4.changed, filled6.changed) = (0, 0);
        }
        Plan::Delta(Delta { v4, v6 }, Filled { v4: filled4, v6: filled6 })
    }
}

impl Delta {
    /// The elements in which two states differ, in sets of the same rows.
    pub fn between(held: &RangeSets, desired: &RangeSets, rows: &Rows) -> Self {
        Delta {
            v4: Differing::between(&held.v4, &desired.v4, &rows.v4),
            v6: Differing::between(&held.v6, &desired.v6, &rows.v6),
        }
    }

    /// The difference that it makes, in a time that depends on it alone: what is in elements that stay
    /// is neither added nor removed.
    pub fn change(&self) -> Change {
        self.v4.change() + self.v6.change()
    }

    /// Whether a range grows, shrinks or merges with another: an address would go from one element
    /// of an interval set to another, which older kernels cannot do unseen.
    pub fn changes_ranges(&self) -> bool {
        self.v4.changes_ranges() || self.v6.changes_ranges()
    }
}

impl<A: Address> Differing<A> {
    /// The elements in which two sets differ, laid out for the sets of a row. What an element is
    /// depends on its range alone, so only ranges that differ are laid out.
    pub fn between(held: &RangeSet<A>, desired: &RangeSet<A>, row: &Row) -> Self {
        let (gone, new) = held.differing(desired);
        Differing::new(&gone, &new, held, desired, row)
    }

    /// The same for sets that are filled with what is held, and how full they are afterwards. `None` if
    /// they have no place for what is desired.
    fn within(
        held: &RangeSet<A>,
        desired: &RangeSet<A>,
        filled: &FilledRow,
    ) -> Option<(Self, FilledRow)> {
        let FilledRow { row, elements, changed } = filled;
        let (gone, new) = held.differing(desired);
        // A network may be more elements than there is memory for, so they are counted before.
        let most = row.count(&new).plus(&elements.minus(&row.count(&gone)));
        if !row.has_room(&Elements { prefixes: 0, ..most }) {
            return None;
        }
        let prefixes = row.count_prefixes(&new);
        if row.prefilter.is_some_and(|prefilter| prefixes > u64::from(prefilter.size)) {
            return None;
        }
        let differing = Differing::new(&gone, &new, held, desired, row);
        let (deleted, added) = (differing.deleted.count(), differing.added.count());
        let elements = elements.minus(&deleted).plus(&added);
        let changed = changed.saturating_add(differing.len());
        row.has_room(&elements)
            .then(|| (differing, FilledRow { row: row.clone(), elements, changed }))
    }

    /// The elements in which `held` and `desired` differ, by the ranges that are in one of them only.
    fn new(
        gone: &RangeSet<A>,
        new: &RangeSet<A>,
        held: &RangeSet<A>,
        desired: &RangeSet<A>,
        row: &Row,
    ) -> Self {
        let (gone, new) = (LaidOut::new(gone, row), LaidOut::new(new, row));
        let mut deleted = LaidOut::none(row);
        let mut added = LaidOut::none(row);
        for (set, (gone, new)) in gone.hashes.iter().zip(&new.hashes).enumerate() {
            let differing = differences(&gone.first, &new.first, |key| *key);
            (deleted.hashes[set].first, added.hashes[set].first) = differing;
        }
        let ends = |range: &Range<A>| (range.first(), range.last());
        let (gone_ranges, new_ranges) = differences(&gone.ranges, &new.ranges, ends);
        (deleted.ranges, added.ranges) = (Cow::Owned(gone_ranges), Cow::Owned(new_ranges));
        if let Some(prefilter) = row.prefilter {
            // A prefix stays as long as any range has an address of it: were it deleted and added again,
            // packets from what stays behind it would pass in between.
            let is_in = |set: &RangeSet<A>, prefix: &A| {
                set.meets(Range::network(*prefix, prefilter.length))
            };
            deleted.prefixes = gone.prefixes;
            deleted.prefixes.retain(|prefix| !is_in(desired, prefix));
            added.prefixes = new.prefixes;
            added.prefixes.retain(|prefix| !is_in(held, prefix));
        }
        Differing { deleted, added }
    }

    /// Whether an address would go from one kernel set to another.
    ///
    /// A packet reads the generation anew at each look-up, so it may meet the first sets of a row as they
    /// were before a commit and those behind them as they are after it. That changes no verdict on an
    /// address whose prefix and element both stay, nor on one that is in neither list, which no set but the
    /// prefilter knows; and one that is added or removed may get either verdict. A hash set and a bitmap
    /// have a bit for each of the two generations with every element, and a commit writes the one that no
    /// packet reads any more: what stays is in them at each moment.
    ///
    /// An address that moves is another matter. From one hash set to one before it, it is missed by a packet
    /// that is looked up there before the commit and in the other set after it. Between a hash set and an
    /// interval set it is in neither for a while, since a commit publishes an interval set at its end.
    /// Measured: dozens of packets in a hundred thousand.
    fn changes_sets(&self) -> bool {
        let (deleted, added) = (self.deleted.addresses(), self.added.addresses());
        let differ = |(from, deleted): (usize, &RangeSet<A>)| {
            let others = added.iter().enumerate().filter(|(to, _)| *to != from);
            others.into_iter().any(|(_, added)| deleted.intersects(added))
        };
        deleted.iter().enumerate().any(differ)
    }

    fn changes_ranges(&self) -> bool {
        let set = |ranges: &[Range<A>]| RangeSet::from_ranges(ranges.to_vec());
        set(&self.deleted.ranges).intersects(&set(&self.added.ranges))
    }

    fn change(&self) -> Change {
        let all = |parts: Vec<RangeSet<A>>| {
            let ranges: Vec<_> = parts.iter().flat_map(|set| set.ranges()).copied().collect();
            RangeSet::from_ranges(ranges)
        };
        let (deleted, added) = (all(self.deleted.addresses()), all(self.added.addresses()));
        Change {
            added: added.subtract(&deleted).network_count(),
            removed: deleted.subtract(&added).network_count(),
        }
    }

    /// The number of elements that differ.
    fn len(&self) -> u64 {
        self.deleted.count().all() + self.added.count().all()
    }
}

impl<A: Address> LaidOut<'_, A> {
    /// The addresses that the elements of each set stand for, but for the prefilter.
    fn addresses(&self) -> Vec<RangeSet<A>> {
        let keyed = |keys: &Keys<A>| {
            let networks = keys.first.iter().map(|&key| Range::network(key, keys.length));
            RangeSet::from_ranges(networks.collect())
        };
        let ranges = RangeSet::from_ranges(self.ranges.to_vec());
        self.hashes.iter().map(keyed).chain([ranges]).collect()
    }
}
