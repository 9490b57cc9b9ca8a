//! Messages about what is protected from now on and what no longer, while the lists stay the same.

use crate::ip::RangeSets;
use crate::policy::connected::{HostNetwork, Networks};
use crate::policy::cut_off::cut_off;
use crate::policy::exclusions::Exclusions;
use crate::policy::matches::meets;
use crate::policy::origin::CutOffNetwork;
use crate::policy::protect::{Item, Protected};

/// Logs which listed addresses and connected networks are protected from now on, and which no longer.
pub fn log_changes(before: &Protected, now: &Protected, sets: &RangeSets, exclusions: &Exclusions) {
    // What is allowed was not dropped before either.
    let spared = exclusions.protected.subtract(&exclusions.allowed);
    let is_new = |item: &&Item| !before.items().contains(item) && item.is_in(&spared);
    for item in now.items().iter().filter(is_new) {
        log::warn!("{item} is listed, and protected from now on");
    }
    for network in kept(now).filter(|network| !networks(before).contains(network)) {
        if meets(&exclusions.connected, network.hosts()) {
            log::warn!("{network} is listed, and protected from now on");
        }
    }
    let is_gone = |item: &&Item| !now.items().contains(item) && item.is_in(sets);
    for item in before.items().iter().filter(is_gone) {
        log::info!("{item} is listed, and no longer protected, so it is dropped");
    }
    for network in kept(before).filter(|network| !networks(now).contains(network)) {
        if meets(sets, network.hosts()) {
            log::info!("{network} is listed, and no longer protected, so it is dropped");
        }
    }
}

/// Logs which networks of the host are new and cut off.
pub fn log_cut_off(before: &Protected, now: &Protected, sets: &RangeSets, exclusions: &Exclusions) {
    let Some(networks_now) = now.networks().filter(|_| networks(before) != networks(now)) else {
        return;
    };
    for cut in cut_off(networks_now, sets, exclusions, now.sets()) {
        let network = &networks_now.all()[cut.index];
        if !cut.is_prevented && !networks(before).contains(network) {
            let (entry, by_several) = (None, false);
            let cut = CutOffNetwork { network, is_prevented: false, entry, by_several };
            log::warn!("{cut}");
        }
    }
}

fn networks(of: &Protected) -> &[HostNetwork] {
    of.networks().map(Networks::all).unwrap_or_default()
}

fn kept(of: &Protected) -> impl Iterator<Item = &HostNetwork> {
    networks(of).iter().filter(|network| network.is_kept())
}
