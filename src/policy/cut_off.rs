//! Which networks of the host the lists cut off, or would cut off if they were not protected.

use super::connected::{Networks, set_covers};
use super::exclusions::Exclusions;
use super::matches::{meets, set_of};
use crate::ip::RangeSets;
use crate::list::Entry;

/// A network of the host, all hosts of which are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutOff {
    /// Its place in [`Networks::all`].
    pub index: usize,
    /// Whether the hosts are not dropped all the same, because the network is private and connected.
    pub is_prevented: bool,
}

/// The networks of which all hosts but protected ones are in `sets`, and those that are not there only
/// because they are connected. A network of which something is allowed is not cut off.
pub fn cut_off(
    networks: &Networks,
    sets: &RangeSets,
    exclusions: &Exclusions,
    protected: &RangeSets,
) -> Vec<CutOff> {
    let excluded = exclusions.all();
    let mut found = Vec::new();
    for (index, network) in networks.all().iter().enumerate() {
        let hosts = network.hosts();
        let area = set_of(hosts);
        let dropped = sets.intersect(&area);
        if !dropped.is_empty() && cover(&dropped.union(&protected.intersect(&area)), hosts) {
            found.push(CutOff { index, is_prevented: false });
        } else if meets(&exclusions.connected, hosts)
            && !meets(&exclusions.allowed, hosts)
            && network.is_kept()
            && cover(&dropped.union(&excluded.intersect(&area)), hosts)
        {
            found.push(CutOff { index, is_prevented: true });
        }
    }
    found
}

fn cover(sets: &RangeSets, entry: Entry) -> bool {
    match entry {
        Entry::V4(range) => set_covers(&sets.v4, range),
        Entry::V6(range) => set_covers(&sets.v6, range),
    }
}
