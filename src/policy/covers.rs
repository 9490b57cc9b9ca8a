//! Which entry covers a network of the host, found while the lists are parsed.

use super::connected::Networks;
use crate::ip::{Address, Range};
use crate::list::Entry;

/// The first entry that covers each network. An entry costs little: a network for which one was found
/// is not looked at again.
pub struct FirstCovers<T> {
    waiting4: Vec<(Range<u32>, usize)>,
    waiting6: Vec<(Range<u128>, usize)>,
    found: Vec<Option<T>>,
}

impl<T: Copy> FirstCovers<T> {
    /// Nothing is found yet.
    pub fn of(networks: &Networks) -> Self {
        let (mut waiting4, mut waiting6) = (Vec::new(), Vec::new());
        for (index, network) in networks.all().iter().enumerate() {
            match network.hosts() {
                Entry::V4(range) => waiting4.push((range, index)),
                Entry::V6(range) => waiting6.push((range, index)),
            }
        }
        waiting4.sort_by_key(|(range, _)| range.first());
        waiting6.sort_by_key(|(range, _)| range.first());
        FirstCovers { waiting4, waiting6, found: vec![None; networks.all().len()] }
    }

    /// Records `entry`, which is as wide as `wide`, for the networks that it covers and that have none
    /// yet.
    pub fn look(&mut self, wide: Entry, entry: T) {
        match wide {
            Entry::V4(wide) => covered(&mut self.waiting4, wide, entry, &mut self.found),
            Entry::V6(wide) => covered(&mut self.waiting6, wide, entry, &mut self.found),
        }
    }

    /// The entry of each network in the order of [`Networks::all`]; `None` if no single entry covers it.
    pub fn found(self) -> Vec<Option<T>> {
        self.found
    }
}

fn covered<A: Address, T: Copy>(
    waiting: &mut Vec<(Range<A>, usize)>,
    wide: Range<A>,
    entry: T,
    found: &mut [Option<T>],
) {
    let mut at = waiting.partition_point(|(hosts, _)| hosts.first() < wide.first());
    while let Some(&(hosts, index)) =
        waiting.get(at).filter(|(hosts, _)| hosts.first() <= wide.last())
    {
        if hosts.last() <= wide.last() {
            found[index] = Some(entry);
            waiting.remove(at);
        } else {
            at += 1;
        }
    }
}
