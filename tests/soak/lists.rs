//! What stands in the lists: networks that come and go, and around each source of packets what
//! decides about it. Says of each source whether all versions of a list drop it, or none does.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kit::random::Random;

/// The first block of the lists. Addresses are counted in blocks, alike in both families: /24 from
/// 20.0.0.0 on and /48 from 2001:14:: on.
const FIRST: u32 = 0x14_0000;

/// The blocks that belong to one plot; its sources are in their middle.
const PLOT: u32 = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

impl Family {
    pub const ALL: [Family; 2] = [Family::V4, Family::V6];

    /// How many networks come and go.
    const fn crowd(self) -> u32 {
        match self {
            Family::V4 => 16_000,
            Family::V6 => 4_000,
        }
    }

    /// An address so far from the first one of a block.
    fn address(self, block: u32, offset: i32) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::from_bits((block << 8).wrapping_add_signed(offset)).into(),
            Family::V6 => {
                let first = 0x2001 << 112 | u128::from(block) << 80;
                Ipv6Addr::from_bits(first.wrapping_add_signed(offset.into())).into()
            }
        }
    }

    /// A block as an entry.
    fn network(self, block: u32) -> String {
        let length = match self {
            Family::V4 => 24,
            Family::V6 => 48,
        };
        format!("{}/{length}\n", self.address(block, 0))
    }

    /// The block in the middle of a plot. The plots are behind the networks that come and go.
    fn middle(self, plot: Plot) -> u32 {
        FIRST + 4 * self.crowd() + PLOT * (plot as u32 + 1)
    }
}

/// What a list has, in all of its versions, about a source of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// An entry: its packets must be dropped.
    Listed,
    /// No entry: its packets must pass.
    Unlisted,
    /// An entry, and it is the host's gateway: its packets must pass.
    Protected,
}

impl Class {
    pub const ALL: [Class; 3] = [Class::Listed, Class::Unlisted, Class::Protected];
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Listed => "listed",
            Class::Unlisted => "unlisted",
            Class::Protected => "protected",
        })
    }
}

/// A place with sources, and entries around them that have two phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// Addresses of a network that is always listed.
    Network,
    /// A host that is always listed, beside others that are not.
    Host,
    /// An address of a network that is part of a longer range at times.
    Stretching,
    /// The gateway, in a network that is always listed, and its neighbours.
    Gateway,
    /// A network far from all that is listed.
    Far,
    /// An address between two that are listed.
    BetweenHosts,
    /// A network between two that are listed.
    BetweenNetworks,
}

impl Plot {
    pub const ALL: [Plot; 7] = [
        Plot::Network,
        Plot::Host,
        Plot::Stretching,
        Plot::Gateway,
        Plot::Far,
        Plot::BetweenHosts,
        Plot::BetweenNetworks,
    ];

    /// Those whose two phases differ in no range that has a source in it or right beside it.
    pub const STEADY: [Plot; 3] = [Plot::Network, Plot::Host, Plot::Far];

    fn sources(self, family: Family) -> Vec<(Class, IpAddr)> {
        let middle = self.middle(family);
        // Of networks the first and the last address, where a mistake by one shows.
        let ends = |class| {
            vec![(class, family.address(middle, 0)), (class, family.address(middle + 1, -1))]
        };
        let at = |class, offset| (class, family.address(middle, offset));
        match self {
            Plot::Network => ends(Class::Listed),
            Plot::Host | Plot::Stretching => vec![at(Class::Listed, 7)],
            Plot::Gateway => {
                vec![at(Class::Listed, 6), at(Class::Protected, 7), at(Class::Listed, 8)]
            }
            Plot::Far | Plot::BetweenNetworks => ends(Class::Unlisted),
            Plot::BetweenHosts => vec![at(Class::Unlisted, 7)],
        }
    }

    /// What decides about the sources, in either phase.
    fn entries(self, family: Family, second: bool) -> String {
        let middle = self.middle(family);
        let host = |offset| format!("{}\n", family.address(middle, offset));
        let range = |first, last| {
            format!("{}-{}\n", family.address(middle, first), family.address(middle, last))
        };
        let networks = |from: &[i32]| -> String {
            from.iter().map(|&away| family.network(middle.wrapping_add_signed(away))).collect()
        };
        match (self, second) {
            (Plot::Network, _) | (Plot::Stretching | Plot::Gateway, false) => networks(&[0]),
            (Plot::Stretching | Plot::Gateway, true) => networks(&[-1, 0, 1]),
            (Plot::Host, false) => host(5) + &host(7),
            (Plot::Host, true) => host(7) + &host(9),
            (Plot::Far, _) => String::new(),
            (Plot::BetweenHosts, false) => host(6) + &host(8),
            (Plot::BetweenHosts, true) => range(0, 6) + &range(8, 200),
            (Plot::BetweenNetworks, false) => networks(&[-1, 1]),
            (Plot::BetweenNetworks, true) => networks(&[-2, -1, 1, 2]),
        }
    }

    fn middle(self, family: Family) -> u32 {
        family.middle(self)
    }
}

/// A source of packets.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    pub plot: Plot,
    pub class: Class,
    pub source: IpAddr,
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {:?})", self.source, self.class, self.plot)
    }
}

/// The sources of some plots.
pub fn probes(plots: &[Plot]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for &plot in plots {
        for family in Family::ALL {
            let sources = plot.sources(family).into_iter();
            probes.extend(sources.map(|(class, source)| Probe { plot, class, source }));
        }
    }
    probes
}

/// The addresses of the hosts' gateways: IPv4, then IPv6.
pub fn gateways() -> [IpAddr; 2] {
    Family::ALL.map(|family| family.address(family.middle(Plot::Gateway), 7))
}

/// How many networks a list has, besides those of the plots.
pub const NETWORKS: u32 = Family::V4.crowd() + Family::V6.crowd();

/// A list that changes all the time.
pub struct Versions {
    /// Of each network that comes and goes, whether it is at the second of its two places.
    moved: Vec<bool>,
    /// Of each plot of each family, whether it is in its second phase.
    second: Vec<bool>,
}

impl Versions {
    pub fn new(random: &mut Random) -> Self {
        Versions {
            moved: (0..NETWORKS).map(|_| random.yes_or_no()).collect(),
            second: vec![false; Family::ALL.len() * Plot::ALL.len()],
        }
    }

    /// Moves a few networks, one at least.
    pub fn change_a_few(&mut self, random: &mut Random) {
        let few = 1 + random.below(40);
        let mut places: Vec<usize> = (0..few).map(|_| random.below(self.moved.len())).collect();
        places.sort_unstable();
        places.dedup();
        for place in places {
            self.moved[place] ^= true;
        }
        self.change_plots(random);
    }

    /// Moves every network.
    pub fn change_all(&mut self, random: &mut Random) {
        self.moved.iter_mut().for_each(|moved| *moved ^= true);
        self.change_plots(random);
    }

    fn change_plots(&mut self, random: &mut Random) {
        for _ in 0..3 {
            let place = random.below(self.second.len());
            self.second[place] ^= true;
        }
    }

    /// The list as it is now.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut moved = self.moved.iter();
        for family in Family::ALL {
            // The two places of a network are two blocks apart, lest it be beside another.
            for (number, &moved) in (0..family.crowd()).zip(moved.by_ref()) {
                text += &family.network(FIRST + 4 * number + 2 * u32::from(moved));
            }
        }
        let plots = Family::ALL.into_iter().flat_map(|family| Plot::ALL.map(|plot| (family, plot)));
        for ((family, plot), &second) in plots.zip(&self.second) {
            text += &plot.entries(family, second);
        }
        text
    }

    /// A network of IPv4 that the list has now.
    pub fn network(&self) -> String {
        Family::V4.network(FIRST + 2 * u32::from(self.moved[0])).trim_end().to_string()
    }
}

/// Entries of both families that expire, `count` of each, where no others are.
pub fn expiring(count: u32, end: u64) -> String {
    let mut text = String::new();
    for family in Family::ALL {
        let first = family.middle(Plot::BetweenNetworks) + PLOT;
        for number in 0..count {
            text += &format!("{} until {end}\n", family.address(first + 2 * number, 0));
        }
    }
    text
}
