//! Facts about the host's networks: its addresses, the routers that it sends to, and what it reaches.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::dhcp;
use super::files::Files;
use crate::netlink::link::{self, Link};
use crate::netlink::route::{self, NextHop, Own, Route};
use crate::policy::connected::{HostNetwork, Reach, is_private};
use crate::policy::protect::Facts;

/// How many networks that are only routed are looked at, to warn if a list cuts them off. A router may
/// have a million.
const ROUTED: usize = 4096;

/// What routes say.
#[derive(Default)]
struct Routes {
    gateways: BTreeSet<IpAddr>,
    next_hops: BTreeSet<IpAddr>,
    /// The nexthop objects of default routes.
    objects: BTreeSet<u32>,
    /// Networks and the interfaces that lead there.
    connected: BTreeSet<(IpNet, u32)>,
    routed: BTreeSet<(IpNet, u32)>,
}

/// The facts that the kernel's addresses, routes and nexthop objects are. Of networks only those count
/// that are reached through `interfaces`; all of them if there is no name.
pub fn facts(interfaces: &[CString], files: &Files) -> io::Result<Facts> {
    let links = link::links()?;
    let named: BTreeSet<u32> = link::resolve(interfaces, &links).0.indices.into_iter().collect();
    // Packets of the ports of a VRF come in on it, too.
    let counts = |known: &&Link| {
        let is_named = |index: &u32| named.contains(index);
        interfaces.is_empty()
            || is_named(&known.index)
            || known.master.as_ref().is_some_and(is_named)
    };
    let names: BTreeMap<u32, &[u8]> =
        links.iter().filter(counts).map(|known| (known.index, &known.name[..])).collect();
    let addresses = route::addresses()?;
    let mut routes = Routes::default();
    route::each_route(|route| routes.add(route))?;
    routes.resolve(&route::next_hops()?);
    let Routes { mut gateways, next_hops, mut connected, routed, .. } = routes;
    // On a point-to-point line the peer is the gateway.
    gateways.extend(addresses.iter().filter_map(|own| own.peer));
    connected.extend(
        addresses
            .iter()
            .filter(|own| is_network(own.network))
            .map(|own| (own.network, own.interface)),
    );
    let leased = dhcp::servers(files, &addresses.iter().map(|own| own.address).collect());
    let servers = leased.into_iter().filter_map(|(server, own)| {
        let holder = addresses.iter().find(|holder| holder.address == own)?;
        Some((IpNet::from(server), holder.interface))
    });
    let mut networks = Vec::new();
    let mut add = |reach, found: &mut dyn Iterator<Item = (IpNet, u32)>| {
        for (network, index) in found {
            // Packets of other interfaces are not dropped.
            if let Some(name) = names.get(&index) {
                let interface = String::from_utf8_lossy(name).into_owned();
                networks.push(HostNetwork { network, reach, interface });
            }
        }
    };
    let also_connected: BTreeSet<IpNet> = connected.iter().map(|&(network, _)| network).collect();
    let mut routed = routed.into_iter().filter(|(network, _)| !also_connected.contains(network));
    add(Reach::Routed, &mut routed);
    add(Reach::Connected, &mut connected.into_iter());
    add(Reach::DhcpServer, &mut servers.into_iter());
    Ok(Facts {
        own: addresses.iter().map(|own| own.address).collect(),
        broadcasts: addresses.iter().flat_map(broadcasts).collect(),
        next_hops: next_hops.difference(&gateways).copied().collect(),
        gateways: gateways.into_iter().collect(),
        networks,
        ..Facts::default()
    })
}

impl Routes {
    fn add(&mut self, route: &Route<'_>) {
        if !route.is_unicast() {
            return;
        }
        for gateway in route.hops().filter_map(|hop| hop.gateway) {
            if route.is_default() {
                self.gateways.insert(gateway);
            } else if gateway.is_ipv6() {
                self.next_hops.insert(gateway);
            }
        }
        if route.is_default() {
            self.objects.extend(route.object());
            return;
        }
        // A single host is no network.
        let Some(network) = route.destination().filter(|&network| is_network(network)) else {
            return;
        };
        let interface = route.hops().find_map(|hop| hop.interface).unwrap_or_default();
        if route.is_on_link() {
            self.connected.insert((network, interface));
        } else if self.routed.len() < ROUTED && is_private(network) {
            self.routed.insert((network, interface));
        }
    }

    /// Takes over the gateways of nexthop objects. Those of IPv6 are next hops whether a route names them
    /// or not: a route is added without another notification.
    fn resolve(&mut self, objects: &[NextHop]) {
        let groups = objects.iter().filter(|object| self.objects.contains(&object.id));
        let members: Vec<u32> = groups.flat_map(|object| object.group.clone()).collect();
        self.objects.extend(members);
        for object in objects {
            match object.hop.gateway {
                Some(gateway) if self.objects.contains(&object.id) => {
                    self.gateways.insert(gateway);
                }
                Some(gateway) if gateway.is_ipv6() => {
                    self.next_hops.insert(gateway);
                }
                _ => {}
            }
        }
    }
}

/// Whether these are the addresses of several hosts, of which the host uses some.
fn is_network(network: IpNet) -> bool {
    let is_multicast = network.addr().is_multicast();
    network.prefix_len() < network.max_prefix_len() && network.prefix_len() > 0 && !is_multicast
}

/// The broadcast addresses of the network of an address: the one that was set, and the one that the kernel
/// takes for it.
fn broadcasts(own: &Own) -> impl Iterator<Item = IpAddr> + use<> {
    let last: Option<Ipv4Addr> = match own.network {
        // The two addresses of a /31 are hosts.
        IpNet::V4(net) if net.prefix_len() < 31 => Some(net.broadcast()),
        _ => None,
    };
    own.broadcast.into_iter().chain(last.map(IpAddr::from))
}
