//! What has to change: what is held against what is desired.
//!
//! A pure function of two range sets, in the form in which the kernel holds them. What it says is
//! also what is logged: networks added and removed, in the smallest number of networks that name
//! exactly the addresses that differ.

use crate::ip::change::Change;
use crate::ip::{Address, PerFamily, Range, RangeSet, RangeSets, differences};
use crate::nftables::layout::{LaidOut, SetElements, SetKind, Shape, Shapes};

/// What is to be done to get from what is held to what is desired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Both are the same, so there is nothing to do as long as what is held is still there.
    Nothing,
    /// These elements differ, and all others are left alone.
    Delta(Delta),
    /// All of it is to be put in force anew.
    Rebuild,
}

/// The elements that differ, of both families.
pub type Delta = PerFamily<Differing<u32>, Differing<u128>>;

/// The elements of one family that differ, each list ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing<A: Address> {
    /// Keys to delete from the hash set.
    pub delete_keys: Vec<A>,
    /// Keys to add to it.
    pub add_keys: Vec<A>,
    /// Ranges to delete from the interval set, as they are in it.
    pub delete_ranges: Vec<Range<A>>,
    /// Ranges to add to it.
    pub add_ranges: Vec<Range<A>>,
}

impl<A: Address> Default for Differing<A> {
    fn default() -> Self {
        Differing {
            delete_keys: Vec::new(),
            add_keys: Vec::new(),
            delete_ranges: Vec::new(),
            add_ranges: Vec::new(),
        }
    }
}

impl Delta {
    /// The difference that it makes in sets of these shapes, in a time that depends on it alone: what
    /// is in elements that stay is neither added nor removed.
    pub fn change(&self, shapes: &Shapes) -> Change {
        self.v4.change(shapes.v4) + self.v6.change(shapes.v6)
    }
}

impl Plan {
    /// The plan that leads from `held`, in sets of the shapes `shapes`, to `desired`, for which fresh
    /// sets would have the shapes `fresh`.
    ///
    /// A delta costs with what changes, a rebuild with what is there. Of a million networks, half as
    /// many changes (deletes and adds) took 0.46 s and a rebuild 0.74 s in the hash layout, 1.27 s
    /// and 1.93 s in the interval layout, so both cross at about three quarters.
    pub fn new(held: &RangeSets, desired: &RangeSets, shapes: &Shapes, fresh: &Shapes) -> Self {
        if !shapes.v4.is_like(&fresh.v4) || !shapes.v6.is_like(&fresh.v6) {
            return Plan::Rebuild;
        }
        if held == desired {
            return Plan::Nothing;
        }
        let (elements4, elements6) = (shapes.v4.count(&desired.v4), shapes.v6.count(&desired.v6));
        if !shapes.v4.has_room(elements4) || !shapes.v6.has_room(elements6) {
            return Plan::Rebuild;
        }
        let delta = Delta::between(held, desired, shapes);
        if delta.v4.changes_sets(shapes.v4) || delta.v6.changes_sets(shapes.v6) {
            return Plan::Rebuild;
        }
        if delta.len() / 3 > (elements4.all() + elements6.all()) / 4 {
            return Plan::Rebuild;
        }
        Plan::Delta(delta)
    }
}

impl Delta {
    /// The elements in which two states differ, in sets of the same shapes.
    pub fn between(held: &RangeSets, desired: &RangeSets, shapes: &Shapes) -> Self {
        Delta {
            v4: Differing::between(&held.v4, &desired.v4, shapes.v4),
            v6: Differing::between(&held.v6, &desired.v6, shapes.v6),
        }
    }

    /// The number of elements that differ.
    fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether a range grows, shrinks or merges with another: an address would go from one element
    /// of an interval set to another, which older kernels cannot do unseen.
    pub fn changes_ranges(&self) -> bool {
        self.v4.changes_ranges() || self.v6.changes_ranges()
    }
}

impl<A: Address> Differing<A> {
    /// The elements in which two sets differ, laid out for sets of a shape. What an element is
    /// depends on its range alone, so only ranges that differ are laid out.
    pub fn between(held: &RangeSet<A>, desired: &RangeSet<A>, shape: Shape) -> Self {
        let (held, desired) = held.differing(desired);
        Differing::new(&LaidOut::new(&held, shape), &LaidOut::new(&desired, shape))
    }

    /// The elements in which two families differ.
    pub fn new(held: &LaidOut<'_, A>, desired: &LaidOut<'_, A>) -> Self {
        let (delete_keys, add_keys) = differences(&held.keys, &desired.keys, |key| (*key, *key));
        let ends = |range: &Range<A>| (range.first(), range.last());
        let (delete_ranges, add_ranges) = differences(&held.ranges, &desired.ranges, ends);
        Differing { delete_keys, add_keys, delete_ranges, add_ranges }
    }

    /// What is deleted from the set of a kind.
    pub fn deleted(&self, kind: SetKind) -> SetElements<'_, A> {
        match kind {
            SetKind::Hash(_) => SetElements::Keys(&self.delete_keys),
            SetKind::Interval => SetElements::Ranges(&self.delete_ranges),
        }
    }

    /// What is added to it.
    pub fn added(&self, kind: SetKind) -> SetElements<'_, A> {
        match kind {
            SetKind::Hash(_) => SetElements::Keys(&self.add_keys),
            SetKind::Interval => SetElements::Ranges(&self.add_ranges),
        }
    }

    /// Whether an address would go from one kernel set to the other.
    ///
    /// A commit publishes an interval set at its end, a hash set as it goes along; so for a while
    /// such an address would be in neither. Measured: dozens of packets in a hundred thousand.
    fn changes_sets(&self, shape: Shape) -> bool {
        let (deleted, added) = (keyed(&self.delete_keys, shape), keyed(&self.add_keys, shape));
        let set = |ranges: &[Range<A>]| RangeSet::from_ranges(ranges.to_vec());
        deleted.intersects(&set(&self.add_ranges)) || added.intersects(&set(&self.delete_ranges))
    }

    fn changes_ranges(&self) -> bool {
        let set = |ranges: &[Range<A>]| RangeSet::from_ranges(ranges.to_vec());
        set(&self.delete_ranges).intersects(&set(&self.add_ranges))
    }

    fn change(&self, shape: Shape) -> Change {
        let set = |keys: &[A], ranges: &[Range<A>]| {
            RangeSet::from_ranges([keyed(keys, shape).ranges(), ranges].concat())
        };
        let deleted = set(&self.delete_keys, &self.delete_ranges);
        let added = set(&self.add_keys, &self.add_ranges);
        Change {
            added: added.subtract(&deleted).network_count(),
            removed: deleted.subtract(&added).network_count(),
        }
    }

    /// The number of elements that differ.
    fn len(&self) -> usize {
        self.delete_keys.len()
            + self.add_keys.len()
            + self.delete_ranges.len()
            + self.add_ranges.len()
    }
}

/// The addresses that keys of a hash set stand for.
fn keyed<A: Address>(keys: &[A], shape: Shape) -> RangeSet<A> {
    let length = shape.hash.map_or(A::BITS, |hash| hash.length);
    RangeSet::from_ranges(keys.iter().map(|&key| Range::network(key, length)).collect())
}
