//! The kernel's sets and rules in a naive way.

use std::collections::BTreeSet;

use netfilterd::ip::{Address, Range};
use netfilterd::nftables::layout::{LaidOut, Row, SetElements, SetKind};

use super::Family;

/// The elements of a set: keys of as many bytes as the set has, or ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements<A: Address> {
    Keys(BTreeSet<Vec<u8>>),
    Ranges(BTreeSet<(A, A)>),
}

/// The sets of a row, in the order of look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel<A: Address> {
    sets: Vec<(SetKind, Elements<A>)>,
}

/// The leading bytes of an address.
fn bytes<A: Family>(address: A, count: u8) -> Vec<u8> {
    let bytes = address.number().to_be_bytes();
    let begin = bytes.len() - usize::from(A::BITS / 8);
    bytes[begin..][..usize::from(count)].to_vec()
}

/// What a rule looks up: the leading bytes, of which the bits behind the length are masked.
fn key<A: Family>(address: A, kind: SetKind) -> Vec<u8> {
    let mut bytes = bytes(address, kind.key_bytes(A::BITS));
    for (at, byte) in bytes.iter_mut().enumerate() {
        let kept = kind.length().unwrap().saturating_sub(8 * at as u8).min(8);
        *byte &= !u8::MAX.checked_shr(kept.into()).unwrap_or(0);
    }
    bytes
}

/// The elements in the form in which they are sent; each once, ascending.
pub fn sent<A: Family>(elements: SetElements<'_, A>) -> Elements<A> {
    match elements {
        SetElements::Keys(keys, count) => {
            let sent: BTreeSet<_> = keys.iter().map(|&key| bytes(key, count)).collect();
            assert!(keys.is_sorted() && sent.len() == keys.len(), "ascending, each key once");
            Elements::Keys(sent)
        }
        SetElements::Ranges(ranges) => {
            let ends = |range: &Range<A>| (range.first(), range.last());
            assert!(ranges.is_sorted_by(|one, next| one.last() < next.first()));
            Elements::Ranges(ranges.iter().map(ends).collect())
        }
    }
}

impl<A: Family> Kernel<A> {
    /// Sets of a row that hold what is laid out.
    pub fn of(laid_out: &LaidOut<'_, A>, row: &Row) -> Self {
        let set = |kind| (kind, sent(laid_out.elements_of(kind)));
        Kernel { sets: row.kinds().map(set).collect() }
    }

    /// The number of the set behind the prefilter in which an address is found.
    pub fn found(&self, address: A) -> Option<usize> {
        self.sets.iter().position(|(kind, elements)| {
            !matches!(kind, SetKind::Prefilter(_)) && is_in(elements, *kind, address)
        })
    }

    /// Whether the rules drop an address.
    pub fn drops(&self, address: A) -> bool {
        for (kind, elements) in &self.sets {
            let found = is_in(elements, *kind, address);
            match kind {
                SetKind::Prefilter(_) if !found => return false,
                SetKind::Hash(_) | SetKind::Interval if found => return true,
                _ => {}
            }
        }
        false
    }

    /// Deletes elements, of which each must be there.
    pub fn delete(&mut self, deleted: &LaidOut<'_, A>) {
        for (kind, elements) in &mut self.sets {
            match (elements, sent(deleted.elements_of(*kind))) {
                (Elements::Keys(held), Elements::Keys(keys)) => {
                    keys.iter().for_each(|key| assert!(held.remove(key), "{kind:?}: {key:?}"));
                }
                (Elements::Ranges(held), Elements::Ranges(ranges)) => {
                    ranges.iter().for_each(|range| assert!(held.remove(range), "{range:?}"));
                }
                _ => unreachable!(),
            }
        }
    }

    /// Adds elements, of which none may be there.
    pub fn add(&mut self, added: &LaidOut<'_, A>) {
        for (kind, elements) in &mut self.sets {
            match (elements, sent(added.elements_of(*kind))) {
                (Elements::Keys(held), Elements::Keys(keys)) => {
                    keys.into_iter().for_each(|key| assert!(held.insert(key), "{kind:?}"));
                }
                (Elements::Ranges(held), Elements::Ranges(ranges)) => {
                    ranges.into_iter().for_each(|range| assert!(held.insert(range), "{range:?}"));
                }
                _ => unreachable!(),
            }
        }
    }

    /// Whether a set of both has an element in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.sets.iter().zip(&other.sets).any(|sets| match sets {
            ((_, Elements::Keys(ours)), (_, Elements::Keys(theirs))) => !ours.is_disjoint(theirs),
            ((_, Elements::Ranges(ours)), (_, Elements::Ranges(theirs))) => {
                !ours.is_disjoint(theirs)
            }
            _ => unreachable!(),
        })
    }

    /// The number of elements in each set.
    pub fn counts(&self) -> Vec<u64> {
        let count = |(_, elements): &(SetKind, Elements<A>)| match elements {
            Elements::Keys(keys) => keys.len() as u64,
            Elements::Ranges(ranges) => ranges.len() as u64,
        };
        self.sets.iter().map(count).collect()
    }
}

fn is_in<A: Family>(elements: &Elements<A>, kind: SetKind, address: A) -> bool {
    match elements {
        Elements::Keys(keys) => keys.contains(&key(address, kind)),
        Elements::Ranges(ranges) => {
            let before = ranges.range(..=(address, A::MAX)).next_back();
            before.is_some_and(|(_, last)| address <= *last)
        }
    }
}
